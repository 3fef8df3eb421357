"""A mail server on loopback that sends nothing on; run by the bench's Python in its sites folder: mail.py SITE FOLDER.

It becomes the default outgoing account of the site and keeps every mail that arrives as a file in the folder.
"""

import email
import email.policy
import signal
import socket
import sys
import time
from email.message import EmailMessage
from pathlib import Path

import frappe
from aiosmtpd.controller import Controller

ACCOUNT = "Test Sink"
OK = "250 OK"


class SmtpSink:
	"""Keeps what it gets, also as files if there is a folder for them. With another `answer` it refuses what it gets; with
	`hangs_up` it keeps it, but goes without an answer.
	"""

	def __init__(self, folder: Path | None = None) -> None:
		self.messages: list[EmailMessage] = []
		self.answer, self.hangs_up = OK, False
		self.folder = folder
		with socket.socket() as probe:
			probe.bind(("127.0.0.1", 0))
			self.port = probe.getsockname()[1]
		self.server = Controller(self, hostname="127.0.0.1", port=self.port)

	async def handle_DATA(self, server, session, envelope) -> str:  # the name that aiosmtpd calls
		if self.answer != OK:
			return self.answer
		self.messages.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
		if self.folder:
			name = f"{time.strftime('%Y%m%d-%H%M%S')}-{len(self.messages):05d}.eml"
			(self.folder / name).write_bytes(envelope.content)
		if self.hangs_up:
			server.transport.abort()
		return OK


def make_account(port: int, name: str = ACCOUNT, address: str = "sender@example.com") -> "frappe.Document":
	"""The default outgoing account, on the connected site; not committed."""
	values = {
		"email_account_name": name,
		"email_id": address,
		"enable_outgoing": 1,
		"default_outgoing": 1,
		"smtp_server": "127.0.0.1",
		"smtp_port": port,
		"no_smtp_authentication": 1,
	}
	known = frappe.db.exists("Email Account", name)
	account = frappe.get_doc("Email Account", name) if known else frappe.new_doc("Email Account")
	return account.update(values).save()


def main(site: str, folder: Path) -> None:
	folder.mkdir(exist_ok=True)
	sink = SmtpSink(folder)
	sink.server.start()
	frappe.init(site=site)
	frappe.connect()
	company = frappe.get_all("Company", pluck="name", limit=1)
	make_account(sink.port, company[0] if company else ACCOUNT, "hello@example.com")
	frappe.db.commit()
	frappe.destroy()
	print("ready", flush=True)
	signal.pause()


if __name__ == "__main__":
	main(sys.argv[1], Path(sys.argv[2]))
