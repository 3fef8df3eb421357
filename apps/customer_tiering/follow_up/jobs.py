"""What the scheduler and a finished run start."""

from customer_tiering.follow_up.create import create_follow_ups
from customer_tiering.follow_up.withdraw import withdraw_follow_ups


def after_run() -> None:
	create_follow_ups()
	withdraw_follow_ups()


def create_follow_ups_hourly() -> None:
	"""Catches up with what a job that died left undone."""
	after_run()
