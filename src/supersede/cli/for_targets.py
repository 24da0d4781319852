"""What ``profile`` and ``advise`` share: targets by name, models by the ending of their file, sizes."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from supersede.errors import ArgumentError, NetworkFileError, ReportError

if TYPE_CHECKING:
    from supersede.hardware import Network, QuantisedNetwork, Target, TrainedNetwork

__all__ = [
    "Model",
    "byte_count",
    "cache_file",
    "image_size",
    "open_target",
    "read_model",
    "write_file",
]

UNITS = {"": 1, "b": 1, "kb": 1 << 10, "kib": 1 << 10, "mb": 1 << 20, "mib": 1 << 20}


def open_target(
    name: str, memory: str | None, system: str | None, config: Path | None, bits: Literal[8, 16]
) -> "Target":
    """The target of ``--target`` and of the flags for an Ethos-U.

    Raises:
        ArgumentError: There is no such target, or a flag does not apply to it.
    """
    from supersede.hardware import ETHOS_U, target

    if (memory or system or config or bits != 8) and name.lower().removeprefix(
        "ethos-"
    ) not in ETHOS_U:
        msg = f"--memory, --system, --vela-config and --bits are for Ethos-U targets, not for {name!r}"
        raise ArgumentError(msg)
    return target(name, memory=memory, system=system, config=config, bits=bits)


@dataclass(frozen=True)
class Model:
    """What a file holds.

    Attributes:
        network: The description.
        trained: With its weights; None of a description in JSON.
        quantised: In whole numbers; None of a file in floating point.
    """

    network: "Network"
    trained: "TrainedNetwork | None" = None
    quantised: "QuantisedNetwork | None" = None


def read_model(
    path: Path,
    size: tuple[int, int] | None = None,
    unknown: Literal["refuse", "processor"] = "refuse",
) -> Model:
    """The network of an ONNX or TensorFlow Lite file, or of a description in JSON.

    Args:
        path: The file; its ending says what it is.
        size: Height and width, where an ONNX file leaves them free.
        unknown: Whether operators without a layer are refused or left to the processor.

    Raises:
        ArgumentError: The ending is none of those, or the size is given for another kind of file.
        NetworkFileError: The file cannot be read.
    """
    from supersede.hardware import Network, from_onnx, from_tflite, quantised_from_tflite

    if size is not None and path.suffix != ".onnx":
        msg = f"--size fixes the sizes that an ONNX file leaves free; {path.name} has its own"
        raise ArgumentError(msg)
    if path.suffix == ".onnx":
        trained = from_onnx(path, size=size, unknown=unknown)
        return Model(trained.network, trained)
    if path.suffix == ".tflite":
        if is_quantised(path) and unknown == "refuse":
            quantised = quantised_from_tflite(path)
            trained = from_tflite(path)
            return Model(quantised.network, trained, quantised)
        trained = from_tflite(path, unknown=unknown)
        return Model(trained.network, trained)
    if path.suffix == ".json":
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            msg = f"cannot read {path}: {error}"
            raise NetworkFileError(msg) from error
        return Model(Network.from_json(text))
    msg = f"cannot read a network from {path.name!r}; its name may end in .onnx, .tflite or .json"
    raise ArgumentError(msg)


def is_quantised(path: Path) -> bool:
    """Whether a TensorFlow Lite file's image is in whole numbers."""
    from supersede.hardware.formats.tflite_tables import read_file

    file = read_file(path)
    return bool(file.inputs) and file.tensors[file.inputs[0]].type in {"INT8", "UINT8", "INT16"}


def byte_count(text: str | None, flag: str) -> int | None:
    """A size of memory: 262144, 256KB (of 1024 bytes) or 1.5MB.

    Raises:
        ArgumentError: It is none.
    """
    if text is None:
        return None
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", text)
    if match is None or match[2].lower() not in UNITS or float(match[1]) <= 0:
        msg = f"{flag} is {text!r}; expected bytes, or a number with KB or MB, such as 256KB"
        raise ArgumentError(msg)
    return int(float(match[1]) * UNITS[match[2].lower()])


def image_size(text: str | None) -> tuple[int, int] | None:
    """Height and width: 48x320.

    Raises:
        ArgumentError: They are none.
    """
    if text is None:
        return None
    match = re.fullmatch(r"\s*(\d+)\s*[x×]\s*(\d+)\s*", text)
    if match is None or min(int(match[1]), int(match[2])) < 1:
        msg = f"--size is {text!r}; expected HEIGHTxWIDTH, such as 48x320"
        raise ArgumentError(msg)
    return int(match[1]), int(match[2])


def write_file(path: Path, content: bytes) -> None:
    """Write a model so that a reader sees the old file or the new one, never half of it.

    Raises:
        ReportError: The folder cannot be written to.
    """
    scratch = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_bytes(content)
        scratch.replace(path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        msg = f"cannot write {path}: {error.strerror}; choose another place for the model"
        raise ReportError(msg) from error


def cache_file(given: Path | None) -> Path:
    """Where measurements are kept: as said, or in the user's folder for caches."""
    import os

    if given is not None:
        return given
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "supersede" / "measurements.db"
