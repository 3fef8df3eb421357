"""What one policy says of customers on a day, for whoever compares or writes it."""

from dataclasses import dataclass
from datetime import date

import pandas as pd

from customer_tiering.engine.classify import classify
from customer_tiering.engine.conditions import conditions, whale_from
from customer_tiering.engine.policy import Policy
from customer_tiering.engine.population import Population, fit
from customer_tiering.engine.signals import WHALE_ORDER
from customer_tiering.tiering.order_facts import median_order, whales


@dataclass(frozen=True)
class Judgement:
	"""Decisions as classify gives them, the condition signals that hold, and the orders from `whales_from` on, if that is a sum."""

	population: Population
	decisions: pd.DataFrame
	conditions: pd.DataFrame
	whales: pd.DataFrame
	whales_from: float | None


def judge(
	facts: pd.DataFrame, policy: Policy, as_of: date, population: Population | None = None
) -> Judgement:
	"""Decide about the customers of `facts` (see read_facts); without a population they are all, and it is fitted to them."""
	population = population or fit(facts, policy, as_of, median_order(policy, as_of))
	large = whales(policy, as_of, whale_from(policy, population), facts.index)
	return _judgement(facts, policy, as_of, population, large)


def judge_likewise(judged: Judgement, facts: pd.DataFrame, policy: Policy, as_of: date) -> Judgement:
	"""By another policy that counts orders as that of `judged` does, so that little is read once more."""
	population = fit(facts, policy, as_of, judged.population.median_order)
	least = whale_from(policy, population)
	known = least is None or (judged.whales_from is not None and least >= judged.whales_from)
	large = judged.whales if known else whales(policy, as_of, least, facts.index)
	return _judgement(facts, policy, as_of, population, large)


def _judgement(
	facts: pd.DataFrame, policy: Policy, as_of: date, population: Population, large: pd.DataFrame
) -> Judgement:
	decisions = classify(facts, policy, as_of, population)
	held = conditions(facts, decisions, policy, as_of, population, large)
	originals = dict(zip(large["order"], large["original"], strict=True))
	is_whale = held["signal"] == WHALE_ORDER  # one that is amended is the one that was told of
	held["period"] = held["period"].mask(is_whale, held["period"].map(originals))
	return Judgement(population, decisions, held, large, whale_from(policy, population))
