"""What computing everybody's interests costs against the one aggregate over the orders' lines that any answer must read.

	make test ARGS="tests/benchmarks/interests.py -s"                 20,000 customers, 200,000 invoices of one line
	CUSTOMERS=100000 make test ARGS="tests/benchmarks/interests.py -s"

prints medians in seconds and as multiples of the floor. It asserts nothing: machines are noisy.
"""

import statistics
from collections.abc import Iterator

import frappe
import pytest

from customer_tiering.tiering.interest_api import preview_topic
from customer_tiering.tiering.interest_explain import explain_interests
from customer_tiering.tiering.interests import compute_interests
from tests.benchmarks.runs import CUSTOMERS, NOW, ORDERS_EACH, ROUNDS, STANDARD, _seconds, crowd

__all__ = ["crowd"]
ITEMS, TOPICS = 50, 10


@pytest.fixture
def catalogue(crowd: None) -> Iterator[None]:
	"""A line for each invoice and return, of one of 50 items; ten topics of five items each."""
	frappe.db.sql(
		f"""INSERT INTO tabItem (name, {STANDARD}, item_code, item_name, item_group)
		SELECT CONCAT('BENCH-', seq), {NOW}, CONCAT('BENCH-', seq), 'x', 'All Item Groups' FROM seq_1_to_{ITEMS}"""
	)
	lines = "name, parent, parenttype, parentfield, idx, item_code, base_net_amount, sales_invoice_item, docstatus"
	frappe.db.sql(
		f"""INSERT INTO `tabSales Invoice Item` ({STANDARD}, {lines})
		SELECT {NOW}, CONCAT(name, '-1'), name, 'Sales Invoice', 'items', 1,
			CONCAT('BENCH-', 1 + CRC32(COALESCE(return_against, name)) % {ITEMS}), base_net_total,
			CONCAT(return_against, '-1'), 1
		FROM `tabSales Invoice` WHERE name LIKE 'BI-%'"""
	)
	for number in range(TOPICS):
		sources = [
			{"source_type": "Item", "source": f"BENCH-{1 + number * ITEMS // TOPICS + each}"}
			for each in range(ITEMS // TOPICS)
		]
		frappe.get_doc(doctype="Interest Topic", topic_name=f"BENCH-{number}", sources=sources).insert()
	frappe.db.commit()
	frappe.db.sql("ANALYZE TABLE `tabSales Invoice Item`, tabItem")
	yield
	for table in ("Sales Invoice Item", "Item", "Interest Topic"):
		frappe.db.delete(table, {"name": ("like", "BENCH-%" if table != "Sales Invoice Item" else "BI-%")})
	frappe.db.delete("Interest Source", {"parent": ("like", "BENCH-%")})
	frappe.db.delete("Customer Interest", {"parent": ("like", "BENCH-%")})
	frappe.db.commit()


def test_interests(catalogue: None) -> None:
	first = _seconds(compute_interests)
	topic = frappe.get_doc("Interest Topic", "BENCH-0").as_json()
	work = {
		"floor: one aggregate over the lines": floor,
		"all customers, nothing changed": compute_interests,
		"preview of a topic": lambda: preview_topic(topic),
		"explanation of a customer": lambda: explain_interests("BENCH-7"),
	}
	figures: dict[str, list[float]] = {name: [] for name in work}
	for _round in range(ROUNDS):
		for name, what in work.items():
			figures[name].append(_seconds(what))
	base = statistics.median(figures["floor: one aggregate over the lines"])
	print(
		f"\n{CUSTOMERS} customers, {CUSTOMERS * ORDERS_EACH} lines; median of {ROUNDS}, and times the floor"
	)
	print(f"{'first run, all change (once)':36} {first:8.2f} s {first / base:7.1f}")
	for name, seconds in figures.items():
		median = statistics.median(seconds)
		print(f"{name:36} {median:8.2f} s {median / base:7.1f}")


def floor() -> None:
	frappe.db.sql(
		"""SELECT document.customer, line.item_code, COUNT(*), MAX(document.posting_date)
		FROM `tabSales Invoice` document JOIN `tabSales Invoice Item` line ON line.parent = document.name
		WHERE document.docstatus = 1 GROUP BY document.customer, line.item_code"""
	)
	frappe.db.rollback()
