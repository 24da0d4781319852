"""The tables of a TensorFlow Lite file, checked as they are read.

A damaged file gives offsets that lead nowhere; whatever the tables' reader then raises is reported as a
damaged file.
"""

from __future__ import annotations

import importlib
import struct
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from supersede.errors import MissingExtraError, NetworkFileError
from supersede.hardware.description.quantised import Array, Steps

__all__ = ["File", "Operation", "Tensor", "read_file"]

TYPES = {
    "FLOAT32": np.float32, "FLOAT16": np.float16, "INT8": np.int8, "UINT8": np.uint8,
    "INT16": np.int16, "INT32": np.int32, "INT64": np.int64, "BOOL": np.bool_,
}  # fmt: skip


@dataclass(frozen=True)
class Tensor:
    """A value of the file.

    Attributes:
        name: As the file calls it.
        shape: With the batch.
        type: The format's name of its type.
        scales: Empty where it is not quantised; one, or one for each channel.
        zeros: Likewise.
        axis: Along which the scales lie.
        data: Its values, if it is a constant.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    scales: Array
    zeros: Array
    axis: int
    data: Array | None

    @property
    def real(self) -> Array:
        """A constant's real values."""
        assert self.data is not None  # noqa: S101  # asked of constants only
        if not self.scales.size or self.type in {"FLOAT32", "FLOAT16"}:
            return self.data
        along = [1] * self.data.ndim
        if self.scales.size > 1:
            along[self.axis] = -1
        values = self.data.astype(np.float64) - self.zeros.reshape(along)
        return np.asarray(values * self.scales.astype(np.float64).reshape(along))

    @property
    def steps(self) -> Steps | None:
        """How its whole numbers stand for real ones; of 8 bits without a sign, as with one."""
        if self.type not in {"INT8", "UINT8", "INT16"} or self.scales.size != 1:
            return None
        zero = int(self.zeros[0]) - (128 if self.type == "UINT8" else 0)
        return Steps(float(self.scales[0]), zero)


@dataclass(frozen=True)
class Operation:
    """An operator of the file: its name, its tensors by number, and its options."""

    code: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class File:
    """What the file holds."""

    tensors: tuple[Tensor, ...]
    operations: tuple[Operation, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_file(source: bytes | str | Path) -> File:
    """Read the tables.

    Raises:
        MissingExtraError: The extra `hardware` is not installed.
        NetworkFileError: The file is missing, damaged or of another kind.
    """
    try:
        from ethosu.vela.tflite.Model import Model
    except ImportError as error:
        raise MissingExtraError.of(
            package="ethos-u-vela", extra="hardware", purpose="a .tflite file"
        ) from error
    named = "the file" if isinstance(source, bytes) else str(source)
    try:
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
    except OSError as error:
        msg = f"cannot read {named}: {error}"
        raise NetworkFileError(msg) from error
    if len(data) < 16 or data[4:8] != b"TFL3":
        msg = f"{named} is not a TensorFlow Lite file: it does not bear the mark TFL3"
        raise NetworkFileError(msg)
    try:
        return _read(Model.GetRootAs(data, 0), data)
    except (
        struct.error, IndexError, ValueError, TypeError, AttributeError, OverflowError, KeyError,
        MemoryError,
    ) as error:  # fmt: skip
        msg = f"{named} is damaged: {' '.join(str(error).split())[:200]}; convert the model anew"
        raise NetworkFileError(msg) from error


def _read(model: Any, data: bytes) -> File:
    graph = model.Subgraphs(0)
    buffers = [model.Buffers(i) for i in range(model.BuffersLength())]
    tensors = tuple(_tensor(graph.Tensors(i), buffers, data) for i in range(graph.TensorsLength()))
    codes = [_code(model.OperatorCodes(i)) for i in range(model.OperatorCodesLength())]
    operations = tuple(
        _operation(graph.Operators(i), codes) for i in range(graph.OperatorsLength())
    )
    ends = [
        tuple(int(n) for n in numbers if 0 <= n < len(tensors))
        for numbers in (graph.InputsAsNumpy(), graph.OutputsAsNumpy())
    ]
    return File(tensors, operations, ends[0], ends[1])


def _tensor(table: Any, buffers: list[Any], data: bytes) -> Tensor:
    shape = tuple(int(n) for n in table.ShapeAsNumpy()) if table.ShapeLength() else ()
    kind = _names("TensorType")[table.Type()]
    buffer = buffers[table.Buffer()]
    values: Array | None = None
    raw = None
    if buffer.DataLength():
        raw = buffer.DataAsNumpy()
    elif getattr(buffer, "Size", int)() > 1:  # of large files, behind the tables
        raw = np.frombuffer(data, np.uint8, buffer.Size(), buffer.Offset())
    if raw is not None and kind in TYPES:
        values = np.frombuffer(raw.tobytes(), TYPES[kind]).reshape(shape)
    if prod(shape) > 1 << 31:
        msg = f"tensor of {shape}"
        raise ValueError(msg)
    quantised = table.Quantization()
    scales = zeros = np.zeros(0)
    axis = 0
    if quantised is not None and quantised.ScaleLength():
        scales, axis = quantised.ScaleAsNumpy(), quantised.QuantizedDimension()
        zeros = (
            quantised.ZeroPointAsNumpy() if quantised.ZeroPointLength() else np.zeros(len(scales))
        )
    return Tensor(table.Name().decode(), shape, kind, scales, np.asarray(zeros), axis, values)


def _code(table: Any) -> str:
    number = max(table.BuiltinCode(), table.DeprecatedBuiltinCode())
    name = _names("BuiltinOperator")[number]
    custom = table.CustomCode()
    return custom.decode() if name == "CUSTOM" and custom else name


def _operation(table: Any, codes: list[str]) -> Operation:
    inputs = tuple(int(n) for n in table.InputsAsNumpy()) if table.InputsLength() else ()
    outputs = tuple(int(n) for n in table.OutputsAsNumpy()) if table.OutputsLength() else ()
    options: dict[str, Any] = {}
    kind = _names("BuiltinOptions").get(table.BuiltinOptionsType(), "NONE")
    given = table.BuiltinOptions()
    if kind != "NONE" and given is not None:
        reader = getattr(importlib.import_module(f"ethosu.vela.tflite.{kind}"), kind)()
        reader.Init(given.Bytes, given.Pos)
        for name in vars(type(reader)):
            plain = (
                name[0].isupper()
                and not name.startswith("Get")
                and not name.endswith("BufferHasIdentifier")
            )
            if plain and name != "Init" and not name.endswith(("AsNumpy", "Length", "IsNone")):
                try:
                    options[name] = getattr(reader, name)()
                except TypeError:  # a vector, which asks for a place
                    continue
    return Operation(codes[table.OpcodeIndex()], inputs, outputs, options)


def _names(enumeration: str) -> dict[int, str]:
    module = importlib.import_module(f"ethosu.vela.tflite.{enumeration}")
    return {n: name for name, n in vars(getattr(module, enumeration)).items() if isinstance(n, int)}
