"""Writes what was decided as ToDos: the framework's documents with all their events, some at a time."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import date

import frappe
from frappe import _
from frappe.utils import add_days, escape_html, getdate

from customer_tiering.follow_up.hand_out import IN_TURN, Decision
from customer_tiering.follow_up.holidays import DueDates
from customer_tiering.follow_up.waiting import HANDED_OUT
from customer_tiering.tiering.chunks import rows_of
from customer_tiering.tiering.readers import EVENT_FIELDS, EVENT_FIGURES
from customer_tiering.tiering.templates import fill

BATCH = 100
EVENT = (*EVENT_FIELDS, *EVENT_FIGURES)
Commit = Callable[[], None]
Progress = Callable[[int, int, str], None]


def write(decision: Decision, day: date, commit: Commit, progress: Progress) -> tuple[int, int]:
	"""Make the ToDos that were decided; how many were made, and how many of those nobody owns.

	Each batch commits together with the marks that its rows are handed out. One that can't be written is logged and
	tried again on the next day.
	"""
	made = unowned = 0
	due = DueDates(day)
	total = len(decision.to_hand_out)
	for start in range(0, total, BATCH):
		batch = decision.to_hand_out[start : start + BATCH]
		known = Known(batch)
		for row, user in batch:
			rule = decision.rules[row.rule]
			if _written(row, user, rule, known, day, due.of(rule)):
				made += 1
				unowned += not user
		commit()
		progress(start + len(batch), total, _("Handing out"))
	return made, unowned


class Known:
	"""What the texts of a batch speak of: customers, with interests and sales team, and events; and the reps' languages."""

	def __init__(self, batch: list[tuple[frappe._dict, str | None]]) -> None:
		names = {row.customer for row, _user in batch}
		self.customers = customer_values(names)
		events = rows_of(
			f"SELECT {', '.join(f'`{field}`' for field in EVENT)} FROM `tabTiering Event` WHERE name IN %(names)s",
			{row.event for row, _user in batch if row.event},
		)
		self.events = {event.name: event for event in events}
		keys = [row.follow_up_key for row, _user in batch]
		self.todos = dict(
			frappe.get_all(
				"ToDo",
				filters={"follow_up_key": ("in", keys)},
				fields=["follow_up_key", "name"],
				as_list=True,
			)
		)
		users = {user for _row, user in batch if user}
		self.languages = dict(
			frappe.get_all(
				"User", filters={"name": ("in", list(users))}, fields=["name", "language"], as_list=True
			)
		)
		self.site_language = frappe.db.get_single_value("System Settings", "language")
		self.restricted = _restricted(users)

	def event_of(self, row: frappe._dict, rule: "frappe.Document") -> dict:
		if row.event in self.events:
			return dict(self.events[row.event])
		return event_without_signal(rule, self.customers.get(row.customer, {}), row.detail, row.due_from)


def customer_values(names: Collection[str]) -> dict[str, dict]:
	"""What texts may say of customers: their columns, `interests` and `sales_team`."""
	customers = {
		row.name: {**row, "interests": [], "sales_team": []}
		for row in rows_of("SELECT * FROM `tabCustomer` WHERE name IN %(names)s", names)
	}
	for table, field in (("tabCustomer Interest", "interests"), ("tabSales Team", "sales_team")):
		rows = rows_of(
			f"SELECT * FROM `{table}` WHERE parenttype = 'Customer' AND parent IN %(names)s ORDER BY parent, idx",
			names,
		)
		for row in rows:
			customers[row.parent][field].append(dict(row))
	return customers


def event_without_signal(
	rule: "frappe.Document", customer: dict, detail: str | None, due_from: date | str
) -> dict:
	"""What stands for the event where no signal did: of a cadence, a key date (`detail` is its day), the best of the month
	(`detail` is the rank)."""
	return {
		**dict.fromkeys(EVENT),
		"customer": customer.get("name"),
		"signal": rule.trigger,
		"as_of": getdate(due_from),
		"detail": detail,
		**{field: customer.get(field) for field in ("last_order_date", *EVENT_FIGURES)},
	}


def _written(
	row: frappe._dict, user: str | None, rule: "frappe.Document", known: Known, day: date, due: date
) -> bool:
	frappe.db.savepoint("follow_up")
	try:
		todo = known.todos.get(row.follow_up_key) or _insert(row, user, rule, known, due)
	except (frappe.QueryDeadlockError, frappe.QueryTimeoutError):
		raise  # the batch is undone and decided again the next time
	except Exception as error:
		frappe.db.rollback(save_point="follow_up")
		frappe.log_error(
			title=f"Follow Up Rule {rule.name}"[:140],
			reference_doctype="Customer",
			reference_name=row.customer,
		)
		_mark(row, {"due_from": add_days(day, 1), "reason": frappe.utils.strip_html(str(error))[:500]})
		return False
	_mark(
		row,
		{"status": HANDED_OUT, "user": user, "handed_out_on": day, "todo": todo, "reason": None, "told": 0},
	)
	if rule.assign_to == IN_TURN:
		rule.db_set("last_user", user, update_modified=False)
	return row.follow_up_key not in known.todos


def _mark(row: frappe._dict, values: dict) -> None:
	frappe.db.sql(
		f"UPDATE `tabFollow Up` SET {', '.join(f'{field} = %({field})s' for field in values)} WHERE name = %(name)s",
		{**values, "name": row.name},
	)


def _insert(row: frappe._dict, user: str | None, rule: "frappe.Document", known: Known, due: date) -> str:
	customer = known.customers[row.customer]
	with language_of(known.languages.get(user) or known.site_language):
		description = text_of(rule, customer, known.event_of(row, rule))
	todo = frappe.get_doc(
		doctype="ToDo",
		status="Open",
		allocated_to=user,
		assigned_by=frappe.session.user,
		description=description,
		reference_type="Customer",
		reference_name=row.customer,
		priority=rule.priority,
		date=due,
		follow_up_rule=rule.name,
		follow_up_key=row.follow_up_key,
	)
	todo.insert(ignore_permissions=True)
	if user in known.restricted:
		_let_see(user, row.customer)
	return todo.name


def _restricted(users: Collection[str]) -> set[str]:
	"""Those who can't see just any customer."""
	from frappe.permissions import get_user_permissions

	return {
		user
		for user in users
		if get_user_permissions(user) or not frappe.has_permission("Customer", "read", user=user)
	}


def _let_see(user: str, customer: str) -> None:
	"""As when somebody assigns by hand: who is to follow up may read the customer."""
	if frappe.has_permission("Customer", "read", doc=customer, user=user):
		return
	if frappe.get_system_settings("disable_document_sharing"):
		return
	frappe.share.add_docshare("Customer", customer, user, flags={"ignore_share_permission": True})


@contextmanager
def language_of(language: str | None) -> Iterator[None]:
	"""Jobs run in the bench's language; who gets the ToDo reads it in his or her own, else in the site's."""
	before = frappe.local.lang
	frappe.local.lang = language or before
	try:
		yield
	finally:
		frappe.local.lang = before


def text_of(rule: "frappe.Document", customer: dict, event: dict) -> str:
	"""The rule's text; one that fails for this customer still makes a ToDo, which says why it has no text."""
	try:
		return fill(rule.description, {"customer": customer, "event": event})
	except Exception as error:
		problem = _("The text of the rule {0} could not be filled in: {1}").format(rule.name, str(error))
		return f"<p>{escape_html(customer['customer_name'])}: {escape_html(problem)}</p>"
