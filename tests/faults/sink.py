"""A mail server in a process of its own that writes down every mail it takes, and behaves as the file `mode` says."""

import asyncio
import os
import time
from email.parser import BytesHeaderParser
from pathlib import Path

from aiosmtpd.smtp import SMTP

GOOD, SLOW, REFUSES, HANGS_UP, AWAY = "good", "slow", "refuses", "hangs up after taking it", "away"
MODES = {GOOD: 4, SLOW: 3, REFUSES: 1, HANGS_UP: 2, AWAY: 1}  # how often each


class Sink:
	def __init__(self, folder: Path) -> None:
		self.mode, self.taken = folder / "mode", folder / "taken"
		self.set(GOOD)
		self.taken.write_text("")

	def set(self, mode: str) -> None:
		self.mode.write_text(mode)

	def deliveries(self) -> list[str]:
		"""The Message-ID of every mail that was taken, without the brackets."""
		return self.taken.read_text().splitlines()

	def start(self, port: int) -> int:
		pid = os.fork()
		if not pid:
			asyncio.run(self.serve(port))
			os._exit(0)
		time.sleep(0.5)
		return pid

	async def serve(self, port: int) -> None:
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
		with self.taken.open("a") as file:
			file.write(f"{name.strip('<> ')}\n")
		if mode == HANGS_UP:
			server.transport.abort()
		return "250 OK"
