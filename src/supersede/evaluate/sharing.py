"""Which labels of a plan serve several estimands, and how many other methods would need."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from supersede.evaluate.design import Method, Plan
from supersede.evaluate.linear import linearise
from supersede.evaluate.methods import optimal_strata
from supersede.evaluate.problem import Problem
from supersede.look.result import ResultMixin, frame_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["SharedLabels", "labels_by_method", "shared_labels"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SharedLabels(ResultMixin, named="shared labels"):
    """How the labels of a plan overlap between its estimands.

    Attributes:
        names: The estimands.
        labels: Labels that serve both of two estimands, shape ``(k, k)``; on the diagonal, those
            that serve the one.
        each: Estimands that a label serves, on average over the plan's labels.
    """

    names: tuple[str, ...]
    labels: Ints
    each: float

    def __str__(self) -> str:
        return f"each label serves {self.each:.1f} of {len(self.names)} estimands on average"

    def to_frame(self) -> "pa.Table":
        """One row per pair of estimands, each with itself included."""
        return frame_of(
            {"estimand": name, "other": other, "labels": int(self.labels[a, b])}
            for a, name in enumerate(self.names)
            for b, other in enumerate(self.names)
        )

    def to_html(self) -> str:
        """A page with the pairs."""
        from supersede.look.table_page import table_page

        return table_page("Labels that serve several estimands", f"{self}.", self.to_frame())


def shared_labels(plan: Plan) -> SharedLabels:
    """Count the labels that serve two estimands at once, reserves left out.

    A label serves an estimand if the item is in the estimand's own sample or, where all estimands
    share strata, if its label can change the estimate.

    Example:
        >>> import supersede
        >>> from supersede.evaluate import plan, precision, shared_labels
        >>> table = supersede.read(
        ...     {"id": list(range(90)), "a": [1, 1, 0] * 30, "b": [1, 0, 0] * 30},
        ...     models=["a", "b"], labelled=False,
        ... )
        >>> chosen = plan(table, [precision("a"), precision("b")], method="coordinated", margin=0.1)
        >>> shared_labels(chosen).labels.tolist()
        [[38, 19], [19, 24]]
    """
    asked = ~plan.items["reserve"].to_numpy(zero_copy_only=False).astype(bool)
    pattern = plan.items["pattern"].to_numpy()
    serves = np.zeros((len(plan.estimands), len(plan.items)), bool)
    for k, estimand in enumerate(plan.estimands):
        if plan.method == "allocated":
            serves[k] = linearise(estimand, plan.patterns, plan.belief).domain[pattern]
        else:
            sample = plan.samples[k]
            serves[k, sample.rows[: sample.take]] = True
    used = serves[:, asked].astype(float)
    labels = (used @ used.T).round().astype(np.int64)
    names = tuple(e.name for e in plan.estimands)
    return SharedLabels(names, labels, float(used.sum() / max(asked.sum(), 1)))


def labels_by_method(plan: Plan) -> dict[Method, int]:
    """Labels that each method is expected to need for the plan's margins, the fewest first.

    The article's method is included only if the plan uses it: its number depends on the parent.
    Labels of earlier plans are not deducted.

    Example:
        >>> import supersede
        >>> from supersede.evaluate import labels_by_method, plan, precision
        >>> table = supersede.read(
        ...     {"id": list(range(90)), "a": [1, 1, 0] * 30, "b": [1, 0, 0] * 30},
        ...     models=["a", "b"], labelled=False,
        ... )
        >>> chosen = plan(table, [precision("a"), precision("b")], margin=0.1)
        >>> labels_by_method(chosen)
        {'allocated': 36, 'coordinated': 43, 'independent': 62}
    """
    margin = np.array([e.margin for e in plan.expectations])
    problem = Problem(plan.estimands, plan.patterns, plan.belief, margin, plan.confidence)
    coordinated = float(plan.patterns.count @ problem.share())
    strata = optimal_strata(problem)
    found: dict[Method, int] = {
        "independent": plan.independent,
        "coordinated": round(coordinated),
        "allocated": round(min(coordinated, float(strata.take.sum()))),
    }
    found[plan.method] = plan.size
    return dict(sorted(found.items(), key=lambda pair: pair[1]))
