"""What the Desk calls. Every function checks permission first."""

import json

import frappe
from frappe import _
from frappe.utils import (
	add_days,
	cint,
	escape_html,
	flt,
	format_date,
	get_datetime,
	get_fullname,
	getdate,
	now_datetime,
)

from customer_tiering.follow_up import example
from customer_tiering.follow_up import hand_over as handing_over
from customer_tiering.follow_up.assignees import IN_TURN, first_choice
from customer_tiering.follow_up.escalate import who_was_told
from customer_tiering.follow_up.keys import ESCALATED
from customer_tiering.follow_up.lock import alone
from customer_tiering.follow_up.outcome import CLOSED_ON, IS_OWN, NOT_REACHED, OUTCOMES
from customer_tiering.tiering.audience import customers_in
from customer_tiering.tiering.capacity import NO_LIMIT, Capacity
from customer_tiering.tiering.owner import Owners
from customer_tiering.tiering.permissions import MANAGERS, follow_up_query

SHOWN = 200
MOST_BADGES = 500
ASKED_FOR_DAYS = 7  # after a follow-up was closed without an outcome

MINE = f"""
	SELECT todo.name, todo.status, todo.description, todo.date, todo.priority, todo.follow_up_rule AS rule,
		todo.reference_name AS customer, todo.follow_up_tries AS tries, told.allocated_to AS escalated_to
	FROM `tabToDo` todo
	LEFT JOIN `tabCustomer` customer ON customer.name = todo.reference_name
	LEFT JOIN `tabCustomer Tier` tier ON tier.name = customer.customer_tier
	LEFT JOIN `tabToDo` told ON told.follow_up_key = CONCAT(todo.follow_up_key, %(escalated)s) AND told.status = 'Open'
	WHERE todo.allocated_to = %(user)s AND COALESCE(todo.follow_up_key, '') != ''
		AND (todo.status = 'Open' OR (todo.status = 'Closed' AND COALESCE(todo.follow_up_outcome, '') = ''
			AND todo.modified >= %(since)s AND {CLOSED_ON} >= %(since)s))
		AND todo.reference_type = 'Customer'
	ORDER BY (todo.status = 'Open'), (todo.date > %(today)s), (todo.date < %(today)s) DESC, COALESCE(tier.entry_value, -1) DESC, COALESCE(customer.annual_value, 0) DESC,
		todo.date, todo.name
	LIMIT %(shown)s
"""


@frappe.whitelist()
def my_follow_ups() -> dict:
	"""The session's user's open follow-ups, those due first, of these the overdue ones, of these the best customers: {"rows", "currency",
	"months" (of which the money is), "today"}. Before them what was closed lately, elsewhere on the Desk, without an outcome.

	A row has what the ToDo says; of a customer that the user may not see no more than the name.
	"""
	_only_for_the_desk()
	today = getdate()
	values = {
		"user": frappe.session.user,
		"today": today,
		"since": add_days(today, -ASKED_FOR_DAYS),
		"escalated": ESCALATED,
		"shown": SHOWN,
	}
	rows = frappe.db.sql(MINE, values, as_dict=True)
	about = _about({row.customer for row in rows})
	for row in rows:
		row.update(about.get(row.customer, {}))
		row.escalated_to = row.escalated_to and get_fullname(row.escalated_to)
	return {"rows": rows, "currency": _currency(), "months": _months(), "today": str(today)}


def _only_for_the_desk() -> None:
	"""Rules assign to users of whatever role."""
	if frappe.session.user not in Owners([]).enabled:
		raise frappe.PermissionError


@frappe.whitelist()
def badges(todos: str) -> dict[str, dict]:
	"""Tier, colour and money at stake of the customers that these ToDos (a JSON list of names) are about.

	Only of ToDos and customers that the user may see.
	"""
	names = _names(todos)
	filters = {"name": ("in", names), "reference_type": "Customer"}
	visible = frappe.get_list(
		"ToDo",
		filters=filters,
		fields=["name", "reference_name", "follow_up_key", "status", "follow_up_outcome"],
		limit=MOST_BADGES,
	)
	about = _about({todo.reference_name for todo in visible})
	return {
		todo.name: {
			**about[todo.reference_name],
			"lacks_outcome": bool(todo.follow_up_key) and _lacks_outcome(todo),
			"is_follow_up": bool(todo.follow_up_key) and (todo.status == "Open" or _lacks_outcome(todo)),
			"currency": _currency(),
			"months": _months(),
		}
		for todo in visible
		if todo.reference_name in about
	}


@frappe.whitelist(methods=["POST"])
def close(
	todo: str,
	outcome: str,
	reason: str | None = None,
	note: str | None = None,
	tries: int | str | None = None,
) -> dict:
	"""Say what came of a follow-up; for whoever may write the ToDo. Returns {"name", "status", "date", "was_due", "tries", "told"}.

	`told`: the manager who is told of tries in vain. One that was closed without an outcome gets it now, as if it had been open.
	`reason`: why the customer is lost. `tries`: how many there were when the button was shown, so that a second tap is
	none. The same outcome a second time changes nothing. Raises PermissionError for others, ValidationError for an outcome
	that isn't one, a ToDo that is closed otherwise.
	"""
	doc = frappe.get_doc("ToDo", str(todo), for_update=True)
	doc.check_permission("write")
	if outcome not in OUTCOMES:
		frappe.throw(_("{0} is no outcome of a follow-up.").format(escape_html(str(outcome)[:140])))
	was_due = doc.date
	if doc.get("follow_up_key") and _lacks_outcome(doc):
		if doc.get("follow_up_closed_on"):
			doc.flags.closed = (doc.follow_up_closed_on, doc.follow_up_closed_by)
		doc.status = "Open"
		doc.save()
	if not _is_said_already(doc, outcome, tries):
		if doc.status != "Open":
			frappe.throw(_("This follow-up is closed already."))
		doc.follow_up_outcome = outcome
		doc.follow_up_lost_reason = str(reason or "")[:140] or None
		doc.follow_up_note = str(note or "").strip()[:2000] or None
		doc.save()
	return {
		"name": doc.name,
		"status": doc.status,
		"date": str(doc.date or ""),
		"was_due": str(was_due or ""),
		"tries": cint(doc.get("follow_up_tries")),
		"told": _told(doc) if outcome == NOT_REACHED else None,
	}


def _lacks_outcome(todo: "frappe.Document | frappe._dict") -> bool:
	return todo.status == "Closed" and not todo.get("follow_up_outcome")


def _told(todo: "frappe.Document") -> str | None:
	manager = who_was_told(todo) if todo.status == "Closed" else None
	return get_fullname(manager) if manager else None


def _is_said_already(todo: "frappe.Document", outcome: str, tries: int | str | None) -> bool:
	if todo.status == "Closed":
		return todo.get("follow_up_outcome") == outcome
	return outcome == NOT_REACHED and tries not in (None, "") and cint(todo.follow_up_tries) != cint(tries)


@frappe.whitelist(methods=["POST"])
def reopen(todo: str, date: str | None = None, tries: int | str | None = None) -> dict:
	"""Take an outcome back; for whoever may write the ToDo.

	`date`: when it was due, where Not Reached made it come back; `tries`: how many there were then, so that a second tap is none.
	"""
	doc = frappe.get_doc("ToDo", str(todo), for_update=True)
	doc.check_permission("write")
	due = getdate(date) if date else None
	if not doc.get("follow_up_key") or doc.status not in ("Open", "Closed"):
		return {"name": doc.name, "status": doc.status}
	if doc.status == "Closed":
		doc.status = "Open"
		doc.save()
	elif due and cint(doc.follow_up_tries) and cint(doc.follow_up_tries) == cint(tries):
		doc.follow_up_tries -= 1
		doc.date = due
		doc.save(
			ignore_permissions=True
		)  # they were asked above; by hand nobody changes how many tries there were
	return {"name": doc.name, "status": doc.status}


@frappe.whitelist(methods=["POST"])
def hand_over(user: str, to: str | None = None) -> dict:
	"""Hand over what a user has to follow up, or ("") what nobody owns, to one user or (without `to`) to the next in line for each
	customer: open ones, and those that wait.

	For managers of users and of tiering. Returns {"handed_over", "left", "at"}: those for whom nobody was found stay; `at` is for
	`take_back`.
	"""
	frappe.only_for(MANAGERS)
	_refuse_heir(user, to)
	at = now_datetime()
	with alone():
		done = handing_over.hand_over(str(user), str(to) if to else None, waiting=True, at=at)
	return {"handed_over": done, "left": handing_over.count(str(user)), "at": str(at)}


@frappe.whitelist()
def hand_over_plan(user: str, to: str | None = None) -> dict:
	"""What `hand_over` would do: {"open", "waiting", "left", "to"}, for managers. `to` are those who would get some:
	{"user", "full_name", "number", "per_day" (0: no limit)}.
	"""
	frappe.only_for(MANAGERS)
	_refuse_heir(user, to)
	planned = handing_over.plan(str(user), str(to) if to else None, getdate(), waiting=True)
	capacity = Capacity(getdate())
	limits = {each: capacity.limit(each) for each, _number in planned.by_user()}
	waiting = sum(move.waits for move in planned.moves)
	return {
		"open": len(planned.moves) - waiting,
		"waiting": waiting,
		"left": planned.left,
		"to": [
			{
				"user": each,
				"full_name": get_fullname(each),
				"number": number,
				"per_day": 0 if limits[each] == NO_LIMIT else limits[each],
			}
			for each, number in planned.by_user()
		],
	}


def _refuse_heir(user: str, to: str | None) -> None:
	if to and (to == user or str(to) not in Owners([]).enabled):
		frappe.throw(_("Choose another user who is enabled and may use the Desk."))


@frappe.whitelist()
def open_follow_ups_of(user: str) -> int:
	"""How many there are to hand over; for managers. `user` "": that nobody owns."""
	frappe.only_for(MANAGERS)
	return handing_over.count(str(user))


@frappe.whitelist()
def open_follow_ups_by_rule() -> dict[str, int]:
	"""How many ToDos of each rule are open, whoever has them, about customers whom the session's user may see."""
	frappe.has_permission("Follow Up", "read", throw=True)
	rows = frappe.db.sql(
		f"""SELECT `tabFollow Up`.rule, COUNT(*) FROM `tabFollow Up`
		JOIN `tabToDo` todo ON todo.name = `tabFollow Up`.todo AND todo.status = 'Open'
		WHERE `tabFollow Up`.status = 'Handed Out' AND `tabFollow Up`.rule IS NOT NULL
			AND {IS_OWN} AND {follow_up_query() or "TRUE"}
		GROUP BY `tabFollow Up`.rule""",
		{},
	)
	return dict(rows)


@frappe.whitelist()
def last_hand_over(user: str) -> dict | None:
	"""The user's last hand-over that can be taken back, {"at", "number"}; for managers."""
	frappe.only_for(MANAGERS)
	last = handing_over.last_hand_overs().get(str(user))
	return last and {"at": str(last[0]), "number": last[1]}


@frappe.whitelist(methods=["POST"])
def take_back(user: str, at: str) -> int:
	"""Undo the hand-over of that moment as far as nobody has dealt with it since; for managers. Returns how many the user, or ("")
	nobody, has again. Raises ValidationError for a user who would lose them again at once.
	"""
	frappe.only_for(MANAGERS)
	if user and str(user) not in Owners([]).enabled:
		frappe.throw(_("{0} is disabled or may not use the Desk.").format(get_fullname(str(user))))
	try:
		moment = get_datetime(str(at))
	except ValueError:  # dateutil's ParserError is one
		moment = None
	if not moment:
		frappe.throw(_("Of which moment the hand-over was can't be read."))
	with alone():
		return handing_over.take_back(str(user), moment)


@frappe.whitelist()
def preview(rule: str, customer: str | None = None) -> dict:
	"""The text of a rule (its form as JSON, saved or not) for a customer, or for an example from its audience: {"customer", "text", "about",
	"is_in_audience"}; only {"customer": None} where there is nobody in it.

	For those who edit rules and may read the customer. The text speaks of the customer's last event of the rule's signal, if
	there is one. Raises ValidationError with Jinja's message for a text that can't be filled in.
	"""
	frappe.only_for(MANAGERS)
	try:
		values = json.loads(rule)
	except (ValueError, TypeError):
		values = None
	doc = _rule_of(values)
	customer = customer or example.customer_for(doc)
	if not customer:
		return {"customer": None}
	if not frappe.db.exists("Customer", str(customer)):
		frappe.throw(_("There is no customer {0}.").format(escape_html(str(customer))))
	frappe.has_permission("Customer", "read", doc=customer, throw=True)
	text = example.text_for(doc, customer)
	audience = customers_in(doc.audience_filters, doc.audience_company, among=[customer])
	return {
		"customer": customer,
		"text": frappe.utils.sanitize_html(f"<div>{text}</div>"),
		"about": _who(doc, customer),
		"is_in_audience": customer in audience,
	}


def _rule_of(values: object) -> "frappe.Document":
	"""The document of a form. Raises ValidationError for what no form sends: a table that is none, a list for a text."""
	meta = frappe.get_meta("Follow Up Rule")
	tables = {field.fieldname for field in meta.get_table_fields()}
	if not isinstance(values, dict) or any(
		not _is_table(value or []) if key in tables else isinstance(value, list | dict)
		for key, value in values.items()
		if meta.has_field(key)
	):
		frappe.throw(_("This is no rule."))
	return frappe.get_doc({**values, "doctype": "Follow Up Rule"})


def _is_table(value: object) -> bool:
	return isinstance(value, list) and all(isinstance(row, dict) for row in value)


def _who(rule: "frappe.Document", customer: str) -> str:
	if rule.assign_to == IN_TURN:
		return _("For the users with the role {0}, one after the other.").format(_(rule.role or ""))
	user = next(Owners([customer]).in_line(customer, first_choice(rule)), None)
	return (
		_("For {0}.").format(get_fullname(user))
		if user
		else _("For nobody: nobody is in charge of this customer.")
	)


def _about(customers: set[str]) -> dict[str, dict]:
	"""What may be told of these customers: those that the session's user can read."""
	if not customers or not frappe.has_permission("Customer", "read"):
		return {}
	rows = frappe.get_list(
		"Customer",
		filters={"name": ("in", list(customers))},
		fields=[
			"name",
			"customer_name",
			"customer_tier",
			"annual_value",
			"last_order_date",
			"mobile_no",
			"email_id",
		],
		limit=len(customers),
	)
	colours = dict(frappe.get_all("Customer Tier", fields=["name", "colour"], as_list=True))
	return {
		row.name: {
			"customer_name": row.customer_name,
			"tier": row.customer_tier,
			"colour": colours.get(row.customer_tier) or "gray",
			"money": flt(row.annual_value),
			"last_order": format_date(row.last_order_date) if row.last_order_date else None,
			"mobile_no": row.mobile_no,
			"email_id": row.email_id,
		}
		for row in rows
	}


def _names(text: str) -> list[str]:
	try:
		names = json.loads(text)
	except (TypeError, ValueError):
		names = None
	if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
		frappe.throw(_("This is no list of ToDos."))
	return names[:MOST_BADGES]


def _months() -> int:
	return cint(frappe.db.get_single_value("Tiering Settings", "window_months"))


def _currency() -> str | None:
	return frappe.db.get_single_value("Tiering Settings", "reporting_currency")
