"""What writing follow-ups costs against the framework's own way to assign, and what deciding about everybody costs.

	make test ARGS="tests/benchmarks/follow_ups.py -s"
	CUSTOMERS=100000 make test ARGS="tests/benchmarks/follow_ups.py -s"

prints rates on the same site in the same minutes, and their ratio. It asserts nothing: machines are noisy.
"""

import os
import time
from collections.abc import Iterator

import frappe
import pytest
from frappe.desk.form import assign_to
from frappe.utils import add_days, getdate

from customer_tiering.follow_up.create import no_progress
from customer_tiering.follow_up.digest import tell
from customer_tiering.follow_up.hand_out import decide
from customer_tiering.follow_up.plan import plan
from customer_tiering.follow_up.todos import write
from tests.site.sleepers import user

CUSTOMERS = int(os.environ.get("CUSTOMERS", 20_000))
WRITTEN = 300
NOW = "'2020-01-01', '2020-01-01', 'Administrator', 'Administrator'"
REP = "bench.rep@example.com"
RULE = "Benchmark"


@pytest.fixture
def crowd(site: str) -> Iterator[None]:
	"""Customers with an account manager, and a rule that calls everybody once a month."""
	user(REP, "Sales User")
	frappe.db.sql(
		f"""INSERT INTO tabCustomer
			(name, creation, modified, owner, modified_by, customer_name, customer_type, account_manager, annual_value)
		SELECT CONCAT('BENCH-', seq), {NOW}, CONCAT('Bench ', seq), 'Company', %s, CRC32(seq) %% 1000000
		FROM seq_1_to_{CUSTOMERS}""",
		REP,
	)
	enabled = frappe.get_all("Follow Up Rule", {"enabled": 1}, pluck="name")
	frappe.db.set_value("Follow Up Rule", {"name": ("in", enabled)}, "enabled", 0)
	frappe.get_doc(
		doctype="Follow Up Rule",
		rule_name=RULE,
		trigger="Cadence",
		every=1,
		every_unit="Months",
		description="<p>Call {{ customer.customer_name | e }}</p>",
	).insert()
	frappe.db.commit()
	yield
	frappe.db.rollback()
	frappe.db.delete("ToDo", {"reference_name": ("like", "BENCH-%")})
	frappe.db.delete("Comment", {"reference_name": ("like", "BENCH-%")})
	frappe.db.delete("Customer", {"name": ("like", "BENCH-%")})
	frappe.db.delete("Follow Up")
	frappe.delete_doc("Follow Up Rule", RULE, force=True)
	frappe.db.set_value("Follow Up Rule", {"name": ("in", enabled)}, "enabled", 1)
	frappe.db.set_single_value("Tiering Settings", "follow_ups_per_day", 20)
	frappe.db.commit()


def test_follow_ups(crowd: None) -> None:
	theirs = min(assigned(start) for start in (1, 1 + WRITTEN))
	ours = min(handed_out(number) for number in (1, 2))
	print(f"\nassign_to.add        {WRITTEN / theirs:8.1f} ToDos/s")
	print(
		f"follow-ups, all told {WRITTEN / ours:8.1f} ToDos/s   {theirs / ours:.2f} x (without deciding, see below)"
	)
	deciding()


def assigned(start: int) -> float:
	began = time.perf_counter()
	for number in range(start, start + WRITTEN):
		args = {"assign_to": [REP], "doctype": "Customer", "name": f"BENCH-{number}", "description": "Call"}
		assign_to.add(args, ignore_permissions=True)
		if not number % 100:
			frappe.db.commit()
	frappe.db.commit()
	return time.perf_counter() - began


def handed_out(number: int) -> float:
	"""From what was decided to the notice: as many ToDos as `assigned` makes."""
	frappe.db.set_single_value("Tiering Settings", "follow_ups_per_day", WRITTEN)
	day = add_days(getdate(), 10 * number)
	frappe.db.set_value("Follow Up Rule", RULE, "planned_until", add_days(day, -9))
	frappe.db.delete("Follow Up", {"status": "Waiting"})
	frappe.db.commit()
	plan(day, frappe.db.commit)
	decision = decide(day)
	began = time.perf_counter()
	assert write(decision, day, frappe.db.commit, no_progress) == (WRITTEN, 0)
	tell()
	return time.perf_counter() - began


def deciding() -> None:
	"""A whole month's calls at once: about every customer."""
	frappe.db.set_value("Follow Up Rule", RULE, "planned_until", add_days(getdate(), -40))
	frappe.db.delete("Follow Up")
	frappe.db.delete("ToDo", {"follow_up_rule": RULE})
	frappe.db.commit()
	began = time.perf_counter()
	plan(getdate(), frappe.db.commit)
	planned = time.perf_counter()
	decision = decide(getdate())
	done = time.perf_counter()
	many = len(decision.full) + len(decision.to_hand_out)
	print(f"{many} due of {CUSTOMERS}: found in {planned - began:.2f} s, decided in {done - planned:.2f} s")
