"""What an order and what money is, in SQL: the one place, for facts, reports and exits.

Each fragment speaks of a Sales Invoice with the alias `invoice` and of its returns with the alias `credit`, and is to be
read with `CREDITS` joined. Parameter: %(as_of)s, the last posting date that exists.

* Order: submitted, no return, no debit note, no opening entry, and not undone wholly by its returns.
* Money: `base_net_total` of every submitted invoice that is no opening entry, returns negative on their own date.
"""

CREDITED = """
	SELECT return_against, SUM(base_net_total) AS credited, COUNT(*) AS returns
	FROM `tabSales Invoice`
	WHERE return_against IS NOT NULL AND docstatus = 1 AND is_return = 1 AND posting_date <= %(as_of)s
		AND COALESCE(is_opening, '') != 'Yes'
	GROUP BY return_against
"""

CREDITS = f"LEFT JOIN ({CREDITED}) credit ON credit.return_against = invoice.name"

COUNTS = "invoice.docstatus = 1 AND COALESCE(invoice.is_opening, '') != 'Yes' AND invoice.posting_date <= %(as_of)s"

# An order unless its returns undo it; whoever reads this alone must look after those himself.
IS_SALE = "(invoice.is_return = 0 AND invoice.is_debit_note = 0)"

# Each return may be a cent off: of a discount that was spread over the items, or of an exchange rate.
IS_UNDONE = (
	"(credit.returns IS NOT NULL AND invoice.base_net_total + credit.credited <= 0.01 * credit.returns)"
)

IS_ORDER = f"({IS_SALE} AND NOT {IS_UNDONE})"
