"""Edits that keep the weights: the same outputs from another network."""

import numpy as np
import pytest

from supersede.errors import ArgumentError
from supersede.hardware import (
    Block,
    EthosU,
    Layer,
    Measurement,
    MemoryBudget,
    Network,
    Shape,
    advise,
    mobile_net,
    quantise,
    random_parameters,
    run_quantised,
)
from supersede.hardware.advice.advise import outputs_difference
from supersede.hardware.advice.judge import TargetJudge
from supersede.hardware.advice.preserving import carried, preserving, widenings
from supersede.hardware.advice.search import alone, chosen, jointly
from supersede.hardware.advice.whole_numbers import requantised, steps_apart
from supersede.hardware.description.trained import Parameters, TrainedNetwork

A = ("input",)


def trained_of(*layers: Layer, size: tuple[int, int, int] = (12, 10, 6)) -> TrainedNetwork:
    trained = random_parameters(Network(Shape(*size), layers))
    rng = np.random.default_rng(1)
    return TrainedNetwork(
        trained.network,
        {
            name: Parameters(p.kernel, rng.normal(0, 0.3, p.bias.shape).astype(np.float32))
            for name, p in trained.parameters.items()
        },
    )


CASES = {
    "depthwise and pointwise": [Layer("a", "depthwise", A, kernel=3, stride=2), Layer("b", "conv", ("a",), 9)],
    "two pointwise": [Layer("a", "conv", A, 4), Layer("b", "conv", ("a",), 9, activation="relu")],
    "three by three and pointwise": [Layer("a", "conv", A, 4, 3, padding=(1, 1, 1, 1)), Layer("b", "conv", ("a",), 9)],
    "pointwise and an unpadded window": [Layer("a", "conv", A, 4), Layer("b", "conv", ("a",), 9, 3, padding="valid")],
    "pointwise and depthwise": [Layer("a", "conv", A, 4), Layer("b", "depthwise", ("a",), kernel=3, padding="valid")],
    "branches": [Layer("a", "conv", A, 6, 3), Layer("b", "conv", A, 6), Layer("c", "add", ("a", "b"), activation="relu")],
    "a branch at stride 2": [Layer("a", "conv", A, 6, 3, 2, padding=(1, 1, 1, 1)), Layer("b", "conv", A, 6, 1, 2, padding="valid"), Layer("c", "add", ("a", "b"))],
    "the value itself": [Layer("a", "depthwise", A, kernel=5), Layer("c", "add", ("input", "a"))],
    "densified": [Layer("a", "depthwise", A, kernel=3, activation="relu6"), Layer("b", "activation", ("a",), activation="hard_swish")],
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_every_edit_keeps_the_outputs(name):
    trained = trained_of(*CASES[name])
    edits = list(preserving(trained))
    assert edits
    for edit in edits:
        edited = carried(trained, [edit])
        assert edited.network == edit.apply(trained.network)
        assert len(edited.network.layers) < len(trained.network.layers) or edit.rule == "densify"
        assert outputs_difference(trained, edited) < 1e-5


def test_a_bias_that_zeros_would_cut_off_is_not_composed():
    layers = [Layer("a", "conv", A, 4), Layer("b", "conv", ("a",), 9, 3)]
    assert [edit.rule for edit in preserving(trained_of(*layers))] == []
    unbiased = random_parameters(Network(Shape(12, 10, 6), layers))
    (edit,) = preserving(unbiased)
    assert outputs_difference(unbiased, carried(unbiased, [edit])) < 1e-5


def test_what_others_read_or_an_activation_separates_is_not_composed():
    read = [Layer("a", "conv", A, 6), Layer("b", "conv", ("a",), 6), Layer("c", "add", ("a", "b"))]
    assert [e.rule for e in preserving(trained_of(*read))] == ["merge"]
    apart = [Layer("a", "conv", A, 6, activation="relu"), Layer("b", "conv", ("a",), 6)]
    assert list(preserving(trained_of(*apart))) == []


def test_edits_after_each_other_leave_alone_what_no_longer_fits():
    layers = [
        Layer("a", "depthwise", A, kernel=3),
        Layer("b", "conv", ("a",), 8),
        Layer("c", "depthwise", ("b",), kernel=3, padding="valid"),
        Layer("d", "conv", ("c",), 8),
    ]
    trained = trained_of(*layers)
    edited = carried(trained, list(preserving(trained)))
    assert outputs_difference(trained, edited) < 1e-5


@pytest.mark.parametrize("granule", [8, 16])
def test_wider_channels_change_nothing(granule):
    blocks = [Block(17, 3), Block(21, 3, stride=2), Block(21, 3)]
    net = mobile_net(blocks, resolution=24, stem=9, head=33, classes=5, activation="relu6")
    hidden = [
        *net.layers[:-2],
        Layer("flat", "dense", (net.layers[-3].name,), 19, activation="relu"),
    ]
    trained = trained_of(*hidden, Layer("out", "dense", ("flat",), 5), size=(24, 24, 3))
    edits = widenings(trained.network, granule)
    edited = carried(trained, edits)
    assert len(edits) >= 5
    assert all(x.channels % granule == 0 for x in edited.network.layers[:-1])
    assert outputs_difference(trained, edited) < 1e-5


def test_channels_that_something_counts_stay():
    layers = [
        Layer("a", "conv", A, 9),
        Layer("n", "layer_norm", ("a",), value=1e-5),
        Layer("b", "conv", ("n",), 9, groups=3),
        Layer("c", "conv", ("b",), 9),
        Layer("r", "rearrange", ("c",), size=(12, 10, 9), split=(120, 3, 3), order=(0, 2, 1)),
    ]
    assert widenings(Network(Shape(12, 10, 6), layers), 8) == []


BRANCHED = [
    Layer("stem", "conv", A, 24, 3, 2, activation="relu"),
    Layer("three", "conv", ("stem",), 24, 3),
    Layer("one", "conv", ("stem",), 24),
    Layer("sum", "add", ("three", "one"), activation="relu"),
    Layer("pool", "global_avg_pool", ("sum",)),
    Layer("classes", "dense", ("pool",), 10),
]


@pytest.fixture(scope="module")
def branched():
    trained = trained_of(*BRANCHED, size=(48, 48, 3))
    return trained, advise(trained, EthosU("u85-512"), granule=16)


def test_advice_says_apart_what_needs_no_training(branched):
    trained, advice = branched
    assert advice.kept is not None
    assert advice.kept.difference < 1e-5
    assert advice.kept.after.seconds < advice.before.seconds
    assert outputs_difference(trained, advice.kept.trained) == advice.kept.difference
    assert "keep the weights" in str(advice)
    assert "without training" in advice.to_html()
    assert advice.to_dict()["kept"]["difference"] == advice.kept.difference


def test_without_weights_nothing_is_kept():
    network = trained_of(*BRANCHED, size=(48, 48, 3)).network
    assert advise(network, EthosU("u85-512"), granule=16).kept is None


def test_whole_numbers_follow_the_edit(branched):
    trained, advice = branched
    images = np.random.default_rng(0).normal(size=(12, 48, 48, 3))
    before = quantise(trained, images)
    after = requantised(before, advice.kept.trained)
    most, mean = steps_apart(before, after)
    assert most <= 6
    assert mean < 2
    assert run_quantised(after, images[:1])


def test_the_front_is_one_of_latency_and_memory(branched):
    front = branched[1].front
    assert [o.seconds for o in front] == sorted(o.seconds for o in front)
    sizes = [o.peak_bytes for o in front]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(sizes)


def test_a_budget_chooses_a_smaller_network():
    blocks = [Block(16, 6), Block(24, 6, stride=2), Block(24, 6)]
    net = mobile_net(blocks, resolution=64, head=32, classes=10)
    target = EthosU("u55-128")  # where fusing costs time and saves memory
    free = advise(net, target, granule=8)
    limit = free.after.peak_bytes - 1
    tight = advise(net, target, granule=8, max_sram=limit)
    assert tight.fits
    assert tight.after.peak_bytes <= limit
    hopeless = advise(net, target, granule=8, max_sram=1000)
    assert not hopeless.fits
    assert "over the budget" in str(hopeless)


def test_budgets_are_checked():
    with pytest.raises(ArgumentError, match="max_sram is 0"):
        MemoryBudget(sram=0)
    with pytest.raises(ArgumentError, match="does not say how much"):
        MemoryBudget(sram=10).refuse_unknown(Measurement(1.0))


class Layers:
    """A judge that counts layers: a search needs no target."""

    def costs(self, networks):
        return [Measurement(len(network.layers)) for network in networks]

    def better(self, after, before, *, allowance=0.0):
        return len(after.layers) < len(before.layers)


def test_a_search_takes_any_judge():
    trained = trained_of(*CASES["branches"])
    edits = list(preserving(trained))
    judge = Layers()
    assert all(v.gains for v in alone(judge, trained.network, edits).values())
    taken = chosen(judge, trained.network, jointly(judge, trained.network, edits))
    assert [edit.rule for edit in taken] == ["merge"]
    known = TargetJudge(EthosU("u55-128"))
    assert known.costs([trained.network, trained.network])[0] is not None
    assert len(known.known) == 1
