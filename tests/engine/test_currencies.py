"""Money on a record is shown in the currency that its figure is in, never by chance in the site's."""

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
REPORTING = "Tiering Settings:tiering_settings:reporting_currency"


def test_every_field_of_money_says_its_currency() -> None:
	doctypes = [
		json.loads(file.read_text()) for file in (ROOT / "apps/customer_tiering").glob("*/doctype/*/*.json")
	]
	known = {doctype["name"]: {field["fieldname"] for field in doctype["fields"]} for doctype in doctypes}
	fields = [(doctype["name"], field) for doctype in doctypes for field in doctype["fields"]]
	fields += [(each["dt"], each) for each in json.loads((ROOT / "fixtures/custom_field.json").read_text())]
	money = [(doctype, field) for doctype, field in fields if field["fieldtype"] == "Currency"]
	assert len(money) >= 12
	for doctype, field in money:
		assert field.get("options") == REPORTING or field.get("options") in known[doctype], field["fieldname"]
