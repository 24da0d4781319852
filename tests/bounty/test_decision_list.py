import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from supersede.bounty import DecisionList, Logged, Sample, ZeroOne, digest, load_list, save_list
from supersede.bounty.artefacts import (
    Codes,
    Constant,
    Numbers,
    Probabilities,
    parse,
)
from supersede.bounty.tracking import track
from supersede.errors import (
    AnswerError,
    ArgumentError,
    LogError,
    MissingColumnError,
    SourceError,
)
from tests.bounty.cases import ONE, ZERO, Grumpy, random_list, random_rows


def interpreted(model, row):
    """What a list answers, row by row, as its definition says."""
    version = len(model)
    while version:
        node = model.nodes[version - 1]
        if not node.group.mask({name: [value] for name, value in row.items()})[0]:
            version -= 1
        elif isinstance(node.answer, int):
            version = node.answer
        else:
            return node.answer.values[0]
    return model.base.values[0]


@pytest.mark.parametrize("seed", range(10))
def test_routing_equals_a_row_by_row_interpreter(seed):
    rng = np.random.default_rng(seed)
    for _ in range(10):
        model, rows = random_list(rng, int(rng.integers(0, 12))), random_rows(rng, 12)
        expected = [interpreted(model, {k: v[i] for k, v in rows.items()}) for i in range(12)]
        assert model.predict(rows).tolist() == expected


def test_routing_across_chunks_that_shrink_equals_routing_of_each_row_alone(monkeypatch):
    monkeypatch.setattr("supersede.bounty.routing._CHUNK", 64)
    rng = np.random.default_rng(1)
    model, rows = random_list(rng, 60), random_rows(rng, 500)
    monkeypatch.undo()
    whole = model.route(rows)
    one = [model.route({k: v[i : i + 1] for k, v in rows.items()})[0] for i in range(0, 500, 7)]
    assert whole[::7].tolist() == one


@pytest.mark.parametrize("frame", [dict, pd.DataFrame, pl.DataFrame, pa.table])
def test_frames_of_any_kind(frame):
    model = DecisionList(ZERO).patched(parse("sex == 'f'"), ONE)
    assert model.predict(frame({"sex": ["f", "m", None], "n": [1, 2, 3]})).tolist() == [1, 0, 0]


def test_a_text_that_no_group_names_goes_to_the_first_model():
    model = DecisionList(ZERO).patched(parse("sex == 'f'"), ONE)
    assert model.predict({"sex": ["unheard of"]}).tolist() == [0]


def test_a_patch_for_everyone_alone():
    model = DecisionList(ZERO).patched(parse("everyone"), ONE)
    assert model.predict({"age": [1, 2]}).tolist() == [1, 1]
    assert model.patched(parse("everyone"), 0).route({"age": [1, 2]}).tolist() == [0, 0]


def test_rows_on_which_a_patch_fails_go_on_at_the_version_before():
    model = DecisionList(ZERO, answers=Codes(3)).patched(parse("age > 150"), Constant((2,)))
    model = model.patched(parse("age > 3"), Grumpy())
    rows = {"age": [1, 50, 120, 60, 200]}
    assert model.predict(rows).tolist() == [0, 1, 0, 1, 2]
    assert [model.predict({"age": [age]})[0] for age in rows["age"]] == [0, 1, 0, 1, 2]
    assert model.patched(parse("age > 120"), 2).predict(rows).tolist() == [0, 1, 0, 1, 2]
    kept = track(model, Sample("rows", rows, [0, 1, 0, 1, 2]), ZeroOne())
    assert kept.errors().tolist() == [0.6, 0.4, 0.0]
    probable = DecisionList(Constant((1, 0)), answers=Probabilities(2))
    assert probable.patched(parse("age > 3"), Grumpy()).predict(rows).tolist() == [[1, 0]] * 5


def test_where_the_first_model_fails_that_is_an_error():
    with pytest.raises(AnswerError):
        DecisionList(Grumpy()).predict({"age": [120]})


def test_no_rows():
    assert DecisionList(ZERO).patched(parse("age > 3"), ONE).predict({"age": []}).tolist() == []


def test_lists_are_never_changed():
    model = DecisionList(ZERO)
    model.patched(parse("age > 3"), ONE)
    assert len(model) == 0


def test_a_pointer_leads_to_an_earlier_version():
    with pytest.raises(ArgumentError, match="node 1 points to version 1"):
        DecisionList(ZERO).patched(parse("age > 3"), 1)


def test_columns_that_are_not_there():
    model = DecisionList(ZERO).patched(parse("age > 3"), ONE)
    with pytest.raises(MissingColumnError, match="did you mean 'Age'"):
        model.predict({"Age": [1]})
    with pytest.raises(ArgumentError, match="columns by name"):
        model.predict(np.zeros((3, 2)))


def test_a_logged_model_answers_what_was_logged():
    assert DecisionList(Logged("was")).predict({"was": [1, 0, 1]}).tolist() == [1, 0, 1]
    with pytest.raises(AnswerError):
        DecisionList(Logged("was")).predict({"was": [1, 2]})
    with pytest.raises(AnswerError):
        DecisionList(Logged("was")).predict({"was": [1, None]})


def test_numbers():
    model = DecisionList(Constant((0.5,)), answers=Numbers(0, 1))
    assert model.patched(parse("age > 3"), Constant((0.25,))).predict({"age": [1, 9]}).tolist() == [
        0.5,
        0.25,
    ]


def test_numbers_are_no_classes():
    from supersede.bounty.estimator import PatchedClassifier

    numbers = DecisionList(Constant((0.5,)), answers=Numbers(0, 1))
    for model in (numbers, DecisionList(ZERO, answers=Codes(3))):
        with pytest.raises(ArgumentError, match="codes of 2 classes"):
            PatchedClassifier(model).predict({"age": [1, 9]})


def test_saved_and_loaded(tmp_path):
    rng = np.random.default_rng(3)
    model, rows = random_list(rng, 20), random_rows(rng, 100)
    back = load_list(save_list(model, tmp_path / "list"))
    assert digest(back) == digest(model)
    assert back.predict(rows).tolist() == model.predict(rows).tolist()


def test_equal_lists_are_stored_alike(tmp_path):
    # their hash is kept for the equal one: stored otherwise, it would not be that of the file
    lists = [DecisionList(Constant((zero,)), answers=Numbers(-1, 1)) for zero in (0.0, -0.0)]
    plus, minus = (
        save_list(model, tmp_path / str(i)) / "list.json" for i, model in enumerate(lists)
    )
    assert lists[0] == lists[1]
    assert plus.read_bytes() == minus.read_bytes()


def test_an_altered_file_is_refused(tmp_path):
    save_list(DecisionList(ZERO).patched(parse("age > 3"), ONE), tmp_path)
    file = tmp_path / "list.json"
    file.write_text(file.read_text().replace("age > 3", "age > 4"))
    with pytest.raises(LogError, match="altered"):
        load_list(tmp_path)
    file.write_text(file.read_text()[:40])
    with pytest.raises(SourceError, match="cannot read"):
        load_list(tmp_path)


def test_the_hash_follows_from_what_is_answered():
    first = DecisionList(ZERO).patched(parse("age > 3"), ONE)
    assert digest(first) != digest(DecisionList(ZERO).patched(parse("age > 4"), ONE))
    assert digest(first) == digest(DecisionList(ZERO).patched(parse("age  >  3.0"), ONE))
