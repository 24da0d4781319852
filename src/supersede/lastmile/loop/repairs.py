"""Ways to repair a model: other weights, targeted data, a constraint, a patch from elsewhere."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from supersede.bounty import Sample
from supersede.bounty.artefacts import Column
from supersede.errors import ArgumentError, MissingExtraError
from supersede.lastmile.loop.evaluation import GapTarget
from supersede.lastmile.loop.stacked import stacked, texts_of

__all__ = ["Constrained", "Fit", "ModelRepair", "Patched", "Predictor", "Reweighted", "Targeted"]

Array = npt.NDArray[Any]
Predictor = Callable[[dict[str, Column]], npt.ArrayLike]
"""A model: columns in, one answer per row out."""

Fit = Callable[[Mapping[str, Column], Array, Array], Predictor]
"""Trains a model from columns, labels and weights of shape ``(n,)``."""


class ModelRepair(Protocol):
    """One way to repair a model."""

    @property
    def name(self) -> str:
        """What it does."""

    def candidates(
        self, model: Predictor, train: Sample, target: GapTarget, blind: frozenset[str]
    ) -> Sequence[tuple[str, Predictor]]:
        """Repaired models to choose from on validation rows, by name.

        Args:
            model: The current model.
            train: Rows to train on, protected columns included.
            target: What has to hold.
            blind: Columns that no model may read at prediction.
        """


@dataclass(frozen=True)
class Reweighted:
    """Train again, with more weight on the rows in which the worse group is failed.

    Attributes:
        fit: How a model is trained.
        strengths: Factors of weight to try for these rows.
        lifts: Factors of weight to try beside each strength, for the rows of all groups that the metric
            counts. Where accuracy allows errors of the other kind, a lift above 1 brings groups together
            without making any of them worse.
    """

    fit: Fit
    strengths: tuple[float, ...] = (1.5, 2.0, 3.0, 4.0, 6.0)
    name: str = "reweighting"
    lifts: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if not all(0 < factor < np.inf for factor in (*self.strengths, *self.lifts)):
            msg = f"Reweighted(strengths={self.strengths}, lifts={self.lifts}): expected finite factors above 0"
            raise ArgumentError(msg)

    def candidates(
        self, model: Predictor, train: Sample, target: GapTarget, blind: frozenset[str]
    ) -> Sequence[tuple[str, Predictor]]:
        """One model per strength and lift."""
        failed = _failed(model, train, target, blind)
        counted = target.counted(np.asarray(train.labels, object))
        weight = np.ones(len(train)) if train.weight is None else train.weight
        columns = seen(train.columns, blind)
        found: list[tuple[str, Predictor]] = []
        for lift in self.lifts:
            lifted = np.where(counted, lift * weight, weight)
            all_groups = "" if lift == 1 else f", all groups × {lift:g}"
            for s in self.strengths:
                made = self.fit(columns, train.labels, np.where(failed, s * lifted, lifted))
                found.append((f"{self.name}, × {s:g}{all_groups}", made))
        return found


@dataclass(frozen=True)
class Targeted:
    """Targeted augmentation: train again with further rows of the group that is failed.

    Attributes:
        fit: How a model is trained.
        reserve: Labelled rows to draw from, of no other use.
        shares: Shares of the reserve's rows of that group to add.
    """

    fit: Fit
    reserve: Sample
    shares: tuple[float, ...] = (0.5, 1.0)
    name: str = "targeted data"

    def candidates(
        self, model: Predictor, train: Sample, target: GapTarget, blind: frozenset[str]
    ) -> Sequence[tuple[str, Predictor]]:
        """One model per share."""
        failed = np.flatnonzero(_failed(model, self.reserve, target, blind))
        found: list[tuple[str, Predictor]] = []
        for part in self.shares:
            more = self.reserve.take(failed[: int(part * len(failed))]) if len(failed) else None
            if more is None or not len(more):
                continue
            rows = stacked([train, more], "train")
            weight = np.ones(len(rows)) if rows.weight is None else rows.weight
            found.append(
                (
                    f"{self.name}, {len(more)} rows",
                    self.fit(seen(rows.columns, blind), rows.labels, weight),
                )
            )
        return found


@dataclass(frozen=True)
class Constrained:
    """Train under a constraint with fairlearn's exponentiated gradient.

    Attributes:
        estimator: A scikit-learn classifier that takes sample weights.
        encode: Columns to a matrix of shape ``(n, d)``.
        bounds: Largest difference from the overall rate, to try.

    Reference:
        Agarwal et al. (2018), A reductions approach to fair classification, ICML.
    """

    estimator: Any
    encode: Callable[[Mapping[str, Column]], Array]
    bounds: tuple[float, ...] = (0.01, 0.02)
    name: str = "constraint by fairlearn"

    def candidates(
        self, model: Predictor, train: Sample, target: GapTarget, blind: frozenset[str]
    ) -> Sequence[tuple[str, Predictor]]:
        """One model per bound; the randomised answer is replaced by the more probable one.

        Raises:
            ArgumentError: fairlearn has no constraint for the target's metric.
            MissingExtraError: fairlearn is not installed.
        """
        try:
            from fairlearn import reductions
        except ImportError as error:
            msg = "the constraint needs fairlearn; install it with: pip install fairlearn"
            raise MissingExtraError(msg) from error
        moments = {
            "false negative rate": reductions.TruePositiveRateParity,
            "false positive rate": reductions.FalsePositiveRateParity,
            "error rate": reductions.ErrorRateParity,
        }
        if set(np.unique(train.labels).tolist()) - {0, 1}:
            msg = "fairlearn's constraint needs labels of 0 and 1"
            raise ArgumentError(msg)
        matrix = self.encode(seen(train.columns, blind))
        who = texts_of(train, target.group).astype(str)
        found: list[tuple[str, Predictor]] = []
        for bound in self.bounds:
            made = reductions.ExponentiatedGradient(
                self.estimator, moments[target.metric](difference_bound=bound), max_iter=12
            )
            with warnings.catch_warnings():  # fairlearn 0.15 sets values as pandas 4 will not allow
                warnings.filterwarnings("ignore", r"Setting an? (value|item)")
                made.fit(matrix, train.labels, sensitive_features=who)

            def predict(columns: dict[str, Column], made: Any = made) -> Array:
                return np.asarray(made._pmf_predict(self.encode(columns))[:, 1] >= 0.5).astype(int)

            found.append((f"{self.name}, bound {bound:g}", predict))
        return found


@dataclass(frozen=True)
class Patched:
    """A patch from elsewhere: a filter, or the decision list that a bounty has made.

    Attributes:
        patch: Takes the current model, returns the patched one.
        name: What it does.
    """

    patch: Callable[[Predictor], Predictor]
    name: str = "patch"

    def candidates(
        self, model: Predictor, train: Sample, target: GapTarget, blind: frozenset[str]
    ) -> Sequence[tuple[str, Predictor]]:
        """The patched model."""
        return [(self.name, self.patch(model))]


def seen(columns: Mapping[str, Column], blind: frozenset[str]) -> dict[str, Column]:
    """The columns that a model may read."""
    return {name: column for name, column in columns.items() if name not in blind}


def _failed(
    model: Predictor, rows: Sample, target: GapTarget, blind: frozenset[str]
) -> npt.NDArray[np.bool_]:
    """Rows that the metric counts, of the group with the highest rate."""
    counted = target.counted(np.asarray(rows.labels, object))
    wrong = np.asarray(model(seen(rows.columns, blind))) != rows.labels
    home = texts_of(rows, target.group).astype(str)
    names = [g for g in sorted(set(home[counted]) - {"None"}) if (counted & (home == g)).sum() >= target.min_rows]  # fmt: skip
    if not names:
        return np.zeros(len(rows), bool)
    worst = max(names, key=lambda g: wrong[counted & (home == g)].mean())
    return np.asarray(counted & (home == worst), bool)
