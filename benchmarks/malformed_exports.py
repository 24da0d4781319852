"""Exports of annotation tools and designs for `malformed_labels`, and the plan that all files are for."""

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import supersede
from supersede.evaluate import Plan, plan, precision

Meant = Mapping[int, int | None] | None


@dataclass(frozen=True)
class File:
    """A file, and what it says.

    Attributes:
        kind: The family that it belongs to.
        name: What is wrong with it.
        data: Its content, or an object that is handed over in place of a file.
        meant: Labels that a careful person would read in it, None for a skipped item; None if there are
            no labels to read.
        ending: Its ending.
    """

    kind: str
    name: str
    data: Any
    meant: Meant = None
    ending: str = ".csv"


def people() -> tuple[Plan, dict[int, int]]:
    """A plan of 900 items, and the right labels of those that it asks for."""
    rng = np.random.default_rng(4)
    latent = rng.normal(size=900)
    truth = (latent + rng.normal(0, 0.4, 900) > 0.3).astype(int)
    columns = {m: (latent + rng.normal(0, 0.5, 900) > 0.3).astype(int) for m in ("m0", "m1")}
    table = supersede.read(
        {"item": np.arange(100, 1000), **columns}, models=["m0", "m1"], labelled=False
    )
    made = plan(table, [precision("m0"), precision("m1")], margin=0.08)
    asked = [row["item"] for row in made.items.to_pylist() if not row["reserve"]]
    return made, {i: int(truth[i - 100]) for i in asked}


def label_studio(made: Plan, right: Mapping[int, Any]) -> Iterator[File]:
    """Exports of Label Studio whose first task is not as it should be."""
    kind = "Label Studio"

    def task(i: int, y: Any, **more: Any) -> dict[str, Any]:
        said: dict[str, Any] = {
            "result": [{"from_name": "c", "type": "choices", "value": {"choices": [str(y)]}}],
            "completed_by": 1,
        }
        return {
            "id": i,
            "data": {"item": i, "design": made.design},
            "meta": {"item": i},
            "annotations": [said | more],
        }

    whole = [task(i, y) for i, y in right.items()]
    (i, y), rest = next(iter(right.items())), whole[1:]
    part = whole[0]["annotations"][0]["result"][0]
    without = {k: v for k, v in right.items() if k != i}
    firsts: dict[str, tuple[Any, Meant]] = {
        "as it should be": (task(i, y), right), "annotations null": ({**whole[0], "annotations": None}, without),
        "annotations an object": ({**whole[0], "annotations": {"a": 1}}, None), "annotations of texts": ({**whole[0], "annotations": ["1"]}, None),
        "annotations a number": ({**whole[0], "annotations": 3}, None), "only predictions": ({**whole[0], "annotations": [], "predictions": [{"result": [part]}]}, without),
        "no result": (task(i, y, result=[]), None), "result null": (task(i, y, result=None), None), "result an object": (task(i, y, result={"value": 1}), None),
        "result of texts": (task(i, y, result=["1"]), None), "result a number": (task(i, y, result=1), None),
        "choices a text": (task(i, y, result=[{**part, "value": {"choices": str(y)}}]), right), "choices a number": (task(i, y, result=[{**part, "value": {"choices": y + 5}}]), None),
        "choices null inside": (task(i, y, result=[{**part, "value": {"choices": [None]}}]), None), "choices a tree": (task(i, y, result=[{**part, "value": {"choices": [["0", "1"]]}}]), None),
        "several choices": (task(i, y, result=[{**part, "value": {"choices": ["0", "1"]}}]), None), "a rating": (task(i, y, result=[{"from_name": "r", "value": {"rating": 3}}]), None),
        "a text area": (task(i, y, result=[{"from_name": "t", "value": {"text": ["1"]}}]), None), "control a list": (task(i, y, result=[{**part, "from_name": ["c"]}]), right),
        "cancelled": (task(i, y, was_cancelled=True), {**right, i: None}), "cancelled: 'false'": (task(i, y, was_cancelled="false"), right), "cancelled: 0": (task(i, y, was_cancelled=0), right),
        "cancelled: 'perhaps'": (task(i, y, was_cancelled="perhaps"), None),
        "design an object": ({**whole[0], "data": {"item": i, "design": {}}}, None), "design of another": ({**whole[0], "data": {"item": i, "design": "abc"}}, None),
        "item an object": ({**whole[0], "data": {"item": {}}, "meta": {}}, None), "no item": ({**whole[0], "data": {}, "meta": {}}, None),
        "meta a text": ({**whole[0], "meta": "x"}, right), "two annotators contradict": ({**whole[0], "annotations": [*task(i, y)["annotations"], *task(i, 1 - y)["annotations"]]}, None),
        "a choice of another project": (task(i, "spam"), None), "a choice in spaces": (task(i, f" {y} "), right), "annotator an object": (task(i, y, completed_by={"email": "a@b"}), right),
        "rejected by a reviewer": (task(i, y, reviews=[{"accepted": False}]), None),
    }  # fmt: skip
    for name, (first, meant) in firsts.items():
        yield File(kind, name, json.dumps([first, *rest]).encode(), meant, ".label-studio")
    for name, data in {
        "an object": json.dumps({"tasks": whole}), "cut off": json.dumps(whole)[:-30], "tasks null": "[null]", "empty": "", "no tasks": "[]",
        "a number": "1", "lines": "\n".join(map(json.dumps, whole)), "a page": "<html>", "deep": "[" * 5000,
    }.items():  # fmt: skip
        yield File(kind, name, data.encode(), None, ".label-studio")
    small = [
        {"item": i, "design": made.design, "c": str(y), "annotator": 1} for i, y in right.items()
    ]
    changes: dict[str, dict[str, Any]] = {
        "choices": {"c": {"choices": ["0", "1"]}}, "null": {"c": None}, "an object": {"c": {"x": 1}},
        "item null": {"item": None}, "an empty list": {"c": []},
    }  # fmt: skip
    for name, change in changes.items():
        yield File(
            kind,
            f"JSON_MIN: {name}",
            json.dumps([{**small[0], **change}, *small[1:]]).encode(),
            None,
            ".label-studio",
        )
    yield File(kind, "JSON_MIN", json.dumps(small).encode(), right, ".label-studio")


def ground_truth(made: Plan, right: Mapping[int, Any]) -> Iterator[File]:
    """Manifests of Ground Truth whose first line is not as it should be."""
    kind = "Ground Truth"

    def line(i: int, y: Any, **more: Any) -> dict[str, Any]:
        known = {"class-name": str(y), "human-annotated": "yes", "confidence": 0.9}
        return {
            "source": "",
            "supersede-item": i,
            "supersede-design": made.design,
            "a": 7,
            "a-metadata": known | more,
        }

    (i, y), rest = next(iter(right.items())), [line(*pair) for pair in right.items()][1:]
    without = {k: v for k, v in right.items() if k != i}
    good = line(i, y)
    firsts: dict[str, tuple[Any, Meant]] = {
        "as it should be": (good, right), "made by a machine": (line(i, 1 - y, **{"human-annotated": "no"}), without),
        "made by a machine, as a flag": (line(i, 1 - y, **{"human-annotated": False}), without), "class name null": (line(i, y, **{"class-name": None}), None),
        "class name a list": (line(i, y, **{"class-name": ["0", "1"]}), None), "failed": (line(i, y, **{"failure-reason": "x"}), {**right, i: None}),
        "failed, perhaps": (line(i, y, **{"failure-reason": ""}), right), "human-annotated: perhaps": (line(i, y, **{"human-annotated": "perhaps"}), None),
        "metadata a text": ({**good, "a-metadata": "x"}, None), "metadata a list": ({**good, "a-metadata": [1]}, None), "no metadata": ({k: v for k, v in good.items() if k != "a-metadata"}, None),
        "several classes": ({**good, "a": [0, 1], "a-metadata": {"class-map": {"0": "0", "1": "1"}}}, None), "item null": ({**good, "supersede-item": None}, None),
        "item an object": ({**good, "supersede-item": {}}, None), "no item": ({k: v for k, v in good.items() if k != "supersede-item"}, None),
        "design an object": ({**good, "supersede-design": {}}, None), "another design": ({**good, "supersede-design": "abc"}, None), "class of another job": (line(i, "spam"), None),
    }  # fmt: skip
    for name, (first, meant) in firsts.items():
        yield File(
            kind, name, "\n".join(map(json.dumps, [first, *rest])).encode(), meant, ".manifest"
        )
    whole = "\n".join(map(json.dumps, [good, *rest]))
    for name, data in {
        "cut off": whole[:-9], "an array": json.dumps([good, *rest]), "empty": "", "texts": '"a"\n"b"', "another attribute": whole.replace('"a"', '"b"'),
        "a contradicting line": whole + "\n" + json.dumps(line(i, 1 - y)), "Latin-1": whole + "\n\xe4",
    }.items():  # fmt: skip
        yield File(kind, name, data.encode("latin-1"), None, ".manifest")
    yield File(
        kind,
        "a key twice",
        whole.replace('"class-name": "1"', '"class-name": "1", "class-name": "0"', 1).encode(),
        None,
        ".manifest",
    )


def designs(written: Path) -> Iterator[File]:
    """Designs that were altered, cut off, or put together of parts that do not fit."""
    kind = "designs"
    raw = written.read_bytes()
    rng = np.random.default_rng(0)
    for at in sorted(rng.integers(1, len(raw), 12).tolist()):
        yield File(kind, f"cut after {at} bytes", raw[:at], None, ".design")
    for at in sorted(rng.integers(0, len(raw), 24).tolist()):
        data = bytearray(raw)
        data[at] ^= 1 << int(rng.integers(8))
        yield File(kind, f"a bit of byte {at}", bytes(data), None, ".design")
    with np.load(written) as stored:
        arrays = {name: stored[name] for name in stored.files}
    header = json.loads(arrays["header"].tobytes())

    def saved(
        change: Mapping[str, Any] = {}, *, head: Mapping[str, Any] = {}, leave: str = ""
    ) -> bytes:
        found = {**arrays, **change}
        found["header"] = np.frombuffer(json.dumps({**header, **head}).encode(), np.uint8)
        found.pop(leave, None)
        sink = io.BytesIO()
        np.savez(sink, **found)
        return sink.getvalue()

    for name in arrays:
        yield File(
            kind,
            f"without {name}",
            saved(leave=name) if name != "header" else raw[:50],
            None,
            ".design",
        )
        value = arrays[name]
        if name != "header":
            yield File(kind, f"{name} cut short", saved({name: value[:-1]}), None, ".design")
            yield File(kind, f"{name} as text", saved({name: value.astype(str)}), None, ".design")
            if value.dtype != bool:
                yield File(kind, f"{name} negative", saved({name: -value - 1}), None, ".design")
                yield File(
                    kind,
                    f"{name} NaN",
                    saved({name: np.full(value.shape, np.nan)}),
                    None,
                    ".design",
                )
    for name, value in header.items():
        other = {str: "x", int: 7, float: 0.5, list: [], type(None): "x", bool: True, dict: {}}[
            type(value)
        ]
        if other != value and name not in {"notes", "earlier", "numbers", "unit"}:
            yield File(
                kind, f"header {name}: {other!r}", saved(head={name: other}), None, ".design"
            )
        if name not in {"notes", "earlier", "numbers", "unit"}:
            yield File(
                kind,
                f"header {name}: null" if value is not None else f"header {name}: {{}}",
                saved(head={name: None if value is not None else {}}),
                None,
                ".design",
            )
    yield File(kind, "as it was written", raw, {}, ".design")
