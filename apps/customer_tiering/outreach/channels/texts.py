"""What the texts of a step may use, for the customer that it goes to."""

from customer_tiering.engine.signals import KEY_DATE
from customer_tiering.outreach.channels import Target
from customer_tiering.outreach.key_date import words_for
from customer_tiering.outreach.merge_values import merge_values
from customer_tiering.outreach.survey import survey_url
from customer_tiering.outreach.unsubscribe import unsubscribe_url


def values_for(target: Target, contact_name: str | None) -> dict:
	"""As merge_values, with the links of the touch."""
	by_key_date = target.sequence and target.sequence.get("entry_signal") == KEY_DATE
	return merge_values(
		target.customer,
		contact_name,
		target.moment.date(),
		unsubscribe_url(target.touch.name),
		target.promise,
		survey_url(target.touch.name),
		target.crowd,
		target.messages_sent,
		words_for(target.touch.get("enrollment")) if by_key_date else "",
	)
