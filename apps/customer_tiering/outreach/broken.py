"""What to do when a sequence, or one message, can't be done: it stops no other, and managers are told."""

import frappe
from frappe import _
from frappe.utils import add_to_date, now_datetime, strip_html

from customer_tiering.tiering.permissions import MANAGERS

LONGEST_REASON = 1000

# Kinds of errors that the next attempt may not meet again: of the database, its locks, Redis, the machine, a job's time limit. Drivers
# differ, their names don't.
PASSING = {
	"OperationalError",
	"InterfaceError",
	"QueryDeadlockError",
	"QueryTimeoutError",
	"RedisError",
	"OSError",
	"MemoryError",
	"BaseTimeoutException",
}


def is_passing(error: Exception) -> bool:
	"""Whether it is worth trying the same again later."""
	return not PASSING.isdisjoint(kind.__name__ for kind in type(error).__mro__)


def reason_of(error: Exception) -> str:
	"""For a touch: what went wrong, short and without markup; what kind of error where nobody foresaw it."""
	said = strip_html(str(error))
	foreseen = isinstance(error, frappe.ValidationError) or not type(error).__module__.startswith(
		("builtins", "pymysql", "MySQLdb")
	)
	kind = type(error).__name__
	return (said if foreseen and said else f"{kind}: {said}" if said else kind)[:LONGEST_REASON]


def report(sequence: str, error: Exception) -> None:
	"""That the sequence can't be done: in the error log, and in the managers' notifications, once a day. The caller commits."""
	since = add_to_date(now_datetime(), days=-1)
	told = {"document_type": "Outreach Sequence", "document_name": sequence, "creation": (">", since)}
	if frappe.db.exists("Notification Log", told):
		return
	where = {"reference_doctype": "Outreach Sequence", "reference_name": sequence}
	frappe.log_error(title="Outreach sequence broken", **where)
	why = _("The sequence {0} can't go on: {1}").format(frappe.bold(sequence), reason_of(error))
	tell_managers(why, "Outreach Sequence", sequence)


def tell_managers(subject: str, doctype: str, name: str) -> None:
	"""In their notifications."""
	holders = frappe.get_all("Has Role", {"role": ("in", MANAGERS), "parenttype": "User"}, pluck="parent")
	for user in frappe.get_all("User", {"enabled": 1, "name": ("in", holders)}, pluck="name"):
		values = {"for_user": user, "from_user": "Administrator", "type": "Alert", "subject": subject}
		where = {"document_type": doctype, "document_name": name}
		frappe.get_doc({"doctype": "Notification Log", **values, **where}).insert(ignore_permissions=True)
