"""Whole files: LiteRT runs them, Arm's compiler takes them."""

import numpy as np
import pytest

from supersede.errors import NetworkError
from supersede.hardware import (
    Block,
    Layer,
    Network,
    Shape,
    mobile_net,
    quantise,
    random_parameters,
    random_quantised,
    run_quantised,
    to_tflite,
)
from tests.hardware.litert import run_file
from tests.hardware.vela import compile_for

A = ("input",)
BRANCHES = Network(
    Shape(24, 24, 3),
    (
        Layer("stem", "conv", A, 17, 3, 2, activation="relu"),
        Layer("left", "conv", ("stem",), 33, 3, padding=(1, 1, 1, 1)),
        Layer("right", "depthwise", ("stem",), kernel=3, dilation=2),
        Layer("both", "concat", ("left", "right")),
        Layer("up", "transpose_conv", ("both",), 65, 2, 2),
        Layer("squeeze", "global_avg_pool", ("up",)),
        Layer("gate", "dense", ("squeeze",), 65),
        Layer("open", "activation", ("gate",), activation="sigmoid"),
        Layer("gated", "multiply", ("up", "open")),
        Layer("mask", "conv", ("gated",), 72),
        Layer("classes", "dense", ("gate",), 5),
    ),
    outputs=("mask", "classes"),
)


@pytest.mark.parametrize("bits", [8, 16])
def test_branches_and_several_outputs_run(bits):
    images = np.random.default_rng(0).normal(size=(4, 24, 24, 3))
    quantised = quantise(random_parameters(BRANCHES), images, bits=bits)

    expected = run_quantised(quantised, images)
    found = run_file(to_tflite(quantised), expected["input"])

    assert list(found) == ["mask", "classes"]
    for name, values in found.items():
        # a step more or less in each of several layers
        assert np.abs(values.astype(int) - expected[name]).max() <= (4 if bits == 8 else 40)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("accelerator", ["EthosU55", "EthosU65", "EthosU85"])
def test_all_of_it_runs_on_the_accelerator(accelerator, bits):
    compiled = compile_for(accelerator, to_tflite(random_quantised(BRANCHES, bits=bits)))

    assert compiled.cpu_operators == 0


@pytest.mark.parametrize("channels", [17, 33, 65, 72])
def test_channels_off_the_granule_compile(channels):
    network = mobile_net(
        [Block(channels), Block(channels, fused=True)], resolution=32, head=channels
    )

    compiled = compile_for("EthosU85", to_tflite(random_quantised(network)))

    assert compiled.cpu_operators == 0


def test_rows_of_the_compiler_bear_the_layers_names():
    network = mobile_net([Block(16), Block(24, stride=2)], resolution=32, head=32, classes=5)

    compiled = compile_for("EthosU55", to_tflite(random_quantised(network)))

    names = {row[4].removesuffix("_intermediate") for row in compiled.rows}
    assert names == {layer.name for layer in network.layers}


def test_what_falls_back_to_the_processor_can_be_seen(capfd):
    network = Network(
        Shape(24, 24, 8),
        (Layer("far", "depthwise", A, kernel=5, stride=4), Layer("near", "conv", ("far",), 8)),
    )

    compiled = compile_for("EthosU55", to_tflite(random_quantised(network)))

    assert compiled.cpu_operators == 1
    assert [row[4] for row in compiled.rows if row[3] == "Passthrough"] == ["far"]
    assert "Kernel stride must be in the range (1,3)" in capfd.readouterr().out


def test_the_same_network_gives_the_same_bytes():
    network = mobile_net([Block(16)], resolution=32, head=32, classes=5)

    assert to_tflite(random_quantised(network, 1)) == to_tflite(random_quantised(network, 1))
    assert to_tflite(random_quantised(network, 1)) != to_tflite(random_quantised(network, 2))


def test_what_the_format_lacks_with_sixteen_bits_is_refused():
    network = Network(Shape(8, 8, 3), (Layer("x", "activation", A, activation="hard_swish"),))
    with pytest.raises(NetworkError, match="no HARD_SWISH with 16-bit activations"):
        to_tflite(random_quantised(network, bits=16))
