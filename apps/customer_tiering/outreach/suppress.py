"""Which addresses get nothing from us, or nothing of a sequence."""

from collections.abc import Collection

import frappe

from customer_tiering.tiering.chunks import rows_of


def suppress(address: str, source: str, customer: str | None = None, sequence: str | None = None) -> None:
	"""Note it, unless it is known already."""
	known = {"address": address, "sequence": ("in", (sequence, "")) if sequence else ("is", "not set")}
	if frappe.db.exists("Outreach Suppression", known):
		return
	row = frappe.get_doc(
		doctype="Outreach Suppression",
		address=address,
		customer=customer,
		sequence=sequence,
		source=source,
	)
	row.flags.ignore_links = True  # the customer may have been deleted
	row.insert(ignore_permissions=True)


OWN_WORD = ("Link in a mail", "Consent withdrawn")


def left_by(address: str) -> list[str | None]:
	"""The sequences that the reader left, None for all."""
	return frappe.get_all(
		"Outreach Suppression", {"address": address, "source": ("in", OWN_WORD)}, pluck="sequence"
	)


def lift(address: str) -> None:
	"""Forget what the reader said before, of all sequences; a bounce, or what somebody noted by hand, stays."""
	for name in frappe.get_all(
		"Outreach Suppression", {"address": address, "source": ("in", OWN_WORD)}, pluck="name"
	):
		frappe.delete_doc("Outreach Suppression", name, ignore_permissions=True, delete_permanently=True)


def is_mail(address: str) -> bool:
	"""Or else a telephone number."""
	return "@" in address


def is_suppressed(address: str, customer: str, sequence: str) -> bool:
	"""Whether this address must get nothing of the sequence: by our own list, the framework's, or the contact's own mark."""
	this_customer = {"reference_doctype": "Customer", "reference_name": customer}
	scopes = frappe.get_all("Outreach Suppression", filters={"address": address}, pluck="sequence")
	return bool(
		any(scope in (None, "", sequence) for scope in scopes)
		or frappe.db.exists("Email Unsubscribe", {"email": address, "global_unsubscribe": 1})
		or frappe.db.exists("Email Unsubscribe", {"email": address, **this_customer})
		or frappe.db.exists(
			"Contact", {"email_id" if is_mail(address) else "mobile_no": address, "unsubscribed": 1}
		)
	)


STOPPED = """
	SELECT address FROM `tabOutreach Suppression` WHERE COALESCE(sequence, '') IN ('', %(sequence)s) OR %(sequence)s = ''
	UNION SELECT email FROM `tabEmail Unsubscribe` WHERE global_unsubscribe = 1 OR reference_doctype = 'Customer'
	UNION SELECT email_id FROM `tabContact` WHERE unsubscribed = 1 AND COALESCE(email_id, '') != ''
	UNION SELECT mobile_no FROM `tabContact` WHERE unsubscribed = 1 AND COALESCE(mobile_no, '') != ''
"""


def stopped_addresses(sequence: str = "") -> set[str]:
	"""All addresses that may get nothing of the sequence (without one: nothing of any sequence), to be checked one by one."""
	return {
		address.lower() for address in frappe.db.sql(STOPPED, {"sequence": sequence}, pluck=True) if address
	}


STOPPED_AMONG = """
	SELECT address FROM `tabOutreach Suppression` WHERE address IN %(names)s
	UNION SELECT email FROM `tabEmail Unsubscribe`
		WHERE email IN %(names)s AND (global_unsubscribe = 1 OR reference_doctype = 'Customer')
	UNION SELECT email_id FROM `tabContact` WHERE email_id IN %(names)s AND unsubscribed = 1
	UNION SELECT mobile_no FROM `tabContact` WHERE mobile_no IN %(names)s AND unsubscribed = 1
"""


def stopped_among(addresses: Collection[str]) -> set[str]:
	"""Those of these addresses that may get nothing of some sequence, to be checked one by one."""
	return {row.address.lower() for row in rows_of(STOPPED_AMONG, addresses)}


def stopped_customers(sequence: str = "") -> set[str]:
	"""The customers who have such a mail address, whether or not it is the one that we write to."""
	return _customers_with("email_id", sequence)


def stopped_by_number(sequence: str = "") -> set[str]:
	"""The customers who have such a mobile number."""
	return _customers_with("mobile_no", sequence)


def _customers_with(field: str, sequence: str) -> set[str]:
	query = f"""
		SELECT link.link_name FROM ({STOPPED}) stopped
		JOIN `tabContact` contact ON contact.{field} = stopped.address
		JOIN `tabDynamic Link` link ON link.parent = contact.name AND link.parenttype = 'Contact'
			AND link.link_doctype = 'Customer'
		WHERE stopped.address != ''
		UNION SELECT customer.name FROM ({STOPPED}) stopped
		JOIN `tabCustomer` customer ON customer.{field} = stopped.address WHERE stopped.address != ''"""
	return set(frappe.db.sql(query, {"sequence": sequence}, pluck=True))
