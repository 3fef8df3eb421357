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

doctype_js = {"Customer": "public/js/customer.js"}

doc_events = {
	"Customer": {
		"validate": "customer_tiering.tiering.customer.validate",
		"after_rename": "customer_tiering.tiering.customer.after_rename",
	},
	"Customer Tier": {"after_rename": "customer_tiering.tiering.renames.after_rename"},
	"Lifecycle Stage": {"after_rename": "customer_tiering.tiering.renames.after_rename"},
	"RFM Segment": {"after_rename": "customer_tiering.tiering.renames.after_rename"},
	"Sales Invoice": {
		"on_submit": "customer_tiering.outreach.exits.on_invoice_submitted",
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
	"Tiering Run",
	"Outreach Enrollment",
	"Outreach Touch",
	"Outreach Suppression",
]
