"""What rules do besides reacting to one signal: when, for whom, who, how many, how it ends."""

import json
from collections.abc import Callable, Iterator
from datetime import date
from time import monotonic
from unittest.mock import patch

import frappe
import pytest
from frappe.desk.form import assign_to
from frappe.desk.search import search_widget
from frappe.utils import add_days, add_months, fmt_money, format_date, get_fullname, getdate, now_datetime
from jinja2 import TemplateError

from customer_tiering.customer_insights.report.follow_ups_by_rep import follow_ups_by_rep
from customer_tiering.follow_up import (
	api,
	create,
	digest,
	escalate,
	hand_over,
	holiday_lists,
	lock,
	plan,
	settle,
	withdraw,
)
from customer_tiering.follow_up.create import create_follow_ups, run_follow_ups
from customer_tiering.follow_up.reasons import (
	BROKEN_AUDIENCE,
	BROKEN_TEXT,
	DATE_CHANGED,
	DATE_PASSED,
	DAY_OFF,
	EMPTY_TEXT,
)
from customer_tiering.outreach.channels import Target, call_task
from customer_tiering.outreach.crowd import Crowd
from customer_tiering.outreach.deferral import Deferral
from customer_tiering.tiering import owner
from customer_tiering.tiering.api import get_policy
from customer_tiering.tiering.contact_facts import read_contact_facts
from customer_tiering.tiering.templates import fill
from tests.site import factories as make

TODAY = date.today()  # the site's own, once there is a site


@pytest.fixture(autouse=True)
def alone(on_site: None) -> Iterator[None]:
	global TODAY
	TODAY = getdate()
	with make.uncommitted():
		make.as_if_new()
		frappe.db.sql("UPDATE `tabFollow Up Rule` SET enabled = 0")
		frappe.db.set_single_value("Tiering Settings", "default_follow_up_user", None)
		yield


def rep(name: str, *roles: str, **values: object) -> str:
	email = make.ensure_user(f"fu.{name}@example.com", *(roles or ("Sales User",)))
	frappe.db.set_value("User", email, {"enabled": 1, **values})
	return email


def rule(name: str = "A rule", **values: object) -> "frappe.Document":
	given = {"signal": "Declining", "description": "Call", "enabled": 1, "due_in_days": 0, **values}
	return frappe.get_doc(doctype="Follow Up Rule", rule_name=name, **given).insert()


def signal(customer: str, name: str = "Declining", **values: object) -> None:
	number = frappe.db.count("Tiering Event") + 1
	row = {
		"name": f"TR-99999999-{number:07d}",
		"customer": customer,
		"decision": "Signal",
		"signal": name,
		"cause": "Time",
		"as_of": TODAY,
		"signal_key": f"{customer}|{name}|{number}",
		**values,
	}
	frappe.db.bulk_insert("Tiering Event", list(row), [list(row.values())])


def customer(name: str = "", **values: object) -> str:
	"""With fields that only a run writes, too."""
	own = {key: values.pop(key) for key in list(values) if key in ("customer_tier", "annual_value")}
	doc = make.make_customer(name, **values)
	if own:
		doc.db_set(own, update_modified=False)
	return doc.name


def todos(about: str | None = None, **filters: object) -> list[frappe._dict]:
	if about:
		filters |= {"reference_name": about, "reference_type": "Customer"}
	filters.setdefault("follow_up_rule", ("is", "set"))
	return frappe.get_all("ToDo", filters=filters, fields=["*"], order_by="creation, name")


def handed_over(user: str, to: str | None = None) -> tuple[int, int]:
	"""How many were, and how many are left."""
	done = api.hand_over(user, to)
	return done["handed_over"], done["left"]


def the_todo(about: str) -> "frappe.Document":
	create_follow_ups()
	(todo,) = todos(about)
	return frappe.get_doc("ToDo", todo.name)


def holiday_list(name: str, days: int, off: tuple[int, ...]) -> "frappe.Document":
	"""From today, so many days; of these are `off`, counted from today."""
	return frappe.get_doc(
		doctype="Holiday List",
		holiday_list_name=name,
		from_date=TODAY,
		to_date=add_days(TODAY, days),
		holidays=[{"holiday_date": add_days(TODAY, number), "description": "Off"} for number in off],
	).insert()


class TestWhen:
	def test_several_signals(self) -> None:
		rule(more_signals=[{"signal": "Upsell Ready"}])
		name = customer()
		for each in ("Declining", "Upsell Ready", "Silent Potential"):
			signal(name, each)
		assert create_follow_ups() == 2

	def test_a_key_date_some_days_ahead_once_a_year(self) -> None:
		rule(trigger="Key Date", key_date="Partner Since", days_ahead=5, description="{{ event.detail }}")
		name, late = customer(), customer()
		day = add_days(TODAY, 5)
		frappe.db.set_value("Customer", name, "key_date_partner_since", add_months(day, -36))
		frappe.db.set_value("Customer", late, "key_date_partner_since", add_months(add_days(day, 3), -12))
		assert create_follow_ups() == 1
		assert todos(name)[0].description == str(day)
		assert run_follow_ups(add_days(TODAY, 1))["created"] == 0
		assert run_follow_ups(add_days(TODAY, 8))["created"] == 1  # the days between were missed
		assert len(todos(name)) == len(todos(late)) == 1

	def birthday(self, days: int, **values: object) -> str:
		"""A customer who has one in so many days."""
		name = customer(**values)
		self.say_birthday(name, days)
		return name

	def say_birthday(self, name: str, days: int) -> None:
		frappe.db.set_value("Customer", name, "key_date_birthday", add_months(add_days(TODAY, days), -480))

	def test_a_key_date_is_never_followed_up_after_the_day(self) -> None:
		busy = rep("busy")
		capacity(user=busy, per_day=1)
		rule(trigger="Key Date", key_date="Birthday", days_ahead=2, due_in_days=9)
		first, waits, missed = (
			self.birthday(days, account_manager=busy, annual_value=money)
			for days, money in ((1, 3), (0, 2), (4, 1))
		)
		run_follow_ups()
		assert [todo.date for todo in todos()] == [add_days(TODAY, 1)]
		result = run_follow_ups(add_days(TODAY, 5))
		assert (result["created"], result["withdrawn"]) == (0, 2)
		assert "2 were dropped, as their day had passed while they waited" in log_of_runs()
		dropped = {"customer": ("in", (waits, missed)), "status": "Withdrawn"}
		assert frappe.get_all("Follow Up", dropped, pluck="reason") == [DATE_PASSED] * 2
		frappe.db.set_single_value("Tiering Settings", "try_again_after_days", 3)
		(todo,) = todos(first)
		assert api.close(todo.name, "Not Reached")["date"] == str(todo.date)
		frappe.db.set_value("ToDo", todo.name, {"date": TODAY, "follow_up_tried_on": add_days(TODAY, -1)})
		frappe.db.set_value("Follow Up", {"todo": todo.name}, "detail", str(TODAY))
		assert api.close(todo.name, "Not Reached")["status"] == "Closed"

	def test_a_key_date_on_days_off_is_followed_up_before_them(self) -> None:
		days = holiday_list("FU Birthdays", 30, off=(1, 2))
		rule(trigger="Key Date", key_date="Birthday", days_ahead=0, holiday_list=days.name)
		on_the_second, after = self.birthday(2), self.birthday(3)
		run_follow_ups()
		assert [(todo.reference_name, todo.date) for todo in todos()] == [(on_the_second, TODAY)]
		run_follow_ups(add_days(TODAY, 3))
		assert len(todos(after)) == len(todos(on_the_second)) == 1

	def test_a_key_date_that_is_corrected_is_followed(self) -> None:
		rule(trigger="Key Date", key_date="Birthday", days_ahead=9, description="{{ event.detail }}")
		name = self.birthday(4)
		run_follow_ups()
		for days in (6, 4):  # and back again
			(before,) = todos(name, status="Open")
			self.say_birthday(name, days)
			assert run_follow_ups()["withdrawn"] == 1
			(now,) = todos(name, status="Open")
			assert now.description == str(add_days(TODAY, days))
			assert frappe.db.get_value("ToDo", before.name, "status") == "Cancelled"
			about = {"reference_doctype": "ToDo", "reference_name": before.name, "comment_type": "Info"}
			assert frappe.get_all("Comment", about, pluck="content") == [DATE_CHANGED]
			assert run_follow_ups()["created"] == 0
		frappe.db.set_value("Customer", name, "key_date_birthday", None)
		assert run_follow_ups()["withdrawn"] == 1
		assert not todos(name, status="Open")

	def test_a_key_date_that_is_corrected_while_it_waits(self) -> None:
		busy = rep("busy")
		capacity(user=busy, per_day=1)
		rule(trigger="Key Date", key_date="Birthday", days_ahead=9)
		self.birthday(4, account_manager=busy, annual_value=9)
		name = self.birthday(5, account_manager=busy)
		run_follow_ups()
		self.say_birthday(name, 7)
		run_follow_ups()
		rows = frappe.get_all("Follow Up", {"customer": name}, ["status", "detail"], order_by="status")
		assert [tuple(row.values()) for row in rows] == [
			("Waiting", str(add_days(TODAY, 7))),
			("Withdrawn", str(add_days(TODAY, 5))),
		]

	def test_a_birthday_that_is_typed_in_on_the_day_itself(self) -> None:
		rule(trigger="Key Date", key_date="Birthday", days_ahead=0)
		run_follow_ups()
		name = self.birthday(0)
		assert [run_follow_ups()["created"] for _twice in "12"] == [1, 0]
		assert len(todos(name)) == 1

	def test_a_key_date_that_becomes_known_late(self) -> None:
		rule(trigger="Key Date", key_date="Birthday", days_ahead=7)
		name, past = customer(), customer()
		frappe.db.set_value("Customer", past, "key_date_birthday", add_months(add_days(TODAY, -1), -480))
		assert create_follow_ups() == 0
		frappe.db.set_value("Customer", name, "key_date_birthday", add_months(add_days(TODAY, 4), -480))
		assert run_follow_ups(add_days(TODAY, 1))["created"] == 1
		assert run_follow_ups(add_days(TODAY, 2))["created"] == 0

	def test_a_key_date_of_another_millennium(self) -> None:
		rule(trigger="Key Date", key_date="Founded", days_ahead=0, description="Call")
		old, coming = customer(), customer()
		frappe.db.set_value("Customer", old, "key_date_founded", add_months(TODAY, -400 * 12))
		frappe.db.set_value("Customer", coming, "key_date_founded", "9999-12-31")
		assert run_follow_ups()["created"] == 1
		assert len(todos(old)) == 1

	def test_the_best_of_the_month(self) -> None:
		rule(trigger="Top of the Month", top_customers=2, description="{{ event.detail }}")
		frappe.db.sql("UPDATE `tabFollow Up Rule` SET planned_until = %s", add_months(TODAY, -1))
		last_month = add_days(TODAY.replace(day=1), -3)
		names = [customer() for _number in range(4)]
		for name, money in zip(names, (10**7, 2 * 10**7, 10**6, 10**9), strict=True):
			make.make_invoice(name, money, last_month if money < 10**9 else TODAY)
		assert create_follow_ups() == 2
		assert [todos(name)[0].description for name in names[:2]] == ["2", "1"]
		assert not todos(names[2]) and not todos(names[3])
		assert create_follow_ups() == 0

	def test_after_an_outage_one_and_not_one_a_missed_day(self) -> None:
		rule(trigger="Cadence", every=1, every_unit="Days")
		name = customer()
		assert run_follow_ups(TODAY)["created"] == 1
		the = todos(name)[0]
		frappe.db.set_value("ToDo", the.name, "status", "Closed")
		assert run_follow_ups(add_days(TODAY, 10))["created"] == 1
		assert len(todos(name)) == 2

	def test_while_the_last_one_is_open_there_is_no_next(self) -> None:
		rule(trigger="Cadence", every=1, every_unit="Days")
		name = customer()
		run_follow_ups(TODAY)
		assert run_follow_ups(add_days(TODAY, 1))["created"] == 0
		assert len(todos(name)) == 1

	def test_a_rule_that_is_switched_on_does_not_look_back(self) -> None:
		late = rule(trigger="Cadence", every=4, every_unit="Weeks", enabled=0)
		for number in range(12):
			customer(f"Spread {number}")
		late.db_set("planned_until", add_days(TODAY, -100))
		late.enabled = 1
		late.save()
		assert create_follow_ups() < 6

	def test_an_old_form_moves_nobody_back(self) -> None:
		form = rule(trigger="Cadence", every=1, every_unit="Days")
		name = customer()
		run_follow_ups(TODAY)
		form.reload()
		form.planned_until = None
		form.save()
		frappe.db.set_value("ToDo", todos(name)[0].name, "status", "Closed")
		assert run_follow_ups(TODAY)["created"] == 0


class TestForWhom:
	def test_the_audience(self) -> None:
		rule(audience_filters=json.dumps([["Customer", "customer_tier", "=", "A"]]))
		one, other = customer(customer_tier="A"), customer(customer_tier="B")
		signal(one)
		signal(other)
		assert create_follow_ups() == 1
		assert todos(one) and not todos(other)

	def test_a_cadence_lasts_as_long_as_the_customer_is_in_the_audience(self) -> None:
		rule(
			trigger="Cadence",
			every=1,
			every_unit="Days",
			audience_filters=json.dumps([["Customer", "customer_tier", "=", "A"]]),
		)
		name = customer(customer_tier="A")
		assert run_follow_ups(TODAY)["created"] == 1
		frappe.db.set_value("ToDo", todos(name)[0].name, "status", "Closed")
		frappe.db.set_value("Customer", name, "customer_tier", "B")
		assert run_follow_ups(add_days(TODAY, 1))["created"] == 0

	def test_who_leaves_the_audience_while_waiting_gets_none(self) -> None:
		rule(audience_filters=json.dumps([["Customer", "customer_tier", "=", "A"]]))
		frappe.db.set_single_value("Tiering Settings", "follow_ups_per_day", 1)
		manager = rep("busy")
		first, second = (
			customer(customer_tier="A", annual_value=money, account_manager=manager) for money in (2, 1)
		)
		signal(first)
		signal(second)
		assert create_follow_ups() == 1
		frappe.db.set_value("Customer", second, "customer_tier", "B")
		assert run_follow_ups(add_days(TODAY, 1))["withdrawn"] == 1
		assert not todos(second)

	def test_a_field_that_is_gone_stops_no_other_rule_and_loses_nothing(self) -> None:
		broken, _fine = rule("Broken"), rule("Fine")
		name = customer()
		broken.db_set("audience_filters", json.dumps([["Customer", "shoe_size", "=", "44"]]))
		signal(name)
		result = run_follow_ups()
		assert (result["created"], result["broken"]) == (1, 1)
		assert "Broken" in frappe.db.get_single_value("Tiering Settings", "follow_up_log")
		assert broken.get_db_value("last_problem") == BROKEN_AUDIENCE
		broken.db_set("audience_filters", None)
		assert create_follow_ups() == 1
		assert sorted(todo.follow_up_rule for todo in todos(name)) == ["Broken", "Fine"]
		assert not broken.get_db_value("last_problem")

	def test_one_without_a_text_is_refused(self) -> None:
		with pytest.raises(frappe.ValidationError, match="is missing"):
			rule(description=None)

	def test_a_rule_that_fails_stops_no_other(self, monkeypatch: pytest.MonkeyPatch) -> None:
		def fail(*_: object) -> None:
			raise OverflowError("a day too far")

		monkeypatch.setitem(plan.FINDERS, "Cadence", fail)
		rule("A cadence", trigger="Cadence", every=1, every_unit="Weeks")
		rule("Fine")
		signal(customer())
		result = run_follow_ups()
		assert (result["created"], result["broken"]) == (1, 1)
		assert "A cadence" in frappe.db.get_single_value("Tiering Settings", "follow_up_log")
		logged = frappe.get_last_doc("Error Log")
		assert "a day too far" in logged.error
		logged.delete()  # no transaction takes it back

	def test_a_renamed_tier_is_followed(self) -> None:
		tier = frappe.get_doc(
			doctype="Customer Tier", tier_name="Gold Test", entry_value=777, colour="yellow"
		).insert()
		each = rule(audience_filters=json.dumps([["Customer", "customer_tier", "in", "A,Gold Test"]]))
		frappe.rename_doc("Customer Tier", tier.name, "Golden Test", force=True)
		assert (
			json.loads(frappe.db.get_value("Follow Up Rule", each.name, "audience_filters"))[0][3]
			== "A,Golden Test"
		)

	@pytest.mark.parametrize(
		("values", "named"),
		[
			({"trigger": "Cadence", "every": 0, "every_unit": "Days"}, "Every"),
			({"trigger": "Cadence", "every": 25, "every_unit": "Months"}, "24"),
			({"trigger": "Signal", "signal": ""}, "When"),
			({"assign_to": "User"}, "User"),
			({"assign_to": "User", "user": "Guest"}, "Guest"),
			({"assign_to": "Role in Turn"}, "Role"),
			({"days_ahead": 400}, "Days Ahead"),
			({"audience_filters": '[["Customer", "shoe_size", "=", "1"]]'}, "shoe_size"),
			({"description": "{{ customer. }}"}, "Text of the ToDo"),
		],
	)
	def test_what_makes_no_sense_is_refused(self, values: dict, named: str) -> None:
		with pytest.raises(frappe.ValidationError, match=named):
			rule(**values)


class TestWho:
	def person(self, name: str, login: str | None, parent: str | None = None) -> str:
		doc = frappe.get_doc(doctype="Sales Person", sales_person_name=f"FU {name}", is_group=0)
		if login:
			doc.employee = self.employee(login)
		if parent:
			frappe.db.set_value("Sales Person", parent, "is_group", 1)
			doc.parent_sales_person = parent
		return doc.insert().name

	def employee(self, login: str, **values: object) -> str:
		given = {
			"first_name": login,
			"gender": "Other",
			"user_id": login,
			"date_of_birth": "1990-01-01",
			**values,
		}
		given |= {"date_of_joining": "2020-01-01", "status": "Active", "company": make.ensure_company()}
		return frappe.get_doc(doctype="Employee", **given).insert().name

	def test_the_sales_team_by_contribution(self) -> None:
		rule(assign_to="Sales Team")
		small, large = rep("small"), rep("large")
		team = [
			{"sales_person": self.person("Small", small), "allocated_percentage": 30},
			{"sales_person": self.person("Large", large), "allocated_percentage": 70},
		]
		name = customer(account_manager=rep("manager"), sales_team=team)
		signal(name)
		assert the_todo(name).allocated_to == large
		frappe.db.set_value("User", large, "enabled", 0)
		signal(name)
		create_follow_ups()
		assert {todo.allocated_to for todo in todos(name)} == {small}  # also of what the leaver had

	def test_the_territory_manager_or_that_of_the_territory_above(self) -> None:
		rule(assign_to="Territory Manager")
		manager = rep("territory")
		name = customer()
		above = frappe.db.get_value(
			"Territory", frappe.db.get_value("Customer", name, "territory"), "parent_territory"
		)
		frappe.db.set_value("Territory", above, "territory_manager", self.person("Territory", manager))
		signal(name)
		assert the_todo(name).allocated_to == manager

	def test_a_user_who_is_disabled_is_passed_over(self) -> None:
		chosen, manager = rep("chosen"), rep("manager")
		rule(assign_to="User", user=chosen)
		first, second = customer(account_manager=manager), customer(account_manager=manager)
		signal(first)
		assert the_todo(first).allocated_to == chosen
		frappe.db.set_value("User", chosen, "enabled", 0)
		signal(second)
		assert the_todo(second).allocated_to == manager

	def test_who_is_away_is_passed_over(self) -> None:
		rule()
		away, deputy = rep("away"), rep("deputy")
		frappe.db.set_single_value("Tiering Settings", "default_follow_up_user", deputy)
		capacity(user=away, per_day=0)
		name = customer(account_manager=away)
		signal(name)
		assert the_todo(name).allocated_to == deputy

	def test_who_is_on_leave_is_passed_over(self) -> None:
		rule()
		away, deputy = rep("leave"), rep("deputy")
		frappe.db.set_single_value("Tiering Settings", "default_follow_up_user", deputy)
		name = customer(account_manager=away)
		signal(name)
		with patch.object(owner, "on_leave", lambda day: {away}):
			assert the_todo(name).allocated_to == deputy

	def test_a_role_in_turn(self) -> None:
		frappe.get_doc(doctype="Role", role_name="Caller Test").insert()
		callers = [rep(f"caller{number}", "Sales User", "Caller Test") for number in range(3)]
		rule(assign_to="Role in Turn", role="Caller Test")
		names = [customer(f"Turn {number}", annual_value=100 - number) for number in range(5)]
		for name in names[:2]:
			signal(name)
		create_follow_ups()
		for name in names[2:]:
			signal(name)
		create_follow_ups()
		assert [todos(name)[0].allocated_to for name in names] == [*callers, *callers[:2]]

	def test_nobody_is_reported_and_the_todo_is_there(self) -> None:
		rule()
		name = customer()
		signal(name)
		result = run_follow_ups()
		assert (result["created"], result["unowned"]) == (1, 1)
		assert not todos(name)[0].allocated_to
		assert "1 have nobody" in frappe.db.get_single_value("Tiering Settings", "follow_up_log")

	def test_overdue_ones_come_to_the_manager_once(self) -> None:
		rule(escalate_after_days=3, due_in_days=1)
		boss, worker = rep("boss"), rep("worker")
		above = self.employee(boss)
		self.employee(worker, reports_to=above)
		name = customer(account_manager=worker)
		signal(name)
		todo = the_todo(name)
		assert run_follow_ups(add_days(TODAY, 3))["escalated"] == 0
		assert run_follow_ups(add_days(TODAY, 4))["escalated"] == 1
		assert run_follow_ups(add_days(TODAY, 9))["escalated"] == 0
		(told,) = todos(name, allocated_to=boss)
		assert "Overdue" in told.description
		todo.reload()
		todo.status = "Closed"
		todo.save()
		run_follow_ups(add_days(TODAY, 9))
		assert frappe.db.get_value("ToDo", told.name, "status") == "Cancelled"


def capacity(**row: object) -> None:
	settings = frappe.get_single("Tiering Settings")
	settings.append("follow_up_capacity", row)
	settings.flags.ignore_mandatory = True
	settings.save()


def log_of_runs() -> str:
	return frappe.db.get_single_value("Tiering Settings", "follow_up_log")


class TestHowMany:
	def test_the_best_first_and_the_others_on_the_next_day(self) -> None:
		rule()
		manager = rep("full")
		capacity(user=manager, per_day=2)
		about = (("B", 900), ("A", 1), (None, 5000), ("A", 2))
		names = [
			customer(customer_tier=tier, annual_value=money, account_manager=manager) for tier, money in about
		]
		for name in names:
			signal(name)
		result = run_follow_ups()
		assert (result["created"], result["waiting"]) == (2, 2)
		assert [bool(todos(name)) for name in names] == [False, True, False, True]
		assert f"{get_fullname(manager)} (2)" in frappe.db.get_single_value(
			"Tiering Settings", "follow_up_log"
		)
		assert run_follow_ups()["created"] == 0  # today is full
		assert run_follow_ups(add_days(TODAY, 1))["created"] == 2

	def test_by_role_the_largest_counts(self) -> None:
		rule()
		manager = rep("roles", "Sales User", "Sales Manager")
		capacity(role="Sales User", per_day=1)
		capacity(role="Sales Manager", per_day=3)
		for _number in range(4):
			signal(customer(account_manager=manager))
		assert create_follow_ups() == 3

	def test_a_row_is_for_a_user_or_a_role_and_once(self) -> None:
		with pytest.raises(frappe.ValidationError, match="row 1"):
			capacity(per_day=3)
		for whom in ({"user": rep("twice")}, {"role": "Sales User"}):
			capacity(**whom, per_day=0)
			with pytest.raises(frappe.ValidationError, match="twice"):
				capacity(**whom, per_day=4)

	def test_who_has_none_but_roles_with_zero_is_passed_over(self) -> None:
		rule()
		away, deputy = rep("none"), rep("deputy", "Sales User", "Sales Manager")
		capacity(role="Sales User", per_day=0)
		capacity(role="Sales Manager", per_day=3)
		frappe.db.set_single_value("Tiering Settings", "default_follow_up_user", deputy)
		name = customer(account_manager=away)
		signal(name)
		assert the_todo(name).allocated_to == deputy

	def test_one_notice_for_all(self) -> None:
		rule()
		manager = rep("told")
		names = [customer(account_manager=manager, annual_value=money) for money in (100, 400, 200)]
		for name in names:
			signal(name)
		before = {"for_user": manager}
		with (
			patch.object(digest, "has_outgoing_account", return_value=True),
			patch.object(frappe, "sendmail") as sendmail,
		):
			run_follow_ups()
		(notice,) = frappe.get_all("Notification Log", filters=before, fields=["*"])
		assert notice.subject == f"<b>{names[1]}</b>: A rule, and 2 more"
		mail = sendmail.call_args.kwargs
		stake = fmt_money(700, 0, frappe.db.get_single_value("Tiering Settings", "reporting_currency"))
		assert mail["subject"] == f"3 new follow-ups · {stake} at stake · begin with {names[1]}"
		assert mail["recipients"] == [manager] and names[2] in mail["message"]
		assert all(name in notice.email_content for name in names)
		assert notice.email_content.count(f"Due {format_date(TODAY)}") == 3
		if "link" in notice:  # the framework of 2023 has none
			assert notice.link == "/app/my-follow-ups"
		run_follow_ups()
		assert frappe.db.count("Notification Log", before) == 1

	def test_whom_the_subject_names_stands_first_in_the_mail(self, monkeypatch: pytest.MonkeyPatch) -> None:
		"""The one that is due first, also where others are worth more."""
		monkeypatch.setattr(digest, "SHOWN", 1)
		manager = rep("begins")
		rule()
		rule("Later", signal="Became Dormant", due_in_days=5)
		first, rich = customer(account_manager=manager), customer(account_manager=manager, annual_value=900)
		signal(first)
		signal(rich, "Became Dormant")
		with (
			patch.object(digest, "has_outgoing_account", return_value=True),
			patch.object(frappe, "sendmail") as sendmail,
		):
			run_follow_ups()
		mail = sendmail.call_args.kwargs
		assert mail["subject"].endswith(f"begin with {first}")
		assert first in mail["message"] and rich not in mail["message"]

	def test_a_name_is_escaped_once_in_the_notice_and_in_the_mail(self) -> None:
		"""Also one that the framework has escaped already, as it does where somebody types a "<" as well."""
		rule("R & D", description="<p>Call {{ customer.customer_name | e }}</p>")
		manager = rep("ampersand")
		for typed, stored in (("Fish & Chips", "Fish & Chips"), ("Salt & <b>", "Salt &amp; <b></b>")):
			name = customer(typed.replace("<b>", "b"), account_manager=manager)
			frappe.db.set_value("Customer", name, "customer_name", stored)
			signal(name)
		with (
			patch.object(digest, "has_outgoing_account", lambda: True),
			patch.object(frappe, "sendmail") as mail,
		):
			run_follow_ups()
		(notice,) = frappe.get_all("Notification Log", {"for_user": manager}, ["subject", "email_content"])
		for text in (notice.subject, notice.email_content, str(mail.call_args.kwargs)):
			assert " &amp; " in text and "&amp;amp;" not in text

	def test_without_an_outgoing_account_the_notice_stands_on_the_desk_alone(self) -> None:
		"""And nothing in the error log: no mail was tried. Tiering Settings say so."""
		frappe.db.set_value("Email Account", {"default_outgoing": 1}, "default_outgoing", 0)
		frappe.local.outgoing_email_account = {}
		rule()
		manager = rep("deaf")
		signal(customer(account_manager=manager))
		errors = frappe.db.count("Error Log")
		run_follow_ups()
		assert frappe.db.count("Notification Log", {"for_user": manager}) == 1
		assert frappe.db.count("Error Log") == errors
		assert "no default outgoing Email Account" in get_policy()["pending"]

	def test_holidays_are_no_working_days(self) -> None:
		days = holiday_list("FU Holidays", 30, off=(1, 2))
		manager = rep("off")
		rule(due_in_days=2, holiday_list=days.name)
		name = customer(account_manager=manager)
		signal(name)
		assert the_todo(name).date == add_days(TODAY, 4)
		signal(name)
		result = run_follow_ups(add_days(TODAY, 2))
		assert (result["created"], result["waiting"]) == (0, 1)
		assert "1 wait for the next working day" in log_of_runs()
		waits = frappe.get_all("Follow Up", {"status": "Waiting"}, ["user", "reason"], as_list=True)
		assert waits == ((manager, DAY_OFF),)
		assert {row["user"]: row["waiting"] for row in follow_ups_by_rep.read(TODAY, TODAY)} == {manager: 1}
		assert run_follow_ups(add_days(TODAY, 3))["created"] == 1

	def test_whose_turn_it_is_does_not_change_on_holidays(self) -> None:
		frappe.get_doc(doctype="Role", role_name="Caller Test").insert()
		callers = [rep(f"caller{number}", "Sales User", "Caller Test") for number in range(3)]
		days = holiday_list("FU Turns", 30, off=(0, 1))
		made = rule(assign_to="Role in Turn", role="Caller Test", holiday_list=days.name)
		names = [customer() for _number in range(2)]
		for name in names:
			signal(name)
		for day in (0, 1):
			run_follow_ups(add_days(TODAY, day))
			waits = frappe.get_all("Follow Up", {"status": "Waiting"}, pluck="user", order_by="user")
			assert waits == callers[:2]
		assert not frappe.db.get_value("Follow Up Rule", made.name, "last_user")
		run_follow_ups(add_days(TODAY, 2))
		assert {todo.allocated_to for todo in todos()} == set(callers[:2])

	def test_holidays_that_have_ended_are_told_and_the_weekly_ones_go_on(self) -> None:
		past = {"from_date": add_days(TODAY, -30), "to_date": add_days(TODAY, -1)}
		weekly = [add_days(TODAY, 1 - 7 * number) for number in range(1, 5)]
		days = frappe.get_doc(
			doctype="Holiday List",
			holiday_list_name="FU Past",
			**past,
			holidays=[{"holiday_date": day, "description": "Off", "weekly_off": 1} for day in weekly],
		).insert()
		frappe.clear_messages()
		made = rule(holiday_list=days.name, due_in_days=1)
		(told,) = frappe.get_message_log()
		for said in (str(told), get_policy()["pending"]):
			assert format_date(past["to_date"]) in said and "FU Past" in said
		name = customer()
		signal(name)
		assert the_todo(name).date == add_days(TODAY, 2)
		signal(name)
		assert run_follow_ups(add_days(TODAY, 8))["created"] == 0
		days.db_set("to_date", TODAY)
		frappe.clear_messages()
		made.save()
		assert not frappe.get_message_log()
		assert "FU Past" not in (get_policy()["pending"] or "")

	def test_where_no_day_is_marked_the_lists_own_weekly_day_off_goes_on(self) -> None:
		tomorrow = add_days(TODAY, 1)
		days = holiday_list("FU Unmarked", 0, off=())
		days.db_set("weekly_off", tomorrow.strftime("%A"))
		rule(holiday_list=days.name, due_in_days=1)
		name = customer()
		signal(name)
		assert the_todo(name).date == add_days(TODAY, 2)

	def test_what_a_manager_is_told_of_is_limited_too(self) -> None:
		boss = rep("boss", "Sales Manager")
		rule(escalate_after_days=1, escalate_to=boss)
		manager = rep("late")
		for _number in range(2):
			signal(customer(account_manager=manager))
		create_follow_ups()
		capacity(user=boss, per_day=1)
		late = add_days(TODAY, 5)
		assert run_follow_ups(late)["escalated"] == 1
		assert "1 were reported to a manager" in log_of_runs()
		assert run_follow_ups(late)["escalated"] == 0
		assert "reported" not in log_of_runs()
		assert run_follow_ups(add_days(late, 1))["escalated"] == 1


class TestHowItEnds:
	@pytest.fixture
	def todo(self) -> Callable[..., "frappe.Document"]:
		def build(**values: object) -> "frappe.Document":
			rule(**{"close_on_order": 0, **values})
			name = customer(account_manager=rep("closer"))
			signal(name, last_order_date=add_days(TODAY, -40))
			return the_todo(name)

		return build

	def status(self, todo: "frappe.Document") -> tuple[str, str | None]:
		status, outcome = frappe.db.get_value("ToDo", todo.name, ["status", "follow_up_outcome"])
		return status, outcome or None

	@pytest.mark.parametrize(("switch", "expected"), [(1, ("Closed", "Settled")), (0, ("Open", None))])
	def test_an_order(self, todo: Callable, switch: int, expected: tuple) -> None:
		one = todo(close_on_order=switch)
		make.make_invoice(one.reference_name, 10, add_days(TODAY, -40))  # the one that it is counted from
		assert run_follow_ups()["settled"] == 0
		make.make_invoice(one.reference_name, 10)
		run_follow_ups()
		assert self.status(one) == expected

	@pytest.mark.parametrize(("switch", "expected"), [(1, ("Closed", "Settled")), (0, ("Open", None))])
	def test_a_reply(self, todo: Callable, switch: int, expected: tuple) -> None:
		one = todo(close_on_reply=switch)
		contact = make.make_contact(one.reference_name, "writes@example.com")
		tomorrow = add_days(TODAY, 1)
		make.make_communication("Customer", one.reference_name, tomorrow)  # ours
		assert run_follow_ups()["settled"] == 0
		make.make_communication("Contact", contact.name, tomorrow, sent_or_received="Received")
		run_follow_ups()
		assert self.status(one) == expected

	@pytest.mark.parametrize(("switch", "expected"), [(1, ("Closed", "Settled")), (0, ("Open", None))])
	def test_a_closed_opportunity(self, todo: Callable, switch: int, expected: tuple) -> None:
		one = todo(close_on_opportunity=switch)
		opportunity = make.make_opportunity(one.reference_name)
		assert run_follow_ups()["settled"] == 0
		opportunity.db_set("status", "Lost")
		run_follow_ups()
		assert self.status(one) == expected

	def test_a_closed_opportunity_that_is_merely_edited(self) -> None:
		rule(close_on_opportunity=1)
		name = customer()
		opportunity = make.make_opportunity(name)
		opportunity.db_set("status", "Lost")
		signal(name)
		the_todo(name)
		opportunity.reload()
		opportunity.title = "Without the typo"
		opportunity.save()
		assert opportunity.status == "Lost"
		assert run_follow_ups()["settled"] == 0

	def test_what_waits_is_not_made_after_an_order(self) -> None:
		rule()
		manager = rep("waiting")
		capacity(user=manager, per_day=1)
		first, second = (customer(annual_value=money, account_manager=manager) for money in (2, 1))
		signal(first)
		signal(second, last_order_date=add_days(TODAY, -40))
		create_follow_ups()
		make.make_invoice(second, 10)
		assert run_follow_ups(add_days(TODAY, 1))["settled"] == 1
		assert not todos(second)

	def test_an_outcome_closes_and_is_told_on_the_customer(self, todo: Callable) -> None:
		one = todo()
		frappe.set_user(one.allocated_to)
		api.close(one.name, "Order Expected")
		frappe.set_user("Administrator")
		assert self.status(one) == ("Closed", "Order Expected")
		comments = frappe.get_all(
			"Comment", {"reference_name": one.reference_name, "comment_type": "Info"}, pluck="content"
		)
		assert any("Order Expected" in content for content in comments)
		facts = read_contact_facts(TODAY, scoped=False).loc[one.reference_name]
		assert facts["last_follow_up"].date() == TODAY

	def test_lost_says_why_and_an_undone_outcome_is_none(self, todo: Callable) -> None:
		one = todo()
		with pytest.raises(frappe.ValidationError, match="why"):
			api.close(one.name, "Lost")
		api.close(one.name, "Lost", "Went to a rival")
		assert frappe.db.get_value("ToDo", one.name, "follow_up_lost_reason") == "Went to a rival"
		with pytest.raises(frappe.ValidationError, match="closed already"):
			api.close(one.name, "Reached")
		api.close(one.name, "Lost", "Went to a rival")  # a second tap
		api.reopen(one.name)
		assert self.status(one) == ("Open", None)
		with pytest.raises(frappe.ValidationError, match="outcome"):
			api.close(one.name, "Settled")

	def test_handing_over(self) -> None:
		rule()
		leaver, heir, deputy = rep("leaver"), rep("heir"), rep("deputy")
		frappe.db.set_single_value("Tiering Settings", "default_follow_up_user", deputy)
		names = [customer(account_manager=leaver) for _number in range(2)]
		for name in names:
			signal(name)
		create_follow_ups()
		frappe.db.set_value("ToDo", todos(names[1])[0].name, "allocated_to", rep("other"))
		assert handed_over(leaver, heir) == (1, 0)
		assert todos(names[0])[0].allocated_to == heir
		assert heir in frappe.db.get_value("Customer", names[0], "_assign")
		frappe.db.set_value("User", {"name": ("in", (leaver, heir))}, "enabled", 0)
		assert run_follow_ups()["handed_over"] == 1
		assert "1 went to somebody else" in log_of_runs()
		assert todos(names[0])[0].allocated_to == deputy

	def test_handing_over_everything_is_told_before_and_can_be_undone(self) -> None:
		"""What waits, too, and not what was done or given to others in between."""
		rule()
		leaver, heir = rep("leaver"), rep("heir")
		names = [customer(account_manager=leaver, annual_value=money) for money in (9, 8, 7, 1)]
		for name in names:
			signal(name)
		capacity(user=leaver, per_day=3)
		capacity(user=heir, per_day=5)
		run_follow_ups()
		who = {"user": heir, "full_name": get_fullname(heir), "number": 4, "per_day": 5}
		assert api.hand_over_plan(leaver, heir) == {"open": 3, "waiting": 1, "left": 0, "to": [who]}
		assert api.hand_over_plan(leaver) == {"open": 0, "waiting": 0, "left": 4, "to": []}
		done = api.hand_over(leaver, heir)
		assert (done["handed_over"], done["left"]) == (4, 0)
		run_follow_ups()
		(waited,) = todos(names[3])
		assert waited.allocated_to == heir
		api.close(todos(names[0])[0].name, "Reached")
		frappe.get_doc("ToDo", todos(names[1])[0].name).update({"allocated_to": rep("other")}).save()
		assert api.last_hand_over(leaver) == {"at": done["at"], "number": 2}
		frappe.set_user(rep("manages", "Tiering Manager", "Sales Manager", "Sales User"))
		(row,) = (row for row in follow_ups_by_rep.read(TODAY, TODAY) if row["user"] == leaver)
		assert (row["open"], row["undo_at"], row["undo_number"]) == (0, done["at"], 2)
		frappe.set_user("Administrator")
		assert api.take_back(leaver, done["at"]) == 2
		assert {todo.reference_name for todo in todos(allocated_to=leaver)} == {names[2], names[3]}
		assert api.last_hand_over(leaver) is None
		frappe.db.set_value("User", leaver, "enabled", 0)
		with pytest.raises(frappe.ValidationError, match="disabled"):
			api.take_back(leaver, done["at"])
		frappe.set_user(heir)
		for forbidden in (
			api.hand_over_plan,
			api.last_hand_over,
			lambda user: api.take_back(user, done["at"]),
		):
			with pytest.raises(frappe.PermissionError):
				forbidden(leaver)

	def test_what_waits_is_given_back_as_well(self) -> None:
		rule()
		leaver, heir = rep("leaver"), rep("heir")
		for user in (leaver, heir):
			capacity(user=user, per_day=1)
		names = [customer(account_manager=leaver, annual_value=money) for money in (2, 1)]
		for name in names:
			signal(name)
		run_follow_ups()
		done = api.hand_over(leaver, heir)
		waiting = {"customer": names[1], "status": "Waiting"}
		assert frappe.db.get_value("Follow Up", waiting, "user") == heir
		assert api.take_back(leaver, done["at"]) == 2
		assert frappe.db.get_value("Follow Up", waiting, ["user", "handed_to"]) == (leaver, None)
		frappe.db.set_value("Customer", names[1], "account_manager", rep("successor"))
		run_follow_ups(add_days(TODAY, 1))  # as if it had never been handed over
		assert [todo.allocated_to for todo in todos(names[1])] == [rep("successor")]

	def test_nothing_is_handed_over_beside_a_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
		monkeypatch.setattr(lock, "PATIENCE", 0)
		run = frappe.db.get_connection()
		try:
			run.cursor().execute("SELECT GET_LOCK(%s, 0)", (f"{frappe.conf.db_name}.{lock.NAME}"[-64:],))
			for press in (
				lambda: api.hand_over(rep("leaver")),
				lambda: api.take_back(rep("leaver"), "2026-01-01"),
			):
				with pytest.raises(frappe.ValidationError, match="in a minute"):
					press()
			monkeypatch.setattr(create, "PATIENCE", 0)
			frappe.clear_messages()
			assert not any(run_follow_ups().values())  # leaves it to the run that is at it
			assert not frappe.get_message_log()
		finally:
			run.close()
		assert api.hand_over(rep("leaver"))["handed_over"] == 0

	def test_hand_overs_that_follow_each_other_are_taken_back_the_last_first(self) -> None:
		rule()
		first, second, third = (rep(name) for name in ("first", "second", "third"))
		capacity(user=first, per_day=1)
		for _number in range(2):
			signal(customer(account_manager=first))
		run_follow_ups()
		done = [api.hand_over(*pair)["at"] for pair in ((first, second), (second, third))]
		assert api.take_back(first, done[0]) == 0
		assert api.take_back(second, done[1]) == 2
		assert api.last_hand_over(first) == {"at": done[0], "number": 2}
		assert frappe.get_all("Follow Up", {"status": "Waiting"}, pluck="handed_to") == [second]
		assert api.take_back(first, done[0]) == 2
		assert [todo.allocated_to for todo in todos()] == [first]
		assert api.last_hand_over(first) is api.last_hand_over(second) is None
		with pytest.raises(frappe.ValidationError, match="moment"):
			api.take_back(first, "junk")

	def test_what_waits_and_is_nobodys_is_handed_over_as_well(self) -> None:
		rule().db_set("description", "{% if 0 %}x{% endif %}")  # so that it waits
		heir = rep("heir")
		for manager in (None, rep("manager")):
			signal(customer(account_manager=manager))
		run_follow_ups()
		assert api.open_follow_ups_of("") == 1
		assert api.hand_over_plan("", heir)["waiting"] == 1
		done = api.hand_over("", heir)
		assert frappe.db.count("Follow Up", {"status": "Waiting", "user": heir}) == 1
		assert api.take_back("", done["at"]) == 1
		assert api.open_follow_ups_of("") == 1

	def test_settled_is_said_by_the_system_alone(self, todo: Callable) -> None:
		one = todo()
		with pytest.raises(frappe.ValidationError, match="by itself"):
			one.update({"status": "Closed", "follow_up_outcome": "Settled"}).save()

	@pytest.mark.parametrize("outcome", ["Reached", "Not Reached"])
	def test_one_closed_without_an_outcome_is_asked_for_it(self, todo: Callable, outcome: str) -> None:
		"""As the framework closes it: from the sidebar, by a list's bulk edit, through the API."""
		one = todo()
		frappe.set_user(one.allocated_to)
		if hasattr(assign_to, "close"):
			assign_to.close("Customer", one.reference_name, one.allocated_to)
		else:  # the framework of 2023 has the list's bulk edit alone
			one.update({"status": "Closed"}).save()
		(row,) = api.my_follow_ups()["rows"]
		assert (row.name, row.status) == (one.name, "Closed")
		assert api.badges(json.dumps([one.name]))[one.name]["is_follow_up"]
		api.close(one.name, outcome)
		assert self.status(one) == (("Closed", outcome) if outcome == "Reached" else ("Open", None))
		assert [row.status for row in api.my_follow_ups()["rows"]] == ["Open"] * (outcome != "Reached")

	def test_a_merged_customer_waits_once(self) -> None:
		rule(trigger="Cadence", every=1, every_unit="Days")
		manager = rep("merged")
		capacity(user=manager, per_day=1)
		for name in ("FU best", "FU old", "FU new"):
			customer(name, account_manager=manager, annual_value=len(name) if name == "FU best" else 0)
		frappe.db.set_value("Customer", "FU best", "annual_value", 100)
		run_follow_ups()
		frappe.rename_doc("Customer", "FU old", "FU new", merge=True, force=True)
		waiting = frappe.get_all("Follow Up", {"status": "Waiting"}, ["customer", "follow_up_key"])
		assert [row.customer for row in waiting] == ["FU new"]
		assert waiting[0].follow_up_key.startswith("A rule|FU new|")

	def test_strokes_in_names_make_no_two_keys_one(self) -> None:
		for name in ("Strokes", "Strokes|one"):
			rule(name, trigger="Cadence", every=1, every_unit="Days")
		for name in ("one|two", "two"):
			customer(name)
		assert run_follow_ups()["created"] == 4
		frappe.rename_doc("Customer", "two", "2|two", force=True)
		frappe.rename_doc("Follow Up Rule", "Strokes|one", "One ~ all|any", force=True)
		renamed = frappe.get_all("Follow Up", {"customer": "2|two"}, pluck="follow_up_key")
		assert {key.split("|2|two|")[0] for key in renamed} == {"Strokes", "One ~0 all~1any"}
		assert run_follow_ups()["created"] == 0

	def test_a_signal_of_a_rule_with_a_stroke_is_taken_back(self) -> None:
		rule("Strokes|one")
		for number in (1, 2):
			signal(customer(f"stroke{number}"), signal_key=f"stroke{number}|Declining|1")
			if number == 1:
				run_follow_ups()
		signal("stroke1", None, decision="Void", signal_key=None, voids="stroke1|Declining|1")
		plan.plan(TODAY, lambda: None)
		signal("stroke2", None, decision="Void", signal_key=None, voids="stroke2|Declining|1")
		assert run_follow_ups()["withdrawn"] == 2


class TestSight:
	def test_a_rep_sees_the_own_ones_and_nothing_of_other_customers(self) -> None:
		rule()
		mine, others = rep("mine"), rep("others")
		one, other = customer(account_manager=mine, customer_tier="A"), customer(account_manager=others)
		frappe.get_doc(doctype="User Permission", user=mine, allow="Customer", for_value=one).insert()
		signal(one)
		signal(other)
		create_follow_ups()
		theirs = todos(other)[0].name
		frappe.set_user(mine)
		assert [row.customer for row in api.my_follow_ups()["rows"]] == [one]
		assert set(api.badges(json.dumps([theirs, todos(one)[0].name]))) == {todos(one)[0].name}
		assert frappe.get_list("Follow Up", pluck="customer") == [one]
		with pytest.raises(frappe.PermissionError):
			api.close(theirs, "Reached")
		with pytest.raises(frappe.PermissionError):
			api.reopen(theirs)
		for forbidden in (lambda: api.hand_over(others, mine), lambda: api.open_follow_ups_of(others)):
			with pytest.raises(frappe.PermissionError):
				forbidden()
		with pytest.raises(frappe.PermissionError):
			api.preview("{}", one)

	def test_who_edits_rules_chooses_a_holiday_list_without_reading_any(self) -> None:
		days = frappe.get_doc(
			doctype="Holiday List", holiday_list_name="FU Names", from_date=TODAY, to_date=TODAY
		).insert()
		made = rule()
		frappe.set_user(rep("rules", "Tiering Manager"))
		assert not frappe.has_permission("Holiday List")
		query = "customer_tiering.follow_up.holiday_lists.search"
		found = search_widget("Holiday List", "fu nam", query=query) or frappe.response["values"]
		assert [tuple(row) for row in found] == [(days.name,)]
		assert (days.name,) in holiday_lists.search()
		made.update({"holiday_list": days.name}).save()
		frappe.set_user(rep("nosy"))
		with pytest.raises(frappe.PermissionError):
			holiday_lists.search("Holiday List", "", "name", 0, 20, None)

	def test_of_a_customer_whom_one_may_not_see_only_the_todo_is_told(self) -> None:
		rule(assign_to="User", user=rep("narrow"))
		seen, hidden = customer(), customer(annual_value=5)
		frappe.get_doc(
			doctype="User Permission", user=rep("narrow"), allow="Customer", for_value=seen
		).insert()
		frappe.db.set_single_value("System Settings", "disable_document_sharing", 1)
		frappe.clear_cache(doctype="System Settings")
		signal(hidden)
		create_follow_ups()
		frappe.set_user(rep("narrow"))
		(row,) = api.my_follow_ups()["rows"]
		assert (row.customer, row.get("money")) == (hidden, None)

	def test_who_is_to_follow_up_may_read_the_customer(self) -> None:
		narrow = rep("shared")
		rule(assign_to="User", user=narrow)
		seen, other = customer(), customer()
		frappe.get_doc(doctype="User Permission", user=narrow, allow="Customer", for_value=seen).insert()
		signal(other)
		create_follow_ups()
		assert frappe.db.exists("DocShare", {"user": narrow, "share_name": other, "read": 1})

	def test_a_website_user_has_no_page(self) -> None:
		frappe.set_user("Guest")
		with pytest.raises(frappe.PermissionError):
			api.my_follow_ups()

	def test_the_preview(self) -> None:
		each = rule(
			description="<p>{{ customer.customer_name | e }}: {{ event.detail }}</p><script>1</script>"
		)
		name = customer("Preview & Co", account_manager=rep("preview"))
		signal(name, detail="30 %")
		shown = api.preview(json.dumps(each.as_dict(), default=str), name)
		assert "Preview &amp; Co: 30 %" in shown["text"] and "<script" not in shown["text"]
		assert get_fullname(rep("preview")) in shown["about"]
		assert shown["is_in_audience"]
		assert api.preview(json.dumps(each.as_dict(), default=str))["customer"] == name
		best, nobody = ([["Customer", "annual_value", ">", money]] for money in (10**11, 10**12))
		worth = customer(annual_value=5 * 10**11)
		for filters, expected in ((best, worth), (nobody, None)):
			text = json.dumps(
				{"description": "x", "trigger": "Cadence", "audience_filters": json.dumps(filters)}
			)
			assert api.preview(text)["customer"] == expected
			assert api.preview(text, name)["is_in_audience"] is False
		with pytest.raises(frappe.ValidationError, match="no rule"):
			api.preview("{ no JSON", name)
		with pytest.raises(frappe.ValidationError, match="no customer Nope"):
			api.preview(text, "Nope")
		for nonsense in ({"more_signals": "x"}, {"more_signals": [1]}, {"user": ["a"]}):
			with pytest.raises(frappe.ValidationError, match="no rule"):
				api.preview(json.dumps(nonsense), name)
		with pytest.raises(frappe.ValidationError, match="shoe_size"):
			api.preview(json.dumps({"description": "{{ customer.shoe_size }}", "trigger": "Cadence"}), name)


class TestTheRepsDay:
	"""What a rep and a manager meet who work with them."""

	@pytest.fixture
	def mine(self) -> "frappe.Document":
		rule(escalate_after_days=2, escalate_to=rep("boss", "Sales Manager"))
		name = customer(account_manager=rep("day"))
		signal(name)
		return the_todo(name)

	def said(self, customer: str) -> list[str]:
		about = {"reference_doctype": "Customer", "reference_name": customer}
		filters = {**about, "comment_type": ("in", ("Info", "Assignment Completed"))}
		return frappe.get_all("Comment", filters, pluck="content")

	def reported(self, user: str) -> tuple[int, ...]:
		"""Open, closed by the rep, by others."""
		rows = [row for row in follow_ups_by_rep.read(TODAY, TODAY) if row["user"] == user]
		return tuple(sum(row[key] for row in rows) for key in ("open", "closed", "by_others"))

	def test_a_month_that_is_over_keeps_its_figures(self, mine: "frappe.Document") -> None:
		def closed_in(first: date, last: date) -> int:
			return sum(row["closed"] for row in follow_ups_by_rep.read(first, last))

		before = add_days(TODAY, -40)
		for stored in (before, None):  # sites that are older than the field have none
			mine.reload()
			mine.update({"status": "Closed", "follow_up_outcome": "Reached"}).save()
			assert (mine.follow_up_closed_on, mine.follow_up_closed_by) == (TODAY, "Administrator")
			then = {"follow_up_closed_on": stored, "follow_up_closed_by": None, "modified": str(before)}
			frappe.db.set_value("ToDo", mine.name, then, update_modified=False)
			mine.reload()
			mine.update({"priority": "High", "follow_up_closed_on": TODAY}).save()
			assert (closed_in(before, before), closed_in(TODAY, TODAY)) == (1, 0)
			last = read_contact_facts(TODAY, scoped=False)["last_follow_up"][mine.reference_name]
			assert last.date() == before
			api.reopen(mine.name)
			mine.reload()
			assert not mine.follow_up_closed_on

	def test_an_outcome_that_is_said_later_closes_on_the_day_it_was_closed(
		self, mine: "frappe.Document"
	) -> None:
		mine.update({"status": "Closed"}).save()
		yesterday = {"follow_up_closed_on": add_days(TODAY, -1), "follow_up_closed_by": mine.allocated_to}
		frappe.db.set_value("ToDo", mine.name, dict(yesterday))
		api.close(mine.name, "Reached")
		mine.reload()
		assert {field: mine.get(field) for field in yesterday} == yesterday

	def is_shared(self, customer: str, user: str) -> bool:
		return bool(frappe.db.exists("DocShare", {"share_name": customer, "user": user}))

	def narrow(self, name: str) -> str:
		"""May see one customer alone."""
		user = rep(name)
		frappe.get_doc(doctype="User Permission", user=user, allow="Customer", for_value=customer()).insert()
		return user

	def call_task(self, owner: str) -> "frappe.Document":
		about = frappe.get_doc("Customer", customer(account_manager=owner))
		step, touch = frappe._dict(message="Call"), frappe._dict(name=frappe.generate_hash(length=10))
		target = Target(about, None, step, touch, now_datetime(), Crowd([about.name]))
		return frappe.get_doc("ToDo", call_task.prepare(target)["todo"])

	def test_a_call_of_a_sequence_is_a_follow_up_everywhere(self) -> None:
		caller, heir = rep("caller"), rep("heir")
		one, other = self.call_task(caller), self.call_task(caller)
		frappe.set_user(caller)
		assert {row.name for row in api.my_follow_ups()["rows"]} == {one.name, other.name}
		assert api.badges(json.dumps([one.name]))[one.name]["is_follow_up"]
		api.close(one.name, "Reached")
		frappe.set_user("Administrator")
		run_follow_ups()
		(notice,) = frappe.get_all("Notification Log", {"for_user": caller}, ["subject", "email_content"])
		assert (
			notice.subject == f"<b>{other.reference_name}</b>: Call"
			and other.reference_name in notice.email_content
		)
		(row,) = (row for row in follow_ups_by_rep.read(TODAY, TODAY) if row["user"] == caller)
		assert (row["open"], row["closed"]) == (1, 1)
		assert api.open_follow_ups_of(caller) == 1
		assert handed_over(caller, heir) == (1, 0)

	def test_a_call_of_a_sequence_waits_for_room_and_takes_it(self) -> None:
		caller = rep("caller")
		capacity(user=caller, per_day=2)
		rule()
		one = customer(account_manager=caller)
		signal(one)
		self.call_task(caller)
		self.call_task(caller)
		with pytest.raises(Deferral, match="fit in a day"):
			self.call_task(caller)
		assert run_follow_ups()["waiting"] == 1

	def test_not_reached_comes_back_until_it_was_tried_three_times(self, mine: "frappe.Document") -> None:
		frappe.db.set_single_value("Tiering Settings", "try_again_after_days", 2)
		for number in (1, 2):
			api.close(mine.name, "Not Reached", tries=number - 1)
			api.close(mine.name, "Not Reached", tries=number - 1)  # a second tap
			mine.reload()
			due = add_days(TODAY, 1 + number)
			assert (mine.status, mine.date, mine.follow_up_tries) == ("Open", due, number)
			assert not mine.follow_up_outcome
			api.close(mine.name, "Not Reached", note="Again", tries=number)
			mine.reload()
			assert (mine.date, mine.follow_up_tries, mine.follow_up_note) == (due, number, "Again"), (
				"one a day"
			)
			mine.db_set("follow_up_tried_on", add_days(TODAY, -1))
		assert len(self.said(mine.reference_name)) == 2
		api.close(mine.name, "Not Reached")
		mine.reload()
		assert (mine.status, mine.follow_up_outcome) == ("Closed", "Not Reached")

	def test_after_the_third_try_the_manager_is_told_and_decides(self, mine: "frappe.Document") -> None:
		boss = rep("boss")
		mine.db_set("follow_up_tries", 2)
		done = api.close(mine.name, "Not Reached")
		assert (done["status"], done["tries"], done["told"]) == ("Closed", 3, get_fullname(boss))
		(told,) = todos(allocated_to=boss)
		assert "Not reached in 3 tries, by " in told.description
		assert self.reported(boss) == (1, 0, 0)
		run_follow_ups()
		assert [todo.status for todo in todos(allocated_to=boss)] == ["Open"]
		api.reopen(mine.name)
		assert [todo.status for todo in todos(allocated_to=boss)] == ["Cancelled"]
		assert api.close(mine.name, "Not Reached")["told"] == get_fullname(boss)
		(again,) = todos(allocated_to=boss, status="Open")
		frappe.set_user(boss)
		api.close(again.name, "Lost", "Never there")
		frappe.set_user("Administrator")
		assert self.reported(boss) == (0, 1, 0)
		api.reopen(again.name)
		mine.reload()
		assert (mine.status, mine.follow_up_outcome) == ("Closed", "Not Reached")

	def test_a_try_that_is_taken_back(self, mine: "frappe.Document") -> None:
		frappe.db.set_single_value("Tiering Settings", "try_again_after_days", 2)
		done = api.close(mine.name, "Not Reached", note="Voice mail")
		assert "Voice mail" in self.said(mine.reference_name)[0]
		for _twice in "12":
			api.reopen(mine.name, done["was_due"], done["tries"])
		mine.reload()
		assert (str(mine.date), mine.follow_up_tries) == (done["was_due"], 0)
		assert not self.said(mine.reference_name)

	def test_a_try_before_it_was_due(self, mine: "frappe.Document") -> None:
		"""It comes back later than it would have, and can be taken back all the same."""
		frappe.db.set_single_value("Tiering Settings", "try_again_after_days", 2)
		mine.db_set("date", add_days(TODAY, 9))
		done = api.close(mine.name, "Not Reached")
		assert (getdate(done["date"]), done["tries"]) == (add_days(TODAY, 10), 1)
		api.reopen(mine.name, done["was_due"], done["tries"])
		assert api.close(mine.name, "Not Reached")["tries"] == 1, "it was no try"
		api.reopen(mine.name, done["was_due"], 1)
		assert frappe.db.get_value("ToDo", mine.name, "follow_up_tries") == 0
		assert not self.said(mine.reference_name)

	@pytest.mark.parametrize(
		("outcome", "counts"), [("Not Reached", 0), ("Settled", 0), ("Reached", 1), (None, 1)]
	)
	def test_what_counts_as_a_follow_up_in_tiering(
		self, mine: "frappe.Document", outcome: str | None, counts: int
	) -> None:
		mine.flags.settled = outcome == "Settled"
		mine.update({"status": "Closed", "follow_up_outcome": outcome}).save()
		facts = read_contact_facts(TODAY, scoped=False)
		last = facts["last_follow_up"].get(mine.reference_name)
		assert (last is not None and last.date() == TODAY) == bool(counts)

	def test_what_is_undone_leaves_nothing_on_the_timeline(self, mine: "frappe.Document") -> None:
		api.close(mine.name, "Lost", "A rival", "Said so on the phone")
		assert any(
			"Follow-up: Lost (A rival). Said so on the phone" in text
			for text in self.said(mine.reference_name)
		)
		api.reopen(mine.name)
		assert self.said(mine.reference_name) == []
		api.close(mine.name, "Reached")
		assert len(self.said(mine.reference_name)) == 1

	def test_who_gets_it_may_see_the_customer_as_long_as_there_is_something_to_do(
		self, mine: "frappe.Document"
	) -> None:
		heir, boss = self.narrow("narrow.heir"), self.narrow("boss")
		api.hand_over(mine.allocated_to, heir)
		run_follow_ups(add_days(TODAY, 9))
		assert self.is_shared(mine.reference_name, heir) and self.is_shared(mine.reference_name, boss)
		frappe.set_user(heir)
		api.close(mine.name, "Reached")
		assert not self.is_shared(mine.reference_name, heir)
		api.reopen(mine.name)
		assert self.is_shared(mine.reference_name, heir)
		frappe.set_user("Administrator")
		api.hand_over(heir, rep("day"))
		assert not self.is_shared(mine.reference_name, heir)
		frappe.get_doc("ToDo", mine.name).update({"status": "Closed"}).save()
		run_follow_ups(add_days(TODAY, 9))
		assert not self.is_shared(mine.reference_name, boss)

	def test_a_manager_is_told_and_ends_it_for_both(self, mine: "frappe.Document") -> None:
		boss = rep("boss")
		run_follow_ups(add_days(TODAY, 9))
		assert frappe.db.count("Notification Log", {"for_user": boss}) == 1
		frappe.set_user(mine.allocated_to)
		assert [row.escalated_to for row in api.my_follow_ups()["rows"]] == [get_fullname(boss)]
		frappe.set_user("Administrator")
		assert self.reported(boss) == (0, 0, 0)
		(told,) = todos(allocated_to=boss)
		late = format_date(add_days(mine.date, 1))
		assert f"Overdue since {late}, with " in told.description
		frappe.set_user(boss)
		api.close(told.name, "Reached")
		mine.reload()
		assert (mine.status, mine.follow_up_outcome) == ("Closed", "Reached")
		frappe.set_user("Administrator")
		assert (self.reported(boss), self.reported(mine.allocated_to)) == ((0, 0, 0), (0, 0, 1))
		assert len([text for text in self.said(mine.reference_name) if "Reached" in text]) == 1
		api.reopen(told.name)
		mine.reload()
		assert mine.status == "Open"

	def test_it_is_escalated_again_when_the_end_is_taken_back(self, mine: "frappe.Document") -> None:
		late = add_days(TODAY, 9)
		run_follow_ups(late)
		api.close(mine.name, "Reached")
		run_follow_ups(late)
		assert not todos(allocated_to=rep("boss"), status="Open")
		api.reopen(mine.name)
		assert run_follow_ups(late)["escalated"] == 1

	def test_what_nobody_owns_is_handed_over_and_what_that_means_is_told(self) -> None:
		rule()
		heir = rep("heir")
		for _number in range(3):
			signal(customer())
		create_follow_ups()
		capacity(user=heir, per_day=2)
		who = {"user": heir, "full_name": get_fullname(heir), "number": 3, "per_day": 2}
		assert api.hand_over_plan("", heir) == {"open": 3, "waiting": 0, "left": 0, "to": [who]}
		assert handed_over("", heir) == (3, 0)
		frappe.set_user(heir)
		with pytest.raises(frappe.PermissionError):
			api.hand_over_plan("", heir)

	def test_the_overdue_ones_come_first_then_the_best(self) -> None:
		rule()
		busy = rep("busy")
		names = [customer(account_manager=busy, annual_value=money) for money in (1, 2, 3)]
		for name in names:
			signal(name)
		create_follow_ups()
		frappe.db.set_value("ToDo", todos(names[0])[0].name, "date", add_days(TODAY, -1))
		frappe.set_user(busy)
		assert [row.customer for row in api.my_follow_ups()["rows"]] == [names[0], names[2], names[1]]


class TestWhatGoesWrong:
	"""Nothing is lost, and nothing holds up the others."""

	@pytest.mark.parametrize("text", ["{{ nobody.x }}", "{{ customer.nofield }}", "{{ 1 / 0 }}"])
	def test_a_text_that_fails_is_no_text(self, text: str) -> None:
		customer("Text Ltd")
		with pytest.raises(frappe.ValidationError, match="Text Ltd"):
			rule(description=text, audience_filters='[["Customer", "customer_name", "=", "Text Ltd"]]')
		rule(description=text, enabled=0)  # a draft

	@pytest.mark.parametrize(
		"text",
		[
			"{% for a in n %}{% for b in n %}{% for c in n %}{% for d in n %}{% endfor %}{% endfor %}{% endfor %}{% endfor %}",
			"{% macro twice(left) %}{% if left %}{{ twice(left - 1) }}{{ twice(left - 1) }}{% endif %}{% endmacro %}{{ twice(60) }}",
			"{% for i in 'x' * 10**12 %}{% endfor %}",
			"{{ 9 ** (9 ** 9) }}",
			"{% for i in range(10**9) %}{% endfor %}",
		],
	)
	def test_a_text_that_never_ends_is_none(self, text: str) -> None:
		started = monotonic()
		with pytest.raises(TemplateError):
			fill(text, {"n": list("x" * 100)})
		assert monotonic() - started < 5

	def test_what_may_loop_still_loops(self) -> None:
		text = "{% for x in n %}{{ loop.index }}/{{ loop.length }}{{ x * 2 }}{% if not loop.last %}, {% endif %}{% else %}-{% endfor %}"
		assert fill(text, {"n": ["a", "b"]}) == "1/2aa, 2/2bb"
		assert fill(text, {"n": []}) == "-"
		assert (
			fill(
				"{{ 2 ** 3 * 1.5 }} {% for k, v in d.items() if v %}{{ k }}{% endfor %}",
				{"d": {"a": 1, "b": 0}},
			)
			== "12.0 a"
		)

	@pytest.mark.parametrize(("text", "made"), [("{% if 0 %}x{% endif %}", 0), ("{{ 1 / 0 }}", 1)])
	def test_a_text_that_fails_later_is_said(self, text: str, made: int) -> None:
		rule().db_set("description", f"<p>{text}</p>")
		name = customer(account_manager=rep("reads"))
		signal(name)
		assert run_follow_ups()["created"] == made
		assert "A rule: its text can't be filled in, or is empty, for 1 customers" in log_of_runs()
		assert frappe.db.get_value("Follow Up Rule", "A rule", "last_problem") == BROKEN_TEXT
		waiting = frappe.get_all("Follow Up", filters={"customer": name, "status": "Waiting"}, pluck="reason")
		assert waiting == [EMPTY_TEXT] * (1 - made)

	def test_what_a_deleted_rule_made_can_still_be_closed(self) -> None:
		made = rule()
		name = customer(account_manager=rep("keeps"))
		signal(name)
		todo = the_todo(name)
		made.delete()
		frappe.set_user(rep("keeps"))
		assert api.close(todo.name, "Reached")["status"] == "Closed"

	def test_one_that_cant_be_handed_over_stops_no_other(self) -> None:
		rule()
		leaver, heir = rep("leaver"), rep("heir")
		names = [customer(account_manager=leaver) for _number in range(2)]
		for name in names:
			signal(name)
		create_follow_ups()
		stuck = min(todo.name for todo in todos(allocated_to=leaver))
		frappe.db.set_value("ToDo", stuck, "follow_up_rule", "A rule that is gone")
		with make.shared():
			assert handed_over(leaver, heir) == (1, 1)
		assert [todo.name for todo in todos(allocated_to=leaver)] == [stuck]
		frappe.get_last_doc("Error Log").delete()  # no transaction takes it back

	def test_a_signal_waits_until_it_can_be_noted(self, monkeypatch: pytest.MonkeyPatch) -> None:
		def fail(*_: object) -> None:
			raise OSError("the disk is full")

		rule()
		name = customer()
		signal(name)
		with monkeypatch.context() as broken:
			broken.setattr(plan, "add", fail)
			assert run_follow_ups()["broken"] == 1
		frappe.get_last_doc("Error Log").delete()  # no transaction takes it back
		assert create_follow_ups() == 1

	def test_who_deletes_the_todo_sees_the_customer_no_more(self) -> None:
		narrow = rep("deletes")
		rule(assign_to="User", user=narrow)
		seen, other = customer(), customer()
		frappe.get_doc(doctype="User Permission", user=narrow, allow="Customer", for_value=seen).insert()
		signal(other)
		todo = the_todo(other)
		assert frappe.db.exists("DocShare", {"user": narrow, "share_name": other})
		frappe.set_user(narrow)
		frappe.delete_doc("ToDo", todo.name)
		assert not frappe.db.exists("DocShare", {"user": narrow, "share_name": other})

	def test_who_may_not_use_the_desk_is_passed_over(self) -> None:
		guest, manager = rep("portal", user_type="Website User"), rep("manager")
		rule(assign_to="User", user=manager).db_set("user", guest)
		name = customer(account_manager=manager)
		signal(name)
		assert the_todo(name).allocated_to == manager
		with pytest.raises(frappe.ValidationError, match="Desk"):
			api.hand_over(manager, guest)
		frappe.db.set_value("User", manager, "user_type", "Website User")
		frappe.db.set_value("Customer", name, "account_manager", rep("successor"))
		assert run_follow_ups()["handed_over"] == 1

	def test_whoever_is_assigned_sees_it(self) -> None:
		supporter = rep("support", "Support Team")
		rule(assign_to="User", user=supporter)
		name = customer()
		signal(name)
		todo = the_todo(name)
		frappe.set_user(supporter)
		assert [row.name for row in api.my_follow_ups()["rows"]] == [todo.name]
		assert frappe.get_doc("Page", "my-follow-ups").is_permitted()

	def test_what_goes_round_a_role_is_handed_over_to_the_next_one(self) -> None:
		frappe.get_doc(doctype="Role", role_name="Caller Test").insert()
		callers = [rep(f"caller{number}", "Sales User", "Caller Test") for number in range(3)]
		made = rule(assign_to="Role in Turn", role="Caller Test")
		names = [customer(account_manager=rep("manager")) for _number in range(2)]
		for name in names:
			signal(name)
		create_follow_ups()
		assert handed_over(callers[0]) == (1, 0)
		assert {todo.allocated_to for todo in todos()} == {callers[1], callers[2]}
		assert frappe.db.get_value("Follow Up Rule", made.name, "last_user") == callers[2]

	def test_what_nobody_owns_comes_to_the_owner_who_is_named_as_far_as_there_is_room(self) -> None:
		rule()
		named = rep("named")
		names = [customer() for _number in range(2)]
		for name in names:
			signal(name)
		assert run_follow_ups()["unowned"] == 2
		about = {"reference_doctype": "Customer", "reference_name": ("in", names)}
		assert not frappe.db.exists("Comment", {**about, "comment_type": "Assigned"})
		frappe.db.set_value("Customer", {"name": ("in", names)}, "account_manager", named)
		capacity(user=named, per_day=1)
		assert [run_follow_ups()["handed_over"] for _twice in "12"] == [1, 0]
		assert run_follow_ups(add_days(TODAY, 1))["handed_over"] == 1
		assert {todo.allocated_to for todo in todos()} == {named}

	def test_a_run_reads_what_is_open_and_not_all_that_ever_was(self) -> None:
		made = rule(escalate_after_days=1, close_on_reply=1, close_on_opportunity=1)
		busy, name = rep("history"), customer(account_manager=rep("history"))
		signal(name)
		the_todo(name)
		old = 3000
		closed = [(f"fu-{n}", "Closed", busy, "Customer", name, made.name, f"old|{n}") for n in range(old)]
		columns = ("name", "status", "allocated_to", "reference_type", "reference_name")
		frappe.db.bulk_insert("ToDo", (*columns, "follow_up_rule", "follow_up_key"), closed)
		done = [(f"fu-{n}", "Handed Out", f"fu-{n}", made.name, f"old|{n}", 1) for n in range(old)]
		frappe.db.bulk_insert("Follow Up", ("name", "status", "todo", "rule", "follow_up_key", "told"), done)
		frappe.set_user(busy)
		for read in (
			withdraw.withdraw_follow_ups,
			lambda: settle.settle(TODAY),
			lambda: escalate.escalate(TODAY),
			digest.tell,
			lambda: hand_over.hand_over_of_disabled(TODAY),
			api.my_follow_ups,
		):
			before = rows_read()
			read()
			assert rows_read() - before < old, read


def rows_read() -> int:
	"""By this connection, as the database server counts them."""
	return sum(int(value) for _key, value in frappe.db.sql("SHOW SESSION STATUS LIKE 'Handler_read%'"))
