"""What of ours a customer's form counts among its connections."""

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
