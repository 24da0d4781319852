"""The patched model: a list of patches, each a group and a model for it, over a first model.

A patch answers with a model of its own, or points back to an earlier version of the list. Pointers repair:
if a later patch made an earlier group worse, that group goes back to its best version. Lists are
immutable; each patch creates a new list, and lists share their common parts.

Reference:
    Globus-Harris, Kearns & Roth (2022), An algorithmic framework for bias bounties, FAccT: algorithms
    ListUpdate and MonotoneFalsifyAndUpdate.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from supersede.bounty.artefacts.answers import Answers, Codes
from supersede.bounty.artefacts.columns import Column, Columns, columns_of
from supersede.bounty.artefacts.models import Model
from supersede.bounty.artefacts.onnx_model import OnnxModel
from supersede.bounty.artefacts.sandbox import SandboxLimits, run_onnx
from supersede.bounty.passport import Passport
from supersede.bounty.routing import Group, Ints, route
from supersede.bounty.sample import as_columns
from supersede.errors import ArgumentError, ArtefactError, LimitError

__all__ = ["DecisionList", "Logged", "Node", "answers_of", "answers_that_fit", "judged_answers"]

Array = npt.NDArray[Any]
_log = logging.getLogger("supersede")


@dataclass(frozen=True)
class Logged:
    """A model given by its answers: a column that contains them.

    Attributes:
        column: The column.
    """

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    @property
    def bits(self) -> int:
        """Description length: eight bits per byte of the column's name and of its terminator."""
        return 8 * (len(self.column.encode()) + 1)

    def predict(self, columns: Columns, answers: Answers) -> Array:
        """The column's values, checked.

        Raises:
            AnswerError: A value is not an allowed answer.
        """
        logged = columns_of(columns, self.columns)[self.column]
        values = logged.texts() if logged.kind == "text" else logged.numbers()
        return answers.check(values, len(logged))

    def to_dict(self) -> dict[str, Any]:
        """The model as plain data."""
        return {"form": "logged", "column": self.column}


@dataclass(frozen=True)
class Node:
    """One patch.

    Attributes:
        group: Its group.
        answer: What answers for the group: a model, or the number of an earlier version.
        team: The team that found it; empty for repairs.
        withdrawn: Whether its model was withdrawn: it then points to the version before it.
    """

    group: Group
    answer: Model | int
    team: str = ""
    withdrawn: bool = False

    @property
    def repair(self) -> bool:
        """Whether it is a pointer to an earlier version that repairs a group."""
        return isinstance(self.answer, int) and not self.withdrawn


@dataclass(frozen=True)
class DecisionList:
    """A model with its patches.

    Version 0 is the first model; version `t` is the list after `t` nodes.

    Attributes:
        base: The first model.
        nodes: The patches, the earliest first.
        answers: The allowed answers: by default the codes of two classes.
        spent: The rows that have chosen its patches, or were published; no bounty on this model can
            use them again.

    Raises:
        ArgumentError: A pointer does not lead to an earlier version.

    Example:
        >>> from supersede.bounty.artefacts import Constant, parse
        >>> zero, one = Constant((0,)), Constant((1,))
        >>> model = DecisionList(zero).patched(parse("age >= 60"), one, team="ada")
        >>> model.predict({"age": [30, 70]}).tolist()
        [0, 1]
        >>> back = model.patched(parse("age >= 90"), 0)
        >>> back.predict({"age": [30, 70, 95]}).tolist()
        [0, 1, 0]
    """

    base: Model
    nodes: tuple[Node, ...] = ()
    answers: Answers = Codes(2)  # noqa: RUF009  # frozen
    spent: Passport = Passport()  # noqa: RUF009  # frozen

    def __post_init__(self) -> None:
        for before, node in enumerate(self.nodes):
            if isinstance(node.answer, int) and not 0 <= node.answer <= before:
                msg = (
                    f"node {before + 1} points to version {node.answer}; expected an earlier one,"
                    f" 0 to {before}"
                )
                raise ArgumentError(msg)

    def __len__(self) -> int:
        return len(self.nodes)

    def __repr__(self) -> str:
        repairs = sum(node.repair for node in self.nodes)
        return f"DecisionList({len(self.patch_versions)} patches, {repairs} repairs)"

    @property
    def patches(self) -> list[tuple[int, int]]:
        """For each patch, the version before it, and the one after it and its repairs.

        Withdrawn patches are included: repairs followed them.
        """
        starts = [version for version, node in enumerate(self.nodes) if not node.repair]
        ends = [*starts[1:], len(self)]
        return list(zip(starts, ends, strict=False))  # without patches there are no ends either

    def patched(self, group: Group, answer: Model | int, team: str = "") -> "DecisionList":
        """The list with one more patch in front: a group, and a model or version for it."""
        return replace(self, nodes=(*self.nodes, Node(group, answer, team)))

    def without(self, version: int) -> "DecisionList":
        """The list in which the patch that made a version is withdrawn.

        Its model is replaced by a pointer to the version before, so that it serves in no version any
        more; later patches, pointers and the numbers of versions stay.

        Raises:
            ArgumentError: No patch made this version.

        Example:
            >>> from supersede.bounty.artefacts import Constant, parse
            >>> model = DecisionList(Constant((0,))).patched(parse("age >= 60"), Constant((1,)), "ada")
            >>> model.without(1), model.without(1).predict({"age": [30, 70]}).tolist()
            (DecisionList(0 patches, 0 repairs), [0, 0])
        """
        if not 1 <= version <= len(self) or isinstance(self.nodes[version - 1].answer, int):
            msg = f"no patch made version {version}; the patches made {self.patch_versions}"
            raise ArgumentError(msg)
        gone = replace(self.nodes[version - 1], answer=version - 1, withdrawn=True)
        return replace(self, nodes=(*self.nodes[: version - 1], gone, *self.nodes[version:]))

    @property
    def patch_versions(self) -> list[int]:
        """The versions that patches made, without those withdrawn."""
        made = enumerate(self.nodes, start=1)
        return [version for version, node in made if not isinstance(node.answer, int)]

    def version(self, number: int) -> "DecisionList":
        """The list after its first `number` nodes.

        Raises:
            ArgumentError: There is no such version.
        """
        if not 0 <= number <= len(self):
            msg = f"there is no version {number}; expected 0 to {len(self)}"
            raise ArgumentError(msg)
        return replace(self, nodes=self.nodes[:number])

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that groups and answers read, in alphabetical order."""
        answers = [node.answer for node in self.nodes if not isinstance(node.answer, int)]
        read = {name for answer in (self.base, *answers) for name in answer.columns}
        return tuple(sorted(read.union(*(node.group.columns for node in self.nodes))))

    def route(self, data: Any) -> Ints:
        """The node that answers for each row (0 for the first model), shape ``(n,)``.

        Args:
            data: Columns by name: a dict of arrays ``(n,)`` or a frame.

        Raises:
            ArgumentError: The data are not a frame, have no columns, or columns of different
                lengths.
            MissingColumnError: A column that the list reads is missing.
        """
        columns, rows = self._read(data)
        return self._route(columns, rows)

    def predict(self, data: Any) -> Array:
        """One answer per row, shape ``(n,)``, or ``(n, classes)`` for probabilities.

        The arguments are those of `route`.

        Each model is run once, on its own rows. Rows on which a patch's model fails continue at the
        version before that patch; if the first model fails, its error is raised.

        Raises:
            LimitError: A model exceeded its limits or crashed.
        """
        columns, rows = self._read(data)
        if not rows:
            return answers_of(self.base, columns, np.empty(0, int), self.answers)
        leaf = self._route(columns, rows)
        if (leaf == leaf[0]).all():  # sorting a million equal numbers takes as long as a model
            order, leaves, starts = np.arange(rows), leaf[:1], np.zeros(1, int)
        else:
            order = np.argsort(leaf, kind="stable")
            leaves, starts = np.unique(leaf[order], return_index=True)
        places, parts = [], []
        for number, own in zip(leaves, np.split(order, starts[1:]), strict=True):
            if number == 0:
                places.append(own)
                parts.append(answers_of(self.base, columns, own, self.answers))
                continue
            answer = self.nodes[number - 1].answer
            assert not isinstance(answer, int)  # noqa: S101  # pointers are not leaves
            fits, given = answers_that_fit(answer, columns, own, self.answers)
            places.append(own[fits])
            parts.append(given)
            if not fits.all():
                left = own[~fits]
                rest = {name: column.take(left) for name, column in columns.items()}
                places.append(left)
                parts.append(self.version(int(number) - 1).predict(rest))
        joined = np.concatenate(parts)
        answers = np.empty_like(joined)
        answers[np.concatenate(places)] = joined
        return answers

    def _route(self, columns: Columns, rows: int) -> Ints:
        pointers = [n.answer if isinstance(n.answer, int) else None for n in self.nodes]
        return route([node.group for node in self.nodes], pointers, columns, rows)

    def _read(self, data: Any) -> tuple[dict[str, Column], int]:
        columns = columns_of(as_columns(data), self.columns or None)
        if not columns:
            msg = "there are no columns, so the number of rows is unknown; give at least one column"
            raise ArgumentError(msg)
        return columns, len(next(iter(columns.values())))


def answers_of(model: Model, columns: Columns, rows: npt.NDArray[Any], answers: Answers) -> Array:
    """A model's answers for some of the rows.

    Args:
        model: The model.
        columns: Columns of all rows.
        rows: The rows to predict, by index or by mask.
        answers: The allowed answers.

    Returns:
        One answer for each of these rows.
    """
    # a constant reads no column, so it takes the number of rows from any
    read = columns_of(columns, model.columns or list(columns)[:1])
    if _all_in_order(rows, len(next(iter(read.values())))):
        return model.predict(read, answers)
    return model.predict({name: column.take(rows) for name, column in read.items()}, answers)


def _all_in_order(rows: npt.NDArray[Any], n: int) -> bool:
    if rows.dtype == bool:
        return bool(rows.all())
    return len(rows) == n and bool(np.array_equal(rows, np.arange(n)))


def judged_answers(
    model: Model, columns: Columns, rows: npt.NDArray[Any], answers: Answers
) -> Array:
    """A stranger's model's answers, from which it is judged; the arguments are those of `answers_of`.

    An ONNX model must pass the tests of `OnnxModel.judged`. One that exceeds a limit is run again
    with twice and four times the limits, so that a busy machine rejects nobody; one that crashes is
    run again too.

    Raises:
        LimitError: It exceeds its limits each time; no verdict on the model.
        ArtefactError: It fails.
    """
    if not isinstance(model, OnnxModel):
        return answers_of(model, columns, rows, answers)
    read = columns_of(columns, model.columns)
    asked = {name: column.take(rows) for name, column in read.items()}
    for factor in (1, 2):
        try:
            return model.judged(asked, answers, SandboxLimits().times(factor))
        except LimitError as error:
            _log.info("judged again with higher limits: %s", error)
    return model.judged(asked, answers, SandboxLimits().times(4))


def answers_that_fit(
    model: Model, columns: Columns, rows: npt.NDArray[Any], answers: Answers
) -> tuple[npt.NDArray[np.bool_], Array]:
    """A patch's answers for those rows on which its model does not fail.

    Not all rows are known when a patch is accepted. A patch that fails on an unseen row must stop
    neither the bounty nor the patched model, and failure is decided row by row, so that it does not
    depend on the other rows of the call. A model that cannot be opened fails on all rows. A limit
    is not a failure of a row: it is raised, since an answer must not depend on it.

    Args:
        model: The patch's model.
        columns: Columns of all rows.
        rows: The rows to predict, by index or by mask.
        answers: The allowed answers.

    Returns:
        For each of these rows whether it has an answer, and the answers of those that do.

    Raises:
        LimitError: The model exceeded its memory or time, or crashed.
    """
    try:
        given = answers_of(model, columns, rows, answers)
    except LimitError:
        raise
    except ArtefactError as error:
        places = np.flatnonzero(rows) if rows.dtype == bool else rows
        found = _row_by_row(model, columns, places, answers)
        fits = np.array([part is not None for part in found])
        _log.warning("a patch fails on %d of %d rows: %s", (~fits).sum(), len(fits), error)
        none = answers.check(np.empty((0, answers.width)), 0)
        return fits, np.concatenate([none, *(part for part in found if part is not None)])
    return np.ones(len(given), bool), given


def _row_by_row(
    model: Model, columns: Columns, places: npt.NDArray[Any], answers: Answers
) -> list[Array | None]:
    """The answer for each row, None where the model fails."""
    if not isinstance(model, OnnxModel):
        return _halved(lambda part: answers_of(model, columns, places[part], answers), len(places))
    try:  # one process per row would take too long: run all rows at once, then check each answer separately
        asked = columns_of(columns, model.columns)
        asked = {name: column.take(places) for name, column in asked.items()}
        said = run_onnx(model.data, asked, answers, SandboxLimits())
    except LimitError:
        raise
    except ArtefactError:  # it cannot be opened, or reads other columns
        return [None] * len(places)
    return _halved(lambda part: answers.check(said[part], len(said[part])), len(places))


def _halved(ask: Callable[[slice], Array], n: int) -> list[Array | None]:
    """Run rows 0 … n - 1; if that fails, run each half."""
    found: list[Array | None] = [None] * n
    waiting = [(0, n)]
    while waiting:
        start, end = waiting.pop()
        try:
            given = ask(slice(start, end))
        except LimitError:
            raise
        except ArtefactError:
            if end - start > 1:
                middle = (start + end) // 2
                waiting += [(start, middle), (middle, end)]
            continue
        found[start:end] = [given[i : i + 1] for i in range(end - start)]
    return found
