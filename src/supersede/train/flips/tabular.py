"""A wrapper that makes any scikit-learn classifier right where the old one was right."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, Self, cast

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils import get_tags, indexable
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d

from supersede.errors import ArgumentError
from supersede.train.flips.answers import decided
from supersede.train.flips.deployed import Deployed, deployed
from supersede.train.flips.front import Front
from supersede.train.flips.remembered import Remembered, aligned, from_output, remember_on
from supersede.train.flips.remembered import out_of_sample as unseen
from supersede.train.flips.rows import Rows
from supersede.train.flips.soft_targets import sets_rows_aside
from supersede.train.flips.treatment import Mode, Treatment, blended, fit_treated
from supersede.train.flips.validation import Fold, folds, refuse_if_seen, try_all

__all__ = ["PositiveCongruentClassifier"]

Floats = npt.NDArray[np.float64]
SINGLE_MODEL: tuple[Mode, ...] = ("weights", "soft")


class PositiveCongruentClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]
    """Trains a classifier with few negative flips against the old one.

    With ``strength="auto"``, every mode is tried at every strength in cross-validation; among those
    that are shown to raise the error by at most `tolerance`, the one with the fewest negative flips is
    trained on all rows; none is, if none is shown. All tried strengths are stored in ``front_``.

    Args:
        estimator: Any classifier whose ``fit`` takes ``sample_weight`` (a pipeline: whose last step
            does).
        old: The model in service, or a list of several: a fitted classifier, a function from rows to
            probabilities or classes, a booster of LightGBM or XGBoost, or the path of a booster's or
            an ONNX file. None if `old_output` is passed to `fit`.
        mode: ``"weights"``, ``"soft"`` or ``"blend"``, a sequence of them to choose from, or
            ``"auto"``: weights and soft, which leave one model in service (weights alone for an
            estimator that sets training rows aside to stop early).
        strength: Weight of the penalty on negative flips, from 0 (ordinary training); or
            ``"auto"``.
        focus: Share of a soft penalty that applies only to items that the old model got right, from
            0 (ordinary distillation) to 1 (focal); ``"auto"`` tries both ends.
        tolerance: Allowed increase in error over the untreated model, as a share of items.
        confidence: Confidence, in (0, 1), with which the tolerance has to be kept: an upper bound of
            the paired rise in validation error, corrected for the search and for the folds, is
            compared with it. A small tolerance needs many rows; ``front_`` says how small one could
            be. None compares the validation errors as they are, which overdraws the tolerance.
        strengths: Strengths that ``"auto"`` tries.
        threshold: Of two classes, the probability of the second from which old and new answer with
            it; None for each model's own decision.
        cv: Number of folds, a scikit-learn splitter, or pairs of (training, validation) rows, such
            as validation rows of the latest period only, which are more like future rows.
        shared: How the old model's training rows are treated: ``"refit"`` predicts them by copies
            of the old model that have not seen them, ``"skip"`` trains on them without a penalty.
        seed: Seed of the folds; the estimator keeps its own ``random_state``.

    Attributes:
        classes_: The classes, sorted.
        model_: The trained classifier.
        treatment_: The treatment used to train it.
        front_: The error–NFR front of the search; None with a given strength.

    Example:
        >>> from sklearn.datasets import make_classification
        >>> from sklearn.linear_model import LogisticRegression
        >>> X, y = make_classification(600, random_state=0)
        >>> old = LogisticRegression(C=0.001).fit(X[:100], y[:100])
        >>> new = PositiveCongruentClassifier(LogisticRegression(), old).fit(X[100:], y[100:])
        >>> new.front_.chosen.nfr <= new.front_.untreated.nfr
        True

    References:
        Yan et al. (2021), Positive-congruent training, CVPR.
    """

    _required_parameters = ("estimator",)

    def __init__(
        self,
        estimator: Any,
        old: Any = None,
        *,
        mode: Mode | Literal["auto"] | Sequence[Mode] = "auto",
        strength: float | Literal["auto"] = "auto",
        focus: float | Literal["auto"] = "auto",
        tolerance: float = 0.005,
        confidence: float | None = 0.9,
        strengths: Sequence[float] = (0.25, 0.5, 1.0, 2.0, 4.0),
        threshold: float | None = None,
        cv: Any = 3,
        shared: Literal["refit", "skip"] = "refit",
        seed: int = 0,
    ) -> None:
        self.estimator = estimator
        self.old = old
        self.mode = mode
        self.strength = strength
        self.focus = focus
        self.tolerance = tolerance
        self.confidence = confidence
        self.strengths = strengths
        self.threshold = threshold
        self.cv = cv
        self.shared = shared
        self.seed = seed

    def fit(
        self,
        X: Any,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
        *,
        seen_by_old: npt.ArrayLike | Literal[False] | None = None,
        old_output: npt.ArrayLike | None = None,
        old_classes: npt.ArrayLike | None = None,
        flip_cost: npt.ArrayLike | None = None,
        validation: tuple[Any, npt.ArrayLike] | None = None,
        groups: npt.ArrayLike | None = None,
        **fit_params: Any,
    ) -> Self:
        """Train.

        Args:
            X: Rows, in any form that the estimator takes.
            y: Labels, ``(n,)``.
            sample_weight: Weight of each row, ``(n,)``.
            seen_by_old: Mask of the old model's training rows, ``(n,)``, or ``(n, k)`` for several
                old models; False means none. If None, a model that is right on all rows, or
                suspiciously better than the untreated one in cross-validation, is refused; one that
                has seen only some of the rows can go undetected, so pass the mask if you know it.
            old_output: The old model's probabilities ``(n, C_old)`` or classes ``(n,)`` on these
                rows, in place of `old`.
            old_classes: Names of the columns of `old_output`, if they are not those of y.
            flip_cost: Cost of a negative flip on each row, ``(n,)``: large where a mistake must
                never come back.
            validation: Rows and labels on which strengths are measured, in place of
                cross-validation; unseen by old and new, preferably from the latest period. Needs
                `old`. Each row counts the same there: weights and flip costs affect the choice in
                cross-validation only.
            groups: Group of each row, ``(n,)``, for splitters such as `GroupKFold`.
            **fit_params: Further arguments of the estimator's `fit`, such as ``eval_set`` or
                ``categorical_feature``; of a pipeline, with the name of the step in front. Those with
                one entry per row are split with the rows.

        Returns:
            The fitted classifier.

        Raises:
            ArgumentError: There is no old model, it was trained on these rows, or a value is out of
                range or not one of the allowed values.
        """
        if y is None:
            msg = "requires y to be passed, but the target y is None"
            raise ArgumentError(msg)
        labels = column_or_1d(y, warn=True)
        check_classification_targets(labels)
        check_consistent_length(X, labels)
        if not len(labels):
            msg = "Found array with 0 sample(s), expected at least one row"
            raise ArgumentError(msg)
        (X,) = indexable(X)
        self.classes_ = np.unique(labels)
        treatments = self._treatments()
        rows = Rows(
            X,
            labels,
            self._remember(X, labels, seen_by_old, old_output, old_classes),
            _per_item(sample_weight, "sample_weight", len(labels)),
            _per_item(flip_cost, "flip_cost", len(labels)),
            None if groups is None else column_or_1d(groups),
            fit_params,
        )
        if seen_by_old is None:
            refuse_if_seen(rows.right())
        self.front_: Front | None = None
        if self.strength == "auto":
            self.front_, self.treatment_ = try_all(
                treatments,
                self.estimator,
                self.classes_,
                self._parts(rows, validation),
                tolerance=self.tolerance,
                confidence=self.confidence,
                suspicious=seen_by_old is None,
                threshold=self.threshold,
            )
        else:
            self.treatment_ = treatments[0]
        self.model_ = fit_treated(self.treatment_, self.estimator, rows, self.classes_)
        return self

    def predict_proba(self, X: Any) -> Floats:
        """Probabilities of the classes, ``(n, C)``."""
        check_is_fitted(self, "model_")
        probabilities, _ = aligned(*deployed(self.model_).answers(X), self.classes_)
        if self.treatment_.mode != "blend" or self.treatment_.strength == 0:
            return probabilities
        old = [aligned(*model.answers(X), self.classes_)[0] for model in self._olds()]
        return blended(self.treatment_, probabilities, old)

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The most probable classes, or those by the threshold, ``(n,)``."""
        check_is_fitted(self, "model_")
        if self.treatment_.mode != "blend" and self.threshold is None:
            return np.asarray(self.model_.predict(X)).reshape(-1)
        return decided(self.predict_proba(X), self.classes_, self.threshold)

    @property
    def feature_importances_(self) -> Floats:
        """Those of the trained classifier, if it has any."""
        return cast("Floats", self.model_.feature_importances_)

    @property
    def n_features_in_(self) -> int:
        """Number of features of the training rows."""
        return cast("int", self.model_.n_features_in_)

    @property
    def feature_names_in_(self) -> npt.NDArray[Any]:
        """Names of the features of the training rows, if they had names."""
        return cast("npt.NDArray[Any]", self.model_.feature_names_in_)

    def _olds(self) -> list[Deployed]:
        if self.old is None:
            return []
        several = list(self.old) if isinstance(self.old, list | tuple) else [self.old]
        return [deployed(old) for old in several]

    def _treatments(self) -> list[Treatment]:
        """The candidate treatments, in the order in which they are tried."""
        possible = SINGLE_MODEL if sets_rows_aside(self.estimator) is None else ("weights",)
        modes = possible if self.mode == "auto" else self.mode
        modes = (modes,) if isinstance(modes, str) else tuple(modes)
        if self.strength != "auto" and (self.mode == "auto" or len(modes) != 1):
            msg = f"strength={self.strength!r} needs one mode, such as mode='weights', not {self.mode!r}"
            raise ArgumentError(msg)
        if "blend" in modes and self.old is None:
            msg = "mode='blend' needs the old model for prediction: pass old=…"
            raise ArgumentError(msg)
        strengths = self.strengths if self.strength == "auto" else (self.strength,)
        if not len(strengths) or not all(np.isfinite(s) and s >= 0 for s in strengths):
            msg = f"strengths={strengths!r}; expected one or more finite numbers, 0 or more"
            raise ArgumentError(msg)
        made = []
        for mode in modes:
            ends = (0.0, 1.0) if self.focus == "auto" and self.strength == "auto" else (self.focus,)
            focuses = ends if mode == "soft" else (1.0,)
            for focus in focuses:
                of = 1.0 if focus == "auto" else float(focus)
                made += [Treatment(mode, float(strength), of) for strength in strengths]
        return made

    def _remember(
        self,
        X: Any,
        y: npt.NDArray[Any],
        seen_by_old: npt.ArrayLike | Literal[False] | None,
        output: npt.ArrayLike | None,
        old_classes: npt.ArrayLike | None,
    ) -> tuple[Remembered, ...]:
        """Each old model's outputs on these rows, out of sample."""
        olds = self._olds()
        if output is not None:
            remembered = [from_output(output, old_classes, y, self.classes_, self.threshold)]
        elif olds:
            remembered = [remember_on(old, X, y, self.classes_, self.threshold) for old in olds]
        else:
            msg = "no old model: pass old=<fitted classifier>, or fit(…, old_output=…)"
            raise ArgumentError(msg)
        if seen_by_old is None or seen_by_old is False:
            return tuple(remembered)
        seen = np.asarray(seen_by_old)
        if seen.dtype != bool or len(seen) != len(y):
            msg = (
                f"seen_by_old has type {seen.dtype} and shape {seen.shape}; expected one boolean"
                f" for each of the {len(y)} rows"
            )
            raise ArgumentError(msg)
        refit = self.shared == "refit"
        if refit and output is not None and seen.any():
            msg = (
                "the old model's training rows cannot be predicted by copies of it, since only its"
                " outputs are known; pass shared='skip', or old_output out of sample"
            )
            raise ArgumentError(msg)
        fixed = [old for old in olds if old.estimator is None]
        if refit and fixed and seen.any():
            msg = (
                "the old model's training rows cannot be predicted by copies of it, since it is not a"
                " scikit-learn classifier; pass shared='skip', or old_output out of sample"
            )
            raise ArgumentError(msg)
        masks = np.broadcast_to(seen.reshape(len(y), -1), (len(y), len(remembered)))
        return tuple(
            unseen(
                old,
                olds[k].estimator if olds else None,
                X,
                y,
                self.classes_,
                masks[:, k],
                refit=refit and bool(masks[:, k].any()),
                seed=self.seed,
                threshold=self.threshold,
            )
            for k, old in enumerate(remembered)
        )

    def _parts(self, rows: Rows, validation: tuple[Any, npt.ArrayLike] | None) -> Iterable[Fold]:
        """The folds on which strengths are measured."""
        if validation is None:
            return folds(rows, self.cv, self.seed)
        X, y = validation[0], column_or_1d(validation[1])
        if not self._olds():
            msg = "validation rows need the old model itself to predict them: pass old=…"
            raise ArgumentError(msg)
        return [(rows, Rows(X, y, self._remember(X, y, False, None, None)))]

    def __sklearn_tags__(self) -> Any:
        """What the estimator accepts, this does."""
        tags = super().__sklearn_tags__()
        try:
            own = get_tags(self.estimator)
        except AttributeError:  # of estimators without tags, such as CatBoost's, nothing is known
            return tags
        tags.input_tags, tags.classifier_tags = own.input_tags, own.classifier_tags
        return tags

    def __sklearn_clone__(self) -> "PositiveCongruentClassifier":
        """An unfitted copy; the old model stays fitted, since it is an input."""
        params = self.get_params(deep=False)
        kept = params.pop("old")
        return type(self)(old=kept, **{k: clone(v, safe=False) for k, v in params.items()})


def _per_item(values: npt.ArrayLike | None, name: str, n: int) -> Floats | None:
    if values is None:
        return None
    numbers = np.asarray(values, float)
    broken = 0 if numbers.shape != (n,) else int((~(np.isfinite(numbers) & (numbers >= 0))).sum())
    if numbers.shape != (n,) or broken:
        what = f"{broken} numbers that are negative or not finite" if broken else ""
        msg = (
            f"{name} has {what or f'shape {numbers.shape}'}; expected one finite number >= 0 for each of {n}"
            " rows"
        )
        raise ArgumentError(msg)
    return numbers
