"""What is taken out of the ledgers, by age: by default only records of incremental runs that found nothing."""

import frappe
from frappe.utils import add_days, add_years, cint, getdate

EMPTY_RUNS_DAYS = 7
CHUNK = 10000
# The last event of each decision stays: it says where the customer stands and whether by hand. So do signals: one that is
# forgotten could come again.
OLD = """event.as_of < %s AND event.signal_key IS NULL AND event.voids IS NULL AND EXISTS (
	SELECT 1 FROM `tabTiering Event` later
	WHERE later.customer = event.customer AND later.decision = event.decision AND later.merged_from IS NULL
		AND later.name > event.name
)"""


def tidy() -> None:
	"""Delete old runs without a trace in the ledger and, if Tiering Settings say so, old Tiering Events."""
	frappe.db.sql(
		"""DELETE run FROM `tabTiering Run` run
		WHERE scope = 'Incremental' AND events = 0 AND status != 'Running' AND creation < %s
			AND (status = 'Completed' OR NOT EXISTS (SELECT 1 FROM `tabTiering Event` event WHERE event.run = run.name))""",
		add_days(getdate(), -EMPTY_RUNS_DAYS),
	)
	years = cint(frappe.db.get_single_value("Tiering Settings", "ledger_retention_years"))
	if years:
		_delete_events(add_years(getdate(), -years))
	frappe.db.commit()


def count_old_events(years: int) -> int:
	"""How many Tiering Events the next night deletes if so many years are kept."""
	before = add_years(getdate(), -years)
	return frappe.db.sql(f"SELECT COUNT(*) FROM `tabTiering Event` event WHERE {OLD}", (before,))[0][0]


def _delete_events(before: object) -> None:
	while True:
		names = frappe.db.sql(
			f"SELECT event.name FROM `tabTiering Event` event WHERE {OLD} LIMIT %s",
			(before, CHUNK),
			pluck=True,
		)
		if not names:
			return
		frappe.db.delete("Tiering Event", {"name": ("in", names)})
		frappe.db.commit()
