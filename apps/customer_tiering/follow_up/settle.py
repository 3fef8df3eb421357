"""Closes follow-ups that have settled themselves: the customer ordered, wrote, or an opportunity was closed."""

from datetime import date

import frappe
from frappe import _

from customer_tiering.follow_up.keys import CALLS
from customer_tiering.follow_up.reasons import OPPORTUNITY_CLOSED, ORDERED, WROTE
from customer_tiering.follow_up.waiting import HANDED_OUT, WAITING, withdraw
from customer_tiering.tiering.lock import ends_the_job
from customer_tiering.tiering.orders import orders_from_settings

SETTLED = "Settled"

# Follow-ups that are waiting or whose ToDo is open, of rules that say so, and calls of sequences that are left for it. `begun` is when
# it came up.
UNDONE = f"""
	SELECT waiting.name, NULL AS todo, waiting.customer, waiting.since, waiting.ended_opportunity,
		waiting.creation AS begun, NULL AS exit_reason
	FROM `tabFollow Up` waiting
	JOIN `tabFollow Up Rule` rule ON rule.name = waiting.rule AND rule.{{switch}} = 1
	WHERE waiting.status = 'Waiting'
	UNION ALL
	SELECT follow_up.name, follow_up.todo, follow_up.customer, follow_up.since, follow_up.ended_opportunity,
		todo.creation, NULL
	FROM `tabToDo` todo
	JOIN `tabFollow Up` follow_up ON follow_up.todo = todo.name AND follow_up.status = 'Handed Out'
	JOIN `tabFollow Up Rule` rule ON rule.name = follow_up.rule AND rule.{{switch}} = 1
	WHERE todo.status = 'Open'
	UNION ALL
	SELECT follow_up.name, follow_up.todo, follow_up.customer,
		COALESCE(enrollment.last_order_date + INTERVAL 1 DAY, DATE '0001-01-01'), NULL, todo.creation, enrollment.exit_reason
	FROM {CALLS}
	JOIN `tabFollow Up` follow_up ON follow_up.todo = todo.name AND follow_up.status = 'Handed Out'
	JOIN `tabOutreach Sequence` sequence ON sequence.name = enrollment.sequence AND {{of_sequence}}
	WHERE todo.status = 'Open'
"""
# An opportunity that ended, and that nobody has opened again.
ENDINGS = ("Closed", "Lost", "Converted")
ENDED = f"""
	SELECT undone.name, undone.todo FROM undone
	JOIN `tabOpportunity` opportunity ON opportunity.name = undone.ended_opportunity
	WHERE opportunity.status IN {ENDINGS}
"""
# A mail from the customer, a contact, or about an opportunity.
WRITTEN = """
	, party AS (
		SELECT DISTINCT 'Customer' AS doctype, customer AS name, customer FROM undone
		UNION
		SELECT 'Contact', link.parent, link.link_name FROM `tabDynamic Link` link
		WHERE link.parenttype = 'Contact' AND link.link_doctype = 'Customer' AND link.link_name IN (SELECT customer FROM undone)
		UNION
		SELECT 'Opportunity', name, party_name FROM `tabOpportunity`
		WHERE opportunity_from = 'Customer' AND party_name IN (SELECT customer FROM undone)
	)
	SELECT undone.name, undone.todo FROM undone WHERE undone.exit_reason = 'Replied'
	UNION
	SELECT undone.name, undone.todo FROM undone
	JOIN party ON party.customer = undone.customer
	JOIN `tabCommunication` mail
		ON mail.reference_doctype = party.doctype AND mail.reference_name = party.name
	WHERE mail.communication_type = 'Communication' AND mail.sent_or_received = 'Received'
		AND COALESCE(mail.is_automatic_answer, 0) = 0 AND mail.communication_date > undone.begun
	UNION
	SELECT undone.name, undone.todo FROM undone
	JOIN party ON party.customer = undone.customer
	JOIN `tabCommunication Link` link ON link.link_doctype = party.doctype AND link.link_name = party.name
	JOIN `tabCommunication` mail ON mail.name = link.parent
	WHERE mail.communication_type = 'Communication' AND mail.sent_or_received = 'Received'
		AND COALESCE(mail.is_automatic_answer, 0) = 0 AND mail.communication_date > undone.begun
"""


def settle(day: date) -> int:
	"""Close the ToDos, and take back what is waiting; returns how many. Commits one by one."""
	return sum(
		_settled(name, todo, reason)
		for switch, of_sequence, query, reason in (
			("close_on_order", "sequence.exit_on_order = 1", _ordered(), ORDERED),
			("close_on_reply", "sequence.exit_on_reply = 1", WRITTEN, WROTE),
			("close_on_opportunity", "FALSE", ENDED, OPPORTUNITY_CLOSED),
		)
		for undone in [UNDONE.format(switch=switch, of_sequence=of_sequence)]
		for name, todo in frappe.db.sql(f"WITH undone AS ({undone}) {query}", {"as_of": day})
	)


def on_opportunity_changed(opportunity: "frappe.Document", method: str | None = None) -> None:
	"""Note an end with what is to be done about the customer now: an opportunity doesn't say when it ended."""
	ended = opportunity.status in ENDINGS and opportunity.has_value_changed("status")
	if ended and opportunity.opportunity_from == "Customer":
		undone = {"customer": opportunity.party_name, "status": ("in", (WAITING, HANDED_OUT))}
		frappe.db.set_value("Follow Up", undone, "ended_opportunity", opportunity.name, update_modified=False)


def _ordered() -> str:
	"""An order, of whatever company, from the day on from which orders count."""
	orders = orders_from_settings()
	return f"""
		SELECT undone.name, undone.todo FROM undone WHERE undone.exit_reason = 'Ordered' OR EXISTS (
			SELECT 1 FROM {orders.table} document
			WHERE {orders.counts} AND {orders.is_order_by_itself} AND document.customer = undone.customer
				AND {orders.day} >= undone.since AND {orders.day} <= %(as_of)s)
	"""


def _settled(name: str, todo: str | None, reason: str) -> bool:
	"""One that can't be saved is logged, so that the others don't wait for it for ever."""
	try:
		if todo:
			_close(todo, reason)
		else:
			withdraw([name], reason)
		frappe.db.commit()
	except Exception as error:
		frappe.db.rollback()
		if ends_the_job(error):
			raise
		frappe.log_error(title="Follow-up not closed", reference_doctype="ToDo", reference_name=todo)
		return False
	return True


def _close(name: str, reason: str) -> None:
	todo = frappe.get_doc("ToDo", name, for_update=True)
	if todo.status == "Open":
		todo.status = "Closed"
		todo.follow_up_outcome = SETTLED
		todo.flags.settled = True
		todo.save(ignore_permissions=True)
		todo.add_comment("Info", _(reason))
