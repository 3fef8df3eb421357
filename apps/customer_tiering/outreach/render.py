"""Fills an Email Template, or a short text, in for a customer."""

from contextlib import AbstractContextManager
from typing import NamedTuple

import frappe
from frappe.utils import escape_html
from jinja2 import TemplateError

from customer_tiering.outreach.merge_values import SAMPLE, merge_values
from customer_tiering.outreach.plain_text import plain_text
from customer_tiering.tiering.language import language_of
from customer_tiering.tiering.templates import fill

__all__ = ["SAMPLE", "Mail", "RenderError", "merge_values", "render", "render_text", "site_language"]

LAYOUT = "templates/outreach_mail.html"


class RenderError(Exception):
	"""A template that can't be filled in; the text says why."""


class Mail(NamedTuple):
	subject: str
	html: str
	text: str


def render(template: "frappe.Document", values: dict, preview_text: str | None = None) -> Mail:
	"""Subject and text part (plain) and a whole HTML document (values escaped; with the company and the way out).

	A template that is a whole document itself is left as it is, but for a way out if it has none. Raises RenderError, also
	for a variable that doesn't exist.
	"""
	body = template.response_html if template.use_html else template.response
	escaped = _escape(values)
	content = _fill(body or "", escaped)
	subject = render_text(template.subject or "", values)
	url = values["unsubscribe_url"]
	text = (
		f"{plain_text(content)}\n\n-- \n{_footer(values)}\n{frappe._('No more such mails, please')}: {url}\n"
	)
	if content.lstrip()[:9].lower().startswith(("<!doctype", "<html")):
		return Mail(
			subject, content if escaped["unsubscribe_url"] in content else content + _way_out(url), text
		)
	preview = " ".join(_fill(preview_text or "", escaped).split())
	return Mail(subject, _in_layout(content, subject, preview, values), text)


def render_text(text: str, values: dict) -> str:
	"""Plain text, on one line unless it has several itself. Raises RenderError."""
	return "\n".join(" ".join(line.split()) for line in _fill(text, _flat(values)).split("\n")).strip()


def site_language() -> AbstractContextManager[None]:
	"""Jobs run in the bench's language; customers and colleagues read the site's."""
	return language_of(frappe.db.get_single_value("System Settings", "language"))


def _in_layout(content: str, subject: str, preview: str, values: dict) -> str:
	return frappe.get_template(LAYOUT).render(
		{
			"content": content,
			"subject": subject,
			"preview": preview,
			"company": values["company"],
			"unsubscribe_url": values["unsubscribe_url"],
			"language": frappe.local.lang,
		}
	)


def _footer(values: dict) -> str:
	company = values["company"]
	return ", ".join(part for part in (company["name"], company["address"]) if part)


def _fill(text: str, values: dict) -> str:
	try:
		return fill(text, values)
	except TemplateError as error:
		raise RenderError(error.message or type(error).__name__) from error
	except Exception as error:
		raise RenderError(f"{type(error).__name__}: {error}") from error


def _escape(values: dict) -> dict:
	return _each_text(values, escape_html)


def _flat(values: dict) -> dict:
	"""A line break in a name must not make another line, let alone a header."""
	return _each_text(values, lambda text: " ".join(text.split()))


def _each_text(values: dict, change) -> dict:
	return {key: _changed(value, change) for key, value in values.items()}


def _changed(value: object, change) -> object:
	if isinstance(value, dict):
		return _each_text(value, change)
	if isinstance(value, list):
		return [_changed(each, change) for each in value]
	return change(value) if isinstance(value, str) else value


def _way_out(url: str) -> str:
	text = frappe._("No more such mails, please")
	return f'<p style="font-size:13px;color:#6b7781"><a href="{escape_html(url)}">{text}</a></p>'
