"""Touches and versions of sequences kept whole addresses of webhooks, which carry keys; of failures, too. And what is posted to inside
the own network was nobody's to allow: what stands there goes on.
"""

import json

import frappe

from customer_tiering.outreach.failure import ADDRESS
from customer_tiering.outreach.web_address import host_of, is_inside


def execute() -> None:
	shorten_touches()
	clean_reasons()
	shorten_versions()
	allow_what_is_inside()


def shorten_touches() -> None:
	addresses = frappe.db.sql(
		"SELECT DISTINCT address FROM `tabOutreach Touch` WHERE channel = 'Webhook' AND address LIKE '%%://%%'",
		pluck=True,
	)
	for address in addresses:
		frappe.db.sql(
			"""UPDATE `tabOutreach Touch`
			SET address = %(host)s, touch_key = CONCAT_WS('|', enrollment, step, %(host)s)
			WHERE channel = 'Webhook' AND address = %(address)s""",
			{"address": address, "host": host_of(address)},
		)


def clean_reasons() -> None:
	told = frappe.db.sql(
		"""SELECT name, reason FROM `tabOutreach Touch` WHERE channel IN ('SMS', 'Webhook')
		AND (reason LIKE '%%://%%' OR reason LIKE '%%url: %%')"""
	)
	for name, reason in told:
		frappe.db.set_value("Outreach Touch", name, "reason", ADDRESS.sub("…", reason), update_modified=False)


def shorten_versions() -> None:
	kept = {"ref_doctype": "Outreach Sequence", "data": ("like", "%webhook_url%")}
	for version in frappe.get_all("Version", kept, ["name", "data"]):
		data = json.dumps(_shortened(json.loads(version.data)))
		frappe.db.set_value("Version", version.name, "data", data, update_modified=False)


def _shortened(value: object) -> object:
	"""With the hosts alone, wherever in a version the addresses stand."""
	if isinstance(value, dict):
		return {
			key: host_of(each) if key == "webhook_url" and isinstance(each, str) else _shortened(each)
			for key, each in value.items()
		}
	if isinstance(value, list):
		if len(value) == 3 and value[0] == "webhook_url":
			return ["webhook_url", *map(host_of, value[1:])]
		return [_shortened(each) for each in value]
	return value


def allow_what_is_inside() -> None:
	for step in frappe.get_all("Outreach Step", {"channel": "Webhook"}, ["name", "webhook_url"]):
		inside = int(is_inside(step.webhook_url or ""))
		frappe.db.set_value("Outreach Step", step.name, "webhook_inside", inside, update_modified=False)
