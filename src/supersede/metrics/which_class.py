"""Which class a metric speaks of: the one that was named, as the table has it."""

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from supersede.errors import ArgumentError
from supersede.metrics.cells import Ask, Counting
from supersede.metrics.comparison import Sample

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from supersede.table.table import Table

__all__ = ["class_meant", "is_class", "listed", "occurring", "predicted_classes"]


def predicted_classes(sample: Sample, metric: str) -> "tuple[ir.Value, list[ir.Value]]":
    """The label, and the classes that both models predict.

    Raises:
        ArgumentError: There is no label, or a model predicts no classes.
    """
    truth = sample.table.class_label()
    answers = []
    for model in (sample.old, sample.new):
        answer = sample.table.answer(model)
        if truth is None or answer is None:
            msg = (
                f"{metric} needs predicted classes and a label, and model {model!r} has none: its"
                f" column is read otherwise ({sample.table.reading}); accuracy serves all outcomes"
            )
            raise ArgumentError(msg)
        answers.append(answer)
    assert truth is not None  # noqa: S101  # refused above
    return truth, answers


def occurring(values: "Sequence[ir.Value]") -> Counting:
    """What occurs in each of some columns, in order."""
    asked = yield [Ask(keys={"c": value}, margins=[("c",)]) for value in values]
    return [_in_order(cells["c"].to_pylist()) for (cells,) in asked]


def _in_order(found: Sequence[Any]) -> list[Any]:
    return sorted(set(found) - {None}, key=lambda c: (str(type(c)), c))


def class_meant(
    table: "Table",
    metric: str,
    wanted: object,
    labels: Sequence[Any],
    answers: Sequence[Sequence[Any]],
) -> Any:
    """The class that is meant, as the table has it."""
    if wanted is None:
        if set(labels) <= {0, 1}:
            return 1
        msg = (
            f"{metric} of which class? The labels are {listed(labels)}; name one, as in"
            f" {metric}:{labels[0] if labels else '<class>'}, or average over all of them"
            f" (macro_{metric})"
            if metric in {"precision", "recall", "f1"}
            else f"{metric} of which class? The labels are {listed(labels)}; name one, as in"
            f" {metric}:{labels[0] if labels else '<class>'}"
        )
        raise ArgumentError(msg)
    known = _in_order([*labels, *(value for said in answers for value in said)])
    for value in known:
        if _same(wanted, value, boolean=_is_boolean(table)):
            return value
    near = difflib.get_close_matches(str(wanted), [str(value) for value in known], n=3)
    hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
    msg = (
        f"{metric}: no class {str(wanted)!r} in label {table.label!r}{hint} It has {listed(known)}"
    )
    raise ArgumentError(msg)


def _same(wanted: object, value: object, *, boolean: bool) -> bool:
    """Whether a class is the one that was named, perhaps as text: ``7`` is 7, but ``07`` is not."""
    if wanted == value or str(wanted) == str(value):
        return True
    if boolean and isinstance(wanted, str):
        return {"true": 1, "false": 0}.get(wanted.lower()) == value
    return isinstance(value, float) and value.is_integer() and str(wanted) == str(int(value))


def _is_boolean(table: "Table") -> bool:
    return table.label is not None and bool(table.rows[table.label].type().is_boolean())


def listed(classes: Sequence[object]) -> str:
    """The first classes, for a message."""
    return ", ".join(map(str, classes[:10])) + (", …" if len(classes) > 10 else "")


def is_class(sample: Sample, words: str, flag: str, of: object) -> Counting:
    """1 where the label is the class that scores speak of, 0 where it is the other one."""
    table, truth = sample.table, sample.table.class_label()
    if truth is None:
        msg = f"the {words} needs a label, and the table has no class label; name it: --label"
        raise ArgumentError(msg)
    (labels,) = yield from occurring([truth])
    if len(labels) > 2:
        msg = (
            f"the {words} is for two classes, and label {table.label!r} has {len(labels)}:"
            f" {listed(labels)}; a table holds one score per item, not one per class. Map the label"
            " to one class against the rest, or compare by macro_f1 or macro_recall"
        )
        raise ArgumentError(msg)
    positive = class_meant(table, flag, of, labels, [])
    return (truth == positive).cast("int32")
