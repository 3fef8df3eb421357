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
after_install = "customer_tiering.setup.install.after_install"
after_sync = "customer_tiering.setup.install.after_sync"
after_migrate = "customer_tiering.setup.install.after_sync"
before_uninstall = "customer_tiering.setup.uninstall.before_uninstall"
after_uninstall = "customer_tiering.setup.uninstall.after_uninstall"

extend_bootinfo = "customer_tiering.tiering.boot.add_reporting_currency"
additional_timeline_content = {
	"Customer": [
		"customer_tiering.tiering.timeline.tier_changes",
		"customer_tiering.outreach.timeline.outreach_of",
	]
}
doctype_js = {
	"Customer": [
		"public/js/customer.js",
		"public/js/customer_interests.js",
		"public/js/outreach_entry.js",
		"public/js/customer_sequences.js",
	],
	"Email Template": ["public/js/merge_variables.js", "public/js/email_template.js"],
	"Follow Up Rule": "public/js/audience.js",
	"Outreach Enrollment": "public/js/outreach_entry.js",
	"Outreach Sequence": [
		"public/js/audience.js",
		"public/js/merge_variables.js",
		"public/js/sequence_backlog.js",
	],
	"Outreach Touch": "public/js/try_again.js",
	"ToDo": ["public/js/follow_up.js", "public/js/todo.js"],
	"User": ["public/js/follow_up.js", "public/js/user.js"],
}
doctype_list_js = {
	"Outreach Enrollment": "public/js/outreach_entry.js",
	"Outreach Touch": "public/js/try_again.js",
	"Customer": ["public/js/outreach_entry.js", "public/js/customer_list.js"],
	"ToDo": ["public/js/follow_up.js", "public/js/todo_list.js"],
}
page_js = {"my-follow-ups": "public/js/follow_up.js"}
app_include_js = "/assets/customer_tiering/js/names.js"
standard_queries = {
	doctype: "customer_tiering.tiering.name_search.search_names"
	for doctype in ("Customer Tier", "Lifecycle Stage", "RFM Segment", "Feedback Reason")
}
override_doctype_dashboards = {
	"Campaign": "customer_tiering.tiering.connections.campaign_connections",
	"Customer": "customer_tiering.tiering.connections.customer_connections",
}
override_doctype_class = {
	"Email Account": "customer_tiering.outreach.email_account.WatchfulEmailAccount",
	"Email Queue": "customer_tiering.outreach.email_queue.CarefulEmailQueue",
}

# The way out of mails: short, so that it fits into their headers.
website_route_rules = [
	{"from_route": "/leave/<t>", "to_route": "outreach-unsubscribe"},
	{"from_route": "/o/<t>", "to_route": "outreach-unsubscribe"},
	{"from_route": "/survey/<t>", "to_route": "customer-survey"},
]

# The links and the picture by which we know that mails were read.
page_renderer = "customer_tiering.outreach.tracked_page.TrackedPage"

DORMANT_FILTER = "customer_tiering.customer_insights.dormant_filter.follow_stages"
FOLLOW_UP = "customer_tiering.tiering.queue.on_follow_up"
ENQUIRY = "customer_tiering.tiering.queue.on_enquiry"
VOICE = "customer_tiering.tiering.queue.on_voice"

TIER_DISCOUNT = "customer_tiering.tiering.tier_discount.before_validate"
REDEMPTION = {
	event: f"customer_tiering.outreach.redemption.{event}"
	for event in ("before_validate", "validate", "on_submit", "on_cancel")
}

IN_AUDIENCES = "customer_tiering.tiering.audience.after_rename"
IN_USE = "customer_tiering.tiering.renames.on_trash"
IN_RULE_CHANGES = "customer_tiering.tiering.rule_changes.after_rename"

doc_events = {
	"Customer": {
		"validate": [
			"customer_tiering.tiering.customer.validate",
			"customer_tiering.tiering.customer_interests.validate",
		],
		"on_update": "customer_tiering.tiering.queue.on_customer",
		"on_trash": [
			"customer_tiering.tiering.queue.on_customer",
			"customer_tiering.tiering.customer_interests.on_trash",
			"customer_tiering.outreach.hits.on_customer_trash",
		],
		"before_rename": [
			"customer_tiering.tiering.customer.before_rename",
			"customer_tiering.tiering.customer_interests.before_rename",
			"customer_tiering.outreach.merged.before_rename",
		],
		"after_rename": [
			"customer_tiering.tiering.customer.after_rename",
			"customer_tiering.follow_up.withdraw.after_rename",
			"customer_tiering.outreach.merged.after_rename",
		],
	},
	"Customer Tier": {
		"on_trash": IN_USE,
		"before_rename": "customer_tiering.tiering.renames.before_rename",
		"after_rename": [
			"customer_tiering.tiering.renames.after_rename",
			IN_AUDIENCES,
			IN_RULE_CHANGES,
			"customer_tiering.tiering.tier_discount.after_rename",
		],
	},
	"Lifecycle Stage": {
		"on_trash": IN_USE,
		"before_rename": "customer_tiering.tiering.renames.before_rename",
		"after_rename": [
			"customer_tiering.tiering.renames.after_rename",
			IN_AUDIENCES,
			IN_RULE_CHANGES,
			DORMANT_FILTER,
		],
		"on_update": DORMANT_FILTER,
		"after_delete": DORMANT_FILTER,
	},
	"RFM Segment": {
		"on_trash": IN_USE,
		"before_rename": "customer_tiering.tiering.renames.before_rename",
		"after_rename": ["customer_tiering.tiering.renames.after_rename", IN_AUDIENCES, IN_RULE_CHANGES],
	},
	**{
		doctype: {"after_rename": IN_AUDIENCES}
		for doctype in ("Interest Topic", "Territory", "Customer Group", "Industry Type", "Market Segment")
	},
	"Follow Up Rule": {
		"after_rename": ["customer_tiering.follow_up.withdraw.after_rule_renamed", IN_RULE_CHANGES]
	},
	"Outreach Sequence": {"after_rename": IN_RULE_CHANGES},
	**{
		doctype: {"after_rename": "customer_tiering.tiering.interest_sources.after_rename"}
		for doctype in ("Item Group", "Item")
	},
	"Email Template": {
		"validate": "customer_tiering.outreach.checks.refuse_broken_template",
		"after_rename": "customer_tiering.tiering.interest_sources.after_rename",
	},
	"Sales Invoice": {
		"before_validate": [REDEMPTION["before_validate"], TIER_DISCOUNT],
		"validate": REDEMPTION["validate"],  # invoices have codes in ERPNext 16
		"on_submit": [
			"customer_tiering.tiering.queue.on_order",
			REDEMPTION["on_submit"],
			"customer_tiering.outreach.exits.on_order_submitted",
		],
		"on_cancel": ["customer_tiering.tiering.queue.on_order", REDEMPTION["on_cancel"]],
		"on_update_after_submit": "customer_tiering.tiering.queue.on_order",
	},
	"Sales Order": {
		**REDEMPTION,
		"before_validate": [REDEMPTION["before_validate"], TIER_DISCOUNT],
		"on_change": "customer_tiering.tiering.queue.on_sales_order",
		"on_submit": [REDEMPTION["on_submit"], "customer_tiering.outreach.exits.on_order_submitted"],
	},
	"Coupon Code": {"on_trash": "customer_tiering.outreach.offers.refuse_while_held"},
	"Currency Exchange": {"on_trash": "customer_tiering.tiering.scope.on_rate_deleted"},
	"Contact": {event: "customer_tiering.tiering.queue.on_contact" for event in ("on_update", "on_trash")},
	**{
		doctype: {"on_update": FOLLOW_UP, "on_trash": FOLLOW_UP}
		for doctype in ("Communication", "Event", "Call Log")
	},
	"ToDo": {
		"validate": [
			"customer_tiering.follow_up.own_fields.keep_own_fields",
			"customer_tiering.follow_up.outcome.validate",
		],
		"after_insert": "customer_tiering.follow_up.sharing.after_insert",
		"on_update": [
			FOLLOW_UP,
			"customer_tiering.follow_up.outcome.on_update",
			"customer_tiering.follow_up.sharing.on_update",
		],
		"on_trash": [FOLLOW_UP, "customer_tiering.follow_up.sharing.on_trash"],
	},
	"Opportunity": {
		**dict.fromkeys(("on_update", "on_submit", "on_cancel", "on_trash"), ENQUIRY),
		"on_change": "customer_tiering.follow_up.settle.on_opportunity_changed",
	},
	"Quotation": {
		**dict.fromkeys(("on_update", "on_submit", "on_cancel", "on_trash"), ENQUIRY),
		"before_validate": [REDEMPTION["before_validate"], TIER_DISCOUNT],
		"validate": REDEMPTION["validate"],
	},
	**{
		doctype: {"on_update": VOICE, "on_trash": VOICE}
		for doctype in ("Issue", "Loyalty Point Entry", "Customer Feedback")
	},
	"POS Invoice": {
		**REDEMPTION,
		"on_cancel": [VOICE, REDEMPTION["on_cancel"]],  # its points are deleted behind the documents' back
	},
}

permission_query_conditions = {
	"Tiering Event": "customer_tiering.tiering.permissions.tiering_event_query",
	"Follow Up": "customer_tiering.tiering.permissions.follow_up_query",
	"Outreach Enrollment": "customer_tiering.tiering.permissions.outreach_enrollment_query",
	"Outreach Touch": "customer_tiering.tiering.permissions.outreach_touch_query",
	"Outreach Consent": "customer_tiering.tiering.permissions.outreach_consent_query",
	"Outreach Suppression": "customer_tiering.tiering.permissions.outreach_suppression_query",
	"Outreach Hit": "customer_tiering.tiering.permissions.outreach_hit_query",
	"Coupon Code": "customer_tiering.tiering.permissions.coupon_code_query",
	"Interest Signal": "customer_tiering.tiering.permissions.interest_signal_query",
	"Customer Feedback": "customer_tiering.tiering.permissions.customer_feedback_query",
}
has_permission = {
	**{
		doctype: "customer_tiering.tiering.permissions.has_permission"
		for doctype in permission_query_conditions
		if doctype != "Coupon Code"
	},
	"Customer Feedback": "customer_tiering.tiering.permissions.has_feedback_permission",
	"Outreach Suppression": "customer_tiering.tiering.permissions.has_suppression_permission",
	"Outreach Hit": "customer_tiering.tiering.permissions.has_hit_permission",
}

# Frappe tells scheduled jobs apart by the last two parts of their names alone.
scheduler_events = {
	"all": [
		"customer_tiering.tiering.jobs.drain_queue_regularly",
		"customer_tiering.outreach.hits.judge_hits",
	],
	"daily_long": [
		"customer_tiering.tiering.jobs.recompute_tiers_nightly",
		"customer_tiering.tiering.interests.compute_interests_nightly",
	],
	"weekly_long": [
		"customer_tiering.tiering.lifetime_value_jobs.fit_lifetime_value_weekly",
		"customer_tiering.outreach.bought_together.compute_associations_weekly",
	],
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
	"Follow Up",
	"Outreach Enrollment",
	"Outreach Touch",
	"Outreach Hit",
	"Outreach Suppression",
	"Outreach Consent",
	"Interest Signal",
	"Item Association",
]
