"""Different words for the same class: what a label's word stands for, and how words are spelt."""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from supersede.errors import ArgumentError, SourceError

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["FOLDED", "Same", "fold", "same_words"]

FOLDED = "folded"
"""The keyword that compares words without case, surrounding space, and ``-`` or ``_`` for a space."""


_SEPARATORS = "[-_ ]+"


@dataclass(frozen=True)
class Same:
    """Which words count as equal when an answer is compared with a label.

    Attributes:
        accepts: For a word, the words that it stands for: an answer ``c`` is right where the label is
            ``c-or-cpp``, and the reverse; ``c`` and ``cpp`` stay different from each other.
        folded: Whether case, surrounding space and the kind of separator are ignored.
    """

    accepts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    folded: bool = False

    def __bool__(self) -> bool:
        return self.folded or bool(self.accepts)

    def word(self, value: "ir.Value") -> "ir.Value":
        """A class as it is compared: folded, and text where words were named."""
        if self.accepts and not value.type().is_string():
            value = value.cast("string")
        if self.folded and value.type().is_string():
            value = value.strip().lower().re_replace(_SEPARATORS, " ")
        return value

    def answer(self, answer: "ir.Value", label: "ir.Value") -> "ir.Value":
        """The answer in the label's word, where one stands for the other; both as `word` gives."""
        import ibis

        branches = []
        for name, others in self.accepts.items():
            word, meant = self._spelt(name), [self._spelt(other) for other in others]
            branches.append(((label == word) & answer.isin(meant), label))
            branches.append(((answer == word) & label.isin(meant), label))
        return ibis.cases(*branches, else_=answer) if branches else answer

    def _spelt(self, word: str) -> str:
        return fold(word) if self.folded else word


def fold(word: str) -> str:
    """A word without case, surrounding space and kind of separator.

    Example:
        >>> fold(" UTF_8-sig ")
        'utf 8 sig'
    """
    return re.sub(_SEPARATORS, " ", word.strip().lower())


def same_words(given: "Mapping[str, Sequence[str]] | Sequence[str] | str | Same | None") -> Same:
    """Read which words are the same.

    Args:
        given: A mapping of a word to the words it stands for; or texts such as ``"c-or-cpp=c,cpp"``,
            ``"folded"``, or the path of a JSON or TOML file with such a mapping.

    Raises:
        ArgumentError: A text is none of these.
        SourceError: The file cannot be read.

    Example:
        >>> same_words(["c-or-cpp=c,cpp", "folded"])
        Same(accepts={'c-or-cpp': ('c', 'cpp')}, folded=True)
    """
    if given is None:
        return Same()
    if isinstance(given, Same):
        return given
    if isinstance(given, Mapping):
        return Same(_accepts(given))
    accepts: dict[str, tuple[str, ...]] = {}
    folded = False
    for text in [given] if isinstance(given, str) else given:
        if text == FOLDED:
            folded = True
        elif text.endswith((".json", ".toml")):
            accepts |= _accepts(_file(Path(text)))
        elif "=" in text:
            word, _, others = text.partition("=")
            accepts[word] = (*accepts.get(word, ()), *others.split(","))
        else:
            msg = (
                f"same={text!r}: expected 'word=other,other', 'folded' (compare without case, space"
                " and - or _), or a .json or .toml file of such pairs"
            )
            raise ArgumentError(msg)
    return Same(accepts, folded)


def _accepts(given: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    found = {}
    for word, others in given.items():
        listed = [others] if isinstance(others, str) else others
        if not isinstance(listed, Sequence) or not all(isinstance(o, str) for o in listed):
            msg = f"same={{{word!r}: {others!r}}}: expected a word and the words it stands for"
            raise ArgumentError(msg)
        found[str(word)] = tuple(listed)
    return found


def _file(path: Path) -> Mapping[str, Sequence[str]]:
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        msg = (
            f'cannot read {path}: {error}; expected a mapping such as {{"c-or-cpp": ["c", "cpp"]}}'
        )
        raise SourceError(msg) from error
    if not isinstance(found, Mapping):
        msg = f"{path} holds no mapping of a word to the words it stands for"
        raise ArgumentError(msg)
    return found
