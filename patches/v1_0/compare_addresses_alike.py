"""Addresses stood as somebody typed them: padded, with a name, telephone numbers in any spelling. From now on they are compared in one form."""

import frappe

from customer_tiering.outreach.address import comparable

LEDGERS = {
	"Outreach Suppression": "",
	"Outreach Consent": "",
	"Outreach Touch": "AND channel IN ('Email', 'SMS')",
}


def execute() -> None:
	"""What can't be read as one address stays as it is."""
	for doctype, only in LEDGERS.items():
		typed = frappe.db.sql(f"SELECT DISTINCT BINARY address FROM `tab{doctype}` WHERE address > '' {only}")
		for (raw,) in typed:
			text = raw.decode() if isinstance(raw, bytes) else raw
			address = comparable(text)
			if address and address != text:
				frappe.db.sql(
					f"UPDATE `tab{doctype}` SET address = %s WHERE BINARY address = %s {only}",
					(address, text),
				)
