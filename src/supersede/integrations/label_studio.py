"""Label Studio: tasks out, annotations back, as plain JSON files; its SDK is not needed.

Format: labelstud.io/guide/task_format. A skipped task comes back with ``was_cancelled``.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from supersede.errors import LabelError
from supersede.evaluate.design import Plan
from supersede.evaluate.labels import Annotation, Labels

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
            ``{"image": …}``; by default the id alone.
        votes: Whether to show the models' answers, which bias annotators.
    """
    tasks = []
    for row in plan.tasks(votes=votes).to_pylist():
        meta = {"item": row["item"], "order": row["order"], "reserve": row["reserve"]}
        meta["design"] = plan.design
        if votes:
            meta["votes"] = {model: row[model] for model in plan.patterns.models}
        shown = dict(data(row["item"])) if data else {"item": row["item"]}
        tasks.append({"id": row["order"], "data": shown, "meta": meta})
    Path(path).write_text(json.dumps(tasks, ensure_ascii=False, indent=1), encoding="utf-8")


def read_annotations(path: str | Path) -> Labels:
    """Read an export (JSON, full or minimal) of tasks written by `write_tasks`.

    Args:
        path: The JSON file.

    Returns:
        One annotation for each in the export; skipped tasks have no label.

    Raises:
        LabelError: A task has lost its item id, or its result is not a choice.
    """
    found, designs = [], set()
    for task in json.loads(Path(path).read_text(encoding="utf-8")):
        meta = task.get("meta") or {}
        item = meta.get("item", (task.get("data") or {}).get("item"))
        if item is None:
            msg = f"task {task.get('id')} has no item; export it with its meta, as it was imported"
            raise LabelError(msg)
        designs.add(meta.get("design"))
        for said in task.get("annotations", []):
            label = None if said.get("was_cancelled") else _choice(said, task)
            found.append(Annotation(item, label, said.get("completed_by")))
    designs.discard(None)
    if len(designs) > 1:
        msg = f"tasks of {len(designs)} plans in one export; export them one by one"
        raise LabelError(msg)
    return Labels(tuple(found), designs.pop() if designs else None)


def _choice(said: Mapping[str, Any], task: Mapping[str, Any]) -> Any:
    for part in said.get("result", []):
        choices = part.get("value", {}).get("choices")
        if choices:
            return choices[0]
    msg = (
        f"task {task.get('id')}: an annotation has no choice; label with a Choices control of Label"
        " Studio"
    )
    raise LabelError(msg)
