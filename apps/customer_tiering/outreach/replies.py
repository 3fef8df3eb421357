"""What counts as a customer's answer: the one place, for exits, goals and reports.

An answer is one to a survey, or a mail that a person wrote: linked to the customer, from an address of one of its contacts, or from
one that we wrote to.
"""

import frappe

from customer_tiering.outreach.crowd import REACHED
from customer_tiering.outreach.sent import LEFT_AT

MAIL = """received.sent_or_received = 'Received' AND received.communication_type = 'Communication'
	AND COALESCE(received.is_automatic_answer, 0) = 0 AND received.communication_date >= %(since)s"""
# Those since a day: when they came, and the touch that asked if it is known. Who corrects an answer has given it before.
ANSWERS = f"""
	SELECT name, customer, touch, creation AS came_at FROM `tabCustomer Feedback`
		WHERE source = 'Web Form' AND creation >= %(since)s
	UNION SELECT received.name, received.reference_name, NULL, received.communication_date FROM `tabCommunication` received
		WHERE received.reference_doctype = 'Customer' AND {MAIL}
	UNION SELECT received.name, link.link_name, NULL, received.communication_date FROM `tabCommunication` received
		JOIN `tabContact` contact ON contact.email_id = received.sender
		JOIN `tabDynamic Link` link ON link.parent = contact.name AND link.parenttype = 'Contact' AND link.link_doctype = 'Customer'
		WHERE {MAIL}
	UNION SELECT received.name, touch.customer, NULL, received.communication_date FROM `tabCommunication` received
		JOIN `tabOutreach Touch` touch ON touch.address = received.sender AND touch.channel = 'Email' AND touch.status IN {REACHED}
		WHERE {MAIL}"""
# Of an `enrollment` and an `answer` of its customer.
IS_ANSWERED = f"""answer.came_at > (
	SELECT MIN({LEFT_AT}) FROM `tabOutreach Touch` touch
	WHERE touch.enrollment = enrollment.name AND touch.status IN {REACHED}
)"""
FIND = f"""
	SELECT DISTINCT enrollment.name FROM `tabOutreach Enrollment` enrollment
	JOIN ({ANSWERS}) answer ON answer.customer = enrollment.customer
	WHERE {{where}} AND {IS_ANSWERED}"""


def replied(where: str, values: dict) -> set[str]:
	"""Those enrollments, of those for which the condition on `enrollment` holds, whose customer has answered since the first message."""
	since = frappe.db.sql(
		f"SELECT MIN(entered_on) FROM `tabOutreach Enrollment` enrollment WHERE {where}", values
	)[0][0]
	found = frappe.db.sql(FIND.format(where=where), {**values, "since": since}, pluck=True) if since else ()
	return set(found)
