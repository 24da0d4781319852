import numpy as np
import pytest

from supersede.errors import ArgumentError
from supersede.hardware import (
    Block,
    Layer,
    Network,
    Shape,
    mobile_net,
    peak_activations,
    random_quantised,
    to_tflite,
)
from tests.hardware.vela import compile_for


def net(*layers: Layer) -> Network:
    return Network(Shape(8, 8, 16), layers)


def test_what_a_later_layer_reads_stays_alive():
    network = net(
        Layer("a", "conv", ("input",), 16),
        Layer("b", "conv", ("a",), 32),
        Layer("c", "conv", ("b",), 16),
        Layer("d", "add", ("a", "c")),
    )

    peak = peak_activations(network)

    assert peak.alive == {"a": 1024, "b": 2048, "c": 1024}
    assert (peak.size, peak.layer) == (4096, "c")


def test_an_addition_writes_over_an_input():
    network = net(Layer("a", "conv", ("input",), 16), Layer("d", "add", ("input", "a")))

    assert peak_activations(network).size == 2 * 1024


def test_every_result_lives_to_the_end():
    layers = (Layer("a", "conv", ("input",), 16), Layer("b", "conv", ("a",), 16), Layer("c", "conv", ("b",), 16))  # fmt: skip
    both = Network(Shape(8, 8, 16), layers, outputs=("a", "c"))

    assert peak_activations(net(*layers)).size == 2 * 1024
    assert peak_activations(both).size == 3 * 1024


@pytest.mark.parametrize(("channels", "stored"), [(17, 32), (33, 48), (65, 80), (72, 80), (16, 16)])
def test_channels_are_stored_in_bricks(channels, stored):
    network = net(Layer("a", "conv", ("input",), channels), Layer("b", "conv", ("a",), 16))

    assert peak_activations(network).alive["a"] == 64 * stored
    assert peak_activations(network, brick=1).alive["a"] == 64 * channels
    assert peak_activations(network, bits=16).alive["a"] == 64 * stored * 2


def test_weights_of_the_layer_and_the_next_are_on_their_way():
    network = net(
        Layer("a", "conv", ("input",), 16),
        Layer("b", "conv", ("a",), 64, 3),
        Layer("pool", "global_avg_pool", ("b",)),
    )

    peak = peak_activations(network)

    assert (peak.layer, peak.weights) == ("b", 64 * 9 * 16 + 640)
    assert peak.with_weights == peak.size + peak.weights


def test_impossible_arguments_are_refused():
    with pytest.raises(ArgumentError, match="bits=4"):
        peak_activations(net(Layer("a", "conv", ("input",), 16)), bits=4)


@pytest.mark.parametrize("accelerator", ["EthosU55", "EthosU85"])
def test_the_compiler_needs_as_much(accelerator):
    rng = np.random.default_rng(1)
    alone, together = [], []
    for _ in range(12):
        blocks = [
            Block(int(rng.integers(10, 48)), int(rng.choice([3, 4, 6])), stride=s, fused=bool(rng.integers(2)))
            for s in (1, 2, 1, 2)
        ]  # fmt: skip
        network = mobile_net(blocks, resolution=96, head=64, classes=10)
        compiled = compile_for(accelerator, to_tflite(random_quantised(network)))
        peak = peak_activations(network)
        alone.append(peak.size / compiled.sram)
        together.append(peak.with_weights / compiled.sram)

    assert max(alone) <= 1  # it needs the activations at least
    assert np.median(np.abs(np.array(together) - 1)) < 0.01
