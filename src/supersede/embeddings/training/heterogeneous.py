"""A small network for queries that searches what a large one indexed.

Weight level: the query network learns with the gallery model's class weights frozen (`CompatibleLoss`)
and imitates its embeddings (`cross_reward` measures both). Architecture level: a search over networks
takes the *cross test* as its reward, with a penalty beyond a budget of cost, in place of the network's
own accuracy: a network may be accurate by itself and still not fit the gallery's space.

Reference: Duggal et al. (2021), Compatibility-aware heterogeneous visual search, arXiv 2105.06047,
sections 3.1 and 3.2.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from supersede.embeddings.relevance import relevance_of
from supersede.embeddings.report.paired import PairedEstimate, mean
from supersede.embeddings.report.ranking import rank
from supersede.embeddings.vectors import checked
from supersede.errors import ArgumentError

__all__ = ["CrossReward", "Device", "cross_reward"]


@dataclass(frozen=True)
class Device:
    """Where query networks run.

    Attributes:
        budget: Most that a network may cost there: multiply-adds, seconds or joules.
        weight: Power of the penalty beyond the budget; 0 for none.
    """

    budget: float
    weight: float = 1.0

    def __post_init__(self) -> None:
        finite = np.isfinite([self.budget, self.weight]).all()
        if not (finite and self.budget > 0 and self.weight >= 0):
            msg = f"budget={self.budget!r} must be above 0 and weight={self.weight!r} at least 0"
            raise ArgumentError(msg)

    def factor(self, cost: float) -> float:
        """1 within the budget; (budget / cost) to the power `weight` beyond it.

        Example:
            >>> Device(100).factor(50), Device(100).factor(200)
            (1.0, 0.5)
        """
        return float(min(1.0, (self.budget / cost) ** self.weight))


@dataclass(frozen=True)
class CrossReward:
    """How a query network does against a gallery that another one indexed.

    Attributes:
        map: Mean average precision of the cross test.
        recall: Share of queries whose nearest gallery item is right.
        cost: Its cost on each device.
        value: `map` times the smallest factor over the devices: what a search maximises.
    """

    map: PairedEstimate
    recall: PairedEstimate
    cost: dict[str, float]
    value: float


def cross_reward(
    queries: Any,
    gallery: Any,
    query_labels: Any,
    gallery_labels: Any,
    *,
    cost: Mapping[str, float] | None = None,
    devices: Mapping[str, Device] | None = None,
) -> CrossReward:
    """The reward of an architecture search: cross test together with cost on each device.

    Args:
        queries: Validation queries embedded by the candidate, shape ``(q, d)``.
        gallery: Gallery embedded by the large network, shape ``(g, d)``.
        query_labels: Class of each query.
        gallery_labels: Class of each gallery item.
        cost: What the candidate costs on each device, as `supersede.hardware` measures it.
        devices: Budgets by device; each needs a cost.

    Raises:
        ArgumentError: A device has a budget and no cost, or a cost is not above 0.
        VectorError: Vectors are broken or dimensions differ.

    Example:
        >>> space = np.eye(3)
        >>> phone = {"phone": Device(budget=1)}
        >>> found = cross_reward(space, space, [*"abc"], [*"abc"], cost={"phone": 2}, devices=phone)
        >>> found.map.value, found.value
        (1.0, 0.5)
    """
    asked, held = checked(queries, "queries"), checked(gallery, "gallery")
    relevance = relevance_of(
        len(asked), len(held), query_labels=query_labels, gallery_labels=gallery_labels
    )
    ranks = rank(asked, held, relevance)
    precision = mean(ranks.precision)
    known, budgets = dict(cost or {}), dict(devices or {})
    lacking = sorted(set(budgets) - set(known))
    if lacking:
        msg = f"no cost on {lacking[0]!r}; measure the network there (supersede.hardware) and pass cost={{…}}"
        raise ArgumentError(msg)
    for device, value in known.items():
        if not (np.isfinite(value) and value > 0):
            msg = f"cost on {device!r} is {value!r}; it must be a finite number above 0"
            raise ArgumentError(msg)
    factor = min((device.factor(known[name]) for name, device in budgets.items()), default=1.0)
    return CrossReward(precision, mean(ranks.found(1)), known, precision.value * factor)
