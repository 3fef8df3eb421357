"""What people open on the Desk: it shows what was decided, and nothing fails in the browser."""

from collections.abc import Iterator

import frappe
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.site import sleepers

NAME = "Sleepy Ltd"
SLOW = 60_000  # the first page of a fresh site


@pytest.fixture(scope="module", autouse=True)
def a_customer_who_fell_asleep(site: str) -> Iterator[None]:
	"""With a tier, two runs and a ToDo for Administrator."""
	with sleepers.one_asleep(NAME):
		yield


def test_the_list_of_customers(page: Page) -> None:
	page.goto("/app/customer?customer_name=Sleepy+Ltd")
	expect(page.get_by_role("link", name=NAME).first).to_be_visible(timeout=SLOW)


def test_a_customer_says_why_its_tier(page: Page) -> None:
	page.goto(f"/app/customer/{NAME}")
	expect(field(page, "lifecycle_stage")).to_contain_text("Dormant", timeout=SLOW)
	expect(field(page, "customer_tier")).to_contain_text("D")
	page.get_by_role("button", name="View").click()
	page.get_by_role("link", name="Why this tier?").click()
	expect(page.locator(".modal.show")).to_contain_text(invoice_of(NAME), timeout=SLOW)


def test_the_todo_of_the_account_manager(page: Page) -> None:
	todo = frappe.get_all("ToDo", {"reference_name": NAME}, pluck="name")[0]
	page.goto("/app/todo")
	expect(page.locator(f'.list-row-container [data-name="{todo}"]').first).to_be_attached(timeout=SLOW)
	page.goto(f"/app/todo/{todo}")
	expect(field(page, "reference_name")).to_contain_text(NAME, timeout=SLOW)


def test_the_settings(page: Page) -> None:
	page.goto("/app/tiering-settings")
	expect(page.get_by_role("button", name="Recompute now")).to_be_visible(timeout=SLOW)


def test_a_run(page: Page) -> None:
	run = frappe.get_all("Tiering Run", order_by="creation desc", limit=1, pluck="name")[0]
	page.goto("/app/tiering-run")
	expect(page.get_by_role("link", name=run).first).to_be_visible(timeout=SLOW)
	page.goto(f"/app/tiering-run/{run}")
	expect(field(page, "status")).to_contain_text("Completed", timeout=SLOW)


def test_what_others_say_of_a_message_is_no_html(page: Page) -> None:
	written = "<img src=x onerror=\"document.title='ran'\"> <p>refused</p>"
	values = {"customer": NAME, "status": "Failed", "reason": written, "address": written[:60]}
	touch = frappe.get_doc(doctype="Outreach Touch", **values)
	touch.db_insert()
	frappe.db.commit()
	page.goto(f"/app/outreach-touch/{touch.name}")
	expect(field(page, "reason")).to_contain_text(written, timeout=SLOW)
	expect(field(page, "address")).to_contain_text(written[:60])
	assert page.title() != "ran"


def test_the_workspace(page: Page) -> None:
	page.goto("/app/customer-tiering")
	expect(page.get_by_text("Dormant Customers").first).to_be_visible(timeout=SLOW)


def field(page: Page, name: str) -> Locator:
	return page.locator(f'.page-container:visible [data-fieldname="{name}"]').first


def invoice_of(customer: str) -> str:
	return frappe.get_all("Sales Invoice", {"customer": customer}, pluck="name")[0]
