"""The part of a plan that was labelled, as a plan of its own."""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from supersede.errors import ArgumentError
from supersede.evaluate.design import Plan, Sample
from supersede.evaluate.following import in_line
from supersede.evaluate.labels import Disagreement, Labels, settle

__all__ = ["labelled_part"]


def labelled_part(plan: Plan, labels: Labels, *, disagreement: Disagreement = "refuse") -> Plan:
    """A plan that asked for exactly the items that were labelled so far, in line.

    The first items of a simple random sample are one too, so labelling that stopped early leaves the
    sample of a smaller plan. A review takes that plan, with its labels.

    Args:
        plan: A plan of one estimand with ``"coordinated"`` or ``"independent"`` samples.
        labels: The labels received.
        disagreement: What to do where annotators disagree.

    Raises:
        ArgumentError: The plan has several samples, or nothing is labelled yet.

    Assumes: whether to stop was decided by intervals that hold at all numbers of labels, as those of
    `latest_look`; skipped items are like the others.
    """
    if plan.method not in {"coordinated", "independent"} or len(plan.samples) != 1:
        msg = (
            f"a {plan.method!r} plan of {len(plan.samples)} samples cannot be cut; label all of it, or"
            " plan one estimand with method='coordinated'"
        )
        raise ArgumentError(msg)
    settled = settle(plan, labels, disagreement)
    order = np.argsort(plan.items["order"].to_numpy())
    rows = order[: in_line(plan, settled)]
    rows = rows[settled.state[rows] >= 0]
    if not len(rows):
        msg = "no item of the plan is labelled yet"
        raise ArgumentError(msg)
    of = plan.samples[0].of
    items = plan.items.take(pa.array(rows))
    for name, values in (
        ("inclusion", np.full(len(rows), len(rows) / of)),
        ("reserve", np.zeros(len(rows), bool)),
    ):
        items = items.set_column(items.column_names.index(name), name, pa.array(values))
    return replace(plan, items=items, samples=(Sample(np.arange(len(rows)), len(rows), of),))
