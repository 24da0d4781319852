"""Search over edits: each alone, those that gain together, and none that is in the way of the rest.

The search knows nothing of targets: a `Judge` says what networks cost and which is better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING

from supersede.hardware.advice.edits import Edit, Rule

if TYPE_CHECKING:
    from supersede.hardware.advice.judge import Judge
    from supersede.hardware.description.network import Network
    from supersede.hardware.targets.measurement import Measurement

__all__ = ["FREE", "Verified", "alone", "applied", "chosen", "jointly"]

FREE = 1e-3
"""Channels that cost no more latency than this, relative, are taken: they are capacity for nothing."""

ROUNDING = 1e-9
"""Latencies that differ by less, relative, are the same."""


@dataclass(frozen=True)
class Verified:
    """An edit, and what it is worth on the target.

    Args:
        rule: Which rule it follows.
        layers: The layers that it changes.
        words: The change in words.
        alone: Relative change of latency when only this edit is made; negative is faster.
        joint: The same by which the advised network would be slower without it, as a negative number;
            not a number for edits that were not taken.
        macs: Relative change of multiply-adds when only this edit is made.
        gains: Whether it is faster alone; with noise, only if the intervals do not overlap.
    """

    rule: Rule
    layers: tuple[str, ...]
    words: str
    alone: float
    joint: float
    macs: float
    gains: bool


def applied(network: Network, edits: Sequence[Edit]) -> Network:
    """The network with all edits, in order."""
    for edit in edits:
        network = edit.apply(network)
    return network


def seconds(cost: Measurement | None) -> float:
    """A latency; infinite for a network that cannot be judged."""
    return float("inf") if cost is None else cost.seconds


def alone(judge: Judge, network: Network, edits: Sequence[Edit]) -> dict[str, Verified]:
    """Each edit by itself, by its words."""
    changed = [edit.apply(network) for edit in edits]
    before, *after = judge.costs([network, *changed])
    return {
        edit.words: Verified(
            edit.rule, edit.layers, edit.words,
            cost.seconds / seconds(before) - 1 if cost else nan, nan,
            net.macs / network.macs - 1 if network.macs else 0.0, judge.better(net, network),
        )
        for edit, net, cost in zip(edits, changed, after, strict=True)
    }  # fmt: skip


def jointly(judge: Judge, network: Network, edits: Sequence[Edit]) -> list[Edit]:
    """Drop, one at a time, the edit without which the whole is fastest, until none is in the way."""
    kept = list(edits)
    while kept:
        fewer = [[e for e in kept if e is not edit] for edit in kept]
        whole, *others = judge.costs([applied(network, some) for some in (kept, *fewer)])
        # an edit of channels may cost what is free; any other must not cost at all
        margins = [FREE if edit.rule == "align" else ROUNDING for edit in kept]
        best = min(range(len(others)), key=lambda i: seconds(others[i]) * (1 + margins[i]))
        if seconds(others[best]) * (1 + margins[best]) >= seconds(whole):
            break
        kept = fewer[best]
    return kept


def chosen(judge: Judge, network: Network, edits: Sequence[Edit]) -> list[Edit]:
    """The edits if the whole is better with them; otherwise the one that gains most alone, or none."""
    only_channels = bool(edits) and all(edit.rule == "align" for edit in edits)
    allowance = FREE if only_channels else 0.0
    if edits and judge.better(applied(network, edits), network, allowance=allowance):
        return list(edits)
    singles = [edit for edit in edits if judge.better(edit.apply(network), network)]
    costs = judge.costs([edit.apply(network) for edit in singles])
    pairs = sorted(zip(singles, costs, strict=True), key=lambda pair: seconds(pair[1]))
    return [pair[0] for pair in pairs[:1]]
