"""SageMaker Ground Truth: input manifests out, augmented manifests back; JSON Lines, no SDK.

Format: docs.aws.amazon.com, "Use input and output data": one JSON object per line with ``source``
or ``source-ref``; the output adds the label attribute and ``<attribute>-metadata``.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from supersede.errors import LabelError
from supersede.evaluate.design import Plan
from supersede.evaluate.labels import Annotation, Labels

__all__ = ["read_manifest", "write_manifest"]


def write_manifest(
    plan: Plan, path: str | Path, *, source_ref: Callable[[Any], str] | None = None
) -> None:
    """Write the items to label as an input manifest.

    Args:
        plan: The plan.
        path: The manifest, JSON Lines.
        source_ref: Function from an item's id to the location of its object; by default the id is
            the source text.
    """
    lines = []
    for row in plan.tasks().to_pylist():
        where = (
            {"source-ref": source_ref(row["item"])} if source_ref else {"source": str(row["item"])}
        )
        own = {"supersede-item": row["item"], "supersede-design": plan.design}
        lines.append(json.dumps({**where, **own, "supersede-order": row["order"]}))
    Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_manifest(path: str | Path, attribute: str) -> Labels:
    """Read an augmented manifest.

    Args:
        path: The manifest, JSON Lines.
        attribute: The job's label attribute name.

    Returns:
        Labels: the class name if the metadata has one, otherwise the attribute's value. Lines
        without the attribute are not labelled yet; a failed one counts as skipped.

    Raises:
        LabelError: A line has lost its item id.
    """
    found, designs = [], set()
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        row = json.loads(line)
        if "supersede-item" not in row:
            msg = f"line {number} of {path} has no supersede-item; was another manifest labelled?"
            raise LabelError(msg)
        designs.add(row.get("supersede-design"))
        metadata = row.get(f"{attribute}-metadata", {})
        failed = "failure-reason" in metadata
        if attribute in row or failed:
            label = None if failed else metadata.get("class-name", row.get(attribute))
            found.append(Annotation(row["supersede-item"], label))
    designs.discard(None)
    if len(designs) > 1:
        msg = f"lines of {len(designs)} plans in one manifest; read them one by one"
        raise LabelError(msg)
    return Labels(tuple(found), designs.pop() if designs else None)
