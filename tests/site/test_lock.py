"""What is a lost connection and what isn't."""

import frappe
import pytest

from customer_tiering.tiering.lock import connection_is_lost


def error(name: str, *arguments: object) -> Exception:
	return type(name, (Exception,), {})(*arguments)


@pytest.mark.parametrize("code", [2006, 2013, 2055, 1927])
def test_a_server_that_went_away(code: int) -> None:
	assert connection_is_lost(error("OperationalError", code, "gone"))


def test_a_connection_that_was_closed() -> None:
	assert connection_is_lost(error("InterfaceError", 0, ""))


@pytest.mark.parametrize("code", [1054, 1114, 1205, 1213])
def test_a_missing_column_a_full_disk_or_a_lock_is_another_matter(code: int) -> None:
	assert not connection_is_lost(error("OperationalError", code, "Unknown column"))
	assert not connection_is_lost(ValueError(code))


def test_as_the_driver_says_it(rollback: None) -> None:
	with pytest.raises(Exception, match="nothing_of_the_kind") as raised:
		frappe.db.sql("SELECT nothing_of_the_kind FROM tabCustomer")
	assert not connection_is_lost(raised.value)
