"""Count prediction patterns in the table's engine: items that are alike before labelling.

A *pattern* is one combination of the relevant attributes of an item that are known before
labelling: each model's answer, the conditions of the estimands, and a bin of the scores. Items of
one pattern are exchangeable to a plan, so it needs only the counts of patterns from the engine;
10⁸ items become at most a few million counts.

A label is one of finitely many *states*: a class, any other class, or for graded
outcomes which of the models were right.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError
from supersede.evaluate.clusters import Clusters
from supersede.evaluate.estimands import Term
from supersede.evaluate.judges import (
    JUDGE,
    JUDGE_SCORE,
    judged_class,
)
from supersede.evaluate.weights import (
    Weights,
)

if TYPE_CHECKING:
    pass

__all__ = ["OTHER", "Key", "Patterns"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

OTHER = "any other class"


@dataclass(frozen=True)
class Key:
    """One attribute that distinguishes patterns.

    Attributes:
        kind: ``"answer"`` (code of the answer), ``"grade"`` (bin), ``"score"`` (bin of the mean
            score of class 1), ``"confidence"`` (bin of the mean score of the predicted classes,
            where there are more than two), ``"condition"`` (met or not), ``"judge"`` (code of the
            class that a judge names) or ``"judge_score"`` (bin of its score of class 1); of judges
            the last code means that it has none; or ``"weight"`` (bin of the item's weight).
        of: The model, the condition, the judge, or the lower limits of the bins of weights.
        size: The number of codes; a code is in 0..size-1.
    """

    kind: str
    of: Any
    size: int


@dataclass(frozen=True)
class Patterns:
    """Patterns with their counts, one entry per pattern, or one per item after `take`.

    Attributes:
        states: Possible labels: classes, perhaps `OTHER`; for graded outcomes, tuples of whether
            each model of `graded` was right.
        keys: Attributes that distinguish patterns.
        codes: Code of each pattern for each key, shape ``(keys, h)``.
        count: Number of items of each pattern, shape ``(h,)``.
        graded: Models with graded outcomes; empty for classes.
        positive: The only class that matters, if all others form one state; otherwise None.
        classes: The classes that a label may be: those that models predict, or that the caller named.
        weights: What their items count for; None where every item counts once.
        clusters: Which clusters their items are of; None where items are independent.
    """

    states: tuple[Any, ...]
    keys: tuple[Key, ...]
    codes: npt.NDArray[np.int16]
    count: Ints
    graded: tuple[str, ...] = ()
    positive: Any = None
    classes: tuple[Any, ...] = ()
    weights: Weights | None = None
    clusters: Clusters | None = None

    def __len__(self) -> int:
        return len(self.count)

    @property
    def size(self) -> int:
        """The number of items."""
        return int(self.count.sum())

    @property
    def mass(self) -> Floats:
        """What the items of each pattern count for together, shape ``(h,)``; in all, `size`."""
        if self.weights is None:
            return self.count.astype(float)
        return np.asarray(self.count * self.weights.mean)

    @property
    def square(self) -> Floats:
        """The mean square of what an item of each pattern counts for, shape ``(h,)``."""
        return np.ones(len(self)) if self.weights is None else self.weights.square

    @property
    def models(self) -> tuple[str, ...]:
        """The models whose answers or grades are known."""
        return tuple(key.of for key in self.keys if key.kind in {"answer", "grade"})

    @property
    def judges(self) -> tuple[Key, ...]:
        """The keys of judges."""
        return tuple(key for key in self.keys if key.kind in {JUDGE, JUDGE_SCORE})

    def take(self, rows: Ints) -> "Patterns":
        """One entry for each row number, counted once: the patterns of chosen items."""
        return replace(
            self, codes=self.codes[:, rows], count=np.ones(len(rows), np.int64), weights=None,
            clusters=None,
        )  # fmt: skip

    def key(self, kind: str, of: Any = None) -> npt.NDArray[np.int16]:
        """Codes for one key, shape ``(h,)``.

        Raises:
            ArgumentError: There is no such key.
        """
        codes = self.find(kind, of)
        if codes is None:
            msg = f"the plan knows no {kind} of {of!r}"
            raise ArgumentError(msg)
        return codes

    def find(self, kind: str, of: Any = None) -> npt.NDArray[np.int16] | None:
        """The same; None where there is no such key."""
        for key, codes in zip(self.keys, self.codes, strict=True):
            if key.kind == kind and key.of == of:
                return np.asarray(codes)
        return None

    def state(self, label: Any) -> int | None:
        """The number of the state of a class, or of grades; None if it matches no state."""
        if label in self.states:
            return self.states.index(label)
        return self.states.index(OTHER) if self.open_ended else None

    @property
    def open_ended(self) -> bool:
        """Whether a label may be a class that has no state of its own."""
        return OTHER in self.states and not self.graded

    def parts_by_state(self, term: Term) -> tuple[Floats, Floats]:
        """`parts` in every state, each of shape ``(states, h)``."""
        kinds = list(self.states)
        if self.graded:  # only the grades of the term's models matter
            places = [self.graded.index(model) for model in term.models]
            kinds = [tuple(state[place] for place in places) for state in self.states]
        first = {kind: at for at, kind in reversed(list(enumerate(kinds)))}
        number = {kind: k for k, kind in enumerate(first)}
        found = [self.parts(term, at) for at in first.values()]
        chosen = np.array([number[kind] for kind in kinds])
        above, below = (np.stack(side)[chosen] for side in zip(*found, strict=True))
        return above, below

    def parts(self, term: Term, state: int) -> tuple[Floats, Floats]:
        """Contribution of each pattern's item to a ratio's numerator and denominator in a state."""
        inside = np.ones(len(self))
        for condition in term.where:
            inside = inside * self.key("condition", condition)
        if term.by_class:
            true = float(self.states[state] == term.positive)
            if term.metric == "share":
                return inside * true, inside
            said = self._said(term.models[0], term.positive) * inside
            return {
                "precision": lambda: (said * true, said),
                "recall": lambda: (said * true, inside * true),
                "f1": lambda: (2 * said * true, said + inside * true),
            }[term.metric]()
        right = [self._right(model, state) for model in term.models]
        if term.metric == "accuracy":
            return right[0] * inside, inside
        old, new = right
        flipped = old * (1 - new) if term.metric == "negative_flip_rate" else (1 - old) * new
        return flipped * inside, inside

    def _said(self, model: str, positive: Any) -> Floats:
        codes = self.key("answer", model)
        return np.asarray(codes == self.states.index(positive), float)

    def _right(self, model: str, state: int) -> Floats:
        if self.graded:
            return np.full(len(self), float(self.states[state][self.graded.index(model)]))
        judge = next((key for key in self.judges if key.of == model), None)
        codes = self.key("answer", model) if judge is None else judged_class(self, judge)
        if self.states[state] == OTHER and self.positive is None:
            return np.zeros(len(self))
        return np.asarray(codes == state, float)
