"""Strangers' ONNX models from submission to the saved list."""

import numpy as np
import pytest
from onnx import TensorProto, helper

from supersede.bounty import Bounty, DecisionList, digest, load_list, rerun, save_list
from supersede.bounty.artefacts import OnnxModel, parse
from supersede.bounty.artefacts.sandbox import run_onnx
from supersede.errors import CrashError, LimitError, LogError, ModelFormError
from tests.bounty.cases import ZERO, people


def threshold(limit: float) -> bytes:
    """1 where the first of its columns is at least a limit."""
    graph = helper.make_graph(
        [
            helper.make_node("Less", ["x", "limit"], ["below"]),
            helper.make_node("Not", ["below"], ["above"]),
            helper.make_node("Cast", ["above"], ["answer"], to=TensorProto.INT64),
        ],
        "threshold",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1])],
        [helper.make_tensor_value_info("answer", TensorProto.INT64, ["n", 1])],
        [helper.make_tensor("limit", TensorProto.FLOAT, [1], [limit])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return model.SerializeToString()


def test_an_onnx_model_is_judged_kept_and_asked_again(tmp_path):
    sample, start = people(1500), DecisionList(ZERO)
    stranger = OnnxModel(threshold(60), ("age",))
    bounty = Bounty(start, [sample], folder=tmp_path / "bounty")
    assert bounty.submit("ada", "sex == 'm' and age > 20", stranger).accepted
    assert len(list((tmp_path / "bounty" / "models").glob("*.onnx"))) == 1
    again = Bounty(start, [sample], folder=tmp_path / "bounty")
    assert again.digest == bounty.digest
    assert rerun(again).digest == bounty.digest
    back = load_list(save_list(bounty.model, tmp_path / "saved"))
    assert digest(back) == bounty.digest
    rows = {"age": np.array([70, 30, 70]), "sex": ["m", "m", "f"]}
    assert back.predict(rows).tolist() == [1, 0, 0]
    (file,) = (tmp_path / "saved" / "models").glob("*.onnx")
    file.write_bytes(threshold(30))
    with pytest.raises(LogError, match="altered"):
        load_list(tmp_path / "saved")


def test_what_is_no_model_is_refused_on_public_rows_and_costs_nothing():
    public = people(300, seed=2, name="public rows")
    bounty = Bounty(DecisionList(ZERO), [people(300)], public=public)
    with pytest.raises(ModelFormError):
        bounty.submit("ada", "age > 60", OnnxModel(b"no model", ("age",)))
    assert bounty.left == 100


def test_rows_on_which_an_onnx_model_fails_go_on_at_the_version_before():
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["answer"])],
        "what the column says",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, ["n", 1])],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    patch = OnnxModel(made.SerializeToString(), ("code",))
    model = DecisionList(ZERO).patched(parse("code > 0"), patch)
    assert model.predict({"code": [1, 7, 0, 1]}).tolist() == [1, 0, 0, 1]
    broken = DecisionList(ZERO).patched(parse("code > 0"), OnnxModel(b"no model", ("code",)))
    assert broken.predict({"code": [1, 7, 0, 1]}).tolist() == [0, 0, 0, 0]


def test_a_limit_in_service_is_an_error_and_never_another_answer(monkeypatch):
    def exhausted(*_arguments, **_options):
        raise LimitError

    model = DecisionList(ZERO).patched(parse("age > 0"), OnnxModel(threshold(60), ("age",)))
    monkeypatch.setattr("supersede.bounty.artefacts.onnx_model.run_onnx", exhausted)
    with pytest.raises(LimitError):
        model.predict({"age": [70, 30]})


@pytest.mark.parametrize(
    ("error", "times", "outcome"),
    [(LimitError, 1, True), (LimitError, 9, None), (CrashError, 1, True), (CrashError, 9, False)],
)
def test_a_limit_in_judging_is_tried_again_and_charged_to_nobody(
    error, times, outcome, monkeypatch
):
    failed, limits = [], []

    def busy(data, columns, answers, limit, **options):
        limits.append(limit.cpu_seconds)
        if len(failed) < times:
            failed.append(1)
            raise error
        return run_onnx(data, columns, answers, limit, **options)

    monkeypatch.setattr("supersede.bounty.artefacts.onnx_model.run_onnx", busy)
    bounty = Bounty(DecisionList(ZERO), [people(1500)])
    stranger = OnnxModel(threshold(60), ("age",))
    if outcome is None:
        with pytest.raises(LimitError):
            bounty.submit("ada", "age > 20", stranger)
        assert bounty.left == 100
        assert len(bounty.log) == 1
    else:
        assert bounty.submit("ada", "age > 20", stranger).accepted is outcome
    assert limits[1] == 2 * limits[0]
