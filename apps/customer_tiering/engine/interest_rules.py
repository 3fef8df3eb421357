"""What interests are decided by: weights, half-life and limits. Imports no pandas, so that a web worker may read them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

PURCHASE, ENQUIRY, EVENT = "Purchase", "Enquiry", "Event"
CLICK, OPEN, PAGE_VIEW = "Click", "Open", "Page View"
KINDS = (PURCHASE, ENQUIRY, EVENT, CLICK, OPEN, PAGE_VIEW)
DIGITS = 2
# Whatever was opened and clicked before is forgotten, and so are the opened mails that were worth nothing.
SIGNALS_KEPT_DAYS = 3 * 365


@dataclass(frozen=True)
class InterestRules:
	"""What an event of each kind is worth on its day, after how many days half of that, and what a score must reach.

	The first `free_opens` mails of a topic that a customer opens, within the days that signals are kept, are worth nothing. A
	customer gets at most `topics` topics.
	"""

	weights: Mapping[str, float]
	half_life: int
	free_opens: int
	topics: int
	min_score: float

	def reach(self, kind: str) -> int:
		"""The largest age in days at which an event of this kind can be worth anything; -1 if it never is."""
		weight = self.weights.get(kind, 0)
		least = 0.5 * 10**-DIGITS
		return math.floor(self.half_life * math.log2(weight / least)) + 1 if weight > least else -1


def fades_after(score: float, rules: InterestRules) -> int | None:
	"""In how many days a score falls below the minimum if nothing more happens, give or take one; None: never, or it has."""
	if not rules.min_score or score < rules.min_score:
		return None
	return math.floor(rules.half_life * math.log2(score / rules.min_score)) + 1
