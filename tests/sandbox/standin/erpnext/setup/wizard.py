"""What the setup wizard makes: master records, one company with its accounts, this year's fiscal year, the defaults."""

import frappe
from frappe import _
from frappe.utils import getdate

TREES = {
	"Customer Group": ["All Customer Groups", "Individual", "Commercial", "Non Profit", "Government"],
	"Territory": ["All Territories", "Rest Of The World"],
	"Item Group": ["All Item Groups", "Products", "Raw Material", "Services", "Sub Assemblies", "Consumable"],
	"Sales Person": ["Sales Team"],
}
RECORDS = {
	"UOM": ("uom_name", ["Nos", "Unit", "Box", "Kg", "Hour", "Day"]),
	"Industry Type": (
		"industry",
		[
			"Consulting",
			"Education",
			"Electronics",
			"Financial Services",
			"Manufacturing",
			"Retail & Wholesale",
			"Software",
		],
	),
	"Market Segment": ("market_segment", ["Lower Income", "Middle Income", "Upper Income"]),
}


def get_setup_stages(args: dict | None = None) -> list[dict]:
	tasks = [{"fn": make_company, "args": args, "fail_msg": _("The company could not be made")}]
	return [{"status": _("Making the company"), "fail_msg": _("Setup failed"), "tasks": tasks}]


def make_company(args: dict) -> None:
	args = frappe._dict(args)
	make_records(args.country)
	frappe.get_doc(
		{"doctype": "Price List", "price_list_name": "Standard Selling", "selling": 1, "enabled": 1}
		| {"currency": args.currency}
	).insert(ignore_if_duplicate=True)
	company = frappe.get_doc(
		{
			"doctype": "Company",
			"company_name": args.company_name,
			"abbr": args.company_abbr,
			"default_currency": args.currency,
			"country": args.country,
		}
	).insert()
	make_fiscal_year(args)
	set_defaults(company)


def make_records(country: str) -> None:
	for doctype, names in TREES.items():
		key, parent_field = f"{frappe.scrub(doctype)}_name", f"parent_{frappe.scrub(doctype)}"
		root = names[0]
		for name in [*names, *([country] if doctype == "Territory" else [])]:
			values = {key: name, "is_group": int(name == root), parent_field: None if name == root else root}
			make(doctype, name, values)
	for doctype, (key, names) in RECORDS.items():
		for name in names:
			make(doctype, name, {key: name})


def make(doctype: str, name: str, values: dict) -> None:
	if not frappe.db.exists(doctype, name):
		doc = frappe.get_doc({"doctype": doctype, **values})
		doc.flags.ignore_mandatory = True
		doc.insert(ignore_permissions=True)


def make_fiscal_year(args: dict) -> None:
	start, end = getdate(args.fy_start_date), getdate(args.fy_end_date)
	year = str(start.year) if start.year == end.year else f"{start.year}-{end.year}"
	make("Fiscal Year", year, {"year": year, "year_start_date": start, "year_end_date": end})


def set_defaults(company) -> None:
	save("Global Defaults", default_company=company.name, country=company.country)
	save("Global Defaults", default_currency=company.default_currency)
	save(
		"Selling Settings",
		cust_master_name="Customer Name",
		customer_group="Commercial",
		territory="All Territories",
		selling_price_list="Standard Selling",
	)
	save("Stock Settings", stock_uom="Nos", item_group="All Item Groups")


def save(doctype: str, **values) -> None:
	doc = frappe.get_single(doctype)
	doc.update(values)
	doc.flags.ignore_mandatory = True
	doc.save(ignore_permissions=True)
