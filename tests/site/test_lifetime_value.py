"""Predicted lifetime values on a site: what is read, what is written on whom, and what is said where there is nothing to say."""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from unittest.mock import patch

import frappe
import pandas as pd
import pytest
from frappe.utils import add_days, fmt_money, format_date, getdate

from customer_tiering.engine.buyers import buyers, order_days
from customer_tiering.engine.lifetime_value import NoFitError, fit
from customer_tiering.engine.policy import Policy
from customer_tiering.tiering import api, lifetime_value, lifetime_value_jobs
from customer_tiering.tiering.daily_orders import read_daily_orders
from customer_tiering.tiering.fit_in_words import Refusal
from customer_tiering.tiering.lifetime_value import DOCTYPE, LOCK, fit_lifetime_value
from customer_tiering.tiering.limits import MOST_MONEY
from customer_tiering.tiering.lock import RunInProgressError, only_one
from customer_tiering.tiering.policy import read_policy
from customer_tiering.tiering.prediction import prediction_of
from tests.site import factories as make
from tests.site.test_facts import POLICIES, companies  # noqa: F401
from tests.site.worlds import World, insert, make_world, write

AS_OF = date(2026, 6, 30)
SHOPPERS = 260
DOUBTS = "customer_tiering.engine.lifetime_value.refuse_absurd"


@pytest.fixture
def new_site(site: str) -> Iterator[None]:
	with make.uncommitted():
		make.as_if_new()
		frappe.db.delete(DOCTYPE)
		frappe.db.sql("UPDATE tabCustomer SET predicted_clv = 0")
		yield


@pytest.fixture
def shoppers(new_site: None, company: str) -> dict[str, list[tuple[date, float]]]:
	"""Customers who came at random and stopped at random, with the days and amounts of their invoices."""
	chance = random.Random(4)
	found: dict[str, list[tuple[date, float]]] = {}
	for number in range(SHOPPERS):
		at, paid = AS_OF - timedelta(days=chance.randint(300, 700)), chance.uniform(20, 200)
		mine = found.setdefault(f"Shopper {number:03d}", [])
		while at <= AS_OF:
			mine.append((at, round(paid * chance.uniform(0.5, 1.5), 2)))
			if chance.random() < 0.2:
				break
			at += timedelta(days=1 + int(chance.expovariate(1 / 60)))
	insert("Customer", [{"name": name, "customer_name": name} for name in found])
	insert(
		"Sales Invoice",
		[
			invoice(f"{name}-{number}", name, company, *sold)
			for name, orders in found.items()
			for number, sold in enumerate(orders)
		],
	)
	return found


def invoice(name: str, customer: str, company: str, day: date, amount: float) -> dict:
	row = {"name": name, "customer": customer, "company": company, "posting_date": day}
	flags = {"docstatus": 1, "is_return": 0, "is_debit_note": 0, "is_opening": "No"}
	return {**row, "base_net_total": amount, **flags}


def predictions() -> dict[str, float]:
	rows = frappe.db.sql("SELECT name, predicted_clv FROM tabCustomer WHERE predicted_clv != 0")
	return {name: float(value) for name, value in rows}


def last_fit() -> "frappe.Document":
	return frappe.get_last_doc(DOCTYPE)


class TestDaysWithOrders:
	@pytest.mark.parametrize("name", POLICIES)
	def test_as_somebody_would_who_reads_the_documents(
		self,
		site: str,
		companies: dict[str, str],  # noqa: F811
		name: str,
	) -> None:
		policy = replace(read_policy(), **POLICIES[name])
		world = make_world(random.Random(name), AS_OF, companies, people=60)
		write(world)
		found = order_days(read_daily_orders(policy, AS_OF))
		got = {(r.customer, r.day.date()): round(r.money, 2) for r in found.itertuples()}
		expected = expected_days(world, policy)
		assert got == {at: pytest.approx(float(money), abs=0.005) for at, money in expected.items()}
		assert len(got) > 30

	def test_real_documents(self, new_site: None) -> None:
		"""Two invoices of a day are one order day; a return goes where its invoice is, a credit note to the order before."""
		customer = make.make_customer().name
		first = make.make_invoice(customer, 100, "2026-01-10")
		make.make_invoice(customer, 50, "2026-01-10")
		undone = make.make_invoice(customer, 70, "2026-02-01")
		make.make_invoice(customer, 30, "2026-03-01")
		make.make_return(undone, "2026-03-15")
		make.make_return(first, "2026-03-20", rate=10)
		make.make_credit_note(customer, 5, "2026-03-25")
		make.make_debit_note(first, 20, "2026-02-15")
		make.make_invoice(customer, 999, "2026-07-01")
		days = order_days(read_daily_orders(read_policy(), AS_OF))
		own = days[days["customer"] == customer]
		assert [(str(r.day.date()), r.money) for r in own.itertuples()] == [
			("2026-01-10", 160),
			("2026-03-01", 25),
		]

	def test_before_the_return_the_order_was_one(self, new_site: None) -> None:
		customer = make.make_customer().name
		make.make_return(make.make_invoice(customer, 70, "2026-02-01"), "2026-03-15")
		for day, orders in (("2026-03-14", 1), ("2026-03-15", 0)):
			days = order_days(read_daily_orders(read_policy(), getdate(day)))
			assert (days["customer"] == customer).sum() == orders


def expected_days(world: World, policy: Policy) -> dict[tuple[str, date], Decimal]:
	"""One document after the other, in plain Python: the days with orders and what belongs to each."""
	papers = [p for p in world.papers(policy) if world.counts(p, policy) and p.day <= AS_OF]
	by_name = {paper.name: paper for paper in papers}
	found: dict[tuple[str, date], Decimal] = {}
	for customer in {paper.customer for paper in papers}:
		own = [paper for paper in papers if paper.customer == customer]
		days = sorted({p.day for p in own if world.is_order(p, policy, AS_OF)})
		for paper in own if days else ():
			day = by_name.get(paper.return_against, paper).day if paper.is_return else paper.day
			at = max((known for known in days if known <= day), default=days[0])
			found[customer, at] = found.get((customer, at), Decimal(0)) + (world.money(paper, policy) or 0)
	return found


class TestFit:
	def test_it_writes_what_the_model_says_about_each(self, shoppers: dict[str, list]) -> None:
		rows = [(name, pd.Timestamp(day), 1, paid) for name, sold in shoppers.items() for day, paid in sold]
		known = buyers(order_days(pd.DataFrame(rows, columns=["customer", "day", "orders", "money"])), AS_OF)
		expected = fit(known).predict(known, 365)["value"].round(2)
		result = fit_lifetime_value(AS_OF)
		assert result.is_fitted
		assert predictions() == pytest.approx(expected[expected > 0].to_dict(), abs=0.011)
		record = last_fit()
		assert (record.status, record.as_of, record.horizon_months) == ("Fitted", AS_OF, 12)
		assert (record.customers, record.repeaters) == (SHOPPERS, (known["frequency"] > 0).sum())
		assert record.predicted == pytest.approx(sum(predictions().values()), abs=0.01)
		assert record.changed == len(predictions()) and record.currency == "USD"
		assert 0 < record.test_error and 0 < record.naive_error and record.test_note
		assert record.orders_alpha > 0 and record.orders_log_likelihood < 0 < record.spend_gamma
		assert record.finished_at >= record.started_at and not record.reason

	def test_only_changed_rows_and_nobody_notices(self, shoppers: dict[str, list]) -> None:
		stamps = dict(frappe.db.sql("SELECT name, modified FROM tabCustomer"))
		fit_lifetime_value(AS_OF)
		assert dict(frappe.db.sql("SELECT name, modified FROM tabCustomer")) == stamps
		assert fit_lifetime_value(AS_OF).values["changed"] == 0
		name = max(predictions(), key=predictions().get)
		before = predictions()
		frappe.db.set_value("Customer", name, "predicted_clv", 1, update_modified=False)
		with patch.object(lifetime_value.temporary, "fill", wraps=lifetime_value.temporary.fill) as fill:
			assert fit_lifetime_value(AS_OF).values["changed"] == 1
		assert fill.call_args.args[2] == [(name, before[name])]
		assert predictions() == before

	def test_runs_leave_it_alone(self, shoppers: dict[str, list]) -> None:
		fit_lifetime_value(AS_OF)
		before = predictions()
		make.recompute(AS_OF)
		make.recompute(AS_OF, customers=[next(iter(shoppers))])
		assert predictions() == before

	def test_a_dry_run_writes_nothing(self, shoppers: dict[str, list]) -> None:
		result = fit_lifetime_value(AS_OF, dry_run=True)
		assert result.is_fitted and result.name is None and result.values["changed"] == SHOPPERS
		assert not predictions() and not frappe.db.count(DOCTYPE)

	def test_whoever_does_not_count_has_no_number(self, shoppers: dict[str, list]) -> None:
		fit_lifetime_value(AS_OF)
		gone, internal, *_others = predictions()
		frappe.db.set_value("Customer", gone, "disabled", 1)
		frappe.db.set_value("Customer", internal, "is_internal_customer", 1)
		result = fit_lifetime_value(AS_OF)
		assert not {gone, internal} & set(predictions())
		assert result.values["customers"] == SHOPPERS - 2

	def test_more_months_are_more_and_a_discount_makes_them_less(self, shoppers: dict[str, list]) -> None:
		def total(months: int, discount: float) -> float:
			frappe.db.set_single_value("Tiering Settings", "clv_horizon_months", months)
			frappe.db.set_single_value("Tiering Settings", "clv_discount_percent", discount)
			frappe.clear_document_cache("Tiering Settings", "Tiering Settings")
			return fit_lifetime_value(AS_OF, dry_run=True).values["predicted"]

		year = total(12, 0)
		assert total(6, 0) < year < total(24, 0)
		assert 0.9 * year < total(12, 10) < 0.99 * year

	def test_one_beyond_all_measure_stops_nobody(self, shoppers: dict[str, list]) -> None:
		name = max(shoppers, key=lambda shopper: len(shoppers[shopper]))
		frappe.db.sql("UPDATE `tabSales Invoice` SET base_net_total = 9e11 WHERE customer = %s", name)
		with patch(DOUBTS):
			result = fit_lifetime_value(AS_OF)
		assert result.is_fitted and name in last_fit().notes
		assert max(predictions().values()) == predictions()[name] == pytest.approx(MOST_MONEY, rel=1e-6)
		assert last_fit().predicted == pytest.approx(MOST_MONEY, rel=1e-6)
		sentences = prediction_of(frappe.get_doc("Customer", name))["sentences"]
		assert "too large" in sentences[0]

	def test_what_was_returned_later_was_known_before(self, shoppers: dict[str, list], company: str) -> None:
		before = fit_lifetime_value(AS_OF, dry_run=True).values
		cut = before["test_from"]
		once = next(name for name, sold in shoppers.items() if len(sold) == 1 and sold[0][0] < cut)
		row = invoice("back", once, company, cut + timedelta(days=5), -shoppers[once][0][1])
		insert("Sales Invoice", [{**row, "is_return": 1, "return_against": f"{once}-0"}])
		after = fit_lifetime_value(AS_OF, dry_run=True).values
		assert after["customers"] == before["customers"] - 1
		same = ("test_from", "test_customers", "naive_error", "test_error")
		assert [after[key] for key in same] == [
			pytest.approx(before[key]) if isinstance(before[key], float) else before[key] for key in same
		]

	def test_other_days_are_for_dry_runs(self, new_site: None) -> None:
		with patch.dict(frappe.conf, {"allow_tests": 0, "customer_tiering_demo": 0}):
			with pytest.raises(frappe.ValidationError, match="only as of today"):
				fit_lifetime_value(add_days(getdate(), -1))
		assert not frappe.db.count(DOCTYPE)


class TestNoFit:
	def test_too_few_empties_the_numbers_and_says_why(self, shoppers: dict[str, list]) -> None:
		fit_lifetime_value(AS_OF)
		frappe.db.sql("DELETE FROM `tabSales Invoice` WHERE customer > 'Shopper 050'")
		result = fit_lifetime_value(AS_OF)
		assert not result.is_fitted and not predictions()
		record = last_fit()
		assert record.status == "Not Fitted" and record.repeaters < 51
		assert record.reason == (
			f"{record.repeaters} customers have ordered on more than one day and brought money; a model takes 100 or more."
		)
		assert not record.test_note and not record.error

	def test_a_past_that_is_too_short_is_no_test(self, shoppers: dict[str, list]) -> None:
		"""All that there is happened within half a year, where a quarter has not a hundred who came back."""
		start = AS_OF - timedelta(days=60)
		frappe.db.sql("DELETE FROM `tabSales Invoice` WHERE name LIKE 'Shopper%%'")
		company = make.ensure_company()
		late = [invoice(f"{n}-a", n, company, start, 10) for n in shoppers]
		late += [invoice(f"{n}-b", n, company, AS_OF - timedelta(days=5), 12) for n in list(shoppers)[:150]]
		insert("Sales Invoice", late)
		result = fit_lifetime_value(AS_OF)
		assert not result.is_fitted and "go back 60 days" in last_fit().reason
		assert last_fit().test_note == (
			"Not tested on the past: 0 customers have ordered on more than one day and brought money; a model takes 100 or more."
		)
		assert not last_fit().test_days

	def test_every_reason_has_its_sentence(self, site: str) -> None:
		reasons = [value for key, value in vars(NoFitError).items() if key.isupper()]
		assert len({Refusal(reason, 1, 2).in_words() for reason in reasons}) == len(reasons) == 8

	def test_is_said_in_the_reader_s_language(self, shoppers: dict[str, list]) -> None:
		"""Though a job wrote it, which speaks English."""
		fit_lifetime_value(AS_OF)
		frappe.db.sql("DELETE FROM `tabSales Invoice` WHERE customer > 'Shopper 050'")
		fit_lifetime_value(AS_OF)
		tested, refused = frappe.get_all(DOCTYPE, order_by="creation desc", limit=2, pluck="name")[::-1]
		frappe.local.lang = "zh"
		try:
			for name, field in ((tested, "test_note"), (refused, "reason")):
				shown = frappe.get_doc(DOCTYPE, name)
				written = shown.get(field)
				shown.run_method("onload")
				assert written.isascii() and "客户" in shown.get(field)
			assert shown.reason in TestOnTheForm().said(min(shoppers))
		finally:
			frappe.local.lang = "en"

	def test_what_goes_wrong_leaves_the_numbers(self, shoppers: dict[str, list]) -> None:
		fit_lifetime_value(AS_OF)
		before = predictions()
		with (
			patch.object(lifetime_value, "_tested", side_effect=ZeroDivisionError("Broken")),
			patch.object(frappe.db, "rollback"),
			pytest.raises(ZeroDivisionError),
		):
			fit_lifetime_value(AS_OF)
		assert predictions() == before
		assert last_fit().status == "Failed" and "Broken" in last_fit().error


class TestOnTheForm:
	"""What the customer's form says beside the number, or in its place."""

	def said(self, customer: str) -> str:
		return " ".join(api.customer_hints(customer)["prediction"]["sentences"])

	def test_the_day_of_the_fit_and_how_far_it_was_off(self, shoppers: dict[str, list]) -> None:
		name, *_others = sorted(shoppers)
		assert "the first one comes with the weekly fit" in self.said(name)
		fit_lifetime_value(AS_OF)
		with_number = next(iter(predictions()))
		fit = last_fit()
		assert api.customer_hints(with_number)["prediction"]["fit"] == fit.name
		frappe.db.set_single_value("Tiering Settings", "reporting_currency", "EUR")
		make.forget_cached_rules()
		hints = api.customer_hints(with_number)
		assert (hints["currency"], hints["prediction"]["currency"]) == ("EUR", fit.currency)
		said = self.said(with_number)
		assert f"12 months from {format_date(AS_OF)} on" in said
		assert f"off by {fmt_money(fit.test_error, currency=fit.currency)} a customer" in said
		assert "do not rely" not in said and fit.test_error < fit.naive_error
		fit.db_set("naive_error", fit.test_error / 2)
		assert "do not rely on this number alone" in self.said(with_number)
		fit_lifetime_value(AS_OF)
		assert re.search(
			r"No prediction: (\d+) of \1 documents have no exchange rate", self.said(with_number)
		)

	def test_every_customer_without_a_number_has_a_reason(self, shoppers: dict[str, list]) -> None:
		fit_lifetime_value(AS_OF)
		name, *_others = sorted(shoppers)
		frappe.db.set_value("Customer", name, {"predicted_clv": 0, "last_order_date": None})
		assert "has not ordered yet" in self.said(name)
		frappe.db.set_value("Customer", name, "last_order_date", AS_OF + timedelta(days=1))
		assert f"after the last fit of {format_date(AS_OF)}" in self.said(name)
		frappe.db.set_value("Customer", name, "last_order_date", AS_OF)
		assert "expects no money" in self.said(name)
		last_fit().db_set({"status": "Not Fitted", "reason": "Too few."})  # as old records are
		assert self.said(name) == "No prediction: Too few."
		frappe.db.set_value("Customer", name, "disabled", 1)
		assert "disabled" in self.said(name)


class TestOneAtATime:
	def test_two_at_once(self, new_site: None, bench_command: Callable) -> None:
		with only_one(LOCK, "refused"):
			done = bench_command("tiering", "clv")
		assert done.returncode == 1
		assert "Another fit of lifetime values is at work" in done.stderr and "Traceback" not in done.stderr
		with only_one(LOCK, "refused"):  # a connection gets its own lock again: this one isn't held any more
			pass

	def test_a_killed_one_is_marked(self, new_site: None) -> None:
		dead = frappe.get_doc(doctype=DOCTYPE, status="Running", as_of=AS_OF).insert()
		fit_lifetime_value(AS_OF)
		assert frappe.db.get_value(DOCTYPE, dead.name, "status") == "Interrupted"
		assert last_fit().status == "Not Fitted"

	def test_the_refusal_is_an_error_of_its_own(self, site: str) -> None:
		assert issubclass(RunInProgressError, frappe.ValidationError)


class TestJobs:
	def test_weekly_once_somebody_has_agreed_to_the_first_run(self, new_site: None) -> None:
		with patch.object(frappe, "enqueue") as enqueue:
			lifetime_value_jobs.fit_lifetime_value_weekly()
			assert not enqueue.called
			make.make_customer()
			make.recompute(AS_OF)
			enqueue.reset_mock()
			lifetime_value_jobs.fit_lifetime_value_weekly()
		((method,), options) = enqueue.call_args
		assert method is lifetime_value_jobs.run_fit and options["deduplicate"]
		hooks = frappe.get_hooks("scheduler_events")["weekly_long"]
		assert "customer_tiering.tiering.lifetime_value_jobs.fit_lifetime_value_weekly" in hooks

	def test_settings_that_predictions_follow_from_start_a_fit(self, new_site: None) -> None:
		def fits_after(**values: object) -> int:
			settings = frappe.get_doc("Tiering Settings")
			settings.update(values)
			with (
				patch.object(frappe, "enqueue") as enqueue,
				patch.object(type(settings), "refuse_unused_currency"),
			):
				settings.save()
			return sum(call.args[:1] == (lifetime_value_jobs.run_fit,) for call in enqueue.call_args_list)

		assert fits_after(clv_horizon_months=6) == 0  # nobody has agreed to the first run yet
		make.make_customer()
		make.recompute(AS_OF)
		assert fits_after(sleep_default_days=33) == 0
		for fits in (1, 0):
			assert fits_after(companies=[{"company": make.ensure_company()}]) == fits
		assert fits_after(reporting_currency="EUR") == 1
		assert fits_after(clv_horizon_months=18, clv_discount_percent=3) == 1

	def test_the_job_fits_and_shows_how_far_it_is(self, shoppers: dict[str, list]) -> None:
		with (
			patch.object(lifetime_value, "getdate", return_value=AS_OF),
			patch.object(frappe, "publish_progress") as shown,
		):
			lifetime_value_jobs.run_fit(show_progress=True)
		assert last_fit().status == "Fitted" and predictions()
		assert [call.kwargs["description"] for call in shown.call_args_list] == [
			"Reading orders",
			"Fitting",
			"Testing on the past",
			"Writing",
		]

	def test_the_button_is_for_managers(self, new_site: None) -> None:
		seller = make.ensure_user("clv-seller@example.com", "Sales User", "Sales Manager")
		manager = make.ensure_user("clv-manager@example.com", "Tiering Manager")
		with (
			patch.object(api, "get_queues", return_value=["long"]),
			patch.object(frappe, "enqueue") as enqueue,
		):
			frappe.set_user(seller)
			with pytest.raises(frappe.PermissionError):
				api.fit_lifetime_value_now()
			assert not enqueue.called
			frappe.set_user(manager)
			assert api.fit_lifetime_value_now()["last"] is None
			assert enqueue.called

	def test_the_button_says_that_no_worker_runs(self, new_site: None) -> None:
		with patch.object(api, "get_queues", return_value=[]), patch.object(frappe, "enqueue") as enqueue:
			with pytest.raises(frappe.ValidationError, match="tiering clv"):
				api.fit_lifetime_value_now()
		assert not enqueue.called

	def test_nobody_writes_a_fit_by_hand(self, new_site: None) -> None:
		fit_lifetime_value(AS_OF)
		frappe.set_user(make.ensure_user("clv-manager@example.com", "Tiering Manager"))
		record = last_fit()
		record.test_error = 0
		with pytest.raises(frappe.PermissionError):
			record.save()
		with pytest.raises(frappe.PermissionError):
			frappe.get_doc(doctype=DOCTYPE, status="Fitted", as_of=AS_OF).insert()


def test_nothing_but_jobs_imports_scipy(site: str) -> None:
	"""A web worker that boots and serves the form must not pay for it."""
	import subprocess
	import sys

	code = (
		"import sys; import customer_tiering.tiering.api, customer_tiering.tiering.customer, customer_tiering.commands;"
		"import customer_tiering.outreach.tracked_page;"
		"print({'scipy', 'pandas'} & set(sys.modules))"
	)
	done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
	assert done.stdout.strip() == "set()"
