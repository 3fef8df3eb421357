"""Seeds what administrators edit: once, and never over what is there.

A kind of record is seeded once in the life of a site, so that a tier that an administrator deleted does not come back with
the next migrate. What was seeded is remembered in a default of the site.
"""

import json
from collections.abc import Iterable

import frappe

from customer_tiering.setup import permissions

# Off by default, so that an update changes nothing; a new site has them on.
NEW_SITE = {"feedback_days": 180, "voice_raises_risk": 1, "mail_tracking": "Opens and Clicks"}
# Where to know that somebody opened a mail or followed a link needs consent: the European Economic Area (ePrivacy Directive, article
# 5(3), as EDPB Guidelines 2/2023 read it for pixels and tracked links) and the United Kingdom (PECR, regulation 6).
CONSENT_COUNTRIES = (
	"Austria, Belgium, Bulgaria, Croatia, Cyprus, Czech Republic, Denmark, Estonia, Finland, "
	"France, Germany, Greece, Hungary, Iceland, Ireland, Italy, Latvia, Liechtenstein, Lithuania, "
	"Luxembourg, Malta, Netherlands, Norway, Poland, Portugal, Romania, Slovakia, Slovenia, Spain, "
	"Sweden, United Kingdom"
).split(", ")

REMEMBERED_AS = "customer_tiering_seeded"
CONSENT = "tracking_consent_country"
PERMISSIONS = {doctype: f"{frappe.scrub(doctype)}_permissions" for doctype in permissions.RIGHTS}
RECORDS = (
	"customer_tier",
	"lifecycle_stage",
	"rfm_segment",
	"feedback_reason",
	"email_template",
	"follow_up_rule",
	"offer_template",
	"outreach_offer",
	"outreach_sequence",
)


def seed() -> None:
	seeded = _seeded()
	for kind in RECORDS:
		if kind not in seeded:
			_insert_missing(read_defaults(kind))
	new = {} if CONSENT in seeded else {"tracking_consent_countries": _consent_countries()}
	_seed_settings(new if seeded else NEW_SITE | new, is_update=bool(seeded))
	from customer_tiering.outreach.server_scripts import seed_server_scripts

	seed_server_scripts(first_time="server_script" not in seeded)
	for doctype, mark in PERMISSIONS.items():
		if mark not in seeded:
			permissions.grant(doctype)
	_remember({*seeded, *RECORDS, "server_script", CONSENT, *PERMISSIONS.values()})


def forget() -> None:
	frappe.db.delete("DefaultValue", {"defkey": ("like", "customer_tiering%")})
	frappe.clear_cache()


def _seeded() -> set[str]:
	return set(json.loads(frappe.db.get_global(REMEMBERED_AS) or "[]"))


def _remember(kinds: Iterable[str]) -> None:
	frappe.db.set_global(REMEMBERED_AS, json.dumps(sorted(kinds)))


def read_defaults(kind: str) -> list[dict]:
	"""The default records of a kind, with their texts in the site's language: Chinese, else English."""
	folder = "zh" if site_language() == "zh" else "en"
	with open(
		frappe.get_app_path("customer_tiering", "setup", "defaults", folder, f"{kind}.json")
	) as defaults:
		return json.load(defaults)


def site_language() -> str:
	return (frappe.db.get_single_value("System Settings", "language") or "en").split("-")[0]


def _insert_missing(records: list[dict]) -> None:
	for record in records:
		doc = frappe.get_doc(record)
		doc.set_new_name()
		if not frappe.db.exists(doc.doctype, doc.name):
			doc.insert(ignore_permissions=True)


def _seed_settings(values: dict, is_update: bool) -> None:
	"""Give the fields that have never been saved, all of them or those of a newer version, their defaults; and set these values."""
	settings, saved = frappe.get_single("Tiering Settings"), frappe.db.get_singles_dict("Tiering Settings")
	missing = {f.fieldname: f.default for f in settings.meta.fields if f.default and f.fieldname not in saved}
	if not settings.reporting_currency and _company_currency():
		missing["reporting_currency"] = _company_currency()
	missing |= values
	if not missing:
		return
	if is_update:
		_write_alone(settings, missing)
		return
	settings.update(missing)
	settings.flags.ignore_mandatory = True
	settings.save(ignore_permissions=True)


def _write_alone(settings: "frappe.Document", values: dict) -> None:
	"""Nothing but these: what somebody saved long ago may be refused by now, like a user who has left."""
	for field, value in values.items():
		if isinstance(value, list):
			for row in value:
				settings.append(field, row).db_insert()
		else:
			frappe.db.set_single_value("Tiering Settings", field, value, update_modified=False)
	frappe.clear_document_cache("Tiering Settings", "Tiering Settings")


def _consent_countries() -> list[dict]:
	known = frappe.get_all("Country", {"name": ("in", CONSENT_COUNTRIES)}, pluck="name", order_by="name")
	return [{"country": name} for name in known]


def _company_currency() -> str | None:
	company = frappe.defaults.get_global_default("company") or frappe.db.get_value("Company", {}, "name")
	return frappe.db.get_value("Company", company, "default_currency") if company else None
