"""The signed link of a touch, behind which a page asks for something: nothing that a guesser could learn."""

import frappe
from frappe import _
from frappe.utils import get_url

from customer_tiering.outreach.crowd import Crowd
from customer_tiering.outreach.signature import is_signed, sign

MOST_A_DAY = 10
DAY = 24 * 60 * 60
SAID_PAGE = "outreach-said"


def link_of(page: str, purpose: str, touch: str) -> str:
	return get_url(f"/{page}/{touch}.{sign(purpose, touch)}")


def touch_behind(token: object, purpose: str) -> str | None:
	"""The touch whose link carries this token, None for a forged one or one for another purpose."""
	if not isinstance(token, str) or not token.isascii():
		return None
	touch, _dot, signature = token.partition(".")
	return touch if is_signed(signature, purpose, touch) else None


def company_behind(touch: str | None) -> str:
	"""Who wrote, for the top of the page behind the link; empty if the touch is no more."""
	customer = frappe.db.get_value("Outreach Touch", touch, "customer") if touch else None
	return Crowd([customer]).company_of(customer) if customer else ""


def say(title: str, text: str, touch: str | None = None, back: str | None = None, status: int = 200) -> None:
	"""The answer to what was chosen on a page behind a link: as bare as that one. `back`: where it is chosen again."""
	frappe.respond_as_web_page(
		title,
		text,
		http_status_code=status,
		template=SAID_PAGE,
		context={"said": {"title": title, "message": text}, "company": company_behind(touch), "back": back},
	)


def comes_too_often(purpose: str, touch: str) -> bool:
	"""Whether a link is used more often within a day than anybody changes his or her mind: every use leaves records for good."""
	key = frappe.cache.make_key(f"customer_tiering_{purpose}|{touch}")
	frappe.cache.set(key, 0, ex=DAY, nx=True)
	if frappe.cache.incr(key) <= MOST_A_DAY:
		return False
	say(
		_("That was often"), _("What you said before is noted. Please come back tomorrow."), touch, status=429
	)
	return True


def refusal() -> dict[str, str]:
	"""What is said to whoever comes without a valid link."""
	return {
		"title": _("This link is not valid"),
		"message": _("Please use the link in the newest mail, or answer the mail."),
	}


def refuse() -> None:
	"""The answer of a method."""
	say(*refusal().values(), status=403)


def refuse_page(context: frappe._dict) -> None:
	"""The answer of a page, by templates/said.html."""
	context.http_status_code = 403
	context.said = refusal()
