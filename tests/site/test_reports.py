"""The reports: every number against a plain computation from the documents, and only what the user may see."""

import json
from collections.abc import Callable, Iterator
from datetime import date, timedelta

import frappe
import pytest
from frappe.desk.query_report import run as run_report
from frappe.utils import add_days, add_months, formatdate, getdate, random_string

from tests.site import factories as make

MODULE = "Customer Insights"
FROM, TO = date(2026, 1, 1), date(2026, 6, 30)
BEFORE, AFTER = FROM - timedelta(days=1), TO + timedelta(days=1)
PERIOD = {"from_date": str(FROM), "to_date": str(TO)}
ROLES = ("Sales Manager", "Sales User", "Tiering Manager", "System Manager")


@pytest.fixture(autouse=True)
def new_site(site: str, request: pytest.FixtureRequest) -> Iterator[None]:
	"""No customers but the test's own and those of its class, if it asks for them; all of it is rolled back."""
	with make.uncommitted():
		if "population" not in request.fixturenames:
			make.as_if_new()
		yield


@pytest.fixture(scope="class")
def population(site: str, request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
	"""What the class makes, once for all of its tests."""
	with make.uncommitted():
		make.as_if_new()
		population = request.cls().make_population()
		with make.shared():
			yield population


def report(name: str, **filters: object) -> dict:
	"""What the Desk gets, for the session's user."""
	return run_report(name, filters=json.dumps(filters))


def as_user(*roles: str, **permissions: str) -> str:
	"""Go on as a new user with these roles; `Customer="X"` is a User Permission."""
	user = make.ensure_user(f"{random_string(8).lower()}@example.com", *roles)
	for doctype, name in permissions.items():
		frappe.get_doc(
			doctype="User Permission", user=user, allow=doctype.replace("_", " "), for_value=name
		).insert()
	frappe.set_user(user)
	return user


def orders(as_of: date, companies: list[str] | None = None) -> list[dict]:
	"""Every order that is known on a day, with its net value; by the words of the design, one by one."""
	found, everything = [], documents()
	for invoice in documents(companies):
		if invoice.is_return or invoice.is_debit_note or invoice.posting_date > as_of:
			continue
		own = [
			each for each in everything if each.return_against == invoice.name and each.posting_date <= as_of
		]
		credits = [each.base_net_total for each in own if each.is_return]
		debits = [each.base_net_total for each in own if each.is_debit_note]
		value = invoice.base_net_total + sum(credits)
		if not credits or value > 0:
			found.append({**invoice, "value": value + sum(debits)})
	return found


def documents(companies: list[str] | None = None) -> list[frappe._dict]:
	companies = companies or frappe.get_all("Company", {"default_currency": "USD"}, pluck="name")
	return frappe.get_all(
		"Sales Invoice",
		filters={"docstatus": 1, "is_opening": "No", "company": ("in", companies)},
		fields=[
			*("name", "customer", "posting_date", "base_net_total", "creation"),
			*("is_return", "is_debit_note", "return_against"),
		],
	)


def divided(part: float, whole: float, times: int = 1) -> float | None:
	return pytest.approx(times * part / whole) if whole else None


class TestTierPerformance:
	NAME = "Tier Performance"

	def rows(self, **filters: object) -> dict[str, dict]:
		result = report(self.NAME, **{**PERIOD, **filters})["result"]
		return {row["title"]: row for row in result}

	def expected(self, customers: list[str], companies: list[str] | None = None) -> dict:
		"""The row of these customers, in plain Python."""
		known = [each for each in orders(TO, companies) if each["customer"] in customers]
		own = [each for each in known if FROM <= each["posting_date"] <= TO]
		count = {name: sum(each["customer"] == name for each in own) for name in customers}
		revenue = sum(
			each.base_net_total
			for each in documents(companies)
			if each.customer in customers and FROM <= each.posting_date <= TO
		)
		buyers = sum(number >= 1 for number in count.values())
		repeat = sum(number >= 2 for number in count.values())
		return {
			"customers": len(customers),
			"buyers": buyers,
			"repeat_buyers": repeat,
			"orders": len(own),
			"revenue": pytest.approx(revenue),
			"repurchase_rate": divided(repeat, buyers, 100),
			"average_order_value": divided(sum(each["value"] for each in own), len(own)),
			"revenue_per_buyer": divided(revenue, buyers),
		}

	def check(self, row: dict, customers: list[str], companies: list[str] | None = None) -> None:
		expected = self.expected(customers, companies)
		assert {key: row[key] for key in expected} == expected

	def make_population(self) -> dict[str, str]:
		"""Customers in tiers, with every kind of document inside, outside and at the edges of the period."""
		tiers = {"Ada": "A", "Ben": "A", "Cleo": "B", "Dan": "C", "Eve": None, "Fay": "A", "Gil": "B"}
		names = {}
		for name, tier in tiers.items():
			names[name] = make.make_customer(f"{name} {random_string(5)}").name
			frappe.db.set_value("Customer", names[name], "customer_tier", tier)
		make.make_invoice(names["Ada"], 400000, FROM)
		make.make_invoice(names["Ada"], 150000.55, TO)
		make.make_invoice(names["Ada"], 7, BEFORE)
		make.make_invoice(names["Ada"], 9, AFTER)
		partly = make.make_invoice(names["Ben"], 800, "2026-03-01")
		make.make_return(partly, "2026-03-10", rate=300)
		wholly = make.make_invoice(names["Ben"], 500, "2026-03-02")
		make.make_return(wholly, TO)
		later = make.make_invoice(names["Cleo"], 600, "2026-04-01")
		make.make_return(later, AFTER)
		make.make_debit_note(later, 50, "2026-04-05")
		old = make.make_invoice(names["Dan"], 1000, BEFORE)
		make.make_return(old, FROM, rate=400)
		make.make_opening_invoice(names["Dan"], 5000, "2026-02-01")
		make.amend(make.make_invoice(names["Cleo"], 70, "2026-05-01"), 80)
		make.make_invoice(names["Cleo"], 33, "2026-05-02", submit=False)
		make.make_invoice(names["Fay"], 1234, "2026-05-01")
		frappe.db.set_value("Customer", names["Fay"], "disabled", 1)
		make.make_invoice(names["Gil"], 4321, "2026-05-01")
		frappe.db.set_value("Customer", names["Gil"], "is_internal_customer", 1)
		return names

	def test_each_tier_ties_to_its_documents(self, population: dict[str, str]) -> None:
		rows = self.rows()
		self.check(rows["A"], [population["Ada"], population["Ben"]])
		self.check(rows["B"], [population["Cleo"]])
		self.check(rows["C"], [population["Dan"]])
		self.check(rows["D"], [])
		self.check(rows["No tier"], [population["Eve"]])

	def test_the_numbers_that_a_reader_would_add_up_by_hand(self, population: dict[str, str]) -> None:
		rows = self.rows()
		assert (rows["A"]["orders"], rows["A"]["revenue"]) == (3, pytest.approx(550500.55))
		assert rows["A"]["repurchase_rate"] == 50
		assert rows["A"]["average_order_value"] == pytest.approx(550500.55 / 3)
		assert (rows["B"]["orders"], rows["B"]["revenue"]) == (2, 730)
		assert rows["B"]["average_order_value"] == 365
		assert (rows["C"]["buyers"], rows["C"]["revenue"]) == (0, -400)
		assert rows["C"]["average_order_value"] is None

	def test_best_tier_first_and_the_total_last(self, population: dict[str, str]) -> None:
		assert list(self.rows()) == ["A", "B", "C", "D", "No tier", "Total"]

	def test_the_total_row_is_computed_and_not_added_up(self, population: dict[str, str]) -> None:
		rows = self.rows()
		everybody = [population[name] for name in ("Ada", "Ben", "Cleo", "Dan", "Eve")]
		self.check(rows["Total"], everybody)
		assert rows["Total"]["repurchase_rate"] == pytest.approx(200 / 3)
		shares = [row["share"] for tier, row in rows.items() if tier != "Total"]
		assert sum(shares) == pytest.approx(100) == rows["Total"]["share"]

	def test_customers_below_their_tier_add_up_to_it(self, population: dict[str, str]) -> None:
		result = report(self.NAME, **PERIOD, show_customers=1)["result"]
		for name in ("Ada", "Ben", "Cleo", "Dan"):
			(row,) = [row for row in result if row.get("customer") == population[name]]
			self.check(row, [population[name]])
			assert row["indent"] == 1
		for tier in ("A", "B", "C"):
			(head,) = [row for row in result if row.get("indent") == 0 and row["tier"] == tier]
			below = [row for row in result if row.get("indent") == 1 and row["tier"] == tier]
			for key in ("orders", "revenue", "buyers", "repeat_buyers"):
				assert sum(row[key] for row in below) == pytest.approx(head[key])

	def test_a_site_without_customers(self) -> None:
		rows = self.rows()
		assert list(rows) == ["A", "B", "C", "D", "Total"]
		for row in rows.values():
			assert (row["customers"], row["revenue"], row["repurchase_rate"], row["share"]) == (
				0,
				0,
				None,
				None,
			)

	def test_chart_and_summary_repeat_the_table(self, population: dict[str, str]) -> None:
		data = report(self.NAME, **PERIOD)
		rows = {row["title"]: row for row in data["result"]}
		bars = data["chart"]["data"]
		assert bars["labels"] == ["A", "B", "C", "D"]
		drawn = {bar["name"]: sum(value or 0 for value in bar["values"]) for bar in bars["datasets"]}
		assert drawn == {f"{tier} in USD": pytest.approx(rows[tier]["revenue"]) for tier in bars["labels"]}
		cards = {card["label"]: card["value"] for card in data["report_summary"]}
		assert cards["Revenue"] == rows["Total"]["revenue"]
		assert cards["Repurchase Rate"] == round(rows["Total"]["repurchase_rate"], 1)

	def test_revenue_of_the_last_12_months_is_what_the_tiering_counts(self) -> None:
		today = getdate()
		for amount, days in ((600000, 10), (250000, 364), (90, 366), (120000, 200), (40000, 0)):
			make.make_invoice(make.make_customer().name, amount, make.days_ago(days))
		make.recompute(today)
		counted: dict[str, float] = {}
		for each in frappe.get_all(
			"Customer", filters={"disabled": 0}, fields=["customer_tier", "annual_value"]
		):
			counted[each.customer_tier] = counted.get(each.customer_tier, 0) + each.annual_value
		rows = {row["title"]: row for row in report(self.NAME)["result"]}
		assert {tier: rows[tier]["revenue"] for tier in counted} == counted

	@pytest.fixture
	def euro(self, population: dict[str, str]) -> str:
		"""A company with other books, and an order of 100 EUR there."""
		euro = make.ensure_company(f"Euro {random_string(4)}", "EUR")
		values = {"company": euro, "currency": "EUR", "conversion_rate": 1, "plc_conversion_rate": 1}
		invoice = make.make_invoice(population["Ada"], 100, "2026-03-03", **values)
		credit = make.make_return(invoice, "2026-03-09", rate=30)
		assert (invoice.base_net_total, credit.base_net_total) == (100, -30)
		return euro

	def test_other_currencies_at_the_rate_of_each_day(self, population: dict[str, str], euro: str) -> None:
		without_a_rate = self.rows()["A"]
		make.make_rate("EUR", "USD", "2026-03-01", 1.5)
		make.make_rate("EUR", "USD", "2026-03-05", 2)
		row = self.rows()["A"]
		assert row["revenue"] == without_a_rate["revenue"] + 100 * 1.5 - 30 * 2
		assert row["orders"] == without_a_rate["orders"]
		assert row["order_value"] == without_a_rate["order_value"] + 90
		only = self.rows(company=euro)["A"]
		assert (only["revenue"], only["orders"], only["average_order_value"]) == (90, 1, 90)
		assert "converted to USD" in report(self.NAME, **PERIOD)["message"]

	def test_only_the_companies_of_the_settings(self, population: dict[str, str], euro: str) -> None:
		make.make_rate("EUR", "USD", "2026-03-01", 1.5)
		with make.rules(companies=(euro,)):
			assert self.rows()["Total"]["revenue"] == 105
			assert "companies that Tiering Settings leave out" in report(self.NAME, **PERIOD)["message"]
			with pytest.raises(frappe.ValidationError, match="can't be counted"):
				report(self.NAME, **PERIOD, company=make.ensure_company())

	def test_sales_orders_instead(self, population: dict[str, str]) -> None:
		make.make_sales_order(population["Ada"], 70, FROM)
		make.make_sales_order(population["Ben"], 30, AFTER)
		with make.rules(orders_from="Sales Order"):
			row = self.rows()["A"]
			assert (row["orders"], row["revenue"], row["average_order_value"]) == (1, 70, 70)
			assert "Sales Order" in report(self.NAME, **PERIOD)["message"]

	def test_gross_margin_instead(self, population: dict[str, str]) -> None:
		before = self.rows()["C"]["revenue"]
		invoice = make.make_invoice(population["Dan"], 100, FROM)
		frappe.db.set_value("Sales Invoice Item", {"parent": invoice.name}, "incoming_rate", 60)
		with make.rules(measure="Gross Margin"):
			assert self.rows()["C"]["revenue"] == before + 40
			assert "gross margin" in report(self.NAME, **PERIOD)["message"]

	@pytest.mark.parametrize(
		("filters", "label"),
		[
			({"company": ["A", "B"]}, "Company"),
			({"territory": {"a": 1}}, "Territory"),
			({"customer_group": ["in", ["A"]]}, "Customer Group"),
			({"from_date": "yesterday"}, "From Date"),
			({"to_date": ["2026-01-01"]}, "To Date"),
			({"to_date": "2026-13-45"}, "To Date"),
		],
	)
	def test_filters_of_a_wrong_kind_are_refused_by_name(self, filters: dict, label: str) -> None:
		with pytest.raises(frappe.ValidationError, match=f"{label}: "):
			report(self.NAME, **filters)

	def test_the_company_filter(self, population: dict[str, str]) -> None:
		other = make.ensure_company(f"Other {random_string(4)}")
		make.make_invoice(population["Ada"], 100, "2026-03-03", company=other)
		self.check(self.rows(company=other)["A"], [population["Ada"], population["Ben"]], [other])
		assert self.rows(company=other)["A"]["revenue"] == 100
		self.check(self.rows()["A"], [population["Ada"], population["Ben"]])

	def test_territory_and_group_take_what_is_below_them(self, population: dict[str, str]) -> None:
		for doctype, field in (("Territory", "territory"), ("Customer Group", "customer_group")):
			tree = {}
			for name, parent in (("Up", None), ("Down", "Up")):
				key = f"{name} {random_string(5)}"
				frappe.get_doc(
					{
						"doctype": doctype,
						f"{field}_name": key,
						f"parent_{field}": tree.get(parent) or root(doctype),
						"is_group": int(name == "Up"),
					}
				).insert()
				tree[name] = key
			frappe.db.set_value("Customer", population["Ada"], field, tree["Down"])
			for name in tree.values():
				rows = self.rows(**{field: name})
				self.check(rows["A"], [population["Ada"]])
				assert rows["Total"]["customers"] == 1

	def test_dates_in_the_wrong_order_are_refused(self) -> None:
		with pytest.raises(frappe.ValidationError, match="From Date"):
			report(self.NAME, from_date=str(TO), to_date=str(FROM))

	def test_without_a_reporting_currency_it_says_what_to_do(self) -> None:
		frappe.db.set_single_value("Tiering Settings", "reporting_currency", None)
		with pytest.raises(frappe.ValidationError, match="Reporting Currency"):
			report(self.NAME)

	def test_the_number_of_queries_does_not_grow(self, count_queries: Callable[[], int]) -> None:
		def cost() -> int:
			start = count_queries()
			report(self.NAME, **PERIOD, show_customers=1)
			return count_queries() - start

		cost()
		few = cost()
		for _number in range(5):
			make.make_invoice(make.make_customer().name, 10, FROM)
		assert cost() <= few

	def test_a_user_sees_only_permitted_customers(self, population: dict[str, str]) -> None:
		as_user("Sales User", Customer=population["Ada"])
		rows = self.rows(show_customers=1)
		frappe.set_user("Administrator")
		self.check(rows["A"], [population["Ada"]])
		self.check(rows["Total"], [population["Ada"]])
		assert "Ben" not in " ".join(rows)

	def test_a_permitted_territory_restricts_too(self, population: dict[str, str]) -> None:
		place = frappe.get_doc(doctype="Territory", territory_name=f"Place {random_string(5)}").insert().name
		frappe.db.set_value("Customer", population["Cleo"], "territory", place)
		as_user("Sales User", Territory=place)
		rows = self.rows()
		frappe.set_user("Administrator")
		self.check(rows["B"], [population["Cleo"]])
		self.check(rows["Total"], [population["Cleo"]])

	def test_a_permitted_company_restricts_the_revenue(self, population: dict[str, str]) -> None:
		other = make.ensure_company(f"Other {random_string(4)}")
		make.make_invoice(population["Ada"], 100, "2026-03-03", company=other)
		as_user("Sales User", Company=other)
		rows = self.rows()
		frappe.set_user("Administrator")
		assert rows["Total"]["revenue"] == 100

	def test_a_sales_manager_sees_all(self, population: dict[str, str]) -> None:
		everything = self.rows()
		as_user("Sales Manager")
		assert self.rows() == everything


def root(tree: str) -> str:
	return frappe.get_all(tree, filters={"is_group": 1}, order_by="lft", limit=1, pluck="name")[0]


@pytest.fixture
def count_queries(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
	counted = 0
	execute = frappe.db.sql

	def counting(*arguments: object, **options: object) -> object:
		nonlocal counted
		counted += 1
		return execute(*arguments, **options)

	monkeypatch.setattr(frappe.db, "sql", counting)
	return lambda: counted


class TestWakeUpPerformance:
	NAME = "Wake-up Performance"

	@property
	def today(self) -> date:
		return getdate()

	@property
	def entry(self) -> date:
		return add_days(self.today, -60)

	@property
	def half_year(self) -> dict[str, str]:
		return {"from_date": str(add_months(self.today, -6)), "to_date": str(self.today)}

	def rows(self, **filters: object) -> dict[str, dict]:
		result = report(self.NAME, **{**self.half_year, **filters})["result"]
		return {row.get("group", row["label"]): row for row in result}

	def entered(
		self,
		mails: tuple[tuple[str, str | None], ...] = (("Queued", "Sent"),),
		customer: str = "",
		sequence: str = "Wake Up",
		**values: object,
	) -> str:
		"""An enrollment with touches, given as (status, status of the queue row or None if that is gone)."""
		customer = customer or make.make_customer().name
		day = getdate(values.pop("entered_on", self.entry))
		name = frappe.get_doc(
			{
				"doctype": "Outreach Enrollment",
				"customer": customer,
				"sequence": sequence,
				"last_order_date": add_days(day, -180),
				"enrollment_key": random_string(20),
				"status": "Active",
				"entered_on": day,
				**values,
			}
		).insert(ignore_permissions=True, ignore_mandatory=True)
		for number, (status, queue) in enumerate(mails):
			self.touch(name, status, queue, add_days(day, 7 * (number + 1)))
		return name.name

	def touch(self, enrollment: "frappe.Document", status: str, queue: str | None, day: date) -> None:
		row = random_string(10)
		if queue:
			frappe.get_doc(doctype="Email Queue", name=row, status=queue).db_insert()
		frappe.get_doc(
			doctype="Outreach Touch",
			name=random_string(20),
			customer=enrollment.customer,
			sequence=enrollment.sequence,
			enrollment=enrollment.name,
			touch_key=random_string(20),
			channel="Email",
			status=status,
			touched_on=day,
			email_queue=row if status == "Queued" else None,
		).db_insert()

	def ordered(self, enrollment: str, days: int, amount: float = 100, **values: object) -> "frappe.Document":
		"""An order of the enrolled customer, so many days after entering."""
		customer, day = frappe.db.get_value("Outreach Enrollment", enrollment, ["customer", "entered_on"])
		return make.make_invoice(customer, amount, add_days(day, days), **values)

	def left(self, enrollment: str, days: int, reason: str = "Ordered", **values: object) -> None:
		day = frappe.db.get_value("Outreach Enrollment", enrollment, "entered_on")
		ended = {"status": "Exited", "exit_reason": reason, "ended_on": add_days(day, days)}
		frappe.db.set_value("Outreach Enrollment", enrollment, {**ended, **values})

	def expected(
		self, enrollments: list[frappe._dict], order_days: int = 30, companies: list[str] | None = None
	) -> dict:
		"""The row of these enrollments, in plain Python."""
		sums = dict.fromkeys(("mailed", "again", "before", "mails", "waiting", "failed", "deferred"), 0)
		known, revenue, days = orders(self.today, companies), {}, []
		for each in enrollments:
			sent = []
			for touch in frappe.get_all("Outreach Touch", {"enrollment": each.name}, ["*"]):
				queue = touch.email_queue and frappe.db.get_value("Email Queue", touch.email_queue, "status")
				if touch.status == "Failed" or queue == "Error":
					sums["failed"] += 1
				elif touch.status == "Deferred":
					sums["deferred"] += 1
				elif touch.channel != "Email":
					continue
				elif queue in ("Not Sent", "Sending"):
					sums["waiting"] += 1
				else:
					sent.append(touch.touched_on)
			sums["mails"] += len(sent)
			sums["mailed"] += bool(sent)
			until = add_days(each.ended_on or self.today, order_days)
			own = [
				order
				for order in known
				if order["customer"] == each.customer
				and each.last_order_date < order["posting_date"] <= until
			]
			if not own:
				continue
			order = min(own, key=lambda order: (order["posting_date"], order["creation"]))
			if sent and order["posting_date"] >= min(sent):
				sums["again"] += 1
				revenue[order["name"]] = order["value"]
				days.append((order["posting_date"] - each.entered_on).days)
			else:
				sums["before"] += 1
		return {
			"entered": len(enrollments),
			"active": sum(each.status == "Active" for each in enrollments),
			"unsubscribed": sum(each.exit_reason == "Unsubscribed" for each in enrollments),
			"mailed": sums["mailed"],
			"ordered_again": sums["again"],
			"ordered_before": sums["before"],
			"mails": sums["mails"],
			"waiting": sums["waiting"],
			"failed": sums["failed"],
			"deferred": sums["deferred"],
			"reorder_rate": divided(sums["again"], sums["mailed"], 100),
			"revenue": pytest.approx(sum(revenue.values())),
			"days_to_order": divided(sum(days), len(days)),
		}

	def check(self, row: dict, order_days: int = 30, companies: list[str] | None = None, **filters) -> None:
		mailed = {"is_holdout": 0, **filters}
		enrollments = frappe.get_all("Outreach Enrollment", filters=mailed, fields=["*"])
		expected = self.expected(enrollments, order_days, companies)
		assert {key: row[key] for key in expected} == expected

	def make_population(self) -> dict[str, str]:
		"""Every way through a sequence, by a name for it."""
		two = (("Queued", "Sent"), ("Queued", None))
		found = {
			"again": self.entered(two),
			"partly returned": self.entered(),
			"wholly returned": self.entered(),
			"amended": self.entered(),
			"same day": self.entered(),
			"before": self.entered(mails=()),
			"backdated": self.entered(),
			"after the last mail": self.entered(two, status="Completed", ended_on=add_days(self.entry, 14)),
			"too late": self.entered(two, status="Completed", ended_on=add_days(self.entry, 14)),
			"silent": self.entered(two),
			"failed": self.entered((("Failed", None),)),
			"error": self.entered((("Queued", "Error"), ("Queued", "Sent"))),
			"waiting": self.entered((("Queued", "Not Sent"),)),
			"in doubt": self.entered((("Queued", "Sending"),)),
			"deferred": self.entered((("Deferred", None),)),
			"by an order": self.entered(last_order_date=self.entry),
			"no gateway": self.entered((("Queued", None),)),
			"unsubscribed": self.entered(),
			"old order": self.entered(),
			"another month": self.entered(entered_on=add_months(self.entry, -2)),
		}
		self.ordered(found["again"], 20, 1000.5)
		self.left(found["again"], 20)
		make.make_return(self.ordered(found["partly returned"], 8, 500), rate=120)
		self.left(found["partly returned"], 8)
		make.make_return(self.ordered(found["wholly returned"], 8, 300))
		self.left(found["wholly returned"], 8)
		make.amend(self.ordered(found["amended"], 9, 210), 220)
		self.left(found["amended"], 9)
		self.ordered(found["same day"], 7, 55)
		self.left(found["same day"], 7)
		self.ordered(found["before"], 3, 60)
		self.left(found["before"], 3)
		self.ordered(found["backdated"], 6, 65)
		self.left(found["backdated"], 8)
		self.ordered(found["after the last mail"], 44, 700)
		self.ordered(found["too late"], 45, 800)
		self.left(found["unsubscribed"], 8, "Unsubscribed")
		self.ordered(found["old order"], -180, 90)
		self.ordered(found["another month"], 30, 400)
		self.left(found["another month"], 30)
		frappe.db.set_value("Outreach Touch", {"enrollment": found["no gateway"]}, "channel", "SMS")
		self.ordered(found["no gateway"], 20, 110)
		for days, amount in ((0, 130), (20, 140)):
			self.ordered(found["by an order"], days, amount)
		self.ordered(self.entered(mails=(), is_holdout=1), 20, 120)
		for number, name in enumerate(found.values()):
			customer = frappe.db.get_value("Outreach Enrollment", name, "customer")
			frappe.db.set_value("Customer", customer, "customer_tier", (None, "A", "B")[number % 3])
		return found

	def test_a_sequence_ties_to_its_enrollments_touches_and_orders(self, population: dict[str, str]) -> None:
		rows = self.rows()
		self.check(rows["Wake Up"])
		assert rows["Wake Up"]["entered"] == len(population)
		assert rows["Wake Up"]["ordered_again"] == 7
		assert rows["Wake Up"]["ordered_before"] == 3
		assert rows["Wake Up"]["revenue"] == pytest.approx(1000.5 + 380 + 220 + 55 + 700 + 140 + 400)

	def test_each_way_through(self, population: dict[str, str]) -> None:
		again = ("again", "partly returned", "amended", "same day", "after the last mail")
		again += ("by an order", "another month")
		before = ("before", "backdated", "no gateway")
		rows = self.rows(group_by="Enrollment")
		for way, name in population.items():
			counted = (rows[name]["ordered_again"], rows[name]["ordered_before"])
			assert counted == (way in again, way in before), way
			self.check(rows[name], name=name)

	def test_months_and_tiers_add_up_to_the_total(self, population: dict[str, str]) -> None:
		total = self.rows()["Total"]
		for group_by in ("Month of Entry", "Tier", "Enrollment"):
			rows = self.rows(group_by=group_by)
			assert {**rows["Total"], "label": ""} == {**total, "label": ""}
			for key in ("entered", "mailed", "ordered_again", "mails", "failed", "deferred", "active"):
				added = sum(row[key] for name, row in rows.items() if name != "Total")
				assert added == total[key], (group_by, key)

	def test_months_are_in_order_and_tie_to_their_enrollments(self, population: dict[str, str]) -> None:
		rows = self.rows(group_by="Month of Entry")
		months = [month for month in rows if month != "Total"]
		assert months == sorted(months) and len(months) == 2
		for month in months:
			end = add_days(add_months(month, 1), -1)
			self.check(rows[month], entered_on=("between", (month, end)))

	def test_tiers_are_in_order_and_tie_to_their_enrollments(self, population: dict[str, str]) -> None:
		rows = self.rows(group_by="Tier")
		assert list(rows) == ["A", "B", "", "Total"]
		assert rows[""]["label"] == "No tier"
		for tier in ("A", "B"):
			customers = frappe.get_all("Customer", {"customer_tier": tier, "disabled": 0}, pluck="name")
			self.check(rows[tier], customer=("in", customers))

	def test_the_first_and_the_last_day_of_entering_count(self) -> None:
		first, last = add_days(self.today, -20), add_days(self.today, -10)
		for day in (add_days(first, -1), first, last, add_days(last, 1)):
			self.entered(entered_on=day)
		row = self.rows(from_date=str(first), to_date=str(last))["Wake Up"]
		assert (row["entered"], row["mailed"], row["mails"]) == (2, 2, 2)

	def test_days_after_the_last_mail(self, population: dict[str, str]) -> None:
		found = {}
		for order_days in (0, 29, 30, 31):
			row = self.rows(order_days=order_days)["Wake Up"]
			self.check(row, order_days)
			found[order_days] = row["ordered_again"]
		assert found == {0: 6, 29: 6, 30: 7, 31: 8}

	def test_one_order_that_answers_two_sequences_counts_once_in_the_total(self) -> None:
		second = self.sequence()
		customer = make.make_customer().name
		first = self.entered(customer=customer)
		self.entered(customer=customer, sequence=second)
		self.ordered(first, 10, 250)
		rows = self.rows()
		assert rows["Wake Up"]["revenue"] == rows[second]["revenue"] == rows["Total"]["revenue"] == 250
		assert rows["Total"]["ordered_again"] == 2
		assert list(self.rows(sequence=second)) == [second, "Total"]

	def sequence(self) -> str:
		original = frappe.get_doc("Outreach Sequence", "Wake Up")
		copy = frappe.copy_doc(original)
		copy.update({"sequence_name": f"Wake Up {random_string(5)}", "enabled": 0})
		return copy.insert().name

	def test_only_orders_of_the_company_asked_for(self, population: dict[str, str]) -> None:
		other = make.ensure_company(f"Other {random_string(4)}")
		self.ordered(population["silent"], 20, 77, company=other)
		self.check(self.rows()["Wake Up"])
		row = self.rows(company=other)["Wake Up"]
		self.check(row, companies=[other])
		assert (row["ordered_again"], row["revenue"]) == (1, 77)

	def test_a_site_without_enrollments(self) -> None:
		data = report(self.NAME, **self.half_year)
		assert not data["result"] and not data["chart"]
		assert {card["label"]: card["value"] for card in data["report_summary"]}["Entered"] == 0

	def test_chart_and_summary_repeat_the_table(self, population: dict[str, str]) -> None:
		data = report(self.NAME, **self.half_year)
		total = data["result"][-1]
		bars = {bar["name"]: sum(bar["values"]) for bar in data["chart"]["data"]["datasets"]}
		keys = {"Entered": "entered", "Mailed": "mailed", "Ordered Again": "ordered_again"}
		assert bars == {label: total[key] for label, key in keys.items()}
		cards = {card["label"]: card["value"] for card in data["report_summary"]}
		assert {label: cards[label] for label in keys} == bars

	def test_it_says_that_it_is_no_experiment(self, population: dict[str, str]) -> None:
		assert "This is not an experiment" in report(self.NAME, **self.half_year)["message"]

	@pytest.mark.parametrize("days", [-1, "a few", 1.5, [30]])
	def test_days_of_a_wrong_kind_are_refused(self, days: object) -> None:
		with pytest.raises(frappe.ValidationError, match="Days after the Last Mail: "):
			report(self.NAME, order_days=days)

	def test_a_sequence_of_a_wrong_kind_is_refused(self) -> None:
		with pytest.raises(frappe.ValidationError, match="Sequence: "):
			report(self.NAME, sequence=["Wake Up"])

	def test_the_order_that_answers_in_another_currency(self, population: dict[str, str]) -> None:
		before = self.rows()["Wake Up"]
		euro = make.ensure_company(f"Euro {random_string(4)}", "EUR")
		values = {"company": euro, "currency": "EUR", "conversion_rate": 1, "plc_conversion_rate": 1}
		order = self.ordered(population["silent"], 20, 100, **values)
		make.make_rate("EUR", "USD", order.posting_date, 1.25)
		row = self.rows()["Wake Up"]
		assert row["ordered_again"] == before["ordered_again"] + 1
		assert row["revenue"] == before["revenue"] + 125

	def test_an_unknown_group_is_refused(self) -> None:
		with pytest.raises(frappe.ValidationError, match="Group By"):
			report(self.NAME, group_by="name; DROP TABLE")

	def test_a_user_sees_only_permitted_customers(self, population: dict[str, str]) -> None:
		customer = frappe.db.get_value("Outreach Enrollment", population["again"], "customer")
		as_user("Sales User", Customer=customer)
		rows = self.rows()
		listed = self.rows(group_by="Enrollment")
		frappe.set_user("Administrator")
		self.check(rows["Total"], customer=customer)
		assert set(listed) == {population["again"], "Total"}

	def test_a_permitted_territory_restricts_too(self, population: dict[str, str]) -> None:
		place = frappe.get_doc(doctype="Territory", territory_name=f"Place {random_string(5)}").insert().name
		customer = frappe.db.get_value("Outreach Enrollment", population["silent"], "customer")
		frappe.db.set_value("Customer", customer, "territory", place)
		as_user("Sales User", Territory=place)
		rows = self.rows()
		frappe.set_user("Administrator")
		self.check(rows["Total"], customer=customer)

	def test_enrollments_of_a_deleted_customer_stay_in_the_history(self) -> None:
		gone = self.entered()
		kept = self.entered()
		deleted, customer = (
			frappe.db.get_value("Outreach Enrollment", name, "customer") for name in (gone, kept)
		)
		frappe.db.delete("Customer", {"name": deleted})
		assert self.rows()["Total"]["entered"] == 2
		as_user("Sales User", Customer=customer)
		assert self.rows()["Total"]["entered"] == 1

	def test_the_number_of_queries_does_not_grow(self, count_queries: Callable[[], int]) -> None:
		def cost() -> int:
			start = count_queries()
			report(self.NAME, **self.half_year, group_by="Enrollment")
			return count_queries() - start

		self.entered()
		cost()
		few = cost()
		for _number in range(5):
			self.ordered(self.entered(), 10)
		assert cost() <= few


class TestRoles:
	REPORTS = ("Tier Performance", "Wake-up Performance")

	@pytest.mark.parametrize("name", REPORTS)
	@pytest.mark.parametrize("role", ["Sales Manager", "Sales User"])
	def test_sales_may_run_it(self, name: str, role: str) -> None:
		as_user(role)
		assert report(name)["columns"]

	@pytest.mark.parametrize("name", REPORTS)
	def test_a_tiering_manager_who_may_read_customers_may_run_it(self, name: str) -> None:
		as_user("Tiering Manager", "Sales User")
		assert report(name)["columns"]

	@pytest.mark.parametrize("name", REPORTS)
	@pytest.mark.parametrize("role", ["Tiering Manager", "System Manager", "Stock User", "Purchase User"])
	def test_nobody_who_may_not_read_customers_or_has_no_such_role(self, name: str, role: str) -> None:
		as_user(role)
		with pytest.raises(frappe.PermissionError):
			report(name)

	@pytest.mark.parametrize("name", [*REPORTS, "Dormant Large Customers"])
	def test_the_roles_of_the_reports(self, name: str) -> None:
		roles = frappe.get_all("Has Role", {"parenttype": "Report", "parent": name}, pluck="role")
		assert set(roles) == set(ROLES)


class TestWorkspace:
	@pytest.fixture
	def workspace(self) -> "frappe.Document":
		return frappe.get_doc("Workspace", "Customer Tiering")

	def test_everything_belongs_to_our_modules_so_that_uninstall_removes_it(
		self, workspace: "frappe.Document"
	) -> None:
		ours = {"Report": 7, "Dashboard Chart": 1, "Number Card": 6}
		assert {doctype: frappe.db.count(doctype, {"module": MODULE}) for doctype in ours} == ours
		assert frappe.db.get_value("Module Def", workspace.module, "app_name") == "customer_tiering"

	@pytest.mark.parametrize("role", ["Sales Manager", "Sales User", "Tiering Manager", "System Manager"])
	def test_who_sees_it(self, role: str) -> None:
		"""A user who can read no DocType of its module doesn't."""
		from frappe.desk.desktop import Workspace

		as_user(role)
		page = {"name": "Customer Tiering", "title": "Customer Tiering", "public": 1}
		assert Workspace(page, True).is_permitted()

	def test_what_managers_set_is_on_a_page_of_their_own(self, workspace: "frappe.Document") -> None:
		rules = frappe.get_doc("Workspace", "Tiering Rules")
		assert rules.parent_page == workspace.name and rules.public
		assert {row.role for row in rules.roles} == set(ROLES) - {"Sales User"}
		self.test_shortcuts_lead_somewhere(rules)
		shown = [block["data"]["shortcut_name"] for block in json.loads(rules.content)]
		assert shown == [row.label for row in rules.shortcuts]

	def test_it_is_public_and_its_content_is_there(self, workspace: "frappe.Document") -> None:
		assert workspace.public and not workspace.is_hidden
		assert {row.role for row in workspace.roles} == set(ROLES)
		named = {"chart": "chart_name", "number_card": "number_card_name", "shortcut": "shortcut_name"}
		shown = {kind: [] for kind in named}
		for block in json.loads(workspace.content):
			if block["type"] in named:
				shown[block["type"]].append(block["data"][named[block["type"]]])
		assert shown == {
			"chart": [row.label for row in workspace.charts],
			"number_card": [row.label for row in workspace.number_cards],
			"shortcut": [row.label for row in workspace.shortcuts],
		}

	def test_shortcuts_lead_somewhere(self, workspace: "frappe.Document") -> None:
		for shortcut in workspace.shortcuts:
			assert frappe.db.exists(shortcut.type, shortcut.link_to), shortcut.label
			if shortcut.stats_filter:
				frappe.get_list(shortcut.link_to, filters=json.loads(shortcut.stats_filter), limit=1)

	def test_cards_count(self, workspace: "frappe.Document") -> None:
		customer = make.make_customer().name
		frappe.db.set_value("Customer", customer, {"customer_tier": "A", "lifecycle_stage": "Dormant"})
		counts = {}
		cards = [frappe.get_doc("Number Card", row.number_card_name) for row in workspace.number_cards]
		for card in cards:
			if card.type != "Document Type":
				continue
			filters = json.loads(card.filters_json)
			assert all(len(each) == 4 for each in filters)
			counts[card.name] = len(frappe.get_list(card.document_type, filters=filters, limit=0))
		assert counts["Customers with a Tier"] == counts["Dormant Customers"] == 1

	def test_customers_in_a_sequence_are_counted_once(self) -> None:
		one, other, held_out = (make.make_customer().name for _number in range(3))
		for customer, held in ((one, 0), (one, 0), (other, 0), (held_out, 1)):
			values = {"customer": customer, "is_holdout": held, "enrollment_key": random_string(8)}
			row = frappe.get_doc({"doctype": "Outreach Enrollment", "status": "Active", **values})
			row.insert(ignore_permissions=True, ignore_mandatory=True)
		method = frappe.get_attr(frappe.db.get_value("Number Card", "Customers in a Sequence", "method"))
		assert method()["value"] == 2
		as_user("Sales User", Customer=one)
		assert method()["value"] == 1

	def test_cards_and_lists_of_sleepers_follow_the_stages(self) -> None:
		frappe.rename_doc("Lifecycle Stage", "Dormant", "Silent", force=True)
		card = json.loads(frappe.db.get_value("Number Card", "Dormant Customers", "filters_json"))
		saved = json.loads(frappe.db.get_value("Report", "Dormant Large Customers", "json"))
		for filters in (card, saved["filters"]):
			assert ["Customer", "lifecycle_stage", "in", ["Silent"]] in filters

	def test_managers_see_every_card(self, workspace: "frappe.Document") -> None:
		as_user("Sales Manager")
		for row in workspace.number_cards:
			assert frappe.get_doc("Number Card", row.number_card_name).has_permission("read"), (
				row.number_card_name
			)

	def test_the_chart_shows_the_report(self, workspace: "frappe.Document") -> None:
		(chart,) = (frappe.get_doc("Dashboard Chart", row.chart_name) for row in workspace.charts)
		data = run_report(chart.report_name, filters=chart.filters_json)
		assert data["chart"]["data"]["labels"] == ["A", "B", "C", "D"]

	def test_dormant_customers_come_largest_first(self) -> None:
		for value in (10, 30, 20):
			customer = make.make_customer().name
			values = {"lifecycle_stage": "Dormant", "abc_class": "A", "annual_value": value}
			frappe.db.set_value("Customer", customer, values)
		for small in ({"lifecycle_stage": "Dormant", "abc_class": "C"}, {"abc_class": "A"}):
			frappe.db.set_value("Customer", make.make_customer().name, small)
		saved = json.loads(frappe.db.get_value("Report", "Dormant Large Customers", "json"))
		rows = frappe.get_list(
			"Customer",
			filters=saved["filters"],
			fields=[field for field, _doctype in saved["fields"]],
			order_by=saved["order_by"],
		)
		assert [row.annual_value for row in rows] == [30, 20, 10]


class TestCustomerRanking:
	def test_ranks_shares_and_who_is_shown(self) -> None:
		amounts = {"Big": 700, "Twin A": 100, "Twin B": 100, "Small": 60, "Tiny": 40, "Back": -50}
		names = {label: make.make_customer(f"Ranked {label}").name for label in amounts}
		for label, amount in amounts.items():
			if amount > 0:
				make.make_invoice(names[label], amount)
			else:
				make.make_credit_note(names[label], -amount, frappe.utils.nowdate())
		everybody = report("Customer Ranking", best=0)["result"]
		rows = {row["customer"]: row for row in everybody if row["customer"] in names.values()}
		assert [rows[names[label]]["rank"] for label in amounts] == [1, 2, 2, 4, 5, 6]
		assert [rows[names[label]]["share"] for label in ("Big", "Back")] == [70, 0]
		assert rows[names["Small"]]["cumulative_share"] == 96
		shown = report("Customer Ranking", best=2)
		assert [row["rank"] for row in shown["result"]] == [1, 2]
		summary = {each["label"]: each["value"] for each in shown["report_summary"]}
		assert (summary["Share of Those Shown"], summary["Share of the Best 20%"]) == (80, 70)

	def test_nothing_brought_ranks_above_money_given_back(self) -> None:
		from customer_tiering.customer_insights.purchases import BY_CUSTOMER, read, read_scope

		give, none = make.make_customer("Giver").name, make.make_customer("Unrated").name
		make.make_credit_note(give, 50, frappe.utils.nowdate())
		far = make.ensure_company(f"Far {random_string(4)}", "EUR")
		values = {"company": far, "currency": "EUR", "conversion_rate": 1, "plc_conversion_rate": 1}
		make.make_invoice(none, 100, **values)
		assert [row["customer"] for row in report("Customer Ranking")["result"]] == [none, give]
		assert read(BY_CUSTOMER, read_scope(frappe._dict()))[0].revenue is None

	def test_without_dates_it_is_this_month(self) -> None:
		first = getdate().replace(day=1)
		now, before = make.make_customer().name, make.make_customer().name
		make.make_invoice(now, 10, first)
		make.make_invoice(before, 20, first - timedelta(days=1))
		assert [row["customer"] for row in report("Customer Ranking")["result"]] == [now]
		last = str(first - timedelta(days=1))
		assert [row["customer"] for row in report("Customer Ranking", to_date=last)["result"]] == [before]


class TestFollowUpsByRep:
	NAME = "Follow-ups by Rep"

	@pytest.fixture
	def reps(self) -> tuple[str, str]:
		"""One with an open, an overdue, a closed and a settled ToDo and one that waits; one with an old closed one; and nobody's."""
		one, other = (make.ensure_user(f"{random_string(8).lower()}@example.com", "Sales User") for _ in "12")
		for table in ("ToDo", "Follow Up"):
			frappe.db.delete(table)
		today = getdate()
		self.todo(one, "Open", date=today)
		self.todo(one, "Open", date=today - timedelta(days=1))
		self.todo(one, "Closed", follow_up_outcome="Reached")
		self.todo(one, "Closed", follow_up_outcome="Settled")
		self.todo(one, "Open", follow_up_key=None)
		self.todo(one, "Open", follow_up_key="x|escalated")
		self.todo(other, "Closed", closed=today.replace(day=1) - timedelta(days=1))
		self.todo(None, "Open", date=today)
		customer = make.make_customer().name
		frappe.get_doc(
			doctype="Follow Up", customer=customer, status="Waiting", user=one, due_from=today
		).insert()
		return one, other

	def todo(self, user: str | None, status: str, closed: date | None = None, **values: object) -> str:
		rule = frappe.get_all("Follow Up Rule", limit=1, pluck="name")[0]
		customer = make.make_customer().name
		todo = frappe.get_doc(
			doctype="ToDo", description="x", reference_type="Customer", reference_name=customer
		)
		todo.insert()
		values = {
			"follow_up_rule": rule,
			"follow_up_key": todo.name,
			**values,
			"status": status,
			"allocated_to": user,
		}
		values["modified"] = values["follow_up_closed_on"] = closed or todo.modified
		frappe.db.set_value("ToDo", todo.name, values, update_modified=False)
		return customer

	def rows(self, **filters: object) -> dict[str, tuple]:
		keys = ("open", "overdue", "waiting", "closed", "not_said", "settled")
		return {
			row["user"]: tuple(row[key] for key in keys)
			for row in report(self.NAME, **filters)["result"]
			if not row["indent"]
		}

	def test_a_manager_sees_what_everybody_has_to_do(self, reps: tuple[str, str]) -> None:
		one, other = reps
		as_user("Sales Manager", "Sales User", "Tiering Manager")
		assert self.rows() == {one: (2, 1, 1, 1, 0, 1), "": (1, 0, 0, 0, 0, 0)}
		long_ago = str(getdate() - timedelta(days=70))
		assert self.rows(from_date=long_ago)[other] == (0, 0, 0, 1, 1, 0)
		assert not frappe.get_list("ToDo", {"status": "Open"})

	def test_the_open_ones_stand_below_their_rep(self, reps: tuple[str, str]) -> None:
		one, _other = reps
		as_user("Sales Manager", "Sales User", "Tiering Manager")
		rows = report(self.NAME)["result"]
		assert [row.get("user") for row in rows] == ["", None, one, None, None, None]
		waits = f"Waiting since {formatdate(getdate())}"
		assert [row.get("state") for row in rows[3:]] == ["Overdue by 1 day", "Open", waits]
		assert rows[3]["date"] < rows[4]["date"] and frappe.db.exists("Customer", rows[3]["customer"])
		assert {row["rep"] for row in rows[2:]} == {frappe.db.get_value("User", one, "full_name")}
		assert [bool(row.get("customer_name")) for row in rows] == [False, True, False, True, True, True]
		assert [row["Reached"] for row in rows if not row["indent"]] == [0, 1]
		assert {row["user"] for row in report(self.NAME, rep=one)["result"]} == {one, None}
		assert report(self.NAME, rule="no such rule")["result"] == []

	def test_the_card_of_the_workspace_adds_up_the_open_ones(self, reps: tuple[str, str]) -> None:
		card = frappe.get_doc("Number Card", "Open Follow-ups of the Team")
		assert (card.type, card.report_name, card.report_function) == ("Report", self.NAME, "Sum")
		assert sum(row[card.report_field] or 0 for row in report(card.report_name)["result"]) == 3

	def test_only_managers_and_only_of_permitted_customers(self, reps: tuple[str, str]) -> None:
		customer = self.todo(reps[1], "Open", date=getdate())
		as_user("Sales User")
		with pytest.raises(frappe.PermissionError):
			report(self.NAME)
		frappe.set_user("Administrator")
		as_user("Sales Manager", Customer=customer)
		assert self.rows() == {reps[1]: (1, 0, 0, 0, 0, 0)}


def test_the_last_12_months_are_those_that_the_tiering_counts() -> None:
	from customer_tiering.customer_insights.filters import period
	from customer_tiering.engine.window import window_start

	for day in (date(2025, 2, 28), date(2024, 2, 28), date(2024, 2, 29), date(2026, 6, 30)):
		assert period({"to_date": str(day)}) == (window_start(day, 12), day)


@pytest.mark.parametrize("name", ["Tier Performance", "Wake-up Performance", "Customer Ranking"])
def test_a_summary_has_no_figure_without_a_number(name: str) -> None:
	summary = report(name)["report_summary"]
	assert summary and all(each["value"] is not None for each in summary)


@pytest.mark.parametrize("name", ["Tier Performance", "Wake-up Performance"])
def test_columns_are_as_wide_as_their_chinese_labels(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
	monkeypatch.setattr(frappe.local, "lang", "zh")
	columns = report(name)["columns"]
	assert any(not each["label"].isascii() for each in columns)
	for each in columns:
		assert each["width"] >= 14 * len([letter for letter in each["label"] if not letter.isascii()]) + 30


@pytest.mark.parametrize("name", ["Tier Performance", "Customer Ranking", "Data Quality"])
def test_one_chinese_word_for_the_number_of_customers(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
	monkeypatch.setattr(frappe.local, "lang", "zh")
	labels = [each["label"] for each in report(name)["report_summary"]]
	assert labels[0] == "客户数"
