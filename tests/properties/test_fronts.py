"""What holds for any labels and any predictions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from supersede.train.flips.front import choose, measure

ITEMS = st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=60)


@given(ITEMS)
def test_errors_and_flips_add_up(items):
    y, old, new = np.array(items).T
    point = measure(y, new, old == y, treatment="any", strength=1)
    assert point.error == pytest.approx((old != y).mean() - point.pfr + point.nfr)
    assert point.flip_cost == point.nfr


@given(ITEMS, st.integers(2, 5), st.floats(0, 1))
def test_the_choice_is_allowed_and_never_worse_than_untreated(items, count, tolerance):
    y, old, new = np.array(items).T
    points = [
        measure(y, (new + shift) % 4, old == y, treatment="any", strength=shift)
        for shift in range(count)
    ]
    front = choose(points, tolerance=tolerance, items=len(y))
    assert front.chosen.error <= front.untreated.error + tolerance + 1e-9
    assert front.chosen.nfr <= front.untreated.nfr
    costs = [point.flip_cost for point in front.efficient]
    assert costs == sorted(costs, reverse=True)
    assert not any(
        other.error <= point.error and other.flip_cost < point.flip_cost
        for point in front.efficient
        for other in points
    )
