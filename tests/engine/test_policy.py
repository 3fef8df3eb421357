"""The rule version: the same for equal rules, another one when anything changes."""

import json
from dataclasses import FrozenInstanceError, fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_tiering.engine.policy import Policy
from tests.engine.populations import SEGMENTS, STAGES, TIERS, policies, policy


@given(st.permutations(TIERS), st.permutations(STAGES), st.permutations(SEGMENTS))
def test_the_order_of_the_rules_does_not_matter(tiers: list, stages: list, segments: list) -> None:
	other = policy(tiers=tuple(tiers), stages=tuple(stages), segments=tuple(segments))
	assert other == policy()
	assert other.rule_version == policy().rule_version
	assert other.as_json() == policy().as_json()
	assert [tier.name for tier in other.tiers] == ["A", "B", "C", "D"]
	assert [stage.position for stage in other.stages] == [10, 20, 30, 40, 50, 60]


def changed(value: object) -> object:
	"""Another value of the same kind."""
	if isinstance(value, bool):
		return not value
	if value is None:
		return 1.0
	if isinstance(value, int | float):
		return value + 1
	if isinstance(value, tuple):
		return (*value, value[-1] + 1 if value else "another one")
	return f"{value} changed"


def policies_with_one_change() -> dict[str, Policy]:
	"""Every value of the policy, changed on its own."""
	found = {}
	kinds = ("tiers", "stages", "segments")
	for name in (each.name for each in fields(Policy) if each.init and each.name not in kinds):
		found[name] = policy(**{name: changed(getattr(policy(), name))})
	for kind, rules in (("tiers", TIERS), ("stages", STAGES), ("segments", SEGMENTS)):
		for number, rule in enumerate(rules):
			others = rules[:number] + rules[number + 1 :]
			found[f"{kind} without {rule.name}"] = policy(**{kind: others})
			for field in fields(rule):
				other = replace(rule, **{field.name: changed(getattr(rule, field.name))})
				found[f"{kind} {rule.name} {field.name}"] = policy(**{kind: (*others, other)})
	return found


def test_any_change_makes_another_version() -> None:
	versions = {what: rules.rule_version for what, rules in policies_with_one_change().items()}
	versions["as it was"] = policy().rule_version
	same: dict[str, list[str]] = {}
	for what, version in versions.items():
		same.setdefault(version, []).append(what)
	assert [whats for whats in same.values() if len(whats) > 1] == []


def test_what_another_version_of_the_app_wrote_can_be_read() -> None:
	values = json.loads(policy().as_json())
	values["unknown"] = values["tiers"][0]["unknown"] = 1
	del values["whale_factor"], values["stages"][0]["no_open_follow_up"]
	assert Policy.from_json(json.dumps(values)) == policy()


def test_one_cent_makes_another_version() -> None:
	tiers = (replace(TIERS[0], entry_value=TIERS[0].entry_value + 0.01), *TIERS[1:])
	assert policy(tiers=tiers).rule_version != policy().rule_version


def test_whole_and_decimal_numbers_are_the_same_rule() -> None:
	tiers = tuple(replace(tier, entry_value=float(tier.entry_value)) for tier in TIERS)
	assert policy(tiers=tiers).rule_version == policy().rule_version


def test_the_version_stays_the_same_from_one_process_to_the_next(engine_process) -> None:
	script = "from tests.engine.populations import policy; print(policy().rule_version)"
	versions = {engine_process(script, PYTHONHASHSEED=seed).stdout.strip() for seed in ("0", "1")}
	assert versions == {policy().rule_version}


@settings(max_examples=50)
@given(policies())
def test_the_text_is_json_that_holds_every_rule(rules: Policy) -> None:
	text = json.loads(rules.as_json())
	assert [tier["name"] for tier in text["tiers"]] == [tier.name for tier in rules.tiers]
	assert [stage["name"] for stage in text["stages"]] == [stage.name for stage in rules.stages]
	assert len(text["segments"]) == len(rules.segments)
	assert text["window_months"] == rules.window_months


def test_a_policy_is_frozen() -> None:
	with pytest.raises(FrozenInstanceError):
		policy().window_months = 6
