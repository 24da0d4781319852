"""The classes of a plan: what its models predict, and what the caller adds."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from supersede.errors import ArgumentError
from supersede.evaluate.estimands import Term
from supersede.table.outcomes import Scores
from supersede.table.source import collect

if TYPE_CHECKING:
    from supersede.table.table import Table

__all__ = ["known_classes"]

_SHOWN = 8


def known_classes(
    table: "Table",
    terms: Sequence[Term],
    models: Sequence[str],
    classes: Sequence[Any] | None,
    judged: Sequence[Any] = (),
) -> tuple[Any, ...]:
    """The classes that labels may have, sorted where the models give them.

    Of the two classes 1 and 0, one may never be predicted.

    Args:
        table: The predictions.
        terms: The ratios that are estimated.
        models: The models they are of.
        classes: The classes that the caller names.
        judged: Classes that judges name, where there are no models.

    Raises:
        ArgumentError: Classes are of different types, or an estimand's class is none of them.
    """
    said = [*_answers(table, models), *map(_plain, judged)]
    _refuse_mixed(table, models, said, classes)
    known = list(said) if classes is None else list(dict.fromkeys(map(_plain, classes)))
    if known and all(isinstance(c, int) for c in known) and {0, 1}.issuperset(known):
        known = [0, 1]
    for term in terms:
        if term.by_class and term.positive not in {*known, *said}:
            raise _unknown(term, known)
        if term.by_class and term.positive not in known:
            known.append(_plain(term.positive))
    return tuple(known)


def _plain(value: Any) -> Any:
    """Whole floats, booleans and NumPy's scalars as what the engine counts."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, bool) or (isinstance(value, float) and value.is_integer()):
        return int(value)
    return value


def _answers(table: "Table", models: Sequence[str]) -> list[Any]:
    """All classes that the models predict, sorted."""
    found: set[Any] = set()
    for model in models:
        answer = table.answer(model)
        if isinstance(table.outcome(model), Scores) or answer is None:
            found |= {0, 1}
            continue
        said = collect(table.rows.select(answer=answer).distinct())["answer"].to_pylist()
        found |= {_plain(c) for c in said if c is not None}
    return sorted(found, key=lambda c: (str(type(c)), c))


def _refuse_mixed(
    table: "Table", models: Sequence[str], said: Sequence[Any], classes: Sequence[Any] | None
) -> None:
    """Refuse classes that an engine cannot compare with the answers.

    Raises:
        ArgumentError: Some are text and others numbers, or classes is not a list.
    """
    texts = {m: a.type().is_string() for m in models if (a := table.answer(m)) is not None}
    if len(set(texts.values())) > 1:
        text, number = (next(m for m, t in texts.items() if t is kind) for kind in (True, False))
        msg = (
            f"model {text!r} predicts text and model {number!r} numbers, which are never equal; read"
            " the table with both as one type"
        )
        raise ArgumentError(msg)
    if isinstance(classes, str):
        msg = f"classes={classes!r} must be a list of classes, such as classes=[{classes!r}]"
        raise ArgumentError(msg)
    wrong = [c for c in classes or () if isinstance(c, str) is not any(texts.values())]
    if wrong and texts:
        kind = "text" if any(texts.values()) else "numbers"
        msg = (
            f"classes=[{wrong[0]!r}, …]: the models predict {kind}"
            f" ({', '.join(map(repr, said[:_SHOWN]))}), which never equal {wrong[0]!r}; name the"
            f" classes as {kind}"
        )
        raise ArgumentError(msg)


def _unknown(term: Term, known: Sequence[Any]) -> ArgumentError:
    shown = ", ".join(map(repr, known[:_SHOWN])) + (", …" if len(known) > _SHOWN else "")
    name = known[-1] if known else 1
    if not term.models:
        return ArgumentError(
            f"the share of class {term.positive!r} cannot be estimated: the classes are {shown}; name one of"
            f" them, or add it: plan(…, classes=[…, {term.positive!r}])"
        )
    call = f"{term.metric}({term.models[0]!r}, positive={name!r})"
    return ArgumentError(
        f"{term.metric}({term.models[0]}) is of class {term.positive!r}, which no model predicts; the"
        f" classes are {shown}. Name one of them: {call} (--positive {name}), or add it:"
        f" plan(…, classes=[…, {term.positive!r}])"
    )
