"""Tiers, stages and the like are found by the names that the reader sees."""

import frappe
import pytest
from frappe.desk.search import search_link

from customer_tiering.tiering.name_search import search_names


@pytest.fixture
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
	monkeypatch.setattr(frappe.local, "lang", "zh")


def found(doctype: str, text: str, **given: object) -> list[str]:
	rows = search_link(doctype, text, **given)
	rows = rows if rows is not None else frappe.response.pop("results")  # of older versions
	return [row["value"] for row in rows]


@pytest.mark.parametrize("text", ["复购", "Repeat", "repe"])
def test_a_stage_is_found_in_both_languages(chinese: None, text: str) -> None:
	assert found("Lifecycle Stage", text) == ["Repeat"]


def test_not_by_what_the_word_means_elsewhere(chinese: None) -> None:
	assert found("Lifecycle Stage", "重复") == []


def test_filters_hold_and_what_is_disabled_is_not_offered(chinese: None) -> None:
	assert found("Lifecycle Stage", "", filters={"meaning": "Lost"}) == ["Lost"]
	assert found("Feedback Reason", "价格") == ["Price"]
	frappe.db.set_value("Feedback Reason", "Price", "disabled", 1)
	assert found("Feedback Reason", "价格") == []
	assert found("Lifecycle Stage", "", page_length=2) == found("Lifecycle Stage", "")[:2]


def test_nobody_finds_what_he_may_not_read(chinese: None) -> None:
	frappe.set_user("Guest")
	with pytest.raises(frappe.PermissionError):
		search_names("Lifecycle Stage", "Repeat", "name", 0, 10)
