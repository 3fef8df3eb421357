"""What the server scripts and the Desk call. Every function checks permission first."""

import frappe
from frappe import _

from customer_tiering.outreach.server_scripts import TITLES, is_in_charge, scripts_are_on

MANAGERS = ("Tiering Manager", "System Manager")


@frappe.whitelist(methods=["POST"])
def enrol_customers() -> int:
	"""Customers whose signal starts an enabled sequence enter it; returns how many did."""
	frappe.only_for(MANAGERS)
	from customer_tiering.outreach.enrol import enrol

	return enrol()


@frappe.whitelist(methods=["POST"])
def stop_sequences() -> int:
	"""Customers who ordered, unsubscribed or were disabled leave; returns how many did."""
	frappe.only_for(MANAGERS)
	from customer_tiering.outreach.exits import stop_enrollments

	return stop_enrollments()


@frappe.whitelist(methods=["POST"])
def dispatch_mails() -> dict[str, int]:
	"""Mails that are due go into the Email Queue; returns the number of touches by what became of them."""
	frappe.only_for(MANAGERS)
	from customer_tiering.outreach.dispatch import dispatch_due

	return dispatch_due()


@frappe.whitelist()
def who_runs_the_workflow() -> str:
	"""A sentence for the settings form: server scripts or the app's own schedule."""
	frappe.only_for((*MANAGERS, "Sales Manager"))
	own = [title for step, title in TITLES.items() if not is_in_charge(step)]
	if not own:
		return _(
			"The server scripts of the module Outreach run it, every hour. Edit them to change the flow."
		)
	if not scripts_are_on():
		return _("The app's own schedule runs it, every hour: server scripts are switched off on this bench.")
	return _("The app's own schedule runs it, every hour, for these disabled server scripts: {0}").format(
		", ".join(own)
	)
