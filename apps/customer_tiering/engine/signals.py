"""The signals: what each is called, how often it can come and what can become of it. A new one begins here.

Who makes it: engine.conditions those that hold while tier and stage stay, tiering.signals those of a changed tier or stage.
"""

from dataclasses import dataclass

FIRST_ORDER = "First Order"
BECAME_DORMANT = "Became Dormant"
BECAME_LOST = "Became Lost"
WON_BACK = "Won Back"
TIER_UP = "Tier Up"
TIER_DOWN = "Tier Down"
SLEEP_WARNING = "Sleep Warning"
WHALE_ORDER = "Whale Order"
DECLINING = "Declining"
UPSELL_READY = "Upsell Ready"
SILENT_POTENTIAL = "Silent Potential"
SUPER_PROMOTER = "Super Promoter"
YEARLY_PATTERN = "Yearly Pattern"
KEY_DATE = "Key Date"


@dataclass(frozen=True)
class About:
	"""What is to be known of a signal.

	`period`: in which a customer has it only once. `void`: whether documents of later can show that it should not have come
	(engine.voids says how); `by_rules`: whether that is judged by the rules that it came by, and by no others.
	`of_money`: only orders, days and rules bring it about; `editable`: more customers in one, or other ones, can do so, too.
	"""

	period: str
	void: bool
	by_rules: bool = False
	of_money: bool = False
	editable: bool = False


LAST_ORDER, MONTH = "day of the last order", "calendar month"
SIGNALS = {
	FIRST_ORDER: About(LAST_ORDER, void=True),
	BECAME_DORMANT: About(LAST_ORDER, void=True),
	BECAME_LOST: About(LAST_ORDER, void=True),
	WON_BACK: About(LAST_ORDER, void=True),
	TIER_UP: About("tier and day", void=True, by_rules=True),
	TIER_DOWN: About("tier and day", void=True, by_rules=True),
	SLEEP_WARNING: About(LAST_ORDER, void=True),
	WHALE_ORDER: About("order", void=True, of_money=True, editable=True),
	DECLINING: About(MONTH, void=True, by_rules=True, of_money=True, editable=True),
	UPSELL_READY: About(MONTH, void=True, by_rules=True, of_money=True, editable=True),
	SILENT_POTENTIAL: About(MONTH, void=True, editable=True),
	SUPER_PROMOTER: About(MONTH, void=True, by_rules=True, of_money=True, editable=True),
	YEARLY_PATTERN: About("month of the expected day", void=False),
	KEY_DATE: About("key date and year", void=False),
}
