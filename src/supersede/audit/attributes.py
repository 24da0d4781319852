"""The attributes by which an audit splits items: who, and under which circumstances.

Groups are declared, never inferred: a guess of somebody's race or gender is wrong for some, wrong more
often for some than for others, and a harm of its own. So an attribute of people that is marked as
inferred is refused; if that is overridden, every row, figure and card that shows it is marked.
"""

import shlex
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supersede.errors import InferredAttributeError, MissingColumnError
from supersede.look.numbers import worded

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["Attribute", "label_of", "refuse_inferred", "spelling_notes"]

_UNKNOWN_WORDS = {
    "?", "", "-", "na", "n/a", "nan", "none", "null", "unknown", "not stated", "not known",
    "prefer not to say", "not in universe",
}  # fmt: skip
_NAMED = 3


@dataclass(frozen=True)
class Attribute:
    """A column that describes who or what an item belongs to, or its circumstances.

    Attributes:
        column: The column. With a column of lists, an item belongs to several groups at once.
        protected: Whether it describes who somebody is (or another trait that must not be guessed);
            False for circumstances, such as the noise or the device.
        inferred: Whether its values were guessed, by a model or from a proxy, and not declared by
            the people themselves or recorded.
        unknown: Values that mean "not known", in addition to null and NaN.
    """

    column: str
    protected: bool = True
    inferred: bool = False
    unknown: tuple[object, ...] = ()

    @property
    def name(self) -> str:
        """The column, marked where it is inferred."""
        return f"{self.column} (inferred)" if self.inferred else self.column

    def key(self, rows: "ir.Table") -> "ir.Value":
        """The value of each item; null where it is unknown.

        Raises:
            MissingColumnError: The rows have no such column.
        """
        if self.column not in rows.columns:
            raise MissingColumnError.of(self.column, rows.columns, "a group")
        value = rows[self.column]
        if value.type().is_floating():
            value = value.isnan().ifelse(None, value)
        if self.unknown:
            value = value.isin(list(self.unknown)).ifelse(None, value)
        return value


def refuse_inferred(guessed: Iterable[str], *, allowed: bool) -> None:
    """Refuse attributes of people that were inferred, unless that is allowed.

    Args:
        guessed: The attributes marked as protected and inferred.
        allowed: Whether the user has allowed them.

    Raises:
        InferredAttributeError: A protected attribute is marked as inferred.
    """
    listed = ", ".join(map(repr, guessed))
    if listed and not allowed:
        msg = (
            f"{listed} is marked as inferred, and who somebody is must not be guessed; use what"
            " people declared themselves and leave the others unknown (null): they get a row of"
            " their own. If you must, allow_inferred=True marks it on every row, figure and card"
        )
        raise InferredAttributeError(msg)


def label_of(columns: Sequence[str], values: Sequence[object]) -> str:
    """A group's name.

    Example:
        >>> label_of(["sex", "race"], ["f", None])
        'sex = f × race = unknown'
    """
    return " × ".join(
        f"{column} = {worded(value)}" for column, value in zip(columns, values, strict=True)
    )


def spelling_notes(values: Mapping[str, Sequence[object]]) -> list[str]:
    """Warnings about values that look like two spellings of one group, or like an unknown.

    Args:
        values: The values of each column.

    Returns:
        One sentence per finding; nothing is merged or dropped.

    Example:
        >>> spelling_notes({"sex": ["Female", "female ", "male"]})
        ["sex: 'Female', 'female ' look like one group in several spellings; they are counted
        separately."]
    """
    notes = []
    for column, found in values.items():
        folded: dict[str, list[str]] = {}
        for text in (value for value in found if isinstance(value, str)):
            folded.setdefault(_folded(text), []).append(text)
        alike = [sorted(texts) for texts in folded.values() if len(texts) > 1]
        notes += [
            f"{column}: {', '.join(map(repr, texts))} look like one group in several spellings;"
            " they are counted separately."
            for texts in alike[:_NAMED]
        ]
        if len(alike) > _NAMED:
            notes.append(f"{column}: {len(alike) - _NAMED} more groups have several spellings.")
        words = sorted(
            t for texts in folded.values() for t in texts if _folded(t) in _UNKNOWN_WORDS
        )
        if words:
            listed = ", ".join(map(repr, words))
            notes.append(
                f"{column}: {listed} looks like “unknown”; if it is, declare it with"
                f" {' '.join(f'--unknown {shlex.quote(word)}' for word in words)}, in Python"
                f" Attribute({column!r}, unknown={tuple(words)!r})."
            )
    return notes


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(plain.replace("_", " ").replace("-", " ").split())
