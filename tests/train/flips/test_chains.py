"""Updates that follow updates: constraints save flips, and the curve says what they cost."""

import json

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from supersede.errors import ArgumentError
from supersede.train.flips import PositiveCongruentClassifier, chain

TREE = DecisionTreeClassifier(max_leaf_nodes=20, random_state=0)


@pytest.fixture(scope="module")
def batches():
    X, y = make_classification(
        8000, 8, n_informative=5, n_classes=3, flip_y=0.15, class_sep=0.9, random_state=2
    )
    cut = [slice(start, start + 800) for start in range(0, 3200, 800)]
    return [(X[rows], y[rows]) for rows in cut], (X[3200:], y[3200:])


@pytest.fixture(scope="module")
def made(batches):
    return chain(
        PositiveCongruentClassifier(TREE, mode="weights", strength=3.0), *batches, members=5
    )


def test_each_constraint_saves_flips_against_what_it_names(made):
    none, one, two, three, ensemble = made.last
    assert [v.held_to for v in made.last] == [0, 1, 2, 3, None]
    assert all(len(v.nfr) == 3 for v in made.last)
    assert one.nfr[2] < none.nfr[2]  # against the version before
    assert two.nfr[1] < none.nfr[1]
    assert three.mean_nfr < none.mean_nfr
    assert ensemble.mean_nfr < none.mean_nfr


def test_figures_are_those_of_the_models_trained_one_by_one(batches, made):
    data, (X, y) = batches
    models = [clone(TREE).fit(*batch) for batch in data[:1]]
    for batch in data[1:3]:
        held = PositiveCongruentClassifier(TREE, models[-1:], mode="weights", strength=3.0)
        models.append(held.fit(*batch, seen_by_old=False))
    right = [model.predict(X) == y for model in models]
    (third,) = [v for v in made.versions if v.number == 3 and v.held_to == 1]
    assert third.error == pytest.approx(1 - right[2].mean())
    assert third.nfr == pytest.approx([np.mean(old & ~right[2]) for old in right[:2]])


def test_every_version_is_measured_once(made):
    assert sorted((v.held_to is None, v.held_to or 0, v.number) for v in made.versions) == sorted(
        [(False, held, number) for held in range(4) for number in range(held + 1, 5)]
        + [(True, 0, number) for number in range(1, 5)]
    )


def test_the_curve_is_shown(made):
    page = made.to_html()
    assert page.count("<svg class") == 2
    assert "against v1" in page
    assert "5-ensemble" in page
    assert "held to none" in str(made)
    assert made._repr_html_().startswith("<iframe")
    assert len(json.loads(json.dumps(made.to_dict()))["versions"]) == 14


def test_a_blend_keeps_its_old_models(batches):
    data, test = batches
    blending = PositiveCongruentClassifier(LogisticRegression(), mode="blend", strength=1.0)
    two = chain(blending, data[:2], test, members=2)
    none, held, _ = two.last
    assert held.nfr[0] < none.nfr[0]


def test_what_is_no_chain(batches):
    data, test = batches
    congruent = PositiveCongruentClassifier(TREE, mode="weights", strength=1.0)
    with pytest.raises(ArgumentError, match="1 batches and 3 members"):
        chain(congruent, data[:1], test)
    with pytest.raises(ArgumentError, match="1 members"):
        chain(congruent, data, test, members=1)
