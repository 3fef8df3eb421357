# ruff: noqa: F811 (fixtures of the browser tests)
"""The way out of our mails, as a reader's browser, a mail scanner and a guesser meet it: over HTTP."""

import json
import re
from collections.abc import Iterator
from urllib.parse import quote

import frappe
import pytest
import requests

from customer_tiering.outreach.suppress import suppress
from customer_tiering.outreach.unsubscribe import ALL, SHORT_PAGE, leave, touch_of, unsubscribe_url
from tests.browser.conftest import base_url, chromium  # noqa: F401
from tests.conftest import CHECKOUT
from tests.sandbox.sites import ADMIN_PASSWORD
from tests.site.sleepers import clean_slate, customer, day

METHOD = "/api/method/customer_tiering.outreach.unsubscribe.unsubscribe"
SCREENSHOTS = CHECKOUT / "tests/.screenshots"


@pytest.fixture(autouse=True)
def alone(on_site: None) -> Iterator[None]:
	with clean_slate():
		yield


@pytest.fixture
def touch() -> frappe._dict:
	"""A mail that went to jo@example.com; its sequence goes on."""
	name = customer()
	common = {"customer": name, "sequence": "Wake Up"}
	values = {
		"doctype": "Outreach Enrollment",
		"status": "Active",
		"entered_on": day(0),
		"next_due_on": day(14),
	}
	enrollment = frappe.get_doc({**values, **common, "enrollment_key": name}).insert()
	values = {"doctype": "Outreach Touch", "status": "Queued", "address": "sleepy_ltd@example.com"}
	row = frappe.get_doc({**values, **common, "enrollment": enrollment.name, "touch_key": name}).insert()
	frappe.db.commit()
	return frappe._dict(name=row.name, token=unsubscribe_url(row.name).rsplit("/", 1)[1], **common)


def suppressed() -> list[str]:
	frappe.db.commit()
	return frappe.get_all("Outreach Suppression", pluck="address")


def status_of(touch: frappe._dict) -> str:
	frappe.db.commit()
	return frappe.db.get_value("Outreach Enrollment", {"customer": touch.customer}, "status")


def forged(token: str) -> list[str]:
	name, signature = token.split(".")
	return [
		"",
		".",
		token[:-1],
		token + "x",
		f"{name}.",
		f".{signature}",
		f"x{token}",
		f"{name}ä.{signature}",
	]


def page_of(url: str, token: str) -> requests.Response:
	return requests.get(f"{url}/leave/{quote(token)}", timeout=60)


def test_looking_changes_nothing(base_url: str, touch: frappe._dict) -> None:
	for method in ("get", "head"):
		page = requests.request(method, f"{base_url}/leave/{touch.token}", timeout=60)
		assert page.status_code == 200
	page = page_of(base_url, touch.token)
	assert '<form method="post"' in page.text
	assert touch.token in page.text
	assert "sleepy_ltd@example.com" not in page.text
	assert f">{frappe.defaults.get_global_default('company')}</p>" in page.text
	assert requests.get(f"{base_url}{METHOD}", params={"t": touch.token}, timeout=60).status_code in (
		403,
		405,
	)
	assert suppressed() == []
	assert status_of(touch) == "Active"


def test_the_button_ends_it_and_a_second_click_is_harmless(base_url: str, touch: frappe._dict) -> None:
	for _click in range(2):
		answer = requests.post(f"{base_url}{METHOD}", data={"t": touch.token}, timeout=60)
		assert answer.status_code == 200
		assert "You will get no more such messages." in answer.text
		assert f">{frappe.defaults.get_global_default('company')}</p>" in answer.text
		assert "<nav" not in answer.text and "/api/" not in answer.text
		assert suppressed() == ["sleepy_ltd@example.com"]
	assert status_of(touch) == "Exited"


def test_the_one_click_of_mail_programs_works(base_url: str, touch: frappe._dict) -> None:
	"""RFC 8058: the token in the address, a fixed body."""
	url = f"{base_url}{METHOD}?t={touch.token}"
	assert requests.post(url, data={"List-Unsubscribe": "One-Click"}, timeout=60).status_code == 200
	assert suppressed() == ["sleepy_ltd@example.com"]
	short = f"{base_url}/{SHORT_PAGE}/{touch.token}"  # as it stands in headers
	assert requests.post(short, data={"List-Unsubscribe": "One-Click"}, timeout=60).status_code == 200


def test_a_forged_link_tells_nothing(base_url: str, touch: frappe._dict) -> None:
	answers = set()
	for token in forged(touch.token):
		page = page_of(base_url, token)
		assert "<form method" not in page.text
		assert page.status_code in (403, 404)
		answer = requests.post(f"{base_url}{METHOD}", data={"t": token}, timeout=60)
		assert answer.status_code == 403
		answers.add(re.sub(r"(?s)<script.*?</script>|<head>.*?</head>", "", answer.text))
	assert len(answers) == 1
	assert "not valid" in answers.pop()
	assert suppressed() == []


@pytest.mark.parametrize("value", [["a", "b"], {"a": "b"}, 7, None, "\ud800.x"])
def test_other_types_are_refused(base_url: str, touch: frappe._dict, value: object) -> None:
	answer = requests.post(f"{base_url}{METHOD}", json={"t": value}, timeout=60)
	assert answer.status_code == 403
	assert "Traceback" not in answer.text
	assert touch_of(value) is None
	assert suppressed() == []


def test_without_a_token(base_url: str) -> None:
	assert requests.get(f"{base_url}/outreach-unsubscribe", timeout=60).status_code == 403
	answer = requests.post(f"{base_url}{METHOD}", timeout=60)
	assert answer.status_code == 403
	assert "Traceback" not in answer.text


def test_a_token_of_another_touch_does_not_fit(touch: frappe._dict) -> None:
	signature = touch.token.split(".")[1]
	assert touch_of(f"another.{signature}") is None
	assert touch_of(touch.token) == touch.name


def test_who_is_logged_in_to_the_desk_gets_out_too(base_url: str, touch: frappe._dict) -> None:
	session = requests.Session()
	login = {"usr": "Administrator", "pwd": ADMIN_PASSWORD}
	assert session.post(f"{base_url}/api/method/login", data=login, timeout=60).ok
	page = session.get(f"{base_url}/leave/{touch.token}", timeout=60)
	form = page.text.split('<form method="post"')[1]
	fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
	assert fields["csrf_token"]
	answer = session.post(f"{base_url}{METHOD}", data=fields, timeout=60)
	assert answer.status_code == 200
	assert suppressed() == ["sleepy_ltd@example.com"]


def test_who_left_may_come_back_by_channel(base_url: str, touch: frappe._dict) -> None:
	contact = {"phone_nos": [{"phone": "+49 170 1234567", "is_primary_mobile_no": 1}]}
	frappe.get_doc("Contact", {"email_id": "sleepy_ltd@example.com"}).update(contact).save()
	suppress("sleepy_ltd@example.com", "Bounce", sequence="Wake Up")
	frappe.db.commit()
	post(base_url, touch, "unsubscribe")
	assert "You get no mails of ours." in page_of(base_url, touch.token).text
	post(base_url, touch, "unsubscribe", channel="SMS")
	for page in (page_of(base_url, touch.token).text, post(base_url, touch, "subscribe", channel="Fax")):
		assert not re.search(r"sleepy|\+49|1234567", page, re.IGNORECASE)
	assert "Yes, you may send me text messages" in page_of(base_url, touch.token).text
	post(base_url, touch, "subscribe", channel="SMS")
	frappe.db.commit()
	fields = ["channel", "address", "decision", "source", "owner"]
	words = frappe.get_all("Outreach Consent", {}, fields, order_by="creation", as_list=True)
	mail, text = ("Email", "sleepy_ltd@example.com"), ("SMS", "+491701234567")
	assert [row[:3] for row in words] == [
		(*mail, "Withdrawn"),
		(*text, "Withdrawn"),
		(*mail, "Given"),
		(*text, "Given"),
	]
	assert {row[3:] for row in words} == {("Preference Page", "Guest")}
	assert frappe.get_all("Outreach Suppression", pluck="source") == [
		"Bounce"
	]  # that it came back remains true
	for token in ("", f"x{touch.token}"):
		answer = requests.post(
			f"{base_url}{METHOD.removesuffix('unsubscribe')}subscribe",
			data={"t": token, "channel": "SMS"},
			timeout=60,
		)
		assert answer.status_code == 403 and "not valid" in answer.text


def test_what_was_chosen_is_not_offered_again(base_url: str, touch: frappe._dict) -> None:
	frappe.db.set_value("Outreach Touch", touch.name, "tracking", "Clicks")
	frappe.db.commit()
	offers = ("Stop only these", "without seeing whether I read them")
	assert all(offer in page_of(base_url, touch.token).text for offer in offers)
	assert "none of these any more" in post(base_url, touch, "unsubscribe", scope="sequence")
	post(base_url, touch, "unsubscribe", scope="tracking")
	page = page_of(base_url, touch.token).text
	assert not any(offer in page for offer in offers) and "Yes, no more mails" in page


def post(base_url: str, touch: frappe._dict, method: str, **data: str) -> str:
	url = f"{base_url}/api/method/customer_tiering.outreach.unsubscribe.{method}"
	answer = requests.post(url, data={"t": touch.token, **data}, timeout=60)
	assert answer.status_code == 200
	return answer.text


def test_a_link_in_a_webhook_is_the_reader_s(touch: frappe._dict) -> None:
	sent = json.dumps({"email": "sleepy_ltd@example.com", "mobile": None})
	url = "https://example.com/hook"
	values = {"channel": "Webhook", "address": url, "text": sent}
	frappe.db.set_value("Outreach Touch", touch.name, values)
	leave(touch.name, ALL)
	assert suppressed() == ["sleepy_ltd@example.com"]  # not the other system
	assert status_of(touch) == "Exited"


def test_a_customer_who_was_deleted_still_gets_out(base_url: str, touch: frappe._dict) -> None:
	frappe.db.delete("Customer", {"name": touch.customer})
	frappe.db.commit()
	assert requests.post(f"{base_url}{METHOD}", data={"t": touch.token}, timeout=60).status_code == 200
	assert suppressed() == ["sleepy_ltd@example.com"]


@pytest.mark.parametrize(("device", "width"), [("desktop", 1200), ("phone", 380)])
def test_the_page_works_in_a_browser(
	base_url: str, chromium, touch: frappe._dict, device: str, width: int
) -> None:
	SCREENSHOTS.mkdir(exist_ok=True)
	page = chromium.new_page(viewport={"width": width, "height": 700})
	page.goto(f"{base_url}/leave/{touch.token}")
	page.screenshot(path=SCREENSHOTS / f"unsubscribe-{device}.png")
	assert page.evaluate("document.documentElement.scrollWidth") <= width
	assert all(each.bounding_box()["height"] >= 44 for each in page.get_by_role("button").all())
	page.get_by_role("button", name="Yes, no more mails").click()
	page.get_by_text("You will get no more such messages.").wait_for()
	assert page.url == f"{base_url}/leave/{touch.token}"  # where it is loaded again without saying anything
	page.screenshot(path=SCREENSHOTS / f"unsubscribed-{device}.png")
	page.close()
	assert suppressed() == ["sleepy_ltd@example.com"]
