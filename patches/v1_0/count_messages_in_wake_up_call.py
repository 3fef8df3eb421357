"""The call of the seeded wake-up spoke of three mails, however many had gone out; texts that somebody has changed stay."""

import frappe

SEEDED = {
	"Call {{ customer.customer_name }}: asleep since {{ last_order_date }}, and three mails brought no order. Ask what has changed.": (
		"Call {{ customer.customer_name }}: no order since {{ last_order_date }}. "
		"{% if messages_sent %}Messages sent since, without an order: {{ messages_sent }}."
		"{% else %}No message could be sent.{% endif %} Ask what has changed."
	),
	"致电{{ customer.customer_name }}：自 {{ last_order_date }} 起未下单，三封邮件后仍无订单。问问有什么变化。": (
		"致电{{ customer.customer_name }}：自 {{ last_order_date }} 起未下单，"
		"{% if messages_sent %}已发送 {{ messages_sent }} 条消息仍无订单{% else %}未能发出任何消息{% endif %}。问问有什么变化。"
	),
}


def execute() -> None:
	for before, now in SEEDED.items():
		frappe.db.set_value("Outreach Step", {"message": before}, "message", now, update_modified=False)
