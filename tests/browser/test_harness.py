"""The browser harness itself: the Desk opens, logged in."""

from playwright.sync_api import Page, expect


def test_the_desk_opens(page: Page) -> None:
	page.goto("/app/customer-group")
	expect(page.get_by_role("link", name="Commercial").first).to_be_visible(timeout=60_000)
