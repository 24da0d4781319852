"""Run a stranger's ONNX model in a locked child process.

The parent writes the model and the columns into one unnamed temporary file and gets a child for it
(`children.py`), in an empty folder, with a clean environment. The child reads the file into memory,
then locks itself (`child/lock.py`) and only then parses the model: from there on it cannot open files or start processes, and its memory and time are limited. The result is
a header of 13 bytes and either the expected number of numbers, or a reason of at most 500 bytes.
The parent never parses the model.
"""

import importlib.util
import json
import signal
import struct
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from supersede.bounty.artefacts.answers import Answers, Codes
from supersede.bounty.artefacts.child.lock import HELD
from supersede.bounty.artefacts.children import PROGRAM, run_child
from supersede.bounty.artefacts.columns import Column, column_of
from supersede.errors import (
    AnswerError,
    ArgumentError,
    ArtefactError,
    CrashError,
    LimitError,
    MissingExtraError,
    ModelFormError,
    SandboxError,
)

__all__ = ["Isolation", "SandboxLimits", "WeakerSandboxWarning", "isolation", "run_onnx"]

CHILD = PROGRAM
HEAD = struct.Struct("<IBQ")
ERRORS: dict[int, type[ArtefactError]] = {1: ModelFormError, 2: AnswerError, 3: LimitError}
NEEDED = ("memory", "processor", "descriptors")  # if one is missing, the parent warns


class WeakerSandboxWarning(UserWarning):
    """This system cannot confine a stranger's model as strictly as Linux does."""


@dataclass(frozen=True)
class SandboxLimits:
    """Resource limits of a model: none depends on the size of the table or on the load of the machine.

    Attributes:
        memory_mb: Memory in addition to that of the idle child with its data, in MB.
        cpu_seconds: CPU seconds to open the model, and for each chunk of 1,024 rows.
        wall_seconds: Seconds by the clock after which the child is stopped if it hardly used the
            processor meanwhile. A child that waits for a busy processor is not stopped (on Linux;
            elsewhere this limits the whole run).
    """

    memory_mb: int = 1024
    cpu_seconds: int = 5
    wall_seconds: float = 25.0

    def __post_init__(self) -> None:
        if min(self.memory_mb, self.cpu_seconds, self.wall_seconds) <= 0:
            msg = f"{self}: every limit must be above 0"
            raise ArgumentError(msg)

    def times(self, factor: int) -> "SandboxLimits":
        """Limits that are so many times as high."""
        return SandboxLimits(
            self.memory_mb * factor, self.cpu_seconds * factor, self.wall_seconds * factor
        )


@dataclass(frozen=True)
class Isolation:
    """The measures that confined the child; `child/lock.py` explains their names.

    Attributes:
        held: The measures that took effect.
        missing: The measures that this system does not offer.
    """

    held: tuple[str, ...]
    missing: tuple[str, ...]


def isolation() -> Isolation:
    """Test which measures take effect on this machine; starts one child.

    Raises:
        MissingExtraError: onnx or onnxruntime are not installed.
        SandboxError: The child does not start.
    """
    bits, _, _ = _ask(b"nothing", {"x": column_of([0.0])}, Codes(2), SandboxLimits())
    return _isolation(bits)


def run_onnx(
    data: bytes,
    columns: Mapping[str, Column],
    answers: Answers,
    limits: SandboxLimits,
    *,
    judge: bool = False,
) -> np.ndarray:
    """Answers of an ONNX model.

    It is run in chunks of one size, so that a row's answer has the same bits in any table.

    Args:
        data: The model's bytes.
        columns: The columns that it reads.
        answers: The allowed answers; only the number of values per row is used here.
        limits: Limits of the process.
        judge: Run it in other orders and sizes too, and refuse it if answers differ or are missing.

    Returns:
        Shape (n,), or (n, width) if an answer has more than one number; not yet checked, NaN for
        rows on which the model fails.

    Raises:
        ModelFormError: The bytes are not an ONNX model, or contain something that is not allowed.
        LimitError: It exceeded its memory or time.
        CrashError: Its process died, or returned what no honest one does.
        AnswerError: It does not match the columns; if judged, its answers are not finite, differ
            between runs, or depend on the other rows.
        SandboxError: The child does not start.
        MissingExtraError: onnx or onnxruntime are not installed.
    """
    n = len(next(iter(columns.values())))
    if n == 0:
        return np.empty((0, answers.width) if answers.width > 1 else 0)
    bits, status, payload = _ask(data, columns, answers, limits, judge=judge)
    if status in ERRORS:
        raise ERRORS[status](_printable(payload))
    if status != 0 or len(payload) != 8 * n * answers.width:
        msg = (
            f"the child returned {len(payload)} bytes with status {status}; it is broken or was"
            " taken over"
        )
        raise CrashError(msg)
    missing = [name for name in _isolation(bits).missing if name in NEEDED]
    if missing:
        msg = f"on this system nothing limits the model's {', '.join(missing)}; use Linux for strangers' models"
        warnings.warn(msg, WeakerSandboxWarning, stacklevel=3)
    found = np.frombuffer(payload, dtype="<f8")
    return found.reshape(n, answers.width) if answers.width > 1 else found


def _ask(
    data: bytes,
    columns: Mapping[str, Column],
    answers: Answers,
    limits: SandboxLimits,
    *,
    judge: bool = True,
) -> tuple[int, int, bytes]:
    """Start a child and wait for it; returns its lock bits, its status, and its output."""
    for package in ("onnx", "onnxruntime"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError.of(package=package, extra="bounty", purpose="a model in ONNX")
    n = len(next(iter(columns.values())))
    most = HEAD.size + max(500, 8 * n * answers.width)
    try:
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as out:
            _hand_over(source, data, columns, answers, limits, most, judge=judge)
            code, complaint = run_child(source, out, limits.wall_seconds, program=CHILD)
            out.seek(0)
            head, payload = out.read(HEAD.size), out.read(most)
    except OSError as error:  # no space, no descriptors, no processes
        msg = f"the process for ONNX models does not start: {error.strerror or error}"
        raise SandboxError(msg) from error
    if not head:  # the header is written as soon as the child is locked
        msg = f"the process for ONNX models does not start: {_printable(complaint)}"
        raise SandboxError(msg)
    if code != 0 or len(head) != HEAD.size:
        raise _died(code, limits)
    bits, status, size = HEAD.unpack(head)
    return bits, status, payload[: min(size, most)]


def _hand_over(
    source: IO[bytes],
    data: bytes,
    columns: Mapping[str, Column],
    answers: Answers,
    limits: SandboxLimits,
    most: int,
    *,
    judge: bool,
) -> None:
    n = len(next(iter(columns.values())))
    asked: dict[str, Any] = {
        "bytes": len(data),
        "columns": [
            {"name": name, "categories": c.categories if c.kind == "text" else None}
            for name, c in columns.items()
        ],
        "rows": n,
        "width": answers.width,
        "kind": type(answers).__name__,
        "judge": judge,
        "memory": limits.memory_mb * 2**20,
        "cpu": limits.cpu_seconds,
        "output": most,
    }
    source.write(json.dumps(asked).encode() + b"\n")
    source.write(data)
    for column in columns.values():
        values = column.values if column.kind == "text" else column.numbers()
        np.lib.format.write_array(source, values, allow_pickle=False)
    source.flush()
    source.seek(0)


def _died(code: int, limits: SandboxLimits) -> LimitError:
    stopped = ("SIGTERM", "SIGINT", "SIGHUP")
    if any(code == -getattr(signal, name, 0) for name in stopped if hasattr(signal, name)):
        msg = "the model's process was stopped from outside; that says nothing about the model"
        return LimitError(msg)
    if code == -getattr(signal, "SIGXCPU", 0) or code == -getattr(signal, "SIGKILL", 0):
        msg = (
            f"the model took more than {limits.cpu_seconds} CPU seconds for 1,024 rows, or too much"
            " memory"
        )
        return LimitError(msg)
    name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    msg = f"the model's process died ({name}); it needs too much memory, or crashes the runtime"
    return CrashError(msg)


def _isolation(bits: int) -> Isolation:
    held = [name for bit, name in enumerate(HELD) if bits >> bit & 1]
    return Isolation(tuple(held), tuple(name for name in HELD if name not in held))


def _printable(payload: bytes) -> str:
    text = payload.decode("utf-8", errors="replace")
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
