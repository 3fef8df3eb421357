"""What each merge variable is, for those who write the texts: the documentation that stands beside the editor."""

from typing import NamedTuple

from frappe import _

from customer_tiering.outreach.merge_values import SAMPLE
from customer_tiering.tiering.templates import fill


class Variable(NamedTuple):
	"""`code` is what is written into a text, `example` what it becomes there."""

	code: str
	about: str
	example: str


def variables() -> list[Variable]:
	"""All of them, those that most texts need first, described in the session's language."""
	return [Variable(code, about, fill(code, SAMPLE).strip()) for code, about in _described()]


def _described() -> list[tuple[str, str]]:
	return [
		("{{ contact_name }}", _("Whom the mail goes to, else the name of the customer")),
		("{{ customer.customer_name }}", _("Name of the customer")),
		("{{ rep_name }}", _("Who looks after the customer, else the company")),
		("{{ company.name }}", _("Your company, that of the last invoice")),
		("{{ company.address }}", _("Its address, on one line")),
		("{{ last_order_date }}", _("Day of the last order; empty before the first one")),
		("{{ days_since_order }}", _("Whole days since the last order; empty before the first one")),
		("{{ last_item }}", _("Item of the last order that most was paid for; may be empty")),
		('{{ goes_with | join(", ") }}', _("Items that others bought together with those of the last order")),
		('{{ interests | join(", ") }}', _("Topics that interest the customer, the strongest first")),
		("{{ customer.customer_tier }}", _("Tier; empty before the first order")),
		("{{ tier_benefits }}", _("Benefits of the tier, as they stand on it")),
		("{{ customer.territory }}", _("Territory; may be empty")),
		("{{ customer.industry }}", _("Industry; may be empty")),
		("{{ loyalty_points }}", _("Loyalty points that are good today")),
		("{{ key_date }}", _("Which key date it is, like “your birthday”; empty in other sequences")),
		("{{ messages_sent }}", _("How many messages of the sequence went out to the customer before")),
		("{{ offer_code }}", _("Coupon code of the step's offer; empty without one")),
		("{{ offer_discount }}", _("What the offer takes off; empty without one")),
		("{{ offer_end }}", _("Last day of the offer; empty without one")),
		("{{ offer_minimum }}", _("Order value from which the offer counts; empty without one")),
		("{{ offer_until }}", _("Last day of the offer; in two weeks without one")),
		("{{ survey_url }}", _("Link to the survey, without login")),
		("{{ unsubscribe_url }}", _("Link to leave; the layout has one already")),
		(
			"{% if last_item %}{{ last_item }}{% else %}…{% endif %}",
			_("One text where there is a value, another one where there is none"),
		),
		('{{ last_item or "…" }}', _("The same, shorter")),
	]
