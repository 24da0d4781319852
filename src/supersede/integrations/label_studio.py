"""Label Studio: tasks out, annotations back, as plain JSON files; its SDK is not needed.

Format: labelstud.io/guide/task_format. A skipped task comes back with ``was_cancelled``.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from supersede.errors import LabelError, SourceError
from supersede.evaluate.design import Plan
from supersede.evaluate.labels import Annotation, Labels
from supersede.integrations.ground_truth import once

__all__ = ["read_annotations", "write_tasks"]


def write_tasks(
    plan: Plan,
    path: str | Path,
    *,
    data: Callable[[Any], Mapping[str, Any]] | None = None,
    votes: bool = False,
) -> None:
    """Write the items to label as tasks to import.

    Args:
        plan: The plan.
        path: The JSON file.
        data: Function from an item's id to the data to show, such as ``{"text": …}`` or
            ``{"image": …}``; ``item`` and ``design`` are added.
        votes: Whether to show the models' answers, which bias annotators.
    """
    tasks = []
    for row in plan.tasks(votes=votes).to_pylist():
        meta = {"item": row["item"], "order": row["order"], "reserve": row["reserve"]}
        meta["design"] = plan.design
        if votes:
            meta["votes"] = {model: row[model] for model in plan.patterns.models}
        # JSON_MIN, the short form of an export, keeps data only
        shown = {**(data(row["item"]) if data else {}), "item": row["item"], "design": plan.design}
        tasks.append({"id": row["order"], "data": shown, "meta": meta})
    Path(path).write_text(json.dumps(tasks, ensure_ascii=False, indent=1), encoding="utf-8")


def read_annotations(path: str | Path, *, control: str | None = None) -> Labels:
    """Read an export (JSON or JSON_MIN) of tasks written by `write_tasks`.

    Args:
        path: The JSON file.
        control: Name of the Choices control whose answers are the labels; needed where tasks have
            several, or where JSON_MIN has other columns beside it.

    Returns:
        One annotation for each in the export; skipped tasks have no label. JSON_MIN leaves skipped
        tasks out, so that they count as not labelled yet.

    Raises:
        SourceError: The file cannot be read, or is not a list of tasks.
        LabelError: A task has lost its item id, its result is not one choice, or it is unclear which
            control has the labels.
    """
    tasks = _tasks(Path(path))
    small = bool(tasks) and not any("annotations" in task or "data" in task for task in tasks)
    if small:
        return Labels(*_small(tasks, control))
    found, designs = [], []
    for task in tasks:
        meta, data = _part(task, "meta"), _part(task, "data")
        item = _item(task, meta.get("item", data.get("item")))
        designs.append(meta.get("design", data.get("design")))
        for said in _objects(task.get("annotations"), "annotations", task):
            _refuse_rejected(said, task)
            label = None if _cancelled(said, task) else _choice(said, task, control)
            found.append(Annotation(item, label, _person(said.get("completed_by"))))
    return Labels(tuple(found), _one(designs))


def _tasks(path: Path) -> list[dict[str, Any]]:
    try:
        tasks = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=once)
    except (OSError, ValueError, RecursionError) as error:
        msg = f"cannot read {path}: {error}; export the project from Label Studio as JSON"
        raise SourceError(msg) from error
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        msg = f"{path} is not a list of tasks; export the project from Label Studio as JSON or JSON_MIN"
        raise SourceError(msg)
    return tasks


_OWN = frozenset(
    "id item design annotator annotation_id created_at updated_at lead_time agreement".split()  # noqa: SIM905
)
"""What JSON_MIN has beside the answers and the data shown."""


def _small(
    tasks: list[dict[str, Any]], control: str | None
) -> tuple[tuple[Annotation, ...], str | None]:
    """The annotations of JSON_MIN, one per line: data and answers side by side."""
    if control is None:
        names = list(dict.fromkeys(name for task in tasks for name in task if name not in _OWN))
        if len(names) != 1:
            listed = ", ".join(map(repr, names)) or "none"
            msg = (
                f"a JSON_MIN export does not say which column has the labels ({listed}); pass"
                " read_annotations(…, control='<name of the Choices control>')"
            )
            raise LabelError(msg)
        control = names[0]
    if not any(control in task for task in tasks):
        msg = f"no task has an answer of a control {control!r}; it has {', '.join(map(repr, tasks[0]))}"
        raise LabelError(msg)
    found = []
    for task in tasks:
        item = _item(task, task.get("item"))
        if control in task:
            said = task[control]
            choices = said.get("choices", said) if isinstance(said, Mapping) else said
            label = _single(choices if isinstance(choices, list) else [choices], task)
            found.append(Annotation(item, label, _person(task.get("annotator"))))
    return tuple(found), _one([task.get("design") for task in tasks])


def _part(task: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = task.get(name)
    return part if isinstance(part, Mapping) else {}


def _objects(found: Any, name: str, task: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A list of objects, which may be missing.

    Raises:
        LabelError: The file is not an export that this reader knows.
    """
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(part, Mapping) for part in found):
        msg = f"task {task.get('id')}: {name} is not a list of objects; export the project again as JSON"
        raise LabelError(msg)
    return found


def _cancelled(said: Mapping[str, Any], task: Mapping[str, Any]) -> bool:
    """Whether an annotator gave up on a task.

    Raises:
        LabelError: That is not said by a flag.
    """
    flag = said.get("was_cancelled")
    if not isinstance(flag, bool | int | None):
        msg = f"task {task.get('id')}: was_cancelled is {flag!r}; expected true or false"
        raise LabelError(msg)
    return bool(flag)


def _refuse_rejected(said: Mapping[str, Any], task: Mapping[str, Any]) -> None:
    """Refuse an annotation that a reviewer rejected last.

    Raises:
        LabelError: One was.
    """
    reviews = _objects(said.get("reviews"), "reviews", task)
    if reviews and reviews[-1].get("accepted") is False:
        msg = (
            f"task {task.get('id')}: a reviewer rejected its annotation; have it corrected, or delete the"
            " annotation (it is then not labelled yet)"
        )
        raise LabelError(msg)


def _item(task: Mapping[str, Any], item: Any) -> Any:
    if item is None or isinstance(item, Mapping | list):
        msg = f"task {task.get('id')} has no item; export it with its meta, as it was imported"
        raise LabelError(msg)
    return item


def _person(who: Any) -> Any:
    """An annotator; some exports describe them by more than their number."""
    return who.get("id", who.get("email")) if isinstance(who, Mapping) else who


def _one(found: list[Any]) -> Any:
    designs = {str(design) for design in found if design is not None}
    if len(designs) > 1:
        msg = f"tasks of {len(designs)} plans in one export; export them one by one"
        raise LabelError(msg)
    return designs.pop() if designs else None


def _choice(said: Mapping[str, Any], task: Mapping[str, Any], control: str | None) -> Any:
    parts = [
        part
        for part in _objects(said.get("result"), "result", task)
        if _part(part, "value").get("choices")
        and (control is None or part.get("from_name") == control)
    ]
    if not parts:
        of = "" if control is None else f" of the control {control!r}"
        msg = (
            f"task {task.get('id')}: an annotation has no choice{of}; label with a Choices control of"
            " Label Studio"
        )
        raise LabelError(msg)
    names = {str(part.get("from_name")) for part in parts}
    if len(names) > 1:
        msg = (
            f"task {task.get('id')} has choices of several controls"
            f" ({', '.join(sorted(names))}); pass read_annotations(…, control='<one>')"
        )
        raise LabelError(msg)
    found: list[Any] = []
    for part in parts:
        choices = part["value"]["choices"]
        found += choices if isinstance(choices, list) else [choices]
    return _single(found, task)


def _single(choices: list[Any], task: Mapping[str, Any]) -> Any:
    if len(choices) != 1:
        msg = (
            f"task {task.get('id')} has {len(choices)} choices ({', '.join(map(str, choices))}), and"
            " a plan takes one class per item: use a Choices control with choice='single'"
        )
        raise LabelError(msg)
    if choices[0] is None:
        msg = (
            f"task {task.get('id')} has an answer without a value; label it, or cancel it (skipped)"
        )
        raise LabelError(msg)
    return choices[0]
