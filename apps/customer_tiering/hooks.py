app_name = "customer_tiering"
app_title = "Customer Tiering"
app_publisher = "Customer Tiering contributors"
app_description = (
	"Tiers, follow-ups and wake-up mails for the customers of ERPNext, decided from their orders"
)
app_email = "customer-tiering@example.com"
app_license = "mit"
required_apps = ["frappe/erpnext"]

before_install = "customer_tiering.setup.install.before_install"
after_sync = "customer_tiering.setup.install.after_sync"
after_migrate = "customer_tiering.setup.install.after_sync"
before_uninstall = "customer_tiering.setup.uninstall.before_uninstall"
after_uninstall = "customer_tiering.setup.uninstall.after_uninstall"

additional_timeline_content = {"Customer": ["customer_tiering.tiering.timeline.tier_changes"]}
doctype_js = {
	"Customer": ["public/js/customer.js", "public/js/outreach_entry.js", "public/js/customer_sequences.js"],
	"Follow Up Rule": "public/js/audience.js",
	"Outreach Sequence": "public/js/audience.js",
}
doctype_list_js = {"Customer": ["public/js/outreach_entry.js", "public/js/customer_list.js"]}

override_doctype_class = {"Email Account": "customer_tiering.outreach.email_account.WatchfulEmailAccount"}

# The way out of mails: short, so that it fits into their headers.
website_route_rules = [{"from_route": "/leave/<t>", "to_route": "outreach-unsubscribe"}]

FOLLOW_UP = "customer_tiering.tiering.queue.on_follow_up"
ENQUIRY = "customer_tiering.tiering.queue.on_enquiry"

doc_events = {
	"Customer": {
		"validate": "customer_tiering.tiering.customer.validate",
		"on_update": "customer_tiering.tiering.queue.on_customer",
		"on_trash": "customer_tiering.tiering.queue.on_customer",
		"before_rename": "customer_tiering.tiering.customer.before_rename",
		"after_rename": [
			"customer_tiering.tiering.customer.after_rename",
			"customer_tiering.follow_up.withdraw.after_rename",
		],
	},
	"Customer Tier": {"after_rename": "customer_tiering.tiering.renames.after_rename"},
	"Lifecycle Stage": {"after_rename": "customer_tiering.tiering.renames.after_rename"},
	"RFM Segment": {"after_rename": "customer_tiering.tiering.renames.after_rename"},
	"Follow Up Rule": {"after_rename": "customer_tiering.follow_up.withdraw.after_rule_renamed"},
	"Sales Invoice": {
		"on_submit": [
			"customer_tiering.tiering.queue.on_order",
			"customer_tiering.outreach.exits.on_order_submitted",
		],
		"on_cancel": "customer_tiering.tiering.queue.on_order",
		"on_update_after_submit": "customer_tiering.tiering.queue.on_order",
	},
	"Sales Order": {
		"on_change": "customer_tiering.tiering.queue.on_sales_order",
		"on_submit": "customer_tiering.outreach.exits.on_order_submitted",
	},
	"Currency Exchange": {"on_trash": "customer_tiering.tiering.scope.on_rate_deleted"},
	"Contact": {event: "customer_tiering.tiering.queue.on_contact" for event in ("on_update", "on_trash")},
	**{
		doctype: {"on_update": FOLLOW_UP, "on_trash": FOLLOW_UP}
		for doctype in ("Communication", "Event", "Call Log", "ToDo")
	},
	**{
		doctype: {event: ENQUIRY for event in ("on_update", "on_submit", "on_cancel", "on_trash")}
		for doctype in ("Opportunity", "Quotation")
	},
}

permission_query_conditions = {
	"Tiering Event": "customer_tiering.tiering.permissions.tiering_event_query",
	"Outreach Enrollment": "customer_tiering.tiering.permissions.outreach_enrollment_query",
	"Outreach Touch": "customer_tiering.tiering.permissions.outreach_touch_query",
}
has_permission = {
	doctype: "customer_tiering.tiering.permissions.has_permission" for doctype in permission_query_conditions
}

# Frappe tells scheduled jobs apart by the last two parts of their names alone.
scheduler_events = {
	"all": ["customer_tiering.tiering.jobs.drain_queue_regularly"],
	"daily_long": ["customer_tiering.tiering.jobs.recompute_tiers_nightly"],
	"hourly_long": [
		"customer_tiering.follow_up.jobs.create_follow_ups_hourly",
		"customer_tiering.outreach.jobs.run_outreach_hourly",
	],
}

# What is called, one after the other and each in a job of its own, when a run has written its signals.
tiering_run_finished = [
	"customer_tiering.follow_up.jobs.after_run",
	"customer_tiering.outreach.jobs.after_run",
]

# The ledger keeps what it says about a customer or a document that is deleted later.
ignore_links_on_delete = [
	"Tiering Event",
	"Tiering Queue",
	"Tiering Run",
	"Outreach Enrollment",
	"Outreach Touch",
	"Outreach Suppression",
]
