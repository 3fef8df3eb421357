"""Our Chinese changes no word of Frappe's and ERPNext's own."""

import csv

import frappe
import pytest

from tests.conftest import REAL_BENCH_ONLY
from tests.engine.test_translations import FRAMEWORK, TRANSLATIONS


@pytest.fixture
def framework(site: str) -> dict[str, str]:
	from frappe.translate import get_translations_from_apps

	translations = get_translations_from_apps("zh", apps=["frappe", "erpnext"])
	if "Sales Invoice" not in translations:
		pytest.skip(f"{REAL_BENCH_ONLY} the stand-in for ERPNext has no Chinese translations")
	return translations


def test_no_word_of_the_framework_is_translated_anew(framework: dict[str, str]) -> None:
	with TRANSLATIONS.open(encoding="utf-8", newline="") as file:
		without_context = {row[0] for row in csv.reader(file) if len(row) == 2}
	assert sorted(without_context & set(framework)) == []


def test_what_is_left_to_the_framework_is_translated_there(framework: dict[str, str]) -> None:
	assert set(FRAMEWORK.read_text().splitlines()) - set(framework) == set()


def test_a_context_makes_our_word_of_it(site: str) -> None:
	before = frappe.local.lang
	frappe.local.lang = "zh"
	try:
		assert frappe._("Lost", context="Lifecycle Stage") == "流失"
		assert frappe._("Dormant") == "沉睡"
	finally:
		frappe.local.lang = before
