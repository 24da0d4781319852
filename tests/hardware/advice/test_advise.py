import json
import math

import pytest

from supersede.errors import ArgumentError
from supersede.hardware import (
    Block,
    Declared,
    Estimator,
    EthosU,
    Layer,
    Measurement,
    Network,
    Shape,
    advise,
    mobile_net,
)
from supersede.hardware.advice.edits import alignments, fusions, scaled, standards


def net(channels: int = 16) -> Network:
    blocks = [Block(channels, 6), Block(24, 6, stride=2), Block(24, 6), Block(96, 6, stride=2)]
    return mobile_net(blocks, resolution=96, head=64, classes=10)


@pytest.fixture(scope="module")
def wide():
    return advise(net(), EthosU("u85-1024"), granule=16)


def test_early_blocks_are_fused_on_wide_hardware(wide):
    fused = [edit.layers[0] for edit in wide.taken if edit.rule == "fuse"]
    assert "block0/expand" in fused
    assert wide.change < -0.2
    assert wide.advised.macs > wide.network.macs


def test_what_it_says_is_what_the_target_says(wide):
    target = EthosU("u85-1024")
    assert target.measure(wide.network) == wide.before
    assert target.measure(wide.advised) == wide.after


@pytest.mark.parametrize("accelerator", ["u55-128", "u55-256", "u65-512", "u85-256"])
def test_nothing_gets_slower_anywhere(accelerator):
    advice = advise(net(), EthosU(accelerator), granule=8)
    assert advice.change <= 1e-3
    assert all(edit.joint <= 1e-3 for edit in advice.taken)
    assert all(edit.alone >= 0 or not edit.gains or edit.rule == "fuse" for edit in advice.left)


def test_no_edit_is_proposed_where_multiply_adds_are_all_that_counts():
    target = Declared(lanes=1, clock=1e6, bandwidth=1e12, granule=1)
    advice = advise(net(), target, granule=1)
    assert advice.taken == ()
    assert advice.advised == advice.network
    assert "No edit" in advice.headline


def test_channels_are_aligned_where_that_is_free():
    target = Declared(lanes=256, clock=1e9, bandwidth=1e12, granule=16)
    advice = advise(net(17), target, granule=16)
    assert any("17 → 32" in edit.words for edit in (*advice.taken, *advice.left))
    assert advice.change <= 1e-3
    assert any(option.words == "channels down to multiples of 16" for option in advice.options)


def test_a_depthwise_and_a_pointwise_convolution_become_one():
    layers = (
        Layer("stem", "conv", ("input",), channels=16, kernel=3, stride=2),
        Layer("dw", "depthwise", ("stem",), kernel=3),
        Layer("pw", "conv", ("dw",), channels=32),
    )
    network = Network(Shape(64, 64, 3), layers)
    (edit,) = standards(network)
    joined = edit.apply(network)
    assert [layer.kind for layer in joined.layers] == ["conv", "conv"]
    assert joined.shapes["pw"] == network.shapes["pw"]
    advice = advise(network, EthosU("u85-1024"), granule=16)
    assert [v.rule for v in advice.taken] == ["standard"]


def test_what_others_read_is_not_fused_away():
    layers = (
        Layer("wide", "conv", ("input",), channels=16),
        Layer("dw", "depthwise", ("wide",), kernel=3),
        Layer("sum", "add", ("wide", "dw")),
    )
    assert list(fusions(Network(Shape(8, 8, 16), layers))) == []


def test_tied_channels_change_together():
    upwards, downwards = alignments(net(17), 8)
    groups = {edit.layers for edit in upwards}
    assert ("block1/project", "block2/project") not in groups  # 24 is on the granule
    assert ("block0/project",) in groups
    for edit in (*upwards, *downwards):
        assert edit.apply(net(17)).shapes["classes"].channels == 10


def test_results_and_concatenations_keep_their_channels():
    layers = (
        Layer("a", "conv", ("input",), channels=9),
        Layer("b", "conv", ("input",), channels=9),
        Layer("both", "concat", ("a", "b")),
        Layer("c", "conv", ("both",), channels=9),
    )
    network = Network(Shape(8, 8, 16), layers)
    assert alignments(network, 8) == ([], [])
    assert scaled(network, 0.5, 8) == network


def test_advice_is_written(wide, tmp_path):
    page = wide.save(tmp_path / "advice.html").read_text()
    assert "<title>Latency by layer, before and after</title>" in page
    record = json.loads(wide.save(tmp_path / "advice.json").read_text())
    assert record["change"] == wide.change
    again = Network.from_json(wide.save(tmp_path / "a.network.json").read_text())
    assert again == wide.advised
    assert "Train the network again" in str(wide)
    assert sum(bar.before for bar in wide.bars()) == pytest.approx(wide.before.seconds)
    assert sum(bar.after for bar in wide.bars()) == pytest.approx(wide.after.seconds)
    assert all(math.isnan(edit.joint) for edit in wide.left)


def test_an_estimator_advises_within_its_space():
    def sample(rng):
        blocks = [
            Block(
                int(rng.choice([16, 32])),
                int(rng.integers(3, 6)),
                stride=s,
                fused=bool(rng.integers(2)),
            )
            for s in (1, 2)
        ]
        return mobile_net(blocks, resolution=48, head=32, classes=10)

    chip = Declared(lanes=512, clock=1e9, bandwidth=2e9, granule=16, sram_bytes=2**20)
    estimator = Estimator.fit(chip, sample, budget=20)
    network = mobile_net([Block(16, 4), Block(32, 4, stride=2)], resolution=48, head=32, classes=10)
    advice = advise(network, estimator, granule=16)  # narrower networks lie outside; no error
    assert advice.change <= 1e-3


def test_work_that_moves_to_the_processor_is_no_gain():
    layers = (
        Layer("s", "conv", ("input",), 16, 3),
        Layer("e", "conv", ("s",), 96, activation="relu6"),
        Layer("d", "depthwise", ("e",), kernel=5, stride=4, activation="relu6"),
        Layer("p", "conv", ("d",), 16),
    )
    advice = advise(Network(Shape(64, 64, 16), layers), EthosU("u55-256"), granule=16)
    assert advice.before.on_cpu == advice.after.on_cpu == ("d",)
    assert all("d" not in edit.layers for edit in advice.taken)


def test_a_pointwise_layer_with_padding_is_not_joined():
    layers = (
        Layer("e", "conv", ("input",), 48, padding=(1, 1, 1, 1)),
        Layer("d", "depthwise", ("e",), kernel=3),
        Layer("p", "conv", ("d",), 16),
    )
    assert list(fusions(Network(Shape(16, 16, 8), layers))) == []


class Contrary:
    """Joining one block pays; joining several costs more than none."""

    def fingerprint(self) -> str:
        return "contrary"

    def measure(self, network: Network) -> Measurement:
        joined = sum(
            "fused" in layer.name or (layer.kernel != (1, 1) and layer.kind == "conv")
            for layer in network.layers
        )
        return Measurement((1.0, 1.0, 0.95, 1.3, 1.2)[min(joined, 4)])


def test_edits_that_lose_together_are_not_proposed_together():
    blocks = [Block(16, 6) for _ in range(3)]
    network = mobile_net(blocks, resolution=48, head=32, classes=10)
    advice = advise(network, Contrary(), granule=16)
    assert len(advice.taken) == 1
    assert advice.change == pytest.approx(-0.05)


def test_a_granule_is_a_number_of_channels():
    with pytest.raises(ArgumentError, match="granule=0"):
        advise(net(), EthosU("u55-128"), granule=0)
