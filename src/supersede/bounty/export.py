"""A patched model as one ONNX graph, for hosts without support for decision lists.

Versions become a chain: each takes its node's answer, or that of the version it points back to, inside the group, and
the version before outside. All versions are computed for all rows: exact, but not as fast as routing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial, reduce
from typing import Any

import numpy as np

from supersede.bounty.artefacts import (
    And,
    Column,
    Compare,
    Constant,
    Everyone,
    Expression,
    Feature,
    In,
    IsMissing,
    Linear,
    Not,
    Or,
    Tree,
    columns_of,
    design,
)
from supersede.bounty.artefacts.answers import Answers, Codes, Numbers
from supersede.bounty.artefacts.models import Model
from supersede.bounty.artefacts.nodes import Node as Part
from supersede.bounty.artefacts.nodes import walk
from supersede.bounty.decision_list import DecisionList, Logged
from supersede.bounty.routing import Group
from supersede.bounty.sample import Sample
from supersede.errors import ArgumentError, MissingExtraError

__all__ = ["list_to_onnx"]

_COMPARE = {"<": "Less", "<=": "LessOrEqual", ">": "Greater", ">=": "GreaterOrEqual"}
_MISSING = -2  # the code of a missing text; -1 is that of a text that no node names


def list_to_onnx(model: DecisionList, sample: Sample) -> bytes:
    """Write a list as an ONNX model.

    Each column that the list reads is an input of shape ``(n,)``: double for numbers and booleans (NaN
    where missing), string for texts (empty where missing). The output ``answer`` is int64 for classes,
    double for numbers.

    Args:
        model: The list; its models are constants, trees, linear models, or logged answers.
        sample: Rows from which the types of the columns are read; a column without any value gets
            the type that the list expects.

    Returns:
        The file's bytes.

    Raises:
        ArgumentError: A model in the list, or a kind of answer, has no ONNX counterpart; or a text
            is empty, which encodes a missing value here.
        MissingColumnError: A column that the list reads is not in the sample.
        ExpressionError: A group compares a column with a literal of another type.
        ColumnTypeError: A model reads a column as another type.
        MissingExtraError: The package onnx is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError.of(
            package="onnx", extra="bounty", purpose="writing a list as ONNX"
        ) from error
    if not isinstance(model.answers, Codes | Numbers):
        msg = "lists of probabilities cannot be written as one ONNX model; use save_list()"
        raise ArgumentError(msg)
    groups = [_root(node.group) for node in model.nodes]
    graph = _Graph(onnx, _columns(model, groups, sample), model.answers)
    versions = [graph.model(model.base)]
    for node, group in zip(model.nodes, groups, strict=True):
        inside = graph.mask(group)
        own = versions[node.answer] if isinstance(node.answer, int) else graph.model(node.answer)
        versions.append(graph.add("Where", inside, own, versions[-1]))
    codes = isinstance(model.answers, Codes)
    kind = onnx.TensorProto.INT64 if codes else onnx.TensorProto.DOUBLE
    graph.nodes.append(onnx.helper.make_node("Cast", [versions[-1]], ["answer"], to=kind))
    return graph.bytes(onnx.helper.make_tensor_value_info("answer", kind, ["n"]))


def _root(group: Group) -> Part:
    if not isinstance(group, Expression):
        msg = f"the group {group} is not an expression"
        raise ArgumentError(msg)
    return group.root


def _columns(model: DecisionList, groups: Sequence[Part], sample: Sample) -> dict[str, Column]:
    """The columns that a list reads, without rows, with all texts of the sample and the list."""
    read = columns_of(sample.columns, model.columns or list(sample.columns)[:1])
    found = {name: column.take(slice(0)) for name, column in read.items()}
    features = [
        feature
        for answer in (model.base, *(node.answer for node in model.nodes))
        if isinstance(answer, Tree | Linear)
        for feature in answer.features
    ]
    named = {name: list(column.categories) for name, column in found.items()}
    for feature in features:
        named[feature.column] += [] if feature.category is None else [feature.category]
    for node in (node for group in groups for node, _ in walk(group)):
        if isinstance(node, Compare | In):
            values = node.values if isinstance(node, In) else (node.value,)
            named[node.column] += [value for value in values if isinstance(value, str)]
    for name, column in found.items():
        if "" in named[name]:
            msg = (
                f"the column {name!r} contains an empty text, or the list names one; in ONNX that"
                " encodes a missing value: rename it, or make it missing"
            )
            raise ArgumentError(msg)
        if named[name] and column.kind in {"text", "unknown"}:
            known = tuple(dict.fromkeys(named[name]))
            found[name] = Column("text", np.zeros(0, np.int64), categories=known)
    for group in groups:  # literals and features that do not match their columns are refused here
        Expression(group).mask(found)
    design(features, found)
    return found


@dataclass
class _Graph:
    """An ONNX graph under construction; values are identified by their names."""

    onnx: Any
    columns: dict[str, Column]
    answers: Answers
    nodes: list[Any] = field(default_factory=list)
    constants: dict[tuple[Any, ...], str] = field(default_factory=dict)
    tensors: list[Any] = field(default_factory=list)
    known: dict[str, str] = field(default_factory=dict)

    def add(self, operation: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node; returns the name of its output."""
        name = f"v{len(self.nodes)}"
        made = self.onnx.helper.make_node(
            operation, list(inputs), [name], domain=domain, **attributes
        )
        self.nodes.append(made)
        return name

    def constant(self, value: Any, kind: type = float) -> str:
        """A constant's name."""
        array: np.ndarray[Any, Any] = np.asarray(value, kind)
        key = (array.tobytes(), array.shape, array.dtype.str)
        if key not in self.constants:
            self.constants[key] = f"c{len(self.constants)}"
            tensor = self.onnx.numpy_helper.from_array(array, self.constants[key])
            self.tensors.append(tensor)
        return self.constants[key]

    def coded(self, column: str) -> str:
        """A text column as codes: the indices of its known texts."""
        if column not in self.known:
            texts = ["", *self.columns[column].categories]
            codes = [_MISSING, *range(len(texts) - 1)]
            self.known[column] = self.add(
                "LabelEncoder",
                f"in_{column}",
                domain="ai.onnx.ml",
                keys_strings=texts,
                values_int64s=codes,
                default_int64=-1,
            )
        return self.known[column]

    def mask(self, part: Part) -> str:
        """The mask of a group."""
        match part:
            case And() | Or():
                both = "And" if isinstance(part, And) else "Or"
                return reduce(partial(self.add, both), map(self.mask, part.parts))
            case Not():
                return self.add("Not", self.mask(part.part))
            case Everyone():
                first = next(iter(self.columns))
                return self.add("Or", missing := self.missing(first), self.add("Not", missing))
            case IsMissing():
                missing = self.missing(part.column)
                return self.add("Not", missing) if part.negated else missing
            case In():
                equals = (self.equal(part.column, value) for value in part.values)
                found = reduce(partial(self.add, "Or"), equals)
                return self.unless_missing(part.column, found) if part.negated else found
            case Compare(sign="==" | "!="):
                found = self.equal(part.column, part.value)
                return self.unless_missing(part.column, found) if part.sign == "!=" else found
            case Compare():  # NaN passes no comparison
                bound = self.constant(float(part.value))
                return self.add(_COMPARE[part.sign], f"in_{part.column}", bound)

    def equal(self, column: str, value: Any) -> str:
        if self.columns[column].kind != "text":
            return self.add("Equal", f"in_{column}", self.constant(float(value)))
        code = self.columns[column].categories.index(value)
        return self.add("Equal", self.coded(column), self.constant(code, int))

    def unless_missing(self, column: str, found: str) -> str:
        """The negation of a test, except where the column is missing."""
        return self.add("Not", self.add("Or", found, self.missing(column)))

    def missing(self, column: str) -> str:
        if self.columns[column].kind == "text":
            return self.add("Equal", self.coded(column), self.constant(_MISSING, int))
        return self.add("IsNaN", f"in_{column}")

    def model(self, model: Model) -> str:
        """A model's answers, double, shape (n,)."""
        if isinstance(model, Constant) and len(model.values) == 1:
            some = self.add(
                "Cast", self.missing(next(iter(self.columns))), to=self.onnx.TensorProto.DOUBLE
            )
            return self.add(
                "Add", self.add("Mul", some, self.constant(0.0)), self.constant(model.values[0])
            )
        if isinstance(model, Logged):
            return f"in_{model.column}"
        if isinstance(model, Tree) and model.values.shape[1] == 1:
            return self.tree(model)
        if isinstance(model, Linear) and model.link in {"number", "sign", "largest"}:
            return self.linear(model)
        msg = f"a {type(model).__name__} has no counterpart in one ONNX graph; use save_list()"
        raise ArgumentError(msg)

    def linear(self, model: Linear) -> str:
        scores = self.add(
            "Add",
            self.add("MatMul", self.design(model.features), self.constant(model.weights.T)),
            self.constant(model.intercept),
        )
        if model.link == "largest":
            return self.add(
                "Cast",
                self.add("ArgMax", scores, axis=1, keepdims=0),
                to=self.onnx.TensorProto.DOUBLE,
            )
        if model.link == "sign":
            scores = self.add(
                "Cast",
                self.add("Greater", scores, self.constant(0.0)),
                to=self.onnx.TensorProto.DOUBLE,
            )
        elif isinstance(self.answers, Numbers):
            ends = self.constant(self.answers.low), self.constant(self.answers.high)
            scores = self.add("Clip", scores, *ends)
        return self.flat(scores)

    def tree(self, model: Tree) -> str:
        m = len(model.feature)
        leaf = model.feature < 0
        tensor = self.onnx.numpy_helper.from_array
        leaves = np.flatnonzero(leaf)
        # its output is single precision: let it return the leaf, and look up the leaf's answer
        named = self.add(
            "TreeEnsembleRegressor",
            self.design(model.features),
            domain="ai.onnx.ml",
            n_targets=1,
            nodes_treeids=[0] * m,
            nodes_nodeids=list(range(m)),
            nodes_featureids=np.where(leaf, 0, model.feature).tolist(),
            nodes_modes=["LEAF" if at_end else "BRANCH_LEQ" for at_end in leaf],
            nodes_values_as_tensor=tensor(np.where(leaf, 0.0, model.threshold), "values"),
            nodes_truenodeids=np.where(leaf, 0, model.left).tolist(),
            nodes_falsenodeids=np.where(leaf, 0, model.right).tolist(),
            nodes_missing_value_tracks_true=(model.missing_left & ~leaf).astype(int).tolist(),
            target_ids=[0] * len(leaves),
            target_nodeids=leaves.tolist(),
            target_treeids=[0] * len(leaves),
            target_weights_as_tensor=tensor(leaves.astype(float), "weights"),
        )
        leaf_of_row = self.add("Cast", self.flat(named), to=self.onnx.TensorProto.INT64)
        return self.add("Gather", self.constant(model.values[:, 0]), leaf_of_row)

    def design(self, features: tuple[Feature, ...]) -> str:
        """The matrix of a model's features, shape (n, k)."""
        return self.add("Concat", *(self.column(self.feature(f)) for f in features), axis=1)

    def feature(self, feature: Feature) -> str:
        if feature.category is not None:
            return self.add(
                "Cast",
                self.equal(feature.column, feature.category),
                to=self.onnx.TensorProto.DOUBLE,
            )
        value = f"in_{feature.column}"
        if feature.missing is None:
            return value
        unknown = self.add("IsNaN", value)
        return self.add("Where", unknown, self.constant(float(feature.missing)), value)

    def column(self, value: str) -> str:
        return self.add("Reshape", value, self.constant([-1, 1], int))

    def flat(self, value: str) -> str:
        return self.add("Reshape", value, self.constant([-1], int))

    def bytes(self, output: Any) -> bytes:
        """The serialised model, checked."""
        helper, kinds = self.onnx.helper, self.onnx.TensorProto
        inputs = [
            helper.make_tensor_value_info(
                f"in_{name}", kinds.STRING if column.kind == "text" else kinds.DOUBLE, ["n"]
            )
            for name, column in self.columns.items()
        ]
        graph = helper.make_graph(self.nodes, "decision_list", inputs, [output], self.tensors)
        made = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)],
            ir_version=9,
        )
        self.onnx.checker.check_model(made)
        return bytes(made.SerializeToString())
