"""Combined criteria: all, any, one several times in a row, or one of two by what is reported."""

from dataclasses import dataclass

from supersede.errors import ArgumentError
from supersede.search.stopping.evidence import Criterion, Evidence, Judgement

__all__ = ["AllOf", "AnyOf", "IfReported", "InARow"]


def _joined(stop: bool, chosen: list[Judgement], every: list[Judgement]) -> Judgement:
    """The non-empty reasons of the chosen judgements, and the first available numbers."""
    numbers = next((j for j in every if j.improvement is not None), chosen[0])
    reason = "; ".join(dict.fromkeys(j.reason for j in chosen if j.reason))
    return Judgement(stop, reason, numbers.improvement, numbers.error)


@dataclass(frozen=True)
class AllOf:
    """Stop when each of the criteria would."""

    criteria: tuple[Criterion, ...]

    def __init__(self, *criteria: Criterion) -> None:
        object.__setattr__(self, "criteria", _some(criteria))

    def judge(self, evidence: Evidence) -> Judgement:
        """Judge by all; the reasons given are those that decided."""
        said = [criterion.judge(evidence) for criterion in self.criteria]
        against = [j for j in said if not j.stop]
        return _joined(not against, against or said, said)


@dataclass(frozen=True)
class AnyOf:
    """Stop when one of the criteria would."""

    criteria: tuple[Criterion, ...]

    def __init__(self, *criteria: Criterion) -> None:
        object.__setattr__(self, "criteria", _some(criteria))

    def judge(self, evidence: Evidence) -> Judgement:
        """Judge by all; the reasons given are those that decided."""
        said = [criterion.judge(evidence) for criterion in self.criteria]
        wanted = [j for j in said if j.stop]
        # the numbers shown are those of the last criterion, so that their meaning does not change
        return _joined(bool(wanted), wanted or said, said[::-1])


@dataclass(frozen=True)
class IfReported:
    """One criterion where trials report a statistical error, another where they do not.

    Args:
        then: Criterion for searches with an error.
        otherwise: Criterion for searches without.
    """

    then: Criterion
    otherwise: Criterion

    def judge(self, evidence: Evidence) -> Judgement:
        """Judge by the one that applies."""
        return (self.then if evidence.reported else self.otherwise).judge(evidence)


@dataclass(frozen=True)
class InARow:
    """Stop when a criterion would have stopped at each of the last ``times`` trials.

    Args:
        criterion: Criterion that judges the history as it is, as it was one trial ago, and so on.
        times: Number of trials.
    """

    criterion: Criterion
    times: int = 3

    def __post_init__(self) -> None:
        if self.times < 1:
            msg = f"times: got {self.times}; expected at least 1"
            raise ArgumentError(msg)

    def judge(self, evidence: Evidence) -> Judgement:
        """Judge at the last trials, the latest first, until one judgement is negative."""
        latest = self.criterion.judge(evidence)
        count = len(evidence.history.finished)
        held = int(latest.stop)
        while 0 < held < self.times and held < count:
            if not self.criterion.judge(evidence.earlier(count - held)).stop:
                break
            held += 1
        reason = f"{latest.reason} ({held} times in a row, of {self.times})"
        return Judgement(held >= self.times, reason, latest.improvement, latest.error)


def _some(criteria: tuple[Criterion, ...]) -> tuple[Criterion, ...]:
    if not criteria:
        msg = "got no criterion; expected at least one"
        raise ArgumentError(msg)
    return criteria
