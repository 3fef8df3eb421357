"""`bench --site SITE tiering …`: the same work as the buttons and the scheduler, from a terminal."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date

import click
import frappe
from frappe.commands import get_site, pass_context
from frappe.utils import getdate


@click.group("tiering")
def tiering() -> None:
	"""Customer tiers, follow-ups and outreach."""


@tiering.command("recompute")
@click.option("--full", is_flag=True, help="Decide every customer and fit breakpoints and medians anew.")
@click.option(
	"--customer", "customers", multiple=True, metavar="NAME", help="Decide only this one; can be repeated."
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
		_refuse_unknown(customers)
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


def _refuse_unknown(customers: tuple[str, ...]) -> None:
	for name in customers:
		if not frappe.db.exists("Customer", name):
			raise click.BadParameter(f"there is no customer {name}", param_hint="--customer")


def _ask_first(summary: dict) -> None:
	"""The first run is a dry run whose result somebody has to agree to."""
	if not sys.stdin.isatty():
		raise click.ClickException(
			"This would be the first run on this site. Look at it with --dry-run, then run it with --yes."
		)
	_print_summary(summary)
	click.confirm("Write this?", abort=True)


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
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@pass_context
def follow_ups(context: frappe._dict, as_json: bool) -> None:
	"""Create the ToDos of the signals that have not been acted on, and take back those of void ones."""
	from customer_tiering.follow_up.create import create_follow_ups
	from customer_tiering.follow_up.withdraw import withdraw_follow_ups

	with _site(context):
		result = {"created": create_follow_ups(), "withdrawn": withdraw_follow_ups()}
	click.echo(
		json.dumps(result) if as_json else ", ".join(f"{count} {what}" for what, count in result.items())
	)


@tiering.command("outreach")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@pass_context
def outreach(context: frappe._dict, as_json: bool) -> None:
	"""Enrol customers, stop those who left and queue the mails that are due."""
	from customer_tiering.outreach.jobs import run_workflow

	with _site(context):
		result = run_workflow()
	if as_json:
		click.echo(json.dumps(result))
	else:
		click.echo(", ".join(f"{count} {what}" for what, count in result.items()))
	if result.get("error"):
		raise SystemExit(1)


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
	from customer_tiering.tiering.recompute import connection_is_lost

	frappe.init(site=get_site(context))
	frappe.connect()
	try:
		yield
	except frappe.ValidationError as error:
		raise click.ClickException(frappe.utils.strip_html(str(error))) from error
	except Exception as error:
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
	if hidden:
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
	for title in ("tiers", "stages"):
		counts = ", ".join(f"{name} {count}" for name, count in summary[title].items())
		click.echo(f"{title.capitalize()}: {counts or 'none'}")
	if summary["baseline"]:
		click.echo("First run on this site: it starts no follow-up and no mail.")
	if summary["notes"]:
		click.echo(summary["notes"])


commands = [tiering]
