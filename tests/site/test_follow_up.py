"""A customer falls asleep, a rep finds a ToDo: once, for the right person, whatever dies or runs twice meanwhile."""

import html
import json
import signal
from collections.abc import Callable, Iterator
from unittest.mock import patch

import frappe
import pytest
from frappe.desk.doctype.todo.todo import ToDo

from customer_tiering.follow_up.create import create_follow_ups
from customer_tiering.tiering.recompute import recompute
from tests.site.factories import checksums
from tests.site.sleepers import (
	clean_slate,
	customer,
	day,
	fall_asleep,
	forget_jobs,
	invoice,
	output_of,
	sleeper,
	start_process,
	user,
)

RULE = "Call a dormant customer"


@pytest.fixture(autouse=True)
def alone(on_site: None) -> Iterator[None]:
	with clean_slate():
		yield


@pytest.fixture
def default_user() -> Iterator[Callable[[str | None], None]]:
	def choose(name: str | None) -> None:
		frappe.db.set_single_value("Tiering Settings", "default_follow_up_user", name)

	yield choose
	frappe.db.rollback()
	choose(None)
	frappe.db.commit()


@pytest.fixture
def rule_text() -> Iterator[Callable[[str], None]]:
	before = frappe.db.get_value("Follow Up Rule", RULE, "description")

	def write(text: str) -> None:
		rule = frappe.get_doc("Follow Up Rule", RULE)
		rule.description = text
		rule.save()

	yield write
	frappe.db.rollback()
	frappe.db.set_value("Follow Up Rule", RULE, "description", before)
	frappe.db.commit()


def todos(customer: str) -> list[frappe._dict]:
	return frappe.get_all(
		"ToDo",
		filters={"reference_type": "Customer", "reference_name": customer},
		fields=["*"],
		order_by="creation",
	)


def follow_up(customer: str) -> frappe._dict:
	create_follow_ups()
	(todo,) = todos(customer)
	return todo


def real_sleeper(name: str = "Sleepy Ltd", **fields) -> str:
	"""One whom the runs of fall_asleep put to sleep."""
	name = customer(name, **fields)
	invoice(name, day(-180))
	return name


def test_a_dormant_customer_gets_one_todo_for_the_account_manager() -> None:
	manager = user("ann.manager@example.com", "Sales User")
	customer = real_sleeper("Ann's Customer", account_manager=manager)
	fall_asleep()
	todo = follow_up(customer)
	event = frappe.get_all("Tiering Event", {"customer": customer, "signal": "Became Dormant"}, ["*"])[0]
	assert event.cause == "Time"
	assert todo.allocated_to == manager
	assert todo.status == "Open"
	assert todo.date == day(3)
	assert todo.follow_up_rule == RULE
	assert todo.follow_up_key == f"{RULE}|{event.signal_key}"
	assert "Ann's Customer" in html.unescape(todo.description)
	assert frappe.render_template("{{ frappe.utils.format_date(d) }}", {"d": day(-180)}) in todo.description
	assert manager in frappe.db.get_value("Customer", customer, "_assign")
	comments = frappe.get_all("Comment", {"reference_doctype": "Customer", "reference_name": customer}, ["*"])
	assert "Assigned" in [comment.comment_type for comment in comments]


def test_running_again_makes_no_second_one() -> None:
	customer = real_sleeper()
	fall_asleep()
	follow_up(customer)
	assert create_follow_ups() == 0
	fall_asleep()
	assert create_follow_ups() == 0
	assert len(todos(customer)) == 1


def test_the_worker_makes_it_after_a_run(worker: Callable[[], str]) -> None:
	customer = real_sleeper()
	forget_jobs()
	fall_asleep()
	worker()
	assert len(todos(customer)) == 1


def test_else_the_first_sales_person_with_a_user(default_user: Callable) -> None:
	rep = user("rita.rep@example.com", "Sales User")
	gone = user("gone@example.com", "Sales User", enabled=0)
	default_user(user("default.rep@example.com", "Sales User"))
	customer = sleeper(
		"Team Customer",
		account_manager=gone,
		sales_team=[
			{"sales_person": sales_person("No Employee", None), "allocated_percentage": 50},
			{"sales_person": sales_person("Rita", rep), "allocated_percentage": 50},
		],
	)
	assert follow_up(customer).allocated_to == rep


def test_else_the_default_user(default_user: Callable) -> None:
	default = user("default.rep@example.com", "Sales User")
	default_user(default)
	assert follow_up(sleeper()).allocated_to == default


def test_else_nobody(default_user: Callable) -> None:
	default_user(user("gone@example.com", "Sales User", enabled=0))
	assert not follow_up(sleeper()).allocated_to


def sales_person(name: str, login: str | None) -> str:
	if not frappe.db.exists("Sales Person", name):
		person = frappe.get_doc(doctype="Sales Person", sales_person_name=name, is_group=0)
		if login:
			person.employee = employee(login)
		person.insert()
	return name


def employee(login: str) -> str:
	values = {"doctype": "Employee", "first_name": login, "gender": "Other", "user_id": login}
	values |= {"date_of_birth": "1990-01-01", "date_of_joining": "2020-01-01", "status": "Active"}
	values["company"] = frappe.get_all("Company", limit=1, pluck="name")[0]
	existing = frappe.db.get_value("Employee", {"user_id": login})
	return existing or frappe.get_doc(values).insert().name


def test_the_first_run_on_a_site_makes_none() -> None:
	dormant = customer()
	invoice(dormant, day(-200))
	fall_asleep()
	assert create_follow_ups() == 0
	assert todos(dormant) == []


def test_a_changed_threshold_makes_none() -> None:
	awake = customer()
	invoice(awake, day(-100))
	stage = frappe.get_doc("Lifecycle Stage", "Dormant")
	try:
		frappe.db.commit()
		recompute(as_of=day(-1))
		stage.db_set("min_days_since_order", 90)
		recompute(as_of=day(0))
		events = frappe.get_all(
			"Tiering Event",
			{"customer": awake, "new_value": "Dormant"},
			["cause", "signal"],
		)
		assert [(event.cause, event.signal) for event in events] == [("Policy", None)]
		assert create_follow_ups() == 0
	finally:
		stage.db_set("min_days_since_order", 180)
		frappe.db.commit()
	assert todos(awake) == []


def test_a_rule_switched_on_later_makes_none_for_the_past() -> None:
	past = sleeper()
	rule = frappe.get_doc(
		doctype="Follow Up Rule",
		rule_name="Switched on later",
		enabled=0,
		signal="Became Dormant",
		due_in_days=0,
		description="Call",
	).insert()
	try:
		rule.enabled = 1
		rule.save()
		create_follow_ups()
		assert [todo.follow_up_rule for todo in todos(past)] == [RULE]
	finally:
		rule.delete()
		frappe.db.commit()


def test_a_deleted_todo_is_not_made_again() -> None:
	customer = sleeper()
	frappe.delete_doc("ToDo", follow_up(customer).name)
	assert create_follow_ups() == 0
	assert todos(customer) == []


def test_nor_after_an_open_form_of_the_rule_is_saved() -> None:
	"""The form holds the place that the rule had come to when it was opened."""
	customer = sleeper()
	form = frappe.get_doc("Follow Up Rule", RULE)
	frappe.delete_doc("ToDo", follow_up(customer).name)
	form.save()
	assert create_follow_ups() == 0
	assert todos(customer) == []


def test_a_text_that_fails_says_so(rule_text: Callable) -> None:
	rule_text("{{ customer.customer_name.nonsense() }}")
	todo = follow_up(sleeper("Fails & Co"))
	assert "Fails &amp; Co" in todo.description
	assert "nonsense" in todo.description
	assert "Traceback" not in todo.description
	assert RULE in todo.description


def test_a_text_may_end_like_a_file_name(rule_text: Callable) -> None:
	rule_text("Look at sitemap.xml")
	assert follow_up(sleeper()).description == "Look at sitemap.xml"


@pytest.mark.parametrize("safely", [True, False])
def test_a_customers_name_is_text(rule_text: Callable, safely: bool) -> None:
	if not safely:  # what an administrator who forgot to escape would write
		rule_text("<p>Call {{ customer.customer_name }}</p>")
	customer = frappe.get_doc("Customer", sleeper("plain"))
	customer.db_set("customer_name", "<script>alert(1)</script> {{ 7*7 }} <img src=x onerror=alert(1)>")
	todo = follow_up(customer.name)
	assert "<script" not in todo.description
	assert "onerror=" not in todo.description.replace("&lt;img src=x onerror=", "")
	assert "{{ 7*7 }}" in todo.description
	assert "49" not in todo.description


def test_a_rule_that_is_no_template_is_refused() -> None:
	rule = frappe.get_doc("Follow Up Rule", RULE)
	rule.description = "<p>{{ customer.customer_name </p>"
	with pytest.raises(frappe.ValidationError, match="Text of the ToDo"):
		rule.save()


def test_a_deleted_customer_is_skipped() -> None:
	customer, other = sleeper("Deleted"), sleeper("Stays")
	frappe.db.delete("Customer", {"name": customer})
	create_follow_ups()
	assert todos(customer) == []
	assert len(todos(other)) == 1


def test_a_todo_that_is_refused_stops_no_other() -> None:
	"""A customer's own validation of ToDos, say, or a user who isn't there any more."""
	refused, other = sleeper("AAA refused"), sleeper("ZZZ other")
	validate = ToDo.validate

	def refuse(self: ToDo) -> None:
		if self.reference_name == refused:
			frappe.throw("No ToDos for this one")
		validate(self)

	with patch.object(ToDo, "validate", refuse):
		create_follow_ups()
	assert todos(refused) == []
	assert len(todos(other)) == 1
	errors = frappe.get_all("Error Log", {"reference_name": refused}, ["error"])
	assert "No ToDos for this one" in errors[0].error


KILLED_BEFORE = """
from customer_tiering.follow_up import create, todos
made = []
real = todos._insert
def die(row, *rest):
	if len(made) == 2:
		os.kill(os.getpid(), signal.SIGKILL)
	made.append(row)
	return real(row, *rest)
todos._insert = die
create.create_follow_ups()
"""
KILLED_AFTER = """
from customer_tiering.follow_up import create
real = frappe.db.commit
def die():
	real()
	if frappe.db.count("ToDo", {"follow_up_key": ("is", "set")}):
		os.kill(os.getpid(), signal.SIGKILL)
frappe.db.commit = die
create.create_follow_ups()
"""


@pytest.mark.parametrize("death", [KILLED_BEFORE, KILLED_AFTER], ids=["before the commit", "after it"])
def test_killed_in_between_none_is_lost_and_none_doubled(death: str) -> None:
	customers = [sleeper(f"Killed {number}") for number in range(4)]
	process = start_process(death)
	output_of(process)
	assert process.returncode == -signal.SIGKILL
	create_follow_ups()
	assert [len(todos(customer)) for customer in customers] == [1] * 4


def test_two_workers_at_once_make_one_each() -> None:
	customers = [sleeper(f"Twice {number}") for number in range(3)]
	code = "from customer_tiering.follow_up.create import create_follow_ups; print(create_follow_ups())"
	both = [start_process(code) for _ in range(2)]
	assert sum(int(output_of(process)) for process in both) == 3
	assert [len(todos(customer)) for customer in customers] == [1] * 3


def test_a_worker_that_waited_does_not_move_the_rule_back() -> None:
	"""It sees the ledger as it was before it waited for the other one; that must not become the rule's place."""
	customer = real_sleeper()
	frappe.db.commit()
	recompute(as_of=day(-1))
	other = start_process(
		f"""
from datetime import date
from customer_tiering.follow_up.create import create_follow_ups
from customer_tiering.tiering.recompute import recompute
recompute(as_of=date.fromisoformat("{day(0)}"))
create_follow_ups()
"""
	)
	assert frappe.db.count("Tiering Event", {"signal": "Became Dormant"}) == 0
	other.communicate()
	create_follow_ups()
	(todo,) = todos(customer)
	frappe.delete_doc("ToDo", todo.name)
	assert create_follow_ups() == 0


def test_the_command_writes_nothing_in_a_dry_run(bench_command: Callable) -> None:
	sleeper()
	before = checksums("ToDo", "Follow Up", "Follow Up Rule")
	done = bench_command("tiering", "follow-ups", "--dry-run", "--json", "--as-of", str(day(3)))
	assert done.returncode == 0, done.stderr
	assert json.loads(done.stdout)["created"] == 1
	assert checksums("ToDo", "Follow Up", "Follow Up Rule") == before
	assert bench_command("tiering", "follow-ups", "--as-of", "nonsense").returncode != 0
