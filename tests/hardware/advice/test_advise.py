import json
import math

import pytest

from supersede.hardware import (
    Block,
    Declared,
    EthosU,
    Layer,
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
    assert advice.change <= 0
    assert all(edit.joint <= 0 for edit in advice.taken)
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
    assert advice.change <= 0
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
