"""What an evaluation tool wrote down about a run, in the words of this package."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from supersede.table.runs.content import Content

__all__ = ["Attempt", "Reader", "RunColumns", "RunLog", "fingerprint", "scalars"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One answer to one item, and what was thought of it.

    Attributes:
        item: The item's id, as the tool wrote it; None where the tool has no ids. The question
            then identifies the item.
        grades: What each metric or scorer said, by name: a boolean, a number or a word.
        answer: The answer itself, where it is compared with the label.
        label: What was expected.
        groups: What is known of the item: task, category, difficulty, tags.
        question: A fingerprint of the question, or the text itself where there is no id.
        error: Why there is no answer; None where there is one.
        skipped: The tool left the item out on purpose.
        model: Which model answered, where one file holds several.
    """

    item: str | int | None
    grades: Mapping[str, object] = field(default_factory=dict)
    answer: object = None
    label: object = None
    groups: Mapping[str, object] = field(default_factory=dict)
    question: str | None = None
    error: str | None = None
    skipped: bool = False
    model: str | None = None


@dataclass(frozen=True)
class RunLog:
    """What one file holds.

    Attributes:
        tool: Who wrote it, as in "Inspect".
        attempts: The answers, in the file's order.
        benchmark: What was run, by the tool's name for it.
        primary: The metric that the tool itself takes for the item's verdict.
        unfinished: Why the run is not complete; None where it is.
        repeats: Whether the tool asks an item several times on purpose, so that an id that occurs
            again is another attempt and no mistake.
    """

    tool: str
    attempts: Sequence[Attempt]
    benchmark: str | None = None
    primary: str | None = None
    unfinished: str | None = None
    repeats: bool = False


@dataclass(frozen=True)
class RunColumns:
    """Columns that the user named, for files whose columns have no fixed names.

    Attributes:
        item: The item's id.
        label: What was expected.
        answer: The answer, to be compared with the label.
        metric: The grade or score.
        attempt: The number of the attempt at an item.
        by: Which model or run a row belongs to.
    """

    item: str | None = None
    label: str | None = None
    answer: str | None = None
    metric: str | None = None
    attempt: str | None = None
    by: str | None = None


class Reader(Protocol):
    """One format of evaluation results."""

    @property
    def name(self) -> str:
        """The name that ``--from`` takes."""

    def recognises(self, content: Content) -> bool:
        """Whether the file is of this format, by its content."""

    def read(self, content: Content, columns: RunColumns) -> RunLog:
        """The file's attempts."""


def fingerprint(question: object) -> str | None:
    """A short hash of the question; None where nothing is known of it.

    Example:
        >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
        True
    """
    if question is None or question in ("", [], {}):
        return None
    text = json.dumps(question, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def scalars(values: object, *, but: Sequence[str] = ()) -> dict[str, object]:
    """The plain values of a mapping, as groups; tags (a list of words) are joined.

    Example:
        >>> scalars({"category": "sums", "tags": ["b", "a"], "nested": {"deep": [1]}})
        {'category': 'sums', 'tags': 'a, b'}
    """
    found: dict[str, object] = {}
    if not isinstance(values, Mapping):
        return found
    for name, value in values.items():
        if name in but:
            continue
        if isinstance(value, str | int | float | bool):
            found[str(name)] = value
        elif isinstance(value, list) and value and all(isinstance(part, str) for part in value):
            found[str(name)] = ", ".join(sorted(value))
    return found
