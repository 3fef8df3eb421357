# ruff: noqa: F811 (fixtures of the browser tests)
"""The survey behind a message's link, as the customer's browser, a mail scanner and a guesser meet it: over HTTP."""

import re
from collections.abc import Iterator
from urllib.parse import quote

import frappe
import pytest
import requests

from customer_tiering.outreach import touch_link
from customer_tiering.outreach.answered import what_was_said
from customer_tiering.outreach.goals import note_goals
from customer_tiering.outreach.render import SAMPLE, render
from customer_tiering.outreach.survey import answer, reasons, survey_url, touch_of
from customer_tiering.outreach.timeline import outreach_of
from customer_tiering.outreach.unsubscribe import subscribe, unsubscribe, unsubscribe_url
from tests.browser.conftest import base_url, chromium  # noqa: F401
from tests.conftest import CHECKOUT
from tests.site.sleepers import clean_slate, customer, day, user
from tests.site.test_reports import as_user

METHOD = "/api/method/customer_tiering.outreach.survey.answer"
SCREENSHOTS = CHECKOUT / "tests/.screenshots"
SEQUENCE = "Lost: Ask Why"


@pytest.fixture(autouse=True)
def alone(on_site: None) -> Iterator[None]:
	with clean_slate():
		yield
		frappe.db.delete("Customer Feedback", {"source": "Web Form"})
		frappe.db.delete("Notification Log", {"document_type": "Customer Feedback"})
		frappe.db.commit()


@pytest.fixture
def touch() -> frappe._dict:
	"""A mail that asked why; its sequence goes on."""
	name = customer()
	common = {"customer": name, "sequence": SEQUENCE}
	values = {"status": "Active", "entered_on": day(-1), "next_due_on": day(13), "enrollment_key": name}
	enrollment = frappe.get_doc(doctype="Outreach Enrollment", **values, **common).insert().name
	values = {"status": "Sent", "address": "sleepy_ltd@example.com", "touch_key": name}
	row = frappe.get_doc(doctype="Outreach Touch", enrollment=enrollment, **values, **common).insert()
	frappe.db.commit()
	token = survey_url(row.name).rsplit("/", 1)[1]
	return frappe._dict(name=row.name, enrollment=enrollment, token=token, customer=name)


def answers() -> list[dict]:
	frappe.db.commit()
	fields = ["customer", "score", "reason", "comment", "touch"]
	return frappe.get_all("Customer Feedback", {"source": "Web Form"}, fields)


def post(url: str, **data: object) -> requests.Response:
	return requests.post(f"{url}{METHOD}", data=data, timeout=60)


def test_looking_notes_nothing_and_tells_nothing(base_url: str, touch: frappe._dict) -> None:
	page = requests.get(f"{base_url}/survey/{touch.token}", timeout=60)
	assert page.status_code == 200 and touch.token in page.text
	assert all(reason in page.text for reason in reasons())
	assert not re.search("sleepy", page.text, re.IGNORECASE)
	assert f">{frappe.defaults.get_global_default('company')}</p>" in page.text
	assert requests.get(f"{base_url}{METHOD}", params={"t": touch.token}, timeout=60).status_code in (
		403,
		405,
	)
	assert answers() == []


def test_an_answer_lands_on_the_customer_and_counts_as_a_reply(base_url: str, touch: frappe._dict) -> None:
	thanks = post(base_url, t=touch.token, score="3", reason="Price", comment=" too dear ")
	assert thanks.status_code == 200 and "Thank you" in thanks.text
	given = {"score": "3", "reason": "Price", "comment": "too dear"}
	assert answers() == [{"customer": touch.customer, "touch": touch.name, **given}]
	about = frappe.db.get_value("Outreach Enrollment", touch.enrollment, ["status", "exit_reason"])
	assert about == ("Exited", "Replied")
	note_goals(day(0))
	assert frappe.db.get_value("Outreach Enrollment", touch.enrollment, "goal_reached_on") == day(0)
	assert frappe.db.exists("Tiering Queue", {"customer": touch.customer})


def test_nobody_changes_or_makes_up_what_a_customer_answered(touch: frappe._dict) -> None:
	values = {"doctype": "Customer Feedback", "customer": touch.customer, "score": "0"}
	given = frappe.get_doc({**values, "touch": touch.name, "source": "Web Form"})
	given.insert(ignore_permissions=True)
	as_user("Sales User", "Tiering Manager")
	own = frappe.get_doc(values).insert()
	own.update({"score": "7"}).save()
	for document, change, refusal in (
		(frappe.get_doc("Customer Feedback", given.name), {"score": "10"}, "not changed"),
		(frappe.get_doc("Customer Feedback", given.name), {"touch": None}, "not changed"),
		(frappe.copy_doc(own), {"touch": touch.name}, "not changed"),
		(frappe.copy_doc(own), {"source": "Web Form"}, "in the browser"),
		(own, {"source": "Web Form"}, "in the browser"),
	):
		with pytest.raises(frappe.ValidationError, match=refusal):
			document.update(change).save()
	frappe.set_user("Administrator")
	own.delete()


def test_what_was_written_is_told_as_it_was_written(base_url: str, touch: frappe._dict) -> None:
	for written in ("Acme & Sons", "2 < 3 & more"):
		assert post(base_url, comment=written, t=touch.token).status_code == 200
		frappe.db.rollback()
		(kept,) = frappe.get_all("Customer Feedback", fields=["score", "reason", "comment"])
		assert what_was_said(kept) == f"“{written}”"


def test_a_link_written_out_works_in_plain_text_too() -> None:
	values = {**SAMPLE, "survey_url": "https://example.com/survey/ab.c_d-e_f"}
	template = frappe._dict(subject="Why", use_html=1, response_html="<p>Tell us: {{ survey_url }}</p>")
	assert f"Tell us: {values['survey_url']}" in render(template, values).text


def refused() -> bool:
	return frappe.local.response.pop("http_status_code", None) == 429


def test_a_link_is_not_used_without_end(touch: frappe._dict, monkeypatch: pytest.MonkeyPatch) -> None:
	monkeypatch.setattr(touch_link, "MOST_A_DAY", 2)
	token = unsubscribe_url(touch.name).rsplit("/", 1)[1]
	for number in range(4):
		answer(t=touch.token, score=str(number))
		assert refused() == (number > 1)
		unsubscribe(t=token)  # always
		assert not refused()
		subscribe(t=token)
		assert refused() == (number > 1)
	assert [row.score for row in answers()] == ["1"]
	assert frappe.db.count("Outreach Consent") == 5  # withdrawn, given, withdrawn, given, withdrawn


def test_the_last_answer_wins(base_url: str, touch: frappe._dict) -> None:
	post(base_url, t=touch.token, score="3", reason="Price")
	post(base_url, t=touch.token, score="9")
	assert [(row.score, row.reason) for row in answers()] == [("9", None)]


def test_who_corrects_an_answer_sees_it(base_url: str, touch: frappe._dict) -> None:
	post(base_url, t=touch.token, score="3", reason="Price", comment="<b>dear</b>")
	page = requests.get(f"{base_url}/survey/{touch.token}", timeout=60).text
	checked = re.findall(r'value="([^"]*)" checked', page)
	assert sorted(checked) == ["3", "Price"]
	assert "&lt;b&gt;dear&lt;/b&gt;</textarea>" in page


def test_whoever_looks_after_the_customer_hears_of_it(base_url: str, touch: frappe._dict) -> None:
	rep = user("rep-who-hears@example.com", "Sales User")
	frappe.db.set_value("Customer", touch.customer, "account_manager", rep)
	frappe.db.commit()
	post(base_url, t=touch.token, score="3", reason="Price", comment="<b>dear</b>")
	frappe.db.commit()
	told = frappe.get_all("Notification Log", {"for_user": rep}, ["subject", "document_type"])
	assert [row.document_type for row in told] == ["Customer Feedback"]
	assert "3 of 10, Price, “&lt;b&gt;dear&lt;/b&gt;”" in told[0].subject
	lines = outreach_of("Customer", touch.customer)
	assert [line["icon"] for line in lines] == ["branch", "branch", "mail", "comment"]
	assert "&lt;b&gt;dear&lt;/b&gt;" in lines[-1]["content"]
	frappe.set_user(user("elsewhere@example.com", "Stock User"))
	try:
		assert outreach_of("Customer", touch.customer) == []
	finally:
		frappe.set_user("Administrator")


def test_the_timeline_says_when_and_who(touch: frappe._dict) -> None:
	rep = user("rep-who-enters@example.com", "Sales User")
	by_hand = {
		"source": "Hand",
		"owner": rep,
		"status": "Exited",
		"exit_reason": "By Hand",
		"modified_by": rep,
	}
	frappe.db.set_value("Outreach Enrollment", touch.enrollment, by_hand, update_modified=False)
	redeemed = {"redeemed_doctype": "Sales Invoice", "redeemed_in": "SINV-<1>", "redeemed_on": day(5)}
	left = {"sent_at": f"{day(4)} 09:00:00", "coupon_code": "TEN-1"}
	frappe.db.set_value("Outreach Touch", touch.name, {**left, **redeemed})
	lines = outreach_of("Customer", touch.customer)
	assert [line["icon"] for line in lines] == ["branch", "branch", "mail", "tag"]
	name = frappe.utils.get_fullname(rep)
	assert all(line["content"].startswith(name) for line in lines[:2])
	assert [str(line["creation"])[:10] for line in lines[2:]] == [str(day(4)), str(day(5))]
	assert "TEN-1" in lines[3]["content"] and "SINV-&lt;1&gt;" in lines[3]["content"]


def test_what_is_no_choice_is_left_out(base_url: str, touch: frappe._dict) -> None:
	frappe.db.set_value("Feedback Reason", "Delivery", "disabled", 1)
	frappe.db.commit()
	try:
		assert "Delivery" not in requests.get(f"{base_url}/survey/{touch.token}", timeout=60).text
		for given in ({}, {"score": "11"}, {"reason": "Nonsense"}, {"reason": "Delivery"}, {"comment": "  "}):
			assert post(base_url, t=touch.token, **given).status_code == 200
		odd = {"t": touch.token, "score": 7, "reason": ["Price"], "comment": {"a": 1}}
		assert requests.post(f"{base_url}{METHOD}", json=odd, timeout=60).status_code == 200
		assert answers() == []
		post(base_url, t=touch.token, comment="x" * 5000)
		assert len(answers()[0].comment) == 2000
	finally:
		frappe.db.set_value("Feedback Reason", "Delivery", "disabled", 0)
		frappe.db.commit()


def test_a_guesser_learns_nothing(base_url: str, touch: frappe._dict) -> None:
	name, signature = touch.token.split(".")
	way_out = unsubscribe_url(touch.name).rsplit("/", 1)[1]  # signed for something else
	pages = set()
	for token in ("", ".", touch.token[:-1], f"{name}.", f"x{touch.token}", f"{name}ä.{signature}", way_out):
		page = requests.get(f"{base_url}/survey/{quote(token)}", timeout=60)
		assert page.status_code in (403, 404) and "<form method" not in page.text
		answer = post(base_url, t=token, score="1")
		assert answer.status_code == 403
		pages.add(re.sub(r"(?s)<script.*?</script>|<head>.*?</head>", "", answer.text))
	assert len(pages) == 1 and "not valid" in pages.pop()
	for value in (["a", "b"], {"a": "b"}, 7, None):
		assert requests.post(f"{base_url}{METHOD}", json={"t": value}, timeout=60).status_code == 403
		assert touch_of(value) is None
	assert answers() == []


def test_a_customer_who_was_deleted_is_thanked_all_the_same(base_url: str, touch: frappe._dict) -> None:
	frappe.db.delete("Customer", {"name": touch.customer})
	frappe.db.commit()
	assert "Thank you" in post(base_url, t=touch.token, score="3").text
	assert answers() == []


def test_the_mail_of_the_lost_survey_leads_there(touch: frappe._dict) -> None:
	from customer_tiering.outreach.render import merge_values, render

	step = frappe.get_doc("Outreach Sequence", SEQUENCE).steps[0]
	values = merge_values(
		frappe.get_doc("Customer", touch.customer),
		None,
		day(0),
		"https://x",
		survey_url=survey_url(touch.name),
	)
	mail = render(frappe.get_doc("Email Template", step.email_template), values)
	assert f"/survey/{touch.token}" in mail.html and f"/survey/{touch.token}" in mail.text.replace("\n", "")


@pytest.mark.parametrize(("device", "width"), [("desktop", 1200), ("phone", 380)])
def test_the_page_works_in_a_browser(
	base_url: str, chromium, touch: frappe._dict, device: str, width: int
) -> None:
	SCREENSHOTS.mkdir(exist_ok=True)
	page = chromium.new_page(viewport={"width": width, "height": 800})
	page.goto(f"{base_url}/survey/{touch.token}")
	page.get_by_text("Price", exact=True).click()
	page.get_by_text("10", exact=True).click()
	first, last = (page.get_by_text(score, exact=True).bounding_box() for score in ("0", "10"))
	assert first["y"] == last["y"], "the scale is one line"
	page.screenshot(path=SCREENSHOTS / f"survey-{device}.png", full_page=True)
	assert page.evaluate("document.documentElement.scrollWidth") <= width
	page.get_by_role("button", name="Send").click()
	page.get_by_text("Your answer has reached us.").wait_for()
	page.close()
	assert [(row.score, row.reason) for row in answers()] == [("10", "Price")]
