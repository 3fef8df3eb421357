"""Install, migrate and uninstall on a site of its own that already has data, as a bench does them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.common import CHECKOUT
from tests.sandbox.environment import find_bench
from tests.sandbox.sites import THROWAWAY, Sandbox

MODULES = ("Tiering", "Follow Up", "Outreach", "Customer Insights")
OWN_FIELDS = json.loads((CHECKOUT / "fixtures/custom_field.json").read_text())

PRELUDE = """
import json, sys
import frappe
frappe.init(site=sys.argv[1])
frappe.connect()
frappe.set_user("Administrator")
"""


class Site:
	"""A running site with Frappe, ERPNext and a company, on which the app is installed and removed."""

	def __init__(self, sandbox: Sandbox) -> None:
		self.sandbox = sandbox
		self.config = sandbox.sites / "common_site_config.json"

	def run(self, command: list[str]) -> subprocess.CompletedProcess:
		where = {"cwd": self.sandbox.sites, "env": self.sandbox.variables()}
		return subprocess.run(command, capture_output=True, text=True, timeout=300, **where)

	def bench(self, *arguments: str) -> subprocess.CompletedProcess:
		return self.run(self.sandbox.command("--site", self.sandbox.site, *arguments))

	def python(self, code: str) -> Any:
		"""Run code on the site in a process of its own; gives what it prints, read as JSON, if anything."""
		code = "\n".join(line.removeprefix("\t\t\t") for line in code.splitlines())
		done = self.run([sys.executable, "-c", PRELUDE + code, self.sandbox.site])
		assert done.returncode == 0, done.stderr
		printed = done.stdout.strip().splitlines()
		return json.loads(printed[-1]) if printed else None

	def server_scripts(self, on: bool) -> None:
		self.config.write_text(
			json.dumps({**json.loads(self.config.read_text()), "server_script_enabled": int(on)})
		)

	def install(self) -> None:
		done = self.bench("install-app", "customer_tiering")
		assert done.returncode == 0, done.stdout + done.stderr

	def uninstall(self) -> str:
		done = self.bench("uninstall-app", "customer_tiering", "--yes", "--no-backup")
		assert done.returncode == 0, done.stdout + done.stderr
		return done.stdout


@pytest.fixture
def own(site: str) -> Iterator[Site]:
	"""Made without the app, and with customers."""
	sandbox = Sandbox(find_bench(), f"{THROWAWAY}{os.getpid()}")
	sandbox.folder.mkdir(parents=True)
	sandbox.ready.touch()
	try:
		with sandbox.running():
			own = Site(sandbox)
			own.python(
				"""for number in (1, 2):
				frappe.get_doc(
					doctype="Customer", customer_name=f"Old Customer {number}", customer_type="Company"
				).insert()
			frappe.db.commit()"""
			)
			yield own
	finally:
		sandbox.stop(delete=True)


LEFT = """
modules = {modules!r}
left = dict()
def look(what, rows):
	if rows:
		left[what] = sorted(map(str, rows))
for doctype in frappe.get_all("DocField", {{"fieldtype": "Link", "options": "Module Def"}}, ["parent", "fieldname"]):
	if frappe.db.table_exists(doctype.parent):
		look(doctype.parent, frappe.get_all(doctype.parent, {{doctype.fieldname: ("in", modules)}}, pluck="name"))
look("apps", {{"customer_tiering"}} & set(frappe.get_installed_apps()))
look("Module Def", frappe.get_all("Module Def", {{"name": ("in", modules)}}, pluck="name"))
look("Custom Field", frappe.get_all("Custom Field", {{"fieldname": ("in", {fields!r})}}, pluck="name"))
look("Role", frappe.get_all("Role", {{"name": "Tiering Manager"}}, pluck="name"))
for doctype in ("Has Role", "DocPerm", "Custom DocPerm"):
	look(doctype, frappe.get_all(doctype, {{"role": "Tiering Manager"}}, pluck="name"))
look("Custom DocPerm of others", frappe.get_all("Custom DocPerm", {{"parent": ("in", ("Email Template", "Coupon Code"))}}, pluck="role"))
look("Server Script", frappe.get_all("Server Script", pluck="name"))
look("Scheduled Job Type", frappe.get_all("Scheduled Job Type", {{"method": ("like", "%tiering%")}}, pluck="name"))
look("Scheduled Job Type of a script", frappe.get_all("Scheduled Job Type", {{"server_script": ("is", "set")}}, pluck="name"))
look("Default", frappe.get_all("DefaultValue", {{"defkey": ("like", "%tiering%")}}, pluck="name"))
look("Singles", frappe.db.sql("SELECT DISTINCT doctype FROM tabSingles WHERE doctype LIKE 'Tiering%%'"))
look("tables", [t for t in frappe.db.get_tables(cached=False) if t.startswith(("tabTiering", "tabOutreach", "tabFollow Up", "tabCustomer Tier", "tabLifecycle", "tabRFM", "tabInterest", "tabCustomer Interest", "tabOffer"))])
look("indexes", frappe.db.sql(
	"SELECT DISTINCT table_name, index_name FROM information_schema.statistics WHERE table_schema = DATABASE()"
	" AND (index_name LIKE 'tiering%%' OR (column_name IN %s AND table_name IN ('tabCustomer', 'tabToDo', 'tabContact')))",
	({fields!r},),
))
print(json.dumps(left))
""".format(modules=MODULES, fields=[field["fieldname"] for field in OWN_FIELDS])


def test_the_life_of_the_app_on_a_site_with_data(own: Site) -> None:
	"""One test, because each step stands on the one before: refuse, install, migrate, edit, remove, install again."""
	collision(own)
	own.install()
	what_is_seeded(own, scripts_on=True)
	migrating_changes_nothing(own)
	runs_on_the_data_that_was_there(own)
	built_by_an_administrator(own)
	told = own.uninstall()
	assert "stay in the database" in told
	assert own.python(LEFT) == {}
	customer_still_works(own)
	what_the_administrator_built_stands_in_nobody_s_way(own, told)
	own.server_scripts(False)
	own.install()
	nothing_is_left_of_where_customers_stood(own)
	what_is_seeded(own, scripts_on=False)
	own.uninstall()
	assert own.python(LEFT) == {}


def collision(own: Site) -> None:
	"""Somebody else's field of one of our names: the install names it and leaves nothing."""
	own.python(
		"""frappe.get_doc(
				doctype="Custom Field", dt="Customer", fieldname="customer_tier", label="Class", fieldtype="Data"
			).insert()
			frappe.db.commit()"""
	)
	refused = own.bench("install-app", "customer_tiering")
	assert refused.returncode != 0
	assert "Customer.customer_tier" in refused.stdout + refused.stderr
	assert "already has the fields" in refused.stdout + refused.stderr
	assert set(own.python(LEFT)) <= {"Custom Field"}
	own.python(
		"""frappe.delete_doc("Custom Field", "Customer-customer_tier")
			frappe.db.commit()"""
	)


def what_is_seeded(own: Site, scripts_on: bool) -> None:
	found = own.python(
		"""names = {
				doctype: frappe.get_all(doctype, pluck="name", order_by="name")
				for doctype in ("Customer Tier", "Lifecycle Stage", "RFM Segment", "Follow Up Rule", "Outreach Sequence")
			}
			names["values"] = frappe.get_all("Customer Tier", pluck="entry_value", order_by="name")
			names["Server Script"] = frappe.get_all("Server Script", {"module": "Outreach"}, pluck="disabled")
			names["currency"] = frappe.db.get_single_value("Tiering Settings", "reporting_currency")
			names["window"] = frappe.db.get_single_value("Tiering Settings", "window_months")
			names["templates"] = frappe.db.count("Email Template", {"name": ("like", "Wake Up%")})
			names["fields"] = frappe.db.count("Custom Field", {"module": "Tiering"})
			names["index"] = frappe.db.has_index("tabSales Invoice", "tiering_facts")
			names["nightly"] = frappe.db.exists("Scheduled Job Type", {"method": "customer_tiering.tiering.jobs.recompute_tiers_nightly"})
			names["installed"] = "customer_tiering" in frappe.get_installed_apps()
			names["role"] = frappe.db.exists("Role", "Tiering Manager")
			names["writes_mails"] = frappe.db.exists("Custom DocPerm", {"parent": "Email Template", "role": "Tiering Manager", "write": 1})
			print(json.dumps(names, default=str))"""
	)
	assert found["Customer Tier"] == ["A", "B", "C", "D"]
	assert found["values"] == [500000, 100000, 30000, 0]
	assert set(found["Lifecycle Stage"]) == {
		"Lead",
		"First Purchase",
		"Repeat",
		"High Value",
		"Dormant",
		"Lost",
	}
	assert len(found["RFM Segment"]) == 8
	assert (len(found["Follow Up Rule"]), len(found["Outreach Sequence"])) == (13, 10)
	assert found["Server Script"] == [int(not scripts_on)] * 3
	assert (found["currency"], found["window"], found["templates"]) == ("USD", 12, 3)
	assert found["fields"] and found["index"] and found["nightly"] and found["role"] and found["installed"]
	assert found["writes_mails"]


def migrating_changes_nothing(own: Site) -> None:
	"""What an administrator edited stays, and what he deleted stays away."""
	own.python(
		"""tier = frappe.get_doc("Customer Tier", "A")
			tier.entry_value = 750000
			tier.save()
			frappe.delete_doc("Customer Tier", "C", flags={"together": []})  # whoever asks for it
			rule = frappe.get_doc("Follow Up Rule", "Call a dormant customer")
			rule.due_in_days = 9
			rule.save()
			template = frappe.get_doc("Email Template", frappe.get_all("Email Template", {"name": ("like", "Wake Up 1%")}, pluck="name")[0])
			template.subject = "Our own words"
			template.save()
			script = frappe.get_doc("Server Script", frappe.get_all("Server Script", {"module": "Outreach"}, pluck="name", order_by="name")[0])
			script.script += "# edited"
			script.save()
			frappe.db.set_single_value("Tiering Settings", "window_months", 6)
			frappe.db.commit()"""
	)
	state = """
doctypes = ("Customer Tier", "Lifecycle Stage", "RFM Segment", "Follow Up Rule", "Outreach Sequence", "Outreach Step", "Email Template", "Server Script", "Has Role", "Property Setter", "Custom DocPerm")
rows = dict()
for doctype in doctypes:
	rows[doctype] = frappe.get_all(doctype, fields=["*"], order_by="name")
rows["Custom Field"] = frappe.get_all("Custom Field", {"module": ("in", MODULES)}, ["name", "label", "insert_after", "fieldtype"], order_by="name")
rows["Scheduled Job Type"] = frappe.get_all("Scheduled Job Type", pluck="method", order_by="name")
rows["settings"] = frappe.db.get_singles_dict("Tiering Settings")
rows["indexes"] = frappe.db.sql("SELECT table_name, index_name, column_name FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name IN ('tabCustomer', 'tabSales Invoice', 'tabToDo') ORDER BY 1, 2, seq_in_index")
print(json.dumps(rows, default=str))
""".replace("MODULES", repr(MODULES))
	edited = own.python(state)
	done = own.bench("migrate", "--skip-search-index")
	assert done.returncode == 0, done.stdout + done.stderr
	migrated = own.python(state)
	for kind, rows in edited.items():
		assert migrated[kind] == rows, kind
	assert [row["name"] for row in edited["Customer Tier"]] == ["A", "B", "D"]
	assert edited["Customer Tier"][0]["entry_value"] == 750000


def runs_on_the_data_that_was_there(own: Site) -> None:
	done = own.bench("tiering", "recompute", "--yes", "--json")
	assert done.returncode == 0, done.stderr
	assert json.loads(done.stdout)["stages"] == {"Lead": 2}


def built_by_an_administrator(own: Site) -> None:
	"""Fields that point at our DocTypes, and automations that read our fields; one that doesn't."""
	own.python(
		"""frappe.db.set_value("Customer", "Old Customer 1", {"tier_override": "A", "tier_override_until": "2099-12-31", "annual_value": 7, "key_date_birthday": "1990-01-01"})
			new = lambda doctype, **values: frappe.get_doc(doctype=doctype, **values).insert()
			field = lambda name, **values: new("Custom Field", dt="ToDo", fieldname=name, label=name, **values)
			field("for_customer", fieldtype="Link", options="Customer")
			field("cust_stage", fieldtype="Link", options="Lifecycle Stage", fetch_from="for_customer.lifecycle_stage")
			field("cust_risk", fieldtype="Data", fetch_from="for_customer.churn_risk")
			field("cust_interests", fieldtype="Table MultiSelect", options="Customer Interest")
			notification = dict(channel="System Notification", document_type="Customer", enabled=1, subject="x", message="x", recipients=[{"receiver_by_role": "System Manager"}])
			new("Notification", name="By condition", event="New", condition='doc.churn_risk == "High"', **notification)
			new("Notification", name="By date", event="Days Before", days_in_advance=1, date_changed="tier_override_until", **notification)
			new("Notification", name="By text", event="New", **{**notification, "message": "{{ doc.customer_tier }}"})
			new("Notification", name="By another field", event="New", condition='doc.website == "tier.example"', **notification)
			rule = frappe.get_doc(doctype="Assignment Rule", name="To a rep", document_type="Customer", description="x", rule="Round Robin", disabled=0, assign_condition='customer_tier == "A"', unassign_condition="0")
			rule.append("users", {"user": "Administrator"})
			rule.append("assignment_days", {"day": "Monday"})
			rule.insert()
			frappe.get_doc(doctype="Auto Email Report", name="Weekly", report="Customer Ranking", user="Administrator", enabled=1, email_to="a@example.com", format="HTML", frequency="Weekly").db_insert()
			frappe.db.commit()"""
	)


def what_the_administrator_built_stands_in_nobody_s_way(own: Site, told: str) -> None:
	found = own.python(
		"""todo = frappe.get_doc(doctype="ToDo", description="Call", for_customer="Old Customer 1", cust_stage="Lead").insert()
			todo.reload()
			meta = frappe.get_meta("ToDo")
			fields = ("cust_stage", "cust_risk", "cust_interests")
			print(json.dumps({
				"stage": todo.cust_stage,
				"fields": [[f.fieldtype, f.options, f.fetch_from] if f else None for f in map(meta.get_field, fields)],
				"notifications": frappe.get_all("Notification", {"name": ("like", "By %")}, pluck="enabled", order_by="name"),
				"rules": frappe.get_all("Assignment Rule", {"name": "To a rep"}, pluck="disabled"),
				"reports": frappe.get_all("Auto Email Report", {"name": "Weekly"}, pluck="enabled"),
			}))"""
	)
	assert found["stage"] == "Lead"
	assert found["fields"] == [["Data", None, None], ["Data", None, None], None]
	assert found["notifications"] == [1, 0, 0, 0]  # another field, condition, date, text
	assert (found["rules"], found["reports"]) == ([1], [0])
	fields = ("ToDo.cust_stage", "ToDo.cust_risk", "ToDo.cust_interests")
	for name in (*fields, "By condition", "By date", "By text", "To a rep", "Weekly"):
		assert name in told
	assert "By another field" not in told


def nothing_is_left_of_where_customers_stood(own: Site) -> None:
	"""The first run of a new installation is a baseline; what people entered is theirs."""
	found = own.python(
		"""fields = ("lifecycle_stage", "tier_override", "tier_override_until", "annual_value", "key_date_birthday")
			print(json.dumps(frappe.db.get_value("Customer", "Old Customer 1", fields), default=str))"""
	)
	assert found == [None, None, None, 0, "1990-01-01"]


def customer_still_works(own: Site) -> None:
	"""After the uninstall the form's meta loads, an old customer can be saved and a new one made."""
	found = own.python(
		"""from frappe.desk.form.load import getdoctype
			getdoctype("Customer")
			meta = frappe.get_meta("Customer")
			doc = frappe.get_doc("Customer", "Old Customer 1")
			doc.website = "https://example.com"
			doc.save()
			new = frappe.get_doc(doctype="Customer", customer_name="After", customer_type="Company").insert()
			todo = frappe.get_doc(doctype="ToDo", description="Call", reference_type="Customer", reference_name=new.name).insert()
			todo.delete()
			new.delete()
			frappe.db.commit()
			print(json.dumps([f.fieldname for f in meta.fields]))"""
	)
	assert not {field["fieldname"] for field in OWN_FIELDS} & set(found)
