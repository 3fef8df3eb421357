"""The way out of our mails: a signed link that doesn't expire, a page to confirm, and nothing a guesser could learn."""

import frappe
from frappe import _

from customer_tiering.outreach.consent import note_withdrawal
from customer_tiering.outreach.exits import leave_if_due
from customer_tiering.outreach.suppress import suppress
from customer_tiering.outreach.touch_link import link_of, refuse, touch_behind

# Short: with what follows it must fit into one line of a mail's header.
PAGE = "leave"
PURPOSE = "unsubscribe"
SEQUENCE, ALL, TRACKING = "sequence", "all", "tracking"


def unsubscribe_url(touch: str) -> str:
	return link_of(PAGE, PURPOSE, touch)


def touch_of(token: object) -> str | None:
	"""The touch whose link carries this token, None for a forged one."""
	return touch_behind(token, PURPOSE)


@frappe.whitelist(allow_guest=True, methods=["POST"])
def unsubscribe(t: object = None, scope: object = ALL) -> None:
	"""Stop our mails to the address that the link was sent to: all, or those of its sequence. Or go on, but track them no more.

	Answers the same whatever it finds behind a valid link.
	"""
	touch = touch_of(t)
	if not touch:
		refuse()
		return
	if scope == TRACKING:
		refuse_tracking(touch)
		frappe.respond_as_web_page(
			_("Done"),
			_("We will not see any more whether you open our mails or follow their links."),
			indicator_color="green",
		)
		return
	leave(touch, SEQUENCE if scope == SEQUENCE else ALL)
	frappe.respond_as_web_page(
		_("Done"),
		_("You will get no more such mails. Your orders and invoices are not affected."),
		indicator_color="green",
	)


def leave(touch: str, scope: str) -> None:
	row = frappe.db.get_value("Outreach Touch", touch, ["address", "customer", "sequence"], as_dict=True)
	if row and row.address:
		frappe.db.set_value("Outreach Touch", touch, "unsubscribed", 1, update_modified=False)
		suppress(
			row.address,
			"Link in a mail",
			customer=row.customer,
			sequence=row.sequence if scope == SEQUENCE else None,
		)
		if scope == ALL:
			note_withdrawal(row.customer, row.address, "Preference Page")
		leave_if_due(row.customer)


def refuse_tracking(touch: str) -> None:
	customer = frappe.db.get_value("Outreach Touch", touch, "customer")
	if customer:  # who has the form open is told that it was changed
		frappe.db.set_value("Customer", customer, "mail_tracking", "Refused")
