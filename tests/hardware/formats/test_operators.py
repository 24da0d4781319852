"""Single operators: LiteRT and the compiler take the files, and agree with numpy within one step."""

import numpy as np
import pytest

from supersede.hardware import (
    Network,
    Shape,
    quantise,
    random_parameters,
    to_tflite,
)
from supersede.hardware.description.trained import Parameters, TrainedNetwork
from supersede.hardware.formats.reference import apply_quantised, to_steps
from tests.hardware.litert import run_file
from tests.hardware.operators import ISLANDS, OPERATORS
from tests.hardware.vela import compile_for

EIGHT_BITS_ONLY = {"relu", "relu6", "hard swish", "gelu", "prelu"}
TABLES = {("tanh", 16), ("softmax", 16), ("exp", 16)}  # looked up and interpolated there
EVERY = OPERATORS | ISLANDS


def quantised_of(name: str, bits: int):
    rng = np.random.default_rng(0)
    trained = random_parameters(
        Network(
            Shape(8, 10, 5),
            EVERY[name],
            [layer.name for layer in EVERY[name] if layer.kind != "constant"],
        )
    )
    # biases, and channels of very different weights
    parameters = {
        layer: Parameters(
            p.kernel * rng.uniform(0.05, 2, p.kernel.shape).astype(np.float32),
            rng.normal(0, 0.5, p.bias.shape).astype(np.float32),
        )
        for layer, p in trained.parameters.items()
    }
    images = rng.normal(0, 2.5, (12, 8, 10, 5))
    return quantise(TrainedNetwork(trained.network, parameters), images, bits=bits), images


@pytest.mark.parametrize("reference", [False, True], ids=["fast", "reference"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("name", EVERY)
def test_litert_agrees_within_one_step(name, bits, reference):
    if bits == 16 and name in EIGHT_BITS_ONLY:
        pytest.skip("the format has no such operator")
    quantised, images = quantised_of(name, bits)

    values = {"input": to_steps(images, quantised.steps["input"], bits)}
    values |= run_file(to_tflite(quantised), values["input"], reference=reference)

    for layer in quantised.network.layers:
        if layer.kind == "constant":
            values[layer.name] = apply_quantised(quantised, layer, [])
            continue
        inputs = [values[name] for name in layer.inputs]  # of LiteRT, so that errors do not add up
        expected = apply_quantised(quantised, layer, inputs).astype(int)
        found = values[layer.name]
        steps = 4 if (layer.activation, bits) in TABLES else 1
        assert np.abs(found - expected).max() <= steps
        assert len(np.unique(found)) > 10  # what is all cut off would agree with anything


@pytest.mark.parametrize("accelerator", ["EthosU55", "EthosU85"])
@pytest.mark.parametrize("name", OPERATORS)
def test_the_compiler_takes_every_operator(name, accelerator):
    quantised, _ = quantised_of(name, 8)

    compiled = compile_for(accelerator, to_tflite(quantised))

    assert compiled.cpu_operators == 0
    assert compiled.cycles > 0


@pytest.mark.parametrize("name", ISLANDS)
def test_the_compiler_leaves_floating_point_to_the_processor(name):
    quantised, _ = quantised_of(name, 8)

    compiled = compile_for("EthosU85", to_tflite(quantised))

    assert compiled.cpu_operators > 0
