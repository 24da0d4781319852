"""Start the child processes for strangers' models.

On Linux one process imports the libraries, leaves the network, and forks a child for each model; it
never reads what a stranger sent. Elsewhere each model gets a fresh interpreter, which takes about a
second longer.
"""

import atexit
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from supersede.errors import LimitError

__all__ = ["FORKS", "close_children", "run_child"]

FORKS = sys.platform == "linux" and hasattr(socket, "send_fds")
PROGRAM = Path(__file__).with_name("child")
_NUMBER = struct.Struct("<i")
_MOST_IDLE = 2  # processes that wait for the next model


class _Forker:
    """A process that forks a child for each model. It ends when its socket is closed, or unused."""

    def __init__(self) -> None:
        with ExitStack() as held:
            self.complaints = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the process
            empty = held.enter_context(tempfile.TemporaryDirectory(prefix="supersede-"))
            self.socket, theirs = socket.socketpair()
            with theirs:
                self.process = subprocess.Popen(  # noqa: S603  # our own program
                    [*_COMMAND, str(PROGRAM), "fork"],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=self.complaints,
                    cwd=empty,
                    env=_environment(),
                    start_new_session=True,
                )
            self.socket.recv(1)  # it has started; its folder can go, and stays empty for it
        self.owner = os.getpid()

    def run(self, source: IO[bytes], out: IO[bytes], seconds: float) -> int | None:
        """Run one child; its exit code, or None if the process had ended before."""
        try:
            self.socket.settimeout(None)
            socket.send_fds(self.socket, [b"m"], [source.fileno(), out.fileno()])
            child = self._number()
        except OSError:
            return None
        if child is None:
            return None
        try:
            code = self._wait(child, seconds)
        except BaseException:
            if self.process.poll() is None:  # otherwise the child has ended with it
                os.kill(
                    child, signal.SIGKILL
                )  # its number is still its own: it is reaped on request only
            raise
        self.socket.sendall(b"r")  # reap it
        return code

    def close(self) -> None:
        """End it."""
        self.socket.close()
        self.complaints.close()
        if self.owner == os.getpid():
            self.process.wait()

    def _wait(self, child: int, seconds: float) -> int:
        self.socket.settimeout(seconds)
        worked = 0.0
        while True:
            try:
                code = self._number()
            except TimeoutError:
                worked = _still_works(child, worked, seconds)
                continue
            if code is None:
                msg = "the processes for ONNX models were stopped from outside"
                raise LimitError(msg)
            return code

    def _number(self) -> int | None:
        """A number that it sends; None if it has ended."""
        found = self.socket.recv(_NUMBER.size, socket.MSG_WAITALL)
        return _NUMBER.unpack(found)[0] if len(found) == _NUMBER.size else None


_idle: list[_Forker] = []
_lock = threading.Lock()
_COMMAND = [sys.executable, "-I", "-B", "-W", "ignore"]


def run_child(
    source: IO[bytes], out: IO[bytes], seconds: float, *, program: Path = PROGRAM
) -> tuple[int, bytes]:
    """Run the program on one model.

    Args:
        source: Its standard input, a file.
        out: Its standard output, a file.
        seconds: Seconds by the clock after which a child is stopped that hardly works.
        program: The program, if another one than the child's own, which is started anew.

    Returns:
        Its exit code, negative for a signal; and the end of what it wrote to standard error.

    Raises:
        LimitError: It did nothing for so many seconds, or was stopped from outside.
    """
    if not FORKS or program != PROGRAM:
        return _run_fresh(source, out, seconds, program)
    while True:
        waiting = _taken()
        forker = waiting or _Forker()
        kept = False
        try:
            code = forker.run(source, out, seconds)
            complaint = _end_of(forker.complaints)
            with _lock:
                kept = code is not None and len(_idle) < _MOST_IDLE
                if kept:
                    _idle.append(forker)
        finally:
            if not kept:
                forker.close()
        if code is not None or waiting is None:
            return 1 if code is None else code, complaint
        # it had ended while it waited, so that nothing was read from the source yet


def close_children() -> None:
    """End the processes that wait for models; the next model starts another one."""
    while (forker := _taken()) is not None:
        forker.close()


atexit.register(close_children)


def _taken() -> _Forker | None:
    """A process that waits, and is this process's own: a fork of this one has the same list."""
    with _lock:
        while _idle:
            forker = _idle.pop()
            if forker.owner == os.getpid():
                return forker
            forker.close()
    return None


def _run_fresh(
    source: IO[bytes], out: IO[bytes], seconds: float, program: Path
) -> tuple[int, bytes]:
    with (
        tempfile.TemporaryDirectory(prefix="supersede-") as empty,
        tempfile.TemporaryFile() as complaints,
    ):
        child = subprocess.Popen(  # noqa: S603  # our own program, on our own interpreter
            [*_COMMAND, str(program)],
            stdin=source,
            stdout=out,
            stderr=complaints,
            cwd=empty,
            env=_environment(),
            start_new_session=True,
        )
        try:
            worked = 0.0
            while True:
                try:
                    code = child.wait(seconds)
                    break
                except subprocess.TimeoutExpired:
                    worked = _still_works(child.pid, worked, seconds)
        finally:
            child.kill()
            child.wait()
        return code, _end_of(complaints)


def _still_works(child: int, worked: float, seconds: float) -> float:
    """CPU seconds of a child so far, if there are more than before.

    Raises:
        LimitError: There are not, or the system does not tell.
    """
    now = _cpu_seconds(child)
    if now is None or now - worked < seconds / 100:
        msg = f"the model did nothing for {seconds:g} seconds and was stopped"
        raise LimitError(msg) from None
    return now


def _cpu_seconds(process: int) -> float | None:
    """CPU seconds of a process so far; None where the system does not tell."""
    try:
        fields = (
            Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        )
        return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))
    except (OSError, ValueError, IndexError, AttributeError):
        return None


def _environment() -> dict[str, str]:
    """Only the parent's variables that an interpreter can need to start."""
    kept = {
        name: os.environ[name] for name in ("LD_LIBRARY_PATH", "SYSTEMROOT") if name in os.environ
    }
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    # its events would have a thread and files of their own, and leave the machine
    quiet = {"ORT_DISABLE_TELEMETRY": "1", "LC_ALL": "C.UTF-8"}
    return kept | dict.fromkeys(threads, "1") | quiet


def _end_of(complaints: IO[bytes]) -> bytes:
    complaints.seek(0)
    return complaints.read()[-300:]
