"""Rows that have judged a model once judge it never again."""

import numpy as np
import pytest

from supersede.bounty import Bounty, DecisionList, Naive, Passport, Sample, load, save
from supersede.cli.hunt import _cut
from supersede.errors import ArgumentError, LogError
from tests.bounty.cases import ONE, ZERO, people

START = DecisionList(ZERO)


def fine(n=1500, *, seed=0, name="holdout"):
    """Rows of a continuous column, which hardly ever recur."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    return Sample(name, {"x": x, "age": rng.integers(18, 90, n)}, (x > 0).astype(int))


def played(slices, **options):
    bounty = Bounty(START, slices, policy=Naive(), **options)
    bounty.submit("ada", "x > 0", ONE)
    return bounty


def test_a_spent_holdout_does_not_open_again_with_a_full_budget(tmp_path):
    bounty = played([fine()])
    back = load(save(bounty.model, tmp_path))
    for model in (bounty.model, back):
        with pytest.raises(ArgumentError, match="already judged this model"):
            Bounty(model, [fine()], capacity=1000)
    assert Bounty(back, [fine(seed=1, name="new rows")]).left == 100


def test_rows_that_are_left_over_can_be_used():
    whole = fine(3000)
    first, second = whole.slices(2, seed=0)
    model = played([first]).model
    with pytest.raises(ArgumentError):
        Bounty(model, [whole])
    rest = whole.take(model.spent.unspent(whole), "rest")
    assert len(rest) == len(second)
    assert Bounty(model, [rest]).left == 100


def test_a_slice_that_judged_nothing_and_rows_of_chance_are_not_spent():
    slices = fine(3000).slices(2, seed=0)
    model = played(slices).model
    assert Bounty(model, [slices[1]]).left == 100
    coarse = Bounty(START, [people(3000)])
    coarse.submit("ada", "age >= 60", ONE)
    for seed in range(1, 20):
        assert not coarse.model.spent.knows(people(3000, seed=seed))
    assert coarse.model.spent.knows(people(3000))


@pytest.mark.parametrize("seed", range(40))
def test_no_way_of_using_rows_again_passes(seed):
    rng = np.random.default_rng(seed)
    whole = fine(2000, seed=seed)
    public, holdout, fresh = (whole.take(part) for part in np.array_split(np.arange(2000), 3))
    bounty = played([holdout], public=public)
    bounty.close(fresh)
    spent = [public, holdout, fresh][seed % 3]
    rows = rng.permutation(len(spent))[: rng.integers(20, len(spent) + 1)]
    again = spent.take(rows, "again")
    if seed % 2:  # among new rows
        new = fine(int(rng.integers(100, 600)), seed=seed + 1000)
        again = Sample(
            "again",
            {
                c: np.concatenate([again.columns[c].values, new.columns[c].values])
                for c in ("x", "age")
            },
            np.concatenate([again.labels, new.labels]),
        )
    with pytest.raises(ArgumentError, match="leave them out"):
        Bounty(bounty.model, [again], capacity=int(rng.integers(1, 999)))


def test_a_passport_cannot_be_cut_from_a_saved_list(tmp_path):
    save(played([fine()]).model, tmp_path)
    path = tmp_path / "list.json"
    text = path.read_text()
    start = text.index('"spent":')
    path.write_text(text[:start] + '"spent":{"rows":"","samples":[]}}')
    with pytest.raises(LogError, match="altered"):
        load(tmp_path)
    assert Passport.from_dict(Passport().to_dict()) == Passport()


def test_no_seed_of_a_hunt_cuts_fresh_rows_into_the_holdout():
    whole = fine(300)
    cuts = [_cut(whole) for _ in range(2)]
    assert all(a.fingerprint == b.fingerprint for a, b in zip(*cuts, strict=True))
