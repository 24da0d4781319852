"""Run a model in chunks of one size: once to serve, several times to judge it.

Every run of a served model has exactly `CHUNK` rows; the last chunk is filled up with copies of one
of its rows. A row is thus computed by the same kernels whether it comes alone or with a million others. Judging
adds runs in other orders and sizes, and refuses answers that depend on more than their own row.

This file imports nothing of the package, because the child imports nothing of it.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import IO, Any

import numpy as np

__all__ = ["CHUNK", "PASSES", "RowUnfit", "Unfit", "exhausted", "judge", "read_columns", "serve"]

TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
    "tensor(string)": np.object_,
}
CHUNK = 1024  # rows of a run
PASSES = 6  # in judging: opening and rows alone, two sessions, another order, other sizes
CLOSE = 1e-5  # tolerance for sums in another order in single precision
ALONE = 64  # rows that are also run one by one


class Unfit(Exception):  # a verdict, not an error of this program
    """The model does not match the columns, or its answers are invalid; the message says why."""


class RowUnfit(Unfit):
    """Some rows' values do not fit the model's input; others can."""


def exhausted(error: Exception) -> bool:
    """Whether an error of the runtime says that memory has run out."""
    return isinstance(error, MemoryError) or "alloc" in str(error) or "memory" in str(error)


def read_columns(source: IO[bytes], names: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """The columns that follow: numbers with NaN for missing, texts with an empty one."""
    found = {}
    for column in names:
        values = np.lib.format.read_array(source, allow_pickle=False)
        if column["categories"] is not None:
            values = np.array([*column["categories"], ""], dtype=object)[values]
        found[column["name"]] = values
    return found


def serve(
    open_session: Callable[[], Any],
    columns: dict[str, np.ndarray],
    asked: dict[str, Any],
    allow: Callable[[], None] = lambda: None,
) -> np.ndarray:
    """Answers of shape (n, width), NaN for rows on which the model fails.

    A chunk that fails is halved until the failing rows are found, so no row fails because of
    another one.

    Args:
        open_session: Opens the model.
        columns: Its columns.
        asked: Number of rows, numbers per row, and the kind of the answers.
        allow: Called before each chunk: grants it CPU time.
    """
    ask = _runner(open_session(), columns, asked)
    n = asked["rows"]
    whole = np.full((n, asked["width"]), np.nan)

    def run(rows: slice) -> np.ndarray:
        # whole chunks are views of the columns; a shorter one is filled up
        return ask(rows if rows.stop - rows.start == CHUNK else _filled(np.arange(n)[rows]))

    for start in range(0, n, CHUNK):
        allow()
        waiting = [slice(start, min(start + CHUNK, n))]
        while waiting:
            rows = waiting.pop()
            many = rows.stop - rows.start
            try:
                whole[rows] = run(rows)[:many]
            except Exception as error:  # onnxruntime's errors have no common root
                structural = isinstance(error, Unfit) and not isinstance(error, RowUnfit)
                if structural or exhausted(error):
                    raise
                if many > 1:
                    middle = rows.start + many // 2
                    waiting += [slice(rows.start, middle), slice(middle, rows.stop)]
    return whole


def judge(
    open_session: Callable[[], Any],
    columns: dict[str, np.ndarray],
    asked: dict[str, Any],
    allow: Callable[[], None] = lambda: None,
) -> np.ndarray:
    """Answers as `serve` gives them: the same in two sessions, shuffled, in batches of many sizes, and alone."""
    run = _runner(open_session(), columns, asked, allow)
    n = asked["rows"]
    whole = _in_chunks(run, np.arange(n))
    wrong = ~np.isfinite(whole).all(axis=1)
    if wrong.any():
        row = int(wrong.argmax())
        msg = f"row {row} has the answer {whole[row].tolist()}; every answer must be finite"
        raise Unfit(msg)
    if not np.array_equal(
        whole, _in_chunks(_runner(open_session(), columns, asked, allow), np.arange(n))
    ):
        msg = "the model answers differently when it is run again"
        raise Unfit(msg)
    order = np.random.default_rng(0).permutation(n)
    shuffled = np.empty_like(whole)
    shuffled[order] = _in_chunks(run, order)
    batches = np.concatenate([run(np.arange(n)[part]) for part in _batches(n)])
    some = np.sort(order[:ALONE])
    alone = np.concatenate([run(some[i : i + 1]) for i in range(len(some))])
    exact = asked["kind"] == "Codes"
    for how, one, other in (
        ("in another order", whole, shuffled),
        ("in smaller batches", whole, batches),
        ("one by one", whole[some], alone),
    ):
        if not _same(one, other, exact=exact):
            msg = (
                f"the model answers differently when the rows come {how}; a row's answer must"
                " depend on that row alone"
            )
            raise Unfit(msg)
    return whole


def _runner(
    session: Any,
    columns: dict[str, np.ndarray],
    asked: dict[str, Any],
    allow: Callable[[], None] = lambda: None,
) -> Callable[[np.ndarray | slice], np.ndarray]:
    """A function from rows to their answers, shape (rows, width)."""
    last = asked["kind"] == "Probabilities"
    name = session.get_outputs()[-1 if last else 0].name

    def run(rows: np.ndarray | slice) -> np.ndarray:
        allow()
        part = {name: values[rows] for name, values in columns.items()}
        (found,) = session.run([name], _feed(session, part))
        return _numbers(found, len(next(iter(part.values()))), asked["width"])

    return run


def _in_chunks(run: Callable[[np.ndarray | slice], np.ndarray], rows: np.ndarray) -> np.ndarray:
    parts = [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
    return np.concatenate([run(_filled(part))[: len(part)] for part in parts])


def _filled(rows: np.ndarray) -> np.ndarray:
    """The rows of a chunk, filled up with copies of the first."""
    return np.concatenate([rows, np.full(CHUNK - len(rows), rows[0])])


def _batches(n: int) -> list[slice]:
    """All rows, in batches of doubling size: some are below and some above any threshold.

    From four chunks on the size stays, so that memory does.
    """
    cuts = [0, *(2**i for i in range(13) if 2**i < n)]
    cuts = [*cuts, *range(cuts[-1] + 4 * CHUNK, n, 4 * CHUNK), n]
    return [slice(start, end) for start, end in pairwise(cuts)]


def _same(one: np.ndarray, other: np.ndarray, *, exact: bool) -> bool:
    if exact:
        return np.array_equal(one, other, equal_nan=True)
    there = np.abs(one[np.isfinite(one)])
    scale = float(there.max()) if there.size else 0.0
    return np.allclose(one, other, rtol=CLOSE, atol=CLOSE * scale, equal_nan=True)


def _numbers(found: Any, n: int, width: int) -> np.ndarray:
    if not isinstance(found, np.ndarray):
        msg = "the model answers with a map or a sequence; convert it with zipmap=False"
        raise Unfit(msg)
    if found.dtype.kind not in "biuf":
        msg = "the model answers with texts; classes must be given as codes, 0, 1, …"
        raise Unfit(msg)
    if found.shape not in {(n, width), (n,) if width == 1 else (n, width)}:
        msg = f"the model answers {n} rows with an array of shape {found.shape}, not {(n, width)}"
        raise Unfit(msg)
    return found.reshape(n, width).astype(np.float64)


def _feed(session: Any, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    inputs = session.get_inputs()
    names = [port.name for port in inputs]
    if set(names) == set(columns):
        return {
            port.name: _typed(columns[port.name], port)[
                (...,) if len(port.shape) == 1 else (..., None)
            ]
            for port in inputs
        }
    if len(inputs) != 1:
        msg = (
            f"the model's inputs are {names[:20]}, the columns {list(columns)[:20]}; use the same"
            " names, or a single input"
        )
        raise Unfit(msg)
    (port,) = inputs
    if len(port.shape) != 2 or (isinstance(port.shape[1], int) and port.shape[1] != len(columns)):
        msg = f"the model's input has the shape {port.shape}, but {len(columns)} columns are named"
        raise Unfit(msg)
    typed = [_typed(values, port) for values in columns.values()]
    together = np.empty((len(typed[0]), len(typed)), typed[0].dtype)
    for place, values in enumerate(typed):
        together[:, place] = values
    return {port.name: together}


def _typed(values: np.ndarray, port: Any) -> np.ndarray:
    kind = TYPES.get(port.type)
    if kind is None:
        msg = f"the model's input {port.name!r} is a {port.type}; use one of {', '.join(TYPES)}"
        raise Unfit(msg)
    if kind is np.object_ and values.dtype != object and np.isnan(values).all():
        values = np.full(len(values), "", dtype=object)  # all missing, so it can be text
    if (values.dtype == object) != (kind is np.object_):
        msg = (
            f"the model's input {port.name!r} is a {port.type}, and the column's values are of"
            " another type"
        )
        raise Unfit(msg)
    if port.shape and isinstance(port.shape[0], int):
        msg = (
            f"the model accepts batches of {port.shape[0]} rows only; export it with a free first"
            " dimension"
        )
        raise Unfit(msg)
    with np.errstate(invalid="ignore"):
        typed: np.ndarray = values.astype(kind)
    whole = kind not in {np.float32, np.float64, np.object_}
    if whole and not np.array_equal(typed, values):
        msg = (
            f"the model's input {port.name!r} is a {port.type}, but values are missing or of"
            " another type"
        )
        raise RowUnfit(msg)
    return typed
