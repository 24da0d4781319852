"""Count a table's patterns in its engine: keys, packed into few whole numbers, and how often each occurs."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from supersede.errors import ArgumentError
from supersede.evaluate.classes import known_classes
from supersede.evaluate.clusters import CLUSTER, cluster_cells, cluster_of
from supersede.evaluate.estimands import Estimand, Term, terms_of
from supersede.evaluate.judges import (
    JUDGE,
    JUDGE_SCORE,
    SCORE_BINS,
    classes_said,
    judge_kind,
    opinion,
)
from supersede.evaluate.patterns import OTHER, Key, Patterns
from supersede.evaluate.weights import (
    TOP,
    WEIGHT,
    weight_bin,
    weight_edges,
    weight_of,
    weight_sums,
    weights_counted,
)
from supersede.metrics.cells import Ask, N, counted_rows, once
from supersede.table.outcomes import plain

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from supersede.table.table import Table

__all__ = ["count_patterns", "locate", "packed", "read_keys", "words"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_SCORE_BINS = 25  # of the mean score; finer bins gained nothing on make_classification data
_MOST_GRADED = 10  # models with graded outcomes in one plan: 2^10 states
_FINELY_GRADED = 6  # up to so many models, a grade has ten bins; beyond, two, as patterns multiply
_WORD = 2**62  # what fits a signed 64-bit integer


def count_patterns(
    table: "Table",
    estimands: Sequence[Estimand],
    classes: Sequence[Any] | None = None,
    judges: Sequence[str] = (),
) -> Patterns:
    """Count the patterns of a table in its engine.

    Args:
        table: The predictions.
        estimands: What will be estimated; only the attributes they need distinguish patterns.
        classes: All classes that a label can have; by default those that the models predict, and if
            there are more than two, also any other.
        judges: Columns of judges.

    Returns:
        One entry per pattern that occurs.

    Raises:
        ArgumentError: Models with classes and with graded outcomes are mixed, or an estimand is the
            precision of a graded model.
    """
    empty = read_keys(table, estimands, classes, judges)
    packed = words(table, empty)
    weight = {} if table.weight is None else {WEIGHT: weight_of(table)}
    cluster = {} if table.cluster is None else {CLUSTER: cluster_of(table)}
    rows = table.rows.select(**packed, **weight, **cluster)
    # an alias in the select list makes the engine compute each word once, not once per use
    names = (*packed, *cluster)
    ask = Ask(keys={name: rows[name] for name in names}, margins=[names])
    if weight:
        ask = replace(ask, sums=weight_sums(rows[WEIGHT]), ends={TOP: rows[WEIGHT]})
    ((cells,),) = counted_rows(rows, once(ask))
    columns = [cells[name].to_numpy().astype(np.int64) for name in packed]
    if cluster:
        return _in_clusters(empty, cells, columns)
    order = np.lexsort(columns[::-1])  # engines return groups in any order
    codes = _unpack([column[order] for column in columns], empty.keys)
    count = cells[N].to_numpy().astype(np.int64)[order]
    weights = weights_counted(cells.take(order), count) if weight else None
    return replace(empty, codes=codes, count=count, weights=weights)


def _in_clusters(empty: Patterns, cells: pa.Table, columns: Sequence[Ints]) -> Patterns:
    """Patterns from counts of their combinations with clusters."""
    words, pattern = np.unique(np.stack(columns), axis=1, return_inverse=True)
    pattern = pattern.reshape(-1).astype(np.int64)
    each = cells[N].to_numpy().astype(np.int64)
    count = np.bincount(pattern, each).astype(np.int64)
    weights, mass = None, each.astype(float)
    if any(key.kind == WEIGHT for key in empty.keys):
        by_cell = weights_counted(cells, each)
        weights, mass = by_cell.merged(each, pattern), each * by_cell.mean
    clusters = cluster_cells(cells[CLUSTER], pattern, each, mass)
    codes = _unpack(list(words), empty.keys)
    return replace(empty, codes=codes, count=count, weights=weights, clusters=clusters)


def read_keys(
    table: "Table",
    estimands: Sequence[Estimand],
    classes: Sequence[Any] | None = None,
    judges: Sequence[str] = (),
) -> Patterns:
    """The keys that distinguish patterns, and the states, without counting."""
    terms = terms_of(estimands)
    models = list(dict.fromkeys(model for term in terms for model in term.models))
    conditions = list(dict.fromkeys(condition for term in terms for condition in term.where))
    graded = [model for model in models if table.answer(model) is None]
    if graded and len(graded) < len(models):
        msg = f"models {graded} have graded outcomes and others classes; plan them separately"
        raise ArgumentError(msg)
    met = [Key("condition", condition, 2) for condition in conditions]
    if table.weight is not None:
        edges = weight_edges(table)
        met.append(Key(WEIGHT, edges, len(edges) + 1))
    if graded and judges:
        msg = (
            f"models {graded} have graded outcomes: their grades are a judge's opinions already, and"
            f" labels will correct them; leave out judge={list(judges)}"
        )
        raise ArgumentError(msg)
    if graded:
        return _graded(table, terms, graded, met)
    positives = list(dict.fromkeys(term.positive for term in terms if term.by_class))
    # where no model names classes, judges do
    known = known_classes(
        table, terms, models, classes, () if models else classes_said(table, judges)
    )
    # if only one class matters, the others are merged: fewer states, and far fewer patterns
    binary = len(positives) == 1 and all(term.by_class for term in terms)
    if binary:
        states: tuple[Any, ...] = (positives[0], OTHER)
    else:
        # two predicted classes are taken as all there are; with more, a label can be one that no model
        # predicts
        open_ended = classes is None and len(known) > 2
        states = (*known, OTHER) if open_ended else tuple(known)
    size = 2 if binary else len(states) + 1  # the last code: an abstention, or a class not listed
    keys = [Key("answer", model, size) for model in models] + met
    if any(table.score(model) is not None for model in models):
        if {0, 1}.issuperset(known):
            # one key for the mean score, not one per model: patterns would multiply with every model
            keys.append(Key("score", None, _SCORE_BINS))
        elif not binary and len(known) > 2:
            keys.append(Key("confidence", None, _SCORE_BINS))
    for judge in judges:
        kind = judge_kind(table, judge, known)
        keys.append(Key(kind, judge, 1 + (SCORE_BINS if kind == JUDGE_SCORE else len(states))))
    if not keys:  # the share of a class, with nothing known of the items
        keys.append(Key("all", None, 1))
    nothing = np.zeros((len(keys), 0), np.int16)
    positive = positives[0] if binary else None
    return Patterns(states, tuple(keys), nothing, np.zeros(0, np.int64), (), positive, known)


def words(table: "Table", patterns: Patterns) -> "dict[str, ir.Value]":
    """The pattern of each row, packed into few whole numbers (mixed radix), as expressions."""
    # the engine then groups by one or two integers, not by one column per model and condition
    packed: dict[str, ir.Value] = {}
    for number, group in enumerate(_groups(patterns.keys)):
        word, radix = _code(table, group[0], patterns), group[0].size
        for key in group[1:]:
            word += _code(table, key, patterns) * radix
            radix *= key.size
        packed[f"__word{number}"] = word.cast("int64")
    return packed


def locate(patterns: Patterns, columns: Sequence[Ints]) -> Ints:
    """The pattern number of items, from their packed keys."""
    if len(columns) == 1:  # patterns are sorted by their words
        return np.searchsorted(packed(patterns)[0], columns[0])
    # several words have no common order to search in
    codes = _unpack(list(columns), patterns.keys)
    places = {code.tobytes(): h for h, code in enumerate(np.ascontiguousarray(patterns.codes.T))}
    return np.array([places[code.tobytes()] for code in np.ascontiguousarray(codes.T)], np.int64)


def packed(patterns: Patterns) -> list[Ints]:
    """The packed keys of the patterns themselves."""
    columns, at = [], 0
    for group in _groups(patterns.keys):
        word, radix = np.zeros(len(patterns), np.int64), 1
        for key in group:
            word += patterns.codes[at].astype(np.int64) * radix
            radix *= key.size
            at += 1
        columns.append(word)
    return columns


def _groups(keys: Sequence[Key]) -> list[list[Key]]:
    """Keys in order, split where a 64-bit word is full."""
    groups: list[list[Key]] = [[]]
    radix = 1
    for key in keys:
        if radix * key.size > _WORD:
            groups.append([])
            radix = 1
        groups[-1].append(key)
        radix *= key.size
    return groups


def _unpack(columns: list[Ints], keys: Sequence[Key]) -> npt.NDArray[np.int16]:
    codes = []
    for column, group in zip(columns, _groups(keys), strict=True):
        rest = column
        for key in group:
            rest, code = np.divmod(rest, key.size)
            codes.append(code.astype(np.int16))
    return np.array(codes, np.int16).reshape(len(keys), -1)


def _code(table: "Table", key: Key, patterns: Patterns) -> "ir.Value":
    """A key's code for each row: never null, and identical on every engine."""
    import ibis

    rows = table.rows
    if key.kind == "condition":
        column, value = plain(rows[key.of.column]), _plain_value(key.of.value)
        met = {
            "==": lambda: column == value,
            "<": lambda: column < value,
            ">=": lambda: column >= value,
        }[key.of.relation]()
        return met.ifelse(1, 0)  # null is not met; PostgreSQL casts no boolean to a number
    if key.kind in {"score", "confidence"}:
        scores = [table.score(model) for model in patterns.models]
        known = [score.cast("float64") for score in scores if score is not None]
        total = known[0]
        for score in known[1:]:
            total += score
        return _bin(total / len(known), key.size)
    if key.kind == "grade":
        return _bin(table.right(key.of), key.size)
    if key.kind == WEIGHT:
        return weight_bin(table, key.of)
    if key.kind in {JUDGE, JUDGE_SCORE}:
        return opinion(table, key, patterns)
    if key.kind == "all":
        return ibis.literal(0)
    answer = table.answer(key.of)
    if answer is None:
        msg = f"model {key.of!r} has graded outcomes, and no answers that could be counted"
        raise ArgumentError(msg)
    if patterns.positive is not None:
        return (answer == patterns.positive).ifelse(0, 1)
    # a null answer gets the last code: engines differ in how they group and compare nulls
    cases = [(answer == c, i) for i, c in enumerate(patterns.states) if c != OTHER]
    return ibis.cases(*cases, else_=key.size - 1)


def _bin(share: "ir.Value", bins: int) -> "ir.Value":
    # the clip keeps a share of exactly 1 in the last bin; a missing score must not look confident,
    # so it gets the middle one
    return (share * bins).floor().cast("int64").clip(0, bins - 1).fill_null(bins // 2)


def _plain_value(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value


def _graded(
    table: "Table", terms: Sequence[Term], graded: Sequence[str], met: Sequence[Key]
) -> Patterns:
    if any(term.by_class for term in terms):
        msg = f"models {list(graded)} have graded outcomes, which have no precision, recall or F1"
        raise ArgumentError(msg)
    if len(graded) > _MOST_GRADED:
        msg = (
            f"{len(graded)} models with graded outcomes in one plan; at most {_MOST_GRADED}:"
            " plan some of them at a time, with the same seed"
        )
        raise ArgumentError(msg)
    states = tuple(itertools.product((0, 1), repeat=len(graded)))
    bins = 10 if len(graded) <= _FINELY_GRADED else 2
    keys = (*(Key("grade", model, bins) for model in graded), *met)
    nothing = np.zeros((len(keys), 0), np.int16)
    return Patterns(states, keys, nothing, np.zeros(0, np.int64), tuple(graded))
