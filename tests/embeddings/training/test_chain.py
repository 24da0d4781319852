import numpy as np
import pytest

from supersede.embeddings.bridges.heads import fit_head
from supersede.embeddings.training.chain import chain_report
from supersede.embeddings.training.heterogeneous import Device, cross_reward
from supersede.embeddings.training.own_room import fit_own_room
from supersede.embeddings.vectors import unit
from supersede.errors import ArgumentError, VectorError
from tests.embeddings.made import world


def _versions(noises, width=8):
    rng = np.random.default_rng(0)
    centres, y = rng.normal(size=(5, width)), np.arange(200) % 5
    return [centres[y] + noise * rng.normal(size=(200, width)) for noise in noises], y


def test_a_chain_is_a_triangle_and_says_what_each_link_gains_and_costs():
    versions, y = _versions([3.0, 1.8, 1.1, 0.7])
    best, _ = _versions([0.3])
    wide = [*versions[:3], np.hstack([versions[3], 0.1 * best[0]])]
    asked, held = slice(0, 80), slice(80, None)  # an item must not find itself
    found = chain_report(
        [v[asked] for v in wide], [v[held] for v in wide], y[asked], y[held],
        independent={"v4": (best[0][asked], best[0][held])},
    )  # fmt: skip
    assert [len(row) for row in found.tests.values()] == [1, 2, 3, 4]
    assert all(gain.value > 0 for gain in found.gains.values())
    assert found.prices["v4"].value < 0
    assert "compatibility costs" in str(found)
    assert found.to_dict()["versions"] == ["v1", "v2", "v3", "v4"]


def test_chains_that_make_no_sense_are_refused():
    versions, y = _versions([1.0, 1.0])
    with pytest.raises(ArgumentError, match="two or more"):
        chain_report(versions[:1], versions[:1], y, y)
    with pytest.raises(ArgumentError, match="measure"):
        chain_report(versions, versions, y, y, measure="mrr")
    with pytest.raises(VectorError, match="dimensions"):
        chain_report([versions[0], versions[1][:, :3]], versions, y, y)


def test_the_reward_weighs_the_cross_test_with_the_cost():
    versions, y = _versions([0.5, 1.5])
    good, poor = (cross_reward(v, versions[0], y, y, cost={"phone": c}, devices={"phone": Device(10)})
                  for v, c in ((versions[0], 40), (versions[1], 5)))  # fmt: skip
    assert good.map.value > poor.map.value
    assert good.value == pytest.approx(good.map.value / 4)
    assert poor.value == poor.map.value
    with pytest.raises(ArgumentError, match="no cost on 'watch'"):
        cross_reward(versions[0], versions[0], y, y, devices={"watch": Device(1)})
    with pytest.raises(ArgumentError, match="budget=0"):
        Device(0)


@pytest.mark.parametrize("residual", [False, True])
def test_own_room_leaves_the_ranking_in_the_old_space_alone(residual):
    made = world(n=300, gallery=600, d_old=8, d_new=12)
    documents = made.gallery_new[made.answers]
    head = fit_head(made.queries_new, made.gallery_old[made.answers], epochs=4)
    room = fit_own_room(head, documents, weight=0.6, residual=residual)
    wide = room.apply(made.queries_new)
    assert wide.shape == (300, 20)
    np.testing.assert_allclose(np.linalg.norm(wide, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(
        unit(wide[:, : room.old_dimensions]), head.apply(made.queries_new), atol=1e-5
    )
    np.testing.assert_array_equal(
        room.for_old_index(made.queries_new), head.apply(made.queries_new)
    )
    with pytest.raises(ArgumentError, match="weight=1"):
        fit_own_room(head, documents, weight=1)
    with pytest.raises(VectorError, match="takes 12 dimensions"):
        fit_own_room(head, made.gallery_old)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"versions": ["a"]}, "2 different names"),
        ({"versions": ["a", "a"]}, "2 different names"),
        ({"confidence": 2}, "confidence=2"),
        ({"independent": {"v9": (np.eye(6), np.eye(6))}}, "independent names 'v9'"),
        ({"independent": {"v2": (np.eye(6)[:3], np.eye(6))}}, "the same queries"),
    ],
)
def test_a_chain_that_does_not_fit_is_refused(how, said):
    with pytest.raises(ArgumentError, match=said):
        chain_report([np.eye(6)] * 2, [np.eye(6)] * 2, range(6), range(6), **how)


@pytest.mark.parametrize("cost", [float("nan"), 0, -1])
def test_a_cost_is_above_zero(cost):
    with pytest.raises(ArgumentError, match="above 0"):
        cross_reward(np.eye(3), np.eye(3), range(3), range(3), cost={"p": cost})
