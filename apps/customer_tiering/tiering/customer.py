"""What happens to a Customer when somebody saves it."""

import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import getdate, nowdate

from customer_tiering.tiering import queue
from customer_tiering.tiering.permissions import is_manager
from customer_tiering.tiering.rule_records import KINDS

# Written by runs alone; the order is that of the form. Dates and money also stand in changes.DATE_FIELDS and MONEY_FIELDS.
COMPUTED_FIELDS = (
	"customer_tier",
	"tier_since",
	"below_keep_since",
	"below_keep_cause",
	"lifecycle_stage",
	"rfm_segment",
	"rfm_score",
	"annual_value",
	"annual_orders",
	"last_order_date",
	"purchase_frequency",
	"abc_class",
	"churn_risk",
	"loyalty_points",
	"feedback_category",
	"tiering_review_on",
)
# Written by fits of lifetime value alone.
RESERVED_FIELDS = ("predicted_clv",)
OVERRIDE_FIELDS = ("tier_override", "tier_override_until", "tier_override_reason")
SELF_REFERENCES = ("referred_by", "rolls_up_to")


def stored_name(customer: str) -> str:
	"""The customer's name as it is written in the database, which finds it in capitals, too. Raises DoesNotExistError."""
	name = frappe.db.get_value("Customer", {"name": customer}, "name")
	if not name:
		frappe.throw(_("There is no customer {0}.").format(customer), frappe.DoesNotExistError)
	return name


def validate(customer: Document, method: str | None = None) -> None:
	keep_computed_fields(customer)
	guard_override(customer)
	refuse_self_reference(customer)
	refuse_circle(customer)
	guard_relatives(customer)


def keep_computed_fields(customer: Document) -> None:
	"""Take computed fields from the database: a form that was open during a run must not restore old values."""
	fields = (*COMPUTED_FIELDS, *RESERVED_FIELDS)
	stored = {}
	if not customer.is_new():  # a locking read sees what was committed after this transaction began
		stored = frappe.db.get_value("Customer", customer.name, fields, as_dict=True, for_update=True)
	for field in fields:
		customer.set(field, (stored or {}).get(field))


def guard_override(customer: Document) -> None:
	"""Raise PermissionError or ValidationError unless a changed override is allowed, whole and not over yet."""
	before = customer.get_doc_before_save()
	changed = any(_text(customer.get(f)) != _text(before and before.get(f)) for f in OVERRIDE_FIELDS)
	if not changed:
		return
	if not is_manager():
		frappe.throw(
			_("Only a {0} may set a tier by hand.").format(_("Tiering Manager")), frappe.PermissionError
		)
	if not customer.tier_override:
		customer.tier_override_until = customer.tier_override_reason = None
		return
	for field in ("tier_override_until", "tier_override_reason"):
		if not customer.get(field):
			frappe.throw(_("{0} is needed for a tier set by hand.").format(_(customer.meta.get_label(field))))
	if getdate(customer.tier_override_until) < getdate(nowdate()):
		frappe.throw(
			_("{0} is in the past. A tier set by hand must last until today or later.").format(
				_(customer.meta.get_label("tier_override_until"))
			)
		)


def refuse_self_reference(customer: Document) -> None:
	for field in SELF_REFERENCES:
		if customer.get(field) and customer.get(field) == customer.name:
			frappe.throw(_("{0} can't be the customer itself.").format(_(customer.meta.get_label(field))))


def refuse_circle(customer: Document) -> None:
	"""A group has one root: whoever is rolled up to must not roll up to this customer in turn."""
	before = customer.get_doc_before_save()
	changed = _text(customer.rolls_up_to) != _text(before and before.rolls_up_to)
	if changed and customer.name in _way_up(customer.rolls_up_to):
		frappe.throw(
			_("{0}: {1} rolls up to {2} in turn. One of them must be the root of the group.").format(
				_(customer.meta.get_label("rolls_up_to")), frappe.bold(customer.rolls_up_to), customer.name
			)
		)


def guard_relatives(customer: Document) -> None:
	"""Raise PermissionError unless the user may set these relatives.

	A new one must be a customer whom the user may read; one whom the customer is or was counted with shares its money and
	its tier, so that takes write permission for it, or a managing role.
	"""
	if customer.flags.ignore_permissions:
		return
	before = customer.get_doc_before_save()
	for field in SELF_REFERENCES:
		old, new = _text(before and before.get(field)), _text(customer.get(field))
		if old == new:
			continue
		label = _(customer.meta.get_label(field))
		if new and not _may("read", new):
			frappe.throw(
				_("{0}: you may not see {1}.").format(label, frappe.bold(new)), frappe.PermissionError
			)
		if field == "rolls_up_to" and not (is_manager() or "Sales Manager" in frappe.get_roles()):
			_refuse_other_peoples(label, [head for head in (old, new) if head])


def _refuse_other_peoples(label: str, heads: list[str]) -> None:
	for head in heads:
		if not _may("write", head):
			frappe.throw(
				_("{0}: only who may edit {1}, a {2} or a {3} can change this.").format(
					label, frappe.bold(head), _("Sales Manager"), _("Tiering Manager")
				),
				frappe.PermissionError,
			)


def _may(what: str, customer: str) -> bool:
	"""One that isn't there any more is nobody's secret; the framework refuses it as a new link."""
	return not frappe.db.exists("Customer", customer) or bool(
		frappe.has_permission("Customer", what, doc=customer)
	)


def _way_up(customer: str | None) -> list[str]:
	"""This customer and all that it rolls up to, one after the other, up to the root or to where a circle closes."""
	way = []
	while customer and customer not in way:
		way.append(customer)
		customer = frappe.db.get_value("Customer", customer, "rolls_up_to")
	return way


def before_rename(customer: Document, method: str, old: str, new: str, merge: bool = False) -> None:
	"""The framework can't merge customers of whom one had ToDos and has none open now: it leaves them an empty text.

	And in the ledger of the one who stays, the other's rows must not say where it stands.
	"""
	frappe.db.sql(
		"UPDATE `tabCustomer` SET _assign = NULL WHERE name IN (%s, %s) AND _assign = ''", (old, new)
	)
	if merge:
		frappe.db.sql(
			"UPDATE `tabTiering Event` SET merged_from = %(old)s WHERE customer = %(old)s AND merged_from IS NULL",
			{"old": old},
		)


def after_rename(customer: Document, method: str, old: str, new: str, merge: bool = False) -> None:
	"""Signal keys carry the customer's name, and after a merge a customer may point at itself."""
	for key in ("signal_key", "voids"):
		frappe.db.sql(
			f"""UPDATE IGNORE `tabTiering Event` SET {key} = CONCAT(%(new)s, SUBSTRING({key}, CHAR_LENGTH(%(old)s) + 1))
			WHERE customer = %(new)s
				AND LEFT({key}, CHAR_LENGTH(CONCAT(%(old)s, '|', `signal`, '|'))) = CONCAT(%(old)s, '|', `signal`, '|')""",
			{"old": old, "new": new},
		)
	for field in SELF_REFERENCES:
		if frappe.db.get_value("Customer", new, field) == new:
			frappe.db.set_value("Customer", new, field, None)
	if new in _way_up(frappe.db.get_value("Customer", new, "rolls_up_to")):  # a merge can close a circle
		frappe.db.set_value("Customer", new, "rolls_up_to", None)
	members = frappe.get_all("Customer", {"rolls_up_to": new}, pluck="name")
	queue.add([new, *members], queue.EDIT if merge else queue.OTHER)


def forget_untiered(record: Document) -> None:
	"""Runs leave disabled and internal customers alone: what is deleted would stand on them for ever, and not go."""
	customer = frappe.qb.DocType("Customer")
	column = customer[KINDS[record.doctype].field]
	untiered = (customer.disabled == 1) | (customer.is_internal_customer == 1)
	frappe.qb.update(customer).set(column, None).where((column == record.name) & untiered).run()


def _text(value: object) -> str:
	return str(value) if value else ""
