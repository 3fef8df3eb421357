"""In whose language something is said that jobs write: they run in the bench's."""

from collections.abc import Iterator
from contextlib import contextmanager

import frappe


@contextmanager
def language_of(language: str | None) -> Iterator[None]:
	"""This one for as long as the block lasts, else the one that is spoken already."""
	before = frappe.local.lang
	frappe.local.lang = language or before
	try:
		yield
	finally:
		frappe.local.lang = before


def language_of_user(user: str) -> str | None:
	"""The user's own, else the site's."""
	return frappe.db.get_value("User", user, "language") or frappe.db.get_single_value(
		"System Settings", "language"
	)
