"""Single operators: LiteRT and the compiler take the files, and agree with numpy within one step."""

import numpy as np
import pytest

from supersede.hardware import (
    Layer,
    Network,
    Shape,
    quantise,
    random_parameters,
    to_tflite,
)
from supersede.hardware.reference import apply_quantised, to_steps
from supersede.hardware.trained import Parameters, TrainedNetwork
from tests.hardware.litert import run_file
from tests.hardware.vela import compile_for

A = ("input",)
ONE = {
    "pointwise": [Layer("x", "conv", A, 33)],
    "conv": [Layer("x", "conv", A, 17, 3, activation="relu")],
    "conv at stride 2": [Layer("x", "conv", A, 65, 3, 2, activation="relu6")],
    "conv padded as torch does": [Layer("x", "conv", A, 72, 3, 2, padding=(1, 1, 1, 1))],
    "conv without padding": [Layer("x", "conv", A, 8, (3, 5), padding="valid")],
    "dilated conv": [Layer("x", "conv", A, 8, 3, dilation=2)],
    "depthwise": [Layer("x", "depthwise", A, kernel=3, activation="relu6")],
    "depthwise at stride 2": [Layer("x", "depthwise", A, kernel=5, stride=2)],
    "transposed": [Layer("x", "transpose_conv", A, 6, 2, 2)],
    "transposed and cropped": [Layer("x", "transpose_conv", A, 6, 4, 2)],
    "dense": [Layer("x", "dense", A, 10)],
    "dense after dense": [Layer("a", "dense", A, 10, activation="relu"), Layer("x", "dense", ("a",), 4)],
    "add": [Layer("a", "conv", A, 5), Layer("x", "add", ("a", "input"), activation="relu")],
    "multiply": [Layer("a", "conv", A, 5), Layer("x", "multiply", ("a", "input"))],
    "gate": [
        Layer("a", "dense", A, 5),
        Layer("b", "activation", ("a",), activation="sigmoid"),
        Layer("x", "multiply", ("input", "b")),
    ],
    "concat": [Layer("a", "conv", A, 7), Layer("x", "concat", ("a", "input"))],
    "max pool": [Layer("x", "max_pool", A, kernel=3, stride=2)],
    "average pool": [Layer("x", "avg_pool", A, kernel=2, stride=2, padding="valid")],
    "average pool at the border": [Layer("x", "avg_pool", A, kernel=3)],
    "average pool with zeros": [Layer("x", "avg_pool", A, kernel=3, padding=(1, 1, 1, 1))],
    "mean": [Layer("x", "global_avg_pool", A)],
    "nearest": [Layer("x", "upsample_nearest", A, stride=2)],
    "bilinear": [Layer("x", "upsample_bilinear", A, stride=2)],
    "relu": [Layer("x", "activation", A, activation="relu")],
    "relu6": [Layer("x", "activation", A, activation="relu6")],
    "hard swish": [Layer("x", "activation", A, activation="hard_swish")],
    "sigmoid": [Layer("x", "activation", A, activation="sigmoid")],
}  # fmt: skip
EIGHT_BITS_ONLY = {"relu", "relu6", "hard swish"}


def quantised_of(name: str, bits: int):
    rng = np.random.default_rng(0)
    trained = random_parameters(
        Network(Shape(8, 10, 5), ONE[name], [layer.name for layer in ONE[name]])
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
@pytest.mark.parametrize("name", ONE)
def test_litert_agrees_within_one_step(name, bits, reference):
    if bits == 16 and name in EIGHT_BITS_ONLY:
        pytest.skip("the format has no such operator")
    quantised, images = quantised_of(name, bits)

    values = {"input": to_steps(images, quantised.steps["input"], bits)}
    values |= run_file(to_tflite(quantised), values["input"], reference=reference)

    for layer in quantised.network.layers:
        inputs = [values[name] for name in layer.inputs]  # of LiteRT, so that errors do not add up
        expected = apply_quantised(quantised, layer, inputs).astype(int)
        found = values[layer.name]
        assert np.abs(found - expected).max() <= 1
        assert len(np.unique(found)) > 10  # what is all cut off would agree with anything


@pytest.mark.parametrize("accelerator", ["EthosU55", "EthosU85"])
@pytest.mark.parametrize("name", ONE)
def test_the_compiler_takes_every_operator(name, accelerator):
    quantised, _ = quantised_of(name, 8)

    compiled = compile_for(accelerator, to_tflite(quantised))

    assert compiled.cpu_operators == 0
    assert compiled.cycles > 0
