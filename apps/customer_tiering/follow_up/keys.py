"""The keys by which nothing is followed up twice: the rule, a stroke, and what is unique for it (`period`), which begins with the customer.

A stroke in the rule's own name is written as ~1, a tilde as ~0 (as in RFC 6901): else rule "A" with customer "B|C" and rule "A|B"
with customer "C" would have one key.
"""

import re
from datetime import date

ESCALATED = "|escalated"  # how the key of what a manager is told of ends
LABELS_OF_DATES = ("Birthday", "Founded", "Partner Since")
OF_KEY_DATE = re.compile(rf"\|({'|'.join(LABELS_OF_DATES)})\|\d+$")


# ToDos that are calls of sequences, each with its customer's way through the sequence.
CALLS = """`tabToDo` todo
	JOIN `tabOutreach Touch` touch ON touch.name = SUBSTRING(todo.follow_up_key, CHAR_LENGTH('Touch|') + 1) AND touch.todo = todo.name
	JOIN `tabOutreach Enrollment` enrollment ON enrollment.name = touch.enrollment"""


def escaped(rule: str) -> str:
	return rule.replace("~", "~0").replace("|", "~1")


def in_sql(rule: str) -> str:
	"""The same of a column."""
	return f"REPLACE(REPLACE({rule}, '~', '~0'), '|', '~1')"


def key_date_of(key: str, detail: str | None) -> date | None:
	"""The day that a follow-up on a key date is about, which its `detail` says; None for all others."""
	return date.fromisoformat(detail) if detail and OF_KEY_DATE.search(key) else None


def key_of(rule: str, period: str) -> str:
	return f"{escaped(rule)}|{period}"
