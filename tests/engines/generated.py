"""Tables of predictions with all kinds of columns, and what is asked about each: a pure function of a number.

`answers` asks for a review, a plan and an audit, and writes all of them as plain values, which must be
the same wherever the table lies.
"""

import datetime as dt
import decimal
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

import supersede
from supersede.errors import SupersedeError
from supersede.evaluate import accuracy, negative_flips, plan, precision
from supersede.review import (
    MaxChurn,
    MaxDrop,
    MaxMetric,
    MaxNFR,
    MaxRise,
    MaxScoreShift,
    MaxSliceNFR,
    MinGain,
    MinMetric,
    MustNotBreak,
    NoSliceWorse,
)

TEXTS = ["left", "Left", "right", "o'clock", "naïve", "日本", "🙂", "a b", "50 %", 'say "x"']
LABELS = {
    "binary": [0, 1],
    "classes": [3, 1, 7, 12],
    "signed": [-1, 1],
    "words": ["yes", "no", "perhaps"],
    "odd words": TEXTS[:5],
    "boolean": [False, True],
}
NAMES = [
    ("y", "a", "b"), ("label", "old", "new"), ("Label", "Old", "New"), ("y", "v1.0", "v1.1"),
    ("true class", "model A", "model B"), ("order", "select", "group"), ("étiquette", "früher", "später"),
]  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One table, and how it is read."""

    number: int
    rows: pa.Table
    old: str
    new: str
    item: str
    label: str
    groups: list[str]
    cross: list[tuple[str, str]]
    reading: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        kinds = ", ".join(f"{f.name}: {f.type}" for f in self.rows.schema)
        return f"table {self.number} ({len(self.rows)} rows; {kinds}; {self.reading})"


def case(number: int) -> Case:
    """The table with a number, from 0."""
    rng = np.random.default_rng([24, number])
    n = int(rng.choice([60, 300, 900]))
    label, old, new = NAMES[number % len(NAMES)]
    kind = list(LABELS)[number % len(LABELS)]
    truth = rng.choice(len(LABELS[kind]), n)
    values = LABELS[kind]
    columns: dict[str, Any] = {"item": _items(rng, n)}
    columns[label] = pa.array([values[i] for i in truth])
    wrong = {name: rng.random(n) < rate for name, rate in ((old, 0.25), (new, 0.15))}
    reading: dict[str, Any] = {}
    scored = kind == "binary" and rng.random() < 0.5
    for name, missed in wrong.items():
        said = np.where(missed, (truth + 1) % len(values), truth)
        if scored:
            near = np.round(np.clip(said * 0.6 + 0.4 * rng.random(n), 0.001, 0.999), 3)
            columns[name] = pa.array(near.astype("float32" if rng.random() < 0.3 else "float64"))
        else:
            columns[name] = pa.array([values[i] for i in said])
    if rng.random() < 0.3:
        lost = rng.random(n) < 0.05
        columns[new] = pa.array(columns[new].to_pylist(), columns[new].type, mask=lost)
        reading["missing"] = str(rng.choice(["wrong", "drop"]))
    if rng.random() < 0.3:
        unknown = pa.array(
            columns[label].to_pylist(), columns[label].type, mask=rng.random(n) < 0.4
        )
        columns[label] = unknown
        reading["labels"] = "random"
    groups = []
    for at, made in enumerate(rng.choice(len(_GROUPS), 3, replace=False)):
        name = ["sex", "site of care", "Kind"][at]
        columns[name] = _GROUPS[made](rng, n)
        groups.append(name)
    if rng.random() < 0.3:
        columns["weight"] = _weights(rng, n)
        reading["weight"] = "weight"
    if rng.random() < 0.2:
        columns["who"] = pa.array([f"person {i}" for i in rng.integers(0, max(n // 4, 40), n)])
        reading["cluster"] = "who"
    return Case(number, pa.table(columns), old, new, "item", label, groups, [(groups[0], groups[1])], reading)  # fmt: skip


def answers(source: object, case: Case) -> dict[str, Any]:
    """Review, audit and plan of a table, as plain values; an error is an answer as well."""
    reading = {key: value for key, value in case.reading.items() if key != "labels"}
    named = {"item": case.item, "label": case.label}
    labels = {"labels": case.reading["labels"]} if "labels" in case.reading else {}
    first = case.rows["item"][0].as_py()
    checks = [
        MinGain(-0.01), MaxNFR(0.05), MaxChurn(0.5), MaxSliceNFR(0.2), NoSliceWorse(0.2),
        MustNotBreak(items=[first]), MinMetric("macro_recall", 0.5), MaxDrop("accuracy", 0.1),
    ]  # fmt: skip
    if pa.types.is_floating(case.rows.schema.field(case.new).type):
        checks += [
            MaxScoreShift(0.1),
            MinMetric("auc", 0.6),
            MaxRise("log_loss", 0.1),
            MaxMetric("brier", 0.5),
        ]

    def review() -> Any:
        made = supersede.compare(
            source, old=case.old, new=case.new, checks=checks, groups=case.groups, cross=case.cross,
            **named, **labels, **reading,
        ).to_dict()  # fmt: skip
        table = made["table"]
        return made["candidates"], made["verdict"], table["size"], table["labelled"]

    def audit() -> Any:
        return supersede.audit_groups(
            source, case.new, old=case.old, groups=case.groups, cross=case.cross, min_items=10,
            **named, **labels, **reading,
        ).to_frame().to_pylist()  # fmt: skip

    def planned() -> Any:
        read = supersede.read(
            source, item=case.item, labelled=False, models=[case.old, case.new], **reading
        )
        asked = [accuracy(case.new) - accuracy(case.old), negative_flips(case.old, case.new)]
        if case.rows.schema.field(case.label).type == pa.int64():
            asked.append(precision(case.new))
        made = plan(read, asked, margin=0.1, seed=case.number)
        return made.items.to_pylist(), made.design

    return {job.__name__: _tried(job) for job in (review, audit, planned)}


def _tried(job: Any) -> Any:
    try:
        return job()
    except SupersedeError as error:
        return type(error).__name__, str(error)


def differences(found: Any, expected: Any, where: str = "") -> list[str]:
    """Where two answers differ: whole numbers and words not at all, others by their rounding."""
    if isinstance(expected, float) and isinstance(found, float | int):
        same = found == expected or abs(found - expected) <= 1e-9 * max(1.0, abs(expected))
        return [] if same or (found != found and expected != expected) else [f"{where}: {found!r} != {expected!r}"]  # fmt: skip
    if type(found) is not type(expected) or (
        isinstance(expected, list | tuple) and len(found) != len(expected)
    ):
        return [f"{where}: {found!r} != {expected!r}"]
    if isinstance(expected, dict):
        keys = [key for key in {**expected, **found} if key not in expected or key not in found]
        if keys:
            return [f"{where}: only one has {keys}"]
        return [d for key in expected for d in differences(found[key], expected[key], f"{where}/{key}")]  # fmt: skip
    if isinstance(expected, list | tuple):
        pairs = enumerate(zip(found, expected, strict=True))
        return [d for at, (one, other) in pairs for d in differences(one, other, f"{where}/{at}")]
    return [] if found == expected else [f"{where}: {found!r} != {expected!r}"]


def _items(rng: np.random.Generator, n: int) -> pa.Array:
    order = rng.permutation(n)
    match int(rng.integers(0, 6)):
        case 0:
            return pa.array(order)
        case 1:
            return pa.array(order - n // 2)
        case 2:
            return pa.array(order.astype(np.int64) + 2**53)
        case 3:
            return pa.array([f"{i:05}" for i in order])
        case 4:
            return pa.array([f"{TEXTS[i % len(TEXTS)]}/{i}" for i in order])
        case _:
            return pa.array((order - n // 2).astype(np.int32))


def _with_nulls(rng: np.random.Generator, values: list[Any], type_: pa.DataType | None = None) -> pa.Array:  # fmt: skip
    return pa.array(values, type_, mask=rng.random(len(values)) < 0.1)


def _text(rng: np.random.Generator, n: int) -> pa.Array:
    return _with_nulls(rng, [TEXTS[i] for i in rng.integers(0, len(TEXTS), n)])


def _spaces(rng: np.random.Generator, n: int) -> pa.Array:
    return pa.array([["x", "x ", "", "X"][i] for i in rng.integers(0, 4, n)])


def _small(rng: np.random.Generator, n: int) -> pa.Array:
    return _with_nulls(rng, rng.integers(-2, 3, n).tolist(), pa.int16())


def _flags(rng: np.random.Generator, n: int) -> pa.Array:
    return _with_nulls(rng, (rng.random(n) < 0.4).tolist())


def _fractions(rng: np.random.Generator, n: int) -> pa.Array:
    values = np.array([0.0, -0.0, 0.1, 1e-7, 2.5])[rng.integers(0, 5, n)]
    return _with_nulls(rng, values.tolist())


def _halves(rng: np.random.Generator, n: int) -> pa.Array:
    return pa.array((rng.integers(0, 5, n) / 2).astype(np.float32))


def _dates(rng: np.random.Generator, n: int) -> pa.Array:
    start = dt.date(1969, 12, 30)
    return _with_nulls(rng, [start + dt.timedelta(days=int(d)) for d in rng.integers(0, 4, n)])


def _times(rng: np.random.Generator, n: int) -> pa.Array:
    start = dt.datetime(2026, 3, 29, 1, 30)
    return pa.array(
        [start + dt.timedelta(hours=int(h)) for h in rng.integers(0, 4, n)], pa.timestamp("us")
    )


def _money(rng: np.random.Generator, n: int) -> pa.Array:
    prices = [decimal.Decimal("9.90"), decimal.Decimal("10.00"), decimal.Decimal("-1.50")]
    return pa.array([prices[i] for i in rng.integers(0, 3, n)], pa.decimal128(8, 2))


def _large(rng: np.random.Generator, n: int) -> pa.Array:
    return pa.array((2**40 + rng.integers(0, 3, n)).astype(np.int64))


_GROUPS = [
    _text, _spaces, _small, _flags, _fractions, _halves, _dates, _times, _money, _large,
]  # fmt: skip


def _weights(rng: np.random.Generator, n: int) -> pa.Array:
    if rng.random() < 0.5:
        return pa.array(rng.integers(1, 6, n))
    return pa.array(np.round(rng.lognormal(0, 0.4, n), 4))
