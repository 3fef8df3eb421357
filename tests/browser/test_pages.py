"""The pages that look ahead, and those beside them: they open, do what they are for, and nothing fails in the browser."""

from collections.abc import Iterator

import frappe
import pytest
from frappe.utils.password import update_password
from playwright.sync_api import Page, expect

from customer_tiering.customer_insights import simulation
from customer_tiering.tiering.lifetime_value import fit_lifetime_value
from tests.browser.test_desk import SLOW, field
from tests.site import factories as make
from tests.site import sleepers

NAME = "Sleepy Ltd"
PASSWORD = "reads-Tiering-26"
PHONE = {"width": 390, "height": 800}


@pytest.fixture(scope="module", autouse=True)
def a_customer_who_fell_asleep(site: str) -> Iterator[None]:
	"""With a simulation in which half a year of silence is too short, and a fit of lifetime values that found too little."""
	with sleepers.one_asleep(NAME):
		fit = fit_lifetime_value().name
		simulation.start("Administrator", "for-the-browser")
		changes = {"stages": [{"name": "Dormant", "min_days_since_order": 200}]}
		simulation.run(None, changes, None, "for-the-browser", "en")
		frappe.db.commit()
		yield
		frappe.delete_doc("Lifetime Value Fit", fit, force=True)
		frappe.cache.delete_keys(simulation.KEY)


def fits(page: Page) -> bool:
	return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_simulation_shows_who_moves(page: Page) -> None:
	page.goto("/app/tiering-simulation")
	cell = page.locator('.simulation-matrix a[data-now="Dormant"][data-then="First Purchase"]')
	expect(cell).to_have_text("1", timeout=SLOW)
	cell.click()
	expect(page.locator(".modal.show").get_by_role("link", name=NAME)).to_be_visible()
	page.keyboard.press("Escape")
	first_order = page.get_by_label("Repeat Days since First Order")
	first_order.fill("180")
	expect(first_order).to_have_class("form-control input-xs simulation-changed")
	expect(page.get_by_role("button", name="Simulate")).to_be_enabled()
	page.set_viewport_size(PHONE)
	assert fits(page)


def test_a_preset_is_shown_before_it_is_used(page: Page) -> None:
	page.goto("/app/tiering-settings")
	page.get_by_role("button", name="Presets…").click(timeout=SLOW)
	dialog = page.locator(".modal.show")
	dialog.locator("select").select_option(label="Retail 7 / 30 / 90", timeout=SLOW)
	expect(dialog).to_contain_text("Days since First Order", timeout=SLOW)
	expect(dialog).to_contain_text("180")


def test_whoever_may_only_read_sees_the_customer_in_chinese(page: Page) -> None:
	reader = make.ensure_user("reader@example.com", "Sales Manager")
	update_password(reader, PASSWORD)
	frappe.db.set_value("User", reader, "language", "zh")
	frappe.db.commit()
	assert page.context.request.post("/api/method/login", form={"usr": reader, "pwd": PASSWORD}).ok
	page.goto("/app/customer?lifecycle_stage=Repeat")
	expect(page.locator('input[data-fieldname="lifecycle_stage"]')).to_have_value("复购", timeout=SLOW)
	page.goto(f"/app/customer/{NAME}#predicted_clv")
	expect(field(page, "predicted_clv")).to_contain_text("无预测", timeout=SLOW)
	expect(field(page, "lifecycle_stage")).to_contain_text("沉睡")


def test_what_keeps_tiering_from_working(page: Page) -> None:
	page.goto("/app/query-report/Data Quality")
	expect(page.locator(".datatable .dt-row").first).to_be_visible(timeout=SLOW)


def test_a_topic_says_who_would_get_it(page: Page) -> None:
	page.goto("/app/interest-topic/new")
	expect(field(page, "topic_name")).to_be_visible(timeout=SLOW)
	expect(field(page, "sources")).to_be_visible()


def test_a_fit_says_why_there_is_no_number(page: Page) -> None:
	fit = frappe.get_last_doc("Lifetime Value Fit")
	page.goto(f"/app/lifetime-value-fit/{fit.name}")
	expect(field(page, "reason")).to_contain_text("a model takes 100 or more", timeout=SLOW)


def test_my_follow_ups_on_a_phone(page: Page) -> None:
	page.set_viewport_size(PHONE)
	page.goto("/app/my-follow-ups")
	expect(page.get_by_text(NAME).first).to_be_visible(timeout=SLOW)
	assert fits(page)


def test_the_workspace_leads_to_all_of_them(page: Page) -> None:
	for path, labels in (
		("customer-tiering", ("My Follow-Ups", "Data Quality")),
		("tiering-rules", ("Tiering Simulation", "Interest Topics", "Lifetime Value Fits")),
	):
		page.goto(f"/app/{path}")
		for label in labels:
			expect(page.locator(".shortcut-widget-box", has_text=label).first).to_be_visible(timeout=SLOW)


def test_a_variable_is_chosen_or_completed(page: Page) -> None:
	page.goto("/app/email-template/new")
	expect(field(page, "subject")).to_be_visible(timeout=SLOW)
	page.get_by_role("button", name="Variables for Customers").first.click()
	page.locator(".modal.show input").fill("coupon")
	page.locator(".modal.show tr:not(.hidden)").click()
	page.wait_for_function("cur_frm.doc.response?.includes('{{ offer_code }}')")
	page.evaluate("cur_frm.set_value('use_html', 1)")
	page.wait_for_function("cur_frm.get_field('response_html')._autocompletion_setup")
	page.evaluate("cur_frm.get_field('response_html').editor.focus()")
	page.keyboard.type("{{ last_it", delay=30)
	page.locator(".ace_autocomplete .ace_line").first.wait_for()
	page.keyboard.press("Enter")
	page.wait_for_function("cur_frm.get_field('response_html').editor.getValue() === '{{ last_item }}'")
