"""What the Desk calls. Every function checks permission first."""

from datetime import date

import frappe
from frappe import _

from customer_tiering.tiering.jobs import enqueue_recompute

MANAGERS = ("Tiering Manager", "System Manager")


@frappe.whitelist(methods=["POST"])
def recompute_now() -> dict:
	"""Start a run in the background. Returns {"message"}; raises PermissionError for others than managers."""
	frappe.only_for(MANAGERS)
	enqueue_recompute(show_progress=True)
	return {"message": _("Recomputing in the background. You will be told when it is done.")}


@frappe.whitelist()
def get_policy() -> dict:
	"""The tiers, stages and segments in the order in which they are tried, for the settings form."""
	frappe.only_for((*MANAGERS, "Sales Manager"))
	return {
		"tiers": frappe.get_all(
			"Customer Tier", fields=["name", "entry_value", "is_top", "colour"], order_by="entry_value desc"
		),
		"stages": frappe.get_all(
			"Lifecycle Stage",
			fields=["name", "meaning", "min_days_since_order", "quiet_days"],
			order_by="position asc",
		),
		"segments": frappe.get_all(
			"RFM Segment",
			fields=["name", "recency", "frequency", "monetary"],
			order_by="monetary asc, frequency asc, recency desc",
		),
	}


@frappe.whitelist()
def explain_tier(customer: str, as_of: str | None = None) -> dict:
	"""Why this customer is in its tier; for whoever may read the customer. Raises PermissionError for others."""
	frappe.has_permission("Customer", "read", doc=customer, throw=True)
	from customer_tiering.tiering.explain import explain

	return explain(customer, _day(as_of) if as_of else None).as_dict()


def _day(text: str) -> date:
	try:
		day = date.fromisoformat(str(text))
	except ValueError:
		day = None
	if not day or not 1900 <= day.year <= 2200:
		frappe.throw(
			_("{0}: {1} is not a day between 1900 and 2200.").format(
				_("As of"), frappe.utils.escape_html(str(text))
			)
		)
	return day
