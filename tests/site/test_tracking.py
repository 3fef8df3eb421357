# ruff: noqa: F811 (fixtures of the browser tests)
"""Opens and clicks from the mail as it is delivered, over HTTP, to counts, interests and the report."""

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from time import monotonic, sleep
from urllib.parse import urlsplit

import frappe
import pytest
import requests
from frappe.utils import add_days, date_diff, get_url, getdate, now_datetime
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from customer_tiering.customer_insights.report.outreach_results.outreach_results import execute
from customer_tiering.engine.hits import SWEEP_SECONDS
from customer_tiering.engine.proportions import difference
from customer_tiering.outreach.dispatch import dispatch_due
from customer_tiering.outreach.hits import MOST, forget_hits, judge_hits
from customer_tiering.outreach.render import Mail
from customer_tiering.outreach.tracked_links import LONGEST, PICTURE, click_url, track_links, wanted
from customer_tiering.outreach.tracking import ALL, CLICKS, OFF, tracking_of, with_tracking
from customer_tiering.outreach.unsubscribe import leave, unsubscribe_url
from customer_tiering.setup.seed import CONSENT_COUNTRIES
from tests.browser.conftest import base_url  # noqa: F401
from tests.sandbox.sites import ADMIN_PASSWORD
from tests.site import factories as make
from tests.site.sleepers import clean_slate, customer, day, output_of, start_process
from tests.site.test_outreach import GREETING, as_it_was, enrolled, html_of, set_steps, text_of
from tests.site.test_reports import as_user, orders, report

BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
SHOP = "https://shop.example.com/new?a=1&b=ü#top"
PAGE = "/products/coffee"


@contextmanager
def tracking(**values: object) -> Iterator[None]:
	"""These settings, committed, for the web server too."""
	before = {field: frappe.db.get_single_value("Tiering Settings", field) for field in values}

	def put(values: dict) -> None:
		for field, value in values.items():
			frappe.db.set_single_value("Tiering Settings", field, value)
		frappe.db.commit()
		frappe.clear_document_cache("Tiering Settings", "Tiering Settings")

	put(values)
	try:
		yield
	finally:
		frappe.db.rollback()
		put(before)


@pytest.fixture
def alone(on_site: None) -> Iterator[None]:
	settings = {"mail_tracking": ALL, "tracking_consent": "In These Countries"}
	with clean_slate(), as_it_was(), tracking(**settings):
		yield
		frappe.set_user("Administrator")
		frappe.db.rollback()
		frappe.db.delete("Interest Signal")


@pytest.fixture
def touch(alone: None) -> frappe._dict:
	"""A mail that left an hour ago, with two links."""
	name = customer()
	frappe.db.delete("Interest Signal", {"customer": name})
	values = {
		**{"doctype": "Outreach Touch", "status": "Queued", "channel": "Email", "email_template": GREETING},
		**{"customer": name, "sequence": "Wake Up", "touch_key": name, "address": "jo@example.com"},
		**{"tracking": ALL, "links": 2, "enrollment": "none"},
	}
	row = frappe.get_doc(values)
	row.flags.ignore_links = True
	row.insert()
	frappe.db.commit()
	return frappe._dict(name=row.name, customer=name)


def ask(base_url: str, url: str, method: str = "GET", **more: object) -> requests.Response:
	"""Ask the site for a link of ours; what the site notes, it notes after it has answered."""
	more = {"headers": BROWSER, "allow_redirects": False, "timeout": 60, **more}
	return requests.request(method, base_url + urlsplit(url).path, **more)


def picture_url(touch: str) -> str:
	from customer_tiering.outreach.tracked_links import add_picture

	return html.unescape(re.search(r'src="([^"]+)"', add_picture("", touch))[1])


def hits(expected: int) -> list[frappe._dict]:
	"""All that were noted, once there are so many; if there are to be none, after a moment in which one could have come."""
	until = monotonic() + (10 if expected else 0.3)
	while True:
		frappe.db.commit()
		found = frappe.get_all("Outreach Hit", fields=["*"], order_by="happened_on, creation")
		if monotonic() > until or (expected and len(found) >= expected):
			assert len(found) == expected
			return found
		sleep(0.05)


def put_hits(touch: str, *rows: tuple, ago: timedelta = timedelta(hours=1)) -> None:
	"""(seconds, kind, target) from some time ago on."""
	start = now_datetime() - ago
	fields = ["name", "creation", "touch", "kind", "happened_on", "target", "user_agent", "verdict"]
	values = [
		(
			frappe.generate_hash(length=12),
			start,
			touch,
			kind,
			start + timedelta(seconds=at),
			target,
			"Firefox",
			"",
		)
		for at, kind, target in rows
	]
	frappe.db.bulk_insert("Outreach Hit", fields, values)
	frappe.db.commit()


def counts(touch: str) -> tuple:
	frappe.db.commit()
	return frappe.db.get_value("Outreach Touch", touch, ["opens", "clicks", "prefetched"])


class TestTheMailAndItsReader:
	def test_from_the_delivered_mail_to_counts_and_interests(
		self, alone: None, base_url: str, smtp_sink
	) -> None:
		set_steps([(7, GREETING)], enabled=1)
		own = get_url(PAGE)
		body = f"""<p><a class="x" href="{html.escape(SHOP)}">new</a> <a title='>' href='{own}'>coffee</a>
			<a href="{own}">coffee</a> <a href="mailto:jo@example.com">write</a> <a href="#top">up</a>
			<a href="{{{{ unsubscribe_url }}}}">no more</a></p>"""
		frappe.db.set_value("Email Template", GREETING, "response_html", body)
		frappe.clear_document_cache("Email Template", GREETING)
		name = enrolled()
		assert dispatch_due(day(7)) == {"Queued": 1}
		(mail,) = smtp_sink.flush()

		links = [html.unescape(link) for link in re.findall(r"""href=["']([^"']+)""", html_of(mail))]
		shop, coffee, again, *rest = links
		assert [wanted(urlsplit(link).path[1:]).target for link in (shop, coffee, again)] == [SHOP, own, own]
		(row,) = frappe.get_all("Outreach Touch", {"customer": name}, ["*"])
		assert rest == ["mailto:jo@example.com", "#top", *[unsubscribe_url(row.name)] * 2]
		assert SHOP in text_of(mail) and "/go/" not in text_of(mail)
		(picture,) = re.findall(rf'<img src="([^"]+/{PICTURE}/[^"]+)"', html_of(mail))
		assert (row.tracking, row.links, row.opens, row.clicks) == (ALL, 2, 0, 0)

		frappe.db.set_value(
			"Email Queue",
			row.email_queue,
			"modified",
			now_datetime() - timedelta(hours=1),
			update_modified=False,
		)
		frappe.db.commit()
		seen = ask(base_url, picture)
		assert (seen.status_code, seen.headers["Content-Type"], seen.content[:6]) == (
			200,
			"image/gif",
			b"GIF89a",
		)
		assert ask(base_url, coffee, "HEAD").status_code == 302
		went = ask(base_url, coffee)
		assert (went.status_code, went.headers["Location"]) == (302, own)
		for answer in (seen, went):
			assert "no-store" in answer.headers["Cache-Control"]
			assert "Set-Cookie" not in answer.headers
		assert [(hit.kind, hit.target, hit.head, hit.verdict) for hit in hits(3)] == [
			("Open", "", 0, ""),
			("Click", own, 1, ""),
			("Click", own, 0, ""),
		]
		assert judge_hits() == 0  # what may still be part of a walk through all links waits
		later = now_datetime() + timedelta(seconds=6 * SWEEP_SECONDS + 1)
		assert judge_hits(later) == 3
		assert judge_hits(later) == 0
		assert [hit.verdict for hit in hits(3)] == ["Reader", "HEAD Request", "Reader"]
		assert counts(row.name) == (1, 1, 0)
		opened, clicked = frappe.db.get_value(
			"Outreach Touch", row.name, ["first_opened_on", "first_clicked_on"]
		)
		assert opened < clicked
		fields = ["kind", "email_template", "route", "customer", "reference_name", "happened_on"]
		common = {"email_template": GREETING, "customer": name, "reference_name": row.name}
		assert frappe.get_all("Interest Signal", fields=fields, order_by="happened_on") == [
			{"kind": "Open", "route": None, "happened_on": opened, **common},
			{"kind": "Click", "route": PAGE[1:], "happened_on": clicked, **common},
		]

	def test_a_reader_arrives_exactly_where_the_mail_pointed(
		self, base_url: str, touch: frappe._dict
	) -> None:
		for target in (
			SHOP,
			"http://[2001:db8::1]:8080/a%20b?next=https://c.example/%F0%9F%8E%81",
			"https://x.example/" + "é" * 600,
		):
			place = ask(base_url, click_url(touch.name, target)).headers["Location"]
			assert (
				requests.Request("GET", place).prepare().url == requests.Request("GET", target).prepare().url
			)

	def test_whatever_happened_since_the_reader_arrives(self, base_url: str, touch: frappe._dict) -> None:
		link, picture = click_url(touch.name, SHOP), picture_url(touch.name)

		def arrives() -> None:
			assert ask(base_url, link).status_code == 302
			assert ask(base_url, picture).headers["Content-Type"] == "image/gif"

		with tracking(mail_tracking=OFF):
			arrives()
			hits(0)
		frappe.db.sql_ddl("RENAME TABLE `tabOutreach Hit` TO `tabOutreach Hit Away`")
		try:
			arrives()
		finally:
			frappe.db.sql_ddl("RENAME TABLE `tabOutreach Hit Away` TO `tabOutreach Hit`")
		put_hits(touch.name, (0, "Open", ""))
		frappe.delete_doc(
			"Contact", frappe.db.get_value("Customer", touch.customer, "customer_primary_contact"), force=True
		)
		frappe.delete_doc("Customer", touch.customer)
		frappe.db.commit()
		arrives()
		hits(0)
		frappe.db.delete("Outreach Touch")
		frappe.db.commit()
		arrives()
		hits(0)

	def test_a_forged_link_is_a_page_that_does_not_exist(self, base_url: str, touch: frappe._dict) -> None:
		"""Another host, another touch, the picture's signature, half a link: all look like any path that was never there."""
		page, name, signature, text = re.split(r"[/.]", urlsplit(click_url(touch.name, SHOP)).path[1:])
		other = click_url(touch.name, "https://evil.example").rsplit(".", 1)[1]
		seen = picture_url(touch.name).rsplit(".", 1)[1]
		paths = [
			f"{page}/{name}.{signature}.{other}",
			f"{page}/x{name}.{signature}.{text}",
			f"{page}/{name}.{seen}.{text}",
			f"{page}/{name}.{signature}.{text}A",
			f"{page}/{name}.{signature}.ü",
			f"{page}/{name}.{signature}",
			f"{PICTURE}/{name}.{signature}",
			f"{PICTURE}/{name}.{seen}x",
		]
		answers = set()
		for path in [*paths, "never/there"]:
			answer = ask(base_url, f"http://x/{path}")
			assert answer.status_code == 404 and "Location" not in answer.headers
			answers.add(re.sub(r"(?s)<head>.*?</head>|<script.*?</script>|<[^>]*>", "", answer.text))
		assert len(answers) == 1
		hits(0)

	def test_who_asks_not_to_be_tracked_and_who_looks_from_the_desk_is_not_noted(
		self, base_url: str, touch: frappe._dict
	) -> None:
		link, picture = click_url(touch.name, SHOP), picture_url(touch.name)
		for header in ("DNT", "Sec-GPC"):
			for url in (link, picture):
				assert ask(base_url, url, headers={**BROWSER, header: "1"}).status_code in (200, 302)
		login = requests.post(
			f"{base_url}/api/method/login", data={"usr": "Administrator", "pwd": ADMIN_PASSWORD}, timeout=60
		)
		assert ask(base_url, picture, cookies=login.cookies).status_code == 200
		assert ask(base_url, link, "POST").status_code == 302
		hits(0)
		assert ask(base_url, picture, headers={**BROWSER, "DNT": "0"}).status_code == 200
		hits(1)

	def test_a_reader_refuses_tracking_and_goes_on_getting_mails(
		self, base_url: str, touch: frappe._dict
	) -> None:
		token = unsubscribe_url(touch.name).rsplit("/", 1)[1]
		assert 'value="tracking"' in requests.get(f"{base_url}/leave/{token}", timeout=60).text
		method = f"{base_url}/api/method/customer_tiering.outreach.unsubscribe.unsubscribe"
		assert requests.post(method, data={"t": token, "scope": "tracking"}, timeout=60).ok
		frappe.db.commit()
		assert tracking_of(touch.customer) == OFF
		assert not frappe.db.count("Outreach Suppression")
		assert ask(base_url, click_url(touch.name, SHOP)).status_code == 302
		hits(0)

	def test_nobody_fills_the_disk(self, base_url: str, touch: frappe._dict) -> None:
		put_hits(touch.name, *[(number, "Open", "") for number in range(MOST - 1)])
		for _number in range(3):  # one after the other: a hit is noted after the answer
			assert ask(base_url, picture_url(touch.name)).status_code == 200
			hits(MOST)


class TestWhoMayBeTracked:
	MAIL = Mail(
		"Hello", '<p><a href="https://shop.example.com">shop</a></p></body>', "https://shop.example.com"
	)

	@pytest.fixture(autouse=True)
	def undone(self) -> Iterator[None]:
		with make.uncommitted():
			yield

	def settle(self, country: str | None, said: str | None, **values: object) -> str:
		"""A customer of that country who said that, under these settings."""
		document = frappe.get_doc("Tiering Settings")
		document.set("tracking_consent_countries", [{"country": "Germany"}])
		document.update({"mail_tracking": ALL, "tracking_consent": "In These Countries", **values})
		document.save()
		name = make.make_customer(mail_tracking=said).name
		if country:
			address = {"address_title": name, "address_line1": "1", "city": "X", "country": country}
			frappe.get_doc(
				doctype="Address", **address, links=[{"link_doctype": "Customer", "link_name": name}]
			).insert()
		return name

	@pytest.mark.parametrize(
		("country", "said", "values", "expected"),
		[
			("United States", None, {}, ALL),
			(None, None, {}, ALL),  # the site's own country asks for nothing
			("Germany", None, {}, OFF),
			("Germany", "Agreed", {}, ALL),
			("United States", "Refused", {}, OFF),
			("United States", None, {"tracking_consent": "Everywhere"}, OFF),
			("United States", "Agreed", {"tracking_consent": "Everywhere"}, ALL),
			("United States", None, {"mail_tracking": CLICKS}, CLICKS),
			("Germany", "Agreed", {"mail_tracking": OFF}, OFF),
		],
	)
	def test_site_law_and_customer(
		self, country: str | None, said: str | None, values: dict, expected: str
	) -> None:
		name = self.settle(country, said, **values)
		assert tracking_of(name) == expected
		mail, kept = with_tracking(self.MAIL, "abc", name)
		assert mail.text == self.MAIL.text
		assert (f"/{PICTURE}/" in mail.html) == (expected == ALL)
		assert ("/go/" in mail.html) == (expected != OFF)
		assert kept == {"tracking": None if expected == OFF else expected, "links": int(expected != OFF)}
		if expected == OFF:
			assert mail == self.MAIL

	def test_a_new_site_asks_for_consent_where_the_law_does(self) -> None:
		settings = frappe.get_single("Tiering Settings")
		assert [row.country for row in settings.tracking_consent_countries] == CONSENT_COUNTRIES
		assert (settings.mail_tracking, settings.tracking_consent) == (ALL, "In These Countries")

	def test_without_a_country_of_the_customer_the_own_law_counts(self) -> None:
		name = self.settle(None, None)
		frappe.db.set_value("Company", make.ensure_company(), "country", "Germany")
		frappe.db.value_cache.clear()
		assert tracking_of(name) == OFF

	@pytest.mark.parametrize(
		"left_alone",
		[
			*(
				"mailto:a@b.example",
				"tel:+491",
				"#part",
				"//x.example",
				"/path",
				"javascript:alert(1)",
				"ftp://x.example",
			),
			*(
				"http://",
				"http://[x",
				"https://x.example/a b",
				"https://x.example/\na",
				"https://x.example/" + LONGEST * "a",
			),
		],
	)
	def test_what_is_no_web_address_stays(self, left_alone: str) -> None:
		text = f'<a data-href="https://x.example" href="{left_alone}">x</a>'
		assert track_links(text, "abc") == (text, 0)

	def test_buttons_of_outlook_and_unquoted_links_are_links(self) -> None:
		text = '<!--[if mso]><v:roundrect href="https://x.example" /><![endif]--><A HREF=https://x.example>x</A><link href="https://y.example">'
		found, links = track_links(text, "abc")
		assert links == 1
		assert found.count(html.escape(click_url("abc", "https://x.example"))) == 2
		assert '<link href="https://y.example">' in found


class TestJudging:
	def test_workers_at_once_count_each_hit_once(self, touch: frappe._dict) -> None:
		put_hits(touch.name, *[(1900 * number, "Open", "") for number in range(9)], ago=timedelta(hours=9))
		code = "from customer_tiering.outreach.hits import judge_hits; print(judge_hits())"
		workers = [start_process(code) for _number in range(2)]
		assert sum(int(output_of(worker)) for worker in workers) == 9
		assert counts(touch.name) == (9, 0, 0)
		assert len(frappe.get_all("Interest Signal", {"kind": "Open"})) == 9

	def test_a_walk_through_all_links_counts_nothing(self, touch: frappe._dict) -> None:
		put_hits(touch.name, (0, "Click", "a"), (1, "Open", ""), (2, "Click", "b"))
		assert judge_hits() == 3
		assert {hit.verdict for hit in hits(3)} == {"All Links at Once"}
		assert counts(touch.name) == (0, 0, 0)
		assert not frappe.get_all("Interest Signal", {"customer": touch.customer})

	def test_what_is_old_is_forgotten_and_the_counts_stay(self, touch: frappe._dict) -> None:
		put_hits(touch.name, (0, "Open", ""), ago=timedelta(days=181))
		put_hits(touch.name, (0, "Open", ""))
		judge_hits()
		forget_hits()
		hits(1)
		assert counts(touch.name) == (2, 0, 0)

	def test_people_read_what_came_in_and_change_nothing(self, touch: frappe._dict) -> None:
		put_hits(touch.name, (0, "Open", ""))
		(name,) = frappe.get_all("Outreach Hit", pluck="name")
		for role, reads in (("Tiering Manager", True), ("Sales Manager", True), ("Sales User", False)):
			as_user(role)
			assert bool(frappe.has_permission("Outreach Hit")) == reads
			for right in ("write", "create", "delete"):
				assert not frappe.has_permission("Outreach Hit", right, doc=name)
			frappe.set_user("Administrator")

	def test_the_touch_tells_that_its_link_was_used_to_leave(self, touch: frappe._dict) -> None:
		leave(touch.name, "all")
		assert frappe.db.get_value("Outreach Touch", touch.name, "unsubscribed") == 1


START = date(2026, 3, 1)
SEQUENCES = ("Results One", "Results Two")
DAYS = 10


def put(doctype: str, rows: list[dict]) -> None:
	"""Rows as they would be, without the documents that they name."""
	rows = [{"name": frappe.generate_hash(length=12), "creation": now_datetime(), **row} for row in rows]
	for row in rows:
		frappe.db.bulk_insert(doctype, list(row), [list(row.values())])


class TestOutreachResults:
	@pytest.fixture
	def world(self, site: str) -> Iterator[list[str]]:
		"""Three customers with real orders: one paid back, one wholly, one whose order was the reason to write."""
		with make.uncommitted():
			make.as_if_new()
			names = [make.make_customer().name for _number in range(3)]
			for number, name in enumerate(names):
				for on in (5, 12, 13, 40):
					make.make_invoice(name, 100 + number * 10 + on, add_days(START, on + number))
			paid_back, undone, *rest = (
				frappe.get_doc("Sales Invoice", invoice)
				for invoice in frappe.get_all(
					"Sales Invoice", {"customer": names[0]}, order_by="posting_date", pluck="name"
				)
			)
			make.make_return(paid_back, add_days(START, 60), rate=30)
			make.make_return(undone, add_days(START, 20))
			for debited in (undone, rest[0]):
				make.make_debit_note(debited, 7, add_days(START, 20))
			yield names

	TOUCH = st.fixed_dictionaries(
		{
			"customer": st.integers(0, 2),
			"sequence": st.sampled_from(SEQUENCES),
			"step": st.sampled_from(["one", "two"]),
			"channel": st.sampled_from(["Email", "Email", "SMS", "Call Task"]),
			"status": st.sampled_from(["Queued", "Sent", "Sent", "Deferred", "Failed"]),
			"bounce": st.sampled_from([None, None, "Hard"]),
			"day": st.integers(0, 60),
			"hour": st.sampled_from([None, 9, 15]),
			"entered_by": st.sampled_from([None, None, 12]),
		}
	)

	EARLY = {
		**{"customer": 0, "sequence": SEQUENCES[1], "step": "one", "channel": "Email", "status": "Sent"},
		**{"bounce": None, "day": 5, "hour": 9, "entered_by": None},
	}
	LATE = {**EARLY, "sequence": SEQUENCES[0], "hour": 15}

	@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
	@example([LATE, EARLY], 0, 30)
	@given(st.lists(TOUCH, max_size=12), st.integers(0, 30), st.integers(0, 30))
	def test_orders_belong_to_the_last_message_before_them(
		self, world: list[str], drawn: list[dict], first: int, length: int
	) -> None:
		frappe.db.delete("Outreach Touch")
		frappe.db.delete("Outreach Enrollment")
		touches = []
		for number, each in enumerate(drawn):
			touches.append(
				{
					**{key: each[key] for key in ("sequence", "step", "channel", "status", "bounce")},
					**{
						"name": f"touch{number:02}",
						"customer": world[each["customer"]],
						"enrollment": f"entry{number:02}",
					},
					**{
						"touched_on": add_days(START, each["day"]),
						"touch_key": str(number),
						"creation": datetime.combine(START, time()),
						"sent_at": each["hour"]
						and datetime.combine(add_days(START, each["day"]), time(each["hour"])),
					},
				}
			)
			known = None if each["entered_by"] is None else add_days(START, each["entered_by"])
			entry = {"name": f"entry{number:02}", "last_order_date": known, "enrollment_key": str(number)}
			put("Outreach Enrollment", [entry])
			touches[-1]["known"] = known
		put(
			"Outreach Touch",
			[{key: value for key, value in row.items() if key != "known"} for row in touches],
		)
		since, until = add_days(START, first), add_days(START, first + length)
		left = [
			row
			for row in touches
			if (row["channel"] != "Call Task" and row["status"] == "Sent")
			or (row["channel"] == "Email" and row["status"] == "Queued")
		]
		expected: dict[str, list] = {}

		def last_of(row: dict) -> tuple:
			return row["touched_on"], row["sent_at"] or row["creation"], row["name"]

		for order in orders(getdate()):
			before = [
				row
				for row in left
				if row["customer"] == order["customer"]
				and not row["bounce"]
				and 0 <= (order["posting_date"] - row["touched_on"]).days <= DAYS
				and (not row["known"] or order["posting_date"] > row["known"])
			]
			last = max(before, key=last_of, default=None)
			if last and since <= last["touched_on"] <= until:
				expected.setdefault(last["sequence"], []).append((last["name"], order["value"]))
		in_period = [row for row in left if since <= row["touched_on"] <= until]
		_columns, rows, *_more = execute(
			{"from_date": since, "to_date": until, "group_by": "Sequence", "order_days": str(DAYS)}
		)
		for row in rows[:-1]:
			own, sent = (
				expected.pop(row["label"], []),
				[t for t in in_period if t["sequence"] == row["label"]],
			)
			assert row["sent"] == len(sent)
			assert row["bounced"] == sum(t["bounce"] == "Hard" for t in sent)
			assert (row["orders"], row["reordered"]) == (len(own), len({name for name, _value in own}))
			assert row["revenue"] == pytest.approx(sum(value for _name, value in own))
		assert not expected
		assert len(rows) == (len({row["sequence"] for row in in_period}) + 1 if in_period else 0)
		if rows:
			for group in ("Step", "Variant", "Email Template", "Campaign"):
				total = execute(
					{"from_date": since, "to_date": until, "group_by": group, "order_days": str(DAYS)}
				)[1][-1]
				assert {key: total[key] for key in ("sent", "orders", "revenue")} == {
					key: rows[-1][key] for key in ("sent", "orders", "revenue")
				}

	@pytest.fixture
	def people(self, site: str) -> Iterator[list[str]]:
		with make.uncommitted():
			make.as_if_new()
			yield [make.make_customer().name for _number in range(5)]

	def test_reads_replies_and_rates_of_the_customers_one_sees(self, people: list[str]) -> None:
		common = {"sequence": SEQUENCES[0], "channel": "Email", "status": "Queued", "touched_on": START}
		tracked = {"tracking": ALL, "links": 1}
		rows = [
			{"customer": people[0], **tracked, "opens": 2, "clicks": 0, "address": "a@example.com"},
			{"customer": people[1], **tracked, "opens": 0, "clicks": 1, "unsubscribed": 1},
			{"customer": people[2], **tracked, "prefetched": 1},
			{"customer": people[2], "step": "later"},
			{"customer": people[2], **tracked, "opens": 1, "bounce": "Hard"},
			{"customer": people[3], "channel": "SMS"},  # no gateway took it yet
			{"customer": people[3], "sent_at": f"{START} 11:00:00"},
		]
		put("Outreach Touch", [{"touch_key": str(n), **common, **row} for n, row in enumerate(rows)])
		make.make_communication(
			"Customer", people[1], START, sent_or_received="Received", sender="x@example.com"
		)
		make.make_communication(
			"User", "Guest", add_days(START, DAYS), sent_or_received="Received", sender="a@example.com"
		)
		make.make_communication("Customer", people[2], add_days(START, DAYS + 1), sent_or_received="Received")
		make.make_communication("Customer", people[2], START)
		away = {"sent_or_received": "Received", "is_automatic_answer": 1}
		make.make_communication("Customer", people[2], add_days(START, 1), **away)
		answered = frappe.db.get_value("Outreach Touch", {"customer": people[2], "step": "later"})
		given = make.make_feedback(people[2], 3, getdate(), source="Web Form", touch=answered)  # corrected
		frappe.db.set_value("Customer Feedback", given.name, "creation", f"{START} 12:00:00")
		make.make_invoice(people[2], 10, START)  # is that of what arrived before the mail that came back
		make.make_invoice(people[4], 10, START)
		put("Outreach Touch", [{**common, "touch_key": "x", "customer": people[4], "bounce": "Hard"}])
		row, total = execute({"from_date": START, "to_date": START, "order_days": str(DAYS)})[1]
		expected = {
			**{
				"sent": 7,
				"delivered": 5,
				"bounced": 2,
				"reordered": 1,
				"reorder_rate": 20,
				"opened": 2,
				"loaded": 1,
				"clicked": 1,
				"unsubscribed": 1,
				"replied": 3,
			},
			**{"open_rate": pytest.approx(200 / 3), "click_rate": pytest.approx(100 / 3)},
		}
		for found in (row, total):
			assert {key: found[key] for key in expected} == expected
		make.make_communication(
			"Customer", people[3], START, sent_or_received="Received"
		)  # an hour too early
		assert execute({"from_date": START, "to_date": START, "order_days": str(DAYS)})[1][0]["replied"] == 3
		as_user("Sales User", Customer=people[0])
		assert execute({"from_date": START, "to_date": START})[1][-1]["sent"] == 1
		frappe.set_user("Administrator")
		as_user("Accounts User")
		with pytest.raises(frappe.PermissionError):
			report("Outreach Results")

	def test_the_campaign_is_that_of_the_sequence(self, people: list[str]) -> None:
		planned, free = frappe.get_all("Outreach Sequence", limit=2, pluck="name")
		frappe.db.set_value("Outreach Sequence", planned, "campaign", "Spring")
		common = {"customer": people[0], "channel": "Email", "status": "Sent", "touched_on": START}
		rows = [{**common, "touch_key": name, "sequence": name} for name in (planned, free)]
		put("Outreach Touch", rows)
		found = execute({"from_date": START, "to_date": START, "group_by": "Campaign"})[1][:-1]
		assert sorted((row["label"], row["sent"]) for row in found) == [
			("Spring", 1),
			("Without a campaign", 1),
		]

	def test_the_difference_to_the_holdout(self, people: list[str]) -> None:
		"""Counted alike with mails and without; who entered twice is counted once, whoever entered before there was one not."""
		name = frappe.get_all("Outreach Sequence", limit=1, pluck="name")[0]
		last_day = max(
			frappe.get_doc("Outreach Sequence", name).steps, key=lambda step: step.day_offset
		).day_offset
		until = last_day + DAYS

		def entry(of: str, held: int, on: int, **more: object) -> dict:
			key = frappe.generate_hash(length=8)
			return {
				"customer": of,
				"sequence": name,
				"is_holdout": held,
				"entered_on": add_days(START, on),
				"enrollment_key": key,
				**more,
			}

		(other,) = frappe.get_all("Outreach Sequence", {"name": ("!=", name)}, limit=1, pluck="name")
		for each in (name, other):
			frappe.db.set_value("Outreach Sequence", each, "goal", "Order")
		put(
			"Outreach Enrollment",
			[
				entry(people[0], 0, 1, sequence=other),
				entry(people[0], 0, -1),  # before there was a holdout
				entry(people[1], 1, 0),
				entry(people[2], 0, 0, last_order_date=add_days(START, 1)),
				entry(people[2], 0, 5),
				entry(people[3], 0, 30, goal_reached_on=add_days(START, 2)),  # by the same order
				entry(people[3], 0, 1, goal_reached_on=add_days(START, 2)),
				entry(people[4], 1, 1),
				entry(people[0], 0, 2, exit_reason="Void"),
				entry(people[0], 0, date_diff(getdate(), START) - until),  # its time is over tomorrow
			],
		)
		make.make_invoice(people[0], 9, START)
		make.make_invoice(people[1], 50, add_days(START, until))
		make.make_invoice(people[2], 70, add_days(START, 1))  # known when the customer entered
		make.make_invoice(people[3], 80, add_days(START, 1))
		make.make_invoice(people[3], 20, add_days(START, 1 + until))
		make.make_invoice(people[4], 90, add_days(START, 2 + until))  # too late
		touch = {
			"customer": people[3],
			"sequence": name,
			"channel": "Email",
			"status": "Queued",
			"touched_on": START,
		}
		put("Outreach Touch", [{**touch, "touch_key": "one"}])
		period = {"from_date": add_days(START, -5), "to_date": getdate(), "order_days": str(DAYS)}
		found = {each["label"]: each for each in execute(period)[1]}
		silent, row = found[other], found[name]
		assert (silent["sent"], silent["goal_reached"], silent["goal_rate"]) == (0, 0, 0)
		assert (row["compared"], row["held_out"]) == (2, 2)
		assert (row["entered_rate"], row["holdout_rate"]) == (50, 50)
		assert (row["difference"], row["low"], row["high"]) == pytest.approx(
			[100 * v for v in difference(1, 2, 1, 2)]
		)
		assert (row["entered_revenue"], row["holdout_revenue"]) == (50, 25)
		assert (row["goal_reached"], row["goal_rate"]) == (1, pytest.approx(100 / 3))
		put(
			"Outreach Enrollment", [entry(people[4], 1, -6)]
		)  # before the period: there is a holdout all the while
		assert {each["label"]: each for each in execute(period)[1]}[name]["compared"] == 3

	@pytest.mark.parametrize(
		"wrong", [{"group_by": "x"}, {"order_days": "-1"}, {"sequence": ["a"]}, {"company": "Nobody"}]
	)
	def test_a_filter_of_a_wrong_kind_is_refused(self, wrong: dict) -> None:
		with pytest.raises(frappe.ValidationError):
			execute(wrong)
