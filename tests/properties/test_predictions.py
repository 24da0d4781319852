"""Beliefs about labels: what holds for any models and any answers."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from supersede.train.flips import ConfusionMatrix, Predictions


@st.composite
def models(draw):
    """Three models of C classes and their answers on n items."""
    classes, n = draw(st.integers(2, 5)), draw(st.integers(1, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    made = []
    for _ in range(3):
        confusion = ConfusionMatrix(tuple(range(classes)), rng.dirichlet(np.ones(classes), classes))
        made.append((confusion, rng.integers(classes, size=n)))
    return made


@given(models())
@settings(max_examples=60, deadline=None)
def test_the_order_of_models_does_not_change_the_belief(made):
    every = np.arange(len(made[0][1]))

    def belief(order):
        first, *rest = (made[k][0].evidence(made[k][1]) for k in order)
        kept = Predictions.first(first)
        for evidence in rest:
            kept = kept.renewed(every, evidence)
        return kept

    one, other = belief((0, 1, 2)), belief((2, 0, 1))
    np.testing.assert_allclose(one.belief, other.belief, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(one.belief.sum(axis=1), 1)


@given(models())
@settings(max_examples=60, deadline=None)
def test_an_answer_is_never_worth_less_than_nothing_and_untouched_items_stay(made):
    (old, said), (new, renewed), _ = made
    kept = Predictions.first(old.evidence(said))
    assert kept._worth("gain", new).min() >= -1e-9
    items = kept.worth_renewing(len(said) // 2, by="gain", new=new)
    after = kept.renewed(items, new.evidence(renewed[items]), flip_cost=3)
    others = np.setdiff1d(np.arange(len(said)), items)
    assert np.array_equal(after.belief[others], kept.belief[others])
    assert np.array_equal(after.stored[others], kept.stored[others])
    changed = after.stored != kept.stored
    rows = np.flatnonzero(changed)
    better = after.belief[rows, after.stored[rows]] / after.belief[rows, kept.stored[rows]]
    assert (better > 3).all()
