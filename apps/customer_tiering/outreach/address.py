"""Addresses in the one form in which they can be compared: however people type them, they stop, consent and get once alike."""

from email.utils import getaddresses
from functools import lru_cache

import frappe
import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, ValidationResult


def comparable(address: str | None) -> str:
	"""A bare mail address in lower case, or a telephone number as in `phone_number`; empty if it is neither, or several mail addresses."""
	address = (address or "").strip()
	return mail_address(address) if "@" in address else phone_number(address)


def mail_address(text: str | None) -> str:
	"""`joe@example.com` of "Joe <Joe@Example.com>"; empty without one, and of several: nobody knows whose they are."""
	text = (text or "").strip()
	if not any(mark in text for mark in '<,;" \t\n('):  # as nearly all of them are
		return text.lower() if "@" in text else ""
	found = [address for _name, address in getaddresses([text.replace(";", ",")]) if address]
	return found[0].strip().lower() if len(found) == 1 and found[0].find("@") > 0 else ""


def phone_number(text: str | None) -> str:
	"""As in E.164 (+491701234567), one without a country's code as a number of the site's country; what is no number anywhere: its digits."""
	text = (text or "").strip()
	return _in_one_form(text, _region()) if text else ""


@lru_cache(maxsize=5000)  # customers are looked at again and again, and to read a number takes its time
def _in_one_form(text: str, region: str | None) -> str:
	digits = "".join(filter(str.isdigit, text))
	if not digits:
		return ""
	try:
		number = phonenumbers.parse(text, region)
	except NumberParseException:
		return digits
	if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
		return digits
	return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _region() -> str | None:
	country = frappe.db.get_single_value("System Settings", "country")
	code = frappe.db.get_value("Country", country, "code", cache=True) if country else None
	return code.upper() if code else None
