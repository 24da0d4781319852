"""The child process: read all input, lock the process, check the model, run it, answer.

Run as ``python -I -B this/folder``; it imports nothing of the package. Standard input contains a
line of JSON, the model's bytes and the columns; standard output receives a header and either
numbers or a reason.

With the argument ``fork``, standard input is a socket, on which pairs of such files arrive. Each is
left to a forked child, so that the libraries are imported once. The forking process reads nothing
that a stranger sent.
"""

import importlib.util
import io
import json
import os
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any


def beside(name: str) -> ModuleType:
    """A file of this folder, by path: importing its package would import all of the parent's."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    if spec is None or spec.loader is None:  # pragma: no cover
        raise ImportError(name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


lock = beside("lock")
network = lock.leave_network()

import numpy as np  # noqa: E402  # after leaving the network, which requires a single thread
import onnx  # noqa: E402
import onnxruntime as ort  # noqa: E402

rules = beside("rules")
run = beside("run")

LOCKED, HEAD = "<I", "<BQ"  # bits of the measures in force; status, and number of bytes that follow
DONE, MODEL, ANSWER, LIMIT = range(4)
IDLE = 300.0  # seconds without a model after which the forking process ends


def options() -> Any:
    """One thread, no messages."""
    found = ort.SessionOptions()
    found.intra_op_num_threads = found.inter_op_num_threads = 1
    found.log_severity_level = 4
    found.enable_cpu_mem_arena = False
    # a file can match both of onnxruntime's formats; this one was checked
    found.add_session_config_entry("session.load_model_format", "ONNX")
    return found


def open_session(data: bytes) -> Any:
    """A session on a model's bytes."""
    return ort.InferenceSession(data, options(), providers=["CPUExecutionProvider"])


def warm_up() -> None:
    """Run a model of our own, and a broken one, so that lazy imports are loaded before the lock."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    ports = [helper.make_tensor_value_info(name, kind, [None, 1]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "warm", ports[:1], ports[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    columns = {"x": np.zeros(2)}
    asked = {"rows": 2, "width": 1, "kind": "Numbers", "judge": True}
    for data in (model.SerializeToString(), b"no model"):
        judged(lambda data=data: look_and_run(data, columns, asked, int))  # type: ignore[misc]


def look_and_run(
    data: bytes,
    columns: dict[str, np.ndarray],
    asked: dict[str, Any],
    allow: Callable[[], Any],
) -> np.ndarray:
    """Parse and check the model, then serialise the checked parts anew and run the result."""
    model = onnx.load_model_from_string(data)
    rules.check(model)
    model.DiscardUnknownFields()
    clean = model.SerializeToString()
    work = run.judge if asked["judge"] else run.serve
    found: np.ndarray = work(lambda: open_session(clean), columns, asked, allow)
    return found


def judged(work: Callable[[], np.ndarray]) -> tuple[int, bytes]:
    """The answers, or the reason for their absence."""
    try:
        return DONE, work().astype("<f8").tobytes()
    except rules.Refused as refused:
        return MODEL, readable(refused)
    except run.Unfit as unfit:
        return ANSWER, readable(unfit)
    except Exception as error:  # onnx and onnxruntime have no common root
        if run.exhausted(error):
            return LIMIT, b"it asks for more memory than is allowed: " + readable(error)
        return MODEL, b"the ONNX model cannot be read or run: " + readable(error)


def readable(error: Exception) -> bytes:
    """The first line of an error's message; names in the file can contain anything."""
    return str(error).split("\n", maxsplit=1)[0].encode(errors="replace")[:400]


def runs(asked: dict[str, Any]) -> int:
    """How often CPU time can be granted: to open the model, and for every chunk."""
    chunks = 1 + asked["rows"] // run.CHUNK
    return int(1 + chunks * (run.PASSES if asked["judge"] else 1))


def main() -> None:
    """Answer once."""
    source = open(0, "rb", closefd=False)  # noqa: SIM115  # sys.stdin can be about the socket
    asked = json.loads(source.readline())
    data = source.read(asked["bytes"])
    columns = run.read_columns(source, asked["columns"])
    out = io.FileIO(1, "w")
    bits = lock.lock_in(
        memory=asked["memory"],
        cpu=asked["cpu"] * runs(asked),
        output=asked["output"],
        network=network,
    )
    lock.grant(asked["cpu"])  # to open the model; each chunk gets as much again
    out.write(struct.pack(LOCKED, bits))  # from here on, failures are attributed to the model
    status, payload = judged(
        lambda: look_and_run(data, columns, asked, lambda: lock.grant(asked["cpu"]))
    )
    out.write(struct.pack(HEAD, status, len(payload)))
    view = memoryview(payload)
    while view:
        view = view[out.write(view) :]


def fork_for_each(parent: socket.socket) -> None:
    """Fork a child for each pair of files, and report its number and its exit code."""
    number = struct.Struct("<i")
    parent.sendall(b"s")
    while True:
        parent.settimeout(IDLE)
        try:
            message, files, _, _ = socket.recv_fds(parent, 1, 2)
        except TimeoutError:
            return
        if not message:
            return
        child = os.fork()
        if child == 0:
            become_child(files)
        for file in files:
            os.close(file)
        parent.settimeout(None)
        parent.sendall(number.pack(child))
        end = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        assert end is not None  # noqa: S101  # without WNOHANG it waits
        code = end.si_status if end.si_code == os.CLD_EXITED else -end.si_status
        parent.sendall(number.pack(code))
        reap = parent.recv(1)  # until then the child's number cannot become another process's
        os.waitpid(child, 0)
        if not reap:
            return


def become_child(files: list[int]) -> None:
    """Answer once, with these files as standard input and output, and exit."""
    code = 1
    try:
        lock.die_with_parent()
        for place, file in enumerate(files):
            os.dup2(file, place)
        os.closerange(3, 64)
        main()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    warm_up()
    if sys.argv[1:] == ["fork"]:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        fork_for_each(socket.socket(fileno=0))
    else:
        main()
