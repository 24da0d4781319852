"""The grammar of groups: text in, expression out, or an error that shows the position.

::

    group    = all { "or" all } ;
    all      = part { "and" part } ;
    part     = "not" part | "(" group ")" | "everyone" | test ;
    test     = column sign literal
             | literal ("<" | "<=") column [ ("<" | "<=") literal ]
             | column ["not"] "in" "[" literal { "," literal } "]"
             | column "is" ["not"] "missing" ;
    sign     = "==" | "!=" | "<" | "<=" | ">" | ">=" ;
    column   = word | "`" characters "`" ;
    literal  = number | "'" characters "'" | '"' characters '"' | "true" | "false" ;

A word is made of ASCII letters, digits and ``_``; a quotation mark within quotes is doubled. There
is nothing else: no arithmetic, no functions, no attributes. The text is never passed to Python's
parser.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import NoReturn

from supersede.bounty.artefacts.columns import Columns, columns_of, looks_like
from supersede.bounty.artefacts.expression import Expression
from supersede.bounty.artefacts.nodes import (
    KEYWORDS,
    MAX_DEPTH,
    MAX_DIGITS,
    MAX_LENGTH,
    MAX_NODES,
    SIGNS,
    And,
    Compare,
    Everyone,
    In,
    IsMissing,
    Literal,
    Node,
    Not,
    Or,
    refuse_literal,
    refuse_name,
)
from supersede.errors import ExpressionError, MissingColumnError

__all__ = ["parse"]

TOKEN = re.compile(
    r"""[ \t\r\n]*(?:
      (?P<number>-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![0-9A-Za-z_.]))
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<name>`(?:[^`]|``)*`)
    | (?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")
    | (?P<sign>==|!=|<=|>=|<|>)
    | (?P<mark>[()\[\],])
    | (?P<end>\Z)
    )""",
    re.VERBOSE | re.ASCII,
)
MEANT = {
    "=": "write == for equal",
    "&": "write and",
    "|": "write or",
    "!": "write not, or != for unequal",
    "~": "write not",
    "'": "this quotation mark is never closed",
    '"': "this quotation mark is never closed",
    "`": "this backquote is never closed",
    "{": "lists are written in [ ]",
    "+": "there is no arithmetic",
    "-": "there is no arithmetic",
    "*": "there is no arithmetic",
    "/": "there is no arithmetic",
    ".": "there are no attributes",
}


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int


def parse(text: str, columns: Columns | None = None) -> Expression:
    """Read a group.

    Args:
        text: The expression; see this module for the grammar.
        columns: Columns by name. If given, names and types are checked immediately, so that
            messages can show the position.

    Raises:
        ExpressionError: The text does not follow the grammar, is too long or too deep, or does not
            match the columns.

    Example:
        >>> parse("sex == 'f' and (age >= 65 or age is missing)").columns
        ('sex', 'age')
        >>> parse("__import__('os')")
        Traceback (most recent call last):
        supersede.errors.ExpressionError: expected a comparison after the column '__import__', found '(' (character 10)
          __import__('os')
                    ^
    """
    if not isinstance(text, str):
        msg = f"a group must be a text, not {type(text).__name__}"
        raise ExpressionError(msg)
    if len(text) > MAX_LENGTH:
        msg = f"the expression has {len(text)} characters, more than {MAX_LENGTH}"
        raise ExpressionError.at(text, MAX_LENGTH, msg)
    return _Parser(text, columns).expression()


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while not tokens or tokens[-1].kind != "end":
        found = TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            at += len(text[at:]) - len(text[at:].lstrip(" \t\r\n"))
            raise ExpressionError.at(text, at, _unreadable(text, at))
        kind = found.lastgroup
        tokens.append(_Token(kind, found[kind], found.start(kind)))
        at = found.end()
    return tokens


def _unreadable(text: str, at: int) -> str:
    strange = text[at]
    if strange.isdecimal() and strange.isascii():
        return "this is not a number"
    if strange.isalnum():
        name = unicodedata.name(strange, "an unnamed character")
        return f"{strange!r} is {name}; retype it, or put a column's name in backquotes"
    if refuse := refuse_literal(strange):
        return refuse
    return f"cannot read {strange!r}" + (f"; {MEANT[strange]}" if strange in MEANT else "")


class _Parser:
    """Recursive descent; depth is counted on the way down, so recursion ends at MAX_DEPTH."""

    def __init__(self, text: str, columns: Columns | None) -> None:
        self.text = text
        self.columns = columns
        self.kinds: dict[str, str] = {}
        self.tokens = _tokens(text)
        self.at = 0
        self.nodes = 0

    def expression(self) -> Expression:
        root = self.group(1)
        if self.now.kind != "end":
            self.fail(f"expected and, or, or the end, found {self.now.text!r}{self.shouted()}")
        return Expression(root)

    @property
    def now(self) -> _Token:
        return self.tokens[self.at]

    def fail(self, problem: str, token: _Token | None = None) -> NoReturn:
        raise ExpressionError.at(self.text, (token or self.now).start, problem)

    def shouted(self) -> str:
        """A hint if a keyword is written in capitals."""
        word = self.now.text.lower()
        return f"; write {word}" if self.now.kind == "word" and word in KEYWORDS else ""

    def take(self, *texts: str) -> _Token | None:
        """The next token if it is one of these keywords, signs or marks."""
        token = self.now
        if token.kind in {"word", "sign", "mark"} and token.text in texts:
            self.at += 1
            return token
        return None

    def need(self, text: str) -> None:
        if not self.take(text):
            found = self.now.text or "the end"
            self.fail(f"expected {text!r}, found {found!r}")

    def group(self, depth: int) -> Node:
        parts = [self.all_of(depth)]
        while self.take("or"):
            parts.append(self.all_of(depth))
        return Or(tuple(parts)) if len(parts) > 1 else parts[0]

    def all_of(self, depth: int) -> Node:
        parts = [self.part(depth)]
        while self.take("and"):
            parts.append(self.part(depth))
        # a range is two tests, and is joined with its neighbours rather than nested
        flat = [node for part in parts for node in (part if isinstance(part, list) else [part])]
        return And(tuple(flat)) if len(flat) > 1 else flat[0]

    def part(self, depth: int) -> Node | list[Node]:
        if depth > MAX_DEPTH + 1:
            self.fail(f"nested more than {MAX_DEPTH} deep; simplify the expression")
        if self.take("not"):
            part = self.part(depth + 1)
            return Not(And(tuple(part)) if isinstance(part, list) else part)
        if self.take("("):
            inside = self.group(depth + 1)
            self.need(")")
            return inside
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self.fail(f"more than {MAX_NODES} tests; simplify the expression")
        if self.take("everyone"):
            return Everyone()
        starts_word = self.now.kind == "word" and self.now.text not in KEYWORDS
        if self.now.kind == "name" or starts_word:
            return self.test()
        return self.range()

    def test(self) -> Node:
        column = self.column()
        if self.take("is"):
            negated = self.take("not") is not None
            self.need("missing")
            return IsMissing(column, negated)
        if self.take("in"):
            return In(column, self.listed(column))
        if self.now.text == "not" and self.tokens[self.at + 1].text == "in":
            self.at += 2
            return In(column, self.listed(column), negated=True)
        sign = self.take(*SIGNS)
        if sign is None:
            found = self.now.text or "the end"
            problem = f"expected a comparison after the column {column!r}, found {found!r}"
            self.fail(problem + self.shouted())
        return Compare(column, sign.text, self.literal(column, sign.text))

    def range(self) -> list[Node]:
        """``low <= column < high``, or its first half."""
        low_token = self.now
        low = self.literal()
        first = self.take("<", "<=")
        if first is None:
            self.fail("expected < or <= and a column after a literal that comes first")
        if self.now.kind != "name" and (self.now.kind != "word" or self.now.text in KEYWORDS):
            self.fail(f"expected a column, found {self.now.text or 'the end'!r}")
        column = self.column()
        self.fits(column, low, low_token, first.text)
        tests: list[Node] = [Compare(column, {"<": ">", "<=": ">="}[first.text], low)]
        if second := self.take("<", "<="):
            tests.append(Compare(column, second.text, self.literal(column, second.text)))
        return tests

    def listed(self, column: str) -> tuple[Literal, ...]:
        self.need("[")
        values = [self.literal(column)]
        while self.take(","):
            values.append(self.literal(column))
        self.need("]")
        return tuple(values)

    def column(self) -> str:
        token = self.now
        name = token.text[1:-1].replace("``", "`") if token.kind == "name" else token.text
        if problem := refuse_name(name):
            self.fail(problem)
        if self.columns is not None and name not in self.columns:
            error = MissingColumnError.of(
                name, self.columns, "a group", looks_like(name, self.columns)
            )
            self.fail(str(error))
        self.at += 1
        return name

    def literal(self, column: str | None = None, sign: str = "==") -> Literal:
        token = self.now
        if token.kind == "number":
            whole = re.fullmatch("-?[0-9]+", token.text)
            if whole and len(token.text.lstrip("-0")) > MAX_DIGITS:
                self.fail(f"an integer has at most {MAX_DIGITS} digits")
            value: Literal = int(token.text) if whole else float(token.text)
        elif token.kind == "text":
            quote = token.text[0]
            value = token.text[1:-1].replace(quote * 2, quote)
        elif token.kind == "word" and token.text in {"true", "false"}:
            value = token.text == "true"
        else:
            found = token.text or "the end"
            hint = f"; texts are written in quotes: '{found}'" if token.kind == "word" else ""
            self.fail(f"expected a number, a text, true or false, found {found!r}{hint}")
        if problem := refuse_literal(value):
            self.fail(problem)
        self.at += 1
        if column is not None:
            self.fits(column, value, token, sign)
        return value

    def fits(self, column: str, value: Literal, token: _Token, sign: str) -> None:
        if sign not in {"==", "!="} and isinstance(value, bool | str):
            self.fail(f"{sign} compares numbers, not {token.text}; use == or in", token)
        if self.columns is not None:
            if column not in self.kinds:  # parsing a column can take long
                self.kinds[column] = columns_of(self.columns, [column])[column].kind
            kind = self.kinds[column]
            found = {bool: "boolean", str: "text"}.get(type(value), "number")
            if kind not in {found, "unknown"}:
                self.fail(
                    f"{token.text} is a {found}, but the column {column!r} is of type {kind}", token
                )
