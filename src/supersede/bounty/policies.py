"""Acceptance policies for submissions; the first is the recommended one.

A holdout that is queried many times by people who see its answers loses its validity. ``Certified``
accounts for every answer given so far. Each submission is a function of the answers before it: for
each submission whether it was accepted, and after each acceptance which repairs were made. All
possible questions are thus nodes of a tree that is fixed before the holdout is drawn. Give the node
that lies

- after acceptances that took ``d_1, …, d_k`` submissions each, as the ``d``-th since the last one,
- with ``r_i`` repairs after the ``i``-th acceptance, the ``s``-th repair chosen among ``c_s`` pairs of group and version

the weight ``exp(-length)``,

    length = ln((k+1)(k+2)) + sum_i ln(d_i(d_i+1)) + ln(d(d+1)) + sum_i ln((r_i+1)(r_i+2)) + sum_s ln c_s.

As ``1/(m(m+1))`` sums to one over ``m = 1, 2, …``, the weights of all nodes sum to at most one. Test each node's question at
level ``delta · exp(-length)``: with probability ``1 - delta`` no accepted patch makes the model
worse on the population, regardless of how it was found and of the number of attempts. The number of
submissions need not be fixed beforehand.

The test of one question on ``n`` independent rows: row ``i`` gains ``d_i = g(x_i) (loss(f(x_i),
y_i) - loss(h(x_i), y_i))``, in units of the largest loss, so in [-1, 1]; with mean ``m`` and sample
variance ``v``,

    m - sqrt(2 v L / n) - 14 L / (3 (n - 1)) > 0,    L = length + ln(2 / delta)

(the empirical Bernstein inequality of Maurer and Pontil, theorem 4, for a range of 2).

References:
    Globus-Harris, Kearns & Roth (2022), An algorithmic framework for bias bounties, FAccT: description length of transcripts.
    Maurer & Pontil (2009), Empirical Bernstein bounds and sample variance penalization, COLT, theorem 4.
"""

from dataclasses import dataclass, replace
from math import log, sqrt
from typing import Protocol

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError

__all__ = [
    "Alpha",
    "Betting",
    "Certified",
    "Naive",
    "Policy",
    "SliceEvidence",
    "Transcript",
    "margin",
]

Floats = npt.NDArray[np.float64]
_SHARES = np.geomspace(0.005, 0.95, 16)  # shares of the capital staked on each row


@dataclass(frozen=True)
class Transcript:
    """All answers given so far about a holdout slice.

    Attributes:
        waits: For each acceptance, the number of submissions since the previous one.
        repairs: For each pass of repairs, the number of choices for each of its repairs.
        since: Number of submissions rejected since the last acceptance.

    Example:
        >>> quiet = Transcript()
        >>> busy = Transcript().told(accepted=False).told(accepted=True).repaired([12, 12])
        >>> round(quiet.length, 2), round(busy.length, 2)
        (1.39, 11.73)
    """

    waits: tuple[int, ...] = ()
    repairs: tuple[tuple[int, ...], ...] = ()
    since: int = 0

    @property
    def submissions(self) -> int:
        """Submissions judged so far."""
        return sum(self.waits) + self.since

    @property
    def length(self) -> float:
        """Description length of the next question, in nats: minus the logarithm of its weight."""
        k = len(self.waits)
        return (
            log((k + 1) * (k + 2))
            + sum(log(d * (d + 1)) for d in (*self.waits, self.since + 1))
            + sum(log((len(made) + 1) * (len(made) + 2)) for made in self.repairs)
            + sum(log(choices) for made in self.repairs for choices in made)
        )

    def told(self, *, accepted: bool) -> "Transcript":
        """The transcript with one more answer."""
        if accepted:
            return replace(self, waits=(*self.waits, self.since + 1), since=0)
        return replace(self, since=self.since + 1)

    def repaired(self, choices: list[int]) -> "Transcript":
        """The transcript with one more pass of repairs."""
        return replace(self, repairs=(*self.repairs, tuple(choices)))


@dataclass(frozen=True)
class SliceEvidence:
    """A slice's figures for a submission; never shown to the team.

    Attributes:
        gains: Each row's gain, in units of the largest loss, in [-1, 1], shape ``(n,)``.
        unit: Decrease in the overall error for a mean gain of one.
        transcript: The answers given so far about the slice.
        slices: How many slices the bounty has; they share the probability of an error.
    """

    gains: Floats
    unit: float
    transcript: Transcript
    slices: int = 1

    @property
    def gain(self) -> float:
        """Decrease in the overall error on the slice."""
        return float(self.gains.mean()) * self.unit


class Policy(Protocol):
    """Decides whether evidence suffices."""

    @property
    def name(self) -> str:
        """Name of the policy."""

    @property
    def promise(self) -> str:
        """What an acceptance means, and what it does not."""

    def accepts(self, evidence: SliceEvidence, /) -> bool:
        """Whether the submission is accepted."""


def margin(variance: float, n: int, level: float) -> float:
    """The mean gain that suffices, in units of the largest loss.

    Args:
        variance: Sample variance of the gains.
        n: Rows.
        level: ``L`` of the module's formula, in nats.

    Returns:
        Gains above it are certified.

    Example:
        >>> round(margin(0.02, 14653, 20.0), 4)
        0.0138
    """
    if n < 2:
        return float("inf")
    return sqrt(2 * variance * level / n) + 14 * level / (3 * (n - 1))


@dataclass(frozen=True)
class Certified:
    """Accept gains that hold on the population, with probability `1 - delta` for all at once.

    Attributes:
        delta: Probability that any accepted patch of the whole bounty makes the model worse.

    Assumes: the slice's rows are independent draws from the population, and neither the teams nor
    the first model have had access to them other than through answers. Repairs are not certified:
    they are exact on the slice.
    """

    delta: float = 0.05
    name: str = "certified"

    def __post_init__(self) -> None:
        if not 0 < self.delta < 1:
            msg = f"Certified(delta={self.delta}): expected a probability in (0, 1)"
            raise ArgumentError(msg)

    @property
    def promise(self) -> str:
        """What an acceptance means."""
        return (
            f"with probability {1 - self.delta:.0%} no accepted patch raises the error of the"
            " population that the holdout was drawn from"
        )

    def level(self, evidence: SliceEvidence) -> float:
        """``L`` of the module's formula for the next question, in nats."""
        return evidence.transcript.length + log(2 * evidence.slices / self.delta)

    def accepts(self, evidence: SliceEvidence, /) -> bool:
        """Whether the lower confidence bound of the mean gain lies above zero."""
        n = len(evidence.gains)
        if n < 2:
            return False
        variance = float(evidence.gains.var(ddof=1))
        return bool(evidence.gains.mean() > margin(variance, n, self.level(evidence)))


@dataclass(frozen=True)
class Betting:
    """The guarantee of `Certified`, by a sharper test: bet on each row that the patch gains.

    Stake the share ``b`` of the capital on each row: after all rows it is ``prod_i (1 + b d_i)``.
    If the patch has no gain on the population, the capital does not grow in expectation for any
    ``b``, nor does its mean over several shares, and by Markov's inequality it exceeds
    ``exp(length) / delta`` with probability at most ``delta · exp(-length)``. There is no slack in
    small groups, where the empirical Bernstein inequality has the term ``14 L / (3 (n - 1))`` for
    any variance.

    Attributes:
        delta: As for `Certified`.

    Assumes: as for `Certified`.

    Reference:
        Waudby-Smith & Ramdas (2024), Estimating means of bounded random variables by betting, JRSS B 86(1).
    """

    delta: float = 0.05
    name: str = "betting"

    def __post_init__(self) -> None:
        Certified(self.delta)

    @property
    def promise(self) -> str:
        """What an acceptance means."""
        return Certified(self.delta).promise

    def accepts(self, evidence: SliceEvidence, /) -> bool:
        """Whether the capital has grown enough."""
        values, counts = np.unique(evidence.gains, return_counts=True)
        grown = np.log1p(np.outer(_SHARES, values)) @ counts
        capital = float(np.logaddexp.reduce(grown)) - log(len(_SHARES))
        needed = evidence.transcript.length + log(evidence.slices / self.delta)
        return capital > needed


@dataclass(frozen=True)
class Alpha:
    """Accept a fixed decrease in the overall error: no guarantee beyond the slice.

    Attributes:
        threshold: The required decrease, on the slice.
    """

    threshold: float = 0.001
    name: str = "alpha"

    def __post_init__(self) -> None:
        if not self.threshold >= 0:
            msg = f"Alpha(threshold={self.threshold}): expected at least 0"
            raise ArgumentError(msg)

    @property
    def promise(self) -> str:
        """What an acceptance means."""
        return (
            f"each accepted patch lowers the error by more than {self.threshold:g} on the holdout; that"
            " says nothing of other rows once the holdout has been asked often"
        )

    def accepts(self, evidence: SliceEvidence, /) -> bool:
        """Whether the overall error falls by more than the threshold."""
        return evidence.gain > self.threshold


@dataclass(frozen=True)
class Naive:
    """Accept any improvement on the slice: for comparison only, it fits the holdout's noise."""

    name: str = "naive"
    promise: str = (
        "for comparison only: whatever looks better on the holdout is accepted, chance included, and the"
        " holdout's error soon says nothing"
    )

    def accepts(self, evidence: SliceEvidence, /) -> bool:
        """Whether the overall error falls by any amount."""
        return evidence.gain > 0
