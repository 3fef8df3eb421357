"""An experiment on a real sequence: silent before its horizon, measured once at it, and the winner for whoever comes after."""

from collections.abc import Iterator

import frappe
import pytest
from frappe.utils import add_days, getdate, now_datetime
from hypothesis import given
from hypothesis import strategies as st

from customer_tiering.customer_insights.report.outreach_results.outreach_results import execute
from customer_tiering.outreach import api
from customer_tiering.outreach.experiments import count, finish_experiments, result_of
from customer_tiering.outreach.steps import variant_for
from tests.site.test_outreach import GREETING, NEWS, alone_with, new_sequence
from tests.site.test_reports import as_user
from tests.site.test_tracking import tracking

NAME = "Compared"
TOLD = {"label", "sequence", "step", "variant", "email_template", "currency"}
WINDOW = 5


@pytest.fixture(autouse=True)
def alone(on_site: None) -> Iterator[None]:
	with alone_with(NAME):
		yield
		frappe.set_user("Administrator")
		frappe.db.rollback()
		frappe.db.delete("Sales Invoice", {"name": ("like", f"{NAME} %")})
		frappe.db.commit()


def sequence(**weights: int) -> "frappe.Document":
	mail = {"day_offset": 0, "channel": "Email"}
	return new_sequence(
		NAME,
		*(
			{**mail, "email_template": template, "variant": variant, "weight": weight}
			for template, (variant, weight) in zip((GREETING, NEWS, NEWS), weights.items(), strict=False)
		),
	)


def experiment(tested: "frappe.Document", **values: object) -> "frappe.Document":
	"""From 5% to 80%, for which few customers are enough."""
	asked = {"title": NAME, "sequence": NAME, "step": tested.steps[0].step_key, "metric": "Order"}
	sure = {"window_days": WINDOW, "baseline_rate": 5, "effect": 75, "power": 80, "alpha": 5}
	return frappe.get_doc({"doctype": "Outreach Experiment", **asked, **sure, **values}).insert()


def message(test: "frappe.Document", variant: str, who: str, ago: int, **values: object) -> str:
	row = frappe.get_doc(
		{
			**{"doctype": "Outreach Touch", "status": "Sent", "channel": "Email", "enrollment": "none"},
			**{"customer": who, "sequence": NAME, "step": test.step, "variant": variant},
			"email_template": {"A": GREETING, "B": NEWS}[variant],
			**{
				"touched_on": add_days(getdate(), -ago),
				"touch_key": frappe.generate_hash(length=10),
				**values,
			},
		}
	)
	row.flags.ignore_links = True
	return row.insert().name


def ordered(who: str, ago: int) -> str:
	"""Straight into the table: what an order is, others test."""
	values = {
		"customer": who,
		"company": frappe.get_all("Company", order_by="creation", limit=1, pluck="name")[0],
		"posting_date": add_days(getdate(), -ago),
		"base_net_total": 100,
		"docstatus": 1,
	}
	frappe.get_doc({"doctype": "Sales Invoice", "name": f"{NAME} {who}", **values}).db_insert()
	return who


def results(group_by: str) -> list[dict]:
	period = {"from_date": add_days(getdate(), -30), "to_date": getdate()}
	return execute({**period, "sequence": NAME, "group_by": group_by})[1]


def test_nothing_is_said_before_the_horizon_then_it_is_measured_once_and_the_winner_goes_to_all() -> None:
	tested = sequence(A=1, B=1)
	test = experiment(tested)
	assert test.needed_a == test.needed_b == 8
	api.start_experiment(NAME)
	test.reload()

	late, buyers = ordered("late", ago=1), [ordered(f"buyer {number}", ago=8) for number in range(8)]
	for who in buyers:
		message(test, "B", who, 10)
	message(test, "B", buyers[0], 9)  # the same customer again
	others = [f"other {number}" for number in range(8)]
	for who in others[:6]:
		message(test, "A", who, 10)
	message(test, "A", late, WINDOW)  # the days are not over
	waited = message(test, "A", "waited", 10, sent_at=now_datetime())  # since before the start
	frappe.db.set_value("Outreach Touch", waited, "creation", add_days(getdate(), -1))
	message(test, "A", others[7], 10, status="Failed")
	message(test, "A", others[7], 10, status="Queued", channel="SMS")  # no gateway took it yet
	assert finish_experiments() == 0
	shown = api.experiment_result(NAME)
	assert [arm["customers"] for arm in shown["arms"]] == [7, 8]
	assert "successes" not in str(shown) and "p_value" not in shown
	for group_by in ("Variant", "Email Template"):  # nor do the results tell it
		rows = results(group_by)[:-1]
		assert [(row["delivered"], row["reordered"], row["orders"], row["revenue"]) for row in rows] == [
			(8, None, None, None),
			(9, None, None, None),
		]
		shown = {key for row in rows for key, value in row.items() if value is not None} - TOLD
		assert shown == {"sent", "delivered", "bounced", "with_picture", "with_links", "tested"}
		assert [row["tested"] for row in rows] == [
			"not enough data yet, 7 of 8 customers",
			"not enough data yet, 8 of 8 customers",
		]
	assert results("Sequence")[0]["reordered"] == 9

	message(test, "A", others[7], 9)
	message(test, "A", buyers[1], 20)  # before B, and too long before the order
	assert [arm.customers for arm in count(test, getdate())] == [8, 7]
	message(test, "B", late, 8)
	message(test, "B", late, 7)
	assert [tuple(arm) for arm in count(test, getdate())] == [(8, 0), (8, 7)]
	assert finish_experiments() == 1 and finish_experiments() == 0
	test.reload()
	assert (test.status, test.winner, test.successes_a, test.successes_b) == ("Finished", "B", 0, 7)
	assert [row["reordered"] for row in results("Variant")[:-1]] == [1, 8]
	shown = result_of(test, getdate())
	assert shown["proven"] == "B" and shown["p_value"] < 0.05 and shown["low"] > 0
	assert [arm["what"] for arm in shown["arms"]] == [GREETING, NEWS]
	rows = frappe.get_doc("Outreach Sequence", NAME).steps
	assert {row.variant: row.weight for row in rows} == {"A": 0, "B": 1}
	assert {variant_for(f"ENR-{number}", rows).variant for number in range(20)} == {"B"}


def test_clicks_count_of_tracked_mails_and_in_time() -> None:
	tested = sequence(A=1, B=1)
	test = experiment(tested, metric="Click")
	with tracking(mail_tracking="Off"), pytest.raises(frappe.ValidationError, match="not seen"):
		api.start_experiment(NAME)
	with tracking(mail_tracking="Clicks"):
		tested.steps[0].email_template = "Lost · Why?"
		tested.save()
		with pytest.raises(frappe.ValidationError, match="no link to click in: B"):
			api.start_experiment(NAME)
		tested.steps[1].email_template = "Lost · Why?"
		tested.save()
		api.start_experiment(NAME)
		frappe.db.commit()
	test.reload()
	sent = add_days(getdate(), -20)
	for number, (tracked, clicked) in enumerate(
		[("Clicks", 0), ("Clicks", WINDOW), ("Clicks", WINDOW + 1), ("Clicks", None), (None, None)]
	):
		when = None if clicked is None else f"{add_days(sent, clicked)} 23:00:00"
		message(test, "A", f"clicker {number}", 20, tracking=tracked, first_clicked_on=when)
	assert [tuple(arm) for arm in count(test, getdate())] == [(4, 2), (0, 0)]


def test_the_step_stands_still_while_it_is_compared() -> None:
	tested = sequence(A=1, B=3)
	test = experiment(tested)
	assert test.needed_b == pytest.approx(3 * test.needed_a, abs=3)
	api.start_experiment(NAME)
	for field, value in (("weight", 5), ("email_template", NEWS), ("variant", "C")):
		tested.reload()
		tested.steps[0].set(field, value)
		with pytest.raises(frappe.ValidationError, match="End the experiment"):
			tested.save()
	tested.reload()
	tested.description = "Something else"
	tested.steps.reverse()  # whoever stands first gets no other customers
	tested.save()
	test.reload()
	test.effect = 50
	with pytest.raises(frappe.ValidationError, match="begun"):
		test.save()
	api.crown_variant(NAME, "A")  # by hand, too early
	test.reload()
	assert (test.status, test.winner, test.customers_a) == ("Stopped", "A", 0)
	tested.reload()
	assert {row.variant: row.weight for row in tested.steps} == {"A": 1, "B": 0}


def test_three_variants_and_a_stranger_are_refused() -> None:
	tested = sequence(A=1, B=1, C=1)
	with pytest.raises(frappe.ValidationError, match="two variants"):
		experiment(tested)
	tested.steps[2].weight = 0
	tested.save()
	experiment(tested)
	as_user("Sales Manager")
	with pytest.raises(frappe.PermissionError):
		api.start_experiment(NAME)


ROWS = st.lists(
	st.tuples(st.sampled_from("ABCDE"), st.integers(0, 9)), min_size=1, unique_by=lambda row: row[0]
)


@given(ROWS.flatmap(lambda rows: st.tuples(st.just(rows), st.permutations(rows))), st.text(min_size=1))
def test_an_enrollment_gets_its_variant_in_whatever_order_they_stand(rows: tuple, enrollment: str) -> None:
	one, other = (
		variant_for(
			enrollment,
			[frappe._dict(step_key="step", variant=variant, weight=weight) for variant, weight in order],
		)
		for order in rows
	)
	assert one == other and (one is None or one.weight > 0)
