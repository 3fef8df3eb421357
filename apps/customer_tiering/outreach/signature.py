"""What makes a link in our mails ours: nobody else can make one up or change it."""

import hashlib
import hmac
from base64 import urlsafe_b64encode

from frappe.utils.password import get_encryption_key


def sign(purpose: str, *what: str) -> str:
	"""Sixteen characters (96 bits of HMAC-SHA256) that fit into a link; a signature for one purpose is none for another.

	Only the last of `what` may contain a bar.
	"""
	text = "|".join((purpose, *what))
	digest = hmac.new(get_encryption_key().encode(), text.encode(), hashlib.sha256).digest()
	return urlsafe_b64encode(digest[:12]).decode()


def is_signed(signature: str, purpose: str, *what: str) -> bool:
	return signature.isascii() and hmac.compare_digest(signature, sign(purpose, *what))
