import numpy as np
import pytest

from supersede.bounty import (
    Alpha,
    Bounded,
    BoundedLogLoss,
    Bounty,
    Certified,
    DecisionList,
    Findings,
    Sample,
    SquaredError,
    ZeroOne,
)
from supersede.bounty.artefacts import Constant, Numbers, Probabilities, parse
from supersede.bounty.hunters import (
    Ground,
    alternating,
    cost_sensitive,
    hunt,
    slices,
    specialist,
    specialists,
)
from supersede.errors import ArgumentError, BountyError, TooFewLabelsError
from tests.bounty.cases import ZERO, people

START = DecisionList(ZERO)
PUBLIC, HOLDOUT = people(4000, seed=11, name="public rows"), people(4000, seed=12)


def all_hunters(ground):
    return [
        *cost_sensitive(3, seed=0),
        *alternating(3, seed=0),
        *specialists(ground, ["sex", "site", "age"], most=8),
        *slices(["sex", "site", "age"], 2),
    ]


def test_hunters_find_who_is_failed():
    ground = Ground.of(PUBLIC, START, ZeroOne())
    bounty = Bounty(START, [HOLDOUT], public=PUBLIC)
    attempts = hunt(bounty, all_hunters(ground), ground)
    assert {a.team for a in attempts} == {"cost-sensitive", "alternating", "specialists", "slices"}
    first, last = bounty.checker.errors()["all"]
    assert first > 0.5
    assert last < 0.13  # a tenth of the labels is wrong
    assert all(a.refused for a in attempts if a.receipt is None)


@pytest.mark.parametrize("kind", ["cost-sensitive", "alternating", "specialists", "slices"])
def test_every_hunter_finds_something_alone(kind):
    ground = Ground.of(PUBLIC, START, ZeroOne())
    hunters = [hunter for hunter in all_hunters(ground) if hunter.team == kind]
    bounty = Bounty(START, [HOLDOUT])
    assert any(a.receipt and a.receipt.accepted for a in hunt(bounty, hunters, ground))


def test_a_hunt_goes_on_where_it_was_interrupted(tmp_path):
    def run(most, folder):
        ground = Ground.of(PUBLIC, START, ZeroOne())
        bounty = Bounty(START, [HOLDOUT], folder=folder, policy=Alpha())
        return bounty, hunt(bounty, all_hunters(ground)[:most], ground)

    run(5, tmp_path / "a")
    resumed, attempts = run(16, tmp_path / "a")
    whole, straight = run(16, tmp_path / "b")
    assert resumed.digest == whole.digest
    assert [a.group for a in attempts] == [a.group for a in straight]


def test_numbers_and_probabilities_are_hunted_too():
    rng = np.random.default_rng(0)
    x = rng.random(3000)
    numbers = Sample("public", {"x": x}, np.where(x > 0.7, 0.9, 0.1))
    model = DecisionList(Constant((0.5,)), answers=Numbers(0, 1))
    ground = Ground.of(numbers, model, SquaredError())
    bounty = Bounty(model, [numbers], loss=SquaredError())
    hunt(bounty, [*cost_sensitive(2, seed=0), *alternating(2, seed=0)], ground)
    assert bounty.checker.errors()["all"][1] < 0.01

    classes = Sample("public", {"x": x}, (x > 0.7).astype(int))
    even = DecisionList(Constant((0.5, 0.5)), answers=Probabilities(2))
    ground = Ground.of(classes, even, BoundedLogLoss())
    bounty = Bounty(even, [classes], loss=BoundedLogLoss())
    hunt(bounty, [*alternating(2, seed=0), *specialists(ground, ["x"], most=4)], ground)
    assert bounty.checker.errors()["all"][1] < 0.1


def test_losses_that_no_tree_is_grown_for():
    loss = Bounded(lambda y, a: abs(y - a), 1, "absolute error")
    ground = Ground.of(PUBLIC, START, loss)
    with pytest.raises(ArgumentError, match="your own models"):
        specialist(parse("age > 30"), ground)


def test_a_finding_becomes_a_submission():
    found = Findings().report("slice", "The old", "all wrong", team="ada", group="age >= 60")
    ground = Ground.of(PUBLIC, START, ZeroOne())
    proposal = specialist(parse(found.group), ground)
    assert Bounty(START, [HOLDOUT]).submit("ada", proposal.group, proposal.answer).accepted
    with pytest.raises(TooFewLabelsError, match="0 rows"):
        specialist(parse("age > 200"), ground)


def test_missing_values_and_booleans_among_features():
    rng = np.random.default_rng(4)
    n = 2000
    income = np.where(rng.random(n) < 0.3, np.nan, rng.random(n))
    rows = Sample(
        "rows", {"income": income, "member": rng.random(n) < 0.5, "empty": [None] * n},
        (np.nan_to_num(income, nan=1.0) > 0.5).astype(int),
    )  # fmt: skip
    ground = Ground.of(rows, START, ZeroOne())
    columns = ["income", "member", "empty"]
    hunters = [*cost_sensitive(2, seed=0), *specialists(ground, columns, most=9)]
    bounty = Bounty(START, [rows], policy=Certified())
    hunt(bounty, hunters, ground)
    assert bounty.checker.errors()["all"][1] < 0.1


def test_two_hunters_of_one_name():
    ground = Ground.of(PUBLIC, START, ZeroOne())
    with pytest.raises(BountyError, match="different names"):
        hunt(Bounty(START, [HOLDOUT]), cost_sensitive(1, seed=0) * 2, ground)
