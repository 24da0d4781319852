"""Models as plain data: they answer as what they were made from, and come back as they were."""

import json

import numpy as np
import pytest
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
)
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from supersede.bounty.artefacts import (
    Codes,
    Constant,
    Feature,
    Linear,
    Numbers,
    OnnxModel,
    Probabilities,
    Tree,
    check_model,
    design,
    features_of,
    from_sklearn,
    model_from_dict,
    read_model,
)
from supersede.errors import AnswerError, ArgumentError, ColumnTypeError, ModelFormError

ANY = Numbers(-1e9, 1e9)


def people(n=3000, seed=0):
    rng = np.random.default_rng(seed)
    age = rng.integers(17, 90, n).astype(float)
    age[rng.random(n) < 0.05] = np.nan
    columns = {
        "age": age,
        "pay": rng.normal(size=n).astype(np.float32).astype(float) / 3,
        "sex": rng.choice(["f", "m", None], n, p=[0.5, 0.45, 0.05]),
        "old": rng.random(n) < 0.3,
    }
    score = np.nan_to_num(age, nan=40) / 30 + columns["pay"] + (columns["sex"] == "f")
    return columns, np.digitize(score + rng.normal(size=n), [1.5, 3])


def kept(model):
    """The model after a trip through JSON, which is how it is stored."""
    again = read_model(json.dumps(model.to_dict()).encode())
    assert again.to_dict() == model.to_dict()
    assert (again.bits, again.columns) == (model.bits, model.columns)
    return again


@pytest.mark.parametrize("missing", [None, 40.0], ids=["missing numbers", "filled"])
@pytest.mark.parametrize("leaves", [None, 20], ids=["depth first", "best first"])
def test_trees_answer_as_scikit_learn_does(missing, leaves):
    columns, y = people()
    features = (
        Feature("age", missing=missing),
        Feature("pay"),
        Feature("sex", "f"),
        Feature("old"),
    )
    x = design(features, columns)
    fitted = DecisionTreeClassifier(max_depth=8, max_leaf_nodes=leaves, random_state=0).fit(x, y)
    model = kept(from_sklearn(fitted, features))
    new, _ = people(20_000, seed=1)
    x = design(features, new)
    assert model.columns == ("age", "pay", "sex", "old")
    assert np.array_equal(model.predict(new, Codes(3)), fitted.predict(x))
    shares = kept(from_sklearn(fitted, features, probabilities=True))
    assert np.allclose(shares.predict(new, Probabilities(3)), fitted.predict_proba(x), atol=1e-12)
    regression = DecisionTreeRegressor(max_depth=8, random_state=0).fit(
        design(features, columns), y
    )
    assert np.array_equal(
        kept(from_sklearn(regression, features)).predict(new, ANY), regression.predict(x)
    )


def test_ties_at_thresholds_fall_as_in_single_precision():
    rng = np.random.default_rng(0)
    x = rng.normal(size=500).astype(np.float32).astype(float)
    fitted = DecisionTreeRegressor(random_state=0).fit(x[:, None], rng.normal(size=500))
    model = from_sklearn(fitted, [Feature("x")])
    edges = fitted.tree_.threshold[fitted.tree_.feature >= 0]
    ours = model.threshold[model.feature >= 0]
    single = edges.astype(np.float32).astype(float)
    close = np.concatenate(
        [
            f(v, s)
            for v in (edges, ours, single)
            for s in (-np.inf, np.inf)
            for f in (np.nextafter, lambda v, _: v)
        ]
    )
    assert np.array_equal(model.predict({"x": close}, ANY), fitted.predict(close[:, None]))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("kind", [LogisticRegression, RidgeClassifier, LinearSVC])
def test_linear_classifiers_answer_as_scikit_learn_does(kind, classes):
    columns, y = people()
    features = features_of(columns)
    fitted = kind().fit(design(features, columns) / 10, np.minimum(y, classes - 1))
    new, _ = people(5000, seed=1)
    x = design(features, new)
    fitted.coef_ = fitted.coef_ / 10  # so that it takes the columns as they are
    model = kept(from_sklearn(fitted, features))
    assert np.array_equal(model.predict(new, Codes(classes)), fitted.predict(x))
    if kind is LogisticRegression:
        shares = kept(from_sklearn(fitted, features, probabilities=True))
        assert np.allclose(
            shares.predict(new, Probabilities(classes)), fitted.predict_proba(x), atol=1e-9
        )
    else:
        with pytest.raises(ModelFormError, match="has no probabilities"):
            from_sklearn(fitted, features, probabilities=True)


@pytest.mark.parametrize("kind", [LinearRegression, Ridge])
def test_linear_regressions_answer_as_scikit_learn_does(kind):
    columns, y = people()
    features = features_of(columns)
    fitted = kind().fit(design(features, columns), y)
    found = kept(from_sklearn(fitted, features)).predict(columns, ANY)
    assert np.allclose(found, fitted.predict(design(features, columns)), atol=1e-9)


@pytest.mark.parametrize("kind", [DecisionTreeClassifier, LogisticRegression])
def test_classes_are_answered_as_the_owner_s_codes(kind):
    x = np.arange(12.0)[:, None]
    labels = np.repeat(["yes", "no"], 6)
    fitted = kind().fit(x, labels)
    owner = ["no", "perhaps", "yes"]
    model = from_sklearn(fitted, ["x"], classes=owner)
    codes = model.predict({"x": x[:, 0]}, Codes(3))
    assert [owner[code] for code in codes] == labels.tolist()
    shares = from_sklearn(fitted, ["x"], classes=owner, probabilities=True)
    found = shares.predict({"x": x[:, 0]}, Probabilities(3))
    assert np.allclose(found[:, [0, 2]], fitted.predict_proba(x), atol=1e-9)
    assert np.allclose(found[:, 1], 0)
    with pytest.raises(ModelFormError, match="give classes= in the owner's order"):
        from_sklearn(fitted, ["x"])


def test_a_row_is_answered_by_that_row_alone():
    columns, y = people(2000)
    features = features_of(columns)
    order = np.random.default_rng(0).permutation(2000)
    for fitted in (DecisionTreeClassifier(max_depth=6), LogisticRegression(max_iter=5000)):
        model = from_sklearn(fitted.fit(design(features, columns), y), features, probabilities=True)
        whole = model.predict(columns, Probabilities(3))
        shuffled = model.predict({k: v[order] for k, v in columns.items()}, Probabilities(3))
        assert np.array_equal(whole[order], shuffled)
        halves = [
            {k: v[part] for k, v in columns.items()} for part in (slice(777), slice(777, None))
        ]
        assert np.array_equal(
            whole, np.vstack([model.predict(h, Probabilities(3)) for h in halves])
        )


def test_rows_never_seen_are_answered_too():
    model = Linear((Feature("sex", "f"),), [[2.0]], [-1.0], "sign")
    assert model.predict({"sex": ["f", "m", None, "never seen"]}, Codes(2)).tolist() == [1, 0, 0, 0]
    assert model.predict({"sex": np.array([], dtype=str)}, Codes(2)).shape == (0,)
    line = Linear((Feature("x", missing=0),), [[2.0]], [0.0], "number")
    assert line.predict({"x": [1, np.inf, None]}, Numbers(0.5, 9)).tolist() == [2, 9, 0.5]
    for link, answers in (("softmax", Probabilities(2)), ("largest", Codes(2))):
        opposed = Linear((Feature("x", missing=0),) * 2, [[2, -2], [1, 3.0]], [0, 0], link)
        assert opposed.predict({"x": [1e308, np.inf, -np.inf]}, answers).max() == 1


def test_whatever_a_model_could_answer_is_looked_at():
    x = (Feature("x", missing=0),)
    leaves = Tree(
        x, [0, -1, -1], [100, 0, 0], [1, -1, -1], [2, -1, -1], [True] * 3, [[9], [1], [7]]
    )
    two = Linear((*x, *x), [[1, 1], [1, 1]], [0, 0], "softmax")
    line = Linear(x, [[1.0]], [0.0], "number")
    for model, answers in (
        (Constant((1,)), Codes(2)), (leaves, Codes(8)), (leaves, Numbers(1, 7)), (line, Numbers(5, 7)),
        (Linear(x, [[1.0]], [0.0], "sign"), Codes(2)), (two, Probabilities(2)),
        (Linear(x, [[1.0]], [0.0], "logistic"), Probabilities(2)), (OnnxModel(b"?", ("x",)), Codes(2)),
        (Linear(x, [[1.0], [2.0]], [0.0, 0.0], "largest"), Codes(2)),
    ):  # fmt: skip
        check_model(model, answers)
    for model, answers, says in (
        (Constant((2,)), Codes(2), "a constant .* codes from 0 to 1"),
        (Constant((0.5, 0.6)), Probabilities(2), "sum to 1"),
        (leaves, Codes(2), "a tree .* has the answer 7"),
        (leaves, Numbers(0, 5), "outside"),
        (line, Codes(2), "any number"),
        (Linear(x, [[1.0], [2.0]], [0.0, 0.0], "largest"), Probabilities(2), "shape"),
        (Linear(x, [[1.0]] * 3, [0.0] * 3, "largest"), Codes(2), "has the answer 2"),
        (two, Probabilities(3), "shape"),
    ):
        with pytest.raises(AnswerError, match=says):
            check_model(model, answers)


def test_constants():
    assert kept(Constant((1,))).predict({"a": [5, 6]}, Codes(2)).tolist() == [1, 1]
    assert kept(Constant((0.25, 0.75))).predict({"a": [5]}, Probabilities(2)).tolist() == [
        [0.25, 0.75]
    ]
    with pytest.raises(AnswerError, match="codes from 0 to 1"):
        Constant((2,)).predict({"a": [5]}, Codes(2))
    with pytest.raises(AnswerError, match="shape"):
        Constant((0.5, 0.5)).predict({"a": [5]}, Codes(2))
    with pytest.raises(AnswerError, match="sum to 1"):
        Constant((0.5, 0.6)).predict({"a": [5]}, Probabilities(2))


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        (np.array(["1", "0"]), "not numbers"),
        (np.array([1, 0], dtype=object), "not numbers"),
        (np.array([1.0]), "shape"),
        (np.array([[1.0, 0.0]]), "shape"),
        (np.array([1.0, -1.0]), "row 1"),
        (np.array([0.5, 1.0]), "row 0"),
        (np.array([1.0, np.nan]), "finite"),
    ],
)
def test_answers_that_do_not_fit(answers, says):
    with pytest.raises(AnswerError, match=says):
        Codes(2).check(answers, 2)


def test_answers_must_make_sense():
    for make in (lambda: Codes(1), lambda: Probabilities(1), lambda: Numbers(1, 1)):
        with pytest.raises(ArgumentError):
            make()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"features": ()}, "at least one feature"),
        ({"features": (Feature("a"),) * 1001}, "1001 features"),
        ({"feature": [0.5, -1, -1]}, "integers"),
        ({"feature": [], "threshold": [], "left": [], "right": [], "values": []}, "array"),
        ({"left": [0, -1, -1]}, "must come later"),
        ({"missing_left": [1, 0, 1]}, "true and false"),
        ({"values": [0, 1, 2]}, "2 dimensions"),
        ({"values": np.zeros((3, 101))}, "101 numbers"),
        ({"threshold": [np.nan, 0, 0]}, "finite"),
    ],
)
def test_what_is_no_tree(changes, says):
    stump = {
        "features": (Feature("a"),), "feature": [0, -1, -1], "threshold": [0, 0, 0], "left": [1, -1, -1],
        "right": [2, -1, -1], "missing_left": [True] * 3, "values": [[0], [0], [1]],
    }  # fmt: skip
    assert Tree(**stump).predict({"a": [-1, 1]}, Codes(2)).tolist() == [0, 1]
    with pytest.raises(ModelFormError, match=says):
        Tree(**stump | changes)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"weights": [[1.0, 2.0]]}, "shape"),
        ({"weights": [1.0]}, "2 dimensions"),
        ({"link": "exec"}, "no link 'exec'"),
        ({"link": "softmax"}, "does not work with 1 scores"),
        ({"features": (Feature("a"),)}, "a replacement for a missing 'a'"),
        ({"intercept": [np.inf]}, "finite"),
    ],
)
def test_what_is_no_linear_model(changes, says):
    good = {
        "features": (Feature("a", missing=0),),
        "weights": [[1.0]],
        "intercept": [0.0],
        "link": "sign",
    }
    assert Linear(**good).predict({"a": [-1, 1, None]}, Codes(2)).tolist() == [0, 1, 0]
    with pytest.raises(ModelFormError, match=says):
        Linear(**good | changes)


def test_estimators_that_cannot_be_taken_over():
    x, y = np.zeros((4, 1)), [0, 1, 0, 1]
    for estimator, says in (
        (StandardScaler().fit(x), "convert it to ONNX"),
        (DecisionTreeClassifier().fit(np.zeros((4, 2)), y), "fitted on 2 features, but 1"),
        (DecisionTreeClassifier(), "fitted on None"),
        (DecisionTreeClassifier().fit(x, np.array([y, y]).T), "more than one output"),
        (DecisionTreeRegressor().fit(x, np.array([y, y]).T), "more than one output"),
        (LinearRegression().fit(x, np.array([y, y]).T), "more than one output"),
        (PoissonRegressor().fit([[0], [1], [2], [3]], [1, 2, 4, 8]), "its linear score"),
    ):
        with pytest.raises(ModelFormError, match=says):
            from_sklearn(estimator, ["x"])
    with pytest.raises(ModelFormError, match="not a classifier"):
        from_sklearn(LinearRegression().fit(x, y), ["x"], probabilities=True)


def test_features_ask_their_own_kind_of_column():
    with pytest.raises(ColumnTypeError, match="of type text"):
        design([Feature("sex")], {"sex": ["f"]})
    with pytest.raises(ColumnTypeError, match="of type number"):
        design([Feature("age", "f")], {"age": [3]})
    for wrong in (
        {"column": 3},
        {"column": "a", "category": 3},
        {"column": "a", "missing": np.nan},
    ):
        with pytest.raises(ModelFormError, match="not a feature"):
            Feature(**wrong)
    many = features_of(
        {
            "c": [str(i % 30) for i in range(100)],
            "n": [None, np.nan] * 50,
            "x": np.full(100, np.nan),
        },
        most_categories=5,
    )
    assert [f.category for f in many] == ["0", "1", "2", "3", "4", None]
    assert many[-1].missing == 0


def test_onnx_as_plain_data():
    model = OnnxModel(b"\x08\x08anything", ("a", "b"))
    assert model_from_dict(model.to_dict()) == model
    for changes, says in (
        ({"base64": "???"}, "base64"), ({"base64": 3}, "base64"), ({"columns": "ab"}, "list"),
        ({"columns": []}, "name the columns"), ({"columns": ["a", "a"]}, "each once"),
        ({"columns": [3]}, "name the columns"),
    ):  # fmt: skip
        with pytest.raises(ModelFormError, match=says):
            model_from_dict(model.to_dict() | changes)


def test_a_model_in_a_file(tmp_path):
    path = tmp_path / "model.txt"  # the name says nothing
    path.write_text('{"form": "linear", "features": [{"column": "a", "missing": 1}],'
                    ' "weights": [[2]], "intercept": [0.5], "link": "number"}')  # fmt: skip
    assert read_model(path).predict({"a": [1, None, 3]}, ANY).tolist() == [2.5, 2.5, 6.5]
