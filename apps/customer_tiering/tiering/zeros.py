"""What a setting that was emptied does: no number, or text in its place, is zero, and zero means something."""

import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import cint, flt

from customer_tiering.tiering.retention import count_old_events

# Zero in one of these switches its signal off.
SWITCHES = (
	"sleep_factor",
	"silent_days",
	"decline_percent",
	"decline_months",
	"whale_factor",
	"upsell_value",
	"promoter_percent",
	"pattern_years",
)
WEIGHTS = (
	"interest_weight_purchase",
	"interest_weight_enquiry",
	"interest_weight_event",
	"interest_weight_click",
	"interest_weight_open",
	"interest_weight_page_view",
)


def tell_what_zero_does(settings: Document) -> None:
	"""One message about all numbers that became zero, and about the ledger's rows that the next night deletes."""
	before = settings.get_doc_before_save()
	if not before:
		return
	meanings = _meanings()
	zero = [
		field
		for field in (*SWITCHES, *WEIGHTS, *meanings)
		if flt(before.get(field)) > 0 and not flt(settings.get(field))
	]
	sentences = [
		_("{0} is zero: {1}").format(_label(settings, field), meanings[field])
		for field in zero
		if field in meanings
	]
	if off := [_label(settings, field) for field in zero if field in SWITCHES]:
		sentences.append(
			_("Switched off: {0}. No follow-up or sequence hears of it until it is above zero again.").format(
				", ".join(off)
			)
		)
	if worthless := [_label(settings, field) for field in zero if field in WEIGHTS]:
		sentences.append(
			_("No points any more: {0}. Interests are computed anew without them, now.").format(
				", ".join(worthless)
			)
		)
	sentences += _retention(settings, before)
	if sentences:
		frappe.msgprint("<br>".join(sentences), indicator="orange", title=_("Settings That Are Zero"))


def _meanings() -> dict[str, str]:
	on_the_day = _("it is told of on the day itself, no sooner.")
	return {
		"follow_ups_per_day": _("reps get all their follow-ups at once, without a limit."),
		"interest_topics": _("customers lose all interests but those set by hand."),
		"feedback_days": _("no answer of a customer counts any more."),
		"detractor_score": _("only who answers 0 is a detractor."),
		"sleep_min_days": _("customers who order every other day are warned of after a few days."),
		"pattern_lead_days": on_the_day,
		"key_date_lead_days": on_the_day,
	}


def _retention(settings: Document, before: Document) -> list[str]:
	years = cint(settings.ledger_retention_years)
	if not years or years == cint(before.ledger_retention_years):
		return []
	count = count_old_events(years)
	if not count:
		return []
	sentence = _("{0}: the next night deletes {1} Tiering Events for good. Zero keeps them.")
	return [sentence.format(_label(settings, "ledger_retention_years"), f"{count:,}")]


def _label(settings: Document, field: str) -> str:
	return frappe.bold(_(settings.meta.get_label(field)))
