"""What a column holds, from all of its values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from supersede.table.grades import all_grades
from supersede.table.outcomes import plain
from supersede.table.source import collect

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["Values", "profile"]

_LISTED = 100  # distinct values that are looked at one by one
_SHOWN = 4  # words in a message

Kind = Literal["whole", "fractions", "text", "sets", "records", "nothing", "other"]


@dataclass(frozen=True)
class Values:
    """What a column holds, from all of its values.

    Attributes:
        name: The column.
        kind: Whole numbers (booleans are 0 and 1), numbers with fractions, text, sets of labels,
            records, no value at all, or another type such as dates.
        type: The engine's type, for messages.
        low: The smallest number; None unless numbers.
        high: The largest number.
        words: All distinct values, if they are at most a hundred whole numbers or texts.
    """

    name: str
    kind: Kind
    type: str
    low: float | None = None
    high: float | None = None
    words: frozenset[object] | None = None

    @property
    def are_grades(self) -> bool:
        """Whether every value could be a grade: 0 and 1, or the words of evaluation tools."""
        if self.kind == "whole":
            return self.low in {0, 1} and self.high in {0, 1}
        return self.kind == "text" and self.words is not None and all_grades(self.words)

    @property
    def shown(self) -> str:
        """A few of the words, for a message."""
        if self.words is None:
            return f"many different {'texts' if self.kind == 'text' else 'numbers'}"
        listed = sorted(self.words, key=str)
        more = ", …" if len(listed) > _SHOWN else ""
        return ", ".join(map(repr, listed[:_SHOWN])) + more


def profile(rows: "ir.Table", columns: Sequence[str]) -> dict[str, Values]:
    """Look at all values of some columns: one query, and one more for each column of few values."""
    facts: dict[str, ir.Value] = {}
    for at, column in enumerate(columns):
        value = rows[column]
        if _is_number(value):
            number = plain(value)
            facts |= {f"low {at}": number.min(), f"high {at}": number.max()}
            if value.type().is_floating() or value.type().is_decimal():
                facts[f"fractions {at}"] = (number % 1 != 0).any()
        facts[f"filled {at}"] = (plain(value) if value.type().is_floating() else value).count()
    found = collect(rows.aggregate(**facts)).to_pylist()[0] if facts else {}
    return {
        column: _values(
            rows, column, {k.split(" ")[0]: v for k, v in found.items() if k.endswith(f" {at}")}
        )
        for at, column in enumerate(columns)
    }


def _values(rows: "ir.Table", column: str, facts: Mapping[str, object]) -> Values:
    kind = rows[column].type()
    name = str(kind)
    if kind.is_null() or kind.is_unknown() or not facts["filled"]:
        return Values(column, "nothing", name)
    if kind.is_array():
        return Values(column, "sets", name)
    if kind.is_struct() or kind.is_json() or kind.is_map():
        return Values(column, "records", name)
    if _is_number(rows[column]):
        low, high = (float(facts[k]) for k in ("low", "high"))  # type: ignore[arg-type]
        if facts.get("fractions"):
            return Values(column, "fractions", name, low, high)
        return Values(column, "whole", name, low, high, _words(rows, column))
    if kind.is_string():
        return Values(column, "text", name, words=_words(rows, column))
    return Values(column, "other", name)


def _words(rows: "ir.Table", column: str) -> frozenset[object] | None:
    value = plain(rows[column])
    few = rows.select(word=value).distinct().limit(_LISTED + 2)
    words = {word for word in collect(few)["word"].to_pylist() if word is not None}
    return frozenset(words) if len(words) <= _LISTED else None


def _is_number(value: "ir.Value") -> bool:
    return bool(value.type().is_numeric() or value.type().is_boolean())
