"""The files of a network that was found, each read back before it counts as written, and a card.

`network.json` is the description, `weights.pt` the torch state, `model.onnx` and `model_int8.tflite` what
runtimes and compilers take, `card.json` and `card.md` its figures and the hashes of the files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from supersede.errors import NetworkFileError, ReportError
from supersede.hardware.description.network import Network
from supersede.hardware.description.trained import TrainedNetwork
from supersede.hardware.formats.calibration import quantise
from supersede.hardware.formats.onnx_reader import from_onnx
from supersede.hardware.formats.onnx_writer import to_onnx
from supersede.hardware.formats.reference import run, run_quantised
from supersede.hardware.formats.tflite import to_tflite
from supersede.hardware.formats.tflite_reader import quantised_from_tflite
from supersede.look.page import write_whole
from supersede.search.architecture.after.clustering import clustered

if TYPE_CHECKING:
    from supersede.hardware.description.quantised import QuantisedNetwork
    from supersede.hardware.targets.ethos_u import EthosU
    from supersede.hardware.targets.measurement import Measurement

__all__ = ["Exported", "export", "measure_trained"]

SAME = 1e-3
CHECKED = 8
"""Images on which a file that was read back is compared with what was written."""


@dataclass(frozen=True)
class Exported:
    """What was written.

    Args:
        folder: Where.
        files: SHA-256 of each file, by name.
        cost: What the int8 file costs with its own weights, where a target was given.
        figures: What the card says.
    """

    folder: Path
    files: Mapping[str, str]
    cost: Measurement | None
    figures: Mapping[str, Any]


def measure_trained(
    trained: TrainedNetwork, target: EthosU, images: NDArray[Any], *, values: int | None = None
) -> Measurement:
    """What a network costs with the weights that it has, which the compiler compresses.

    Args:
        trained: The network and its weights.
        target: An Ethos-U.
        images: For calibration, (n, height, width, channels).
        values: Different weights per layer, where they are clustered.

    Raises:
        MeasurementError: The compiler refuses the network.
    """
    return target.compile(to_tflite(_quantised(trained, images, values)), _names(trained.network))


def _quantised(
    trained: TrainedNetwork, images: NDArray[Any], values: int | None
) -> QuantisedNetwork:
    quantised = quantise(trained, images)
    return quantised if values is None else clustered(quantised, values)


def _names(network: Network) -> list[str]:
    return [layer.name for layer in network.layers]


def export(
    trained: TrainedNetwork,
    folder: str | Path,
    images: NDArray[Any],
    *,
    target: EthosU | None = None,
    values: int | None = None,
    figures: Mapping[str, Any] | None = None,
) -> Exported:
    """Write all files of a network.

    Args:
        trained: The network and its weights.
        folder: Where; made if it is not there.
        images: For calibration and for the comparison, (n, height, width, channels).
        target: An Ethos-U that compiles the int8 file, for the card.
        values: Different weights per layer of the int8 file, where they are clustered.
        figures: Further lines of the card, such as the error on test data.

    Raises:
        NetworkFileError: A file that was read back is not what was written.
        ReportError: The folder cannot be written to.
    """
    import torch

    from supersede.hardware.formats.torch_module import to_torch

    folder = Path(folder)
    quantised = _quantised(trained, images, values)
    write_whole(folder / "network.json", trained.network.to_json())
    if Network.from_json((folder / "network.json").read_text()) != trained.network:
        _differs(folder / "network.json")
    try:
        torch.save(to_torch(trained).state_dict(), folder / "weights.pt")
        (folder / "model_int8.tflite").write_bytes(to_tflite(quantised))
        to_onnx(trained, folder / "model.onnx")
    except (OSError, RuntimeError) as error:
        msg = f"cannot write the model to {folder}: {error}; free some space or name another folder"
        raise ReportError(msg) from error
    some = np.asarray(images[:CHECKED], np.float32)
    _check_torch(trained, folder / "weights.pt")
    _check_onnx(trained, folder / "model.onnx", some)
    _check_int8(quantised, folder / "model_int8.tflite", some)
    cost = None
    if target is not None:
        content = (folder / "model_int8.tflite").read_bytes()
        cost = target.compile(content, _names(trained.network))
    names = ("network.json", "weights.pt", "model.onnx", "model_int8.tflite")
    files = {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in names}
    told = _figures(trained.network, cost, target, values) | dict(figures or {})
    write_whole(folder / "card.json", json.dumps({"figures": told, "files": files}, indent=1))
    write_whole(folder / "card.md", _card(told, files))
    return Exported(folder, files, cost, told)


def _check_torch(trained: TrainedNetwork, path: Path) -> None:
    import torch

    from supersede.hardware.formats.torch_module import to_torch

    module = to_torch(trained)
    module.load_state_dict(torch.load(path, weights_only=True))
    again = module.trained()
    if any(
        not np.array_equal(again.parameters[n].kernel, p.kernel)
        for n, p in trained.parameters.items()
    ):
        _differs(path)


def _check_onnx(trained: TrainedNetwork, path: Path, images: NDArray[Any]) -> None:
    again = from_onnx(path)
    ours = _outputs(trained.network, run(trained, images))
    theirs = _outputs(again.network, run(again, images))
    if abs(ours - theirs).max() > SAME * max(1.0, abs(ours).max()):
        _differs(path)


def _check_int8(quantised: QuantisedNetwork, path: Path, images: NDArray[Any]) -> None:
    again = quantised_from_tflite(path)
    ours = _outputs(quantised.network, run_quantised(quantised, images))
    theirs = _outputs(again.network, run_quantised(again, images))
    if abs(ours - theirs).max() > 1:  # one step, from the order of sums
        _differs(path)


def _outputs(network: Network, values: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    return np.concatenate([values[name].astype(np.float64).ravel() for name in network.outputs])


def _differs(path: Path) -> None:
    msg = f"{path} was read back and is not what was written; the disk may be full or damaged"
    raise NetworkFileError(msg)


def _figures(
    network: Network, cost: Measurement | None, target: EthosU | None, values: int | None
) -> dict[str, Any]:
    told: dict[str, Any] = {"parameters": network.parameters, "multiply-adds": network.macs}
    if values is not None:
        told["different weights per layer"] = values
    if cost is not None and target is not None:
        told |= {
            "target": target.fingerprint(), "latency, seconds (the compiler's estimate)": cost.seconds,
            "weights, bytes as compressed": cost.weight_bytes, "activations, bytes": cost.peak_bytes,
        }  # fmt: skip
    return told


def _card(figures: Mapping[str, Any], files: Mapping[str, str]) -> str:
    lines = ["# A network", "", "| figure | value |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in figures.items()]
    lines += ["", "| file | SHA-256 |", "|---|---|"]
    lines += [f"| {name} | `{digest}` |" for name, digest in files.items()]
    return "\n".join([*lines, ""])
