"""Points, issues and feedback of real documents: what is read of them, and that what happens to them is answered."""

from collections.abc import Iterator
from datetime import date, timedelta

import frappe
import pytest
from frappe.utils import getdate

from customer_tiering.engine.policy import Policy
from customer_tiering.tiering import api
from customer_tiering.tiering.explain import explain
from customer_tiering.tiering.facts import read_facts
from customer_tiering.tiering.points import points_of
from customer_tiering.tiering.policy import read_policy
from tests.conftest import REAL_BENCH_ONLY
from tests.site import factories as make
from tests.site.factories import computed, days_ago, recompute


@pytest.fixture(autouse=True)
def new_site(site: str) -> Iterator[None]:
	with make.uncommitted():
		make.as_if_new()
		frappe.get_single("Tiering Settings").update({"feedback_days": 90, "voice_raises_risk": 1}).save()
		yield


@pytest.fixture
def customer() -> str:
	return make.make_customer(loyalty_program=make.ensure_loyalty_program()).name


def heard(customer: str, as_of: date | None = None, policy: Policy | None = None) -> tuple:
	"""Points, open and overdue issues, last score and the day on which time changes any of them."""
	rules, as_of = policy or read_policy(), as_of or later(0)
	row = read_facts(rules, as_of, [customer]).loc[customer]
	assert row.equals(read_facts(rules, as_of).loc[customer])
	score, turn = row["last_score"], row["next_voice"]
	return (
		row["loyalty_points"],
		row["open_issues"],
		row["overdue_issues"],
		None if score != score else int(score),
		None if turn != turn else turn.date(),
	)


def queued() -> set[str]:
	return set(frappe.get_all("Tiering Queue", pluck="customer"))


def later(days: int) -> date:
	return getdate() + timedelta(days=days)


class TestPoints:
	def erpnext_s(self, customer: str, as_of: date) -> int:
		"""What ERPNext says at the till."""
		try:
			from erpnext.accounts.doctype.loyalty_program.loyalty_program import get_loyalty_details
		except ImportError:
			pytest.skip(f"{REAL_BENCH_ONLY} the stand-in counts no points")
		program = frappe.db.get_value("Customer", customer, "loyalty_program")
		return get_loyalty_details(customer, program, expiry_date=as_of).get("loyalty_points") or 0

	@pytest.fixture
	def history(self, customer: str) -> str:
		other = make.ensure_loyalty_program("Tiering Other Points")
		earned = make.make_points(customer, 100, days_ago(60), later(5))
		make.make_points(customer, 40, days_ago(10), later(20))
		make.make_points(customer, -30, days_ago(2), later(5), redeem_against=earned.name)
		make.make_points(customer, 7, later(3), later(33))
		make.make_points(customer, 1000, days_ago(90), days_ago(1))
		make.make_points(customer, 500, days_ago(1), later(9), loyalty_program=other)
		return customer

	@pytest.mark.parametrize(
		("days", "points", "turn"),
		[(-70, 1000, -60), (-1, 1110, 0), (0, 110, 3), (3, 117, 6), (5, 117, 6), (6, 47, 21), (34, 0, None)],
	)
	def test_earned_redeemed_and_expired(
		self, history: str, days: int, points: int, turn: int | None
	) -> None:
		day = later(days)
		found = heard(history, day)
		assert (found[0], found[4]) == (points, None if turn is None else later(turn))
		assert points_of(history, day).points == points

	@pytest.mark.parametrize("days", [-70, -1, 0, 3, 5, 6, 34])
	def test_as_erpnext_counts_them(self, history: str, days: int) -> None:
		assert points_of(history, later(days)).points == self.erpnext_s(history, later(days))

	def test_what_expires_first(self, history: str) -> None:
		found = points_of(history, later(0))
		assert (found.expire_on, found.expiring) == (later(5), 70)

	def test_without_a_program_there_are_none(self) -> None:
		customer = make.make_customer(loyalty_program=None).name
		frappe.db.set_value("Customer", customer, "loyalty_program", None)
		assert points_of(customer, later(0)).program is None and heard(customer)[0] == 0

	def test_invoices_earn_them_and_their_cancellation_takes_them_back(self, customer: str) -> None:
		try:
			import erpnext.accounts.doctype.loyalty_program.loyalty_program  # noqa: F401
		except ImportError:
			pytest.skip(f"{REAL_BENCH_ONLY} the stand-in gives no points")
		recompute()
		invoice = make.make_invoice(customer, 250, later(0))
		recompute(full=False)
		assert computed(customer).loyalty_points == 25 == self.erpnext_s(customer, later(0))
		invoice.cancel()
		recompute(full=False)
		assert computed(customer).loyalty_points == 0

	def test_they_leave_the_customer_on_the_day(self, history: str) -> None:
		recompute()
		assert computed(history).loyalty_points == 110
		for days, points in ((3, 117), (6, 47), (21, 7), (34, 0)):
			recompute(later(days), full=False)
			assert computed(history).loyalty_points == points, days

	def test_mails_can_speak_of_them(self, history: str) -> None:
		from customer_tiering.outreach.render import SAMPLE, merge_values

		values = merge_values(frappe.get_doc("Customer", history), None, later(0), "https://example.com/u")
		assert values["loyalty_points"] == 110 and "loyalty_points" in SAMPLE


class TestIssues:
	def test_open_and_overdue(self, customer: str) -> None:
		make.make_issue(customer)
		late = make.make_issue(customer, days_ago(1))
		make.make_issue(customer, later(0), status="Replied")
		make.make_issue(customer, days_ago(9), status="Closed")
		assert heard(customer)[1:] == (3, 1, None, later(1))
		assert heard(customer, later(1))[1:] == (3, 2, None, None)
		late.update({"status": "Resolved"}).save()
		assert heard(customer)[1:] == (2, 0, None, later(1))

	def test_one_that_is_opened_later_does_not_exist_yet(self, customer: str) -> None:
		issue = make.make_issue(customer, days_ago(1))
		frappe.db.set_value("Issue", issue.name, "opening_date", later(2))
		assert heard(customer)[1:] == (0, 0, None, later(2))

	def test_they_are_read_only_where_something_asks_for_them(self, customer: str) -> None:
		make.make_issue(customer, days_ago(1))
		frappe.db.set_single_value("Tiering Settings", "voice_raises_risk", 0)
		make.forget_cached_rules()
		assert heard(customer)[1:] == (0, 0, None, None)
		frappe.get_doc("Lifecycle Stage", "Repeat").update({"min_open_issues": 1}).save()
		assert heard(customer)[1:3] == (1, 1)

	def test_the_risk_rises_when_one_is_overdue_and_falls_when_it_is_resolved(self, customer: str) -> None:
		for days in (0, 30, 60):
			make.make_invoice(customer, 10, days_ago(days))
		issue = make.make_issue(customer, later(0))
		recompute()
		assert computed(customer).churn_risk == "Low"
		assert computed(customer).tiering_review_on == later(1)
		recompute(later(1), full=False)
		assert computed(customer).churn_risk == "Medium"
		(sentence,) = explain(customer, later(1)).voice
		assert "1 issues" in sentence
		issue.update({"status": "Closed"}).save()
		assert customer in queued()
		recompute(later(1), full=False)
		assert computed(customer).churn_risk == "Low" and explain(customer).voice == ()

	def test_closing_them_out_of_the_list_is_seen_in_the_night(self, customer: str) -> None:
		"""ERPNext writes the status past the document."""
		from customer_tiering.tiering import jobs

		issue = make.make_issue(customer, days_ago(1))
		make.make_invoice(customer, 10, later(0))
		recompute()
		frappe.db.set_value("Issue", issue.name, "status", "Closed")
		assert queued() == set()
		jobs.recompute_tiers_nightly()
		assert queued() == {customer}
		frappe.db.set_value("Issue", issue.name, "modified", days_ago(3), update_modified=False)
		frappe.db.delete("Tiering Queue")
		jobs.recompute_tiers_nightly()
		assert queued() == set()


class TestFeedback:
	def test_the_last_one_counts_until_it_is_too_old(self, customer: str) -> None:
		make.make_feedback(customer, 10, days_ago(100))
		make.make_feedback(customer, 3, days_ago(30))
		make.make_feedback(customer, 8, days_ago(10))
		make.make_feedback(customer, "", days_ago(1), reason="Price")
		assert heard(customer)[3:] == (8, later(80))
		assert heard(customer, days_ago(11))[3:] == (3, days_ago(10))
		assert heard(customer, later(79))[3:] == (8, later(80))
		assert heard(customer, later(80))[3:] == (None, None)

	def test_of_one_day_the_one_that_was_entered_last(self, customer: str) -> None:
		for number, score in enumerate((2, 9)):
			feedback = make.make_feedback(customer, score)
			frappe.db.set_value("Customer Feedback", feedback.name, "creation", f"2026-01-01 10:00:0{number}")
		assert heard(customer)[3] == 9

	def test_a_detractor_is_at_risk_until_the_answer_is_too_old(self, customer: str) -> None:
		for days in (0, 300, 600):
			make.make_invoice(customer, 10, days_ago(days))
		recompute()
		make.make_feedback(customer, 6)
		assert queued() == {customer}
		recompute(full=False)
		found = computed(customer)
		assert (found.churn_risk, found.feedback_category) == ("Medium", "Detractor")
		assert "6 of 10" in explain(customer).voice[0] and "6 of 10" in explain(customer).as_text()
		recompute(later(90), full=False)
		assert (computed(customer).churn_risk, computed(customer).feedback_category) == ("Low", None)

	def test_a_stage_can_ask_for_it(self, customer: str) -> None:
		frappe.get_doc(
			doctype="Lifecycle Stage", stage_name="Fan", position=1, meaning="Repeat", feedback="Promoter"
		).insert()
		make.make_invoice(customer, 10, later(0))
		feedback = make.make_feedback(customer, 9)
		recompute()
		assert computed(customer).lifecycle_stage == "Fan"
		feedback.delete()
		recompute(full=False)
		assert computed(customer).lifecycle_stage == "First Purchase"

	def test_nothing_is_decided_by_it_where_it_is_off(self, customer: str) -> None:
		frappe.db.set_single_value("Tiering Settings", "feedback_days", 0)
		make.forget_cached_rules()
		make.make_feedback(customer, 0)
		assert heard(customer)[3:] == (None, None)

	@pytest.mark.parametrize(
		("values", "words"),
		[
			({"score": "11"}, "Score"),
			({"feedback_date": "2199-01-01"}, "until today"),
			({"feedback_date": "0001-01-01"}, "until today"),
			({"customer": None}, "Customer"),
		],
	)
	def test_what_is_refused(self, customer: str, values: dict, words: str) -> None:
		given = {"customer": customer, "score": "5", "feedback_date": later(0), **values}
		with pytest.raises(frappe.ValidationError, match=words):
			frappe.get_doc(doctype="Customer Feedback", **given).insert()

	def test_an_issue_of_somebody_else_is_refused(self, customer: str) -> None:
		issue = make.make_issue(make.make_customer().name)
		with pytest.raises(frappe.ValidationError, match=issue.name):
			make.make_feedback(customer, 5, issue=issue.name)


def test_whatever_is_heard_or_taken_back_is_answered() -> None:
	one, other = (make.make_customer(loyalty_program=make.ensure_loyalty_program()).name for _ in "12")
	documents = [
		make.make_points(one, 5, later(0), later(9)),
		make.make_issue(one),
		make.make_feedback(one, 5),
	]
	for document in documents:
		frappe.db.delete("Tiering Queue")
		document.update({"customer": other}).save(ignore_permissions=True)
		assert queued() == {one, other}, document.doctype
		frappe.db.delete("Tiering Queue")
		document.delete(ignore_permissions=True)
		assert queued() == {other}, document.doctype


def test_a_new_site_has_it_on_and_an_older_one_keeps_it_off() -> None:
	from customer_tiering.setup import seed

	fields = ("feedback_days", "voice_raises_risk")
	for kept, expected in ((seed.RECORDS, (0, 0)), ((), (180, 1))):
		frappe.db.delete("Singles", {"doctype": "Tiering Settings", "field": ("in", fields)})
		seed._remember(kept)
		make.forget_cached_rules()
		seed.seed()
		settings = frappe.get_single("Tiering Settings")
		assert tuple(int(settings.get(field)) for field in fields) == expected


def test_feedback_is_seen_by_who_sees_the_customer(customer: str) -> None:
	hidden = make.make_customer().name
	for each in (customer, hidden):
		make.make_feedback(each, 5)
	user = make.ensure_user("voice@example.com", "Sales User")
	frappe.get_doc(doctype="User Permission", user=user, allow="Customer", for_value=customer).insert()
	frappe.set_user(user)
	assert set(frappe.get_list("Customer Feedback", pluck="customer")) == {customer}
	assert api.customer_hints(customer)["points"]["program"]
	with pytest.raises(frappe.PermissionError):
		api.customer_hints(hidden)


def test_feedback_is_counted_on_the_customer_s_form() -> None:
	(connected,) = [
		group["items"]
		for group in frappe.get_meta("Customer").get_dashboard_data()["transactions"]
		if "Customer Feedback" in group["items"]
	]
	assert connected.count("Customer Feedback") == 1
