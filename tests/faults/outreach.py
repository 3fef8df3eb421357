"""Mails, text messages and webhooks under random faults: outreach.py SITE FOLDER, run by the bench's Python in the sites folder
(`make test-faults`).

Workers run the scheduler's own jobs, other dispatchers and senders overlap with them, some with a wrong clock, and at any moment
one of all these, the gateway, MariaDB or Redis is killed with -9; days pass, some without any worker. In the end it counts what
became of every message that was due, and ends with 1 if one is lost or was sent twice.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import frappe
from frappe.utils import add_to_date, getdate, now_datetime

from customer_tiering.outreach import restored
from tests.faults.sink import GOOD, MODES, MailSink, WebSink
from tests.sandbox.common import write_json
from tests.sandbox.mail import make_account
from tests.sandbox.services import Services, free_port

SITE, FOLDER = sys.argv[1], Path(sys.argv[2])
ROUNDS = int(os.environ.get("ROUNDS") or 120)
CUSTOMERS = int(os.environ.get("CUSTOMERS") or 200)
SEED = int(os.environ.get("SEED") or time.time_ns() % 1_000_000)
LOG = FOLDER / "logs/faults.log"

# What is committed outlives a kill, as on a site in use.
DURABLE = ("--innodb-flush-log-at-trx-commit=2",)
WORKERS = 2
CAP, CAP_DAYS = 3, 30
DAYS = (0, 3, 6, 9, 12, 15)
MAILS = [{"channel": "Email", "email_template": "Wake Up 1 · Greeting", "day_offset": day} for day in DAYS]
CALL = {"channel": "Call Task", "message": "Call", "day_offset": 3}
TEXT = "Hello {{ unsubscribe_url }}"
WEB = ("SMS", "Webhook")
FINAL = ("Failed", "Skipped", "In Doubt", "Sent")
TAKEN = ("Queued", "Sent", "In Doubt")
JOBS = (
	"frappe.email.queue.flush",
	"customer_tiering.outreach.jobs.run_outreach_hourly",
)


class World:
	"""The processes, of which any may be killed at any time."""

	def __init__(self) -> None:
		self.services = Services(FOLDER)
		self.sink, self.web = MailSink(FOLDER), WebSink(FOLDER)
		self.web_port, self.web_pid = free_port(), 0
		self.children: dict[int, str] = {}
		self.kills: Counter = Counter()
		self.workers: list[subprocess.Popen] = []

	def start_servers(self) -> None:
		names = {process_name(pid) for pid in self.services.processes()}
		if "mariadbd" not in names:
			self.services.start_mariadb(DURABLE)
		if "redis-server" not in names:
			self.services.start_redis()
		if not self.web_pid or os.waitpid(self.web_pid, os.WNOHANG)[0]:
			self.web_pid = self.web.start(self.web_port)
		while not self.services.answer():
			time.sleep(0.1)
		write_json(self.services.state_file, self.services.state)

	def start_workers(self) -> None:
		self.workers = [worker for worker in self.workers if worker.poll() is None]
		while len(self.workers) < WORKERS:
			command = [sys.executable, "-m", "frappe.utils.bench_helper", "frappe", "worker", "--quiet"]
			with LOG.open("ab") as log:
				self.workers.append(subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True))

	def start(self, kind: str, work: Callable[[], object]) -> None:
		"""In a process of its own: nothing of a connection is shared."""
		pid = os.fork()
		if pid:
			self.children[pid] = kind
			return
		try:
			random.seed(os.urandom(16))
			with connected():
				work()
		except BaseException:
			with LOG.open("a") as log:
				log.write(f"{kind}\n{traceback.format_exc()}\n")
		os._exit(0)

	def reap(self, patience: float = 0) -> None:
		"""Let those go who are done; with patience, wait for them, and end who takes longer."""
		end = time.monotonic() + patience
		while self.children:
			for pid in list(self.children):
				if os.waitpid(pid, os.WNOHANG)[0]:
					del self.children[pid]
			if time.monotonic() > end:
				break
			time.sleep(0.05)

	def kill_one(self) -> None:
		targets = [(kind, pid) for pid, kind in self.children.items()]
		targets += [("worker", worker.pid) for worker in self.workers]
		targets += [("job", pid) for worker in self.workers for pid in children_of(worker.pid)]
		targets += [(process_name(pid), pid) for pid in self.services.processes()]
		targets.append(("gateway", self.web_pid))
		kinds = sorted({kind for kind, _pid in targets})
		kind = random.choice(kinds)
		pid = random.choice([pid for each, pid in targets if each == kind])
		with contextlib.suppress(ProcessLookupError):
			os.kill(pid, signal.SIGKILL)
			self.kills[kind] += 1

	def end_all(self) -> None:
		for worker in self.workers:
			for pid in (*children_of(worker.pid), worker.pid):
				with contextlib.suppress(ProcessLookupError):
					os.kill(pid, signal.SIGKILL)
			worker.wait()
		self.workers = []
		for pid in self.children:
			os.kill(pid, signal.SIGKILL)
		self.reap(patience=30)


def process_name(pid: int) -> str:
	try:
		return Path(f"/proc/{pid}/comm").read_text().strip()
	except OSError:
		return "gone"


def children_of(pid: int) -> list[int]:
	try:
		return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
	except OSError:
		return []


@contextlib.contextmanager
def connected() -> Iterator[None]:
	frappe.init(site=SITE)
	frappe.connect()
	frappe.set_user("Administrator")
	try:
		yield
	finally:
		frappe.destroy()


def sequences(web_port: int) -> dict[str, list[dict]]:
	"""The steps of each. Where the site can't log text messages (in the sandbox) there are none."""
	url = f"http://127.0.0.1:{web_port}/"
	sms = frappe.db.exists("DocType", "SMS Log")
	web = [
		{"channel": "Webhook", "message": TEXT, "webhook_url": url, "day_offset": day} for day in DAYS[::2]
	]
	web += [{"channel": "SMS", "message": TEXT, "day_offset": day} for day in DAYS[::2] if sms]
	return {"Faulty": [*MAILS, CALL], "Faulty Too": MAILS, "Faulty Wires": web}


def use_gateway(web_port: int) -> None:
	settings = frappe.get_doc("SMS Settings")
	settings.update({"sms_gateway_url": f"http://127.0.0.1:{web_port}/", "use_post": 1})
	settings.update({"message_parameter": "text", "receiver_parameter": "to"})
	settings.flags.ignore_mandatory = True
	settings.save()


def set_up(port: int, web_port: int) -> None:
	"""Customers of whom some share an address and some are in a tier with a cap, all in the audience of three sequences."""
	frappe.get_attr(
		"customer_tiering.outreach.jobs.run_workflow"
	)()  # so that no process has to import everything again
	for doctype in ("Outreach Enrollment", "Outreach Touch", "Email Queue", "Email Queue Recipient"):
		frappe.db.delete(doctype)
	restored.forget()
	frappe.db.delete("Customer", {"name": ("like", "FAULT-%")})  # of an earlier run on a site that is kept
	for name in sequences(web_port):
		frappe.delete_doc("Outreach Sequence", name, ignore_missing=True, force=True)
	others = frappe.get_all("Outreach Sequence", {"enabled": 1}, pluck="name")
	frappe.db.set_value("Outreach Sequence", {"name": ("in", others)}, "enabled", 0)
	account = make_account(port)
	account.db_set("default_outgoing", 1)
	use_gateway(web_port)
	tier = frappe.get_all("Customer Tier", pluck="name", order_by="name desc", limit=1)[0]
	frappe.db.set_value("Customer Tier", tier, "monthly_contact_cap", CAP)
	for number in range(CUSTOMERS):
		name = f"FAULT-{number:04}"
		values = {"customer_name": name, "customer_type": "Company"}
		customer = frappe.get_doc({"doctype": "Customer", "name": name, **values})
		customer.email_id = f"jo{number - (number % 10 == 1)}@example.com"
		customer.mobile_no = f"+49170{number - (number % 10 == 1):07}"
		customer.customer_tier = tier if number % 5 == 2 else None
		customer.db_insert()
	for name, steps in sequences(web_port).items():
		values = {"sequence_name": name, "entry_by": "Audience", "entries_per_day": 0, "enters_once": 1}
		hours = {"send_from_hour": 0, "send_until_hour": 24, "saturday": 1, "sunday": 1}
		filters = frappe.as_json([["Customer", "name", "like", "FAULT-%"]])
		sequence = frappe.get_doc(
			{"doctype": "Outreach Sequence", **values, **hours, "audience_filters": filters}
		)
		sequence.exit_out_of_audience = 0
		sequence.extend("steps", [dict(step) for step in steps])
		sequence.insert()
		sequence.db_set("enabled", 1)
	frappe.db.commit()


def days_pass(number: int) -> None:
	"""The clock stands still; what the ledgers say moves into the past, or, where a clock is set back, ahead."""
	moved = {
		"Outreach Enrollment": ("entered_on", "ended_on", "next_due_on", "not_before"),
		"Outreach Touch": ("touched_on", "deferred_until", "modified"),
		"Email Queue": ("modified", "send_after"),
	}
	for doctype, fields in moved.items():
		shift = ", ".join(f"`{field}` = `{field}` - INTERVAL {number} DAY" for field in fields)
		frappe.db.sql(f"UPDATE `tab{doctype}` SET {shift}")
	frappe.db.commit()


def tick() -> None:
	"""The scheduler's jobs, of ours and the framework's, whether or not one of them still runs: after a kill Redis doesn't know."""
	scripts = frappe.get_all("Scheduled Job Type", {"server_script": ("like", "Outreach:%")}, pluck="method")
	for method in (*JOBS, *scripts):
		job = "frappe.core.doctype.scheduled_job_type.scheduled_job_type.run_scheduled_job"
		frappe.enqueue(job, queue="long", job_type=method)


def dispatch(hours: int) -> None:
	from customer_tiering.outreach.jobs import run_workflow

	run_workflow(add_to_date(now_datetime(), hours=hours))


def flush() -> None:
	from frappe.email.queue import flush

	flush()


def deliver() -> None:
	from customer_tiering.outreach.deliver import deliver_waiting

	deliver_waiting()


def do_round(world: World) -> None:
	world.start_servers()
	world.start_workers()
	world.sink.set(random.choices(list(MODES), list(MODES.values()))[0])
	if random.random() < 0.2:
		world.start("calendar", partial(days_pass, random.choice((1, 1, 1, 2, 3, -1))))
	if random.random() < 0.5:
		world.start("scheduler", tick)
	for _number in range(random.randint(0, 2)):
		world.start("dispatcher", partial(dispatch, random.choice((0, 0, 0, -30, 20))))
	for _number in range(random.randint(0, 2)):
		world.start("sender", flush)
	for _number in range(random.randint(0, 2)):
		world.start("delivery", deliver)
	time.sleep(random.uniform(0, 3))
	if random.random() < 0.8:
		world.kill_one()
	if random.random() < 0.05:
		world.end_all()
		world.start_servers()
		with connected():
			days_pass(5)
	time.sleep(random.uniform(0, 1))
	world.reap(patience=0 if len(world.children) < 5 else 20)


def drain(world: World) -> None:
	"""Days without faults, until nothing is left to be done."""
	world.sink.set(GOOD)
	for _number in range(90):
		for work in (partial(dispatch, 0), flush, deliver, partial(days_pass, 4)):
			world.start("drain", work)
			world.reap(patience=600)
		with connected():
			left = frappe.db.count("Outreach Enrollment", {"status": "Active"})
			left += frappe.db.count("Email Queue", {"status": ("in", ("Not Sent", "Partially Sent"))})
			left += frappe.db.count(
				"Outreach Touch", {"channel": ("in", WEB), "status": ("in", ("Queued", "Sending"))}
			)
			entered = frappe.db.count("Outreach Enrollment")
		if entered and not left:
			break
	with connected():
		from customer_tiering.outreach.lost_mails import note_lost_mails

		days_pass(2)
		note_lost_mails()


def count(mails_taken: list[str], web_taken: list[str]) -> tuple[dict[str, int], dict[str, int]]:
	"""What became of what was due, and what must not be."""
	touches = frappe.get_all("Outreach Touch", fields=["*"])
	steps = frappe.get_all(
		"Outreach Step", {"parent": ("like", "Faulty%")}, ["parent", "step_key"], as_list=True
	)
	due = {(f"FAULT-{number:04}", *step) for number in range(CUSTOMERS) for step in steps}
	done = Counter((touch.customer, touch.sequence, touch.step) for touch in touches)
	rows = Counter(frappe.get_all("Email Queue", pluck="message_id"))
	unsent = set(frappe.get_all("Email Queue", {"status": ("!=", "Sent")}, pluck="message_id"))
	arrived = Counter(mails_taken)
	mails = [touch for touch in touches if touch.channel == "Email"]
	known = {touch.message_id for touch in mails if touch.message_id}
	queued = [touch for touch in mails if touch.status in ("Queued", "Sent")]
	calls = [touch for touch in touches if touch.channel == "Call Task" and touch.status == "Sent"]
	todos = Counter(frappe.get_all("ToDo", {"follow_up_key": ("like", "Touch|%")}, pluck="follow_up_key"))
	statuses = Counter(touch.status for touch in touches)
	web = [touch for touch in touches if touch.channel in WEB]
	taken = Counter(web_taken)
	sent = [touch for touch in web if touch.status == "Sent"]
	found = {
		"due": len(due),
		"queued once": sum(rows[touch.message_id] == 1 for touch in queued),
		"call tasks": len(calls),
		"text messages sent": sum(touch.channel == "SMS" for touch in sent),
		"webhooks sent": sum(touch.channel == "Webhook" for touch in sent),
		"skipped: the address had it": statuses["Skipped"],
		"deferred with a reason": sum(bool(touch.reason) for touch in touches if touch.status == "Deferred"),
		"failed with a reason": sum(bool(touch.reason) for touch in touches if touch.status == "Failed"),
		"mails in doubt": sum(touch.status == "In Doubt" for touch in mails),
		"mails in doubt and delivered": sum(
			arrived[touch.message_id] for touch in mails if touch.status == "In Doubt"
		),
		"mails delivered once": sum(number == 1 for number in arrived.values()),
		"text messages and webhooks in doubt": sum(touch.status == "In Doubt" for touch in web),
		"text messages and webhooks in doubt and taken": sum(
			taken[touch.name] for touch in web if touch.status == "In Doubt"
		),
		"text messages and webhooks taken once": sum(number == 1 for number in taken.values()),
		"tried again and sent": sum(touch.attempts > 1 for touch in sent),
	}
	wrong = {
		"mails delivered twice": sum(number > 1 for number in arrived.values()),
		"text messages and webhooks taken twice": sum(number > 1 for number in taken.values()),
		"lost: due without a touch": len(due - set(done)),
		"lost: queued, but not delivered": sum(not arrived[touch.message_id] for touch in queued),
		"lost: sent by the web, but not taken": sum(not taken[touch.name] for touch in sent),
		"touched twice": sum(number > 1 for number in done.values()) + len(set(done) - due),
		"no queue row, or two": sum(rows[touch.message_id] != 1 for touch in queued),
		"queue rows of no touch": len(set(rows) - known),
		"delivered, but failed or unknown": len(set(arrived) - known)
		+ len(set(taken) - {touch.name for touch in web})
		+ sum(
			arrived[touch.message_id] + taken[touch.name]
			for touch in touches
			if touch.status in ("Failed", "Deferred", "Skipped")
		),
		"sent, says the queue, but never arrived": len(set(rows) - unsent - set(arrived)),
		"an address got a step twice": addresses_twice(
			[*mails, *(each for each in web if each.channel == "SMS")]
		),
		"over the cap": over_the_cap(touches),
		"call without its ToDo, or two": sum(todos[f"Touch|{touch.name}"] != 1 for touch in calls),
		"without an end or a reason": sum(
			touch.status not in (*FINAL, "Deferred", *(["Queued"] if touch.channel == "Email" else []))
			or (touch.status not in ("Queued", "Sent") and not touch.reason)
			for touch in touches
		),
	}
	return found, wrong


def addresses_twice(touches: list) -> int:
	reached = Counter(
		(touch.address, touch.sequence, touch.step) for touch in touches if touch.status in TAKEN
	)
	return sum(number > 1 for number in reached.values())


def over_the_cap(touches: list) -> int:
	"""Customers with more messages in a month than their tier gets; two days are left to clocks that were wrong."""
	capped = set(
		frappe.get_all(
			"Customer", {"name": ("like", "FAULT-%"), "customer_tier": ("is", "set")}, pluck="name"
		)
	)
	days: dict[str, list] = {}
	for touch in touches:
		if touch.customer in capped and touch.channel != "Call Task" and touch.status in TAKEN:
			days.setdefault(touch.customer, []).append(getdate(touch.touched_on))
	return sum(
		any(
			(later - first).days < CAP_DAYS - 2
			for first, later in zip(sorted(of), sorted(of)[CAP:], strict=False)
		)
		for of in days.values()
	)


def main() -> int:
	print(f"SEED={SEED} ROUNDS={ROUNDS} CUSTOMERS={CUSTOMERS}; log: {LOG}", flush=True)
	random.seed(SEED)
	world = World()
	port = free_port()
	sink = world.sink.start(port)
	for pid in world.services.processes():
		os.kill(pid, signal.SIGTERM)
	while world.services.processes():
		time.sleep(0.1)
	world.start_servers()
	try:
		with connected():
			set_up(port, world.web_port)
		for number in range(1, ROUNDS + 1):
			do_round(world)
			if number % 10 == 0 or number == ROUNDS:
				print(
					f"round {number}: {len(world.sink.deliveries())} mails and {len(world.web.deliveries())} requests"
					f" taken; killed {dict(world.kills)}",
					flush=True,
				)
		world.reap(patience=60)
		world.end_all()
		world.start_servers()
		drain(world)
		with connected():
			found, wrong = count(world.sink.deliveries(), world.web.deliveries())
	finally:
		world.end_all()
		os.kill(sink, signal.SIGKILL)
		os.kill(world.web_pid, signal.SIGKILL)
	print(
		f"\nSEED={SEED}: {world.kills.total()} kills of {', '.join(f'{kind} {times}' for kind, times in world.kills.most_common())}"
	)
	for title, number in {**found, **wrong}.items():
		print(f"{number:8} {title}{'  <- wrong' if title in wrong and number else ''}")
	lost = sum(number for title, number in wrong.items() if title.startswith("lost"))
	doubled = sum(number for title, number in wrong.items() if title.endswith("twice"))
	doubt = sum(number for title, number in found.items() if title.endswith("in doubt"))
	print(
		f"{world.kills.total()} kills, {found['due']} due, {lost} lost, {doubled} doubled, {doubt} in doubt"
	)
	return int(any(wrong.values()))


if __name__ == "__main__":
	sys.exit(main())
