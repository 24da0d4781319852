"""Spaces: choices, edits, equal networks, and the networks of blocks."""

import numpy as np
import pytest

from supersede.errors import ArgumentError, SpaceError
from supersede.hardware import Declared
from supersede.search.architecture import (
    Choice,
    Classifier,
    Detector,
    Segmenter,
    Space,
    Stage,
    TargetCosts,
    TargetRules,
    block_space,
    cell_space,
    landscape,
    seven_blocks,
)
from supersede.search.architecture.rules import aligned_channels
from supersede.search.architecture.space import lasting

CHIP = Declared(lanes=256, clock=1e9, bandwidth=4e9, granule=16)


def small(head=None, **options):
    stages = [
        Stage((16, 32), ("ibn", "fused", "group", "standard"), depths=(1, 2), stride=2),
        Stage((32, 48), stride=2),
    ]
    return block_space(stages, head or Classifier(5), **options)


def test_every_candidate_has_a_network_and_the_same_choices():
    space = small(resolutions=(24, 32), widths=(0.5, 1.0))
    rng = np.random.default_rng(0)
    for _ in range(40):
        params = space.sample(rng)
        assert list(params) == [choice.name for choice in space.choices]
        assert space.network(params).input.height in {24, 32}


def test_kinds_of_blocks_are_what_they_say():
    space = small()
    params = space.sample(np.random.default_rng(1))
    kinds = {}
    for kind in ("ibn", "fused", "group", "standard"):
        net = space.network(
            space.edited(params, block0__kind=kind, block0__depth=1, block0__kernel=3)
        )
        kinds[kind] = [(x.kind, x.groups > 1) for x in net.layers if x.name.startswith("block0/")]
    assert kinds["ibn"] == [("conv", False), ("depthwise", False), ("conv", False)]
    assert kinds["fused"] == [("conv", False), ("conv", False)]
    assert kinds["group"] == [("conv", False), ("conv", True), ("conv", False)]
    assert kinds["standard"] == [("conv", False)]


def test_depth_repeats_a_block_and_width_scales_channels():
    space = small(widths=(0.5, 1.0))
    params = {**space.sample(np.random.default_rng(2)), "block0.kind": "ibn"}
    one, two = (space.network({**params, "block0.depth": n}) for n in (1, 2))
    assert len(two.layers) - len(one.layers) == 4  # with the addition of a residual block
    wide, thin = (space.network({**params, "width": w}) for w in (1.0, 0.5))
    assert thin.layer("stem").channels * 2 == wide.layer("stem").channels


def test_heads_give_what_their_task_needs():
    rng = np.random.default_rng(0)
    detector = small(Detector(3))
    net = detector.network(detector.sample(rng))
    assert [net.shapes[name] for name in net.outputs] == [(4, 4, 3), (4, 4, 4)]
    segmenter = small(Segmenter(4, output_strides=(2, 4)))
    params = segmenter.sample(rng)
    for stride in (2, 4):
        net = segmenter.network(segmenter.edited(params, head__output_stride=stride))
        assert net.shapes["classes"] == (32 // stride, 32 // stride, 4)


def test_equal_networks_have_one_key():
    space = small()
    params = {**space.sample(np.random.default_rng(3)), "block0.kind": "standard"}
    keys = {space.key({**params, "block0.expansion": e}) for e in (3, 4, 6)}
    assert len(keys) == 1  # a standard block has no expansion
    cells = cell_space()
    base = dict.fromkeys((f"edge{i}" for i in range(6)), "none") | {"edge3": "conv3x3"}
    assert cells.key(base) == cells.key({**base, "edge0": "conv1x1"})


def test_fingerprints_tell_spaces_apart():
    one, other = small(), small(resolutions=(24,))
    assert one.fingerprint() == small().fingerprint() != other.fingerprint()
    assert cell_space().fingerprint() != cell_space(pixels=16).fingerprint()


def test_a_space_can_be_limited_to_some_networks():
    cells = cell_space()
    params = cells.sample(np.random.default_rng(0))
    only = Space(cells.choices, cells.builder, frozenset({cells.key(params)}))
    assert only.belongs(params)
    assert only.key(only.sample(np.random.default_rng(1))) == cells.key(params)


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (lambda: Choice("a", ()), "no values"),
        (lambda: Choice("a", (1, 1)), "twice"),
        (lambda: Choice("a", (2, 1)), "ascending"),
        (lambda: Choice("a", ((1,),)), "numbers or words"),
        (lambda: Space((), None), "needs choices"),
        (lambda: Space((Choice("a", (1,)), Choice("a", (2,))), None), "different names"),
        (lambda: Space((Choice("a", (1,)),), None, frozenset()), "no network belongs"),
        (lambda: seven_blocks().choice("block9.kind"), "no choice 'block9.kind'"),
        (lambda: seven_blocks().limited(stem=[99]), "no value 99"),
        (lambda: seven_blocks().network({"stem": 16}), "resolution is None"),
        (lambda: seven_blocks().check({"nonsense": 1}), "no choice 'nonsense'"),
    ],
)
def test_mistakes_are_named(mistake, words):
    with pytest.raises(SpaceError, match=words):
        mistake()


def test_neighbours_in_a_space_of_listed_networks_belong_to_it():
    cells = cell_space()
    rng = np.random.default_rng(0)
    drawn = [cells.sample(rng) for _ in range(400)]
    few = Space(cells.choices, cells.builder, frozenset(cells.key(p) for p in drawn))
    for params in drawn[:20]:
        near = few.neighbour(params, rng)
        assert few.belongs(near)
    alone = Space(cells.choices, cells.builder, frozenset({"x"}))  # one function, many cells
    assert alone.belongs(alone.neighbour(alone.sample(rng), rng))


def test_no_neighbours_in_a_space_of_one():
    space = seven_blocks()
    one = space.limited(**{c.name.replace(".", "__"): c.values[:1] for c in space.choices})
    assert one.size == 1
    with pytest.raises(SpaceError, match="one candidate"):
        one.neighbour(one.sample(np.random.default_rng(0)), np.random.default_rng(0))


def test_a_space_with_few_networks_is_curated_by_measuring_them():
    stage = Stage((16, 24, 32), ("ibn", "fused"), (3,), (4,))
    space = block_space([stage], Classifier(4), resolutions=(16,))
    curated = space.curate(CHIP, granule=16, samples=40)
    assert curated.space.choice("block0.channels").values == (16, 32)
    assert 0 < curated.queries <= 12


def test_a_landscape_before_and_after_has_the_same_sweeps_and_fewer_steps(tmp_path):
    space = seven_blocks(channels=(16, 48))
    found = landscape(space.curate(CHIP, samples=20), CHIP, sweeps=2)
    assert [s[0] for s in found.sweeps] == [s[0] for s in found.after.sweeps]
    assert found.after.sweeps[0][1] == (16, 32, 48)
    assert found.after.rising > found.rising  # steps within a granule are free
    assert set(found.to_frame()["curation"].to_pylist()) == {"before", "after"}
    found.save(tmp_path / "l.html")
    page = (tmp_path / "l.html").read_text()
    assert page.count("svg.landscape") == 1
    assert page.count('class="new"') == 6
    with pytest.raises(ArgumentError, match="no landscape"):
        landscape(cell_space(), CHIP)


def test_rules_align_channels_and_ask_the_target():
    space, rng = seven_blocks(), np.random.default_rng(0)
    params = space.sample(rng)
    aligned = aligned_channels(space, params, rng)
    assert all(aligned[f"block{i}.channels"] % 16 == 0 for i in range(7))
    assert aligned_channels(space, aligned, rng) == aligned
    rules = TargetRules(TargetCosts(CHIP))
    edited = rules(space, params, rng)
    before, after = (CHIP.measure(space.network(p)).seconds for p in (params, edited))
    assert after < before
    assert " at 0x" not in lasting(rules)
