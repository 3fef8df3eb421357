"""Completes the setup wizard of a new site; run by the bench's Python in its sites folder, the site as argument."""

import sys
from datetime import date

import frappe
from frappe.utils import getdate

COMPANY = {
	"language": "English",
	"country": "United States",
	"timezone": "America/New_York",
	"currency": "USD",
	"company_name": "Harbour Trading",
	"company_abbr": "HT",
	"chart_of_accounts": "Standard",
	"fy_start_date": f"{date.today().year}-01-01",
	"fy_end_date": f"{date.today().year}-12-31",
}
YEARS = range(1997, 2031)


def main(site: str) -> None:
	frappe.init(site=site)
	frappe.connect()
	from frappe.desk.page.setup_wizard.setup_wizard import setup_complete

	setup_complete(COMPANY)
	add_fiscal_years()
	frappe.db.set_single_value("System Settings", "enable_onboarding", 0)
	frappe.db.commit()


def add_fiscal_years() -> None:
	"""ERPNext refuses documents outside them."""
	known = {getdate(day).year for day in frappe.get_all("Fiscal Year", pluck="year_start_date")}
	for year in sorted(set(YEARS) - known):
		dates = {"year_start_date": f"{year}-01-01", "year_end_date": f"{year}-12-31"}
		frappe.get_doc({"doctype": "Fiscal Year", "year": str(year), **dates}).insert()


main(sys.argv[1])
