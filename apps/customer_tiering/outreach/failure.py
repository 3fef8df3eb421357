"""What is said of a message that could not be handed over. The libraries' own words quote addresses, and addresses carry keys."""

import re

import requests
from frappe import _
from frappe.utils import strip_html

LONGEST = 500
ADDRESS = re.compile(r"\S*(?://|[?&=])\S*")


def reason_of(error: Exception) -> str:
	"""A sentence without an address."""
	if isinstance(error, requests.HTTPError) and error.response is not None:
		return _("The other side answered {0}.").format(error.response.status_code)
	if isinstance(error, requests.Timeout | TimeoutError):
		return _("The other side gave no answer in time.")
	if isinstance(error, requests.RequestException | OSError):
		return _("There was no connection to the other side ({0}).").format(type(error).__name__)
	return ADDRESS.sub("…", strip_html(str(error)))[:LONGEST].strip() or type(error).__name__
