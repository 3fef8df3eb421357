"""Asks a customer, who came by the link of a message, why and how likely; nothing is said of the customer."""

import frappe

from customer_tiering.outreach.survey import SCORES, given_before, reasons, touch_of
from customer_tiering.outreach.touch_link import company_behind, refuse_page

no_cache = 1
sitemap = 0


def get_context(context: frappe._dict) -> None:
	token = frappe.form_dict.get("t")
	touch = touch_of(token)
	if not touch:
		refuse_page(context)
		return
	context.token = token
	context.company = company_behind(touch)
	context.given = given_before(touch)
	context.scores = SCORES
	context.reasons = reasons()
	context.csrf_token = "" if frappe.session.user == "Guest" else frappe.sessions.get_csrf_token()
