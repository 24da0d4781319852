"""What strangers may send who mean no good, and the error that each must end in.

The tests and `benchmarks.bounty_artefacts` run the same list.
"""

import gzip
import io
import json
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from supersede.bounty.artefacts import Codes, Numbers, OnnxModel, SandboxLimits, parse, read_model
from supersede.errors import AnswerError, ExpressionError, LimitError, ModelFormError

ROWS = {"a": np.linspace(-1, 1, 40), "b": np.arange(40.0)}
FLOAT = TensorProto.FLOAT


@dataclass(frozen=True)
class Attack:
    """One submission; ``run`` gets an empty folder and must raise ``error``."""

    name: str
    error: type[Exception]
    says: str
    run: Callable[[Path], object]


def onnx_file(nodes, *, constants=(), width=1, kind=FLOAT, out="y", domains=(("", 13),), **extra):
    """The bytes of a model of the columns a and b."""
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info("x", FLOAT, [None, 2])],
        [helper.make_tensor_value_info(out, kind, [None, width])],
        [numpy_helper.from_array(np.asarray(v), n) if not hasattr(v, "dims") else v for n, v in constants],
    )  # fmt: skip
    opsets = [helper.make_opsetid(*domain) for domain in domains]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8, **extra)
    return model.SerializeToString()


def node(kind, inputs, outputs="y", **attributes):
    return helper.make_node(kind, inputs.split(), outputs.split(), **attributes)


def pick(column="0"):
    """One column of x, and the constant that it needs."""
    return node("Gather", f"x column{column}", axis=1), ("column" + column, np.array([int(column)]))


GOOD = onnx_file([pick()[0]], constants=[pick()[1]])


def onnx_attack(name, error, says, data, answers=None, limits=None):
    def run(_: Path):
        model = OnnxModel(data() if callable(data) else data, ("a", "b"))
        return model.judged(ROWS, answers or Numbers(-1e9, 1e9), limits)

    return Attack(name, error, says, run)


def text_attack(name, says, text):
    return Attack(name, ExpressionError, says, lambda _: parse(text))


def file_attack(name, says, make):
    """``make`` gets a folder, and returns the bytes or the path that is sent."""

    def run(folder: Path):
        return read_model(make(folder), columns=("a", "b")).predict(ROWS, Numbers(-1e9, 1e9))

    return Attack(name, ModelFormError, says, run)


class RunsCode:
    """A pickle of it leaves a canary when it is loaded."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return os.mkdir, (str(self.canary),)


def renamed_pickle(folder):
    path = folder / "model.onnx"
    path.write_bytes(pickle.dumps(RunsCode(folder / "canary")))
    return path


def linked(folder):
    (folder / "secret").write_bytes(GOOD)
    (folder / "model.onnx").symlink_to(folder / "secret")
    return folder / "model.onnx"


def fifo(folder):
    os.mkfifo(folder / "model.onnx")
    return folder / "model.onnx"


def zip_bomb(_):
    """300 MB of zeros in 0.3 MB, as a .skops file would be."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("schema.json", "w") as file,
    ):
        for _ in range(300):
            file.write(bytes(2**20))
    return out.getvalue()


def tarred(folder):
    with tarfile.open(folder / "m.tar", "w") as archive:
        (folder / "m").write_bytes(GOOD)
        archive.add(folder / "m", "../../m")
    return (folder / "m.tar").read_bytes()


def form(**data):
    return lambda _: json.dumps(data).encode()


def tree(m, **changes):
    """A chain of m inner nodes, with something changed."""
    inner = np.arange(0, 2 * m, 2)
    left, right, feature = np.full((3, 2 * m + 1), -1)
    left[inner], right[inner], feature[inner] = inner + 1, inner + 2, 0
    data = {
        "form": "tree", "features": [{"column": "a"}], "feature": feature.tolist(),
        "threshold": [0.0] * (2 * m + 1), "left": left.tolist(), "right": right.tolist(),
        "missing_left": [True] * (2 * m + 1), "values": [[0.0]] * (2 * m + 1),
    }  # fmt: skip
    return form(**data | changes)


def outside(tensor):
    """The constant says that its numbers lie in another file."""
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../canary.bin"
    return tensor


def external_constant():
    tensor = outside(numpy_helper.from_array(np.zeros((2, 1), np.float32), "w"))
    return onnx_file([node("MatMul", "x w")], constants=[("w", tensor)])


def external_attribute():
    tensor = outside(numpy_helper.from_array(np.zeros((2, 1), np.float32), "w"))
    return onnx_file([node("Constant", "", "w", value=tensor), node("MatMul", "x w")])


def external_sparse():
    values = outside(numpy_helper.from_array(np.zeros(1, np.float32), "w"))
    indices = numpy_helper.from_array(np.zeros(1, np.int64), "i")
    sparse = helper.make_sparse_tensor(values, indices, [2, 1])
    return onnx_file([node("Constant", "", "w", sparse_value=sparse), node("MatMul", "x w")])


def external_unmarked():
    """Names another file, but not in the field that says so."""
    tensor = outside(numpy_helper.from_array(np.zeros((2, 1), np.float32), "w"))
    tensor.data_location = TensorProto.DEFAULT
    return onnx_file([node("MatMul", "x w")], constants=[("w", tensor)])


def endless_loop():
    true = helper.make_tensor("t", TensorProto.BOOL, [], [True])
    body = helper.make_graph(
        [node("Identity", "c", "d")], "body",
        [helper.make_tensor_value_info("i", TensorProto.INT64, []), helper.make_tensor_value_info("c", TensorProto.BOOL, [])],
        [helper.make_tensor_value_info("d", TensorProto.BOOL, [])],
    )  # fmt: skip
    return onnx_file(
        [node("Constant", "", "t", value=true), helper.make_node("Loop", ["", "t"], [], body=body), node("Identity", "x")],
        width=2,
    )  # fmt: skip


def hidden_graph():
    """A graph in an attribute that the operator does not have."""
    body = helper.make_graph([], "body", [], [])
    return onnx_file([node("Neg", "x", body=body)], width=2)


def memory_bomb():
    """95 bytes that ask for 32 GB."""
    return onnx_file([node("ConstantOfShape", "s")], constants=[("s", np.array([2**31, 4]))])


def memory_by_allowed_operators():
    """Doubles a table thirty times."""
    nodes = [node("Concat", "x x", "y1", axis=1)]
    nodes += [node("Concat", f"y{i} y{i}", f"y{i + 1}", axis=1) for i in range(1, 30)]
    return onnx_file([*nodes, node("ReduceMax", "y30", axes=[1])])


def time_by_allowed_operators():
    """Multiplies a matrix of a million numbers with itself a thousand times."""
    w = np.zeros((1000, 1000), np.float32)
    nodes = [node("MatMul", "w w", "w1")]
    nodes += [node("MatMul", f"w{i} w{i}", f"w{i + 1}") for i in range(1, 1000)]
    last = [node("ReduceMax", "w1000", "m", keepdims=0), node("Mul", "x m")]
    return onnx_file([*nodes, *last], constants=[("w", w)], width=2)


def undeclared_size():
    tensor = TensorProto(name="w", data_type=FLOAT, dims=[2**40, 2**20])
    return onnx_file([node("MatMul", "x w")], constants=[("w", tensor)])


def lying_size():
    tensor = TensorProto(name="w", data_type=FLOAT, dims=[2, 1000], raw_data=b"1234")
    return onnx_file([node("MatMul", "x w")], constants=[("w", tensor)])


def with_function():
    function = helper.make_function(
        "", "Mine", ["x"], ["y"], [node("Neg", "x")], [helper.make_opsetid("", 13)]
    )
    return onnx_file([node("Neg", "x")], width=2, functions=[function])


def column_plus(*nodes, **extra):
    first, constant = pick()
    first.output[0] = "v"
    return onnx_file([first, *nodes], constants=[constant, *extra.pop("constants", ())], **extra)


def leaves_its_table():
    """Fails on some rows: a category that it never saw leads out of its table."""
    first, constant = pick("1")
    first.output[0] = "v"
    table = ("table", np.zeros(3, np.float32))
    nodes = [first, node("Cast", "v", "i", to=TensorProto.INT64), node("Gather", "table i")]
    return onnx_file(nodes, constants=[constant, table])


def texts():
    encoder = helper.make_node(
        "LabelEncoder", ["i"], ["y"], domain="ai.onnx.ml", keys_int64s=[0], values_strings=["no"]
    )
    return column_plus(
        node("Cast", "v", "i", to=TensorProto.INT64), encoder,
        kind=TensorProto.STRING, domains=(("", 13), ("ai.onnx.ml", 2)),
    )  # fmt: skip


def zip_map():
    nodes = [
        helper.make_node("ZipMap", ["x"], ["y"], domain="ai.onnx.ml", classlabels_int64s=[0, 1])
    ]
    return onnx_file(nodes, domains=(("", 13), ("ai.onnx.ml", 2)), width=2)


def share_of_batch():
    return column_plus(node("Softmax", "v", axis=0))


def row_above():
    """Answers a row with the first row of its batch."""
    return column_plus(
        node("Slice", "v zero one", "f"), node("Sub", "v v", "n"), node("Add", "n f"),
        constants=[("zero", np.array([0])), ("one", np.array([1]))],
    )  # fmt: skip


def counts_its_batch():
    """Answers well in batches of more than five rows only: those of a judgement, not of a service."""
    return column_plus(
        node("Mul", "v zero", "z"), node("Exp", "z", "ones"), node("ReduceSum", "ones axis", "n"),
        node("Greater", "n five", "big"), node("Cast", "big", "b", to=FLOAT), node("Mul", "v b"),
        constants=[
            ("zero", np.zeros(1, np.float32)), ("axis", np.array([0])), ("five", np.array([5], np.float32))
        ],
    )  # fmt: skip


def not_finite():
    return column_plus(node("Sqrt", "v"))


ALIKE = "\N{CYRILLIC SMALL LETTER A}ge"
TEXTS = [
    text_attack("import", "expected a comparison", "__import__('os')"),
    text_attack("attributes", "there are no attributes", "().__class__.__bases__"),
    text_attack("lambda", "cannot read", "lambda: 0"),
    text_attack("a call after a test", "expected and, or", "age == 1 (exec)"),
    text_attack("10⁵ parentheses", "200004 characters", "(" * 10**5 + "a==1" + ")" * 10**5),
    text_attack("4000 parentheses", "nested more than 8", "(" * 4000),
    text_attack("1 MB literal", "more than 4096", "a == '" + "x" * 10**6 + "'"),
    text_attack("10⁴ digits", "more than 4096", "a == " + "9" * 10**4),
    text_attack("4000 digits", "18 digits", "a == " + "9" * 4000),
    text_attack("infinite number", "finite", "a == 1e999"),
    text_attack("400 tests", "more than 64 tests", " or ".join(["a==1"] * 400)),
    text_attack("look-alike name", "CYRILLIC SMALL LETTER A", f"{ALIKE} > 3"),
    text_attack("look-alike name in backquotes", "mixes scripts", f"`{ALIKE}` > 3"),
    text_attack("full-width name", "FULLWIDTH", "ａge > 3"),
    text_attack("NUL", r"U\+0000", "a == 1\0"),
    text_attack("right-to-left override", r"U\+202E", "a == '\u202e'"),
    text_attack("lone surrogate", r"U\+D800", "a == '\ud800'"),
    text_attack("nothing", "expected a number", ""),
    Attack("look-alike of a known column", ExpressionError, "retype 'cop'",
           lambda _: parse("`сор` == 1", {"cop": [1]})),
    Attack("no text", ExpressionError, "not bytes", lambda _: parse(b"a == 1")),
]  # fmt: skip
FILES = [
    file_attack("empty file", "empty", lambda _: b""),
    file_attack("pickle", "a pickle", lambda f: pickle.dumps(RunsCode(f / "canary"))),
    file_attack("pickle of the first protocol", "cannot be read", lambda f: pickle.dumps(RunsCode(f / "canary"), 0)),
    file_attack("pickle renamed .onnx", "a pickle", renamed_pickle),
    file_attack("zip bomb (skops)", "zip archive", zip_bomb),
    file_attack("tar with ../", "tar archive", tarred),
    file_attack("gzip bomb", "gzip", lambda _: gzip.compress(bytes(10**7))),
    file_attack("symbolic link", "links are not followed", linked),
    file_attack("named pipe", "not a regular file", fifo),
    file_attack("endless device", "not a regular file", lambda _: Path("/dev/zero")),
    file_attack("folder", "not a regular file", lambda folder: folder),
    file_attack("no file", "No such file", lambda folder: folder / "nothing"),
    file_attack("5 MB and a byte", "5,000,000", lambda _: b"\x08" * 5_000_001),
    file_attack("JSON 10⁵ deep", "cannot be read|be an object", lambda _: b"[" * 10**5),
    file_attack("2 MB of JSON", "1,000,000", lambda _: b"[" + b"0," * 10**6 + b"0]"),
    file_attack("NaN in JSON", "NaN is not a JSON number", lambda _: b'{"form": "constant", "values": [NaN]}'),
    file_attack("1e999 in JSON", "finite", lambda _: b'{"form": "constant", "values": [1e999]}'),
    file_attack("10⁵ digits in JSON", "cannot be read", lambda _: b'{"form": "constant", "values": [' + b"9" * 10**5 + b"]}"),
    file_attack("a key twice", "a duplicate key", lambda _: b'{"form": "constant", "form": "tree"}'),
    file_attack("unknown form", "form", form(form="python", code="import os")),
    file_attack("unknown key", "keys", form(form="constant", values=[1], code="import os")),
    file_attack("tree with a cycle", "must come later", tree(2, left=[0, -1, 3, -1, -1])),
    file_attack("tree out of its arrays", "must come later", tree(1, right=[99, -1, -1])),
    file_attack("tree 100 deep", "64", tree(100)),
    file_attack("tree of 9999 nodes", "8191", tree(4999)),
    file_attack("tree of texts", "array of finite", tree(1, threshold=["os", 0, 0])),
    file_attack("ragged tree", "entries", tree(1, threshold=[0.0])),
    file_attack("tree that asks an unknown feature", "feature must be", tree(1, feature=[7, -1, -1])),
    file_attack("lone surrogate as a category", "not a feature", tree(1, features=[{"column": "a", "category": "\ud800"}])),
    file_attack("lone surrogate as a column", "not a feature", tree(1, features=[{"column": "\ud800"}])),
    file_attack("lone surrogate as a column of ONNX", "name the columns", form(form="onnx", columns=["\ud800"], base64="aaaa")),
    file_attack("no JSON text", "cannot be read", lambda _: b'{"form": "\xff"}'),
]  # fmt: skip
ONNX = [
    onnx_attack("truncated ONNX", ModelFormError, "cannot be read", GOOD[:-9]),
    onnx_attack("garbage", ModelFormError, "cannot be read|no opset", bytes(range(8, 200))),
    onnx_attack("external data, constant", ModelFormError, "another file", external_constant),
    onnx_attack("external data, attribute", ModelFormError, "another file", external_attribute),
    onnx_attack("external data, sparse", ModelFormError, "sparse", external_sparse),
    onnx_attack("external data, unmarked", ModelFormError, "another file", external_unmarked),
    onnx_attack("endless Loop", ModelFormError, "operator Loop", endless_loop),
    onnx_attack("hidden graph", ModelFormError, "a graph within", hidden_graph),
    onnx_attack("RandomUniformLike", ModelFormError, "RandomUniformLike", lambda: onnx_file([node("RandomUniformLike", "x")], width=2)),
    onnx_attack("Dropout", ModelFormError, "Dropout", lambda: onnx_file([node("Dropout", "x")], width=2)),
    onnx_attack("unknown domain", ModelFormError, "domain 'evil'", lambda: onnx_file([helper.make_node("X", ["x"], ["y"], domain="evil")], domains=(("", 13), ("evil", 1)))),
    onnx_attack("undeclared domain", ModelFormError, "com.microsoft", lambda: onnx_file([helper.make_node("Range", ["x"], ["y"], domain="com.microsoft")])),
    onnx_attack("opset 99", ModelFormError, "opset 99", lambda: onnx_file([node("Neg", "x")], width=2, domains=(("", 99),))),
    onnx_attack("functions", ModelFormError, "functions", with_function),
    onnx_attack("95-byte memory bomb", ModelFormError, "ConstantOfShape", memory_bomb),
    onnx_attack("undeclared size", ModelFormError, "numbers in its constants", undeclared_size),
    onnx_attack("lying size", ModelFormError, "cannot be read or run", lying_size),
    onnx_attack("memory by allowed operators", LimitError, "memory", memory_by_allowed_operators),
    onnx_attack("time by allowed operators", LimitError, "CPU seconds|was stopped", time_by_allowed_operators, limits=SandboxLimits(cpu_seconds=1)),
    onnx_attack("wrong length", AnswerError, "with an array of shape", lambda: column_plus(node("ReduceMax", "v", keepdims=1))),
    onnx_attack("two answers per row", AnswerError, "with an array of shape", lambda: onnx_file([node("Neg", "x")], width=2)),
    onnx_attack("a class .5", AnswerError, "classes must be codes", GOOD, Codes(2)),
    onnx_attack("NaN answers", AnswerError, "finite", not_finite),
    onnx_attack("out of range", AnswerError, "outside", GOOD, Numbers(0, 0.5)),
    onnx_attack("texts", AnswerError, "texts", texts),
    onnx_attack("ZipMap", ModelFormError, "zipmap=False", zip_map),
    onnx_attack("a share of its batch", AnswerError, "in another order", share_of_batch),
    onnx_attack("the first row of its batch", AnswerError, "in another order", row_above),
    onnx_attack("counts its batch", AnswerError, "in smaller batches|one by one", counts_its_batch),
    onnx_attack("raises on an unseen row", ModelFormError, "cannot be read or run", leaves_its_table),
]  # fmt: skip
ATTACKS = [*TEXTS, *FILES, *ONNX]
