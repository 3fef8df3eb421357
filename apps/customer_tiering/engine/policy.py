"""What an administrator decided, as one frozen value that the rest of the engine is given."""

import hashlib
import json
from dataclasses import asdict, dataclass, field


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

	`quiet_days` (no follow-up for so many days) is looked at only when a customer enters the stage.
	"""

	name: str
	position: int
	meaning: str
	never_ordered: bool = False
	min_days_since_order: int = 0
	quiet_days: int = 0
	min_orders: int = 0
	top_tier_only: bool = False


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
	equal rules have equal versions.
	"""

	tiers: tuple[Tier, ...]
	stages: tuple[Stage, ...]
	segments: tuple[Segment, ...]
	reporting_currency: str = ""
	window_months: int = 12
	high_frequency_orders: int = 3
	near_score: int = 3
	high_score: int = 3
	rule_version: str = field(init=False, default="", compare=False)

	def __post_init__(self) -> None:
		put = object.__setattr__
		put(self, "tiers", tuple(sorted(self.tiers, key=lambda t: (-t.entry_value, t.name))))
		put(self, "stages", tuple(sorted(self.stages, key=lambda s: (s.position, s.name))))
		put(self, "segments", tuple(sorted(self.segments, key=lambda s: s.name)))
		put(self, "rule_version", hashlib.sha256(self.as_json().encode()).hexdigest()[:12])

	@classmethod
	def from_json(cls, text: str) -> "Policy":
		"""The policy that `as_json` wrote, by this version of the app or by an older one."""
		values = json.loads(text)
		parts = {"tiers": Tier, "stages": Stage, "segments": Segment}
		return cls(
			**{**values, **{key: tuple(part(**row) for row in values[key]) for key, part in parts.items()}}
		)

	def as_json(self) -> str:
		"""The canonical text that the rule version is the hash of."""
		values = asdict(self)
		del values["rule_version"]
		return json.dumps(values, ensure_ascii=False, sort_keys=True, indent=1)
