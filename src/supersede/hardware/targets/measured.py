"""Measurements of your own device, from a CSV file.

`write_networks` writes what is to be measured: for each network its description and an int8
file, and a CSV file to fill in. A network may be an operator, a block, or a whole network. Columns:

- ``network``: path of the description, relative to the CSV file
- ``layer``: name of a layer, or empty in the row of the whole network
- ``seconds``: latency of one inference, or of the layer; without a total, all layers add up to it
- ``weight_bytes``, ``peak_bytes``, ``low``, ``high``, ``joules``: of the whole network; may be left out
"""

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf, isfinite
from pathlib import Path

import numpy as np

from supersede.errors import MeasurementError
from supersede.hardware.description.network import Network
from supersede.hardware.targets.measurement import LayerCost, Measurement

__all__ = ["Measured", "write_networks"]

COLUMNS = ("network", "layer", "seconds", "weight_bytes", "peak_bytes", "low", "high", "joules")


@dataclass(frozen=True)
class Measured:
    """A device of which measurements are all there is.

    Args:
        path: The CSV file.

    Raises:
        MeasurementError: The file cannot be read, or a row says nothing possible.
    """

    path: str | Path
    _found: dict[str, tuple[Network, Measurement]] = field(init=False, repr=False, compare=False)
    _digest: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        path = Path(self.path)
        try:
            text = path.read_bytes()
            rows = list(csv.DictReader(text.decode("utf-8-sig").splitlines()))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            msg = f"cannot read measurements from {path}: {error}"
            raise MeasurementError(msg) from error
        object.__setattr__(self, "_digest", hashlib.sha256(text).hexdigest()[:16])
        object.__setattr__(self, "_found", _collect(path, rows))

    @property
    def networks(self) -> tuple[Network, ...]:
        """What was measured."""
        return tuple(network for network, _ in self._found.values())

    def sample(self, rng: np.random.Generator) -> Network:
        """One of the measured networks, for `Estimator.fit`."""
        return self.networks[rng.integers(len(self._found))]

    def fingerprint(self) -> str:
        """A digest of the whole file."""
        return f"measured {Path(self.path).name} {self._digest}"

    def measure(self, network: Network) -> Measurement:
        """What the file says.

        Raises:
            MeasurementError: The file has no such network.
        """
        key = network.fingerprint()
        if key not in self._found:
            msg = (
                f"{self.path} has no measurement of this network (it has {len(self._found)} others);"
                " fit an Estimator to it, or measure the network on the device"
            )
            raise MeasurementError(msg)
        return self._found[key][1]


def write_networks(folder: str | Path, networks: Sequence[Network]) -> Path:
    """Write networks for a device to measure, and the CSV file to fill in.

    Args:
        folder: Where the files go.
        networks: What is to be measured.

    Raises:
        MissingExtraError: The extra `hardware` is not installed.
        ReportError: The folder cannot be written to.
    """
    from supersede.hardware.description.quantised import random_quantised
    from supersede.hardware.formats.tflite import to_tflite
    from supersede.look.page import write_whole

    folder = Path(folder)
    lines = [",".join(COLUMNS)]
    for i, network in enumerate(networks):
        write_whole(folder / f"{i:04}.json", network.to_json())
        (folder / f"{i:04}.tflite").write_bytes(to_tflite(random_quantised(network)))
        lines.append(f"{i:04}.json" + "," * (len(COLUMNS) - 1))
    write_whole(folder / "measurements.csv", "\n".join(lines) + "\n")
    return folder / "measurements.csv"


def _collect(path: Path, rows: Sequence[dict[str, str]]) -> dict[str, tuple[Network, Measurement]]:
    if not rows or not {"network", "seconds"} <= set(rows[0]):
        has = f"its columns are {', '.join(map(repr, rows[0]))}" if rows else "it has no rows"
        msg = f"{path}: {has}; expected the columns {', '.join(COLUMNS)} with commas between"
        raise MeasurementError(msg)
    layers: dict[str, dict[str, LayerCost]] = {}
    totals: dict[str, dict[str, float]] = {}
    for line, row in enumerate(rows, 2):
        where = f"{path}, line {line}"
        name, layer = row["network"] or "", row.get("layer") or ""
        values = {c: _number(row[c], where, c) for c in COLUMNS[2:] if row.get(c)}
        if "seconds" not in values:
            msg = f"{where}: no seconds; measure the network, or delete the line"
            raise MeasurementError(msg)
        if not values.get("low", 0) <= values["seconds"] <= values.get("high", inf):
            msg = f"{where}: seconds are not between low and high; give the interval around them"
            raise MeasurementError(msg)
        if layer:
            given = layers.setdefault(name, {})
            if layer in given:
                msg = f"{where}: layer {layer!r} of {name!r} is there twice; keep one, or their median"
                raise MeasurementError(msg)
            given[layer] = LayerCost(layer, "", values["seconds"])
        elif name in totals:
            msg = f"{where}: {name!r} has two totals; keep one, or their median"
            raise MeasurementError(msg)
        else:
            totals[name] = values
    found: dict[str, tuple[Network, Measurement]] = {}
    for name in {**totals, **layers}:
        network = _network(path.parent / name)
        if network.fingerprint() in found:
            msg = f"{path}: {name!r} is a network that is there by another name; keep one of them"
            raise MeasurementError(msg)
        parts = tuple(layers.get(name, {}).values())
        _check_layers(f"{path}: {name!r}", network, set(layers.get(name, ())), name in totals)
        values = totals.get(name) or {"seconds": sum(part.seconds for part in parts)}
        found[network.fingerprint()] = (
            network,
            Measurement(
                values["seconds"],
                _whole(values.get("weight_bytes")),
                _whole(values.get("peak_bytes")),
                parts,
                values.get("low"),
                values.get("high"),
                values.get("joules"),
            ),
        )
    return found


def _check_layers(where: str, network: Network, given: set[str], total: bool) -> None:
    names = {layer.name for layer in network.layers}
    if unknown := sorted(given - names):
        msg = f"{where} has no layer {unknown[0]!r}; its layers are {', '.join(sorted(names))}"
        raise MeasurementError(msg)
    if not total and (missing := sorted(names - given)):
        msg = (
            f"{where} has neither a total nor its layer {missing[0]!r} ({len(missing)} of "
            f"{len(names)} are missing); give the total in a row without a layer"
        )
        raise MeasurementError(msg)


def _network(path: Path) -> Network:
    try:
        return Network.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        msg = f"cannot read the network {path}: {error}; `write_networks` writes such files"
        raise MeasurementError(msg) from error


def _number(text: str, where: str, column: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not (isfinite(value) and value >= 0) or (column == "seconds" and value == 0):
        msg = f"{where}: {column} is {text!r}; expected a number above 0"
        raise MeasurementError(msg)
    return value


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
