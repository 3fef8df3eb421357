"""What of ours the forms of customers and campaigns count among their connections."""

from frappe import _


def customer_connections(data: dict) -> dict:
	"""ERPNext's connections of a customer, what the customer let us know beside the issues, and what we sent."""
	label = _("Support")
	group = next((each for each in data["transactions"] if each["label"] == label), None)
	if group:
		group["items"].append("Customer Feedback")
	else:
		data["transactions"].append({"label": label, "items": ["Customer Feedback"]})
	data["transactions"].append(
		{"label": _("Outreach"), "items": ["Outreach Enrollment", "Outreach Touch", "Outreach Consent"]}
	)
	return data


def campaign_connections(data: dict) -> dict:
	"""A campaign's own connections, and its sequences."""
	data.setdefault("fieldname", "campaign")
	if data["fieldname"] != "campaign":
		data.setdefault("non_standard_fieldnames", {})["Outreach Sequence"] = "campaign"
	data.setdefault("transactions", []).append(
		{"label": _("Outreach Sequence"), "items": ["Outreach Sequence"]}
	)
	return data
