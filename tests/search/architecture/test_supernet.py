"""Shared weights: which part a network takes, what training them gives, and when to distrust them."""

import numpy as np
import pytest
import torch

from supersede.errors import ArgumentError, ConvergenceError
from supersede.hardware import Declared
from supersede.search.architecture import (
    Candidate,
    Classifier,
    Combined,
    Evaluated,
    Segmenter,
    Stage,
    TargetCosts,
    block_space,
    cell_space,
    make_pool,
    search,
    shortlist,
)
from supersede.search.architecture.supernet.agreement import RankingWarning, agreement
from supersede.search.architecture.supernet.converge import Converging, converge
from supersede.search.architecture.supernet.shared import SharedWeights, extremes
from supersede.search.architecture.supernet.training import Sandwich, train_supernet
from supersede.search.architecture.tasks.digits import Digits

KINDS = ("ibn", "fused", "group", "standard")
STAGES = [
    Stage((8, 16), KINDS, (3, 5), (2, 4), (1, 2), stride=1),
    Stage((8, 24), KINDS, (3,), (2, 3), stride=2),
]
WIDE = block_space(STAGES, Classifier(10, (16, 32)), resolutions=(16,), stems=(4, 8))
SMALL = block_space(
    [Stage((4, 24), ("ibn", "standard"), (3,), (2,))], Classifier(10, (16, 32)),
    resolutions=(12,), stems=(8,), image_channels=1,
)  # fmt: skip
TASK = Digits(pixels=12, copies=1, epochs=2)
CHIP = Declared(lanes=256, clock=1e9, bandwidth=4e9, granule=4)


@pytest.fixture(scope="module")
def supernet():
    return train_supernet(SMALL, TASK, Sandwich(steps=90, between=1, batch=32))


def test_every_network_of_a_space_finds_its_part():
    spaces = [WIDE, block_space(STAGES, Segmenter(4), resolutions=(16, 32), stems=(4, 8))]
    rng = np.random.default_rng(0)
    for space in spaces:
        shared = SharedWeights(space)
        for _ in range(6):
            params = space.sample(rng)
            network = space.network(params)
            images = torch.randn(4, *np.array(network.input)[[2, 0, 1]])
            with torch.no_grad():
                told = shared.outputs(network, images)
                own = shared.extracted(params, images).train()(images)
            torch.testing.assert_close(told, own)


def test_a_narrow_network_takes_the_first_channels_and_the_middle_of_the_window():
    space = block_space(
        [Stage((8, 16), ("standard",), (3, 5), (2,), stride=2)], Classifier(10, (12,)),
        resolutions=(16,), stems=(4,),
    )  # fmt: skip
    shared = SharedWeights(space)
    small, large = (shared.slices(space.network(params)) for params in extremes(space))
    part = next(v for v in small.values() if v.shape == (8, 4, 3, 3))
    whole = next(v for v in large.values() if v.shape == (16, 4, 5, 5))
    torch.testing.assert_close(part, whole[:8, :, 1:4, 1:4])


def test_a_step_for_one_network_moves_what_the_others_share_with_it():
    shared = SharedWeights(SMALL)
    small, large = extremes(SMALL)
    images = torch.randn(8, 1, 12, 12)
    with torch.no_grad():
        before = shared.outputs(SMALL.network(large), images)
    shared.outputs(SMALL.network(small), images).square().sum().backward()
    with torch.no_grad():
        for weights in shared.parameters():
            if weights.grad is not None:
                weights -= 0.01 * weights.grad
        assert not torch.equal(before, shared.outputs(SMALL.network(large), images))


def test_the_sandwich_rule_learns_and_repeats_itself(supernet):
    small, large = extremes(SMALL)
    errors = [supernet.error(p) for p in (small, large)]
    assert max(errors) < 0.85  # a guess is wrong in nine of ten cases
    again = train_supernet(SMALL, TASK, Sandwich(steps=90, between=1, batch=32))
    assert [again.error(p) for p in (small, large)] == errors
    assert again.fingerprint() == supernet.fingerprint()


def test_a_supernet_is_a_task_and_ranks_a_shortlist_for_the_combination(supernet):
    pool = make_pool(SMALL, TargetCosts(CHIP), size=60)
    few = shortlist(pool, SMALL, supernet.rank, most=5)
    assert len(few.keys) == 5
    best = few.keys[int(few.rank.argmax())]
    errors = {k: supernet.error(p) for k, p in zip(few.keys, few.params, strict=True)}
    assert errors[best] == min(errors.values())
    found = search(SMALL, supernet, CHIP, strategy=Combined(few, first=2), evaluations=4)
    assert {e.key for e in found.trained} <= set(few.keys)
    with pytest.raises(ArgumentError, match="needs two"):
        shortlist(pool, SMALL, supernet.rank, most=1)


def test_a_ranking_that_training_contradicts_is_warned_of(supernet):
    rng = np.random.default_rng(1)
    drawn = {c.key: c for c in (Candidate(SMALL, SMALL.sample(rng)) for _ in range(60))}
    told = [
        Evaluated(i, c.params, key, "trained", error=supernet.error(c.params))
        for i, (key, c) in enumerate(drawn.items())
    ]
    assert agreement(supernet, told).correlation == pytest.approx(1.0)
    wrong = [
        Evaluated(e.number, e.params, e.key, "trained", error=1 - (e.error or 0)) for e in told
    ]
    with pytest.warns(RankingWarning, match="not to be trusted"):
        assert not agreement(supernet, wrong).trusted
    with pytest.raises(ArgumentError, match="train at least 5"):
        agreement(supernet, told[:4])
    same = [Evaluated(e.number, e.params, e.key, "trained", error=0.5) for e in told]
    with pytest.raises(ArgumentError, match="same error"):
        agreement(supernet, same)


def test_architecture_weights_converge_to_the_fastest_network_where_latency_is_all():
    recipe = Converging(
        latency_weight=50.0, steps=160, warm_up=0.1, batch=16, architecture_rate=0.2
    )
    found = converge(SMALL, TASK, TargetCosts(CHIP), recipe)
    assert found.certainty > 0.9
    cost = {
        Candidate(SMALL, p).key: CHIP.measure(SMALL.network(p)).seconds
        for p in ({**found.params, "block0.kind": k, "block0.channels": c, "head.channels": h}
                  for k in ("ibn", "standard") for c in (4, 24) for h in (16, 32))
    }  # fmt: skip
    assert cost[SMALL.key(found.params)] == min(cost.values())
    assert "mean chance" in str(found)


def test_what_cannot_be_trained_is_refused():
    with pytest.raises(ConvergenceError, match="diverged in step"):
        train_supernet(SMALL, TASK, Sandwich(steps=40, rate=1e30, batch=16))
    with pytest.raises(ArgumentError, match="steps must be"):
        Sandwich(steps=0)
    with pytest.raises(ArgumentError, match="rates above 0"):
        Converging(rate=0)
    from dataclasses import replace

    with pytest.raises(ArgumentError, match="leave `only` out"):
        SharedWeights(replace(SMALL, only=frozenset({"a"})))
    with pytest.raises(ArgumentError, match="not among the shared weights"):
        SharedWeights(SMALL).slices(cell_space(pixels=8).network(
            {f"edge{i}": "conv3x3" for i in range(6)}
        ))  # fmt: skip
