"""What a run that broke off, a clock that was wrong or a figure beyond all measure leaves to the next runs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import frappe
import pytest
from frappe.utils import getdate

from customer_tiering.tiering import api, queue, store
from customer_tiering.tiering.scope import full_run_is_due
from tests.site import factories as make
from tests.site.factories import computed, events, recompute, signals


@pytest.fixture(autouse=True)
def new_site(site: str) -> Iterator[None]:
	with make.uncommitted():
		make.as_if_new()
		yield


def order(customer: str, amount: float, days: int = 0) -> None:
	"""As the database has it once it is submitted; without the accounts it is much faster."""
	invoice = frappe.get_doc(
		doctype="Sales Invoice",
		name=f"INV-{frappe.generate_hash(length=8)}",
		customer=customer,
		company=make.ensure_company(),
		posting_date=make.days_ago(days),
		base_net_total=amount,
		docstatus=1,
		is_return=0,
		is_opening="No",
		is_debit_note=0,
	)
	invoice.db_insert()
	queue.on_order(invoice)


def customer_with_order(amount: float, name: str = "", days: int = 10) -> str:
	customer = make.make_customer(name).name
	order(customer, amount, days)
	return customer


def set_entry_value(tier: str, value: float) -> None:
	frappe.get_doc("Customer Tier", tier).update({"entry_value": value}).save()


@contextmanager
def kept() -> Iterator[None]:
	"""What a rollback would take along with our customers stays."""
	with pytest.MonkeyPatch.context() as patch:
		patch.setattr(frappe.db, "rollback", lambda **_: None)
		yield


def break_off(after: int = 1) -> str:
	"""A full run that comes to so many customers, and no further; gives its name."""
	with kept(), pytest.MonkeyPatch.context() as patch:
		write = store.write

		def some(*arguments: object) -> Iterator:
			for number, written in enumerate(write(*arguments), start=1):
				yield written
				if number == after:
					raise RuntimeError("broken off")

		patch.setattr(store, "CHUNK", 1)
		patch.setattr(store, "write", some)
		with pytest.raises(RuntimeError, match="broken off"):
			recompute()
	return frappe.get_last_doc("Tiering Run").name


class TestAfterChangedRules:
	@pytest.fixture
	def first(self) -> str:
		"""One of two customers of tier C to whom the run came; by its rules they are in D."""
		first, _second = customer_with_order(40_000, "A first"), customer_with_order(40_000, "B second")
		recompute()
		set_entry_value("C", 50_000)
		run = break_off()
		assert [event.cause for event in events(first, run=run, decision="Tier")] == ["Policy"]
		assert frappe.db.get_value("Tiering Run", run, ["status", "changed"]) == ("Failed", 1)
		return first

	def test_an_order_brings_nobody_back(self, first: str) -> None:
		order(first, 1)
		recompute(full=False)
		assert computed(first).customer_tier == "D"
		assert not signals(first, decision="Tier")

	def test_an_order_of_who_was_not_come_to_moves_by_the_rules_alone(self, first: str) -> None:
		order("B second", 1)
		recompute(full=False)
		(event,) = events("B second", decision="Tier", old_value="C")
		assert (event.new_value, event.cause, event.signal) == ("D", "Policy", None)

	def test_an_order_that_is_large_enough_still_counts(self, first: str) -> None:
		for name in (first, "B second"):
			order(name, 600_000)
		recompute(full=False)
		assert [signals(name, decision="Tier") for name in (first, "B second")] == [["Tier Up"]] * 2

	def test_rules_that_are_taken_back_fire_nothing(self, first: str) -> None:
		set_entry_value("C", 30_000)
		order(first, 1)
		recompute()
		assert computed(first).customer_tier == "C"
		assert events(first, decision="Tier")[-1].cause == "Policy"
		assert not signals(first, decision="Tier")

	def test_the_next_night_completes_it(self, first: str) -> None:
		assert full_run_is_due(getdate())
		recompute()
		assert [computed(name).customer_tier for name in (first, "B second")] == ["D", "D"]
		assert not [*signals(first, decision="Tier"), *signals("B second", decision="Tier")]
		assert not full_run_is_due(getdate())


class TestRowsThatOthersHold:
	@pytest.mark.parametrize("error", [frappe.QueryTimeoutError, frappe.QueryDeadlockError])
	def test_a_chunk_is_tried_again(self, error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
		customer = customer_with_order(100)
		failing(monkeypatch, error, times=2)
		with kept():
			summary = recompute()
		assert computed(customer).customer_tier == "D"
		assert summary.events == len(events(customer)) == 3

	def test_but_not_for_ever(self, monkeypatch: pytest.MonkeyPatch) -> None:
		customer_with_order(100)
		failing(monkeypatch, frappe.QueryTimeoutError, times=99)
		with kept(), pytest.raises(frappe.QueryTimeoutError):
			recompute()


def failing(monkeypatch: pytest.MonkeyPatch, error: type[Exception], times: int) -> None:
	insert, left = store._insert_events, [error] * times

	def insert_at_last(*arguments: object) -> None:
		if left:
			raise left.pop()("somebody else holds it")
		insert(*arguments)

	monkeypatch.setattr(store, "_insert_events", insert_at_last)


class TestWhoIsGoneMeanwhile:
	@pytest.mark.parametrize("merge", [False, True], ids=["renamed", "merged"])
	def test_has_its_signal_once_and_under_its_new_name(
		self, merge: bool, monkeypatch: pytest.MonkeyPatch
	) -> None:
		old = make.make_customer("Old Name").name
		new = make.make_customer("New Name").name if merge else "New Name"
		recompute()
		order(old, 100)
		before_the_first_chunk(monkeypatch, lambda: frappe.rename_doc("Customer", old, new, merge=merge))
		recompute(full=False)
		assert not events(old)
		assert not signals(new)
		recompute(full=False)
		assert [(event.signal, event.cause) for event in events(new) if event.signal_key] == [
			("First Order", "Order")
		]


def before_the_first_chunk(monkeypatch: pytest.MonkeyPatch, happen: Callable) -> None:
	opened = store._open_buffer

	def open_buffer() -> None:
		monkeypatch.setattr(store, "_open_buffer", opened)
		opened()
		happen()

	monkeypatch.setattr(store, "_open_buffer", open_buffer)


class TestAClockThatWasAhead:
	def test_a_full_run_is_due_at_once_and_fires_nothing(self) -> None:
		sleeper = customer_with_order(100, days=150)
		recompute()
		ahead = getdate() + timedelta(days=60)
		recompute(ahead)
		assert computed(sleeper).lifecycle_stage == "Dormant"
		assert full_run_is_due(getdate())
		fired = signals(sleeper)
		recompute()
		assert computed(sleeper).lifecycle_stage == "First Purchase"
		assert events(sleeper)[-1].cause == "Policy"
		assert signals(sleeper) == fired
		assert not full_run_is_due(getdate())

	def test_after_an_incremental_run_of_that_day_too(self) -> None:
		sleeper = customer_with_order(100, days=179)
		recompute()
		recompute(getdate() + timedelta(days=3), full=False)
		assert computed(sleeper).lifecycle_stage == "Dormant"
		assert full_run_is_due(getdate())
		fired = signals(sleeper)
		recompute()
		assert computed(sleeper).lifecycle_stage == "First Purchase"
		assert signals(sleeper) == fired


class TestFiguresBeyondAllMeasure:
	def test_are_cut_off_and_named_and_everybody_is_decided(self) -> None:
		huge, other = customer_with_order(6e11, "Huge"), customer_with_order(100, "Full of points")
		order(huge, 6e11)
		program = make.ensure_loyalty_program("Tiering Test Points")
		frappe.db.set_value("Customer", other, "loyalty_program", program)
		for _entry in range(2):
			make.make_points(other, 2_000_000_000, getdate(), getdate())
		summary = recompute()
		assert (computed(huge).customer_tier, computed(huge).annual_value) == ("A", 999_999_999_999.99)
		assert (computed(other).customer_tier, computed(other).loyalty_points) == ("D", 2**31 - 1)
		assert f"too large to be kept, cut off at the largest that can be: {other}, {huge}." in summary.notes
		again = recompute()
		assert (again.changed, again.events) == (0, 0)


class TestWhatTheSettingsSay:
	def test_that_the_last_run_failed_and_what_to_do(self) -> None:
		customer_with_order(100)
		recompute()
		assert "failed" not in (api.get_policy()["pending"] or "")
		order(customer_with_order(100), 700_000)
		run = break_off()
		frappe.db.set_value("Tiering Run", run, "error", "Traceback\n  <b>\nDataError: Out of <b>range")
		said = api.get_policy()["pending"]
		assert "failed: DataError: Out of &lt;b&gt;range. " in said and run in said
		recompute(full=False)  # changes nothing about the full one
		assert run in api.get_policy()["pending"]
		frappe.db.set_value("Tiering Run", run, {"status": "Interrupted", "error": None})
		assert "cut off before its end" in api.get_policy()["pending"]
		recompute()
		assert "failed" not in (api.get_policy()["pending"] or "")
