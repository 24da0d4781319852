"""A bounty in service: what an ONNX submission costs, and an accepted patch on many rows.

CPU seconds count children too. Each figure on rows is from a fresh process, on the same rows: bare
onnxruntime in the chunks that the child uses and in one call, and the patched model. Answers must have
the same bits in tables of any size, whatever else the machine does.
"""

import hashlib
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier

from benchmarks.measure import DOCS, write
from supersede.bounty import Bounty, DecisionList, Sample
from supersede.bounty.artefacts import Constant, OnnxModel
from supersede.bounty.artefacts.children import close_children
from supersede.errors import SubmissionError

ROWS = list[tuple[str, ...]]
COLUMNS = [f"c{i}" for i in range(8)]
ADMISSION, OVERHEAD = 0.4, 1.3


def spent() -> float:
    """CPU seconds of this process and of all its children that ended."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def table(n: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=n).astype(np.float32) for name in COLUMNS}


def labels(columns: dict[str, np.ndarray]) -> np.ndarray:
    return (columns["c0"] + columns["c1"] * columns["c2"] > 0).astype(int)


def forest(trees: int) -> bytes:
    """Boosted trees as one ONNX graph, as a hunter would send them."""
    columns = table(20_000)
    x = np.stack([columns[name] for name in COLUMNS], axis=1)
    fitted = GradientBoostingClassifier(n_estimators=trees, max_depth=4).fit(x, labels(columns))
    return _ensemble(fitted)


def _ensemble(fitted: GradientBoostingClassifier) -> bytes:
    import onnx
    from onnx import TensorProto, helper

    lists: dict[str, list] = {key: [] for key in (
        "nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_modes", "nodes_values",
        "nodes_truenodeids", "nodes_falsenodeids", "nodes_missing_value_tracks_true",
        "target_treeids", "target_nodeids", "target_ids", "target_weights",
    )}  # fmt: skip
    for number, (estimator,) in enumerate(fitted.estimators_):
        tree = estimator.tree_
        for node in range(tree.node_count):
            leaf = tree.children_left[node] < 0
            for key, value in {
                "nodes_treeids": number, "nodes_nodeids": node,
                "nodes_featureids": 0 if leaf else int(tree.feature[node]),
                "nodes_modes": "LEAF" if leaf else "BRANCH_LEQ",
                "nodes_values": 0.0 if leaf else float(tree.threshold[node]),
                "nodes_truenodeids": 0 if leaf else int(tree.children_left[node]),
                "nodes_falsenodeids": 0 if leaf else int(tree.children_right[node]),
                "nodes_missing_value_tracks_true": 0,
            }.items():  # fmt: skip
                lists[key].append(value)
            if leaf:
                for key, value in {
                    "target_treeids": number, "target_nodeids": node, "target_ids": 0,
                    "target_weights": float(tree.value[node].item()),
                }.items():  # fmt: skip
                    lists[key].append(value)
    graph = helper.make_graph(
        [
            helper.make_node("TreeEnsembleRegressor", ["x"], ["score"], domain="ai.onnx.ml", n_targets=1, **lists),
            helper.make_node("Greater", ["score", "zero"], ["above"]),
            helper.make_node("Cast", ["above"], ["answer"], to=TensorProto.INT64),
        ],
        "forest",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", len(COLUMNS)])],
        [helper.make_tensor_value_info("answer", TensorProto.INT64, ["n", 1])],
        [helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0])],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def admissions() -> ROWS:
    """CPU seconds to admit ONNX models, all of it: reading, checking, judging, recording."""
    model, small = OnnxModel(forest(1), tuple(COLUMNS)), table(3000, 1)
    bounty = Bounty(DecisionList(Constant((0,))), [Sample("holdout", small, labels(small))])
    close_children()
    marks = [spent()]
    for count in (1, 20):
        for number in range(count):
            try:
                bounty.submit("ada", f"c0 > 0 and c3 < {number / 10 + count}", model)
            except SubmissionError:
                continue
        close_children()
        marks.append(spent())
    first, twenty = marks[1] - marks[0], marks[2] - marks[1]
    each = (twenty - first) / 19
    return [
        ("CPU seconds to admit a trivial ONNX model, the first of a process", f"{first:.2f} s", "", ""),
        ("CPU seconds to admit a trivial ONNX model, each one after it", f"{each:.2f} s", f"≤ {ADMISSION} s", said(each <= ADMISSION)),
    ]  # fmt: skip


SERVE = """
import json, sys
from benchmarks.bounty_service import COLUMNS, bare, patched, spent, table
n, how, file = int(sys.argv[1]), sys.argv[2], sys.argv[3]
from supersede.bounty.artefacts.children import close_children
work = patched if how == "patched" else lambda *given: bare(*given, chunks=how == "chunks")
data = open(file, "rb").read()
work(data, table(10))
columns, made = table(n), spent()
answers = work(data, columns)
close_children()  # what its children used is counted now, the start and the ten rows included
print(json.dumps([spent() - made, answers]))
"""


def bare(data: bytes, columns: dict[str, np.ndarray], *, chunks: bool) -> str:
    """Answers of onnxruntime without anything around it: imports, opening, running."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    x = np.stack([columns[name] for name in COLUMNS], axis=1)
    parts = np.array_split(x, max(1, len(x) // 1024)) if chunks else [x]
    answers = np.concatenate([session.run(None, {"x": part})[0] for part in parts])
    return _hashed(answers)


def patched(data: bytes, columns: dict[str, np.ndarray]) -> str:
    """Answers of a list that answers everybody with the model."""
    from supersede.bounty.artefacts import parse

    model = DecisionList(Constant((0,))).patched(parse("everyone"), OnnxModel(data, tuple(COLUMNS)))
    return _hashed(model.predict(columns))


def _hashed(answers: np.ndarray) -> str:
    return hashlib.sha256(answers.reshape(-1).astype(np.int64).tobytes()).hexdigest()[:12]


def serving(sizes: tuple[int, ...] = (1_000, 100_000, 1_000_000)) -> ROWS:
    """An accepted patch on many rows beside bare onnxruntime."""
    rows: ROWS = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        file.write_bytes(forest(100))
        started, _ = _fresh(10, "patched", file)
        rows.append(
            (
                "CPU seconds to start the process that forks, once per server",
                f"{started:.1f} s",
                "",
                "",
            )
        )
        for n in sizes:
            found = {how: _fresh(n, how, file) for how in ("one call", "chunks", "patched")}
            same = len({answers for _, answers in found.values()}) == 1
            taken = found["patched"][0] - started
            ratio = taken / found["chunks"][0]
            last = n == max(sizes)
            rows.append(
                (
                    f"{n:,} rows through a patch of 100 trees: CPU seconds, over those of bare onnxruntime ({found['chunks'][0]:.1f} s in chunks, {found['one call'][0]:.1f} s in one call)",
                    f"{taken:.1f} s, {ratio:.2f} ×; answers {'equal' if same else '**differ**'}",
                    f"≤ {OVERHEAD} ×" if last else "",
                    said(ratio <= OVERHEAD and same) if last else "",
                )
            )
    return rows


LOADED = """
import hashlib, json, os, sys
import numpy as np
from benchmarks.bounty_service import COLUMNS, scores, table
from supersede.bounty import DecisionList
from supersede.bounty.artefacts import Constant, Numbers, OnnxModel, parse
data, columns = open(sys.argv[1], "rb").read(), table(10**6)
model = DecisionList(Constant((0,)), answers=Numbers(-1e3, 1e3)).patched(parse("c0 > -9"), OnnxModel(data, tuple(COLUMNS)))
part = lambda n: model.predict({name: values[:n] for name, values in columns.items()})
one, thousand, million = (part(n) for n in (1, 10**3, 10**6))
same = one.tobytes() == million[:1].tobytes() and thousand.tobytes() == million[:1000].tobytes()
judged = OnnxModel(data, tuple(COLUMNS)).judged({n: v[:20_000] for n, v in columns.items()}, Numbers(-1e3, 1e3))
same = same and judged.tobytes() == million[:20_000].tobytes()
print(json.dumps([same, hashlib.sha256(million.tobytes()).hexdigest(), os.getloadavg()[0]]))
"""
BUSY = 30
SPIN = "import time\nend = time.monotonic() + 300\nwhile time.monotonic() < end:\n    pass"


def under_load() -> ROWS:
    """The bits of answers to 1, 10³ and 10⁶ rows, beside nothing and beside 30 busy processes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        file.write_bytes(scores(10))
        quiet = _loaded(file)
        spinning = [subprocess.Popen([sys.executable, "-S", "-c", SPIN]) for _ in range(BUSY)]
        try:
            busy = _loaded(file)
        finally:
            for process in spinning:
                process.kill()
                process.wait()
    same = quiet[0] and busy[0] and quiet[1] == busy[1]
    return [
        (
            f"scores of 10 trees for 1, 10³ and 10⁶ rows, and as judged, beside {BUSY} busy processes more",
            "every bit equal" if same else "**they differ**",
            "equal",
            said(same),
        )
    ]


def scores(trees: int) -> bytes:
    """Boosted trees that answer with their score, whose bits would show any difference."""
    import onnx

    model = onnx.load_model_from_string(forest(trees))
    del model.graph.node[1:], model.graph.initializer[:], model.graph.output[:]
    shape = ["n", 1]
    model.graph.output.append(
        onnx.helper.make_tensor_value_info("score", onnx.TensorProto.FLOAT, shape)
    )
    return bytes(model.SerializeToString())


def _loaded(file: Path) -> tuple[bool, str, float]:
    out = subprocess.run(
        [sys.executable, "-c", LOADED, str(file)],
        capture_output=True, text=True, check=True, cwd=DOCS.parents[1],
    )  # fmt: skip
    return tuple(json.loads(out.stdout.strip().splitlines()[-1]))


def _fresh(n: int, how: str, file: Path) -> tuple[float, str]:
    out = subprocess.run(
        [sys.executable, "-c", SERVE, str(n), how, str(file)],
        capture_output=True, text=True, check=True, cwd=DOCS.parents[1],
    )  # fmt: skip
    return tuple(json.loads(out.stdout.strip().splitlines()[-1]))


def said(reached: bool) -> str:
    return "reached" if reached else "**missed**"


def main() -> None:
    rows: ROWS = [("what", "measured", "target", ""), *admissions(), *serving(), *under_load()]
    write(
        "bounty_service", "A bounty in service", "python -m benchmarks.bounty_service", rows,
        "CPU seconds count the children. Rows are predicted in a process that is up: imports and the"
        " start of the process that forks are left out on both sides, opening the model is not. Bare"
        " onnxruntime has one thread. The child holds one copy of the columns that the model reads; that the parent does not grow is a test. The 200 random ways of using a holdout again are a test"
        " (`tests/bounty/test_passport.py`).",
    )  # fmt: skip


if __name__ == "__main__":
    main()
