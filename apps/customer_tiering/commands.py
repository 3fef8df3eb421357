"""`bench --site SITE tiering …`: the same work as the buttons and the scheduler, from a terminal."""

import html
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import click
import frappe
from frappe.commands import get_site, pass_context
from frappe.utils import getdate

NO_SUCH_COLUMN, NO_SUCH_TABLE = 1054, 1146


@click.group("tiering")
def tiering() -> None:
	"""Customer tiers, follow-ups and outreach."""


@tiering.command("recompute")
@click.option("--full", is_flag=True, help="Decide every customer and fit breakpoints and medians anew.")
@click.option(
	"--customer",
	"customers",
	multiple=True,
	metavar="NAME",
	help="Decide this one now; in a dry run this one alone. Can be repeated.",
)
@click.option("--as-of", metavar="YYYY-MM-DD", help="Decide as of this day instead of today.")
@click.option("--dry-run", is_flag=True, help="Show what would change and write nothing.")
@click.option("--yes", is_flag=True, help="Don't ask before the first run on a site writes.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@pass_context
def recompute(
	context: frappe._dict,
	full: bool,
	customers: tuple[str, ...],
	as_of: str | None,
	dry_run: bool,
	yes: bool,
	as_json: bool,
) -> None:
	"""Recompute tiers, stages and segments from the orders.

	Without --full or --customer: whoever something happened to or whose review is due; everybody once a week, after a
	changed rule or exchange rate, and on the first run.
	"""
	from customer_tiering.tiering.recompute import recompute
	from customer_tiering.tiering.scope import full_run_is_due, last_full_run

	day = _day(as_of)
	with _site(context), _progress(hidden=as_json) as progress:
		customers = tuple(map(_stored_name, customers))
		if full and customers:
			raise click.UsageError("--full decides everybody: leave --customer out, or --full.")
		everybody = not customers and (full or full_run_is_due(day or getdate()))
		given = {"as_of": day, "progress": progress, "full": everybody, "customers": customers or None}
		if not (dry_run or yes or last_full_run()):
			_ask_first(recompute(dry_run=True, **given).as_dict())
		summary = recompute(dry_run=dry_run, **given).as_dict()
	if as_json:
		click.echo(json.dumps(summary, ensure_ascii=False))
	else:
		_print_summary(summary)


def _stored_name(customer: str) -> str:
	from customer_tiering.tiering.customer import stored_name

	try:
		return stored_name(customer)
	except frappe.DoesNotExistError as error:
		raise click.BadParameter(f"there is no customer {customer}", param_hint="--customer") from error


def _ask_first(summary: dict) -> None:
	"""The first run is a dry run whose result somebody has to agree to."""
	if not sys.stdin.isatty():
		raise click.ClickException(
			"This would be the first run on this site. Look at it with --dry-run, then run it with --yes."
		)
	_print_summary(summary)
	click.confirm("Write this?", abort=True)


@tiering.command("simulate")
@click.option(
	"--policy", metavar="FILE.json", help="Rules that differ from the current ones; - reads them from stdin."
)
@click.option("--preset", metavar="NAME", help="A preset to start from, like retail.")
@click.option("--as-of", metavar="YYYY-MM-DD", help="Decide as of this day instead of today.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@pass_context
def simulate(
	context: frappe._dict, policy: str | None, preset: str | None, as_of: str | None, as_json: bool
) -> None:
	"""Say who would move by other rules, and what would follow. Writes nothing.

	The file has the keys that change, like {"window_months": 6, "tiers": [{"name": "A", "entry_value": 300000}]}.
	"""
	from customer_tiering.customer_insights.simulation import propose, result
	from customer_tiering.tiering.rule_input import parse

	if not policy and not preset:
		raise click.UsageError("Which rules? Give --policy FILE.json, --preset NAME, or both.")
	day, text = _day(as_of), _text_of(policy) if policy else "{}"
	with _site(context):
		proposal = propose(preset, parse(text))
		proposal.validate()
		with _progress(hidden=as_json) as progress:
			summary, _rows = result(proposal, day, progress)
	click.echo(json.dumps(summary, ensure_ascii=False) if as_json else _simulation_text(summary))


def _text_of(path: str) -> str:
	try:
		with click.open_file(path, encoding="utf-8") as file:
			return file.read()
	except (OSError, UnicodeDecodeError) as error:
		reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
		raise click.BadParameter(f"{Path(path).resolve()}: {reason}", param_hint="--policy") from error


def _simulation_text(summary: dict) -> str:
	lines = [f"Simulation as of {summary['as_of']}, {summary['customers']} customers. Nothing was written."]
	lines += [f"  {words}" for words in summary["changes_in_words"]] or ["  No rule differs."]
	lines.append(
		f"{summary['rise']} rise, {summary['fall']} fall, {summary['grace']} only kept by grace or dwell."
	)
	for kind, doctype in (("tier", "Customer Tier"), ("stage", "Lifecycle Stage")):
		new = {name: summary["new_names"].get(f"{doctype}|{name}", name) for name in summary[kind]["then"]}
		lines += ["", f"{kind.capitalize()}: now (down) → then (across)", *_matrix_lines(summary[kind], new)]
	lines += ["", "Saving these rules fires no signal. Customers who newly come into an audience:"]
	coming = [f"  {row['customers']} customers → {_started(row)}" for row in summary["newcomers"]]
	lines += coming or ["  nobody"]
	lines.append("If somebody followed up on all who are newly:")
	for signal in summary["signals"]:
		starts = "; ".join(map(_started, signal["starts"]))
		lines.append(f"  {signal['signal']}: {signal['customers']} customers → {starts or 'nothing listens'}")
	if not summary["signals"]:
		lines.append("  nobody")
	return "\n".join([*lines, *summary["notes"]])


def _started(row: dict) -> str:
	off = "" if row["enabled"] else " (off)"
	return f"{row['name']}: {row['todos']} ToDos, {row['mails']} mails{off}"


def _matrix_lines(found: dict, new_names: dict[str, str]) -> list[str]:
	head = ["", *(new_names[name] or "none" for name in found["then"]), "customers", "money"]
	rows = [
		[name or "none", *counts, sum(counts), f"{money:,.2f}"]
		for name, counts, money in zip(found["now"], found["counts"], found["money_now"], strict=True)
	]
	rows.append(["customers then", *(sum(column) for column in zip(*found["counts"], strict=True)), "", ""])
	rows.append(["money then", *(f"{money:,.2f}" for money in found["money_then"]), "", ""])
	table = [[str(cell) for cell in row] for row in [head, *rows]]
	widths = [max(map(len, column)) for column in zip(*table, strict=True)]
	return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in table]


@tiering.command("explain")
@click.argument("customer")
@click.option("--as-of", metavar="YYYY-MM-DD", help="Explain the tier of this day instead of today's.")
@click.option("--json", "as_json", is_flag=True, help="Print the explanation as JSON.")
@pass_context
def explain(context: frappe._dict, customer: str, as_of: str | None, as_json: bool) -> None:
	"""Say why a customer is in its tier: each document, the sum, the bands, what time will change."""
	from customer_tiering.tiering.explain import explain

	day = _day(as_of)
	with _site(context):
		explanation = explain(customer, day)
		text = json.dumps(explanation.as_dict(), ensure_ascii=False) if as_json else explanation.as_text()
	click.echo(text)


@tiering.command("follow-ups")
@click.option("--as-of", metavar="YYYY-MM-DD", help="Look as of this day instead of today.")
@click.option("--dry-run", is_flag=True, help="Count what would be handed out and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@pass_context
def follow_ups(context: frappe._dict, as_of: str | None, dry_run: bool, as_json: bool) -> None:
	"""Make the ToDos that are due, the best customers first, and close those that have settled themselves."""
	from customer_tiering.follow_up.create import run_follow_ups

	day = _day(as_of)
	with _site(context), _progress(hidden=as_json) as progress:
		result = run_follow_ups(day, dry_run, progress)
	if as_json:
		click.echo(json.dumps(result))
	else:
		click.echo(", ".join(f"{count} {what.replace('_', ' ')}" for what, count in result.items()))
	if result["broken"]:
		raise click.ClickException(
			"A rule can't be carried out: open the rules and save them, or look into the Error Log."
		)


@tiering.command("outreach")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@pass_context
def outreach(context: frappe._dict, as_json: bool) -> None:
	"""Enrol customers, stop those who left and queue the mails that are due.

	The exit code is 1, with the reason, where nothing goes out as the database doesn't know what was sent.
	"""
	from customer_tiering.outreach import restored
	from customer_tiering.outreach.jobs import run_workflow

	with _site(context):
		if restored.must_wait():
			raise click.ClickException(restored.message())
		result = run_workflow()
	if as_json:
		click.echo(json.dumps(result))
	else:
		click.echo(", ".join(f"{count} {what}" for what, count in result.items()))
	if result.get("error"):
		raise SystemExit(1)


@tiering.command("clv")
@click.option("--as-of", metavar="YYYY-MM-DD", help="Predict from this day instead of today.")
@click.option("--dry-run", is_flag=True, help="Show the fit and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the fit as JSON.")
@pass_context
def clv(context: frappe._dict, as_of: str | None, dry_run: bool, as_json: bool) -> None:
	"""Fit the model of lifetime value to all orders and write on each customer what it is expected to bring.

	Where there is no model, as with too few customers who came back, all predictions are emptied and the exit code is 1.
	"""
	from customer_tiering.tiering.lifetime_value import fit_lifetime_value

	day = _day(as_of)
	with _site(context), _progress(hidden=as_json) as progress:
		fit = fit_lifetime_value(day, dry_run, progress)
	if as_json:
		click.echo(json.dumps(fit.as_dict(), ensure_ascii=False))
	elif fit.is_fitted:
		_print_fit(fit.as_dict())
	if not fit.is_fitted:
		raise click.ClickException(f"No prediction: {fit.values['reason']}")


def _print_fit(fit: dict) -> None:
	click.echo(
		f"{fit['name'] or 'Dry run, nothing written'}: {fit['horizon_months']} months from {fit['as_of']}"
	)
	click.echo(
		f"{fit['customers']} customers, {fit['repeaters']} of them came back; {fit['changed']} changed;"
		f" {fit['predicted']:,.2f} {fit['currency']} expected of all together"
	)
	click.echo(
		"How often: BG/NBD r {orders_r:.4g}, alpha {orders_alpha:.4g} days, a {orders_a:.4g}, b {orders_b:.4g},"
		" log likelihood {orders_log_likelihood:.1f}".format(**fit)
	)
	click.echo(
		"How much: Gamma-Gamma p {single_p:.4g}, q {single_q:.4g}, gamma {single_gamma:.4g},"
		" log likelihood {single_log_likelihood:.1f}, on single orders".format(**fit)
	)
	if fit["spend_p"]:
		click.echo(
			"As published, on the means of orders: p {spend_p:.4g}, q {spend_q:.4g}, gamma {spend_gamma:.4g},"
			" log likelihood {spend_log_likelihood:.1f}".format(**fit)
		)
	if "test_error" in fit:
		click.echo(
			"Off by {test_error:,.2f} a customer and {test_bias:+.1f} % in all; the guess {naive_error:,.2f} and {naive_bias:+.1f} %".format(
				**fit
			)
		)
	click.echo(fit["test_note"])


@tiering.command("interests")
@click.option("--as-of", metavar="YYYY-MM-DD", help="Score as of this day instead of today.")
@click.option("--dry-run", is_flag=True, help="Show what would change and write nothing.")
@click.option(
	"--explain", "customer", metavar="CUSTOMER", help="Say where this customer's interests come from."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@pass_context
def interests(
	context: frappe._dict, as_of: str | None, dry_run: bool, customer: str | None, as_json: bool
) -> None:
	"""Put each customer's strongest Interest Topics on the customer; tags set by hand stay."""
	from customer_tiering.tiering.interest_explain import explain_interests
	from customer_tiering.tiering.interests import compute_interests

	day = _day(as_of)
	with _site(context):
		result = explain_interests(customer, day) if customer else compute_interests(day, dry_run)
		text = json.dumps(result.as_dict(), ensure_ascii=False) if as_json else result.as_text()
	click.echo(text)


@tiering.command("demo")
@click.option("--customers", default=3000, show_default=True, help="How many customers to make.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@pass_context
def demo(context: frappe._dict, customers: int, as_json: bool) -> None:
	"""Load a demo company into an empty site and play its last weeks."""
	from customer_tiering.demo.load import load

	with _site(context), _progress(hidden=as_json) as progress:
		result = load(customers, progress)
	click.echo(json.dumps(result) if as_json else ", ".join(f"{n} {what}" for what, n in result.items()))


@contextmanager
def _site(context: frappe._dict) -> Iterator[None]:
	"""A connection to the one site named; an error becomes one line and exit code 1."""
	from customer_tiering.tiering.lock import connection_is_lost

	frappe.init(site=get_site(context))
	frappe.connect()
	try:
		yield
	except frappe.ValidationError as error:
		raise click.ClickException(html.unescape(frappe.utils.strip_html(str(error)))) from error
	except Exception as error:
		if error.args[:1] in ((NO_SUCH_COLUMN,), (NO_SUCH_TABLE,)):
			raise click.ClickException(
				f"The site isn't up to date ({error}). Run bench migrate first."
			) from error
		if not connection_is_lost(error):
			raise
		raise click.ClickException(
			f"The database didn't answer ({error}). What was committed is right; run this again."
		) from error
	finally:
		frappe.destroy()


@contextmanager
def _progress(hidden: bool) -> Iterator[Callable[[int, int, str], None]]:
	"""A bar on a terminal, nothing where a machine reads."""
	if hidden or not sys.stdout.isatty():
		yield lambda done, total, what: None
		return
	with click.progressbar(length=1, label="Starting") as bar:

		def show(done: int, total: int, what: str) -> None:
			bar.label = what
			bar.length = max(total, 1)
			bar.pos = done
			bar.render_progress()

		yield show
		bar.update(bar.length - bar.pos)


def _day(text: str | None) -> date | None:
	if not text:
		return None
	try:
		day = date.fromisoformat(text)
		if not 1900 <= day.year <= 2200:
			raise ValueError
		return day
	except ValueError as error:
		raise click.BadParameter(f"{text} is not a day like 2026-01-31", param_hint="--as-of") from error


def _print_summary(summary: dict) -> None:
	what = summary["run"] or "Dry run, nothing written"
	click.echo(
		f"{what} ({summary['scope'].lower()}): as of {summary['as_of']}, rules {summary['rule_version']}"
	)
	if not summary["customers"] and summary["scope"] == "Incremental":
		click.echo(
			"Nothing to decide: nothing happened to any customer, and no review is due. All keep what they have."
		)
		return
	click.echo(f"{summary['customers']} customers, {summary['changed']} changed, {summary['events']} events")
	without = summary["customers"] - sum(summary["tiers"].values())
	tiers = {**summary["tiers"], "no tier": without} if without else summary["tiers"]
	for title, counted in (("Tiers", tiers), ("Stages", summary["stages"])):
		counts = ", ".join(f"{name} {count}" for name, count in counted.items())
		click.echo(f"{title}: {counts or 'none'}")
	if summary["baseline"]:
		click.echo("First run on this site: it starts no follow-up and no mail.")
	if summary["notes"]:
		click.echo(summary["notes"])


commands = [tiering]
