"""How two runs differ in their items, in words and as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Differences"]

_SHOWN = 5  # ids named in a sentence


@dataclass(frozen=True)
class Differences:
    """What does not fit when runs are joined, each by item id.

    Attributes:
        files: The files of each run.
        tool: Who wrote the runs.
        metric: What grades the items; None where answers are compared with labels.
        other_metrics: Further metrics that all runs have.
        absent: Items that a run lacks and another one has.
        errors: Items on which a run ended in an error or a time-out, wholly or in some attempts.
        ungraded: Items that a run answered, and that have no grade.
        skipped: Items that no run contains; they are left out.
        changed_questions: Items whose question is not the same in all runs.
        changed_labels: Items whose label is not the same in all runs.
        changed_groups: Items whose group differs between runs; the first run's is taken.
        repeated: Items with several attempts.
        unfinished: Runs that did not end as they should, and how they ended.
        missing: What an item without an answer counts as.
        changed: What is done with changed items.
        left_out: Items that were left out because of `missing` or `changed`.
    """

    files: Mapping[str, tuple[str, ...]]
    tool: str
    metric: str | None
    other_metrics: tuple[str, ...]
    absent: Mapping[str, tuple[object, ...]]
    errors: Mapping[str, tuple[object, ...]]
    ungraded: Mapping[str, tuple[object, ...]]
    skipped: tuple[object, ...]
    changed_questions: tuple[object, ...]
    changed_labels: tuple[object, ...]
    changed_groups: tuple[object, ...]
    repeated: Mapping[str, tuple[object, ...]]
    unfinished: Mapping[str, str]
    missing: str
    changed: str
    left_out: tuple[object, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence for each kind of difference that there is."""
        counts = {"wrong": " They count as wrong.", "drop": " They are left out."}
        missing = counts.get(self.missing, "")
        changed = {"keep": " They are kept.", "drop": " They are left out."}.get(self.changed, "")
        found = [f"Run {run!r} is not complete: {how}." for run, how in self.unfinished.items()]
        for lists, words, after in (
            (self.absent, "has no answer to {n} that another run has", missing),
            (self.errors, "ended in an error on {n}", missing),
            (self.ungraded, "answered {n} that nobody graded", ""),
            (
                self.repeated,
                "has several attempts at {n}",
                " An item counts with its share of right attempts.",
            ),
        ):
            for run, ids in lists.items():
                if ids:
                    said = words.format(n=_items(len(ids)))
                    found.append(f"Run {run!r} {said}: {listed(ids)}.{after}")
        for several, words, after in (
            (self.changed_questions, "changed question", changed),
            (self.changed_labels, "changed label", changed),
            (self.changed_groups, "changed group", " The first run's is taken."),
        ):
            if several:
                found.append(
                    f"{_items(len(several)).capitalize()} with a {words}: {listed(several)}.{after}"
                )
        if self.skipped:
            found.append(
                f"{_items(len(self.skipped)).capitalize()} skipped by every run, left out: {listed(self.skipped)}."
            )
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """Plain data; every id is in it."""
        return {
            name: {k: list(v) if isinstance(v, tuple) else v for k, v in value.items()}
            if isinstance(value, Mapping)
            else list(value)
            if isinstance(value, tuple)
            else value
            for name, value in vars(self).items()
        }


def listed(ids: tuple[object, ...]) -> str:
    """The first few ids.

    Example:
        >>> listed(("a", "b")), listed(tuple(range(9)))
        ("'a', 'b'", '0, 1, 2, 3, 4, …')
    """
    return ", ".join(map(repr, ids[:_SHOWN])) + (", …" if len(ids) > _SHOWN else "")


def _items(count: int) -> str:
    return f"{count:,} item{'s' * (count != 1)}".replace(",", "\N{NARROW NO-BREAK SPACE}")
