"""Answers requests to the links and pictures of our mails. A forged one is a page that doesn't exist, like any other."""

from collections.abc import Callable
from datetime import datetime, timezone

import frappe
from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from customer_tiering.engine.hits import OPEN
from customer_tiering.outreach.hits import note_hit
from customer_tiering.outreach.tracked_links import wanted

# The smallest GIF: one transparent pixel.
PIXEL = (
	b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00"
	b",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
HEADERS = {"Cache-Control": "no-store, max-age=0", "X-Robots-Tag": "noindex"}


class TrackedPage:
	"""A page renderer of the framework's. What it answers is in the link: it needs no database, and waits for nothing."""

	def __init__(self, path: str, http_status_code: int | None = None) -> None:
		self.wanted = wanted(path or "")
		self.asked_at = datetime.now(timezone.utc)

	def can_render(self) -> bool:
		return self.wanted is not None

	def render(self) -> Response:
		_after_response(self.note)
		is_open = self.wanted.kind == OPEN
		answer = Response(PIXEL, mimetype="image/gif") if is_open else redirect(self.wanted.target, 302)
		answer.headers.update(HEADERS)
		_leave_no_cookies()
		return answer

	def note(self) -> None:
		"""Whatever goes wrong here is no concern of the reader's."""
		try:
			note_hit(self.wanted, self.asked_at)
			frappe.db.commit()
		except Exception:
			frappe.logger("customer_tiering").exception(f"Touch {self.wanted.touch}: hit not noted")


def _leave_no_cookies() -> None:
	"""A reader is no visitor, whom the framework would give some."""
	manager = getattr(frappe.local, "cookie_manager", None)
	if manager:
		manager.cookies = {}


def _after_response(work: Callable[[], None]) -> None:
	"""Once the reader has the answer; at once where the framework is too old for that."""
	later = getattr(frappe.request, "after_response", None)
	later.add(work) if later else work()
