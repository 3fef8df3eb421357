"""What becomes of enrollments over the coming days, by the rules that the dispatcher goes by, if nothing else happens. Writes nothing."""

from collections.abc import Collection, Iterator
from datetime import date, datetime, time
from functools import cached_property
from heapq import heappop, heappush
from typing import NamedTuple

import frappe
from frappe import _
from frappe.utils import add_days

from customer_tiering.outreach.channels import Skip, Target, call_task, email, sms, webhook
from customer_tiering.outreach.crowd import CAP_DAYS, REACHED, Crowd
from customer_tiering.outreach.deferral import Deferral
from customer_tiering.outreach.exits import stopped_addresses
from customer_tiering.outreach.lateness import is_too_late, missed, skip_if_late
from customer_tiering.outreach.recipients import Recipient
from customer_tiering.outreach.steps import CALL, DEFERRED, Due, plan_after
from customer_tiering.tiering.chunks import chunks, rows_of

READERS = {
	"Email": email.reader,
	"SMS": sms.reader,
	"Webhook": webhook.reader,
	"Call Task": call_task.reader,
}
MESSAGES = """
	SELECT name, customer, address, step, enrollment, touched_on FROM `tabOutreach Touch`
	WHERE {which} IN %(names)s AND status IN %(reached)s AND channel != 'Call Task' AND touched_on > %(after)s
"""
FIELDS = "name, customer_name, customer_primary_contact, email_id, mobile_no, customer_tier, is_frozen"


class Run(NamedTuple):
	"""An enrollment, or what would be one, and its touches so far."""

	customer: str
	enrollment: frappe._dict
	touches: list[frappe._dict]


class Outgoing(NamedTuple):
	"""A step on its day: to whom it goes, and since when it waits and why if it goes later than it could; or what keeps it back."""

	day: date
	customer: str
	customer_name: str
	step: "frappe.Document"
	reader: Recipient | None = None
	waits_since: date | None = None
	reason: str | None = None
	goes: bool = True


class Foreseen(Crowd):
	"""Customers to whom messages are supposed to go: these count as those do that went."""

	def __init__(
		self, customers: Collection[str], day: date, last: date, supposed: dict[str, list[frappe._dict]]
	) -> None:
		"""`supposed`: by address, also those of other customers."""
		super().__init__(customers, day)
		self.last, self.supposed = last, supposed

	@cached_property
	def busy(self) -> set[str]:
		"""Also what falls due until the last day."""
		return Crowd(self.names, self.last).busy

	@cached_property
	def customers(self) -> dict[str, frappe._dict]:
		rows = rows_of(f"SELECT {FIELDS} FROM `tabCustomer` WHERE name IN %(names)s", self.names)
		return {row.name: row for row in rows}

	@cached_property
	def messages(self) -> dict[str, list[frappe._dict]]:
		"""By customer and by address, in lower case."""
		addresses = {address for name in self.names for address in self.addresses_of(name)}
		values = {"reached": REACHED, "after": add_days(self.day, -CAP_DAYS)}
		rows = rows_of(MESSAGES.format(which="customer"), self.names, **values)
		rows += rows_of(MESSAGES.format(which="address"), addresses, **values)
		found: dict[str, list[frappe._dict]] = {}
		for row in {row.name: row for row in rows}.values():
			_note(found, row)
		for address in addresses & self.supposed.keys():
			found.setdefault(address, []).extend(self.supposed[address])
		return found

	@property
	def written_to(self) -> Collection[str]:
		return self.messages.keys()

	def suppose(self, touch: frappe._dict) -> None:
		_note(self.messages, touch)
		if touch.address:
			self.supposed.setdefault(touch.address.lower(), []).append(touch)

	def days_of_messages(self, customer: str, address: str, after: date) -> list[date]:
		both = [*self.messages.get(customer.lower(), ()), *self.messages.get(address.lower(), ())]
		return sorted(
			touch.touched_on
			for touch in {id(each): each for each in both}.values()
			if touch.touched_on > after
		)

	def who_got(self, touch: frappe._dict, address: str, after: date) -> str | None:
		for other in self.messages.get(address.lower(), ()):
			if other.step == touch.step and other.customer != touch.customer and other.touched_on > after:
				return other.customer
		return None


def _note(messages: dict[str, list[frappe._dict]], touch: frappe._dict) -> None:
	for who in {touch.customer.lower(), (touch.address or "").lower()} - {""}:
		messages.setdefault(who, []).append(touch)


def foresee(sequence: "frappe.Document", runs: list[Run], first: date, last: date) -> Iterator[Outgoing]:
	"""What goes out from the first day until the last, and what waits or is left out; customers some at a time."""
	supposed: dict[str, list[frappe._dict]] = {}
	of_customer = {run.customer: run for run in runs}
	for names in chunks(sorted(of_customer)):
		crowd = Foreseen(names, first, last, supposed)
		yield from _Days(sequence, [of_customer[name] for name in names], crowd, first, last).go()


class _Days:
	def __init__(
		self, sequence: "frappe.Document", runs: list[Run], crowd: Foreseen, first: date, last: date
	) -> None:
		self.sequence, self.crowd = sequence, crowd
		self.begin, self.end = datetime.combine(first, time()), datetime.combine(add_days(last, 1), time())
		self.no_mail = email.outgoing_problem(sequence)
		self.runs = {run.customer: run for run in runs if run.customer in crowd.customers}
		self.times: list[tuple[datetime, str]] = []
		self.plans: dict[str, list[Due]] = {}
		self.waiting: dict[tuple[str, str], Outgoing] = {}

	def go(self) -> Iterator[Outgoing]:
		"""Whoever is next has his or her turn, at the same moment in the order of names."""
		for name in self.runs:
			self.plan(name)
		while self.times:
			moment, name = heappop(self.times)
			run, plan = self.runs[name], self.plans.pop(name)
			if self.leaves(run):
				yield self.row(run, plan[0], moment)._replace(reason=_("Unsubscribed"), goes=False)
				continue
			for due in plan:
				if due.at <= moment:
					yield from self.do(run, due, moment)
			self.plan(name)
		yield from self.waiting.values()

	def plan(self, name: str) -> None:
		coming = plan_after(self.runs[name].enrollment, self.sequence, self.runs[name].touches, self.crowd)
		moment = max(min((due.at for due in coming), default=self.end), self.begin)
		if moment < self.end:
			self.plans[name] = coming
			heappush(self.times, (moment, name))

	def leaves(self, run: Run) -> bool:
		if self.crowd.stopped.isdisjoint(self.crowd.addresses_of(run.customer)):
			return False
		customer = self.crowd.customers[run.customer]
		return bool(stopped_addresses(run.enrollment, customer, self.sequence, self.crowd))

	def do(self, run: Run, due: Due, moment: datetime) -> Iterator[Outgoing]:
		step, row, key = due.step, self.row(run, due, moment), (run.customer, due.step.step_key)
		touch = frappe._dict(
			step=step.step_key,
			day_offset=step.day_offset,
			touched_on=moment.date(),
			channel=step.channel,
			variant=step.variant,
			customer=run.customer,
			enrollment=run.enrollment.name,
			status="Sent",
			**_promised(step, moment.date()),
		)
		customer = self.crowd.customers[run.customer]
		try:
			before = self.waiting.get(key)
			skip_if_late(self.sequence, run.customer, due, moment, before and before.reason, self.crowd)
			reader = READERS[step.channel](Target(customer, self.sequence, step, touch, moment, self.crowd))
			if step.channel == "Email" and self.no_mail:
				raise Deferral(self.no_mail)
			touch.address = reader.address if reader and step.channel != "Webhook" else None
			was = self.waiting.pop(key, None)
			late = was is not None and was.day < moment.date()
			yield row._replace(
				reader=reader, **({"waits_since": was.day, "reason": was.reason} if late else {})
			)
		except Skip as reason:
			touch.status = "Skipped"
			self.waiting.pop(key, None)
			yield row._replace(reason=str(reason), goes=False)
		except Deferral as reason:
			if is_too_late(self.sequence, run.customer, due, reason, self.crowd):
				touch.status = "Skipped"
				self.waiting.pop(key, None)
				yield row._replace(reason=missed(str(reason)), goes=False)
			else:
				touch.update(status=DEFERRED, deferred_until=reason.until or self.end)
			if touch.deferred_until and touch.deferred_until.date() > moment.date():
				since = self.waiting[key].day if key in self.waiting else row.day
				self.waiting[key] = row._replace(day=since, reason=str(reason), goes=False)
		if touch.status == "Sent" and step.channel != CALL:
			self.crowd.suppose(touch)
		run.touches[:] = [*(each for each in run.touches if each.step != touch.step), touch]

	def row(self, run: Run, due: Due, moment: datetime) -> Outgoing:
		name = self.crowd.customers[run.customer].customer_name
		return Outgoing(moment.date(), run.customer, name, due.step)


def _promised(step: "frappe.Document", day: date) -> dict:
	"""What the touch of a step with an offer would keep, for the reminder."""
	days = step.get("offer") and frappe.get_cached_value("Outreach Offer", step.offer, "valid_days")
	return {"offer": step.offer, "coupon_code": "?", "offer_end": add_days(day, days)} if days else {}
