"""Links of a mail that tell us they were followed, and a picture that tells that the mail was opened.

The address that a link leads to stands in the link itself, signed together with the touch. So it leads there for ever, whatever
became of the touch, the customer or the settings, and to nowhere else. Only the HTML part is changed: who reads the plain text
does so to see where links lead.
"""

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from html import escape, unescape
from typing import NamedTuple
from urllib.parse import urlsplit

from frappe.utils import get_url

from customer_tiering.engine.hits import CLICK, OPEN
from customer_tiering.outreach.signature import is_signed, sign
from customer_tiering.outreach.unsubscribe import PAGE as WAY_OUT

LINK, PICTURE = "go", "seen"
# Longer addresses are left as they are: ours would be too long for some browsers and mail programs.
LONGEST = 1500

# Outlook's buttons are VML in a comment.
TAG = re.compile(r"""<(?:a|area|v:\w+)\b(?:[^>"']|"[^"]*"|'[^']*')*>""", re.IGNORECASE)
HREF = re.compile(r"""(?<![\w-])(href\s*=\s*)("[^"]*"|'[^']*'|[^\s>"']+)""", re.IGNORECASE)
END_OF_BODY = re.compile(r"</body\s*>", re.IGNORECASE)
UNPRINTABLE = re.compile(r"[\x00-\x20\x7f]")


class Wanted(NamedTuple):
	"""What a request to one of our links is for; an open has no target."""

	touch: str
	kind: str
	target: str


def track_links(html: str, touch: str) -> tuple[str, int]:
	"""The HTML with the web links led past us, and how many different ones there are.

	Left alone are the way out, addresses that aren't on the web (mailto:, tel:, #part), and what isn't a proper address.
	"""
	targets: set[str] = set()

	def replaced(match: re.Match) -> str:
		target = unescape(match[2].strip("\"'")).strip()
		if not _is_trackable(target):
			return match[0]
		targets.add(target)
		return f'{match[1]}"{escape(click_url(touch, target))}"'

	return TAG.sub(lambda tag: HREF.sub(replaced, tag[0], count=1), html), len(targets)


def add_picture(html: str, touch: str) -> str:
	"""The HTML with an invisible picture at its end; screen readers pass over it."""
	url = get_url(f"/{PICTURE}/{touch}.{sign(OPEN, touch)}")
	picture = f'<img src="{escape(url)}" width="1" height="1" alt="" style="display:block;border:0">'
	end = max((match.start() for match in END_OF_BODY.finditer(html)), default=len(html))
	return html[:end] + picture + html[end:]


def click_url(touch: str, target: str) -> str:
	text = urlsafe_b64encode(target.encode()).decode().rstrip("=")
	return get_url(f"/{LINK}/{touch}.{sign(CLICK, touch, target)}.{text}")


def wanted(path: str) -> Wanted | None:
	"""What a path of this site is for if it is one of our links, as we made it; else None."""
	page, _slash, token = path.partition("/")
	read: Callable | None = {LINK: _click, PICTURE: _open}.get(page)
	return read(*token.split(".")) if read and token.count(".") == (page == LINK) + 1 else None


def _click(touch: str, signature: str, text: str) -> Wanted | None:
	try:
		target = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)).decode()
	except (UnicodeError, binascii.Error):
		return None
	return Wanted(touch, CLICK, target) if is_signed(signature, CLICK, touch, target) else None


def _open(touch: str, signature: str) -> Wanted | None:
	return Wanted(touch, OPEN, "") if is_signed(signature, OPEN, touch) else None


def _is_trackable(target: str) -> bool:
	try:
		parts = urlsplit(target)
		on_the_web = parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
	except ValueError:
		return False
	is_way_out = target.startswith(get_url(f"/{WAY_OUT}/"))
	return on_the_web and not is_way_out and len(target) <= LONGEST and not UNPRINTABLE.search(target)
