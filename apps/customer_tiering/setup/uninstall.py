"""Uninstall: remove what the framework would leave behind."""

import frappe

from customer_tiering.outreach.server_scripts import delete_server_scripts
from customer_tiering.setup import indexes, seed

ROLE = "Tiering Manager"


def before_uninstall() -> None:
	delete_server_scripts()
	_delete_property_setters()
	_delete_role()
	_delete_scheduled_jobs()
	seed.forget()
	frappe.db.delete("Singles", {"doctype": "Tiering Settings"})
	indexes.drop_indexes()
	print(
		"The columns that Customer Tiering filled on Customer, Contact and ToDo stay in the database with their data,"
		" and so do the e-mail templates. Drop them yourself when you don't need them any more."
	)


def after_uninstall() -> None:
	"""The framework forgets its caches of hooks and meta only with the next restart or clear-cache."""
	frappe.clear_cache()


def _delete_property_setters() -> None:
	modules = frappe.get_all("Module Def", filters={"app_name": "customer_tiering"}, pluck="name")
	frappe.db.delete("Property Setter", {"module": ("in", modules)})


def _delete_role() -> None:
	frappe.db.delete("Has Role", {"role": ROLE})
	frappe.db.delete("DocPerm", {"role": ROLE})
	frappe.db.delete("Custom DocPerm", {"role": ROLE})
	frappe.delete_doc("Role", ROLE, ignore_missing=True, force=True)


def _delete_scheduled_jobs() -> None:
	frappe.db.delete("Scheduled Job Type", {"method": ("like", "customer_tiering.%")})
