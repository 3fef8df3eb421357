"""Every text of the app that a person may see has a Chinese translation, and no translation is left over."""

import ast
import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

APP = Path(__file__).parents[2] / "apps" / "customer_tiering"
FIXTURES = Path(__file__).parents[2] / "fixtures"
TRANSLATIONS = APP / "translations" / "zh.csv"
# Words that Frappe and ERPNext translate: ours would change them all over the Desk, so they only stand with a context.
FRAMEWORK = Path(__file__).parent / "translated_by_frappe.txt"
SEEDED_NAMES = {
	"rfm_segment": "segment_name",
	"lifecycle_stage": "stage_name",
	"feedback_reason": "reason",
}
JS_CALL = re.compile(r"""__\(\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")
HTML_CALL = re.compile(r"""_\(\s*(\\?"(?:[^"\\]|\\(?!"))*\\?")""")
LABEL_KEYS = ("label", "description", "title", "link_to_label")


def test_every_text_has_a_chinese_translation() -> None:
	missing = sorted(texts() - set(translations()) - set(FRAMEWORK.read_text().splitlines()))
	assert not missing, f"{len(missing)} texts without a translation in {TRANSLATIONS.name}: {missing}"


def test_no_translation_is_left_over() -> None:
	left_over = sorted(set(translations()) - texts())
	assert not left_over, f"translated but used nowhere: {left_over}"


def test_translations_keep_the_placeholders() -> None:
	def placeholders(text: str) -> list[str]:
		return sorted(re.findall(r"\{\d\}", text))

	wrong = [source for source, text in translations().items() if placeholders(source) != placeholders(text)]
	assert not wrong


def translations() -> dict[str, str]:
	with TRANSLATIONS.open(encoding="utf-8", newline="") as file:
		rows = list(csv.reader(file))
	assert all(len(row) in (2, 3) and row[1].strip() for row in rows)
	assert len(rows) == len({(row[0], *row[2:]) for row in rows}), "a text is translated twice"
	return {row[0]: row[1] for row in rows}


def texts() -> set[str]:
	found = set()
	for path in APP.rglob("*"):
		if path.suffix == ".py":
			found.update(_python_texts(path))
		elif path.suffix == ".js":
			found.update(ast.literal_eval(text) for text in JS_CALL.findall(path.read_text()))
		elif path.suffix == ".html" and "defaults" not in path.parts:
			found.update(ast.literal_eval(text) for text in HTML_CALL.findall(path.read_text()))
		elif path.suffix == ".json" and "defaults" not in path.parts:
			found.update(_record_texts(json.loads(path.read_text())))
	found.update(_record_texts(json.loads((FIXTURES / "custom_field.json").read_text())))
	found.update(_seeded_texts())
	return {text for text in found if re.search("[A-Za-z]{2}", text)}


def _python_texts(path: Path) -> Iterator[str]:
	for node in ast.walk(ast.parse(path.read_text())):
		if isinstance(node, ast.Call) and node.args:
			name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
			first = node.args[0]
			if name == "_" and isinstance(first, ast.Constant) and isinstance(first.value, str):
				yield first.value


def _record_texts(record: dict | list) -> Iterator[str]:
	"""Names of DocTypes and reports, labels, descriptions and choices, wherever they are nested."""
	if isinstance(record, list):
		for part in record:
			yield from _record_texts(part)
		return
	if not isinstance(record, dict):
		return
	if record.get("doctype") in ("DocType", "Report", "Workspace", "Number Card", "Dashboard Chart"):
		yield record["name"]
	for key in LABEL_KEYS:
		if isinstance(record.get(key), str) and record[key] and not record[key].startswith("<"):
			yield record[key]
	if record.get("doctype") == "Workspace":
		yield from re.findall(r"<b>(.*?)</b>", record["content"])
		yield from (shortcut["format"] for shortcut in record["shortcuts"] if shortcut.get("format"))
	if record.get("fieldtype") == "Select":
		yield from filter(None, record.get("options", "").split("\n"))
	for part in record.values():
		if isinstance(part, dict | list):
			yield from _record_texts(part)


def _seeded_texts() -> Iterator[str]:
	for kind, field in SEEDED_NAMES.items():
		for record in json.loads((APP / "setup" / "defaults" / "en" / f"{kind}.json").read_text()):
			yield record[field]
	for path in (APP / "setup" / "presets").glob("*.json"):
		preset = json.loads(path.read_text())
		for row in (*preset.get("tiers", []), *preset.get("stages", [])):
			yield from (row[field]["en"] for field in ("tier_name", "stage_name") if field in row)
	for language in ("en", "zh"):
		for rule in json.loads((APP / "setup" / "defaults" / language / "follow_up_rule.json").read_text()):
			yield from (ast.literal_eval(text) for text in HTML_CALL.findall(rule["description"]))
