"""A mail server and a web server, each in a process of its own, that write down what they take, and behave as the file `mode` says."""

import asyncio
import os
import re
import time
from email.parser import BytesHeaderParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

from aiosmtpd.smtp import SMTP

GOOD, SLOW, REFUSES, HANGS_UP, AWAY = "good", "slow", "refuses", "hangs up after taking it", "away"
MODES = {GOOD: 4, SLOW: 3, REFUSES: 1, HANGS_UP: 2, AWAY: 1}  # how often each


class Sink:
	"""What both have: a line for each that was taken, and the mode."""

	taken_file: str

	def __init__(self, folder: Path) -> None:
		self.mode, self.taken = folder / "mode", folder / self.taken_file
		self.set(GOOD)
		self.taken.write_text("")

	def set(self, mode: str) -> None:
		self.mode.write_text(mode)

	def deliveries(self) -> list[str]:
		"""Of every message that was taken what it is known by: a mail's Message-ID, else the touch."""
		return self.taken.read_text().splitlines()

	def take(self, name: str) -> None:
		with self.taken.open("a") as file:
			file.write(f"{name}\n")

	def start(self, port: int) -> int:
		pid = os.fork()
		if not pid:
			self.serve(port)
			os._exit(0)
		time.sleep(0.5)
		return pid

	def serve(self, port: int) -> None:
		raise NotImplementedError


class MailSink(Sink):
	taken_file = "taken"

	def serve(self, port: int) -> None:
		asyncio.run(self.listen(port))

	async def listen(self, port: int) -> None:
		server = await asyncio.get_running_loop().create_server(lambda: SMTP(self), "127.0.0.1", port)
		await server.serve_forever()

	async def handle_MAIL(
		self, server, session, envelope, address, options
	) -> str:  # names that aiosmtpd calls
		if self.mode.read_text() == AWAY:
			server.transport.abort()
		envelope.mail_from = address
		return "250 OK"

	async def handle_DATA(self, server, session, envelope) -> str:
		mode = self.mode.read_text()
		if mode == REFUSES:
			return "451 Later, please"
		if mode == SLOW:
			await asyncio.sleep(0.3)
		name = BytesHeaderParser().parsebytes(envelope.content)["Message-ID"]
		self.take(name.strip("<> "))
		if mode == HANGS_UP:
			server.transport.abort()
		return "250 OK"


class WebSink(Sink):
	"""A gateway of text messages and the other side of webhooks. Which touch it is stands in the link that all texts carry."""

	taken_file = "taken_by_web"

	def serve(self, port: int) -> None:
		sink = self

		class Handler(BaseHTTPRequestHandler):
			def do_POST(self) -> None:
				mode = sink.mode.read_text()
				body = unquote(self.rfile.read(int(self.headers["Content-Length"])).decode())
				if mode == AWAY:
					return
				if mode == SLOW:
					time.sleep(0.3)
				if mode != REFUSES:
					sink.take(re.search(r"/leave/(\w+)\.", body)[1])
				if mode != HANGS_UP:
					self.send_response(503 if mode == REFUSES else 200)
					self.end_headers()

			def log_message(self, *_values: object) -> None:
				pass

		ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
