"""Fills in texts that people write: with the values given and nothing else of the site.

The framework's own environment also knows `frappe.db`; a job renders as Administrator, so whoever may edit such a text could do
anything with it.
"""

from functools import cache, lru_cache

import frappe
from frappe.utils import format_date
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment


def fill(text: str, values: dict) -> str:
	"""The text with its variables filled in; raises jinja2.TemplateError, also for a variable that doesn't exist.

	It may use `_`, `format_date` and Jinja's own filters. Pass plain values: methods of a document would be within reach.
	"""
	return compile_text(text).render(values, _=frappe._, format_date=format_date)


@lru_cache(maxsize=200)  # the same few texts are filled in for thousands of customers
def compile_text(text: str) -> "jinja2.Template":  # noqa: F821
	"""Raises jinja2.TemplateSyntaxError for a broken one."""
	return _environment().from_string(text)


@cache
def _environment() -> ImmutableSandboxedEnvironment:
	environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
	environment.globals.clear()
	return environment
