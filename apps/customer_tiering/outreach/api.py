"""What the server scripts and the Desk call. Every function checks permission first."""

import json

import frappe
from frappe import _
from frappe.query_builder.functions import Count
from frappe.utils import cint, getdate, now_datetime

from customer_tiering.outreach.server_scripts import TITLES, is_disabled, is_in_charge, scripts_are_on
from customer_tiering.tiering.permissions import MANAGERS, is_manager


@frappe.whitelist(methods=["POST"])
def enrol_customers() -> int:
	"""Customers whose signal starts an enabled sequence enter it; returns how many did."""
	frappe.only_for(MANAGERS)
	from customer_tiering.outreach.enrol import enrol

	return enrol()


@frappe.whitelist(methods=["POST"])
def stop_sequences() -> int:
	"""Customers who ordered, unsubscribed or were disabled leave; returns how many did."""
	frappe.only_for(MANAGERS)
	from customer_tiering.outreach.exits import stop_enrollments

	return stop_enrollments()


@frappe.whitelist(methods=["POST"])
def dispatch_mails() -> dict[str, int]:
	"""Mails that are due go into the Email Queue; returns the number of touches by what became of them."""
	frappe.only_for(MANAGERS)
	from customer_tiering.outreach.dispatch import dispatch_due

	return dispatch_due()


@frappe.whitelist()
def who_runs_the_workflow() -> str:
	"""A sentence for the settings form: server scripts or the app's own schedule."""
	frappe.only_for((*MANAGERS, "Sales Manager"))
	own = [step for step in TITLES if not is_in_charge(step)]
	if not own:
		return _(
			"The server scripts of the module Outreach run it, every hour. Edit them to change the flow."
		)
	if not scripts_are_on():
		return _("The app's own schedule runs it, every hour: server scripts are switched off on this bench.")
	disabled = [TITLES[step] for step in own if is_disabled(step)]
	stopped = [TITLES[step] for step in own if not is_disabled(step)]
	sentences = []
	if disabled:
		sentences.append(
			_("The app's own schedule runs it, every hour, for these disabled server scripts: {0}").format(
				", ".join(disabled)
			)
		)
	if stopped:
		sentences.append(
			_(
				"The app's own schedule runs it, every hour, for these server scripts, whose scheduled jobs are stopped: {0}. The jobs that the app stopped while scripts were off start again within the hour; start others in Scheduled Job Type."
			).format(", ".join(stopped))
		)
	return " ".join(sentences)


@frappe.whitelist()
def sending_state() -> dict:
	"""{"waits": why nothing goes out, None if all is well; "may_go_on": whether the session's user may change that; "lacks": what mails
	go out without, None if nothing is missing}.
	"""
	frappe.only_for((*MANAGERS, "Sales Manager"))
	from customer_tiering.outreach import restored

	waits = restored.message() if restored.must_wait() else None
	# The framework's sender logs into a site when it is imported
	from customer_tiering.outreach.mail import headers_problem

	return {"waits": waits, "may_go_on": is_manager(frappe.session.user), "lacks": headers_problem()}


@frappe.whitelist(methods=["POST"])
def go_on_sending(leave_out: int | str) -> None:
	"""Send again though the database was put back; with 1, what was due in the unknown period is left out, as in doubt."""
	frappe.only_for(MANAGERS)
	from customer_tiering.outreach.restored import go_on

	if str(leave_out) not in ("0", "1"):
		frappe.throw(_("Say whether what was due is left out: {0} must be 0 or 1.").format("leave_out"))
	go_on(str(leave_out) == "1")


@frappe.whitelist()
def merge_variables() -> list[dict]:
	"""What texts to customers may use: code, about, example of each; see `merge_variables.variables`."""
	frappe.only_for(MANAGERS)
	from customer_tiering.outreach.merge_variables import variables

	return [variable._asdict() for variable in variables()]


@frappe.whitelist()
def preview_sequence(sequence: str) -> dict:
	"""Who would enter and what would go out over the next 30 days; see `preview.preview`. It lists customers: needs to read them."""
	frappe.only_for(MANAGERS)
	frappe.has_permission("Customer", "read", throw=True)
	from customer_tiering.outreach.preview import preview

	return preview(_sequence(sequence), getdate())


@frappe.whitelist(methods=["POST"])
def send_me_a_test(sequence: str, step: str, customer: str) -> str:
	"""Send a step of a customer to the session's user instead; says where it went."""
	frappe.only_for(MANAGERS)
	frappe.has_permission("Customer", "read", doc=customer, throw=True)
	from customer_tiering.outreach.trial import send_trial

	document = _sequence(sequence)
	address = send_trial(
		document, _step(document, step), frappe.get_doc("Customer", customer), now_datetime()
	)
	return _("Sent to {0}.").format(address)


@frappe.whitelist()
def show_step(sequence: str, step: str, customer: str) -> dict:
	"""What the customer would get now; see `trial.rendered`."""
	frappe.only_for(MANAGERS)
	frappe.has_permission("Customer", "read", doc=customer, throw=True)
	from customer_tiering.outreach.trial import rendered

	return rendered(_step(_sequence(sequence), step), frappe.get_doc("Customer", customer), now_datetime())


@frappe.whitelist(methods=["POST"])
def enrol_by_hand(sequence: str, customers: str | list) -> dict:
	"""Enter customers now; {"entered": number, "refused": [why not], "waiting": [who has no address]}.

	Needs to read the sequence, and to write the customers or to manage sequences.
	"""
	document, names = _to_enter(sequence, customers)
	from customer_tiering.outreach.by_hand import enter_by_hand

	return enter_by_hand(document, names, getdate())


@frappe.whitelist()
def meant_for_others(sequence: str, customers: str | list) -> list[str]:
	"""A sentence for each of the customers whom the sequence's texts don't fit. Needs what `enrol_by_hand` needs."""
	document, names = _to_enter(sequence, customers)
	from customer_tiering.outreach.by_hand import unlike

	return unlike(document, names)


def _to_enter(sequence: str, customers: str | list) -> tuple["frappe.Document", list[str]]:
	"""Raises PermissionError unless the session's user may enter these customers into the sequence."""
	frappe.has_permission("Outreach Sequence", "read", doc=sequence, throw=True)
	names = _names(customers)
	for name in names:
		_refuse_stranger(name)
	return _sequence(sequence), names


@frappe.whitelist()
def under_way() -> dict[str, int]:
	"""By sequence, how many customers are under way. For managers."""
	frappe.only_for((*MANAGERS, "Sales Manager"))
	enrollment = frappe.qb.DocType("Outreach Enrollment")
	query = frappe.qb.from_(enrollment).select(enrollment.sequence, Count("*"))
	return dict(query.where(enrollment.status == "Active").groupby(enrollment.sequence).run())


@frappe.whitelist()
def suggest_backlog(sequence: str) -> dict:
	"""Whom the dialog of a backlog begins with; see `backlog.suggestion`."""
	frappe.only_for(MANAGERS)
	from customer_tiering.outreach.backlog import suggestion

	return suggestion(_sequence(sequence))


@frappe.whitelist()
def count_backlog(sequence: str, filters: str, signal_days: int | str = 0) -> int:
	"""How many customers would enter."""
	frappe.only_for(MANAGERS)
	from customer_tiering.outreach.backlog import how_many
	from customer_tiering.tiering.audience import validate

	validate(filters)
	return how_many(_sequence(sequence), filters, cint(signal_days), getdate())


@frappe.whitelist(methods=["POST"])
def enrol_backlog(sequence: str, filters: str, per_day: int | str, signal_days: int | str = 0) -> dict:
	"""Enter everybody in an audience, so many a day; {"entered": number, "days": how many days it takes}."""
	frappe.only_for(MANAGERS)
	from customer_tiering.outreach.backlog import backlog
	from customer_tiering.outreach.by_hand import enter_backlog
	from customer_tiering.tiering.audience import validate

	validate(filters)
	document = _sequence(sequence)
	customers = backlog(document, filters, cint(signal_days), getdate())
	return enter_backlog(document, customers, cint(per_day), getdate())


@frappe.whitelist(methods=["POST"])
def take_out(enrollment: str | None = None, enrollments: str | list | None = None) -> int:
	"""End enrollments by hand; returns how many were under way. Needs to write their customers, or to manage sequences."""
	names = _names(enrollments) if enrollments else [str(enrollment)]
	rows = [frappe.get_doc("Outreach Enrollment", name, for_update=True) for name in sorted(set(names))]
	for row in rows:
		_refuse_stranger(row.customer)
	from customer_tiering.outreach.by_hand import take_out as end_it

	return sum(bool(end_it(row, getdate())) for row in rows)


def _refuse_stranger(customer: str) -> None:
	"""Who manages sequences does so for all customers that there are to see."""
	if is_manager() and not frappe.db.exists("Customer", customer):
		return
	frappe.has_permission("Customer", "read" if is_manager() else "write", doc=customer, throw=True)


@frappe.whitelist(methods=["POST"])
def try_again(touches: str | list) -> dict:
	"""Do touches once more that failed on their text; {"again": number, "refused": [why not]}."""
	frappe.only_for(MANAGERS)
	from customer_tiering.outreach.try_again import try_again as put_back

	return put_back(_names(touches))


def _names(names: str | list) -> list[str]:
	"""Of up to 500 documents."""
	try:
		names = json.loads(names) if isinstance(names, str) else names
	except ValueError:
		names = None
	if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or len(names) > 500:
		frappe.throw(_("Choose up to 500 rows."))
	return names


def _sequence(name: str) -> "frappe.Document":
	return frappe.get_doc("Outreach Sequence", str(name))


def _step(sequence: "frappe.Document", name: str) -> "frappe.Document":
	return next((step for step in sequence.steps if step.name == name), None) or frappe.throw(
		_("The sequence was changed meanwhile. Open it again.")
	)


@frappe.whitelist(methods=["POST"])
def start_experiment(experiment: str) -> None:
	"""Begin it: from now on messages count."""
	from customer_tiering.outreach.experiments import start

	start(_experiment(experiment))


@frappe.whitelist(methods=["POST"])
def stop_experiment(experiment: str) -> None:
	"""End it without a result."""
	from customer_tiering.outreach.experiments import stop

	stop(_experiment(experiment))


@frappe.whitelist(methods=["POST"])
def crown_variant(experiment: str, variant: str) -> None:
	"""Everybody gets this variant from now on."""
	from customer_tiering.outreach.experiments import crown

	crown(_experiment(experiment), str(variant))


@frappe.whitelist()
def experiment_result(experiment: str) -> dict:
	"""How far an experiment is, or what came out; see `experiments.result_of`. Needs to read it."""
	document = frappe.get_doc("Outreach Experiment", str(experiment))
	document.check_permission("read")
	from customer_tiering.outreach.experiments import result_of

	return result_of(document, getdate())


@frappe.whitelist()
def steps_to_test(sequence: str) -> list[dict]:
	"""The steps of a sequence that have variants: {"value": key, "label": text}. Needs to read the sequence."""
	document = _sequence(sequence)
	document.check_permission("read")
	from customer_tiering.outreach.tested_step import step_title, tested_rows

	keys = dict.fromkeys(step.step_key for step in document.steps)
	found = [(key, tested_rows(document, key)) for key in keys]
	return [{"value": key, "label": step_title(rows)} for key, rows in found if rows]


def _experiment(name: str) -> "frappe.Document":
	frappe.only_for(MANAGERS)
	document = frappe.get_doc("Outreach Experiment", str(name), for_update=True)
	document.check_permission("write")
	return document
