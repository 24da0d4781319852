"""Expressions: writing and reading are inverse, masks follow a row-wise reading, nothing else gets out."""

import math
import string

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from supersede.bounty.artefacts import (
    And,
    Compare,
    Everyone,
    Expression,
    In,
    IsMissing,
    Not,
    Or,
    columns_of,
    parse,
)
from supersede.errors import ExpressionError

KINDS = {"age": "number", "n": "number", "sex": "text", "old": "boolean", "half a name`": "text"}
CATEGORIES = ["f", "m", "it's", "", 'a "b"', "größe", "never seen"]
numbers = st.one_of(
    st.integers(-3, 3),
    st.integers(-(10**18) + 1, 10**18 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.5, -0.0, 1e-7, 1e22]),
)
literals = {"number": numbers, "text": st.sampled_from(CATEGORIES), "boolean": st.booleans()}


@st.composite
def conditions(draw):
    column = draw(st.sampled_from(sorted(KINDS)))
    literal = literals[KINDS[column]]
    signs = ["==", "!="] + (["<", "<=", ">", ">="] if KINDS[column] == "number" else [])
    return draw(
        st.one_of(
            st.builds(Compare, st.just(column), st.sampled_from(signs), literal),
            st.builds(
                In, st.just(column), st.lists(literal, min_size=1, max_size=4).map(tuple), st.booleans()
            ),
            st.builds(IsMissing, st.just(column), st.booleans()),
            st.just(Everyone()),
        )
    )  # fmt: skip


def joined(parts):
    several = st.lists(parts, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(And, several), st.builds(Or, several), st.builds(Not, parts))


def small(root):
    try:
        return Expression(root)
    except ExpressionError:
        return None


trees = st.recursive(conditions(), joined, max_leaves=8)
expressions = trees.map(small).filter(lambda e: e is not None)


@st.composite
def tables(draw):
    n = draw(st.integers(0, 6))
    values = {
        "number": st.one_of(st.integers(-3, 3), st.sampled_from([0.5, math.inf, math.nan, None])),
        "text": st.sampled_from(["f", "m", "it's", "", "größe", None]),
        "boolean": st.sampled_from([True, False, None]),
    }
    return {
        name: draw(st.lists(values[kind], min_size=n, max_size=n)) for name, kind in KINDS.items()
    }


def holds(node, row):
    """One row, one node: the meaning of the language, written down a second time."""
    match node:
        case Everyone():
            return True
        case Not(part):
            return not holds(part, row)
        case And(parts):
            return all(holds(part, row) for part in parts)
        case Or(parts):
            return any(holds(part, row) for part in parts)
    value = row[node.column]
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    match node:
        case IsMissing(_, negated):
            return missing != negated
        case _ if missing:
            return False
        case In(_, values, negated):
            return (value in values) != negated
        case Compare(_, sign, literal):
            return {
                "==": value == literal, "!=": value != literal,
                "<": sign == "<" and value < literal, "<=": sign == "<=" and value <= literal,
                ">": sign == ">" and value > literal, ">=": sign == ">=" and value >= literal,
            }[sign]  # fmt: skip
    raise AssertionError(node)


@given(expressions)
def test_reading_what_was_written_gives_the_same(expression):
    again = parse(str(expression))
    assert again == expression
    assert str(again) == str(expression)
    assert (again.nodes, again.columns) == (expression.nodes, expression.columns)


@given(expressions, tables())
@settings(max_examples=200)
def test_masks_are_what_a_row_wise_reading_gives(expression, table):
    n = len(table["age"])
    rows = [{name: values[i] for name, values in table.items()} for i in range(n)]
    columns = {name: np.array(values, dtype=object) for name, values in table.items()}
    mask = expression.mask(columns)
    assert mask.dtype == bool
    assert mask.tolist() == [holds(expression.root, row) for row in rows]
    ready = columns_of(columns)
    back = {name: column.take(np.arange(n)[::-1]) for name, column in ready.items()}
    assert expression.mask(back)[::-1].tolist() == mask.tolist()


@given(expressions, expressions)
def test_no_description_is_the_beginning_of_another(one, other):
    first, second = (str(e).encode() + b"\0" for e in (one, other))
    assert one == other or not first.startswith(second)
    assert one.bits == 8 * len(first)


words = st.sampled_from(
    ["and", "or", "not", "in", "is", "missing", "everyone", "true", "age", "sex", "`a b`", "'f'", "1",
     "-2.5e3", "(", ")", "[", "]", ",", "==", "!=", "<", "<=", ">=", "__import__", ".", "\0", "а"]
)  # fmt: skip


@given(st.one_of(st.lists(words, max_size=30).map(" ".join), st.text(max_size=60),
                 st.text(alphabet=string.printable, max_size=60)))  # fmt: skip
@settings(max_examples=400)
def test_any_text_is_read_or_refused_with_its_place(text):
    place = None
    try:
        expression = parse(text)
    except ExpressionError as error:
        place = error.position
    else:
        assert parse(str(expression)) == expression
    assert place is None or 0 <= place <= len(text)
