"""Argilla 2: records out, responses back, as plain data; its SDK is not imported.

``dataset.records.log(task_records(plan))`` writes, ``read_records(dataset.records.to_list(flatten=True),
question="label")`` reads. The flat form is needed: the nested one, and `to_json`, leave out whether a
response was submitted, discarded, or is a draft.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from supersede.errors import LabelError
from supersede.evaluate.design import Plan
from supersede.evaluate.labels import Annotation, Labels

__all__ = ["read_records", "task_records"]


def task_records(
    plan: Plan, *, data: Callable[[Any], Mapping[str, Any]] | None = None
) -> list[dict[str, Any]]:
    """The items to label, as records to log.

    Args:
        plan: The plan.
        data: Function from an item's id to the fields to show, such as ``{"text": …}``; by default a
            field ``text`` with the id.

    Returns:
        One flat record per item, in the plan's order; the dataset needs metadata properties ``item``
        (terms; ids are written as text), ``design`` (terms) and ``order`` (integer).
    """
    rows = []
    for row in plan.tasks().to_pylist():
        fields = data(row["item"]) if data else {"text": str(row["item"])}
        own = {"item": str(row["item"]), "design": plan.design, "order": row["order"]}
        rows.append({"id": str(row["item"]), **fields, **own})
    return rows


def read_records(records: Iterable[Mapping[str, Any]], question: str, *, plan: Plan) -> Labels:
    """Read ``dataset.records.to_list(flatten=True)``.

    Args:
        records: The records.
        question: The question whose answers are the labels.
        plan: The plan, whose items get their ids back from text.

    Returns:
        One annotation per submitted response; a discarded one counts as skipped, a draft as not
        labelled yet. Suggestions of models are never labels.

    Raises:
        LabelError: A record has lost its item, is of another plan, or has responses without a status.
    """
    ids = {str(row["item"]): row["item"] for row in plan.tasks().to_pylist()}
    key = f"{question}.responses"
    found, designs = [], set()
    for record in records:
        item = record.get("item")
        if item is None:
            msg = f"record {record.get('id')!r} has no metadata 'item'; export the records of task_records"
            raise LabelError(msg)
        designs.add(str(record.get("design")))
        said = record.get(key) or []
        status, who = record.get(f"{key}.status") or [], record.get(f"{key}.users") or []
        if not len(said) == len(status) == len(who):
            msg = (
                f"record {record.get('id')!r} does not say which of its responses were submitted; export"
                " with dataset.records.to_list(flatten=True)"
            )
            raise LabelError(msg)
        for value, state, person in zip(said, status, who, strict=True):
            note = _annotation(ids.get(item, item), value, state, person)
            found += [note] if note else []
    if len(designs) > 1:
        msg = f"records of {len(designs)} plans in one dataset; read them one by one"
        raise LabelError(msg)
    return Labels(tuple(found), designs.pop() if designs else None)


def _annotation(item: Any, value: Any, state: Any, person: Any) -> Annotation | None:
    """A response as an annotation; None for a draft."""
    match state:
        case "submitted" if isinstance(value, str | int | float):
            return Annotation(item, value, person)
        case "discarded":
            return Annotation(item, None, person)
        case "draft":
            return None
    msg = (
        f"item {item!r}: a response is {state!r} with {value!r}; expected one answer that was submitted"
        " or discarded (a label question takes one class per item)"
    )
    raise LabelError(msg)
