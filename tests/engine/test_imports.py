"""Imports point one way, and the engine needs no framework."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

APP = Path(__file__).resolve().parents[2] / "apps" / "customer_tiering"
PACKAGE = "customer_tiering"
MAY_IMPORT = {
	"engine": {"engine"},
	"tiering": {"engine", "tiering"},
	"follow_up": {"engine", "tiering", "follow_up"},
	"outreach": {"engine", "tiering", "outreach"},
	"customer_insights": {"engine", "tiering", "follow_up", "outreach", "customer_insights"},
}
DOTTED = re.compile(rf"{PACKAGE}(\.\w+)+")

BLOCKED = """
import sys

class Blocked:
	def find_spec(self, name, path=None, target=None):
		if name.split(".")[0] in ("frappe", "erpnext"):
			raise ImportError(f"the engine must not import {name}")

sys.meta_path.insert(0, Blocked())
"""


def test_the_engine_runs_where_there_is_no_framework(engine_process: Callable) -> None:
	modules = sorted(path.stem for path in (APP / "engine").glob("*.py") if path.stem != "__init__")
	assert {"policy", "window", "classify"} <= set(modules)
	script = BLOCKED + "".join(f"import {PACKAGE}.engine.{module}\n" for module in modules)
	done = engine_process(script + "print(sorted({'frappe', 'erpnext'} & set(sys.modules)))")
	assert done.stdout.strip() == "[]"


def test_the_block_of_the_test_above_does_block(engine_process: Callable) -> None:
	script = BLOCKED + "try:\n\timport frappe.utils\nexcept ImportError as error:\n\tprint(error)"
	assert engine_process(script).stdout.strip() == "the engine must not import frappe"


@pytest.mark.parametrize("layer", MAY_IMPORT)
def test_a_layer_imports_only_what_lies_below(layer: str) -> None:
	sources = sorted((APP / layer).rglob("*.py"))
	assert sources
	wrong = [
		f"{source.relative_to(APP)} uses {name}"
		for source in sources
		for name in names_used(source.read_text(), module_of(source))
		if not is_allowed(layer, name)
	]
	assert wrong == []


def test_the_engine_imports_no_framework_in_its_text_either() -> None:
	for source in (APP / "engine").rglob("*.py"):
		roots = {name.split(".")[0] for name in names_used(source.read_text(), module_of(source))}
		assert not roots & {"frappe", "erpnext"}, source


@pytest.mark.parametrize(
	"text",
	[
		"import customer_tiering.outreach.dispatch",
		"import customer_tiering.outreach as later",
		"from customer_tiering import outreach",
		"from customer_tiering.outreach import dispatch",
		"from ..outreach import dispatch",
		"from .. import outreach",
		"def f():\n\tfrom customer_tiering.outreach.dispatch import send",
		"frappe.enqueue('customer_tiering.outreach.dispatch.send')",
	],
)
def test_the_check_sees_every_way_to_import(text: str) -> None:
	names = list(names_used(text, "customer_tiering.tiering.job"))
	assert not all(is_allowed("tiering", name) for name in names)
	assert all(is_allowed("outreach", name) for name in names)


@pytest.mark.parametrize(
	"text",
	["import pandas", "from customer_tiering.engine import policy", "'''Not customer_tiering.outreach'''"],
)
def test_the_check_leaves_what_is_allowed(text: str) -> None:
	assert all(is_allowed("tiering", name) for name in names_used(text, "customer_tiering.tiering.job"))


def module_of(source: Path) -> str:
	"""Dotted name of a file; a package counts as its __init__, which fits how dots are counted."""
	return ".".join((PACKAGE, *source.relative_to(APP).with_suffix("").parts))


def names_used(text: str, module: str) -> Iterator[str]:
	"""Dotted names that a source imports, or names in a string for the framework to import."""
	for node in ast.walk(ast.parse(text)):
		if isinstance(node, ast.Import):
			yield from (alias.name for alias in node.names)
		elif isinstance(node, ast.ImportFrom):
			above = ".".join(module.split(".")[: -node.level]) if node.level else None
			base = ".".join(part for part in (above, node.module) if part)
			yield from (f"{base}.{alias.name}" for alias in node.names)
		elif isinstance(node, ast.Constant) and isinstance(node.value, str) and DOTTED.fullmatch(node.value):
			yield node.value


def is_allowed(layer: str, name: str) -> bool:
	"""Whether a layer may use a name; what isn't in a layer is nobody's business here."""
	parts = name.split(".")
	used = parts[1] if parts[0] == PACKAGE and len(parts) > 1 else None
	return used not in MAY_IMPORT or used in MAY_IMPORT[layer]
