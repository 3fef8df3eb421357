app_name = "erpnext"
app_title = "Sandbox"
app_publisher = "Customer Tiering contributors"
app_description = "A stand-in for ERPNext, for tests and evaluation only"
app_email = "sandbox@example.com"
app_license = "mit"
app_logo_url = "/assets/erpnext/images/sandbox.svg"

app_include_js = "/assets/erpnext/js/sandbox.js"
web_include_js = "/assets/erpnext/js/sandbox.js"

setup_wizard_stages = "erpnext.setup.wizard.get_setup_stages"
