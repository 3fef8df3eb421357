"""Writes what was decided as ToDos, some at a time.

Each is inserted as a document: all events of ToDo run, those of other apps too. What is most of the cost of the framework's
own way is done once for a batch: links are known to exist and aren't looked up again, the customers' assignments and the work
list of runs are brought up to date together, the comments "assigned" on the timelines are written without events of Comment,
and reps are told in one notice (`digest`).
"""

import json
from collections import Counter
from collections.abc import Callable, Collection
from datetime import date
from html import unescape
from typing import NamedTuple

import frappe
from frappe import _
from frappe.utils import add_days, escape_html, get_fullname, getdate, sanitize_html, strip_html

from customer_tiering.follow_up.assignees import IN_TURN
from customer_tiering.follow_up.hand_out import Decision
from customer_tiering.follow_up.holidays import DueDates
from customer_tiering.follow_up.keys import key_date_of
from customer_tiering.follow_up.reasons import EMPTY_TEXT
from customer_tiering.follow_up.sharing import let_see
from customer_tiering.follow_up.waiting import HANDED_OUT
from customer_tiering.tiering import queue
from customer_tiering.tiering.chunks import rows_of
from customer_tiering.tiering.language import language_of
from customer_tiering.tiering.lock import ends_the_job
from customer_tiering.tiering.readers import EVENT_FIELDS, EVENT_FIGURES
from customer_tiering.tiering.templates import fill

BATCH = 100
EVENT = (*EVENT_FIELDS, *EVENT_FIGURES)
Commit = Callable[[], None]
Progress = Callable[[int, int, str], None]


class EmptyText(Exception):
	"""A text that comes to nothing for a customer: there would be nothing to do."""


class Comment(NamedTuple):
	"""What the framework says on the timeline of a document that is assigned."""

	customer: str
	kind: str
	text: str


def write(decision: Decision, day: date, commit: Commit, progress: Progress) -> tuple[int, int]:
	"""Make the ToDos that were decided; how many were made, and how many of those nobody owns.

	Each batch commits together with the marks that its rows are handed out. One that can't be written is logged and
	tried again on the next day. Notes in the decision of which rules the text failed.
	"""
	made = unowned = 0
	due = DueDates(day)
	total = len(decision.to_hand_out)
	for start in range(0, total, BATCH):
		batch = decision.to_hand_out[start : start + BATCH]
		known = Known(batch)
		done = Done()
		for row, user in batch:
			rule = decision.rules[row.rule]
			if _written(row, user, rule, known, day, due.of(rule), done):
				made += 1
				unowned += not user
		done.write(day)
		decision.failed_texts.update(done.failed_texts)
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
			return with_days(self.events[row.event])
		return event_without_signal(rule, self.customers.get(row.customer, {}), row.detail, row.due_from)


def customer_values(names: Collection[str]) -> dict[str, dict]:
	"""What texts may say of customers: their columns, `interests` and `sales_team`. Texts escape the name themselves, where the
	framework stores some escaped ("A & <b>" of a form as "A &amp; <b></b>")."""
	customers = {
		row.name: {
			**row,
			"customer_name": unescape(row.customer_name or ""),
			"interests": [],
			"sales_team": [],
		}
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
	return with_days(
		{
			**dict.fromkeys(EVENT),
			"customer": customer.get("name"),
			"signal": rule.trigger,
			"as_of": getdate(due_from),
			"detail": detail,
			**{field: customer.get(field) for field in ("last_order_date", *EVENT_FIGURES)},
		}
	)


def with_days(event: dict) -> dict:
	"""The event with `days_since_order`, whole days from the last order until it; None without an order."""
	last = event["last_order_date"]
	return {**event, "days_since_order": (event["as_of"] - last).days if last else None}


def _written(
	row: frappe._dict,
	user: str | None,
	rule: "frappe.Document",
	known: Known,
	day: date,
	due: date,
	done: "Done",
) -> bool:
	frappe.db.savepoint("follow_up")
	try:
		todo = known.todos.get(row.follow_up_key) or _insert(row, user, rule, known, due, done)
	except (frappe.QueryDeadlockError, frappe.QueryTimeoutError):
		raise  # the batch is undone and decided again the next time
	except EmptyText:
		done.failed_texts[rule.name] += 1
		_mark(row, {"due_from": add_days(day, 1), "reason": EMPTY_TEXT, "user": user})
		return False
	except Exception as error:
		if ends_the_job(error):
			raise
		frappe.db.rollback(save_point="follow_up")
		frappe.log_error(
			title=f"Follow Up Rule {rule.name}"[:140],
			reference_doctype="Customer",
			reference_name=row.customer,
		)
		_mark(row, {"due_from": add_days(day, 1), "reason": strip_html(str(error))[:500], "user": user})
		return False
	done.rows.append((row, user, todo))
	if rule.assign_to == IN_TURN:
		rule.db_set("last_user", user, update_modified=False)
	return row.follow_up_key not in known.todos


def _mark(row: frappe._dict, values: dict) -> None:
	frappe.db.sql(
		f"UPDATE `tabFollow Up` SET {', '.join(f'{field} = %({field})s' for field in values)} WHERE name = %(name)s",
		{**values, "name": row.name},
	)


def _insert(
	row: frappe._dict,
	user: str | None,
	rule: "frappe.Document",
	known: Known,
	due: date,
	done: "Done",
) -> str:
	customer = known.customers[row.customer]
	with language_of(known.languages.get(user) or known.site_language):
		description = text_of(rule, customer, known.event_of(row, rule), done)
	if not strip_html(description).strip() and "<img" not in description:
		raise EmptyText
	todo = frappe.get_doc(
		doctype="ToDo",
		status="Open",
		allocated_to=user,
		assigned_by=frappe.session.user,
		assigned_by_full_name=get_fullname(frappe.session.user),
		description=description,
		reference_type="Customer",
		reference_name=row.customer,
		priority=rule.priority,
		date=min(filter(None, (due, key_date_of(row.follow_up_key, row.detail)))),
		follow_up_rule=rule.name,
		follow_up_key=row.follow_up_key,
	)
	said: list[Comment] = []
	todo.add_assign_comment = lambda text, comment_type: said.append(
		Comment(row.customer, comment_type, text)
	)
	todo.update_in_reference = lambda: None
	# the first one of a batch is looked up: so the framework learns that there are ToDos about customers
	todo.flags.update(ignore_links=bool(done.rows), queued_together=True)
	todo.insert(ignore_permissions=True)
	if user:  # else the framework says that somebody assigned it to himself or herself
		done.comments.extend(said)
	if user in known.restricted:
		let_see(user, row.customer, row.follow_up_key)
	return todo.name


class Done:
	"""What a batch has made, and what is left to do for all of it at once."""

	def __init__(self) -> None:
		self.rows: list[tuple[frappe._dict, str | None, str]] = []  # with user and ToDo
		self.comments: list[Comment] = []
		self.failed_texts: Counter[str] = Counter()  # by rule: for how many customers

	def write(self, day: date) -> None:
		if not self.rows:
			return
		customers = {row.customer for row, _user, _todo in self.rows}
		self._mark(day)
		self._insert_comments()
		update_assignments(customers)
		queue.add(customers, queue.OTHER)

	def _mark(self, day: date) -> None:
		values = [(row.name, HANDED_OUT, user, day, todo, None, 0) for row, user, todo in self.rows]
		columns = ("status", "user", "handed_out_on", "todo", "reason", "told")
		frappe.db.sql(
			f"""INSERT INTO `tabFollow Up` (name, {", ".join(columns)}) VALUES {", ".join(["%s"] * len(values))}
			ON DUPLICATE KEY UPDATE {", ".join(f"{column} = VALUES({column})" for column in columns)}""",
			values,
		)

	def _insert_comments(self) -> None:
		now, user = frappe.utils.now(), frappe.session.user
		common = {
			"creation": now,
			"modified": now,
			"owner": user,
			"modified_by": user,
			"reference_doctype": "Customer",
			"comment_email": user,
		}
		rows = [
			(
				*(frappe.generate_hash(length=10), comment.kind, comment.customer),
				*(sanitize_html(f"<div>{comment.text}</div>"), *common.values()),
			)
			for comment in self.comments
		]
		if rows:
			frappe.db.bulk_insert(
				"Comment", ("name", "comment_type", "reference_name", "content", *common), rows
			)


def update_assignments(customers: Collection[str]) -> None:
	"""As ToDo.update_in_reference does for one document: who has an open ToDo on the customer."""
	assigned: dict[str, list[str]] = {name: [] for name in customers}
	for row in rows_of(
		"""SELECT reference_name, allocated_to FROM `tabToDo` WHERE reference_type = 'Customer'
			AND reference_name IN %(names)s AND status NOT IN ('Cancelled', 'Closed')
			AND COALESCE(allocated_to, '') != '' ORDER BY creation, name""",
		customers,
	):
		assigned[row.reference_name].append(row.allocated_to)
	cases = [(name, json.dumps(users) if users else "") for name, users in sorted(assigned.items())]
	frappe.db.sql(
		f"""UPDATE `tabCustomer` SET _assign = CASE name {" ".join(["WHEN %s THEN %s"] * len(cases))} ELSE _assign END
		WHERE name IN %s""",
		[*(value for case in cases for value in case), [name for name, _users in cases]],
	)


def _restricted(users: Collection[str]) -> set[str]:
	"""Those who can't see just any customer."""
	from frappe.permissions import get_user_permissions

	return {
		user
		for user in users
		if get_user_permissions(user) or not frappe.has_permission("Customer", "read", user=user)
	}


def text_of(rule: "frappe.Document", customer: dict, event: dict, done: Done) -> str:
	"""The rule's text; one that fails for this customer still makes a ToDo, which says why it has no text."""
	try:
		return fill(rule.description, {"customer": customer, "event": event})
	except Exception as error:
		done.failed_texts[rule.name] += 1
		problem = _("The text of the rule {0} could not be filled in: {1}").format(rule.name, str(error))
		return f"<p>{escape_html(customer['customer_name'])}: {escape_html(problem)}</p>"
