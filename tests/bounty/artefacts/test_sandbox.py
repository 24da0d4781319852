"""The child: honest models run in it, and once it is locked there is nothing else that it can do."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from supersede.bounty.artefacts import (
    Codes,
    Numbers,
    OnnxModel,
    Probabilities,
    SandboxLimits,
    children,
    isolation,
)
from supersede.bounty.artefacts.child import lock, run
from supersede.errors import (
    AnswerError,
    ArgumentError,
    CrashError,
    LimitError,
    ModelFormError,
    SandboxError,
)
from tests.bounty.artefacts.attacks import FLOAT, GOOD, ROWS, column_plus, node

ANY = Numbers(-1e9, 1e9)
linux = pytest.mark.skipif(sys.platform != "linux", reason="the measures are Linux's")


def stump():
    """A tree ensemble as skl2onnx writes a classifier: labels first, then probabilities."""
    ensemble = helper.make_node(
        "TreeEnsembleClassifier", ["x"], ["label", "shares"], domain="ai.onnx.ml",
        classlabels_int64s=[0, 1], post_transform="NONE",
        nodes_treeids=[0] * 3, nodes_nodeids=[0, 1, 2], nodes_featureids=[0] * 3,
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"], nodes_values=[0.0] * 3,
        nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 0, 0], nodes_missing_value_tracks_true=[1, 0, 0],
        class_treeids=[0] * 2, class_nodeids=[1, 2], class_ids=[0, 0], class_weights=[0.25, 1.0],
    )  # fmt: skip
    graph = helper.make_graph(
        [ensemble], "g", [helper.make_tensor_value_info("x", FLOAT, [None, 2])],
        [helper.make_tensor_value_info("label", TensorProto.INT64, [None]),
         helper.make_tensor_value_info("shares", FLOAT, [None, 2])],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    return OnnxModel(model.SerializeToString(), ("a", "b"))


def by_name():
    """One input a column: a text, an integer, a double, a boolean."""
    kinds = {
        "s": TensorProto.STRING,
        "i": TensorProto.INT64,
        "d": TensorProto.DOUBLE,
        "t": TensorProto.BOOL,
    }
    nodes = [
        helper.make_node("LabelEncoder", ["s"], ["code"], domain="ai.onnx.ml", keys_strings=["f", ""],
                         values_floats=[10.0, 20.0], default_float=30.0),
        *(node("Cast", name, f"{name}1", to=FLOAT) for name in "idt"),
        node("Sum", "code i1 d1 t1"),
    ]  # fmt: skip
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info(n, kind, [None, 1]) for n, kind in kinds.items()],
        [helper.make_tensor_value_info("y", FLOAT, [None, 1])],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("ai.onnx.ml", 2)]
    return OnnxModel(
        helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString(), ("d", "i", "s", "t")
    )  # fmt: skip


def test_a_tree_ensemble_answers_with_codes_or_probabilities():
    columns = {"a": [-1.0, 1.0, None], "b": [0, 0, 0]}
    assert stump().predict(columns, Codes(2)).tolist() == [0, 1, 0]
    shares = stump().predict(columns, Probabilities(2))
    assert np.allclose(shares, [[0.75, 0.25], [0, 1], [0.75, 0.25]])


def test_inputs_by_name_of_every_type():
    columns = {
        "s": ["f", None, "never seen"],
        "i": [1, 2, 3],
        "d": [0.5, 0.5, 0.5],
        "t": [True, False, True],
    }
    assert by_name().predict(columns, ANY).tolist() == [12.5, 22.5, 34.5]
    with pytest.raises(AnswerError, match="but values are missing"):
        by_name().judged(columns | {"i": [1, 2, None]}, ANY)
    with pytest.raises(AnswerError, match="row 2 has the answer nan"):  # that row alone
        by_name().predict(columns | {"i": [1, 2, None]}, ANY)
    with pytest.raises(
        AnswerError, match=r"'s' is a tensor\(string\), and the column's values are of another type"
    ):
        by_name().predict(columns | {"s": [1, 2, 3]}, ANY)


def test_what_does_not_fit_the_columns():
    with pytest.raises(AnswerError, match="3 columns are named"):
        OnnxModel(GOOD, ("a", "b", "c")).predict(ROWS | {"c": ROWS["a"]}, ANY)


def test_runs_what_was_checked_whatever_else_the_file_looks_like():
    model = onnx.load_model_from_string(GOOD)
    model.producer_name = "ORTM"  # where onnxruntime looks for the mark of its other format
    data = model.SerializeToString()
    assert data[4:8] == b"ORTM"
    unknown = b"\xfa\xff\x01\x04evil"  # a field that no version knows
    found = OnnxModel(data + unknown, ("a", "b")).predict(ROWS, ANY)
    assert np.allclose(found, ROWS["a"])


def test_no_rows_and_one_row():
    model = OnnxModel(GOOD, ("a", "b"))
    assert model.predict({"a": np.array([]), "b": np.array([])}, ANY).shape == (0,)
    assert model.predict({"a": [0.5], "b": [1]}, ANY).tolist() == [0.5]


def test_large_tables_do_not_grow_the_parent():
    code = (
        "import numpy as np, resource, sys\n"
        "from supersede.bounty.artefacts import Numbers, OnnxModel, columns_of\n"
        "rng = np.random.default_rng(0)\n"
        "columns = columns_of({'a': rng.normal(size=500_000), 'b': rng.normal(size=500_000)})\n"
        "model = OnnxModel(sys.stdin.buffer.read(), ('a', 'b'))\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "found = model.predict(columns, Numbers(-10, 10))\n"
        "assert np.allclose(found, columns['a'].values, atol=1e-6)\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], input=GOOD, capture_output=True, check=True)
    assert float(out.stdout) < 50


@linux
def test_all_measures_hold_here_but_those_that_containers_forbid():
    found = isolation()
    assert set(found.held) >= {"memory", "processor", "descriptors", "processes", "user"}
    assert set(found.held) | set(found.missing) == set(lock.HELD)


LOCKED = """
import ctypes, json, os, socket, sys, threading
import importlib.util
spec = importlib.util.spec_from_file_location("lock", sys.argv[1])
lock = importlib.util.module_from_spec(spec)
spec.loader.exec_module(lock)
canary = sys.argv[2]
network = lock.leave_network()
bits = lock.lock_in(memory=200 * 2**20, cpu=5, output=1000, network=network)
deeds = {
    "read": lambda: open(canary), "list": lambda: os.listdir("/"), "write": lambda: open("new", "w"),
    "remove": lambda: os.remove(canary), "mkdir": lambda: os.mkdir("new"),
    "run": lambda: os.execv("/bin/true", ["true"]), "fork": lambda: os.fork() or os._exit(0),
    "thread": lambda: threading.Thread(target=print).start(), "socket": lambda: socket.socket(),
    "pipe": lambda: os.pipe(), "superuser": lambda: os.setuid(0), "memory": lambda: bytes(2**30),
    "more files": lambda: lock.resource.setrlimit(lock.resource.RLIMIT_NOFILE, (9, 9)),
}
done = []
for name, deed in deeds.items():
    try:
        deed()
        done.append(name)
    except (OSError, RuntimeError, MemoryError, ValueError):
        pass
os.write(1, json.dumps([bits, done]).encode())
"""


@linux
def test_a_locked_process_can_do_nothing(tmp_path):
    canary = tmp_path / "canary"
    canary.write_text("alive")
    tmp_path.chmod(0o755)
    out = subprocess.run(
        [sys.executable, "-c", LOCKED, lock.__file__, str(canary)],
        capture_output=True, check=True, cwd=tmp_path, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    bits, done = json.loads(out.stdout)
    held = {name for bit, name in enumerate(lock.HELD) if bits >> bit & 1}
    # what only Landlock holds back
    free = set() if "files" in held else {"remove", "mkdir", "run"}
    assert set(done) <= free, (held, out.stderr)
    assert canary.read_text() == "alive"


@linux
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_opens_nothing_after_it_is_locked(tmp_path):
    (tmp_path / "model").write_bytes(column_plus(node("Neg", "v")))
    code = (
        "from supersede.bounty.artefacts import Numbers, OnnxModel\n"
        f"data = open({str(tmp_path / 'model')!r}, 'rb').read()\n"
        "print(OnnxModel(data, ('a', 'b')).predict({'a': [1, 2], 'b': [3, 4]}, Numbers(-9, 9)))\n"
    )
    calls = "trace=file,network,process,desc,prlimit64"
    log = tmp_path / "log"
    out = subprocess.run(
        ["strace", "-f", "-e", calls, "-o", str(log), sys.executable, "-c", code],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "ptrace" in out.stderr.lower():
        pytest.skip("strace may not look here")
    assert out.stdout.strip() == "[-1. -2.]", out.stderr
    lines = log.read_text().splitlines()
    # once it cannot be dumped, strace sees addresses instead of values unless it is the superuser's
    locked = [i for i, line in enumerate(lines) if re.search(r"RLIMIT_NOFILE, (\{|0x)", line)]
    assert len(locked) == 1
    child = lines[locked[0]].split()[0]
    after = [line for line in lines[locked[0] + 1 :] if line.split()[0] == child]
    assert after[-1].endswith("+++ exited with 0 +++")
    calls = {re.sub(r"\(.*", "", line.split(maxsplit=1)[1]) for line in after}
    assert not calls & {
        "execve",
        "fork",
        "vfork",
        "clone",
        "clone3",
        "socket",
        "connect",
        "unlink",
        "mkdir",
    }
    opened = [line for line in after if re.search(r" open(at)?\(", line) and "= -1" not in line]
    assert not opened, opened


def test_the_environment_and_the_folder_are_empty(tmp_path, monkeypatch):
    (tmp_path / "__main__.py").write_text(
        "import json, os, sys\n"
        "os.write(1, json.dumps([dict(os.environ), os.listdir(), os.listdir('/proc/self/fd')]).encode())\n"
        "sys.exit(1)\n"
    )
    seen = {}
    read = json.loads

    def spy(*arguments, **options):
        process = popen(*arguments, **options)
        process.wait()
        options["stdout"].seek(0)
        seen["says"] = read(options["stdout"].read())
        return process

    popen = subprocess.Popen
    monkeypatch.setattr("supersede.bounty.artefacts.sandbox.CHILD", tmp_path)
    monkeypatch.setattr(subprocess, "Popen", spy)
    monkeypatch.setenv("SECRET", "x")
    with pytest.raises(LimitError, match="exit code 1"):
        OnnxModel(GOOD, ("a", "b")).predict(ROWS, ANY)
    environment, files, descriptors = seen["says"]
    assert set(environment) <= {
        "LD_LIBRARY_PATH", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LC_ALL", "LC_CTYPE",
        "ORT_DISABLE_TELEMETRY"
    }  # fmt: skip
    assert files == []
    if Path("/proc/self/fd").is_dir():
        assert len(descriptors) <= 4  # in, out, error, and the folder that is being listed


@pytest.mark.parametrize(
    ("program", "error", "says"),
    [
        ("os.write(1, b'x' * 10**6)", LimitError, "taken over"),
        ("os.write(1, b'short')", LimitError, "died"),
        ("os.write(1, struct.pack('<IBQ', 127, 0, 10**12) + bytes(8))", LimitError, "taken over"),
        ("os.write(1, struct.pack('<IBQ', 127, 77, 0))", LimitError, "status 77"),
        (
            "os.write(1, struct.pack('<IBQ', 127, 1, 10) + b'\\x1b[31m\\xff\\x00<b>')",
            ModelFormError,
            "<b>",
        ),
        ("raise ImportError('numpy is broken')", SandboxError, "numpy is broken"),
        ("os.write(1, bytes(4)); sys.exit(3)", LimitError, "exit code 3"),
        ("os.write(1, bytes(4)); os.kill(os.getpid(), 11)", LimitError, "SIGSEGV"),
        ("time.sleep(60)", LimitError, "nothing for 1 seconds"),
    ],
)
def test_a_child_that_was_taken_over_is_not_believed(program, error, says, tmp_path, monkeypatch):
    (tmp_path / "__main__.py").write_text(f"import os, struct, sys, time\n{program}\n")
    monkeypatch.setattr("supersede.bounty.artefacts.sandbox.CHILD", tmp_path)
    seconds = 1 if "sleep" in program else 25
    with pytest.raises(error, match=says) as caught:
        OnnxModel(GOOD, ("a", "b")).predict(ROWS, ANY, SandboxLimits(wall_seconds=seconds))
    assert str(caught.value).isprintable()


def test_says_where_it_is_weaker(tmp_path, monkeypatch):
    answers = f"struct.pack('<IBQ', 0, 0, {8 * 40}) + bytes({8 * 40})"
    (tmp_path / "__main__.py").write_text(f"import os, struct\nos.write(1, {answers})\n")
    monkeypatch.setattr("supersede.bounty.artefacts.sandbox.CHILD", tmp_path)
    with pytest.warns(
        UserWarning, match="nothing limits the model's memory, processor, descriptors"
    ):
        OnnxModel(GOOD, ("a", "b")).predict(ROWS, ANY)


def child_processes():
    return [forker.process.pid for forker in children._idle]


def at_work(process):
    """Whether it waits for a child, which has locked itself."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        status = [Path(f"/proc/{number}/status").read_text() for number in (process, *children)]
    except FileNotFoundError:  # the child has ended meanwhile
        return False
    return bool(children) and "State:\tS" in status[0] and "NoNewPrivs:\t1" in status[1]


forking = pytest.mark.skipif(not children.FORKS, reason="no process forks here")


@forking
def test_the_libraries_are_imported_once_for_many_models():
    model = OnnxModel(GOOD, ("a", "b"))
    model.predict(ROWS, ANY)
    (first, *_) = child_processes()
    for _ in range(5):
        model.predict(ROWS, ANY)
    assert first in child_processes()
    children.close_children()
    assert child_processes() == []


@forking
def test_a_model_sees_no_descriptor_environment_or_folder_of_ours(monkeypatch):
    monkeypatch.setenv("SECRET", "x")
    children.close_children()
    OnnxModel(GOOD, ("a", "b")).predict(ROWS, ANY)
    (process, *_) = child_processes()
    home = Path(f"/proc/{process}")
    assert b"SECRET" not in (home / "environ").read_bytes()
    assert len(list((home / "fd").iterdir())) == 3
    assert len(list((home / "task").iterdir())) == 1  # a fork takes one thread along
    assert str((home / "cwd").readlink()).endswith("(deleted)")


@forking
def test_a_process_that_was_killed_is_replaced():
    model = OnnxModel(GOOD, ("a", "b"))
    expected = model.predict(ROWS, ANY)
    for process in child_processes():
        os.kill(process, signal.SIGKILL)
    assert np.array_equal(model.predict(ROWS, ANY), expected)


@forking
def test_a_model_whose_process_is_stopped_from_outside_is_not_blamed():
    model = OnnxModel(GOOD, ("a", "b"))
    model.predict(ROWS, ANY)
    (process, *_) = child_processes()
    rows = {"a": np.zeros(10**6), "b": np.zeros(10**6)}

    def kill_it_at_work():
        while not (working := at_work(process)) and not over.wait(0.001):
            pass
        if working:  # the child has a million rows to go
            os.kill(process, signal.SIGKILL)

    over = threading.Event()
    killer = threading.Thread(target=kill_it_at_work)
    killer.start()
    try:
        with pytest.raises(LimitError, match="from outside") as caught:
            model.judged(rows, ANY)
    finally:
        over.set()
        killer.join()
    assert not isinstance(caught.value, CrashError)
    assert len(model.predict(ROWS, ANY)) == 40


@forking
def test_models_of_several_threads_do_not_meet():
    models = [OnnxModel(GOOD, ("a", "b")), OnnxModel(column_plus(node("Neg", "v")), ("a", "b"))]
    expected = [model.predict(ROWS, ANY) for model in models]
    found = {}

    def ask(place):
        found[place] = [model.predict(ROWS, ANY) for model in models]

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in found.values():
        assert all(map(np.array_equal, one, expected))
    assert len(child_processes()) <= 2


class Restless:
    """What a session of a model that draws random numbers would be, if one got past the rules."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def get_inputs(self):
        return [SimpleNamespace(name="a", type="tensor(double)", shape=[None])]

    def get_outputs(self):
        return [SimpleNamespace(name="y")]

    def run(self, _, feed):
        return [self.rng.random(len(feed["a"]))]


@pytest.mark.parametrize("kind", ["Codes", "Numbers"])
def test_answers_must_come_again(kind):
    seeds = iter(range(9))
    asked = {"rows": 9, "width": 1, "kind": kind}
    with pytest.raises(run.Unfit, match="when it is run again"):
        run.judge(lambda: Restless(next(seeds)), {"a": np.zeros(9)}, asked)
    with pytest.raises(run.Unfit, match="in another order"):  # the same in each session
        run.judge(lambda: Restless(0), {"a": np.zeros(9)}, asked)


def test_limits_are_above_zero():
    with pytest.raises(ArgumentError, match="above 0"):
        SandboxLimits(memory_mb=0)


def test_leaves_no_files(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    OnnxModel(GOOD, ("a", "b")).predict(ROWS, ANY)
    with pytest.raises(ModelFormError):
        OnnxModel(b"no model", ("a", "b")).predict(ROWS, ANY)
    assert list(Path(tmp_path).iterdir()) == []


def test_a_row_is_answered_by_the_same_bits_in_any_table():
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(2, 300)), rng.normal(size=(300, 1))
    names = ("first", "last")
    graph = helper.make_graph(
        [node("MatMul", "x first", "h"), node("Erf", "h", "g"), node("MatMul", "g last", "y")], "g",
        [helper.make_tensor_value_info("x", FLOAT, [None, 2])],
        [helper.make_tensor_value_info("y", FLOAT, [None, 1])],
        [helper.make_tensor(n, FLOAT, w.shape, w.ravel()) for n, w in zip(names, weights, strict=True)],
    )  # fmt: skip
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    model = OnnxModel(made.SerializeToString(), ("a", "b"))
    columns = {name: rng.normal(size=2500) for name in "ab"}
    whole = model.predict(columns, ANY)
    assert np.array_equal(whole, model.judged(columns, ANY))
    for rows in (slice(0, 1), slice(1700, 1701), slice(3, 1000), slice(1000, 2100)):
        some = model.predict({name: values[rows] for name, values in columns.items()}, ANY)
        assert np.array_equal(some, whole[rows])


class Failing(Restless):
    """A session that fails on every batch with a negative number."""

    def run(self, _, feed):
        if (feed["a"] < 0).any():
            raise RuntimeError("negative")
        return [2 * feed["a"]]


def test_a_row_that_fails_takes_no_other_with_it():
    values = np.arange(3000.0)
    values[[7, 1023, 2999]] = -1
    asked = {"rows": 3000, "width": 1, "kind": "Numbers"}
    granted = []
    found = run.serve(lambda: Failing(0), {"a": values}, asked, lambda: granted.append(1))[:, 0]
    assert np.flatnonzero(np.isnan(found)).tolist() == [7, 1023, 2999]
    assert np.array_equal(found[values >= 0], 2 * values[values >= 0])
    assert len(granted) == 3  # one for each chunk of 1,024 rows


def test_what_is_not_finite_is_named():
    graph = helper.make_graph(
        [node("Sqrt", "x", "y")], "g",
        [helper.make_tensor_value_info("x", FLOAT, [None, 1])],
        [helper.make_tensor_value_info("y", FLOAT, [None, 1])],
    )  # fmt: skip
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    model = OnnxModel(made.SerializeToString(), ("a",))
    with pytest.raises(AnswerError, match=r"row 1 has the answer \[nan\]; every answer"):
        model.judged({"a": [4.0, -1.0]}, ANY)


def test_a_child_that_waits_for_a_busy_processor_is_not_stopped(tmp_path, monkeypatch):
    work = "while time.process_time() < 0.5:\n    pass\n"
    (tmp_path / "__main__.py").write_text(
        f"import os, struct, time\n{work}os.write(1, struct.pack('<IBQ', 127, 0, 320) + bytes(320))\n"
    )
    monkeypatch.setattr("supersede.bounty.artefacts.sandbox.CHILD", tmp_path)
    # far less by the clock than it works
    found = OnnxModel(GOOD, ("a", "b")).predict(ROWS, ANY, SandboxLimits(wall_seconds=0.3))
    assert found.tolist() == [0.0] * 40
