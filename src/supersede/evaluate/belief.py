"""Predicted label probabilities, before and after some labels are known.

A belief gives each pattern a probability for each state. Plans use it to predict which labels are
most informative, estimates to predict the items without a label. A wrong belief costs labels and
widens intervals; it cannot bias an estimate, because its error is itself estimated from the sample.

Before any label is known, each model casts one vote for the class it predicts, and one more vote is
distributed like the models' answers overall: if 8 of 10 models predict yes, the probability is .8,
shrunk slightly towards the average. Mean scores of class 1 replace the votes where the table has
them; with more than two classes, the predicted classes together get their mean score. Once there
are labels, the log-odds are recalibrated by a slope and a shift (Platt 1999): two parameters,
regardless of the number of patterns.

A judge multiplies the odds of the class that it names, as if it were right on 8 of 10 items; its
weight is a third parameter of the recalibration, so that labels decide how much it counts. A judge
whose weight is not positive counts for nothing.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from supersede.evaluate.judges import opinions
from supersede.evaluate.patterns import OTHER, Patterns

__all__ = ["Calibration", "Prior", "expect", "recalibrate"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

Prior = Literal["votes", "worst"]
_LEAST = 1e-6  # no state is ruled out beforehand
_SPREAD = 0.7  # standard deviation of the prior on slope - 1 and on the shift; see benchmarks
_JUDGED = 1.5  # the same of a judge's additional weight: from nothing to twice as much
_NEWTON_STEPS = 25
_CLOSE = 1e-7


def expect(patterns: Patterns, prior: Prior = "votes") -> Floats:
    """The probability of each state for each pattern, before any label.

    Args:
        patterns: The patterns.
        prior: ``"votes"`` (or scores, where known), or ``"worst"``: all states equally likely,
            which for two states is the worst case of any margin.

    Returns:
        Probabilities, shape ``(h, states)``; rows sum to 1.
    """
    states = len(patterns.states)
    if prior == "worst":
        return np.full((len(patterns), states), 1 / states)
    if patterns.graded:
        belief = _from_grades(patterns)
    elif patterns.find("score") is not None:
        belief = _from_scores(patterns)
    elif patterns.find("confidence") is not None:
        belief = _from_confidence(patterns)
    else:
        belief = _from_votes(patterns)
    belief = np.clip(belief, _LEAST, None)
    if patterns.judges:
        return _softmax(_log(belief) + opinions(patterns).sum(axis=0))
    return np.asarray(belief / belief.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Calibration:
    """The linear recalibration of a belief's log-odds to labels.

    Attributes:
        slope: Factor of the log-odds; 1 leaves them unchanged.
        shift: Amount added for the last state; 0 leaves them unchanged.
        judges: Weight of each judge's opinion beyond the slope; empty without judges.
    """

    slope: float = 1.0
    shift: float = 0.0
    judges: tuple[float, ...] = ()

    def apply(self, belief: Floats, patterns: Patterns) -> Floats:
        """The recalibrated belief, shape ``(h, states)``."""
        logits = self.slope * _log(belief) + self.shift * _state_features(patterns)
        if any(self.judges):
            logits = logits + np.tensordot(np.array(self.judges), opinions(patterns), 1)
        return _softmax(logits)

    def then(self, later: "Calibration") -> "Calibration":
        """This recalibration followed by a later one."""
        mine = self.judges or (0.0,) * len(later.judges)
        return Calibration(
            self.slope * later.slope,
            self.shift * later.slope + later.shift,
            tuple(a * later.slope + b for a, b in zip(mine, later.judges, strict=True)),
        )

    def counts(self, judge: int) -> bool:
        """Whether the labels agree with a judge's opinions at all."""
        return self.slope + self.judges[judge] > 0


def recalibrate(
    belief: Floats, patterns: Patterns, said: Ints, rows: Ints, weight: Floats
) -> Calibration:
    """Fit slope, shift and judges to labels: the weighted likelihood's maximum with a normal prior.

    Args:
        belief: Probabilities before, shape ``(h, states)``.
        patterns: The patterns.
        said: State of each labelled item, shape ``(n,)``.
        rows: Pattern of each labelled item, shape ``(n,)``.
        weight: How many items each labelled one stands for, shape ``(n,)``.
    """
    judges = len(patterns.judges)
    if not len(said):
        return Calibration(judges=(0.0,) * judges)
    sample = _log(belief[rows])
    share = weight * (len(weight) / weight.sum())
    features = np.broadcast_to(_state_features(patterns), sample.shape)
    design = np.stack([sample, features, *opinions(patterns.take(rows))])  # (2 + judges, n, states)
    size = len(design)
    at = np.take_along_axis(
        design, np.broadcast_to(said[None, :, None], (size, len(said), 1)), axis=2
    )
    start = np.array([1.0, 0.0] + [0.0] * judges)
    precision = np.array([_SPREAD, _SPREAD] + [_JUDGED] * judges) ** -2.0
    fit = start
    for _ in range(_NEWTON_STEPS):
        p = _softmax(np.tensordot(fit, design, 1))
        mean = (design * p).sum(axis=2)
        centred = design - mean[:, :, None]
        gradient = ((at[:, :, 0] - mean) * share).sum(axis=1) - (fit - start) * precision
        hessian = np.einsum("ans,bns,ns,n->ab", centred, centred, p, share, optimize=True)
        move = np.linalg.solve(hessian + np.diag(precision), gradient)
        fit = fit + np.clip(move, -1.0, 1.0)
        if np.abs(move).max() < _CLOSE:
            break
    slope, shift = float(fit[0]), float(fit[1])
    # a judge that is wrong more often than chance would say is dropped, not turned round
    return Calibration(slope, shift, tuple(max(float(w), -slope) for w in fit[2:]))


def _state_features(patterns: Patterns) -> Floats:
    """Factor of the shift: 1 for the last state, or the number of graded models that are right."""
    if patterns.graded:
        return np.array([sum(state) for state in patterns.states], float)
    features = np.zeros(len(patterns.states))
    if len(features) == 2 or patterns.states[-1] == OTHER:
        features[-1] = 1.0
    return features


def _from_votes(patterns: Patterns) -> Floats:
    votes, prior = _votes(patterns)
    return np.asarray((votes + prior) / (votes.sum(axis=1, keepdims=True) + 1))


def _from_confidence(patterns: Patterns) -> Floats:
    """The predicted classes share the confidence, all other classes share the rest."""
    votes, prior = _votes(patterns)
    bins, size = patterns.key("confidence"), _size(patterns, "confidence")
    cast = votes.sum(axis=1, keepdims=True)
    named = np.where(cast > 0, votes / np.maximum(cast, 1), prior)
    sure = ((bins + 0.5) / size)[:, None]
    rest = np.where(votes > 0, 0.0, prior)
    rest = np.where(rest.any(axis=1, keepdims=True), rest, prior)
    return np.asarray(sure * named + (1 - sure) * rest / rest.sum(axis=1, keepdims=True))


def _votes(patterns: Patterns) -> tuple[Floats, Floats]:
    """Votes for each state, shape ``(h, states)``, and their distribution over all items."""
    states = range(len(patterns.states))
    votes = np.zeros((len(patterns), len(patterns.states)))
    for model in patterns.models:
        codes = patterns.find("answer", model)  # none where models are graded
        for state in states:
            votes[:, state] += codes == state
    if patterns.positive is None and OTHER in patterns.states:
        votes[:, -1] = 0.0  # the code after the classes is an abstention, not a vote
    overall = patterns.count @ votes
    return votes, (overall + 1) / (overall + 1).sum()


def _from_scores(patterns: Patterns) -> Floats:
    from_votes = patterns.states.index(1)
    score, size = patterns.key("score"), _size(patterns, "score")
    share = (score + 0.5) / size
    others = [s for s in range(len(patterns.states)) if s != from_votes]
    belief = np.zeros((len(patterns), len(patterns.states)))
    belief[:, from_votes] = share
    belief[:, others] = ((1 - share) / max(len(others), 1))[:, None]
    return belief


def _from_grades(patterns: Patterns) -> Floats:
    belief = np.ones((len(patterns), len(patterns.states)))
    for place, model in enumerate(patterns.graded):
        codes = patterns.key("grade", model)
        # a judge's grade is assumed to be right in 9 cases of 10
        right = 0.1 + 0.8 * codes / (_size(patterns, "grade") - 1)
        for state, bits in enumerate(patterns.states):
            belief[:, state] *= right if bits[place] else 1 - right
    return belief


def _size(patterns: Patterns, kind: str) -> int:
    return next(key.size for key in patterns.keys if key.kind == kind)


def _softmax(logits: Floats) -> Floats:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def _log(belief: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(belief, 1e-9)))
