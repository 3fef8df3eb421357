"""The data-quality report: every problem is found, opens what mends it, and counts less once it is mended."""

import json
import re
from collections.abc import Callable, Iterator
from urllib.parse import parse_qsl, unquote, urlsplit

import frappe
import pytest
from frappe.desk.query_report import run as run_report
from frappe.utils import random_string

from customer_tiering.customer_insights import data_quality
from customer_tiering.customer_insights.data_quality import letters, problems
from customer_tiering.outreach.address import mail_address
from customer_tiering.outreach.suppress import suppress
from customer_tiering.tiering.owner import owner_of
from tests.site import factories as make

NAME = "Data Quality"
ROLES = ("Sales Manager", "Sales User", "Tiering Manager", "System Manager")


@pytest.fixture(autouse=True)
def new_site(site: str) -> Iterator[None]:
	with make.uncommitted():
		make.as_if_new()
		frappe.db.set_single_value("Tiering Settings", "default_follow_up_user", None)
		make.forget_cached_rules()
		yield


def report(**filters: object) -> list[dict]:
	return run_report(NAME, filters=json.dumps(filters))["result"]


def counts() -> dict[str, int]:
	return {row["problem"]: row["customers"] for row in report()}


def behind(problem: str) -> list[str]:
	return sorted(row["customer"] for row in report(problem=problem))


def sound(name: str = "", **values: object) -> str:
	"""A customer with whom nothing is wrong."""
	given = {
		"account_manager": make.ensure_user("keeper@example.com", "Sales User"),
		"industry": industry(),
		"key_date_founded": "2001-02-03",
		**values,
	}
	customer = make.make_customer(name, **given).name
	make.make_contact(customer, f"{random_string(8).lower()}@example.com", buying_role="Buyer")
	return customer


def industry() -> str:
	name = "Tiering Test Industry"
	if not frappe.db.exists("Industry Type", name):
		frappe.get_doc(doctype="Industry Type", industry=name).insert()
	return name


def change(doctype: str, name: str, field: str, value: object) -> None:
	frappe.db.set_value(doctype, name, field, value)


def contact_of(customer: str) -> str:
	return frappe.db.get_value("Dynamic Link", {"link_doctype": "Customer", "link_name": customer}, "parent")


def without_address() -> tuple[list[str], Callable]:
	customer = sound()
	frappe.delete_doc("Contact", contact_of(customer))
	contact = make.make_contact(customer, buying_role="User")
	return [
		customer
	], lambda: contact.append("email_ids", {"email_id": "a@example.com", "is_primary": 1}) and contact.save()


def with_two_addresses_in_one() -> tuple[list[str], Callable]:
	customer = sound()
	contact = contact_of(customer)
	change("Contact", contact, "email_id", "a@example.com, b@example.com")
	return [customer], lambda: change("Contact", contact, "email_id", "a@example.com")


def with_a_bounced_address() -> tuple[list[str], Callable]:
	customer, left = sound(), sound()
	addresses = [frappe.db.get_value("Contact", contact_of(name), "email_id") for name in (customer, left)]
	suppress(addresses[0], "Bounce")
	suppress(addresses[1], "Link in a mail")
	contact = frappe.get_doc("Contact", contact_of(customer))
	contact.email_ids[0].email_id = "corrected@example.com"
	return [customer], contact.save


def without_owner() -> tuple[list[str], Callable]:
	customer = sound(account_manager=None)
	user = make.ensure_user("new-keeper@example.com", "Sales User")
	return [customer], lambda: change("Customer", customer, "account_manager", user)


def with_disabled_owner() -> tuple[list[str], Callable]:
	user = make.ensure_user("gone@example.com", "Sales User")
	customer = sound(account_manager=user)
	change("User", user, "enabled", 0)
	return [customer], lambda: change("User", user, "enabled", 1)


def with_the_same_address() -> tuple[list[str], Callable]:
	customers = [sound(), sound(), sound()]
	contacts = [make.make_contact(customer, "Both@example.com") for customer in customers[:2]]
	make.make_contact(customers[0], "both@EXAMPLE.com")
	return customers[:2], lambda: contacts[1].delete()


def with_the_same_name() -> tuple[list[str], Callable]:
	one, other = sound("Müller & Söhne, Ltd."), sound("MÜLLER & Söhne Ltd")
	return [one, other], lambda: change("Customer", other, "customer_name", "Somebody Else")


def with_the_same_tax_id() -> tuple[list[str], Callable]:
	one, other = sound(tax_id="DE 123-456"), sound(tax_id="de123456")
	return [one, other], lambda: change("Customer", other, "tax_id", None)


def with_the_same_phone() -> tuple[list[str], Callable]:
	one, other = sound(), sound()
	phones = {one: "+86 138 0013 8000", other: "13800138000"}
	for customer, phone in phones.items():
		contact = frappe.get_doc("Contact", contact_of(customer))
		contact.append("phone_nos", {"phone": phone})
		contact.save()
	return [one, other], lambda: frappe.db.delete("Contact Phone", {"parent": contact_of(other)})


def with_a_coming_invoice() -> tuple[list[str], Callable]:
	customer = sound()
	invoice = make.make_invoice(customer, 10, make.days_ago(-400))
	return [customer], lambda: change("Sales Invoice", invoice.name, "posting_date", make.days_ago(1))


def without_a_rate() -> tuple[list[str], Callable]:
	company = make.ensure_company("Quality Yen", "JPY")
	customer = sound()
	invoice = make.make_invoice(customer, 10, make.days_ago(3))
	change("Sales Invoice", invoice.name, "company", company)
	frappe.db.delete("Currency Exchange", {"from_currency": ("in", ("JPY", "USD"))})
	return [customer], lambda: make.make_rate("JPY", "USD", make.days_ago(9), 0.01)


def with_more_than_can_be_kept() -> tuple[list[str], Callable]:
	customer = sound()
	change("Customer", customer, "annual_value", 999_999_999_999.99)
	return [customer], lambda: change("Customer", customer, "annual_value", 999_999_999_999.98)


def with_more_returned_than_bought() -> tuple[list[str], Callable]:
	customer = sound()
	change("Customer", customer, "annual_value", -0.01)
	return [customer], lambda: change("Customer", customer, "annual_value", 0)


def without_industry() -> tuple[list[str], Callable]:
	customer = sound(industry=None)
	return [customer], lambda: change("Customer", customer, "industry", industry())


def without_role() -> tuple[list[str], Callable]:
	customer = sound()
	contact = contact_of(customer)
	change("Contact", contact, "buying_role", None)
	return [customer], lambda: change("Contact", contact, "buying_role", "Decision Maker")


def without_dates() -> tuple[list[str], Callable]:
	customer = sound(key_date_founded=None)
	return [customer], lambda: change("Customer", customer, "key_date_birthday", "1980-01-01")


CASES = {
	"No Address": [without_address, with_two_addresses_in_one],
	"Bounced": [with_a_bounced_address],
	"No Owner": [without_owner],
	"Owner Left": [with_disabled_owner],
	"Duplicate Contacts": [with_the_same_address],
	"Duplicate Customers": [with_the_same_name, with_the_same_tax_id, with_the_same_phone],
	"Missing Rates": [without_a_rate],
	"Future Documents": [with_a_coming_invoice],
	"Too Large": [with_more_than_can_be_kept],
	"Negative Total": [with_more_returned_than_bought],
	"No Industry": [without_industry],
	"No Buying Role": [without_role],
	"No Key Dates": [without_dates],
}

# Where it is mended, if not on the customer's form; and the problems of which a list can hold exactly the customers.
PLACES = {
	"No Address": "contact",
	"Bounced": "contact",
	"No Buying Role": "contact",
	"Duplicate Contacts": "contact",
	"Missing Rates": "currency-exchange",
	"Future Documents": "sales-invoice",
}
LISTED = ["Negative Total", "No Industry", "No Key Dates"]


def test_every_problem_has_a_case_and_can_be_chosen(site: str) -> None:
	assert list(CASES) == list(problems())
	script = frappe.get_app_path(
		"customer_tiering", "customer_insights", "report", "data_quality", "data_quality.js"
	)
	with open(script) as file:
		chosen = dict(re.findall(r'value: "([\w ]+)", label: __\("([^"]+)"\)', file.read()))
	assert chosen == {key: problem.label for key, problem in problems().items()}
	assert [key for key, problem in problems().items() if problem.list_url] == LISTED


@pytest.mark.parametrize(
	("key", "case"),
	[(key, case) for key, cases in CASES.items() for case in cases],
	ids=lambda c: getattr(c, "__name__", ""),
)
def test_it_is_found_and_falls_when_it_is_mended(key: str, case: Callable) -> None:
	fine = sound()
	customers, mend = case()
	(row,) = [row for row in report() if row["problem"] == key]
	assert row["customers"] == len(customers)
	assert row["share"] == pytest.approx(100 * len(customers) / frappe.db.count("Customer", {"disabled": 0}))
	assert behind(key) == sorted(customers) and fine not in customers
	check_links(key, sorted(customers), row)
	mend()
	assert counts()[key] == 0 and behind(key) == []


def check_links(key: str, customers: list[str], row: dict) -> None:
	"""The list holds exactly these customers, and each one's row leads to what mends it."""
	if row["mend"]:
		given = parse_qsl(urlsplit(row["mend"]).query)
		filters = {name: json.loads(value) if value[0] == "[" else value for name, value in given}
		assert frappe.get_list("Customer", filters=filters, pluck="name", order_by="name") == customers
	kinds = {urlsplit(each["mend"]).path.split("/")[2] for each in report(problem=key)}
	assert kinds == {PLACES.get(key, "customer")}


def test_a_row_opens_the_field_that_is_to_be_filled() -> None:
	customer = sound(industry=None, account_manager=None, key_date_founded=None)
	second, first = contact_of(customer), make.make_contact(customer, "", is_primary_contact=1).name
	for contact in (first, second):
		frappe.db.set_value("Contact", contact, {"email_id": None, "buying_role": None})
	frappe.db.set_value("Customer", customer, {"email_id": None, "customer_primary_contact": None})

	def opened(problem: str) -> list[str]:
		(row,) = [row for row in report(problem=problem) if row["customer"] == customer]
		place = urlsplit(row["mend"])
		return [*map(unquote, place.path.split("/")[2:]), place.fragment]

	assert opened("No Industry") == ["customer", customer, "industry"]
	assert opened("No Owner") == ["customer", customer, "account_manager"]
	assert opened("No Key Dates") == ["customer", customer, "key_date_birthday"]
	assert opened("No Buying Role") == ["contact", first, "buying_role"]
	assert opened("No Address") == ["contact", first, "email_ids"]
	frappe.db.set_value("Customer", customer, "customer_primary_contact", second)
	assert opened("No Address") == ["contact", second, "email_ids"]
	frappe.db.delete("Dynamic Link", {"link_doctype": "Customer", "link_name": customer})
	assert opened("No Address") == ["customer", customer, "contact_html"]


def test_the_owner_is_who_a_follow_up_would_reach() -> None:
	enabled = make.ensure_user("reached@example.com", "Sales User")
	disabled = make.ensure_user("not-reached@example.com", "Sales User")
	change("User", disabled, "enabled", 0)
	made = [sound(account_manager=user) for user in (None, enabled, disabled)]
	for user in (enabled, disabled):
		member = team_of(user)
		made.append(sound(account_manager=None, sales_team=[member]))
		for territory in territories(member["sales_person"]):
			made.append(sound(account_manager=None))
			change("Customer", made[-1], "territory", territory)
	reached = {name: owner_of(frappe.get_doc("Customer", name)) for name in made}
	assert behind("No Owner") == sorted(name for name, owner in reached.items() if not owner)
	assert len(behind("No Owner")) == counts()["No Owner"] == 5
	frappe.db.set_single_value("Tiering Settings", "default_follow_up_user", enabled)
	make.forget_cached_rules()
	assert counts()["No Owner"] == 0


def territories(manager: str) -> tuple[str, str]:
	"""One with this manager, and one below it without any."""
	names = f"Of {manager}", f"Below {manager}"
	parents = frappe.db.get_value("Territory", {"parent_territory": ("in", ("", None))}), names[0]
	for name, parent in zip(names, parents, strict=True):
		values = {"territory_name": name, "parent_territory": parent, "is_group": 1}
		frappe.get_doc(doctype="Territory", **values).insert()
	change("Territory", names[0], "territory_manager", manager)
	return names


def team_of(user: str) -> dict:
	employee = frappe.get_doc(
		doctype="Employee",
		first_name=user,
		gender="Female",
		date_of_birth="1990-01-01",
		date_of_joining="2020-01-01",
		company=make.ensure_company(),
	).insert()
	change("Employee", employee.name, "user_id", user)
	person = frappe.get_doc(
		doctype="Sales Person", sales_person_name=user, employee=employee.name, enabled=1
	).insert()
	return {"sales_person": person.name, "allocated_percentage": 100}


def test_disabled_and_internal_customers_are_nobody_s_business() -> None:
	customer = without_industry()[0][0]
	for field in ("disabled", "is_internal_customer"):
		change("Customer", customer, field, 1)
		assert counts()["No Industry"] == 0
		change("Customer", customer, field, 0)
	assert counts()["No Industry"] == 1


@pytest.mark.parametrize("role", ROLES)
def test_only_what_the_user_may_see(role: str) -> None:
	seen, twin = with_the_same_name()[0]
	for customer in (seen, twin):
		change("Customer", customer, "industry", None)
	user = make.ensure_user(f"{random_string(8).lower()}@example.com", role, "Sales User")
	frappe.get_doc(doctype="User Permission", user=user, allow="Customer", for_value=seen).insert()
	frappe.set_user(user)
	assert behind("No Industry") == [seen] and counts()["No Industry"] == 1
	assert counts()["Duplicate Customers"] == 0
	assert data_quality.count_without_address()["value"] == 0


def test_who_may_read_no_customer_sees_nothing() -> None:
	frappe.set_user(make.ensure_user(f"{random_string(8).lower()}@example.com"))
	for ask in (report, data_quality.count_without_address):
		with pytest.raises(frappe.PermissionError):
			ask()


def test_an_address_is_what_mails_go_to() -> None:
	for typed in (
		*("jo@example.com", "Jo@EXAMPLE.com ", "Jo <jo@example.com>", '"Doe, Jo" <jo@example.com>'),
		*('"jo@example.com" <jo@example.com>', "jo@example.com (Jo Doe)", "", "Jo"),
		*("a@example.com, b@example.com", "a@example.com;b@example.com"),
		*("a@example.com b@example.com", "Jo <a@example.com>, b@example.com", "a@example.com, Jo"),
	):
		(is_one,) = frappe.db.sql(f"SELECT %s {data_quality.ONE_ADDRESS}", typed)[0]
		assert is_one == bool(mail_address(typed)), typed


def test_the_card_counts_what_the_report_does() -> None:
	without_address()
	card = data_quality.count_without_address()
	assert card["value"] == counts()["No Address"] == 1
	assert card["route_options"]["problem"] in problems()


def test_the_number_of_queries_does_not_grow_with_the_customers(monkeypatch: pytest.MonkeyPatch) -> None:
	def queries() -> int:
		asked, sql = [], frappe.db.sql
		with monkeypatch.context() as patched:
			patched.setattr(frappe.db, "sql", lambda *a, **k: (asked.append(a[0]), sql(*a, **k))[1])
			for key in ("", *problems()):
				data_quality.execute({"problem": key})
		return len(asked)

	def bad() -> None:
		customer = make.make_customer("Twin").name
		make.make_contact(customer, "twin@example.com")
		change("Customer", customer, "annual_value", -1)
		change("Customer", make.make_customer(account_manager="Guest").name, "account_manager", "nobody")

	from customer_tiering.customer_insights.report.data_quality import data_quality

	for _number in "12":
		bad()
	queries()
	few = queries()
	for _number in "345":
		bad()
	assert queries() == few


def test_a_placeholder_on_very_many_customers_names_a_few_of_them() -> None:
	found = list(data_quality._sharing((f"C{number}", "9999999999") for number in range(1000)))
	assert len(found) == 1000 and {row[-1] for row in found} == {1000}
	assert {len(row[2]) for row in found} == {3} and not any(row[0] in row[2] for row in found)


@pytest.mark.parametrize(
	("one", "other", "home"),
	[
		("+86 138 0013 8000", "138-0013-8000", 86),
		("8613800138000", "(138) 00138000", 1),
		("+49 (0)30 1234567", "030/1234567", 49),
		("0049 30 1234567", "030 1234567", 49),
		("+49 151 12345678", "0151 12345678", 49),
		("+1 (415) 555-2671", "415.555.2671", 86),
		("1-415-555-2671", "+1 415 555 2671", 1),
		("+44 20 7946 0958", "020 7946 0958", 1),
		("+353 1 437 0000", "01 4370000", 353),
	],
)
def test_one_phone_however_it_is_written(one: str, other: str, home: int) -> None:
	assert data_quality._digits(one, home) == data_quality._digits(other, home) != ""


def test_other_phones() -> None:
	assert data_quality._digits("138 0013 8000", 86) != data_quality._digits("158 0013 8000", 86)
	assert data_quality._digits("+49 30 1234567", 49) != data_quality._digits("+49 40 1234567", 49)
	assert data_quality._digits("123456", 49) == data_quality._digits(None, 49) == ""


def test_three_of_those_who_share_a_phone_are_named() -> None:
	made = (make.make_customer(mobile_no="010 1234 5678").name for _number in range(5))
	names = sorted(made, key=str.casefold)
	found = {row["customer"]: row["detail"] for row in report(problem="Duplicate Customers")}
	assert found[names[0]] == f"Same phone as {', '.join(names[1:4])} …"
	change("Customer", names[4], "disabled", 1)
	found = {row["customer"]: row["detail"] for row in report(problem="Duplicate Customers")}
	assert found[names[3]] == f"Same phone as {', '.join(names[:3])}"


def test_an_unknown_problem_is_refused() -> None:
	for wrong in ("nonsense", ["No Owner"], {"a": 1}):
		with pytest.raises(frappe.ValidationError):
			report(problem=wrong)


@pytest.mark.parametrize(
	("one", "other"),
	[
		("Acme Ltd.", "ACME  ltd"),
		("北京科技（有限）公司", "北京科技(有限)公司"),
		("ＡＢＣ", "abc"),
		("a_b", "ab"),
	],
)
def test_names_are_compared_by_their_letters(one: str, other: str) -> None:
	assert letters(one) == letters(other) != ""
