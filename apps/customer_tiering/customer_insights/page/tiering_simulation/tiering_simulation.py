"""What the page Tiering Simulation calls. Every function checks permission first; nobody gets another user's result."""

from datetime import date

import frappe
from frappe import _
from frappe.utils import cint

from customer_tiering.customer_insights import simulation
from customer_tiering.customer_insights.simulation_export import FORMATS, export_file
from customer_tiering.tiering.api import refuse_without_worker
from customer_tiering.tiering.permissions import MANAGERS
from customer_tiering.tiering.policy import NUMBERS, WHOLE_NUMBERS
from customer_tiering.tiering.presets import presets, text
from customer_tiering.tiering.proposal import FIELDS, SETTINGS, plain
from customer_tiering.tiering.rule_changes import apply, last_change, only_me, sentence
from customer_tiering.tiering.rule_input import parse
from customer_tiering.tiering.rules_api import applied

PAGE_LENGTH = 20
# Shown at once; the other numbers of Tiering Settings are folded away.
MAIN = ("window_months", "high_frequency_orders", "sleep_default_days", "silent_days", "whale_factor")


@frappe.whitelist()
def get_rules(preset: str | None = None) -> dict:
	"""The rules as they are set, with the preset put over them, for the form: each value with what is set now."""
	frappe.only_for(MANAGERS)
	proposal = simulation.propose(_known(preset))
	stored = simulation.propose()
	more = [
		sentence(each)
		for each in proposal.differences()
		if each.field and each.doctype in ("Follow Up Rule", "Outreach Sequence")
	]
	return {
		"currency": proposal.settings.reporting_currency,
		"presets": [{"value": name, "label": text(each["title"])} for name, each in presets().items()],
		"tiers": sorted(
			_records(proposal, stored, "Customer Tier"), key=lambda row: -row["values"]["entry_value"]
		),
		"stages": sorted(
			_records(proposal, stored, "Lifecycle Stage"), key=lambda row: row["values"]["position"]
		),
		"settings": [_setting(proposal, stored, field) for field in (*WHOLE_NUMBERS, *NUMBERS)],
		"more": more,
		"last_change": last_change(),
	}


def _records(proposal: object, stored: object, doctype: str) -> list[dict]:
	rows = []
	for doc in proposal.records[doctype]:
		known = stored.find(doctype, doc.name)
		rows.append(
			{
				"name": doc.name,
				"label": proposal.name_of(doc),
				"colour": doc.get("colour"),
				"values": {field: plain(doc, field) for field in FIELDS[doctype]},
				"now": {field: plain(known, field) for field in FIELDS[doctype]} if known else None,
			}
		)
	return rows


def _setting(proposal: object, stored: object, field: str) -> dict:
	described = frappe.get_meta(SETTINGS).get_field(field)
	return {
		"field": field,
		"label": _(described.label),
		"description": _(described.description) if described.description else "",
		"main": field in MAIN,
		"value": plain(proposal.settings, field),
		"now": plain(stored.settings, field),
	}


@frappe.whitelist(methods=["POST"])
def start(changes: str | dict | None = None, preset: str | None = None, as_of: str | None = None) -> dict:
	"""Start a simulation for the session's user: {"token"}. Raises ValidationError for rules that can't be simulated."""
	frappe.only_for(MANAGERS)
	refuse_without_worker("simulate")
	given = {"preset": _known(preset), "changes": _changes(changes), "as_of": _day(as_of)}
	simulation.propose(given["preset"], given["changes"]).validate()
	token = frappe.generate_hash(length=12)
	simulation.start(frappe.session.user, token)
	frappe.enqueue(
		"customer_tiering.customer_insights.simulation.run",
		queue="long",
		timeout=simulation.TIMEOUT,
		job_id=simulation.job_id(token),
		token=token,
		language=frappe.local.lang,
		**given,
	)
	return {"token": token}


@frappe.whitelist()
def get_status() -> dict | None:
	"""How far the simulation of the session's user is, with what was found when it is done."""
	frappe.only_for(MANAGERS)
	return simulation.status(frappe.session.user)


@frappe.whitelist()
def get_customers(
	kind: str, now: str | None = None, then: str | None = None, start: int | str = 0, way: str | None = None
) -> dict:
	"""The customers behind a cell whom the user may see, a page of them: {"rows", "total", "hidden"}.

	`kind` is tier, stage or segment; `now` and `then` are names, empty for none and left out for any. With `way`, rise or fall,
	those whose tier goes that way, whatever the names.
	"""
	frappe.only_for(MANAGERS)
	_refuse_unknown("kind", kind, simulation.KINDS)
	if way:
		_refuse_unknown("way", way, simulation.WAYS)
	rows = _rows()
	if way:
		tiers = (
			(simulation.status(frappe.session.user) or {}).get("summary", {}).get("tier", {}).get("then", [])
		)
		found = simulation.places_of_way(rows, tiers, way)
	else:
		found = simulation.places(rows, kind, now, then)
	seen = simulation.visible(rows, found)
	page = [simulation.row(rows, place) for place in seen[max(cint(start), 0) :][:PAGE_LENGTH]]
	titles = dict(
		frappe.get_all(
			"Customer",
			filters={"name": ("in", [row["customer"] for row in page])},
			fields=["name", "customer_name"],
			as_list=True,
		)
	)
	for row in page:
		row["customer_name"] = titles.get(row["customer"], row["customer"])
	return {"rows": page, "total": len(seen), "hidden": len(found) - len(seen)}


@frappe.whitelist()
def export(file_format: str) -> None:
	"""Download what was found, and the customers who move whom the user may see; as "xlsx" or "csv"."""
	frappe.only_for(MANAGERS)
	_refuse_unknown("file_format", file_format, FORMATS)
	status = simulation.status(frappe.session.user) or {}
	content = export_file(file_format, status.get("summary"), _rows())
	frappe.response.update(
		{"filename": f"{_('Tiering Simulation')}.{file_format}", "filecontent": content, "type": "binary"}
	)


@frappe.whitelist()
def differences(changes: str | dict | None = None, preset: str | None = None) -> list[str]:
	"""What saving these rules would change, in sentences. Raises ValidationError for rules that can't be saved."""
	frappe.only_for(MANAGERS)
	proposal = simulation.propose(_known(preset), _changes(changes))
	proposal.validate()
	return [sentence(each) for each in proposal.differences()]


@frappe.whitelist(methods=["POST"])
def save(changes: str | dict | None = None, preset: str | None = None) -> dict:
	"""Save these rules: {"name", "message"} of the change that can be undone. Raises ValidationError as the DocTypes do."""
	frappe.only_for(MANAGERS)
	only_me()
	preset, changes = _known(preset), _changes(changes)
	return applied(apply(simulation.propose(preset, changes), simulation.title_of(preset, changes), preset))


def _rows() -> dict:
	rows = simulation.rows(frappe.session.user)
	if not rows:
		frappe.throw(_("This simulation is too old or was not yours. Press Simulate again."))
	return rows


def _refuse_unknown(what: str, value: str, known: tuple[str, ...]) -> None:
	if value not in known:
		frappe.throw(
			_("{0}: {1} is not {2}.").format(what, frappe.utils.escape_html(str(value)), ", ".join(known))
		)


def _known(preset: str | None) -> str | None:
	if preset and preset not in presets():
		frappe.throw(
			_("There is no preset {0}. There are: {1}.").format(
				frappe.utils.escape_html(preset), ", ".join(presets())
			)
		)
	return preset or None


def _changes(changes: str | dict | None) -> dict:
	return parse(changes) if isinstance(changes, str) else changes or {}


def _day(text: str | None) -> str | None:
	if not text:
		return None
	try:
		day = date.fromisoformat(text)
	except ValueError:
		day = None
	if not day or not 1900 <= day.year <= 2200:
		frappe.throw(
			_("{0}: {1} is not a day between 1900 and 2200.").format(
				_("As of"), frappe.utils.escape_html(text)
			)
		)
	return str(day)
