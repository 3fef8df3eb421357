"""What a Lifetime Value Fit found, in the language of whoever reads it: it was made by a job, which has none."""

import json
from collections.abc import Mapping
from typing import NamedTuple

from frappe import _
from frappe.utils import flt, format_date


class Refusal(NamedTuple):
	"""Why there is no model, or no test of it: what a NoFitError of the engine says, as it is kept on the record.

	Of "no rates", `repeaters` are the documents without an exchange rate and `needed` all of them; of "short span" both are days.
	"""

	reason: str
	repeaters: int
	needed: int

	def as_json(self) -> str:
		return json.dumps(self)

	def in_words(self) -> str:
		return {
			"too few repeaters": _(
				"{0} customers have ordered on more than one day and brought money; a model takes {1} or more."
			).format(self.repeaters, self.needed),
			"orders do not fit": _("No model of how often customers order fits these orders."),
			"spend does not fit": _("No model of what customers spend fits these orders."),
			"spend has no mean": _(
				"What customers spend differs so much from order to order that one order says nothing about the next."
			),
			"no rates": _(
				"{0} of {1} documents have no exchange rate to the reporting currency, so their money is not known. Add Currency Exchange records and fit again."
			).format(self.repeaters, self.needed),
			"short span": _(
				"The orders go back {0} days; what customers bring in months to come can be told from {1} days or more."
			).format(self.repeaters, self.needed),
			"at bounds": _(
				"The model came to the end of what its figures can be: these orders are too much alike, or too odd, to be told from chance, and nothing shows that it is of use."
			),
			"far off": _(
				"Tried on the past, the model was off by more than twice as much as the guess that each brings again what it brought before."
			),
			"nothing came": _("Nothing was ordered in the days to be predicted."),
		}[self.reason]


def reason_of(fit: Mapping) -> str:
	"""Why there is no prediction; empty where there is one. Of old records what was written then."""
	kept = fit.get("refusal")
	return Refusal(*json.loads(kept)).in_words() if kept else fit.get("reason") or ""


def test_note_of(fit: Mapping) -> str:
	"""What the test on the past says, or why there was none; empty where there is no model."""
	if fit.get("test_refusal"):
		why = Refusal(*json.loads(fit.get("test_refusal"))).in_words()
		return _("Not tested on the past: {0}").format(why)
	if not fit.get("test_days"):
		return fit.get("test_note") or ""
	if flt(fit.get("test_error")) < flt(fit.get("naive_error")):
		text = _(
			"Fitted to what was known on {0}, the model was closer to what customers brought in the {1} days after than the guess that each brings again what it brought in the {1} days before."
		)
	else:
		text = _(
			"Fitted to what was known on {0}, the model was further from what customers brought in the {1} days after than the guess that each brings again what it brought in the {1} days before. Do not rely on single predictions."
		)
	return text.format(format_date(fit.get("test_from")), fit.get("test_days"))
