"""Real purchases on a real site: every CDNOW customer is decided as the oracle decides.

All purchases are loaded in bulk. Some of them are also entered as real documents, for customers of their own.
"""

import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from math import log

import frappe
import pytest
from frappe.utils import now
from frappe.utils.background_jobs import get_queues

from customer_tiering.engine.policy import Policy, Segment
from customer_tiering.tiering.lifetime_value import fit_lifetime_value
from customer_tiering.tiering.recompute import recompute
from tests import cdnow, oracle
from tests.engine.populations import SMALL_TIERS, policy
from tests.oracle import Answer, Document, Person

SAMPLE = 60  # real documents take a tenth of a second and more
ITEM = "CDNOW Disc"
COMPARED = (
	"customer_tier",
	"lifecycle_stage",
	"rfm_score",
	"rfm_segment",
	"purchase_frequency",
	"annual_value",
	"annual_orders",
	"last_order_date",
)
Answers = dict[str, dict]


@pytest.fixture(scope="module")
def loaded(site: str) -> Iterator[Answers]:
	"""The site with all purchases and the small tiers, recomputed; gives what the oracle says."""
	jobs, runs = set(queued_jobs()), set(frappe.get_all("Tiering Run", pluck="name"))
	entry_values = {row.name: row.entry_value for row in frappe.get_all("Customer Tier", fields="*")}
	remove_everything()
	try:
		set_entry_values({tier.name: tier.entry_value for tier in SMALL_TIERS})
		load_in_bulk(cdnow.documents())
		recompute(as_of=cdnow.LAST_DAY)
		yield as_expected(cdnow.documents())
	finally:
		frappe.db.rollback()
		set_entry_values(entry_values)
		remove_everything()
		remove_runs_except(runs)
		remove_jobs_except(jobs)


@pytest.fixture(scope="module")
def twins(loaded: Answers) -> dict[str, str]:
	"""Customers whose purchases were entered again as real documents: twin by customer."""
	twins = {}
	make_item()
	for name, documents in sample(cdnow.documents()).items():
		twins[name] = make_customer(name.replace("CDNOW", "CDNOW Twin"))
		for document in documents:
			submit_invoice(twins[name], document)
	frappe.db.commit()
	recompute(as_of=cdnow.LAST_DAY)
	return twins


def test_the_invoices_tie_to_the_file(loaded: Answers) -> None:
	((rows, customers, total),) = frappe.db.sql(
		"""SELECT COUNT(*), COUNT(DISTINCT customer), SUM(base_net_total) FROM `tabSales Invoice`
		WHERE docstatus = 1 AND name LIKE 'CDNOW-%'"""
	)
	assert (rows, customers) == (cdnow.ROWS, cdnow.CUSTOMERS)
	assert Decimal(str(total)).quantize(Decimal("0.01")) == cdnow.TOTAL


def test_every_customer_is_decided_as_the_oracle_decides(loaded: Answers) -> None:
	found = decided(loaded)
	assert len(found) == cdnow.CUSTOMERS
	wrong = {name: (found[name], loaded[name]) for name in loaded if found[name] != loaded[name]}
	assert wrong == {}


def test_the_window_s_money_ties_to_the_file(loaded: Answers) -> None:
	found = decided(loaded).values()
	last_year = [row for row in cdnow.purchases() if row.day.isoformat() > "1997-06-30"]
	assert sum(Decimal(str(row["annual_value"])) for row in found) == sum(row.amount for row in last_year)
	assert sum(row["annual_orders"] for row in found) == len(last_year)


def test_a_second_run_changes_nothing(loaded: Answers) -> None:
	assert recompute(as_of=cdnow.LAST_DAY).changed == 0


def test_the_published_fits_come_from_the_invoices(loaded: Answers) -> None:
	"""As in tests/engine/test_cdnow_lifetime_value.py, where the numbers are explained; who isn't in the sample is out of account."""
	sample = {f"CDNOW {customer}" for customer in cdnow.sampled().values()}
	others = [name for name in loaded if name not in sample]
	try:
		frappe.db.sql("UPDATE tabCustomer SET disabled = 1 WHERE name IN %s", (others,))
		found = fit_lifetime_value(date(1997, 9, 30), dry_run=True).as_dict()
	finally:
		frappe.db.rollback()
	assert (found["status"], found["customers"], found["repeaters"]) == ("Fitted", 2357, 946)
	assert found["orders_r"] == pytest.approx(0.243, abs=0.0005)
	assert found["orders_alpha"] / 7 == pytest.approx(4.414, abs=0.0005)
	assert found["orders_a"] == pytest.approx(0.793, abs=0.0005)
	assert found["orders_b"] == pytest.approx(2.426, abs=0.0005)
	assert found["orders_log_likelihood"] + 2457 * log(7) == pytest.approx(-9582.4, abs=0.05)
	assert 3 < found["single_p"] < found["spend_p"]  # single orders spread more than their means let guess
	assert found["spend_p"] == pytest.approx(6.25, abs=0.005)
	assert found["spend_q"] == pytest.approx(3.74, abs=0.005)
	assert found["spend_gamma"] == pytest.approx(15.44, abs=0.005)


def test_the_command_writes_what_it_prints(loaded: Answers, bench_command: Callable) -> None:
	known = set(frappe.get_all("Lifetime Value Fit", pluck="name"))
	try:
		done = bench_command("tiering", "clv", "--as-of", str(cdnow.LAST_DAY), "--json")
		assert done.returncode == 0, done.stderr
		found = json.loads(done.stdout)
		written = decided(loaded, ("predicted_clv",))
		assert found["customers"] == cdnow.CUSTOMERS and found["test_error"] < found["naive_error"]
		assert found["changed"] == sum(row["predicted_clv"] > 0 for row in written.values()) > 20_000
		total = sum(row["predicted_clv"] for row in written.values())
		assert found["predicted"] == pytest.approx(total, abs=0.01)
		record = frappe.get_doc("Lifetime Value Fit", found["name"])
		assert record.status == "Fitted" and record.orders_r == pytest.approx(found["orders_r"], abs=1e-6)
		again = bench_command("tiering", "clv", "--as-of", str(cdnow.LAST_DAY))
		assert again.returncode == 0 and "23570 customers" in again.stdout and "; 0 changed;" in again.stdout
	finally:
		for name in set(frappe.get_all("Lifetime Value Fit", pluck="name")) - known:
			frappe.db.delete("Lifetime Value Fit", {"name": name})
		frappe.db.commit()


def test_real_documents_give_the_same_facts(loaded: Answers, twins: dict[str, str]) -> None:
	found = decided([*twins, *twins.values()])
	invoices = frappe.db.count("Sales Invoice", {"customer": ("in", list(twins.values())), "docstatus": 1})
	assert invoices >= SAMPLE
	assert {name: found[twin] for name, twin in twins.items()} == {name: found[name] for name in twins}


def test_real_documents_carry_the_money_and_the_day_of_the_file(twins: dict[str, str]) -> None:
	written = frappe.get_all(
		"Sales Invoice",
		filters={"customer": ("in", list(twins.values())), "docstatus": 1},
		fields=["customer", "posting_date", "base_net_total"],
		as_list=True,
	)
	expected = [
		(twins[d.customer], d.posting_date, float(d.base_net_total))
		for d in cdnow.documents()
		if d.customer in twins
	]
	assert sorted(written) == sorted(expected)


def as_expected(documents: list[Document]) -> Answers:
	"""What the oracle says, as it should stand on the customers."""
	people = [Person(name) for name in sorted({document.customer for document in documents})]
	answers = oracle.decide(people, documents, rules(), cdnow.LAST_DAY)
	return {name: _fields(answer) for name, answer in answers.items()}


def _fields(answer: Answer) -> dict:
	return {field: getattr(answer, field) for field in COMPARED} | {
		"annual_value": float(answer.annual_value)
	}


def rules() -> Policy:
	"""The default stages, the small tiers and the names of the site's segments."""
	rows = frappe.get_all("RFM Segment", fields=["name", "recency", "frequency", "monetary"])
	assert len(rows) == 8
	segments = tuple(
		Segment(r.name, r.recency == "Near", r.frequency == "High", r.monetary == "High") for r in rows
	)
	return policy(tiers=SMALL_TIERS, segments=segments)


def decided(names: Iterable[str], fields: Sequence[str] = COMPARED) -> Answers:
	"""What stands on the customers."""
	rows = frappe.db.sql(
		f"SELECT name, {', '.join(fields)} FROM `tabCustomer` WHERE name IN %(names)s",
		{"names": list(names)},
		as_dict=True,
	)
	return {row.pop("name"): {field: _plain(value) for field, value in row.items()} for row in rows}


def _plain(value: object) -> object:
	return float(value) if isinstance(value, Decimal) else value or None if isinstance(value, str) else value


def sample(documents: list[Document]) -> dict[str, list[Document]]:
	"""Whole customers at random until there are enough invoices; the first of them was given something for nothing."""
	by_customer = defaultdict(list)
	for document in documents:
		by_customer[document.customer].append(document)
	names = sorted(by_customer)
	random.Random(1998).shuffle(names)
	gifted = next(name for name in names if any(not d.base_net_total for d in by_customer[name]))
	chosen = {}
	for name in [gifted, *names]:
		chosen[name] = by_customer[name]
		if sum(map(len, chosen.values())) >= SAMPLE:
			return chosen


def load_in_bulk(documents: list[Document]) -> None:
	"""Customers and submitted invoices, straight into their tables."""
	company = frappe.get_all("Company", order_by="creation", limit=1, pluck="name")[0]
	stamp = {"owner": "Administrator", "modified_by": "Administrator", "creation": now(), "modified": now()}
	kind = {"customer_type": "Individual", **group_and_territory()}
	customers = [
		{"name": name, "customer_name": name, **kind, **stamp}
		for name in dict.fromkeys(document.customer for document in documents)
	]
	invoices = [
		{
			"name": document.name,
			"docstatus": 1,
			"customer": document.customer,
			"customer_name": document.customer,
			"company": company,
			"posting_date": document.posting_date,
			"base_net_total": document.base_net_total,
			"is_return": 0,
			"is_debit_note": 0,
			"is_opening": "No",
			**stamp,
		}
		for document in documents
	]
	for doctype, rows in (("Customer", customers), ("Sales Invoice", invoices)):
		frappe.db.bulk_insert(doctype, list(rows[0]), [tuple(row.values()) for row in rows])
	frappe.db.commit()


def group_and_territory() -> dict[str, str]:
	return {
		"customer_group": frappe.get_all("Customer Group", filters={"is_group": 0}, limit=1, pluck="name")[0],
		"territory": frappe.get_all("Territory", filters={"is_group": 0}, limit=1, pluck="name")[0],
	}


def make_item() -> None:
	group = frappe.get_all("Item Group", filters={"is_group": 0}, limit=1, pluck="name")[0]
	item = {"doctype": "Item", "item_code": ITEM, "item_group": group, "stock_uom": "Nos", "is_stock_item": 0}
	frappe.get_doc(item).insert()


def make_customer(name: str) -> str:
	customer = {"doctype": "Customer", "customer_name": name, "customer_type": "Individual"}
	return frappe.get_doc({**customer, **group_and_territory()}).insert().name


def submit_invoice(customer: str, document: Document) -> None:
	item = {"item_code": ITEM, "qty": 1, "rate": float(document.base_net_total)}
	invoice = {
		"doctype": "Sales Invoice",
		"customer": customer,
		"set_posting_time": 1,
		"posting_date": document.posting_date,
		"due_date": document.posting_date,
		"items": [item],
	}
	frappe.get_doc(invoice).insert().submit()


def set_entry_values(values: dict[str, float]) -> None:
	for tier, value in values.items():
		frappe.db.set_value("Customer Tier", tier, "entry_value", value)
	frappe.db.commit()


def remove_everything() -> None:
	"""Customers, item and invoices of this module, with all that submitting wrote. Also of a run that was killed."""
	ours = {"customer_name": ("like", "CDNOW %")}
	real = frappe.get_all("Sales Invoice", filters={"customer_name": ("like", "CDNOW Twin %")}, pluck="name")
	children = {table.options for table in frappe.get_meta("Sales Invoice").get_table_fields()}
	for doctype in children | {"Item Default", "UOM Conversion Detail"}:
		remove(doctype, {"parent": ("in", [*real, ITEM])})
	for doctype in ("GL Entry", "Payment Ledger Entry"):
		remove(doctype, {"voucher_no": ("in", real)})
	remove("Version", {"ref_doctype": "Sales Invoice", "docname": ("in", real)})
	remove("Sales Invoice", ours)
	remove("Customer", ours)
	remove("Item Price", {"item_code": ITEM})
	remove("Item", {"name": ITEM})
	frappe.db.commit()
	frappe.clear_document_cache("Item", ITEM)


def remove(doctype: str, filters: dict) -> None:
	if frappe.db.table_exists(doctype):
		frappe.db.delete(doctype, filters)


def remove_runs_except(known: set[str]) -> None:
	for run in set(frappe.get_all("Tiering Run", pluck="name")) - known:
		frappe.db.delete("Tiering Event", {"run": run})
		frappe.db.delete("Tiering Run", {"name": run})
	frappe.db.commit()


def queued_jobs() -> list[str]:
	return [job for queue in get_queues() for job in queue.job_ids]


def remove_jobs_except(known: set[str]) -> None:
	"""Submitting and recomputing enqueue jobs; whoever starts a worker next should not have to run them."""
	for queue in get_queues():
		for job in set(queue.job_ids) - known:
			queue.remove(job)
