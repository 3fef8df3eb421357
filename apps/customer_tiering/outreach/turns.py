"""Who writes to a customer, or to an address that several customers share, does so alone.

A lock on an enrollment is not enough for what is counted beyond it: the cap of a customer who is in two sequences, and the
address that gets a step once, whoever it belongs to.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from hashlib import sha256

import frappe

from customer_tiering.outreach.address import comparable

PATIENCE = 60  # seconds until another worker has done its share

ADDRESSES = """
	SELECT contact.email_id, contact.mobile_no FROM `tabDynamic Link` link
		JOIN `tabContact` contact ON contact.name = link.parent
		WHERE link.parenttype = 'Contact' AND link.link_doctype = 'Customer' AND link.link_name IN %(customers)s
	UNION SELECT email_id, mobile_no FROM `tabCustomer` WHERE name IN %(customers)s
"""


class TurnTaken(frappe.QueryTimeoutError):
	"""Another worker still writes to the same customers."""


@contextmanager
def turn(customers: Collection[str], patience: int = PATIENCE) -> Iterator[None]:
	"""Wait until nobody else writes to these customers or to one of their addresses, and keep others waiting. Commits before:
	inside it is seen what others did. Raises TurnTaken after so many seconds.
	"""
	rows = frappe.db.sql(ADDRESSES, {"customers": list(customers) or [""]})
	addresses = {comparable(value) for row in rows for value in row} - {""}
	# In one order everywhere, so that no two wait for each other
	locks = sorted(map(_lock_name, addresses | {f"customer {name}" for name in customers}))
	frappe.db.commit()
	taken = frappe.db.sql(f"SELECT {', '.join(['GET_LOCK(%s, %s)'] * len(locks))}", _with(locks, patience))[0]
	try:
		if all(taken):
			yield
		else:
			raise TurnTaken
	finally:
		frappe.db.sql(f"SELECT {', '.join(['RELEASE_LOCK(%s)'] * len(locks))}", locks)


def _lock_name(key: str) -> str:
	"""Such locks are the server's: other sites have theirs."""
	return f"tiering-{sha256(f'{frappe.conf.db_name}|{key}'.encode()).hexdigest()[:40]}"


def _with(locks: list[str], patience: int) -> list:
	return [value for lock in locks for value in (lock, patience)]
