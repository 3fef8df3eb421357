"""Why a follow-up waits or is withdrawn: kept as written here, and translated for whoever reads it."""


def _(text: str) -> str:
	"""Marks a text for translation, later."""
	return text


FULL = _("The rep has as many as fit in a day.")
DAY_OFF = _("It is a holiday.")
DATE_PASSED = _("The day that it was about had passed.")
DATE_CHANGED = _("The key date of the customer was changed.")
CUSTOMER_DELETED = _("The customer was deleted.")
CUSTOMER_MERGED = _("Another customer was merged into this one.")
RULE_GONE = _("The rule was switched off or deleted.")
OUT_OF_AUDIENCE = _("The customer is not in the rule's audience any more.")
ORDERED = _("The customer has ordered.")
WROTE = _("The customer has written.")
OPPORTUNITY_CLOSED = _("An opportunity of the customer was closed.")
VOID = _("What this follow-up was about is not so any more: an order was cancelled, returned or dated back.")
UNDONE = _("The rules that it came from were undone.")
BROKEN_AUDIENCE = _("The last run could not carry it out: look at its audience, or at the Error Log.")
BROKEN_TEXT = _("The last run could not fill in its text for some customers: see its preview.")
EMPTY_TEXT = _("The rule's text is empty for this customer.")
