"""The parts of an expression: seven kinds of node, their limits, and their canonical text.

Nothing in such a tree can call, import or look up anything except a column.
"""

import math
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from supersede.bounty.artefacts.columns import looks_like
from supersede.errors import ExpressionError

__all__ = [
    "KEYWORDS",
    "MAX_DEPTH",
    "MAX_DIGITS",
    "MAX_LENGTH",
    "MAX_LITERALS",
    "MAX_NODES",
    "MAX_TEXT",
    "SIGNS",
    "And",
    "Compare",
    "Everyone",
    "In",
    "IsMissing",
    "Literal",
    "Node",
    "Not",
    "Or",
    "check",
    "refuse_literal",
    "refuse_name",
    "walk",
    "write",
]

MAX_LENGTH = 4096  # characters of the text
MAX_NODES = 64  # tests, and, or, not
MAX_DEPTH = 8  # of nested and, or, not; a test alone has depth 1
MAX_LITERALS = 256  # over all tests, those of lists included
MAX_TEXT = 200  # characters of one text or column name
MAX_DIGITS = 18  # of an integer: these fit into 64 bits

Literal = int | float | bool | str

SIGNS = ("==", "!=", "<", "<=", ">", ">=")
KEYWORDS = frozenset({"and", "or", "not", "in", "is", "missing", "true", "false", "everyone"})


@dataclass(frozen=True)
class Everyone:
    """All rows."""


@dataclass(frozen=True)
class Compare:
    """A column compared with a literal: ``==``, ``!=``, and for numbers ``<``, ``<=``, ``>``, ``>=``."""

    column: str
    sign: str
    value: Literal

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", _plain(self.value))


@dataclass(frozen=True)
class In:
    """A column's value is in a list, or not."""

    column: str
    values: tuple[Literal, ...]
    negated: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(map(_plain, self.values)))


@dataclass(frozen=True)
class IsMissing:
    """A column's value is missing, or not."""

    column: str
    negated: bool = False


@dataclass(frozen=True)
class Not:
    """The rows that are not in its part."""

    part: "Node"


@dataclass(frozen=True)
class And:
    """The rows that are in all of two or more parts."""

    parts: tuple["Node", ...]


@dataclass(frozen=True)
class Or:
    """The rows that are in at least one of two or more parts."""

    parts: tuple["Node", ...]


Node = Everyone | Compare | In | IsMissing | Not | And | Or


def _plain(value: Literal) -> Literal:
    """A scalar of numpy as Python's, which has one way of being written; others as they are."""
    if isinstance(value, np.generic):
        plain: Literal = value.item()
        return plain
    return value


def check(root: Node) -> None:
    """Refuse a tree that is too large, or that contains values that cannot be written.

    Raises:
        ExpressionError: It exceeds a limit, which the message names.
    """
    found = list(walk(root))
    for what, size, most in (
        ("levels of and, or, not", max(depth for _, depth in found), MAX_DEPTH),
        ("nodes (tests, and, or, not)", len(found), MAX_NODES),
        ("literals", sum(len(_literals(node)) for node, _ in found), MAX_LITERALS),
    ):
        if size > most:
            msg = f"the expression has {size} {what}, more than {most}; simplify the expression"
            raise ExpressionError(msg)
    problems = [problem for node, _ in found if (problem := _refuse(node))]
    if problems:
        raise ExpressionError(problems[0])
    if len(write(root)) > MAX_LENGTH:
        msg = f"the expression has {len(write(root))} characters, more than {MAX_LENGTH}"
        raise ExpressionError(msg)


def walk(node: Node, depth: int = 1) -> Iterator[tuple[Node, int]]:
    """All nodes with their depth; stops one level below the allowed depth."""
    yield node, depth
    if depth <= MAX_DEPTH:
        for part in _parts(node):
            yield from walk(part, depth + 1)


def _parts(node: Node) -> tuple[Node, ...]:
    if isinstance(node, And | Or):
        return node.parts
    return (node.part,) if isinstance(node, Not) else ()


def _literals(node: Node) -> tuple[Literal, ...]:
    if isinstance(node, In):
        return node.values
    return (node.value,) if isinstance(node, Compare) else ()


def _refuse(node: Node) -> str:
    """The error of one node; an empty string if it is valid."""
    if isinstance(node, And | Or):
        return "" if len(node.parts) > 1 else "and, or need at least two parts"
    if isinstance(node, Everyone | Not):
        return ""
    if problem := refuse_name(node.column):
        return problem
    if isinstance(node, In) and not node.values:
        return f"the list of {node.column!r} is empty, so the group would be empty"
    if isinstance(node, Compare):
        if node.sign not in SIGNS:
            return f"there is no comparison {node.sign!r}; use one of {' '.join(SIGNS)}"
        if node.sign not in {"==", "!="} and isinstance(node.value, bool | str):
            return f"{node.sign} compares numbers, not {write_literal(node.value)}; use == or in"
    return next(filter(None, map(refuse_literal, _literals(node))), "")


def refuse_name(name: str) -> str:
    """The error of a column's name; an empty string if it is valid."""
    if not 1 <= len(name) <= MAX_TEXT:
        return f"a column's name must have 1 to {MAX_TEXT} characters, not {len(name)}"
    return _unprintable(name) or looks_like(name, ())


def refuse_literal(value: Literal) -> str:
    """The error of a literal; an empty string if it is valid."""
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            return f"a text has at most {MAX_TEXT} characters, not {len(value)}"
        return _unprintable(value)
    if isinstance(value, bool):
        return ""
    if not isinstance(value, int | float):
        return f"a literal is a number, a text, true or false, not a {type(value).__name__}"
    if isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:
        return f"an integer has at most {MAX_DIGITS} digits"
    return "" if math.isfinite(value) else "a number must be finite"


def _unprintable(text: str) -> str:
    strange = next((c for c in text if unicodedata.category(c)[0] == "C"), None)
    return (
        "" if strange is None else f"the character U+{ord(strange):04X} is invisible; leave it out"
    )


def write(node: Node) -> str:
    """The canonical text of a tree."""
    if isinstance(node, Everyone):
        return "everyone"
    if isinstance(node, Compare):
        return f"{write_name(node.column)} {node.sign} {write_literal(node.value)}"
    if isinstance(node, In):
        listed = ", ".join(map(write_literal, node.values))
        return f"{write_name(node.column)} {'not ' * node.negated}in [{listed}]"
    if isinstance(node, IsMissing):
        return f"{write_name(node.column)} is {'not ' * node.negated}missing"
    if isinstance(node, Not):
        return f"not {_within(node.part)}"
    return (" and " if isinstance(node, And) else " or ").join(map(_within, node.parts))


def _within(node: Node) -> str:
    return f"({write(node)})" if isinstance(node, And | Or) else write(node)


def write_name(name: str) -> str:
    """A column's name: as it is if it is a word, otherwise in backquotes."""
    plain = name.isascii() and name.isidentifier() and name not in KEYWORDS
    return name if plain else "`" + name.replace("`", "``") + "`"


def write_literal(value: Literal) -> str:
    """A literal: a number, true, false, or a text in single quotes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, float) and value.is_integer() and abs(value) < 10**15:
        value = int(value)  # 1.0 and 1 are the same literal
    return repr(value)
