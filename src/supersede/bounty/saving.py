"""Lists on disk: one JSON file, and an ONNX file per ONNX model; a hash identifies the whole."""

import hashlib
import json
from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from supersede.bounty.artefacts import OnnxModel, model_from_dict, parse
from supersede.bounty.artefacts.answers import Answers, Codes, Numbers, Probabilities
from supersede.bounty.artefacts.models import Model
from supersede.bounty.decision_list import DecisionList, Logged, Node
from supersede.bounty.log import canonical, digest_of, keep_files
from supersede.bounty.passport import Passport
from supersede.bounty.routing import Group
from supersede.errors import ArgumentError, LogError, SourceError
from supersede.look.page import write_whole

__all__ = [
    "digest", "from_record", "load_list", "read_back", "read_files", "record_of", "save_list",
]  # fmt: skip

_FORMAT = 1
ReadFile = Callable[[str], bytes]


def record_of(part: DecisionList | Model) -> tuple[dict[str, Any], dict[str, bytes]]:
    """A list or a model as plain data, and the ONNX files that it names by their SHA-256."""
    if not isinstance(part, DecisionList):
        if isinstance(part, OnnxModel):
            name = hashlib.sha256(part.data).hexdigest()
            return {"form": "onnx", "sha256": name, "columns": list(part.columns)}, {
                name: part.data
            }
        return part.to_dict(), {}
    base, files = record_of(part.base)
    nodes = []
    for node in part.nodes:
        answer: dict[str, Any] | int
        if isinstance(node.answer, int):
            answer = node.answer
        else:
            answer, more = record_of(node.answer)
            files |= more
        kept = {"group": str(node.group), "answer": answer, "team": node.team}
        nodes.append({**kept, "withdrawn": True} if node.withdrawn else kept)
    answers = _answers_record(part.answers)
    return {"format": _FORMAT, "answers": answers, "base": base, "nodes": nodes}, files


def digest(model: DecisionList) -> str:
    """SHA-256 of a list: of everything that determines its answers, and of the patches' teams.

    Example:
        >>> from supersede.bounty.artefacts import Constant
        >>> digest(DecisionList(Constant((0,))))[:8]
        '4b81fc9d'
    """
    nodes = [
        [str(n.group), n.answer if isinstance(n.answer, int) else _digest_of(n.answer), n.team]
        + ["withdrawn"] * n.withdrawn
        for n in model.nodes
    ]
    return digest_of([_FORMAT, _answers_record(model.answers), _digest_of(model.base), nodes])


def _digest_of(model: Model) -> str:
    return _known_digest(cast("Hashable", model))


@lru_cache(
    maxsize=4096
)  # a list is hashed after each submission, but its models hardly ever change
def _known_digest(model: Hashable) -> str:
    record, _ = record_of(cast("Model", model))
    return digest_of(record)


def from_record(record: Mapping[str, Any], file: ReadFile) -> Model:
    """A model from plain data.

    Args:
        record: The data.
        file: Returns an ONNX file by its SHA-256; empty if there is none.

    Raises:
        ArtefactError: The data are not a model.
        LogError: An ONNX file is missing, or not the one that was recorded.
    """
    if record.get("form") == "logged":
        return Logged(str(record["column"]))
    if record.get("form") != "onnx":
        return model_from_dict(dict(record))
    content = file(str(record["sha256"]))
    if hashlib.sha256(content).hexdigest() != record["sha256"]:
        msg = f"the file {record['sha256']}.onnx is missing or was altered"
        raise LogError(msg)
    return OnnxModel(content, tuple(record["columns"]))


def save_list(model: DecisionList, folder: str | Path) -> Path:
    """Write a list to a folder: ``list.json``, and ``models/<hash>.onnx``.

    It is read back from what will be written, before anything is.

    Raises:
        ArtefactError: A group or a model in it cannot be read back.
        ArgumentError: It would be read back as another list.
        ReportError: The folder cannot be written to.
    """
    folder = Path(folder)
    record, files = record_of(model)
    if digest(_list_from(json.loads(canonical(record)), files.__getitem__)) != digest(model):
        msg = "the list would be read back as another one; build its groups with `parse`"
        raise ArgumentError(msg)
    keep_files(folder / "models", files)
    whole = {**record, "spent": model.spent.to_dict()}
    write_whole(folder / "list.json", canonical({**whole, "hash": _sealed(model)}))
    return folder


def load_list(folder: str | Path) -> DecisionList:
    """Read a list written by `save_list`.

    Raises:
        SourceError: The list is missing, or cannot be read.
        LogError: It was altered.
        ArtefactError: A group or model in it is invalid.
    """
    folder = Path(folder)
    try:
        record = json.loads((folder / "list.json").read_text(encoding="utf-8"))
        claimed = record.pop("hash")
    except (OSError, ValueError, KeyError, AttributeError) as error:
        msg = (
            f"cannot read a decision list from {folder}: {error}; expected a folder written by"
            " `save_list`"
        )
        raise SourceError(msg) from error
    files = read_files(folder / "models")
    try:
        model = _list_from(record, lambda name: files.get(name, b""))
    except (KeyError, TypeError) as error:
        msg = f"{folder / 'list.json'} is not a decision list: {error!r}"
        raise SourceError(msg) from error
    model = replace(model, spent=Passport.from_dict(record.get("spent", {})))
    if _sealed(model) != claimed:
        msg = f"{folder / 'list.json'} was altered: its hash does not match"
        raise LogError(msg)
    return model


def _sealed(model: DecisionList) -> str:
    """The hash of a saved list: without spent rows its `digest`."""
    if model.spent == Passport():
        return digest(model)
    return digest_of([digest(model), model.spent.to_dict()])


def read_back(group: Group, answer: Model) -> tuple[Group, Model]:
    """A group and a model as they will be read from what is written of them.

    Raises:
        ArtefactError: They cannot be read.
        ArgumentError: They would be read as something else.
    """
    record, files = record_of(answer)
    group_again = parse(str(group))
    answer_again = from_record(json.loads(canonical(record)), files.__getitem__)
    if str(group_again) != str(group) or record_of(answer_again)[0] != record:
        msg = f"the group {group} or its model would be read back as another one; use `parse`"
        raise ArgumentError(msg)
    return group_again, answer_again


def _list_from(record: Mapping[str, Any], file: ReadFile) -> DecisionList:
    nodes = (
        Node(
            parse(node["group"]),
            node["answer"]
            if isinstance(node["answer"], int)
            else from_record(node["answer"], file),
            node["team"],
            withdrawn=bool(node.get("withdrawn", False)),
        )
        for node in record["nodes"]
    )
    return DecisionList(
        from_record(record["base"], file), tuple(nodes), _answers_from(record["answers"])
    )


def read_files(folder: Path) -> dict[str, bytes]:
    """The ONNX files of a folder, by name."""
    return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.onnx"))}


def _answers_record(answers: Answers) -> dict[str, Any]:
    if isinstance(answers, Numbers):
        return {"numbers": [answers.low, answers.high]}
    kind = "codes" if isinstance(answers, Codes) else "probabilities"
    return {kind: getattr(answers, "count", answers.width)}


def _answers_from(record: Mapping[str, Any]) -> Answers:
    ((kind, value),) = record.items()
    if kind == "numbers":
        return Numbers(*value)
    return Codes(value) if kind == "codes" else Probabilities(value)
