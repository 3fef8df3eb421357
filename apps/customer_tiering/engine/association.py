"""Which items are bought together: association rules of two items, ranked by lift.

Lift is called *interest* where it was introduced: S. Brin, R. Motwani, J. D. Ullman, S. Tsur, "Dynamic Itemset Counting and
Implication Rules for Market Basket Data", SIGMOD 1997.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd


def associations(
	baskets: Iterable[pd.DataFrame], minimum_orders: int = 5, per_item: int = 10
) -> pd.DataFrame:
	"""The items that go best with each item.

	`baskets` are frames with the columns order and item, a row for each line (repetitions count once); an order stands in one
	frame only. Returns the columns item, goes_with, orders (how many have both) and lift = P(both) ÷ (P(one) · P(other)), for
	pairs in `minimum_orders` orders or more and with a lift above 1: for each item at most `per_item`, the highest lift
	first, of equals the one with more orders, then by name.
	"""
	orders, items, total, names = _codes(baskets)
	sold = np.bincount(items, minlength=len(names))
	kept = sold[items] >= minimum_orders
	one, other, both = _pairs(orders[kept], items[kept], total, len(names))
	lift = both * total / (sold[one].astype(float) * sold[other])
	good = (both >= minimum_orders) & (lift > 1)
	labels = np.array(names, dtype=object)
	found = pd.DataFrame(
		{
			"item": labels[one[good]],
			"goes_with": labels[other[good]],
			"orders": both[good],
			"lift": lift[good],
		}
	)
	found = found.sort_values(["item", "lift", "orders", "goes_with"], ascending=[True, False, False, True])
	return found.groupby("item", sort=False).head(per_item).reset_index(drop=True)


def _codes(baskets: Iterable[pd.DataFrame]) -> tuple[np.ndarray, np.ndarray, int, list[str]]:
	"""Orders and items as numbers, each pair once; how many orders; the items' names."""
	number_of: dict[str, int] = {}
	parts, total = [], 0
	for frame in baskets:
		frame = frame.drop_duplicates(["order", "item"])
		order, seen = pd.factorize(frame["order"])
		item = np.array([number_of.setdefault(name, len(number_of)) for name in frame["item"]], dtype="int32")
		parts.append((order.astype("int32") + total, item))
		total += len(seen)
	empty = np.array([], dtype="int32")
	orders = np.concatenate([part[0] for part in parts]) if parts else empty
	items = np.concatenate([part[1] for part in parts]) if parts else empty
	return orders, items, total, list(number_of)


def _pairs(
	orders: np.ndarray, items: np.ndarray, total: int, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
	"""One item, the other, and in how many orders both are; either way round."""
	from scipy.sparse import csr_matrix

	bought = csr_matrix((np.ones(len(orders), dtype="int32"), (orders, items)), shape=(total, width))
	counts = (bought.T @ bought).tocoo()
	apart = counts.row != counts.col
	return counts.row[apart], counts.col[apart], counts.data[apart]
