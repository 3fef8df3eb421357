"""What an administrator decided, as one frozen value that the rest of the engine is given."""

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from datetime import date

ASLEEP = ("Dormant", "Lost")  # meanings of stages


@dataclass(frozen=True)
class Tier:
	"""A value tier. Values are money in the window, in the reporting currency; exactly that much is in.

	A customer stays in the tier while the money is at least `keep_value` (None: the entry value), and for `grace_days`
	after it fell below, and in any case for `minimum_dwell_days` after entering.
	"""

	name: str
	entry_value: float
	is_top: bool = False
	keep_value: float | None = None
	grace_days: int = 0
	minimum_dwell_days: int = 0

	def __post_init__(self) -> None:
		object.__setattr__(self, "entry_value", float(self.entry_value))
		if self.keep_value is not None:
			object.__setattr__(self, "keep_value", float(self.keep_value))

	@property
	def keep_from(self) -> float:
		return self.entry_value if self.keep_value is None else self.keep_value


@dataclass(frozen=True)
class Stage:
	"""A lifecycle stage: all conditions must hold; zero or False means that there is no such condition.

	A stage is either for those who never ordered or, without `never_ordered`, for those who did.

	`quiet_days` (no follow-up for so many days) and `no_open_follow_up` (no open ToDo) are looked at only when a customer
	enters the stage. `feedback` is the category of the last answer (see engine.voice), empty for any or none.
	"""

	name: str
	position: int
	meaning: str
	never_ordered: bool = False
	min_days_since_order: int = 0
	min_days_since_first_order: int = 0
	quiet_days: int = 0
	min_orders: int = 0
	top_tier_only: bool = False
	no_open_follow_up: bool = False
	min_open_issues: int = 0
	min_points: int = 0
	feedback: str = ""


@dataclass(frozen=True)
class Segment:
	"""One of the eight cells of recency × frequency × monetary."""

	name: str
	near: bool
	frequent: bool
	valuable: bool


@dataclass(frozen=True)
class Policy:
	"""Everything that a decision depends on besides the facts and the date.

	Tiers are ordered from the best down and stages by their position, whatever order they are given in, so that
	equal rules have equal versions. The fields are those of Tiering Settings: `companies` empty means all;
	breakpoints are ascending, in days, orders and money; a signal's figure of zero switches the signal off, and so does
	zero in `feedback_days`, for how long an answer counts.
	"""

	tiers: tuple[Tier, ...]
	stages: tuple[Stage, ...]
	segments: tuple[Segment, ...]
	orders_from: str = "Sales Invoice"
	measure: str = "Net Total"
	companies: tuple[str, ...] = ()
	reporting_currency: str = ""
	window_months: int = 12
	high_frequency_orders: int = 3
	scoring: str = "Percentile"
	recency_breakpoints: tuple[int, ...] = (30, 90, 180, 365)
	frequency_breakpoints: tuple[int, ...] = (2, 3, 5, 10)
	monetary_breakpoints: tuple[float, ...] = (1000.0, 10000.0, 30000.0, 100000.0)
	near_score: int = 3
	high_score: int = 3
	abc_a_percent: int = 80
	abc_b_percent: int = 95
	churn_medium_factor: float = 1.5
	churn_high_factor: float = 3.0
	sleep_factor: float = 1.5
	sleep_min_days: int = 30
	sleep_default_days: int = 60
	whale_factor: int = 100
	decline_percent: int = 20
	decline_months: int = 3
	upsell_value: float = 0.0
	upsell_months: int = 3
	silent_days: int = 180
	promoter_percent: int = 100
	pattern_years: int = 2
	pattern_lead_days: int = 14
	key_date_lead_days: int = 7
	feedback_days: int = 0
	detractor_score: int = 6
	voice_raises_risk: bool = False
	rule_version: str = field(init=False, default="", compare=False)

	def __post_init__(self) -> None:
		put = object.__setattr__
		put(self, "tiers", tuple(sorted(self.tiers, key=lambda t: (-t.entry_value, t.name))))
		put(self, "stages", tuple(sorted(self.stages, key=lambda s: (s.position, s.name))))
		put(self, "segments", tuple(sorted(self.segments, key=lambda s: s.name)))
		put(self, "companies", tuple(sorted(self.companies)))
		for name in ("recency_breakpoints", "frequency_breakpoints", "monetary_breakpoints"):
			put(self, name, tuple(getattr(self, name)))
		put(self, "rule_version", hashlib.sha256(self.as_json().encode()).hexdigest()[:12])

	@property
	def facts_depend_on(self) -> tuple:
		"""What the facts are read by: with equal ones, two policies can share them."""
		return (
			self.orders_from,
			self.measure,
			self.companies,
			self.reporting_currency,
			self.window_months,
			self.upsell_months,
			self.upsell_value > 0,
			self.decline_months,
			self.pattern_years,
			self.feedback_days,
			self.asks_for_issues,
		)

	def asleep_since(self, as_of: date) -> date:
		"""Whoever ordered last on that day, or before, can be asleep on `as_of`; the first day that there is where nobody can."""
		lengths = [stage.min_days_since_order for stage in self.stages if stage.meaning in ASLEEP]
		first = as_of.toordinal() - min(filter(None, lengths), default=as_of.toordinal())
		return date.fromordinal(max(first, date.min.toordinal()))

	@property
	def asks_for_issues(self) -> bool:
		"""Whether anything is decided by issues; else they needn't be read."""
		return self.voice_raises_risk or any(stage.min_open_issues for stage in self.stages)

	@classmethod
	def from_json(cls, text: str) -> "Policy":
		"""The policy that `as_json` wrote, by this version of the app or by another one; what it doesn't know is left out."""
		values = json.loads(text)
		parts = {"tiers": Tier, "stages": Stage, "segments": Segment}
		rows = {key: tuple(known(part, row) for row in values[key]) for key, part in parts.items()}
		return known(cls, {**values, **rows})

	def as_json(self) -> str:
		"""The canonical text that the rule version is the hash of."""
		values = asdict(self)
		del values["rule_version"]
		return json.dumps(values, ensure_ascii=False, sort_keys=True, indent=1)


def known(kind: type, values: dict) -> object:
	"""A dataclass from those of the values that it has fields for."""
	return kind(
		**{each.name: values[each.name] for each in fields(kind) if each.init and each.name in values}
	)
