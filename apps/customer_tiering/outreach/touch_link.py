"""The signed link of a touch, behind which a page asks for something: nothing that a guesser could learn."""

import frappe
from frappe import _
from frappe.utils import get_url

from customer_tiering.outreach.signature import is_signed, sign


def link_of(page: str, purpose: str, touch: str) -> str:
	return get_url(f"/{page}/{touch}.{sign(purpose, touch)}")


def touch_behind(token: object, purpose: str) -> str | None:
	"""The touch whose link carries this token, None for a forged one or one for another purpose."""
	if not isinstance(token, str) or not token.isascii():
		return None
	touch, _dot, signature = token.partition(".")
	return touch if is_signed(signature, purpose, touch) else None


def refuse() -> None:
	"""The answer to whoever comes without a valid link."""
	frappe.respond_as_web_page(
		_("This link is not valid"),
		_("Please use the link in the newest mail, or answer the mail."),
		indicator_color="red",
		http_status_code=403,
	)
