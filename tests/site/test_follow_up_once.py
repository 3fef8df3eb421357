"""Exactly once: whatever happens, in whatever order, and wherever a run dies, the ToDos are those that plain Python expects."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from unittest.mock import patch
from zlib import crc32

import frappe
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from customer_tiering.follow_up import todos
from customer_tiering.follow_up.create import run_follow_ups
from tests.site.sleepers import clean_slate, customer, user

START = date(2026, 3, 2)
EVERY = 3  # days
NAMES = ("Once Anna", "Once Bert", "Once Cleo", "Once Dora")
REPS = ("once.first@example.com", "once.second@example.com")
# The best first: tier A, tier B by money, no tier.
ABOUT = {
	"Once Anna": ("B", 150_000, REPS[0]),
	"Once Bert": ("A", 600_000, REPS[0]),
	"Once Cleo": ("B", 200_000, REPS[0]),
	"Once Dora": (None, 0, REPS[1]),
}
CADENCE, SIGNAL = "Once Cadence", "Once Signal"

CUSTOMERS = st.sampled_from(NAMES)
STEPS = st.lists(
	st.one_of(
		st.tuples(st.just("days"), st.integers(1, 8)),
		st.tuples(st.just("run"), st.none()),
		st.tuples(
			st.just("killed"),
			st.tuples(st.sampled_from(["before commit", "after commit", "insert"]), st.integers(1, 12)),
		),
		st.tuples(st.just("signal"), CUSTOMERS),
		st.tuples(st.just("void"), CUSTOMERS),
		st.tuples(st.just("close"), CUSTOMERS),
		st.tuples(st.just("capacity"), st.integers(1, 3)),
	),
	min_size=4,
	max_size=10,
)


class Killed(BaseException):
	"""Nothing catches it, as nothing catches a kill."""


class Oracle:
	"""What is to happen, one customer and one day after the other."""

	def __init__(self) -> None:
		self.day, self.planned_until, self.capacity = START, START - timedelta(days=1), 2
		self.waiting: list[tuple[date, str, str]] = []  # due from, key, customer
		self.todos: dict[str, dict] = {}
		self.events: list[tuple[str, str, date]] = []  # key, customer, day; not yet read
		self.void: set[str] = set()
		self.used: dict[tuple[str, date], int] = defaultdict(int)

	def run(self) -> None:
		self.waiting = [each for each in self.waiting if each[1].removeprefix(f"{SIGNAL}|") not in self.void]
		for key, todo in self.todos.items():
			if key.removeprefix(f"{SIGNAL}|") in self.void and todo["status"] == "Open":
				todo["status"] = "Cancelled"
		busy = {customer for _due, key, customer in self.waiting if key.startswith(CADENCE)}
		busy |= {
			todo["customer"]
			for key, todo in self.todos.items()
			if key.startswith(CADENCE) and todo["status"] == "Open"
		}
		for name in NAMES:
			starts = []
			day = self.planned_until + timedelta(days=1)
			while day <= self.day:
				place = crc32(f"{CADENCE}|{name}".encode()) % EVERY
				if day.toordinal() % EVERY == place:
					starts.append((day.toordinal() - place) // EVERY)
				day += timedelta(days=1)
			if starts and name not in busy:
				self.waiting.append((self.day, f"{CADENCE}|{name}|{EVERY} Days|{starts[-1]}", name))
		self.planned_until = max(self.planned_until, self.day)
		for key, name, day in self.events:
			if key not in self.void:
				self.waiting.append((day, f"{SIGNAL}|{key}", name))
		self.events = []
		entry = {"A": 500_000, "B": 100_000, None: -1}
		self.waiting.sort(key=lambda each: (-entry[ABOUT[each[2]][0]], -ABOUT[each[2]][1], each[0], each[1]))
		still = []
		for each in self.waiting:
			rep = ABOUT[each[2]][2]
			if self.used[rep, self.day] < self.capacity:
				self.used[rep, self.day] += 1
				self.todos[each[1]] = {"customer": each[2], "status": "Open", "user": rep, "day": self.day}
			else:
				still.append(each)
		self.waiting = still


@pytest.fixture(scope="module")
def world(site: str) -> Iterator[None]:
	with clean_slate(), only_these_rules():
		for rep in REPS:
			user(rep, "Sales User")
		for name, (tier, money, rep) in ABOUT.items():
			customer(name, None, account_manager=rep)
			frappe.db.set_value("Customer", name, {"customer_tier": tier, "annual_value": money})
		frappe.db.commit()
		yield
		frappe.db.rollback()
		frappe.db.set_single_value("Tiering Settings", "follow_ups_per_day", 20)
		frappe.db.commit()


@contextmanager
def only_these_rules() -> Iterator[None]:
	others = frappe.get_all("Follow Up Rule", filters={"enabled": 1}, pluck="name")
	frappe.db.set_value("Follow Up Rule", {"name": ("in", others)}, "enabled", 0, update_modified=False)
	values = {"doctype": "Follow Up Rule", "description": "Call", "enabled": 1, "close_on_order": 0}
	mine = [
		frappe.get_doc(
			{**values, "rule_name": CADENCE, "trigger": "Cadence", "every": EVERY, "every_unit": "Days"}
		),
		frappe.get_doc({**values, "rule_name": SIGNAL, "trigger": "Signal", "signal": "Declining"}),
	]
	for rule in mine:
		rule.insert()
	frappe.db.commit()
	try:
		yield
	finally:
		frappe.db.rollback()
		for rule in mine:
			frappe.delete_doc("Follow Up Rule", rule.name, force=True)
		frappe.db.set_value("Follow Up Rule", {"name": ("in", others)}, "enabled", 1, update_modified=False)
		frappe.db.commit()


def reset() -> Oracle:
	frappe.db.rollback()
	for table in ("tabToDo", "tabFollow Up", "tabTiering Event"):
		frappe.db.sql(f"DELETE FROM `{table}`")
	oracle = Oracle()
	frappe.db.sql(
		"UPDATE `tabFollow Up Rule` SET last_event = NULL, planned_until = %s", oracle.planned_until
	)
	set_capacity(oracle)
	return oracle


def set_capacity(oracle: Oracle) -> None:
	frappe.db.set_single_value("Tiering Settings", "follow_ups_per_day", oracle.capacity)
	frappe.db.commit()


def add_event(number: int, name: str, day: date, **values: object) -> None:
	row = {
		"name": f"TR-00000001-{number:07d}",
		"customer": name,
		"decision": "Signal",
		"signal": "Declining",
		"cause": "Time",
		"as_of": day,
		**values,
	}
	frappe.db.bulk_insert("Tiering Event", list(row), [list(row.values())])
	frappe.db.commit()


@contextmanager
def death(point: str, number: int) -> Iterator[None]:
	"""Dies at the so-manyth commit, just before or after it, or while the so-manyth ToDo is written."""
	left = [number]
	commit, insert = frappe.db.commit, todos._insert

	def dying_commit() -> None:
		left[0] -= 1
		if not left[0] and point == "before commit":
			raise Killed
		commit()
		if not left[0]:
			raise Killed

	def dying_insert(*arguments: object) -> str:
		left[0] -= 1
		name = insert(*arguments)
		if not left[0]:
			raise Killed
		return name

	where = (
		patch.object(todos, "_insert", dying_insert)
		if point == "insert"
		else patch.object(frappe.db, "commit", dying_commit)
	)
	with where:
		try:
			yield
		except Killed:
			frappe.db.rollback()


def found() -> dict[str, dict]:
	rows = frappe.db.sql(
		"""SELECT todo.follow_up_key AS follow_up_key, todo.reference_name AS customer, todo.status,
			todo.allocated_to AS user, follow_up.handed_out_on AS day
		FROM tabToDo todo JOIN `tabFollow Up` follow_up ON follow_up.todo = todo.name
			AND follow_up.follow_up_key = todo.follow_up_key""",
		as_dict=True,
	)
	assert len(rows) == frappe.db.count("ToDo") == frappe.db.count("Follow Up", {"status": "Handed Out"})
	return {row.pop("follow_up_key"): dict(row) for row in rows}


# To shrink a failure would take minutes: a life is short enough to read.
@settings(
	max_examples=15,
	deadline=None,
	derandomize=True,
	suppress_health_check=list(HealthCheck),
	phases=[Phase.explicit, Phase.generate],
)
@given(STEPS)
def test_the_todos_are_those_that_plain_python_expects(world: None, steps: list) -> None:
	oracle = reset()
	numbers = iter(range(1, 1000))
	for what, value in [*steps, ("run", None)]:
		if what == "days":
			oracle.day += timedelta(days=value)
		elif what == "killed":
			with death(*value):
				run_follow_ups(oracle.day)
			run_follow_ups(oracle.day)
			oracle.run()
		elif what == "run":
			run_follow_ups(oracle.day)
			assert run_follow_ups(oracle.day)["created"] == 0
			oracle.run()
		elif what == "signal":
			number = next(numbers)
			key = f"{value}|Declining|{number}"
			add_event(number, value, oracle.day, signal_key=key)
			oracle.events.append((key, value, oracle.day))
		elif what == "void":
			known = {each["signal_key"] for each in events_of(value)} - oracle.void
			for key in sorted(known)[:1]:
				add_event(next(numbers), value, oracle.day, decision="Void", voids=key)
				oracle.void.add(key)
		elif what == "close":
			for key, todo in oracle.todos.items():
				if todo["customer"] == value and todo["status"] == "Open":
					doc = frappe.get_doc("ToDo", {"follow_up_key": key})
					doc.status = todo["status"] = "Closed"
					doc.save()
					frappe.db.commit()
					break
		else:
			oracle.capacity = value
			set_capacity(oracle)
	assert found() == oracle.todos
	waiting = frappe.get_all("Follow Up", filters={"status": "Waiting"}, pluck="follow_up_key")
	assert sorted(waiting) == sorted(key for _due, key, _customer in oracle.waiting)


def events_of(name: str) -> list[dict]:
	filters = {"customer": name, "signal_key": ("is", "set")}
	return frappe.get_all("Tiering Event", filters=filters, fields=["signal_key"])
