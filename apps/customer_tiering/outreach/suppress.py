"""Which addresses get nothing from us, or nothing of a sequence."""

from collections.abc import Collection

import frappe

from customer_tiering.outreach.address import comparable
from customer_tiering.tiering.chunks import rows_of


def suppress(address: str, source: str, customer: str | None = None, sequence: str | None = None) -> None:
	"""Note it, unless it is known already."""
	address = comparable(address) or address
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
	row.flags.ignore_validate = True  # a message did go there
	row.insert(ignore_permissions=True)


OWN_WORD = ("Link in a mail", "Consent withdrawn")


def left_by(address: str) -> list[str | None]:
	"""The sequences that the reader left, None for all."""
	own = {"address": comparable(address), "source": ("in", OWN_WORD)}
	return frappe.get_all("Outreach Suppression", own, pluck="sequence")


def lift(address: str, of_sequences: bool = True) -> None:
	"""Forget what the reader said before, of all sequences and (`of_sequences`) of single ones; a bounce, or what somebody noted by hand,
	stays.
	"""
	own = {"address": comparable(address), "source": ("in", OWN_WORD)}
	if not of_sequences:
		own["sequence"] = ("is", "not set")
	for name in frappe.get_all("Outreach Suppression", own, pluck="name"):
		frappe.delete_doc("Outreach Suppression", name, ignore_permissions=True, delete_permanently=True)


def is_suppressed(address: str, customer: str, sequence: str) -> bool:
	"""Whether this address must get nothing of the sequence: by our own list, the framework's, or the contact's own mark."""
	address = comparable(address)
	this_customer = {"reference_doctype": "Customer", "reference_name": customer}
	scopes = frappe.get_all("Outreach Suppression", filters={"address": address}, pluck="sequence")
	return bool(
		any(scope in (None, "", sequence) for scope in scopes)
		or frappe.db.exists("Email Unsubscribe", {"email": address, "global_unsubscribe": 1})
		or frappe.db.exists("Email Unsubscribe", {"email": address, **this_customer})
		or ("@" in address and frappe.db.exists("Contact", {"email_id": address, "unsubscribed": 1}))
		or any(address == comparable(each) for row in frappe.db.sql(UNSUBSCRIBED, customer) for each in row)
	)


# However it is typed, and for the contact's mobile number, too
UNSUBSCRIBED = """
	SELECT contact.email_id, contact.mobile_no FROM `tabDynamic Link` link JOIN `tabContact` contact ON contact.name = link.parent
	WHERE link.parenttype = 'Contact' AND link.link_doctype = 'Customer' AND link.link_name = %s AND contact.unsubscribed = 1
"""


STOPPED = """
	SELECT address FROM `tabOutreach Suppression` WHERE COALESCE(sequence, '') IN ('', %(sequence)s) OR %(sequence)s = ''
	UNION SELECT email FROM `tabEmail Unsubscribe` WHERE global_unsubscribe = 1 OR reference_doctype = 'Customer'
	UNION SELECT email_id FROM `tabContact` WHERE unsubscribed = 1 AND COALESCE(email_id, '') != ''
"""


def _stopped(sequence: str) -> set[str]:
	"""All addresses that may get nothing of the sequence (without one: nothing of any sequence), to be checked one by one."""
	return {
		address.lower() for address in frappe.db.sql(STOPPED, {"sequence": sequence}, pluck=True) if address
	}


STOPPED_AMONG = """
	SELECT address FROM `tabOutreach Suppression`
		WHERE address IN %(names)s AND (COALESCE(sequence, '') IN ('', %(sequence)s) OR %(sequence)s = '')
	UNION SELECT email FROM `tabEmail Unsubscribe`
		WHERE email IN %(names)s AND (global_unsubscribe = 1 OR reference_doctype = 'Customer')
	UNION SELECT email_id FROM `tabContact` WHERE email_id IN %(names)s AND unsubscribed = 1
"""


def stopped_among(addresses: Collection[str], sequence: str = "") -> set[str]:
	"""Those of these addresses that may get nothing of the sequence (without one: of some sequence), to be checked one by one."""
	return {row.address.lower() for row in rows_of(STOPPED_AMONG, addresses, sequence=sequence)}


def stopped_customers(sequence: str = "") -> set[str]:
	"""The customers who have such an address, whether or not it is the one that we write to."""
	stopped = _stopped(sequence)
	return _by_plain_address(sequence) | _by_typed_address(stopped) | _by_number(stopped)


def _by_plain_address(sequence: str) -> set[str]:
	query = f"""
		SELECT link.link_name FROM ({STOPPED}) stopped
		JOIN `tabContact` contact ON contact.email_id = stopped.address
		JOIN `tabDynamic Link` link ON link.parent = contact.name AND link.parenttype = 'Contact'
			AND link.link_doctype = 'Customer'
		UNION SELECT customer.name FROM ({STOPPED}) stopped
		JOIN `tabCustomer` customer ON customer.email_id = stopped.address"""
	return set(frappe.db.sql(query, {"sequence": sequence}, pluck=True))


TYPED = """
	SELECT link.link_name, contact.email_id FROM `tabContact` contact
		JOIN `tabDynamic Link` link ON link.parent = contact.name AND link.parenttype = 'Contact' AND link.link_doctype = 'Customer'
		WHERE contact.email_id REGEXP '[<(,; "\t]'
	UNION SELECT name, email_id FROM `tabCustomer` WHERE email_id REGEXP '[<(,; "\t]'
"""


def _by_typed_address(stopped: set[str]) -> set[str]:
	"""Those whose address has a name or a space with it: few."""
	return {customer for customer, typed in frappe.db.sql(TYPED) if comparable(typed) in stopped}


TAIL = 7  # digits that a number ends with, however the rest is written
MOBILES = f"""
	SELECT who.customer, who.mobile_no FROM (
		SELECT link.link_name AS customer, contact.mobile_no FROM `tabContact` contact
			JOIN `tabDynamic Link` link ON link.parent = contact.name AND link.parenttype = 'Contact' AND link.link_doctype = 'Customer'
			WHERE contact.mobile_no > ''
		UNION SELECT name, mobile_no FROM `tabCustomer` WHERE mobile_no > ''
	) who
	WHERE RIGHT(REGEXP_REPLACE(who.mobile_no, '[^0-9]', ''), {TAIL}) IN %(tails)s
"""


def _by_number(stopped: set[str]) -> set[str]:
	own_mark = "SELECT mobile_no FROM `tabContact` WHERE unsubscribed = 1 AND mobile_no > ''"
	numbers = {address for address in stopped if "@" not in address}
	numbers |= {comparable(number) for number in frappe.db.sql(own_mark, pluck=True)} - {""}
	tails = {number[-TAIL:] for number in numbers}
	rows = frappe.db.sql(MOBILES, {"tails": list(tails)}) if tails else ()
	return {customer for customer, typed in rows if comparable(typed) in numbers}
