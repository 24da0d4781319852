"""Old models of every kind give the same outputs by item, and refuse what would mislead."""

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import supersede
from supersede.errors import ArgumentError, ItemError, SourceError
from supersede.train.flips import (
    OldModel,
    OldOutputs,
    from_table,
    old_estimator,
    old_module,
    old_onnx,
    remember,
)
from supersede.train.predict import predict

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 4)).astype(np.float32)
WEIGHT = rng.normal(size=(4, 3)).astype(np.float32)
ITEMS = [f"i{n}" for n in rng.permutation(40)]
BATCHES = [(ITEMS[:25], X[:25]), (ITEMS[25:], X[25:])]


def test_module_and_onnx_agree(tmp_path):
    module = torch.nn.Sequential(torch.nn.Linear(4, 3, bias=False), torch.nn.Dropout(0.5)).train()
    with torch.no_grad():
        module[0].weight.copy_(torch.tensor(WEIGHT.T))
    live = remember(old_module(module), [(ids, torch.tensor(x)) for ids, x in BATCHES])
    assert module.training  # as it was found
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["logits"])],
        "old",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor("w", TensorProto.FLOAT, [4, 3], WEIGHT.ravel())],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.save(model, tmp_path / "old.onnx")
    stored = remember(old_onnx(tmp_path / "old.onnx"), BATCHES)
    np.testing.assert_allclose(live.take(ITEMS), stored.take(ITEMS), rtol=1e-5)
    np.testing.assert_allclose(live.take(["i7"]), (X @ WEIGHT)[[ITEMS.index("i7")]], rtol=1e-5)
    assert live.kind == stored.kind == "logits"
    with pytest.raises(ArgumentError, match="pass output="):
        old_onnx(tmp_path / "old.onnx", output="nope")
    (tmp_path / "bad.onnx").write_text("no model")
    with pytest.raises(SourceError, match="cannot read the ONNX model"):
        old_onnx(tmp_path / "bad.onnx")


def test_estimators_with_and_without_probabilities():
    y = np.array(["a", "b"])[(X[:, 0] > 0).astype(int)]
    pipe = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    kept = remember(old_estimator(pipe), BATCHES)
    assert (kept.kind, kept.classes) == ("probabilities", ("a", "b"))
    np.testing.assert_allclose(np.exp(kept.logits(ITEMS)), pipe.predict_proba(X), atol=1e-6)
    labels = remember(old_estimator(RidgeClassifier().fit(X, y)), BATCHES)
    assert labels.kind == "classes"
    assert labels.predicted(ITEMS).tolist() == [
        "ab".index(c) for c in RidgeClassifier().fit(X, y).predict(X)
    ]


def test_tables_of_classes_and_of_scores():
    rows = {"id": [3, 1, 2], "y": [0, 1, 1], "a": [0, 1, 7], "s": [0.25, 0.75, 0.5]}
    table = supersede.read(rows, models=["a", "s"])
    kept = from_table(table, "a", classes=[0, 1])
    assert kept.take([1, 2, 3]).tolist() == [1, -1, 0]  # 7 is no class of the new model
    scores = from_table(table, "s")
    assert scores.take([3]).tolist() == [[0.75, 0.25]]
    bare = supersede.read({"y": [1], "a": [1]}, models=["a"])
    with pytest.raises(ItemError, match="no item ids"):
        from_table(bare, "a")
    graded = supersede.read({"id": [1], "a": [True], "b": [True]}, models=["a", "b"])
    with pytest.raises(ArgumentError, match="has no class"):
        from_table(graded, "a")
    with pytest.raises(ItemError, match="no item ids"):
        predict(None, bare, features=["a"])


def test_outputs_are_kept_and_found(tmp_path):
    kept = OldOutputs.of(
        [5, 3], np.array([[2.0, -1.0], [0.5, 0.25]], np.float16), classes=["n", "p"]
    )
    kept.save(tmp_path / "old.npz")
    again = OldOutputs.load(tmp_path / "old.npz")
    assert again.classes == ("n", "p")
    assert again.kind == "logits"
    assert again.values.dtype == np.float16
    assert torch.as_tensor(again.take(torch.tensor([3, 5]))).tolist() == [[0.5, 0.25], [2.0, -1.0]]
    (tmp_path / "bad.npz").write_text("?")
    for name in ("bad.npz", "missing.npz"):
        with pytest.raises(SourceError, match="write them with OldOutputs"):
            OldOutputs.load(tmp_path / name)


def test_outputs_that_cannot_be():
    with pytest.raises(ItemError, match="occur twice, such as 1"):
        OldOutputs.of([1, 1], np.zeros((2, 2)))
    with pytest.raises(ItemError, match="its own id"):
        OldOutputs.of([1, 2, 3], np.zeros((2, 2)))
    with pytest.raises(ArgumentError, match="not finite for 2 items"):
        OldOutputs.of([1, 2], np.full((2, 2), np.nan))
    with pytest.raises(ArgumentError, match="are they logits"):
        OldOutputs.of([1], [[2.0, -1.0]], kind="probabilities")
    with pytest.raises(ArgumentError, match="3 classes are named"):
        OldOutputs.of([1], [[2.0, -1.0]], classes=[1, 2, 3])
    kept = OldOutputs.of([1, 2], [[0.5, 0.5]] * 2)
    with pytest.raises(ItemError, match="2 of 3 items have no old output, such as 7"):
        kept.take([1, 7, 8])
    with pytest.raises(ItemError, match="item ids have type"):
        kept.take(["1"])
    with pytest.raises(ArgumentError, match="no batch"):
        remember(OldModel(np.asarray), [])


def test_a_million_items():
    ids = np.random.default_rng(0).permutation(1_000_000)
    kept = OldOutputs.of(ids, np.stack([ids, -ids], 1).astype(np.float32))
    wanted = np.array([999_999, 0, 31_337])
    assert kept.take(wanted)[:, 0].tolist() == wanted.tolist()


def test_a_class_that_was_never_answered_keeps_its_index():
    for dtype in (int, float):
        kept = OldOutputs.of([0, 1, 2], np.array([0, 2, 2], dtype))
        assert kept.classes == (0, 1, 2)
        assert kept.logits([0, 1]).tolist() == [0, 2]
    with pytest.raises(ArgumentError, match="hardly the index of a class"):
        OldOutputs.of([0, 1], [0, 10**6])
    assert OldOutputs.of([0, 1], [0, 10**6], classes=[0, 10**6]).logits([1]).tolist() == [1]
