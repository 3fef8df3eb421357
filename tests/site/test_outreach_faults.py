"""Outreach where something goes wrong around it: double clicks, merged customers, broken audiences, texts that are too long."""

from threading import Timer

import frappe

from customer_tiering.outreach import api
from customer_tiering.outreach.dispatch import dispatch_due
from tests.site.sleepers import customer, day, output_of, start_process
from tests.site.test_outreach import NEWS, statuses
from tests.site.test_sequences import MAIL, NAME, alone, entered, sequence  # noqa: F401

NEXT = {**MAIL, "day_offset": 1, "email_template": NEWS}


def enrollments(of: str) -> list[str]:
	"""Their status, and why they ended."""
	rows = frappe.get_all("Outreach Enrollment", {"customer": of}, ["status", "exit_reason"])
	return sorted(f"{row.status} {row.exit_reason or ''}".strip() for row in rows)


ENTERS = """
from customer_tiering.outreach import api, by_hand
real = by_hand.enter
def enter(row):
	print("entering", flush=True)
	sys.stdin.readline()
	return real(row)
by_hand.enter = enter
frappe.set_user("Administrator")
print(api.enrol_by_hand({sequence!r}, {customers!r}))
frappe.db.commit()
"""


class TestTwiceAtOnce:
	def test_a_double_click_enters_once(self) -> None:
		sequence(MAIL, re_entry_days=0)
		name = customer()
		first = start_process(ENTERS.format(sequence=NAME, customers=[name]))
		assert first.stdout.readline() == "entering\n"  # but not committed yet
		frappe.db.get_value("Customer", name)  # as a request that has begun to read
		Timer(1, lambda: print(file=first.stdin, flush=True)).start()
		assert api.enrol_by_hand(NAME, [name]) == {
			"entered": 0,
			"refused": [f"{name} is in the sequence already."],
		}
		output_of(first)
		assert enrollments(name) == ["Active"]

	def test_who_is_in_it_twice_gets_each_step_once(self) -> None:
		sequence(MAIL, re_entry_days=0)
		name = entered()
		again(name)
		assert dispatch_due(day(0)) == {"Queued": 1, "Skipped": 1}

	def test_who_comes_back_gets_it_again(self) -> None:
		sequence(MAIL, re_entry_days=0)
		name = entered()
		assert dispatch_due(day(0)) == {"Queued": 1}
		assert api.enrol_by_hand(NAME, [name])["entered"] == 1
		assert dispatch_due(day(1)) == {"Queued": 1}


def again(customer: str) -> str:
	"""A second enrollment, as there can be one on a site of before."""
	row = frappe.get_doc("Outreach Enrollment", {"customer": customer}).as_dict()
	document = frappe.get_doc({**row, "name": None, "enrollment_key": f"{customer} again"}).insert()
	frappe.db.commit()
	return document.name


def test_merged_customers_are_in_a_sequence_once() -> None:
	sequence(MAIL, NEXT)
	late, early = entered("Late Ltd"), entered("Early Ltd")
	frappe.db.set_value("Outreach Enrollment", {"customer": late}, "entered_on", day(1))
	frappe.db.set_value("Outreach Enrollment", {"customer": late}, "next_due_on", day(1))
	assert dispatch_due(day(0)) == {"Queued": 1}
	frappe.rename_doc("Customer", early, late, merge=True, force=True)
	frappe.db.commit()
	assert enrollments(late) == ["Active", "Exited Merged"]
	assert dispatch_due(day(1)) == {"Queued": 1}
	assert dispatch_due(day(2)) == {}
	assert statuses(late) == [(0, "Queued"), (1, "Queued")]
