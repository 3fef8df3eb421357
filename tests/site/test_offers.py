"""Offers, from the touch that brings a code to the order that uses it; tiers' discounts; what is bought together."""

from collections.abc import Iterator

import erpnext
import frappe
import pytest
from frappe.client import validate_link
from frappe.model.document import Document
from frappe.utils import random_string

from customer_tiering.outreach.by_hand import enter_by_hand
from customer_tiering.outreach.dispatch import dispatch_due
from customer_tiering.outreach.exits import stop_enrollments
from customer_tiering.outreach.offers import code_of
from customer_tiering.outreach.preview import preview
from tests.conftest import REAL_BENCH_ONLY
from tests.site import factories as make
from tests.site.sleepers import day

OPEN = {"send_from_hour": 0, "send_until_hour": 24, "saturday": 1, "sunday": 1, "exit_on_order": 0}
BANDS = [(0, 5), (30000, 8)]
needs_erpnext = pytest.mark.skipif(
	hasattr(erpnext, "FINGERPRINT"), reason=f"{REAL_BENCH_ONLY} the stand-in has no Pricing Rules that apply"
)


@pytest.fixture(autouse=True)
def alone(site: str) -> Iterator[None]:
	with make.uncommitted():
		make.as_if_new()
		yield


def make_offer(**values: object) -> Document:
	offer = frappe.get_doc(
		doctype="Outreach Offer", offer_name=f"Offer {random_string(6)}", enabled=1, code_prefix="BACK"
	)
	offer.extend(
		"bands",
		[{"from_value": value, "discount": discount} for value, discount in values.pop("bands", BANDS)],
	)
	return offer.update({"reminder_days": 0, **values}).insert()


def make_sequence(offer: Document, *steps: dict) -> Document:
	sequence = frappe.get_doc(
		doctype="Outreach Sequence", sequence_name=random_string(8), enabled=1, entry_by="Hand", **OPEN
	)
	call = {"day_offset": 0, "channel": "Call Task", "message": "Code {{ offer_code }}: {{ offer_discount }}"}
	sequence.extend("steps", [{"offer": offer.name, **step} for step in steps or [call]])
	return sequence.insert()


def enter(sequence: Document, **fields: object) -> str:
	name = make.make_customer().name
	if fields:
		frappe.db.set_value("Customer", name, fields)
	assert enter_by_hand(sequence, [name], day(0))["entered"] == 1
	return name


def touch(customer: str, **filters: object) -> frappe._dict:
	(row,) = frappe.get_all("Outreach Touch", {"customer": customer, **filters}, ["*"])
	return row


def with_code(**terms: object) -> tuple[str, str]:
	"""A customer, and the code that a touch brought today."""
	name = enter(make_sequence(make_offer(**terms)))
	assert dispatch_due(day(0)) == {"Sent": 1}
	return name, touch(name).coupon_code


def test_a_rep_puts_the_code_of_his_own_customer_into_an_order() -> None:
	(mine, my_code), (_other, other_code) = with_code(), with_code()
	general = frappe.copy_doc(frappe.get_doc("Coupon Code", my_code))
	general.update({"coupon_name": "FOR-ALL", "coupon_code": "FOR-ALL"}).insert()
	rep = make.ensure_user("coupon.rep@example.com", "Sales User")
	frappe.get_doc(doctype="User Permission", user=rep, allow="Customer", for_value=mine).insert()
	frappe.set_user(rep)
	try:
		assert frappe.get_list("Coupon Code", pluck="name", limit_page_length=0) == [my_code]
		assert validate_link("Coupon Code", my_code)
		assert not frappe.has_permission("Coupon Code", "read")
	finally:
		frappe.set_user("Administrator")
	assert {my_code, other_code, "FOR-ALL"} <= set(frappe.get_list("Coupon Code", pluck="name"))


def mail_account() -> None:
	if frappe.db.exists("Email Account", "Nobody"):
		return
	frappe.get_doc(
		doctype="Email Account",
		name="Nobody",
		email_account_name="Nobody",
		email_id="nobody@example.com",
		enable_outgoing=1,
		default_outgoing=1,
		no_smtp_authentication=1,
	).db_insert()
	frappe.local.outgoing_email_account = {}


class TestCodes:
	def test_a_touch_brings_a_personal_code_of_the_customers_band(self) -> None:
		sequence = make_sequence(make_offer())
		names = [enter(sequence, annual_value=value) for value in (-5, 29999, 30000)]
		assert dispatch_due(day(0)) == {"Sent": 3}
		touches = [touch(name) for name in names]
		coupons = [frappe.get_doc("Coupon Code", row.coupon_code) for row in touches]
		assert [coupon.customer for coupon in coupons] == names
		assert len({coupon.coupon_code for coupon in coupons}) == 3
		for row, coupon, percent in zip(touches, coupons, (5, 5, 8), strict=True):
			assert (
				frappe.db.get_value("ToDo", row.todo, "description")
				== f"<p>Code {coupon.name}: {percent}%</p>"
			)
			assert (coupon.maximum_use, coupon.valid_from, coupon.valid_upto) == (1, day(0), day(14))
			assert frappe.db.get_value("Pricing Rule", coupon.pricing_rule, "discount_percentage") == percent
		assert len({coupon.pricing_rule for coupon in coupons}) == 2
		assert not frappe.db.get_value("Pricing Rule", coupons[0].pricing_rule, "company")

	def test_what_waits_leaves_no_code_and_later_gets_the_same(self) -> None:
		mail_account()
		template = frappe.get_all("Email Template", limit=1, pluck="name")[0]
		name = enter(make_sequence(make_offer(), {"day_offset": 0, "email_template": template}))
		assert dispatch_due(day(0)) == {"Deferred": 1}
		waiting = touch(name)
		assert not waiting.coupon_code and not frappe.db.count("Coupon Code", {"customer": name})
		make.make_contact(name, "jo@example.com")
		frappe.db.set_value("Email Template", template, {"use_html": 1, "response_html": "{{ nonsense }}"})
		assert dispatch_due(day(0)) == {"Failed": 1}
		assert not frappe.db.count("Coupon Code", {"customer": name})
		frappe.db.set_value("Email Template", template, "response_html", "Code {{ offer_code }} & more")
		frappe.db.set_value("Outreach Touch", waiting.name, "status", "Deferred")
		frappe.db.set_value(
			"Outreach Enrollment", waiting.enrollment, {"status": "Active", "next_due_on": day(0)}
		)
		assert dispatch_due(day(0)) == {"Queued": 1}
		code = code_of("BACK", waiting.enrollment, waiting.step)
		assert touch(name).coupon_code == code
		assert code in frappe.db.get_value("Email Queue", touch(name).email_queue, "message")

	def test_new_terms_make_a_new_rule_and_codes_that_are_out_keep_theirs(self) -> None:
		offer = make_offer()
		five, eight = (row.pricing_rule for row in offer.bands)
		offer.bands[0].discount = 7
		offer.save()
		assert [row.pricing_rule == old for row, old in zip(offer.bands, (five, eight), strict=True)] == [
			False,
			True,
		]
		assert frappe.db.get_value("Pricing Rule", five, ["discount_percentage", "disable"]) == (5, 0)
		frappe.db.set_value("Pricing Rule", eight, "title", "By hand")
		offer.update({"valid_days": 9}).save()
		assert frappe.db.get_value("Pricing Rule", offer.bands[1].pricing_rule, "title") == "By hand"

	def test_an_offer_that_is_off_holds_its_mails_back_and_starts_no_sequence(self) -> None:
		offer = make_offer()
		sequence = make_sequence(offer)
		name = enter(sequence)
		offer.update({"enabled": 0}).save()
		assert dispatch_due(day(0)) == {"Deferred": 1}
		assert "switched off" in touch(name).reason
		with pytest.raises(frappe.ValidationError, match="switched off"):
			sequence.save()

	@pytest.mark.parametrize(
		"wrong",
		[
			{"bands": [(1, 5)]},
			{"bands": [(0, 5), (0, 6)]},
			{"bands": [(0, 0)]},
			{"bands": [(0, 101)]},
			{"valid_days": 0},
			{"reminder_days": 14},
			{"code_prefix": 'A" or 1'},
			{"reminder_text": "{{ nonsense }}"},
		],
		ids=str,
	)
	def test_bad_offers_are_refused(self, wrong: dict) -> None:
		with pytest.raises(frappe.ValidationError):
			make_offer(**wrong)


class TestReminder:
	def entered(self, **last: object) -> str:
		mail_account()
		offer = make_offer(
			reminder_days=3, reminder_template=frappe.get_all("Email Template", limit=1, pluck="name")[0]
		)
		template = offer.reminder_template
		frappe.db.set_value("Email Template", template, {"use_html": 1, "response_html": "{{ offer_code }}"})
		sequence = make_sequence(
			offer,
			{"day_offset": 0, "email_template": template},
			{"day_offset": 12, "email_template": template, "offer": None},
		)
		name = enter(sequence)
		make.make_contact(name, f"{random_string(8)}@example.com")
		assert dispatch_due(day(0)) == {"Queued": 1}
		self.planned = [row["day"] for row in preview(sequence, day(0))["outgoing"]]
		return name

	def test_once_and_beside_the_other_steps(self) -> None:
		name = self.entered()
		assert self.planned == [day(11), day(12)]
		assert dispatch_due(day(10)) == {}
		assert dispatch_due(day(11)) == {"Queued": 1}
		assert dispatch_due(day(11)) == {}
		reminder = touch(name, day_offset=11)
		code = touch(name, day_offset=0).coupon_code
		assert code in frappe.db.get_value("Email Queue", reminder.email_queue, "message")
		assert dispatch_due(day(12)) == {"Queued": 1}
		assert frappe.db.get_value("Outreach Enrollment", {"customer": name}, "status") == "Completed"

	def test_none_for_a_code_that_was_used_or_has_ended(self) -> None:
		used, late = self.entered(), self.entered()
		frappe.db.set_value("Coupon Code", {"customer": used}, "used", 1)
		frappe.db.set_value("Coupon Code", {"customer": late}, "valid_upto", day(5))
		dispatch_due(day(11))
		assert "used already" in touch(used, status="Skipped").reason
		assert "ended already" in touch(late, status="Skipped").reason


class TestWhoMayUseACode:
	def test_nobody_else_and_nothing_is_said_about_whose_it_is(self) -> None:
		owner, code = with_code()
		other = make.make_customer().name
		for document in (make_quotation, make_order):
			with pytest.raises(frappe.ValidationError, match="not for this customer") as refusal:
				document(other, coupon_code=code)
			assert owner not in str(refusal.value)
		assert make_quotation(owner, coupon_code=code).name

	@pytest.mark.parametrize(
		("doctype", "values", "message"),
		[
			("Coupon Code", {"valid_upto": "2020-01-01"}, "ended|expired"),
			("Coupon Code", {"valid_from": "2999-01-01"}, "not valid yet|not started"),
			("Coupon Code", {"used": 1}, "used already|no longer valid"),
			("Pricing Rule", {"disable": 1}, "no longer valid"),
			("Pricing Rule", {"min_amt": 100.01}, "or more"),
			("Pricing Rule", {"min_amt": 50, "currency": "EUR"}, "orders in EUR"),
		],
		ids=["ended", "early", "used", "disabled", "small", "currency"],
	)
	def test_one_that_would_give_nothing_is_refused(self, doctype: str, values: dict, message: str) -> None:
		owner, code = with_code()
		name = code if doctype == "Coupon Code" else frappe.db.get_value("Coupon Code", code, "pricing_rule")
		frappe.db.set_value(doctype, name, values)
		for document in (make_quotation, make_order):
			with pytest.raises(frappe.ValidationError, match=message):
				document(owner, coupon_code=code)

	def test_it_is_not_deleted_while_a_customer_may_use_it(self) -> None:
		owner, code = with_code()
		with pytest.raises(frappe.ValidationError, match=f"{owner}.* was given this code"):
			frappe.delete_doc("Coupon Code", code)
		frappe.db.set_value("Coupon Code", code, "valid_upto", make.days_ago(1))
		frappe.delete_doc("Coupon Code", code)

	def test_codes_that_are_not_ours_are_left_to_erpnext(self) -> None:
		_owner, code = with_code()
		frappe.db.delete("Outreach Touch", {"coupon_code": code})
		assert make_order(make.make_customer().name, coupon_code=code).name


def make_quotation(customer: str, **values: object) -> Document:
	return frappe.get_doc(
		doctype="Quotation",
		quotation_to="Customer",
		party_name=customer,
		company=make.ensure_company(),
		items=[{"item_code": make.ensure_item(), "qty": 1, "rate": 100}],
		**values,
	).insert()


def make_order(customer: str, amount: float = 100, submit: bool = False, **values: object) -> Document:
	order = frappe.get_doc(
		doctype="Sales Order",
		customer=customer,
		company=make.ensure_company(),
		transaction_date=day(0),
		delivery_date=day(0),
		disable_rounded_total=1,
		items=[{"item_code": make.ensure_item(), "qty": 1, "rate": amount, "delivery_date": day(0)}],
		**values,
	).insert()
	return order.submit() if submit else order


def invoice_of(order: Document) -> Document:
	from erpnext.selling.doctype.sales_order.sales_order import make_sales_invoice

	return make_sales_invoice(order.name).insert()


def count_of(code: str) -> int:
	return frappe.db.get_value("Coupon Code", code, "used")


@needs_erpnext
class TestRedeeming:
	def test_once_and_a_cancelled_order_gives_it_back(self) -> None:
		name, code = with_code()
		order = make_order(name, coupon_code=code, submit=True)
		assert (order.net_total, count_of(code)) == (95, 1)
		row = touch(name)
		assert (row.redeemed_in, row.redeemed_on, row.redeemed_amount, row.redeemed_currency) == (
			order.name,
			day(0),
			95,
			"USD",
		)
		invoice = invoice_of(order)
		assert invoice.net_total == 95
		invoice.delete()
		with pytest.raises(frappe.ValidationError):
			make_order(name, coupon_code=code)
		order.reload().cancel()
		assert (touch(name).redeemed_in, touch(name).redeemed_amount, count_of(code)) == (None, 0, 0)
		amended = frappe.copy_doc(order)
		amended.update({"amended_from": order.name, "docstatus": 0, "transaction_date": day(0)})
		without = frappe.copy_doc(amended)
		without.update({"amended_from": order.name, "coupon_code": None}).insert()
		assert without.net_total == 100  # the code may have been used in another order meanwhile
		without.delete()
		amended.insert().submit()
		assert (amended.coupon_code, amended.net_total, count_of(code)) == (code, 95, 1)
		assert touch(name).redeemed_in == amended.name

	def test_an_order_with_a_code_ends_the_sequence(self) -> None:
		name, code = with_code()
		active = {"customer": name, "status": "Active"}
		frappe.db.set_value(
			"Outreach Enrollment", {"customer": name}, {"status": "Active", "next_due_on": day(5)}
		)
		frappe.db.set_value("Outreach Sequence", {"enabled": 1}, "exit_on_order", 1)
		make_order(name, submit=True)
		assert stop_enrollments(day(0)) == 0
		make_order(name, coupon_code=code, submit=True)
		entered_after = make_sequence(make_offer())  # what was ordered before is no answer to it, be it today
		entered_after.update({"exit_on_order": 1}).save()
		enter_by_hand(entered_after, [name], day(0))
		assert stop_enrollments(day(0)) == 1
		assert frappe.get_all("Outreach Enrollment", active, pluck="sequence") == [entered_after.name]

	def test_an_invoice_without_an_order_and_its_return(self) -> None:
		if not frappe.get_meta("Sales Invoice").has_field("coupon_code"):
			pytest.skip("invoices have no codes before ERPNext 16")
		name, code = with_code()
		with pytest.raises(frappe.ValidationError, match="not for this customer"):
			make.make_invoice(make.make_customer().name, 100, coupon_code=code)
		invoice = make.make_invoice(name, 100, coupon_code=code)
		assert (invoice.net_total, count_of(code), touch(name).redeemed_in) == (95, 1, invoice.name)
		credit = make.make_return(invoice)
		assert (credit.net_total, credit.coupon_code) == (-95, None)
		credit.cancel()
		invoice.reload().cancel()
		assert (count_of(code), touch(name).redeemed_in) == (0, None)

	def test_an_amount_above_a_minimum_in_place_of_the_tiers_discount(self) -> None:
		name, code = with_code(discount_type="Discount Amount", bands=[(0, 30)], minimum_amount=100)
		give("A", 10, name)
		order = make_order(name)
		assert (order.net_total, order.benefit_tier) == (90, "A")
		order.update({"coupon_code": code}).save()
		assert (order.net_total, order.benefit_tier) == (70, None)
		order.save()
		assert order.net_total == 70
		order.update({"coupon_code": None}).save()
		assert (order.net_total, order.benefit_tier) == (90, "A")

	def test_documents_without_a_code_keep_what_was_given_by_hand(self) -> None:
		name, _code = with_code()
		assert make_order(name, additional_discount_percentage=20).net_total == 80
		assert make_order(name, discount_amount=15).net_total == 85
		assert make.make_invoice(name, 100, additional_discount_percentage=20).net_total == 80
		assert make_order(name).net_total == 100


def give(tier: str, percent: float, *customers: str) -> Document:
	"""The tier gets a discount, and these customers the tier."""
	for name in customers:
		frappe.db.set_value("Customer", name, "customer_tier", tier)
	return (
		frappe.get_doc("Customer Tier", tier)
		.update({"discount_percent": percent, "discount_enabled": 1})
		.save()
	)


@needs_erpnext
class TestTiers:
	def test_it_is_given_to_its_customers_and_follows_the_tier(self) -> None:
		top, low = make.make_customer().name, make.make_customer().name
		frappe.db.set_value("Customer", low, "customer_tier", "C")
		assert frappe.get_doc("Customer Tier", "A").pricing_rule is None
		tier = give("A", 10, top)
		assert not frappe.db.get_value("Pricing Rule", tier.pricing_rule, "company")
		assert make_order(low).net_total == 100
		order = make_order(top, submit=True)
		assert (order.net_total, order.benefit_tier) == (90, "A")
		assert make_quotation(top).net_total == 90
		assert make.make_invoice(top, 100).net_total == 90
		draft = make_order(top)
		frappe.db.set_value("Customer", top, "customer_tier", "C")
		assert draft.save().net_total == 100
		assert make_order(top).net_total == 100
		assert invoice_of(order).net_total == 90
		frappe.db.set_value("Customer", low, "customer_tier", "A")
		assert make_order(low).net_total == 90
		tier.update({"discount_percent": 12.5}).save()
		assert make_order(low).net_total == 87.5
		tier.update({"discount_enabled": 0}).save()
		assert make_order(low).net_total == 100
		assert frappe.db.get_value("Pricing Rule", tier.pricing_rule, "disable") == 1

	def test_a_person_wins(self) -> None:
		name = make.make_customer().name
		give("A", 10, name)
		assert make_order(name, additional_discount_percentage=3).net_total == 97
		assert make_order(name, discount_amount=50).net_total == 50
		assert make_order(name, ignore_pricing_rule=1).net_total == 100
		order = make_order(name, benefit_tier="B")  # from whoever writes by API
		assert (order.net_total, order.benefit_tier) == (90, "A")
		credit = make.make_return(make.make_invoice(name, 100))
		assert credit.net_total == -90

	def test_a_rule_edited_by_hand_stays(self) -> None:
		tier = give("A", 10)
		rule = frappe.get_doc("Pricing Rule", tier.pricing_rule)
		rule.update({"discount_percentage": 11}).save()
		tier.update({"discount_percent": 15}).save()
		assert "edited by hand" in str(frappe.get_message_log()[-1])
		assert frappe.db.get_value("Pricing Rule", rule.name, "discount_percentage") == 11

	def test_a_renamed_tier_goes_on(self) -> None:
		name = make.make_customer().name
		give("A", 10, name)
		frappe.rename_doc("Customer Tier", "A", 'The "best"')
		assert make_order(name).net_total == 90

	def test_a_preview_says_what_it_costs(self) -> None:
		from customer_tiering.tiering.api import preview_tier_discount

		name = make.make_customer().name
		frappe.db.set_value("Customer", name, {"customer_tier": "A", "annual_value": 2000})
		make.make_customer(customer_tier="A")
		shown = preview_tier_discount("A", 10)
		assert (shown["customers"], shown["cost"], shown["other_rules"]) == (1, 200, [])


def test_what_goes_with_the_last_order() -> None:
	from customer_tiering.outreach.bought_together import compute_associations, goes_with

	coffee, filters, cleaner, mug = (
		make.ensure_item(f"Offer Test {name}") for name in ("Coffee", "Filter", "Cleaner", "Mug")
	)
	name = make.make_customer().name
	frappe.db.delete("Item Association")
	pattern = make.make_invoice(name, 1, day(-3), submit=False)
	for basket in [[coffee, filters, cleaner]] * 5 + [[mug]] * 6 + [[coffee, mug]] * 4:
		submitted = frappe.copy_doc(pattern)
		submitted.update({"docstatus": 1, "posting_date": day(-3), "naming_series": "OFFER-TEST-.#####"})
		submitted.set("items", [{"item_code": item, "qty": 1, "docstatus": 1} for item in basket])
		submitted.set_new_name()
		submitted.set_parent_in_children()
		for row in (submitted, *submitted.items):
			row.db_insert()
	assert compute_associations(day(0)) == 6
	alone = make.make_invoice(name, 1, item={"item_code": coffee})
	assert goes_with(alone.name) == [cleaner, filters]
	frappe.db.set_value("Item", cleaner, "disabled", 1)
	assert goes_with(alone.name) == [filters]
	assert goes_with(make.make_invoice(name, 1).name) == goes_with(None) == []
