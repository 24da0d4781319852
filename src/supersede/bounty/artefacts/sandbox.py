"""Run a stranger's ONNX model in a locked child process.

The parent writes the model and the columns into one unnamed temporary file and starts a fresh
interpreter on it, in an empty folder, with a clean environment. That child imports its libraries,
reads the file into memory, then locks itself (`child/lock.py`) and only then parses the model: from
there on it cannot open files or start processes, and its memory and time are limited. The result is
a header of 13 bytes and either the expected number of numbers, or a reason of at most 500 bytes.
The parent never parses the model.
"""

import importlib.util
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from supersede.bounty.artefacts.answers import Answers, Codes
from supersede.bounty.artefacts.child.lock import HELD
from supersede.bounty.artefacts.columns import Column, column_of
from supersede.errors import (
    AnswerError,
    ArgumentError,
    ArtefactError,
    LimitError,
    MissingExtraError,
    ModelFormError,
    SandboxError,
)

__all__ = ["Isolation", "Limits", "WeakerSandboxWarning", "isolation", "run_onnx"]

CHILD = Path(__file__).with_name("child")
HEAD = struct.Struct("<IBQ")
ERRORS: dict[int, type[ArtefactError]] = {1: ModelFormError, 2: AnswerError, 3: LimitError}
NEEDED = ("memory", "processor", "descriptors")  # if one is missing, the parent warns


class WeakerSandboxWarning(UserWarning):
    """This system cannot confine a stranger's model as strictly as Linux does."""


@dataclass(frozen=True)
class Limits:
    """Resource limits of a model.

    Attributes:
        memory_mb: Memory in addition to that of the idle child with its data, in MB.
        cpu_seconds: CPU seconds.
        wall_seconds: Seconds by the clock, from the child's start.
    """

    memory_mb: int = 1024
    cpu_seconds: int = 20
    wall_seconds: float = 25.0

    def __post_init__(self) -> None:
        if min(self.memory_mb, self.cpu_seconds, self.wall_seconds) <= 0:
            msg = f"{self}: every limit must be above 0"
            raise ArgumentError(msg)


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
    bits, _, _ = _ask(b"nothing", {"x": column_of([0.0])}, Codes(2), Limits())
    return _isolation(bits)


def run_onnx(
    data: bytes, columns: Mapping[str, Column], answers: Answers, limits: Limits
) -> np.ndarray:
    """Answers of an ONNX model.

    Args:
        data: The model's bytes.
        columns: The columns that it reads.
        answers: The allowed answers; only the number of values per row is used here.
        limits: Limits of the process.

    Returns:
        Shape (n,), or (n, width) if an answer has more than one number; not yet checked.

    Raises:
        ModelFormError: The bytes are not an ONNX model, or contain something that is not allowed.
        LimitError: It exceeded its memory or time, or its process died.
        AnswerError: Its answers are not allowed, differ between runs, or depend on the other rows.
        SandboxError: The child does not start.
        MissingExtraError: onnx or onnxruntime are not installed.
    """
    n = len(next(iter(columns.values())))
    if n == 0:
        return np.empty((0, answers.width) if answers.width > 1 else 0)
    bits, status, payload = _ask(data, columns, answers, limits)
    if status in ERRORS:
        raise ERRORS[status](_printable(payload))
    if status != 0 or len(payload) != 8 * n * answers.width:
        msg = (
            f"the child returned {len(payload)} bytes with status {status}; it is broken or was"
            " taken over"
        )
        raise LimitError(msg)
    missing = [name for name in _isolation(bits).missing if name in NEEDED]
    if missing:
        msg = f"on this system nothing limits the model's {', '.join(missing)}; use Linux for strangers' models"
        warnings.warn(msg, WeakerSandboxWarning, stacklevel=3)
    found = np.frombuffer(payload, dtype="<f8")
    return found.reshape(n, answers.width) if answers.width > 1 else found


def _ask(
    data: bytes, columns: Mapping[str, Column], answers: Answers, limits: Limits
) -> tuple[int, int, bytes]:
    """Start a child and wait for it; returns its lock bits, its status, and its output."""
    for package in ("onnx", "onnxruntime"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError.of(package=package, extra="bounty", purpose="a model in ONNX")
    n = len(next(iter(columns.values())))
    most = HEAD.size + max(500, 8 * n * answers.width)
    with (
        tempfile.TemporaryDirectory(prefix="supersede-") as empty,
        tempfile.TemporaryFile() as source,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as complaints,
    ):
        _hand_over(source, data, columns, answers, limits, most)
        child = subprocess.Popen(  # noqa: S603  # our own program, on our own interpreter
            [sys.executable, "-I", "-B", "-W", "ignore", str(CHILD)],
            stdin=source, stdout=out, stderr=complaints,
            cwd=empty, env=_environment(), start_new_session=True,
        )  # fmt: skip
        try:
            code = child.wait(limits.wall_seconds)
        except subprocess.TimeoutExpired:
            msg = f"the model took more than {limits.wall_seconds:g} seconds and was stopped"
            raise LimitError(msg) from None
        finally:
            child.kill()
            child.wait()
        out.seek(0)
        head = out.read(HEAD.size)
        if not head:  # the header is written as soon as the child is locked
            complaints.seek(0)
            msg = f"the process for ONNX models does not start: {_printable(complaints.read()[-300:])}"
            raise SandboxError(msg)
        if code != 0 or len(head) != HEAD.size:
            raise LimitError(_died(code, limits))
        bits, status, size = HEAD.unpack(head)
        payload = out.read(min(size, most))
    return bits, status, payload


def _hand_over(
    source: IO[bytes],
    data: bytes,
    columns: Mapping[str, Column],
    answers: Answers,
    limits: Limits,
    most: int,
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


def _environment() -> dict[str, str]:
    """Only the parent's variables that an interpreter can need to start."""
    kept = {
        name: os.environ[name] for name in ("LD_LIBRARY_PATH", "SYSTEMROOT") if name in os.environ
    }
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return kept | dict.fromkeys(threads, "1") | {"LC_ALL": "C.UTF-8"}


def _died(code: int, limits: Limits) -> str:
    if code == -getattr(signal, "SIGXCPU", 0) or code == -getattr(signal, "SIGKILL", 0):
        return f"the model took more than {limits.cpu_seconds} CPU seconds, or too much memory"
    name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return f"the model's process died ({name}); it needs too much memory or time, or crashes the runtime"


def _isolation(bits: int) -> Isolation:
    held = [name for bit, name in enumerate(HELD) if bits >> bit & 1]
    return Isolation(tuple(held), tuple(name for name in HELD if name not in held))


def _printable(payload: bytes) -> str:
    text = payload.decode("utf-8", errors="replace")
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
