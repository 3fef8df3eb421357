"""Whether a customer's mails may tell us that they were read: by the site's setting, the law where the customer is, and the customer."""

from typing import TYPE_CHECKING

import frappe

from customer_tiering.outreach.crowd import Crowd
from customer_tiering.outreach.law import EVERYWHERE, law_country
from customer_tiering.outreach.tracked_links import add_picture, track_links

if TYPE_CHECKING:  # every web worker reads this, and what mails are filled in with takes pandas along
	from customer_tiering.outreach.render import Mail

OFF, CLICKS, ALL = "Off", "Clicks", "Opens and Clicks"
AGREED, REFUSED = "Agreed", "Refused"


def tracking_of(customer: str, crowd: Crowd | None = None) -> str:
	"""OFF, CLICKS or ALL; OFF for a customer who is no more."""
	settings = frappe.get_cached_doc("Tiering Settings")
	allowed = settings.get("mail_tracking") or OFF
	if allowed == OFF:
		return OFF
	crowd = crowd or Crowd([customer])
	said = crowd.customers.get(customer)
	if not said or said.mail_tracking == REFUSED:
		return OFF
	if said.mail_tracking == AGREED:
		return allowed
	return OFF if _needs_consent(settings, customer, crowd) else allowed


def with_tracking(mail: "Mail", touch: str, customer: str, crowd: Crowd | None = None) -> tuple["Mail", dict]:
	"""The mail as it may be sent to the customer, and what the touch keeps of that."""
	tracking = tracking_of(customer, crowd)
	if tracking == OFF:
		return mail, {"tracking": None, "links": 0}
	html, links = track_links(mail.html, touch)
	if tracking == ALL:
		html = add_picture(html, touch)
	return mail._replace(html=html), {"tracking": tracking, "links": links}


def _needs_consent(settings: "frappe.Document", customer: str, crowd: Crowd) -> bool:
	if settings.get("tracking_consent") == EVERYWHERE:
		return True
	countries = {row.country for row in settings.get("tracking_consent_countries") or ()}
	return bool(countries) and law_country(customer, crowd) in countries
