"""When something came about that the documents themselves don't say: read from the versions that the framework keeps."""

from collections.abc import Collection
from datetime import datetime, timedelta

from customer_tiering.tiering.chunks import rows_of

# What is older has been acted on long ago.
LOOK_BACK = timedelta(days=400)


def submitted_at(doctype: str, names: Collection[str]) -> dict[str, datetime]:
	"""By name when a document was submitted that had been a draft."""
	return _last_change(doctype, names, '"docstatus",[[:space:]]*0,[[:space:]]*1')


def grouped_at(customers: Collection[str]) -> dict[str, datetime]:
	"""By name when customers began to roll up to whom they do now, those who were changed after they had been entered."""
	return _last_change("Customer", customers, '"rolls_up_to",')


def _last_change(doctype: str, names: Collection[str], pattern: str) -> dict[str, datetime]:
	rows = rows_of(
		"""SELECT docname, MAX(creation) AS moment FROM `tabVersion`
		WHERE ref_doctype = %(doctype)s AND docname IN %(names)s AND data REGEXP %(pattern)s GROUP BY docname""",
		names,
		doctype=doctype,
		pattern=pattern,
	)
	return {row.docname: row.moment for row in rows}
