"""What a search found: the front, the best network for a need, and everything that was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from supersede.errors import SearchError
from supersede.hardware.picture import milliseconds
from supersede.look.numbers import count, items, share
from supersede.look.result import ResultMixin, frame_of
from supersede.search.architecture.candidates import Candidate, Evaluated, Limits, Objective
from supersede.search.architecture.front import hypervolume, nondominated

if TYPE_CHECKING:
    import pyarrow as pa

    from supersede.hardware.targets.measurement import Measurement
    from supersede.search.architecture.space import Space

__all__ = ["Found"]

STATES = ("trained", "copy", "infeasible", "failed")


@dataclass(frozen=True)
class Found(ResultMixin, named="a search for networks"):
    """The result of a search.

    Args:
        space: What was searched.
        objectives: What was minimised.
        limits: What a network was allowed to cost.
        evaluated: Everything that was looked at, in order.
        reason: Why the search ended.
        target: Fingerprint of what measured.
        cost: What the most accurate network of the front costs, by layer where the target says so.
    """

    space: Space
    objectives: tuple[Objective, ...]
    limits: Limits
    evaluated: tuple[Evaluated, ...]
    reason: str
    target: str
    cost: Measurement | None = None

    @property
    def best(self) -> Evaluated | None:
        """The most accurate network of the front; None where nothing was trained."""
        return min(self.front, key=lambda e: (e.values(("error",)), e.number), default=None)

    @property
    def trained(self) -> tuple[Evaluated, ...]:
        """Candidates with an error of their own."""
        return tuple(e for e in self.evaluated if e.state == "trained")

    @property
    def front(self) -> tuple[Evaluated, ...]:
        """Trained networks that no other one beats in all objectives, by the last objective."""
        able = self.trained
        found = [able[i] for i in nondominated([e.values(self.objectives) for e in able])]
        return tuple(sorted(found, key=lambda e: e.values(self.objectives)[::-1]))

    @property
    def failed(self) -> tuple[Evaluated, ...]:
        """Trainings that diverged or raised an error of this package."""
        return tuple(e for e in self.evaluated if e.state == "failed")

    @property
    def shortfall(self) -> str:
        """Where nothing could be trained: which limit was missed, by how much at least; or why not."""
        beyond = [e for e in self.evaluated if e.state == "infeasible"]
        if self.trained or self.failed or not beyond:
            return ""
        costed = [e for e in beyond if e.excess.keys() <= self.limits.named.keys()]
        if not costed:
            return f"none of {items(len(beyond), 'network')} could be measured: {beyond[0].why}"
        nearest = min(costed, key=lambda e: e.violation)
        over = [
            f"{name} by {share(value)} ({_amount(name, getattr(nearest, name))} against a limit of"
            f" {_amount(name, self.limits.named[name])})"
            for name, value in nearest.excess.items()
            if value > 0
        ]
        words = f"none of {items(len(costed), 'network')} is within the limits; the nearest exceeds"
        words = f"{words} {' and '.join(over)}"
        for name in self.limits.named if len(self.limits.named) > 1 else ():
            least = min(e.excess[name] for e in costed)
            if least > 0:
                words += (
                    f"; no network was closer to the limit of {name} than {share(least)} above it"
                )
        return words

    def at(self, *, latency: float | None = None, weights: int | None = None) -> Evaluated:
        """The most accurate trained network within limits, in seconds and bytes.

        Raises:
            SearchError: There is none; the nearest one is named.
        """
        limits = Limits(latency, weights)
        able = [
            e
            for e in self.trained
            if all(
                v <= 0 for v in limits.excess({"latency": e.latency, "weights": e.weights}).values()
            )
        ]
        if not able:
            msg = (
                f"no trained network is within {limits.named}; {self.shortfall or 'search further'}"
            )
            raise SearchError(msg)
        return min(able, key=lambda e: (e.values(("error",)), e.number))

    def candidate(self, evaluated: Evaluated) -> Candidate:
        """The candidate, with its network."""
        return Candidate(self.space, evaluated.params)

    def hypervolume(self, reference: tuple[float, float]) -> float:
        """What the front covers of the rectangle up to a reference point; of two objectives."""
        return hypervolume([e.values(self.objectives) for e in self.trained], reference)

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON has it."""
        return {
            "objectives": list(self.objectives),
            "limits": self.limits.named,
            "target": self.target,
            "reason": self.reason,
            "shortfall": self.shortfall,
            "front": [e.number for e in self.front],
            "evaluated": [e.to_dict() for e in self.evaluated],
        }

    def to_frame(self) -> pa.Table:
        """One row per candidate, with a column per choice; ``.to_pandas()`` makes it a pandas frame."""
        front = {e.number for e in self.front}
        rows = []
        for e in self.evaluated:
            row = e.to_dict()
            row |= {f"choice {k}": str(v) for k, v in row.pop("params").items()}
            row |= {f"excess {k}": v for k, v in row.pop("excess").items()}
            rows.append({**row, "front": e.number in front})
        return frame_of(rows, ("number", "state"))

    def __str__(self) -> str:
        counts = ", ".join(
            f"{sum(e.state == state for e in self.evaluated)} {word}"
            for state, word in zip(
                STATES, ("trained", "equal to another", "beyond the limits", "failed"), strict=True
            )
            if any(e.state == state for e in self.evaluated)
        )
        lines = [
            f"{items(len(self.evaluated), 'candidate')}: {counts}; ended because {self.reason}"
        ]
        lines += [f"  {e}" for e in self.front]
        if self.shortfall:
            lines.append(self.shortfall)
        if self.failed:
            lines.append(f"failed: {self.failed[0].why}")
        return "\n".join(lines)

    @property
    def headline(self) -> str:
        """The finding in one sentence."""
        front = self.front
        if not front and self.failed:
            return f"All of {items(len(self.failed), 'training')} failed"
        if not front:
            return (
                "No network is within the limits" if self.limits.named else "No network was found"
            )
        if len(front) == 1 or "latency" not in self.objectives:
            best = min(front, key=lambda e: e.error or 0.0)
            return f"The best network has an error of {best.error:.3f}"
        first, last = front[0], front[-1]
        return (
            f"{len(front)} networks, from {milliseconds(first.latency or 0)} at an error of"
            f" {first.error:.3f} to {milliseconds(last.latency or 0)} at {last.error:.3f}"
        )

    def to_html(self) -> str:
        """A page: the front, what was looked at, and the networks of the front."""
        from supersede.search.architecture.picture import found_page

        return found_page(self)


def _amount(name: str, value: float) -> str:
    return milliseconds(value) if name == "latency" else f"{count(round(value))} bytes"
