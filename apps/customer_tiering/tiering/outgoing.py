"""Whether this site can send mail at all: without an account each attempt would leave an Error Log."""


def has_outgoing_account() -> bool:
	"""Whether there is an outgoing Email Account that is the default, in the records or in the site's configuration."""
	from frappe.email.doctype.email_account.email_account import EmailAccount

	return bool(EmailAccount.find_outgoing())
