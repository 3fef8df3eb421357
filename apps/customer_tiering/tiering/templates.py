"""Fills in texts that people write: with the values given and nothing else of the site.

The framework's own environment also knows `frappe.db`; a job renders as Administrator, so whoever may edit such a text could do
anything with it. Loops and calls are counted, as a text that never comes to its end would hold up a worker.
"""

from collections.abc import Iterable, Iterator
from functools import cache, lru_cache

import frappe
from frappe import _
from frappe.utils import format_date
from jinja2 import StrictUndefined, nodes, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError

MOST_STEPS = 100_000  # of loops and calls, for one customer
LONGEST = 1_000_000  # letters, parts of a list, or bits of a number
STEPS = "_steps_left"


def fill(text: str, values: dict) -> str:
	"""The text with its variables filled in; raises jinja2.TemplateError, also for a variable that doesn't exist.

	It may use `_`, `format_date` and Jinja's own filters. Pass plain values: methods of a document would be within reach.
	"""
	helpers = {"_": frappe._, "format_date": format_date, STEPS: iter(range(MOST_STEPS))}
	return compile_text(text).render(values, **helpers)


@lru_cache(maxsize=200)  # the same few texts are filled in for thousands of customers
def compile_text(text: str) -> "jinja2.Template":  # noqa: F821
	"""Raises jinja2.TemplateSyntaxError for a broken one."""
	return _environment().from_string(text)


class Counting(ImmutableSandboxedEnvironment):
	"""Raises SecurityError for a text that takes too many steps, or makes something too large."""

	intercepted_binops = frozenset(("*", "**"))

	def _parse(self, *source: str | None) -> nodes.Template:
		parsed = super()._parse(*source)
		for loop in parsed.find_all(nodes.For):
			loop.iter = nodes.Filter(loop.iter, "counted", [], [], None, None, lineno=loop.lineno)
		return parsed

	def call(__self, __context: Context, __obj: object, *args: object, **kwargs: object) -> object:
		_step(__context)
		return super().call(__context, __obj, *args, **kwargs)

	def call_binop(self, context: Context, operator: str, left: object, right: object) -> object:
		if _size(operator, left, right) > LONGEST:
			raise SecurityError(_("The text makes something too large."))
		return super().call_binop(context, operator, left, right)


@pass_context
def _counted(context: Context, iterable: Iterable) -> Iterator:
	for each in iterable:
		_step(context)
		yield each


def _step(context: Context) -> None:
	if next(context[STEPS], None) is None:
		raise SecurityError(_("The text takes too many steps."))


def _size(operator: str, left: object, right: object) -> int:
	"""How large a product or a power is, about."""
	if operator == "**":
		whole = isinstance(left, int) and isinstance(right, int)
		return left.bit_length() * max(right, 0) if whole else 0
	for part, times in ((left, right), (right, left)):
		if isinstance(part, str | list | tuple) and isinstance(times, int):
			return len(part) * times
	return 0


@cache
def _environment() -> Counting:
	environment = Counting(undefined=StrictUndefined)
	environment.globals.clear()
	environment.filters["counted"] = _counted
	return environment
