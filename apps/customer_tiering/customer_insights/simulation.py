"""A simulation as people read it: what is counted, the customers behind each count, and who may have them.

A result is kept in Redis for an hour, under the user who asked for it; its rows, compressed, beside its summary. A new one takes
the place of the old.
"""

import html
import json
import time
import zlib
from datetime import date
from typing import TYPE_CHECKING

import frappe
from frappe import _
from frappe.desk.reportview import build_match_conditions
from frappe.utils import getdate
from frappe.utils.background_jobs import get_job

from customer_tiering.customer_insights.consequences import consequences, newcomers, totals
from customer_tiering.customer_insights.simulated import Simulated
from customer_tiering.engine.policy import Policy
from customer_tiering.tiering.lock import is_free, only_one
from customer_tiering.tiering.presets import apply_preset, presets, text
from customer_tiering.tiering.proposal import Proposal
from customer_tiering.tiering.recompute import Progress
from customer_tiering.tiering.rule_changes import sentence
from customer_tiering.tiering.rule_input import apply_changes
from customer_tiering.tiering.simulate import Simulation, simulate

if TYPE_CHECKING:
	import pandas as pd

KEY = "customer_tiering.simulation"
EXPIRES = 3600  # seconds
TIMEOUT = 1800  # seconds that the job may take
KINDS = ("tier", "stage", "segment")
SOON = 10  # seconds
WAYS = ("rise", "fall")
NONE = ""  # how "no tier" is written where a name is


class SupersededError(Exception):
	"""The user has started another simulation."""


def propose(preset: str | None = None, changes: dict | None = None) -> Proposal:
	"""The current rules with a preset and, on top of it, changes; nothing is validated yet but their words."""
	proposal = Proposal()
	if preset:
		apply_preset(proposal, preset)
	apply_changes(proposal, changes or {})
	return proposal


def title_of(preset: str | None, changes: dict | None) -> str:
	"""What a change is called in the list of changes."""
	title = text(presets()[preset]["title"]) if preset else _("Simulated rules")
	return _("{0}, changed").format(title) if preset and changes else title


def run(preset: str | None, changes: dict | None, as_of: str | None, token: str, language: str) -> None:
	"""The job behind the page's button. It ends early, without a result, when the user has started another one meanwhile."""
	user = frappe.session.user
	frappe.local.lang = language

	def progress(done: int, total: int, what: str) -> None:
		if not _is_current(user, token):
			raise SupersededError
		_tell(user, token, {"state": "Running", "percent": 10 + 85 * done // total, "what": what})

	if not _is_current(user, token):
		return
	with _alone(token):
		_tell(user, token, {"state": "Running", "percent": 10, "what": ""})
		_run(preset, changes, as_of, token, progress)


def _run(preset: str | None, changes: dict | None, as_of: str | None, token: str, progress: Progress) -> None:
	user = frappe.session.user
	try:
		summary, rows = result(propose(preset, changes), getdate(as_of) if as_of else None, progress)
	except SupersededError:
		return
	except Exception as error:
		frappe.db.rollback()
		_tell(
			user,
			token,
			{
				"state": "Failed",
				"error": html.unescape(frappe.utils.strip_html(str(error))) or type(error).__name__,
			},
		)
		if isinstance(error, frappe.ValidationError):
			return
		raise
	if _is_current(user, token):
		frappe.cache.set_value(_key("rows", user), _pack(rows), expires_in_sec=EXPIRES)
		_tell(
			user, token, {"state": "Done", "summary": {**summary, "preset": preset, "changes": changes or {}}}
		)


def result(proposal: Proposal, as_of: date | None, progress: Progress) -> tuple[dict, dict]:
	"""What is counted, in plain values, and the rows behind it (see `rows_of`). Raises ValidationError for refused rules."""
	proposal.validate()
	simulation = simulate(proposal.policy(), as_of, progress)
	return summarize(simulation, proposal), rows_of(simulation.customers)


def start(user: str, token: str) -> None:
	"""Forget what this user simulated before."""
	frappe.cache.delete_value(_key("rows", user))
	status = {"token": token, "state": "Queued", "since": time.time()}
	frappe.cache.set_value(_key("status", user), status, expires_in_sec=EXPIRES)


def status(user: str) -> dict | None:
	"""{"token", "state", …} of the user's simulation: Queued, Running (percent, what), Failed (error) or Done (summary).

	One of which the job is gone has failed: its worker was killed, or the queue emptied.
	"""
	found = _status(user)
	if _is_under_way(found) and _job_is_gone(found):
		found = _status(user)  # it may have ended in this moment
		if _is_under_way(found):
			error = _("The simulation was broken off before it was done. Press Simulate again.")
			found = {"token": found["token"], "state": "Failed", "error": error}
			frappe.cache.set_value(_key("status", user), found, expires_in_sec=EXPIRES)
	return found


def job_id(token: str) -> str:
	return f"{KEY}.{token}"


def _status(user: str) -> dict | None:
	return frappe.cache.get_value(_key("status", user), expires=True)


def _is_under_way(found: dict | None) -> bool:
	return bool(found) and found["state"] in ("Queued", "Running")


def _job_is_gone(found: dict) -> bool:
	"""A job that runs holds its lock until it or its worker ends; one that waits is in the queue soon after it was put there."""
	if found["state"] == "Running":
		return is_free(job_id(found["token"]))
	if time.time() - found.get("since", 0) < SOON:
		return False
	job = get_job(job_id(found["token"]))
	return not job or job.get_status() not in ("queued", "deferred", "scheduled", "started")


def _alone(token: str) -> only_one:
	return only_one(job_id(token), _("This simulation is under way already."))


def rows(user: str) -> dict | None:
	"""The rows of the user's last simulation; None if there is none or it is too old."""
	packed = frappe.cache.get_value(_key("rows", user), expires=True)
	return json.loads(zlib.decompress(packed)) if packed else None


def summarize(simulation: Simulation, proposal: Proposal) -> dict:
	"""Counts, in plain values: a matrix and the money of each tier and stage now and then, segments, signals and their consequences
	(`would_start`, if somebody followed up on them all) and who comes into an audience (`will_start`)."""
	frame = simulation.customers
	now, then = (
		Simulated(fields, simulation.as_of) for fields in (simulation.fields_now, simulation.fields_then)
	)
	started = consequences(simulation.signals, then)
	coming = newcomers(now, then)
	moved = frame[_moved(frame, "tier")]
	rank = {tier.name: -number for number, tier in enumerate(simulation.then.tiers)}
	direction = moved["tier_then"].map(rank) - moved["tier_now"].map(rank)
	return {
		"as_of": str(simulation.as_of),
		"customers": len(frame),
		"currency": {"now": simulation.now.reporting_currency, "then": simulation.then.reporting_currency},
		"rule_versions": {"now": simulation.now.rule_version, "then": simulation.then.rule_version},
		"changes_in_words": [sentence(each) for each in proposal.differences()],
		"new_names": {f"{doctype}|{old}": new for (doctype, old), new in proposal.new_names.items()},
		"rise": int((direction > 0).sum()),
		"fall": int((direction < 0).sum()),
		"grace": simulation.grace,
		**{kind: _movement(frame, kind, simulation) for kind in KINDS},
		"signals": started,
		"would_start": totals(started),
		"newcomers": coming,
		"will_start": totals([{"starts": coming}]),
		"notes": list(simulation.notes),
	}


def _movement(frame: "pd.DataFrame", kind: str, simulation: Simulation) -> dict:
	"""`now` and `then`: names, the best or first one first, "" for none; `counts` by now and then; `money_now`, `money_then`."""
	now, then = frame[f"{kind}_now"].fillna(NONE), frame[f"{kind}_then"].fillna(NONE)
	names_now, names_then = (
		_names(policy, kind, column) for policy, column in ((simulation.now, now), (simulation.then, then))
	)
	pairs = frame.groupby([now.rename("now"), then.rename("then")], sort=False).size()
	return {
		"now": names_now,
		"then": names_then,
		"counts": [[int(pairs.get((row, column), 0)) for column in names_then] for row in names_now],
		"money_now": _sums(frame["money_now"], now, names_now),
		"money_then": _sums(frame["money_then"], then, names_then),
	}


def _names(policy: Policy, kind: str, column: "pd.Series") -> list[str]:
	records = {"tier": policy.tiers, "stage": policy.stages, "segment": policy.segments}[kind]
	names = [record.name for record in records]
	return [*names, *sorted(set(column) - set(names))]


def _sums(money: "pd.Series", of: "pd.Series", names: list[str]) -> list[float]:
	sums = money.groupby(of).sum()
	return [round(float(sums.get(name, 0.0)), 2) for name in names]


def rows_of(frame: "pd.DataFrame") -> dict:
	"""Plain lists, one place a customer, the most money first: `customer`, `money_now`, `money_then`, `last_order`; and `tier_now` and
	so on as numbers into `names`."""
	frame = frame.sort_values("money_now", ascending=False, kind="stable")
	packed = {"names": {}, "customer": list(frame.index)}
	for kind in KINDS:
		for ending in ("now", "then"):
			codes, names = frame[f"{kind}_{ending}"].fillna(NONE).factorize()
			packed[f"{kind}_{ending}"] = codes.tolist()
			packed["names"][f"{kind}_{ending}"] = list(names)
	for ending in ("now", "then"):
		packed[f"money_{ending}"] = frame[f"money_{ending}"].round(2).tolist()
	packed["last_order"] = (
		frame["last_order"].dt.strftime("%Y-%m-%d").where(frame["last_order"].notna(), None).tolist()
	)
	return packed


def places(rows: dict, kind: str, now: str | None = None, then: str | None = None) -> list[int]:
	"""Where the customers of a cell stand in the rows; with neither name, those who move."""
	codes_now, codes_then = rows[f"{kind}_now"], rows[f"{kind}_then"]
	names_now, names_then = rows["names"][f"{kind}_now"], rows["names"][f"{kind}_then"]
	if now is None and then is None:
		return [
			place
			for place, (old, new) in enumerate(zip(codes_now, codes_then, strict=True))
			if names_now[old] != names_then[new]
		]
	wanted_now = names_now.index(now) if now in names_now else -1
	wanted_then = names_then.index(then) if then in names_then else -1
	return [
		place
		for place, (old, new) in enumerate(zip(codes_now, codes_then, strict=True))
		if (now is None or old == wanted_now) and (then is None or new == wanted_then)
	]


def places_of_way(rows: dict, tiers: list[str], way: str) -> list[int]:
	"""Where the customers stand who rise (or, for "fall", go down) among these tiers, the best one first."""
	rank = {name: -number for number, name in enumerate(tiers) if name != NONE}
	ranks_now, ranks_then = (
		[rank.get(name) for name in rows["names"][f"tier_{when}"]] for when in ("now", "then")
	)
	found = []
	for place, (old, new) in enumerate(zip(rows["tier_now"], rows["tier_then"], strict=True)):
		was, comes = ranks_now[old], ranks_then[new]
		if was is not None and comes is not None and was != comes and (comes > was) == (way == "rise"):
			found.append(place)
	return found


def row(rows: dict, place: int) -> dict:
	found = {key: rows[key][place] for key in ("customer", "money_now", "money_then", "last_order")}
	for kind in KINDS:
		for key in (f"{kind}_now", f"{kind}_then"):
			found[key] = rows["names"][key][rows[key][place]]
	return found


def visible(rows: dict, found: list[int]) -> list[int]:
	"""Those of the places whose customers the session's user may read. Raises PermissionError for who may read none."""
	if not build_match_conditions("Customer"):
		return found
	readable = set(frappe.get_list("Customer", pluck="name", limit_page_length=0))
	return [place for place in found if rows["customer"][place] in readable]


def _moved(frame: "pd.DataFrame", kind: str) -> "pd.Series":
	return frame[f"{kind}_now"].fillna(NONE) != frame[f"{kind}_then"].fillna(NONE)


def _tell(user: str, token: str, status: dict) -> None:
	"""For whoever asks, and a word to the page that there is something to ask for."""
	if _is_current(user, token):
		frappe.cache.set_value(_key("status", user), {"token": token, **status}, expires_in_sec=EXPIRES)
		frappe.publish_realtime("tiering_simulation", {"token": token}, user=user)


def _is_current(user: str, token: str) -> bool:
	return (_status(user) or {}).get("token") == token


def _pack(rows: dict) -> bytes:
	return zlib.compress(json.dumps(rows, ensure_ascii=False).encode(), 1)


def _key(what: str, user: str) -> str:
	return f"{KEY}.{what}.{user}"
