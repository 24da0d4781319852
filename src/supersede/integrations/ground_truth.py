"""SageMaker Ground Truth: input manifests out, augmented manifests back; JSON Lines, no SDK.

Format: docs.aws.amazon.com, "Use input and output data": one JSON object per line with ``source``
or ``source-ref``; the output adds the label attribute and ``<attribute>-metadata``.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from supersede.errors import LabelError, SourceError
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
        Labels of people: the class name if the metadata has one, otherwise the attribute's value.
        Lines without the attribute, and those that automated data labelling filled in
        (``human-annotated: no``), are not labelled yet; a failed one counts as skipped.

    Raises:
        SourceError: The file cannot be read, or a line is not a JSON object.
        LabelError: A line has lost its item id, or no line was labelled by people.
    """
    found, designs, machine = [], set(), 0
    for number, row in _rows(Path(path)):
        if "supersede-item" not in row:
            msg = f"line {number} of {path} has no supersede-item; was another manifest labelled?"
            raise LabelError(msg)
        if isinstance(row["supersede-item"], dict | list | None):
            msg = f"line {number} of {path}: supersede-item is {row['supersede-item']!r}, not an id"
            raise LabelError(msg)
        if row.get("supersede-design") is not None:
            designs.add(str(row["supersede-design"]))
        metadata = row.get(f"{attribute}-metadata") or {}
        if not isinstance(metadata, dict):
            msg = f"line {number} of {path}: {attribute}-metadata is not an object but {metadata!r}"
            raise LabelError(msg)
        if not _by_people(metadata, f"line {number} of {path}"):
            machine += 1
            continue
        failed = bool(metadata.get("failure-reason"))
        if attribute in row or failed:
            label = None if failed else metadata.get("class-name", row.get(attribute))
            if label is None and not failed:
                msg = (
                    f"line {number} of {path}: the label has no value, and no reason why it failed"
                )
                raise LabelError(msg)
            found.append(Annotation(row["supersede-item"], label))
    if machine and not found:
        msg = (
            f"all {machine:,} labels of {path} come from automated data labelling (human-annotated:"
            " no); a plan needs people's: run the job with automated data labelling off"
        )
        raise LabelError(msg)
    if len(designs) > 1:
        msg = f"lines of {len(designs)} plans in one manifest; read them one by one"
        raise LabelError(msg)
    return Labels(tuple(found), designs.pop() if designs else None)


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, in which no key occurs twice.

    Raises:
        ValueError: One does, so that it is unclear which value holds.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        msg = f"key {twice!r} occurs twice in one object"
        raise ValueError(msg)
    return found


def _by_people(metadata: dict[str, Any], where: str) -> bool:
    """Whether people gave a label.

    Raises:
        LabelError: The metadata says neither yes nor no.
    """
    said = str(metadata.get("human-annotated", "yes")).strip().lower()
    if said not in {"yes", "true", "no", "false"}:
        msg = f"{where}: human-annotated is {said!r}; expected yes or no"
        raise LabelError(msg)
    return said in {"yes", "true"}


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The lines that hold an object, with their numbers."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        msg = f"cannot read {path}: {error}; expected the output manifest of a labelling job"
        raise SourceError(msg) from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=once)
        except (ValueError, RecursionError) as error:
            msg = f"line {number} of {path} is not JSON: {error}; was the file cut off?"
            raise SourceError(msg) from error
        if not isinstance(row, dict):
            msg = f"line {number} of {path} is not a JSON object; expected an output manifest"
            raise SourceError(msg)
        yield number, row
