"""What a run costs against the one aggregate that any answer must read, in the same minutes on the same data.

	make test ARGS="tests/benchmarks/runs.py -s"                 20,000 customers, 200,000 invoices
	CUSTOMERS=100000 make test ARGS="tests/benchmarks/runs.py -s"

prints medians in seconds and as multiples of the floor. It asserts nothing: machines are noisy.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import frappe
import pytest
from frappe.utils import getdate

from customer_tiering.customer_insights.simulation import rows_of, summarize
from customer_tiering.engine.policy import Tier
from customer_tiering.tiering import queue
from customer_tiering.tiering.policy import read_policy
from customer_tiering.tiering.proposal import Proposal, put
from customer_tiering.tiering.recompute import recompute
from customer_tiering.tiering.rule_changes import apply, undo
from customer_tiering.tiering.simulate import simulate

CUSTOMERS = int(os.environ.get("CUSTOMERS", 20_000))
ROUNDS = int(os.environ.get("ROUNDS", 5))
ORDERS_EACH = 10
OTHER_TIERS = tuple(
	Tier(name, value, is_top=name == "A")
	for name, value in zip("ABCD", (600_000, 400_000, 200_000, 0), strict=True)
)
NOW = "'2020-01-01', '2020-01-01', 'Administrator', 'Administrator'"
STANDARD = "creation, modified, owner, modified_by"


@pytest.fixture
def crowd(site: str) -> Iterator[None]:
	"""Customers with three years of orders; one order in thirty is returned, half of these wholly."""
	company = frappe.get_all("Company", limit=1, pluck="name")[0]
	frappe.db.sql(
		f"""INSERT INTO tabCustomer (name, {STANDARD}, customer_name, customer_type)
		SELECT CONCAT('BENCH-', seq), {NOW}, CONCAT('Bench ', seq), 'Company' FROM seq_1_to_{CUSTOMERS}"""
	)
	fields = f"name, {STANDARD}, docstatus, company, customer, posting_date, base_net_total, is_return, return_against"
	frappe.db.sql(
		f"""INSERT INTO `tabSales Invoice` ({fields})
		SELECT CONCAT('BI-', seq), {NOW}, 1, %s, CONCAT('BENCH-', 1 + CRC32(seq) %% {CUSTOMERS}),
			CURDATE() - INTERVAL CRC32(seq * 7) %% 1095 DAY, 10 + CRC32(seq * 13) %% 20000000 / 100, 0, NULL
		FROM seq_1_to_{CUSTOMERS * ORDERS_EACH}""",
		company,
	)
	frappe.db.sql(
		f"""INSERT INTO `tabSales Invoice` ({fields})
		SELECT CONCAT(name, '-R'), {NOW}, 1, company, customer, posting_date,
			-base_net_total * IF(CRC32(name) % 2, 1, 0.3), 1, name
		FROM `tabSales Invoice` WHERE name LIKE 'BI-%' AND CRC32(name) % 30 = 0"""
	)
	frappe.db.commit()
	frappe.db.sql("ANALYZE TABLE `tabSales Invoice`, tabCustomer")
	yield
	for table, pattern in (("Sales Invoice", "BI-%"), ("Customer", "BENCH-%")):
		frappe.db.delete(table, {"name": ("like", pattern)})
	for table in ("Tiering Event", "Tiering Run", "Tiering Queue"):
		frappe.db.delete(table)
	frappe.db.commit()


def test_runs(crowd: None) -> None:
	first = _seconds(recompute)
	work = {
		"floor: one covered aggregate": floor,
		"full run, nothing changed": recompute,
		"full run, dry": lambda: recompute(dry_run=True),
		"simulation, other tiers": lambda: other_rules(tiers=OTHER_TIERS),
		"simulation, other window": lambda: other_rules(window_months=6),
		"incremental, one customer": lambda: some(1),
		"incremental, one in twenty": lambda: some(CUSTOMERS // 20),
	}
	figures: dict[str, list[float]] = {name: [] for name in work}
	for _round in range(ROUNDS):
		for name, what in work.items():
			figures[name].append(_seconds(what))
	base = statistics.median(figures["floor: one covered aggregate"])
	print(
		f"\n{CUSTOMERS} customers, {CUSTOMERS * ORDERS_EACH} invoices; median of {ROUNDS}, and times the floor"
	)
	print(f"{'first run, all change (once)':32} {first:8.2f} s {first / base:7.1f}")
	for name, seconds in figures.items():
		median = statistics.median(seconds)
		print(f"{name:32} {median:8.2f} s {median / base:7.1f}")


def test_undo(crowd: None) -> None:
	"""What the run after an undo costs, that puts back whom the tried rules have moved."""
	recompute()
	print(f"\n{'full run, nothing changed':32} {_seconds(recompute):8.2f} s")
	proposal = Proposal()
	for tier, value in {"A": 600_000, "B": 400_000, "C": 200_000}.items():
		put(proposal.find("Customer Tier", tier), "entry_value", value)
	change = apply(proposal, "Try")
	print(f"{'full run by other rules':32} {_seconds(recompute):8.2f} s")
	undo(change)
	moved = frappe.db.count("Tiering Event", {"decision": "Tier", "cause": "Policy"})
	print(f"{'full run after the undo':32} {_seconds(recompute):8.2f} s, {moved} had been moved")
	frappe.db.delete("Tiering Rule Change")
	frappe.db.commit()


def floor() -> None:
	frappe.db.sql(
		"""SELECT customer, COUNT(*), MAX(posting_date), SUM(base_net_total) FROM `tabSales Invoice`
		WHERE company IN %(companies)s AND docstatus = 1 AND posting_date <= %(day)s GROUP BY customer""",
		{"companies": frappe.get_all("Company", pluck="name"), "day": getdate()},
	)
	frappe.db.rollback()


def other_rules(**changes: object) -> None:
	"""With what it would start and the rows of the page."""
	simulation = simulate(replace(read_policy(), **changes))
	assert "A" in set(simulation.customers["tier_then"])
	summarize(simulation, Proposal())
	rows_of(simulation.customers)
	frappe.db.rollback()


def some(count: int) -> None:
	queue.add([f"BENCH-{number}" for number in range(1, count + 1)], queue.ORDER)
	recompute(full=False)


def _seconds(work: Callable[[], object]) -> float:
	start = time.perf_counter()
	work()
	return time.perf_counter() - start
