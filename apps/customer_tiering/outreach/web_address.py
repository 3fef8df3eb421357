"""Where webhooks go. An address carries keys, so of it only the host is ever shown; one inside the company's own network is allowed by
a System Manager only: else whoever edits a sequence could look around in there.
"""

import ipaddress
import socket
from urllib.parse import urlsplit

import frappe
import requests
from frappe import _

SYSTEM_MANAGER = "System Manager"


def is_usable(url: str) -> bool:
	"""Whether something can be posted there at all."""
	if not url.startswith(("https://", "http://")) or any(letter.isspace() for letter in url):
		return False
	try:
		requests.Request("POST", url).prepare()
		return bool(urlsplit(url).hostname)
	except (requests.RequestException, ValueError):
		return False


def is_inside(url: str) -> bool:
	"""Whether the host, or what its name stands for now, is no address of the open internet. Of an unknown name nobody can say so."""
	try:
		found = socket.getaddrinfo(urlsplit(url).hostname, None, type=socket.SOCK_STREAM)
	except (OSError, ValueError):
		return False
	return any(not _is_public(each[4][0]) for each in found)


def _is_public(address: str) -> bool:
	ip = ipaddress.ip_address(address.partition("%")[0])
	ip = getattr(ip, "ipv4_mapped", None) or ip
	return ip.is_global and not ip.is_multicast


def host_of(url: str | None) -> str:
	"""What may be shown of an address: `https://example.com`."""
	try:
		parts = urlsplit(url or "")
		return f"{parts.scheme}://{parts.hostname}" if parts.hostname else ""
	except ValueError:
		return ""


def allow_inside(sequence: "frappe.Document") -> None:
	"""Mark the steps whose address a System Manager has allowed; raise ValidationError for one inside that nobody did."""
	before = sequence.get_doc_before_save()
	known = {row.webhook_url: row.webhook_inside for row in before.steps} if before else {}
	may_allow = SYSTEM_MANAGER in frappe.get_roles()
	for step in sequence.steps:
		url = step.webhook_url if step.channel == "Webhook" else None
		if url in known and not may_allow:
			step.webhook_inside = known[url]
			continue
		step.webhook_inside = int(bool(url) and is_inside(url))
		if step.webhook_inside and not may_allow:
			frappe.throw(
				_(
					"Row {0}: the webhook's address is inside your own network. Only a System Manager may set it."
				).format(step.idx)
			)
