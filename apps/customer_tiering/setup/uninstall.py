"""Uninstall: remove what the framework would leave behind."""

import frappe

from customer_tiering.outreach import restored
from customer_tiering.outreach.server_scripts import delete_server_scripts
from customer_tiering.setup import indexes, permissions, seed
from customer_tiering.setup.detach import detach
from customer_tiering.tiering.tier_discount import switch_off

ROLE = permissions.ROLE


def before_uninstall() -> None:
	delete_server_scripts()
	_delete_customizations()
	detach(_doctypes())
	_delete_role()
	_delete_scheduled_jobs()
	_switch_off_discounts()
	seed.forget()
	frappe.db.delete("Singles", {"doctype": "Tiering Settings"})
	indexes.drop_indexes()
	restored.forget()
	print(
		"The columns that Customer Tiering filled on Customer, Contact, ToDo and sales documents stay in the database with their data,"
		" and so do the e-mail templates, coupon codes and their Pricing Rules. Codes that are out stay good, and ERPNext does not"
		" check whose they are. Drop them yourself when you don't need them any more. Installed again, the app goes on with"
		" what people entered (groups, referrals, key dates); what runs wrote and tiers set by hand are emptied then. Runs, ledger, enrollments and"
		" the list of who unsubscribed (Outreach Suppression) or consented (Outreach Consent) go: they are in the backup that was made."
	)


def after_uninstall() -> None:
	"""The framework forgets its caches of hooks and meta only with the next restart or clear-cache."""
	frappe.clear_cache()


def _delete_customizations() -> None:
	"""Whatever names a DocType of ours would raise an error once that is gone."""
	modules = frappe.get_all("Module Def", filters={"app_name": "customer_tiering"}, pluck="name")
	doctypes = _doctypes()
	frappe.db.delete("Property Setter", {"module": ("in", modules)})
	frappe.db.delete("Property Setter", {"doc_type": ("in", doctypes)})
	frappe.db.delete("Custom DocPerm", {"parent": ("in", doctypes)})
	frappe.db.delete("User Permission", {"allow": ("in", doctypes)})


def _doctypes() -> list[str]:
	modules = frappe.get_all("Module Def", filters={"app_name": "customer_tiering"}, pluck="name")
	return frappe.get_all("DocType", filters={"module": ("in", modules)}, pluck="name")


def _switch_off_discounts() -> None:
	"""The Pricing Rules of tiers belong to the company, and would wait for a field that is gone."""
	for name in frappe.get_all("Customer Tier", {"pricing_rule": ("is", "set")}, pluck="name"):
		switch_off(frappe.get_doc("Customer Tier", name))


def _delete_role() -> None:
	frappe.db.delete("Has Role", {"role": ROLE})
	frappe.db.delete("DocPerm", {"role": ROLE})
	permissions.take_back()
	frappe.delete_doc("Role", ROLE, ignore_missing=True, force=True)


def _delete_scheduled_jobs() -> None:
	frappe.db.delete("Scheduled Job Type", {"method": ("like", "customer_tiering.%")})
