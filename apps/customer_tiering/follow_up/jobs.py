"""What the scheduler and a finished run start."""

from customer_tiering.follow_up.create import run_follow_ups


def after_run() -> None:
	run_follow_ups()


def create_follow_ups_hourly() -> None:
	"""Catches up with what a job that died left undone; hands out on the next day what had to wait."""
	after_run()
