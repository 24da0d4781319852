from dataclasses import replace

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.tree import DecisionTreeClassifier

import supersede
from supersede.bounty import DecisionList, Logged, Sample
from supersede.bounty.artefacts import (
    Constant,
    Feature,
    Linear,
    Numbers,
    Probabilities,
    design,
    features_of,
    from_sklearn,
    parse,
)
from supersede.bounty.estimator import PatchedClassifier, predict_table
from supersede.bounty.export import list_to_onnx
from supersede.errors import (
    ArgumentError,
    ColumnTypeError,
    ExpressionError,
    ItemError,
    MissingColumnError,
)
from supersede.train.predict import predict
from tests.bounty.cases import ONE, ZERO, random_list, random_rows


def run(content, sample):
    """What onnxruntime answers."""
    feed = {}
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    for given in session.get_inputs():
        column = sample.columns[given.name.removeprefix("in_")]
        feed[given.name] = column.texts() if column.kind == "text" else column.numbers()
    return session.run(None, feed)[0]


@pytest.mark.parametrize("seed", range(4))
def test_lists_of_all_declarative_forms_as_one_graph(seed):
    rng = np.random.default_rng(seed)
    rows = Sample("rows", random_rows(rng, 400), rng.integers(0, 2, 400))
    features = features_of(rows.columns)
    matrix = design(features, rows.columns)
    tree = from_sklearn(DecisionTreeClassifier(max_depth=4).fit(matrix, rows.labels), features)
    line = from_sklearn(LogisticRegression(max_iter=2000).fit(matrix, rows.labels), features)
    model = random_list(rng, 12)
    model = model.patched(parse("income is missing or not age < 40"), tree)
    model = model.patched(parse("sex != 'f' and age is not missing"), line)
    model = model.patched(parse("sex not in ['m', 'unheard of'] or age in [3, 4]"), 13)
    answers = run(list_to_onnx(model, rows), rows)
    assert answers.dtype == np.int64
    assert answers.tolist() == model.predict(rows.columns).tolist()


def test_numbers_as_one_graph():
    rng = np.random.default_rng(0)
    rows = Sample("rows", {"x": rng.random(50)}, rng.random(50))
    line = LinearRegression().fit(rows.columns["x"].values[:, None], rows.labels)
    model = DecisionList(from_sklearn(line, ["x"]), answers=Numbers(-9, 9))
    model = model.patched(parse("everyone"), Constant((0.25,))).patched(parse("x > 0.5"), 0)
    assert run(list_to_onnx(model, rows), rows) == pytest.approx(model.predict(rows.columns))
    narrow = replace(model, answers=Numbers(0.2, 0.5))
    assert (model.predict(rows.columns) > 0.5).any()
    assert run(list_to_onnx(narrow, rows), rows) == pytest.approx(narrow.predict(rows.columns))


def test_texts_that_only_the_list_names():
    seen = Sample("seen", {"site": ["south", "east"], "town": [None, None]}, [0, 1])
    model = DecisionList(ZERO).patched(parse("site in ['north', 'west']"), ONE)
    model = model.patched(parse("town == 'Ulm' or town is missing and site == 'south'"), ONE)
    line = Linear((Feature("site", "far"),), [[2.0]], [-1.0], "sign")
    model = model.patched(parse("site == 'far' or town == 'Bonn'"), line)
    later = {
        "site": ["north", "west", "far", "never named", "south", None],
        "town": ["Bonn", "Rome", "Rome", "Ulm", None, "Bonn"],
    }
    rows = Sample("later", later, np.zeros(6))
    assert run(list_to_onnx(model, seen), rows).tolist() == model.predict(later).tolist()


def test_an_empty_text_is_not_a_missing_one():
    rows = Sample("rows", {"site": ["", "south", None]}, [0, 1, 1])
    with pytest.raises(ArgumentError, match="'site' contains an empty text"):
        list_to_onnx(DecisionList(ZERO).patched(parse("site is missing"), ONE), rows)
    full = Sample("rows", {"site": ["north", "south"]}, [0, 1])
    with pytest.raises(ArgumentError, match="the list names one"):
        list_to_onnx(DecisionList(ZERO).patched(parse("site != ''"), ONE), full)


def test_what_does_not_fit_the_columns_is_refused():
    rows = Sample("rows", {"x": [1.0, 2.0], "site": ["north", "south"]}, [0, 1])
    with pytest.raises(ExpressionError, match="is a text"):
        list_to_onnx(DecisionList(ZERO).patched(parse("x == 'north'"), ONE), rows)
    with pytest.raises(ExpressionError, match="is a number"):
        list_to_onnx(DecisionList(ZERO).patched(parse("site == 3"), ONE), rows)
    with pytest.raises(ColumnTypeError):
        list_to_onnx(DecisionList(Linear((Feature("x", "a"),), [[1.0]], [0.0], "sign")), rows)
    with pytest.raises(MissingColumnError):
        list_to_onnx(DecisionList(ZERO).patched(parse("age > 3"), ONE), rows)


def test_what_has_no_counterpart_is_refused():
    rows = Sample("rows", {"x": [1.0, 2.0]}, [0, 1])
    with pytest.raises(ArgumentError, match="probabilities"):
        list_to_onnx(DecisionList(Constant((0.5, 0.5)), answers=Probabilities(2)), rows)


def test_a_classifier_like_any_other():
    model = DecisionList(ZERO).patched(parse("x > 0.5"), ONE)
    patched = PatchedClassifier(model, ["no", "yes"], ["x", "z"])
    matrix = np.array([[0.2, 1.0], [0.7, 1.0], [0.9, 0.0], [0.6, 0.0]])
    truth = np.array(["no", "yes", "no", "yes"])
    assert patched.score(matrix, truth) == 0.75
    assert patched.score(pd.DataFrame(matrix, columns=["x", "z"]), truth) == 0.75
    assert cross_val_score(patched, matrix, truth, cv=2).mean() == 0.75
    with pytest.raises(ArgumentError, match="expected 2 columns"):
        patched.predict(matrix[:, :1])
    with pytest.raises(ArgumentError, match="not probabilities"):
        patched.predict_proba(matrix)


def test_a_patched_model_is_reviewed_against_the_one_it_replaces():
    rng = np.random.default_rng(0)
    n = 2000
    age = rng.integers(18, 90, n)
    sex = rng.choice(["f", "m"], n)
    y = (age >= 60).astype(int)
    rows = {"id": np.arange(n), "age": age, "sex": sex, "y": y, "old": np.zeros(n, int)}
    table = supersede.read(rows, label="y", models=["old"])
    patched = DecisionList(Logged("old")).patched(parse("age >= 65 and sex == 'f'"), ONE)
    answers = predict_table(patched, table)
    joined = {**rows, "patched": answers["patched_prediction"].to_numpy()}
    review = supersede.compare(joined, label="y", old="old", new="patched", groups=["sex"])
    assert review.verdict == "pass"
    # and the joint of training with the table takes it too, where features are numbers
    estimator = PatchedClassifier(
        DecisionList(ZERO).patched(parse("age >= 65"), ONE), features=["age"]
    )
    assert (
        predict(estimator, table, features=["age"])["new_prediction"].to_pylist()
        == (age >= 65).astype(int).tolist()
    )
    with pytest.raises(ItemError):
        predict_table(
            patched,
            supersede.read(
                {"y": [1, 0], "old": [1, 1], "age": [3, 4], "sex": ["f", "m"]},
                label="y",
                models=["old"],
            ),
        )
