"""An end to what may hang for ever, as a gateway that takes a connection and never answers."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic


@contextmanager
def time_limit(seconds: int) -> Iterator[None]:
	"""Raises TimeoutError within the block after that many seconds.

	Only in the main thread of a process, as in a job of a worker, whose own time limit goes on.
	"""

	def late(_number: int, _frame: object) -> None:
		raise TimeoutError(f"Nothing came within {seconds} seconds")

	began = monotonic()
	handler, left = signal.signal(signal.SIGALRM, late), signal.alarm(seconds)
	try:
		yield
	finally:
		signal.alarm(0)
		signal.signal(signal.SIGALRM, handler)
		if left:
			signal.alarm(max(1, left - int(monotonic() - began)))
