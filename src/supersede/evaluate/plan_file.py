"""Plans in files: the task list for annotators, and the design that the estimate needs.

`write_plan` writes two files: the items to label as CSV, JSONL or Parquet (without the models'
answers), and ``<name>.design``, a compressed NumPy archive with a JSON header.
"""

import csv
import io
import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from supersede.errors import ReportError, SourceError
from supersede.evaluate.belief import Calibration
from supersede.evaluate.clusters import Clusters
from supersede.evaluate.design import Expectation, Plan, Sample
from supersede.evaluate.estimands import Condition, Estimand
from supersede.evaluate.patterns import Key, Patterns
from supersede.evaluate.weights import WEIGHT, Weights

__all__ = ["load_plan", "write_plan", "write_rows"]

# all that a damaged archive, array or header makes the readers of these formats raise
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, LookupError, TypeError,
    AttributeError, ArithmeticError, NotImplementedError, RuntimeError, MemoryError, SyntaxError,
    pa.ArrowException,
)  # fmt: skip


def write_plan(plan: Plan, path: str | Path, *, votes: bool = False) -> list[Path]:
    """Write a plan: the items to label, and the design next to them.

    Args:
        plan: The plan.
        path: The file; its name ends in ``.csv``, ``.jsonl`` or ``.parquet``.
        votes: Whether to show the models' answers to annotators.

    Returns:
        The two files.

    Raises:
        ReportError: A file cannot be written.
    """
    target = Path(path)
    design = target.with_name(target.name + ".design")
    write_rows(plan.tasks(votes=votes), target)
    try:
        with design.open("wb") as file:
            np.savez_compressed(file, **_arrays(plan))
    except OSError as error:
        msg = f"cannot write {design}: {error.strerror}; does the folder exist, and is it writable?"
        raise ReportError(msg) from error
    return [target, design]


def load_plan(path: str | Path) -> Plan:
    """Read a plan that `write_plan` wrote, from either of its files.

    Raises:
        SourceError: The design file is missing, damaged, altered, or is not a design.
    """
    design = Path(path)
    if design.suffix != ".design":
        design = design.with_name(design.name + ".design")
    where = f"cannot read the plan's design {design}"
    stored = "it is stored next to the plan, and `write_plan` writes both"
    try:
        with design.open("rb") as file, zipfile.ZipFile(file) as archive:
            arrays = {Path(n).stem: _array(archive.read(n)) for n in archive.namelist()}
        plan, written = _plan(arrays), _header(arrays)["design"]
        now = plan.design
    except OSError as error:
        msg = f"{where}: {error}; {stored}"
        raise SourceError(msg) from error
    except _DAMAGED as error:
        msg = (
            f"{where}: it is not a design, or damaged or cut off ({type(error).__name__}); {stored}"
        )
        raise SourceError(msg) from error
    if now != written:
        msg = (
            f"{where}: it was altered after it was written (its content has design {now}, and it says"
            f" {written}), so that its probabilities are not those that chose the items; {stored}"
        )
        raise SourceError(msg)
    return plan


def _array(data: bytes) -> npt.NDArray[Any]:
    found = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    if found.dtype.kind not in "biuf":  # texts of numbers would have the same hash
        msg = f"an array of {found.dtype}"
        raise TypeError(msg)
    return found


def _header(arrays: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(arrays["header"].tobytes().decode()))


def write_rows(rows: pa.Table, path: Path) -> None:
    """Write a table as CSV, JSONL or Parquet, by the name's ending.

    Raises:
        ReportError: The ending is unknown, or the file cannot be written.
    """
    try:
        match path.suffix.lower():
            case ".csv":
                with path.open("w", newline="", encoding="utf-8") as file:
                    writer = csv.writer(file)
                    writer.writerow(rows.column_names)
                    writer.writerows(row.values() for row in rows.to_pylist())
            case ".jsonl":
                text = "".join(
                    json.dumps(row, ensure_ascii=False) + "\n" for row in rows.to_pylist()
                )
                path.write_text(text, encoding="utf-8")
            case ".parquet":
                from pyarrow import parquet

                parquet.write_table(rows, path)
            case _:
                msg = (
                    f"unknown format of {str(path)!r}: the name must end in .csv, .jsonl or"
                    " .parquet"
                )
                raise ReportError(msg)
    except OSError as error:
        if isinstance(error, ReportError):
            raise
        msg = f"cannot write {path}: {error.strerror}; does the folder exist, and is it writable?"
        raise ReportError(msg) from error


def _arrays(plan: Plan) -> dict[str, Any]:
    patterns = plan.patterns
    header = {
        "design": plan.design,
        "method": plan.method,
        "estimands": [e.to_dict() for e in plan.estimands],
        "confidence": plan.confidence,
        "seed": plan.seed,
        "states": patterns.states,
        "keys": [_key_out(key) for key in patterns.keys],
        "graded": patterns.graded,
        "positive": patterns.positive,
        "classes": patterns.classes,
        "ids": plan.items["item"].to_pylist(),
        "numbers": plan.items["number"].to_pylist(),
        "takes": [(s.take, s.of, s.repeats is not None) for s in plan.samples],
        "expectations": [
            [e.name, e.margin, e.expected, e.items, e.alone] for e in plan.expectations
        ],
        "independent": plan.independent,
        "parent": plan.parent,
        "mix": plan.mix,
        "calibration": [
            plan.calibration.slope,
            plan.calibration.shift,
            plan.calibration.judges,
        ],
        "earlier": plan.earlier,
        "notes": plan.notes,
        "unit": None if patterns.weights is None else patterns.weights.unit,
    }
    arrays: dict[str, Any] = {
        "header": np.frombuffer(json.dumps(header, default=str).encode(), np.uint8),
        "codes": patterns.codes,
        "count": patterns.count,
        "belief": plan.belief,
        "stratum": plan.stratum,
    }
    for name in ("order", "inclusion", "stratum", "reserve", "pattern"):
        arrays[f"item_{name}"] = plan.items[name].to_numpy(zero_copy_only=False)
    if patterns.weights is not None:
        amounts = patterns.weights
        arrays["weights"] = np.stack([amounts.mean, amounts.square, amounts.top])
        arrays["item_weight"] = plan.items["weight"].to_numpy()
    if patterns.clusters is not None:
        cells = patterns.clusters
        arrays["clusters"] = np.stack([cells.number, cells.pattern, cells.count])
        arrays |= {"cluster_mass": cells.mass, "cluster_size": np.array([cells.size])}
        arrays["item_cluster"] = plan.items["cluster"].to_numpy()
    for at, sample in enumerate(plan.samples):
        arrays[f"sample{at}"] = sample.rows
        if sample.repeats is not None:
            arrays[f"repeats{at}"] = sample.repeats
    return arrays


def _plan(arrays: dict[str, Any]) -> Plan:
    header = _header(arrays)
    graded = tuple(header["graded"])
    states = tuple(tuple(s) if graded else s for s in header["states"])
    keys = tuple(_key_in(key) for key in header["keys"])
    patterns = Patterns(
        states, keys, arrays["codes"], arrays["count"], graded, header["positive"],
        tuple(header["classes"]),
        _weights(arrays, header.get("unit")),
        _clusters(arrays),
    )  # fmt: skip
    items = {"item": header["ids"], "order": arrays["item_order"]}
    items |= {name: arrays[f"item_{name}"] for name in ("inclusion", "stratum")}
    items |= {"number": header["numbers"]}
    items |= {name: arrays[f"item_{name}"] for name in ("reserve", "pattern")}
    if patterns.weights is not None:
        items |= {"weight": arrays["item_weight"]}
    if patterns.clusters is not None:
        items |= {"cluster": arrays["item_cluster"]}
    samples = tuple(
        Sample(arrays[f"sample{at}"], take, of, arrays[f"repeats{at}"] if again else None)
        for at, (take, of, again) in enumerate(header["takes"])
    )
    slope, shift, judges = header["calibration"]
    return Plan(
        method=header["method"],
        estimands=tuple(Estimand.from_dict(e) for e in header["estimands"]),
        confidence=header["confidence"],
        seed=header["seed"],
        patterns=patterns,
        belief=arrays["belief"],
        items=pa.table(items),
        samples=samples,
        stratum=arrays["stratum"],
        expectations=tuple(Expectation(*e) for e in header["expectations"]),
        independent=header["independent"],
        parent=header["parent"],
        mix=header["mix"],
        calibration=Calibration(slope, shift, tuple(judges)),
        earlier=tuple(header["earlier"]),
        notes=tuple(header["notes"]),
    )


def _weights(arrays: dict[str, Any], unit: float | None) -> Weights | None:
    if unit is None:
        return None
    mean, square, top = arrays["weights"]
    return Weights(mean, square, top, unit)


def _clusters(arrays: dict[str, Any]) -> Clusters | None:
    if "clusters" not in arrays:
        return None
    number, pattern, count = arrays["clusters"]
    return Clusters(number, pattern, count, arrays["cluster_mass"], int(arrays["cluster_size"][0]))


def _key_out(key: Key) -> list[Any]:
    of = [key.of.column, key.of.relation, key.of.value] if key.kind == "condition" else key.of
    return [key.kind, of, key.size]


def _key_in(values: list[Any]) -> Key:
    kind, of, size = values
    if kind == "condition":
        return Key(kind, Condition(*of), size)
    return Key(kind, tuple(of) if kind == WEIGHT else of, size)
