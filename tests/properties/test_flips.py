"""What must hold for any table."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import supersede
from supersede.metrics import count_flips

ITEMS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.sampled_from("xyz")),
    min_size=1, max_size=60,
)  # fmt: skip


def counted(items, margins=((),)):
    y, a, b, g = (list(column) for column in zip(*items, strict=True))
    table = supersede.read({"y": y, "a": a, "b": b, "g": g}, label="y", models=["a", "b"])
    return count_flips(table, "a", "b", margins)


@settings(max_examples=40, deadline=None)
@given(ITEMS)
def test_the_identity_of_errors_holds_exactly(items):
    (f,) = counted(items)
    gained = f.positive.x - f.negative.x
    assert (f.new.x - f.old.x).tolist() == gained.tolist()


@settings(max_examples=20, deadline=None)
@given(ITEMS, st.randoms(use_true_random=False))
def test_order_does_not_matter_and_slices_add_up(items, random):
    whole, split = counted(items, [(), ("g",)])
    random.shuffle(items)
    (again,) = counted(items)
    assert str(again.to_dict(0.95)) == str(whole.to_dict(0.95))  # as text, since NaN is not itself
    assert split.negative.x.sum() == whole.negative.x[0]
    assert split.n.sum() == whole.n[0]


@settings(max_examples=20, deadline=None)
@given(ITEMS)
def test_swapping_the_models_swaps_the_flips(items):
    (f,) = counted(items)
    (swapped,) = counted([(y, b, a, g) for y, a, b, g in items])
    assert swapped.nfr.tolist() == f.pfr.tolist()
    low, high = f.gain_interval(0.95)
    low2, high2 = swapped.gain_interval(0.95)
    assert np.concatenate([low2, high2]).tolist() == pytest.approx(
        (-np.concatenate([high, low])).tolist()
    )
