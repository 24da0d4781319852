import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch.nn import functional

from supersede.errors import ArgumentError, NetworkError
from supersede.hardware import (
    Layer,
    Network,
    Parameters,
    Shape,
    TrainedNetwork,
    equalised,
    ibn,
    quantisation_error,
    quantise,
    random_parameters,
    run,
    run_quantised,
    to_tflite,
    to_torch,
)
from supersede.hardware.formats.reference import from_steps, to_steps
from tests.hardware.litert import run_file

A = ("input",)


@pytest.fixture(scope="module")
def digits():
    """A network trained on digits, images of calibration, and held-out images with their labels."""
    x, y = load_digits(return_X_y=True)
    images = (x.reshape(-1, 8, 8, 1) / 16).astype(np.float32)
    network = Network(
        Shape(8, 8, 1),
        (
            Layer("stem", "conv", A, 16, 3, activation="relu6"),
            *ibn("a", "stem", (16, 48, 16)),
            *ibn("b", "a/add", (16, 64, 24), stride=2),
            Layer("pool", "global_avg_pool", ("b/project",)),
            Layer("classes", "dense", ("pool",), 10),
        ),
    )
    torch.manual_seed(0)
    module = to_torch(random_parameters(network), batch_norm=True)
    optimiser = torch.optim.Adam(module.parameters(), 5e-3)
    first, target = (
        torch.from_numpy(images[:1200].transpose(0, 3, 1, 2).copy()),
        torch.from_numpy(y),
    )
    for _ in range(6):
        for batch in torch.randperm(1200).split(64):
            optimiser.zero_grad()
            functional.cross_entropy(module(first[batch]), target[batch]).backward()
            optimiser.step()
    return module.trained(), images[:100], images[1200:], y[1200:]


def accuracy(scores, y):
    return float(np.mean(scores.reshape(len(y), -1).argmax(1) == y))


@pytest.mark.parametrize("bits", [8, 16])
def test_a_trained_network_keeps_its_accuracy_within_a_point(digits, bits):
    trained, calibration, images, y = digits
    before = accuracy(run(trained, images)["classes"], y)

    quantised = quantise(trained, calibration, bits=bits)
    given = to_steps(images, quantised.steps["input"], bits)
    after = accuracy(run_file(to_tflite(quantised), given)["classes"], y)

    assert before > 0.85  # or there is nothing to keep
    assert after >= before - 0.01
    # the reference stands for LiteRT where it is not installed
    reference = run_quantised(quantised, images)["classes"]
    assert accuracy(reference, y) == pytest.approx(after, abs=0.005)


def test_sixteen_bits_are_nearer_than_eight(digits):
    trained, calibration, images, _ = digits
    exact = run(trained, images)["classes"]
    errors = []
    for bits in (8, 16):
        quantised = quantise(trained, calibration, bits=bits)
        found = from_steps(run_quantised(quantised, images)["classes"], quantised.steps["classes"])
        errors.append(float(np.abs(found - exact).mean()))
    assert errors[1] < 0.8 * errors[0]  # what is left is the rounding of weights, which keep 8 bits


def net(*layers, outputs=()):
    return random_parameters(Network(Shape(4, 4, 3), layers, outputs))


IMAGES = np.random.default_rng(0).normal(0, 2, (6, 4, 4, 3))


def test_steps_cover_what_was_seen_and_hold_zero():
    images = np.abs(IMAGES) + 1
    steps = quantise(net(Layer("x", "conv", A, 4)), images).steps["input"]

    assert from_steps(np.array([steps.zero]), steps) == 0
    assert from_steps(np.array([-128, 127]), steps) == pytest.approx([0, images.max()], rel=1e-5)


def test_what_is_only_moved_keeps_its_steps():
    trained = net(
        Layer("a", "conv", A, 4),
        Layer("b", "max_pool", ("a",), kernel=2),
        Layer("c", "conv", A, 4, activation="relu6"),
        Layer("d", "concat", ("b", "c")),
    )
    steps = quantise(trained, IMAGES).steps

    assert steps["a"] == steps["b"] == steps["c"] == steps["d"] != steps["input"]


def test_a_sigmoid_keeps_its_steps():
    sigmoid = Layer("s", "activation", A, activation="sigmoid")

    apart = quantise(net(sigmoid, Layer("x", "max_pool", ("s",), kernel=2)), IMAGES)
    assert apart.steps["x"].scale == 1 / 256
    joined = quantise(net(sigmoid, Layer("x", "concat", ("s", "input"))), IMAGES)
    assert joined.steps["s"].scale == 1 / 256
    assert joined.steps["x"] == joined.steps["input"]


def test_channels_of_very_different_weights_each_keep_their_precision():
    trained = net(Layer("x", "conv", A, 4))
    kernel = trained.parameters["x"].kernel * np.float32([1e-4, 1, 100, 0]).reshape(4, 1, 1, 1)
    given = TrainedNetwork(trained.network, {"x": Parameters(kernel, np.float32([0, 0, 0, 5]))})

    weights = quantise(given, IMAGES).weights["x"]

    assert np.abs(weights.kernel[:3]).max((1, 2, 3)).tolist() == [127, 127, 127]
    assert not weights.kernel[3].any()
    error = np.abs(weights.kernel * weights.scales.reshape(4, 1, 1, 1) - kernel).max((1, 2, 3))
    assert (error <= weights.scales / 2 * 1.001).all()


def test_a_network_of_zeros_is_quantised():
    trained = net(Layer("x", "conv", A, 4))
    zeros = Parameters(np.zeros((4, 1, 1, 3), np.float32), np.zeros(4, np.float32))

    quantised = quantise(TrainedNetwork(trained.network, {"x": zeros}), IMAGES)

    steps = quantised.steps
    found = run_file(to_tflite(quantised), to_steps(IMAGES, steps["input"]))["x"]
    assert (from_steps(found, steps["x"]) == 0).all()


@pytest.mark.parametrize(
    ("images", "bits", "message"),
    [
        (np.zeros((2, 3, 4, 4)), 8, r"shape \(2, 3, 4, 4\), expected \(n, 4, 4, 3\): channels"),
        (np.zeros((0, 4, 4, 3)), 8, "there are no images"),
        (np.full((1, 4, 4, 3), np.nan), 8, "not finite"),
        ([[1.0], [1.0, 2.0]], 8, "images are not an array"),
        ([["a"]], 8, "expected numbers"),
        (np.full((1, 4, 4, 3), 1e300), 8, "not finite"),
        (np.full((1, 4, 4, 3), 3e38), 8, "'x' overflows 32-bit"),
        (IMAGES, 4, "bits is 4, expected 8 or 16"),
    ],
)
def test_bad_calibration_is_refused(images, bits, message):
    with pytest.raises(ArgumentError, match=message):
        quantise(
            net(Layer("x", "conv", A, 4, 3), Layer("y", "multiply", ("x", "x"))), images, bits=bits
        )


def test_lists_and_tensors_are_images():
    trained = net(Layer("x", "conv", A, 4))
    expected = quantise(trained, IMAGES)

    for images in (IMAGES.tolist(), torch.from_numpy(IMAGES)):
        found = quantise(trained, images)
        assert found.steps == expected.steps
        assert np.array_equal(
            run_quantised(found, images)["x"], run_quantised(expected, IMAGES)["x"]
        )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "layer 'x' has no weights"),
        ({"x": Parameters(np.zeros((4, 3)), np.zeros(4))}, r"expected \(4, 1, 1, 3\) and \(4,\)"),
        ({"x": Parameters(np.full((4, 1, 1, 3), np.inf), np.zeros(4))}, "not finite"),
        ({"x": Parameters(np.zeros((4, 1, 1, 3)), np.zeros(4)), "y": None}, "given for y"),
    ],
)
def test_weights_that_do_not_fit_are_refused(parameters, message):
    with pytest.raises(NetworkError, match=message):
        TrainedNetwork(Network(Shape(4, 4, 3), (Layer("x", "conv", A, 4),)), parameters)


def test_the_error_is_said_layer_by_layer(tmp_path):
    trained = net(Layer("a", "conv", A, 8, 3, activation="relu"), Layer("x", "conv", ("a",), 4, 3))
    quantised = quantise(trained, IMAGES)

    found = quantisation_error(trained, quantised, IMAGES)

    assert [layer.name for layer in found.layers] == ["a", "x"]
    assert found.outputs == found.layers[-1].error
    assert 0 < found.layers[0].own <= found.layers[0].error * 1.01
    assert quantisation_error(trained, quantise(trained, IMAGES, bits=16), IMAGES).outputs < 0.02
    assert found.wide(found.outputs * 2) == ()
    assert set(found.wide(found.outputs / 100)) == {"a", "x"}
    assert "<svg" in found.save(tmp_path / "e.html").read_text()
    assert len(found.to_frame()) == 2
    with pytest.raises(ArgumentError, match="limit=0"):
        found.wide(0)
    with pytest.raises(ArgumentError, match="the two networks differ"):
        quantisation_error(net(Layer("x", "conv", A, 4)), quantised, IMAGES)


def test_corrected_biases_bring_means_back():
    layers = [Layer("a", "conv", A, 6, 3, activation="relu6")]
    for i in range(4):
        before = layers[-1].name
        layers.append(Layer(f"d{i}", "depthwise", (before,), kernel=3, activation="relu6"))
        layers.append(Layer(f"p{i}", "conv", (f"d{i}",), 6, activation="relu6"))
    trained = net(*layers)
    plain, refined = (quantise(trained, IMAGES, refine=r) for r in (False, True))

    def moved(quantised):
        last = layers[-1].name
        found = from_steps(run_quantised(quantised, IMAGES)[last], quantised.steps[last])
        return np.abs((found - run(trained, IMAGES)[last]).mean((0, 1, 2))).sum()

    assert moved(refined) < 0.6 * moved(plain)
    assert run_file(to_tflite(refined), to_steps(IMAGES[:1], refined.steps["input"]))


def test_equalised_channels_compute_the_same_and_round_better():
    trained = net(
        Layer("a", "conv", A, 8, 3, activation="relu"),
        Layer("d", "depthwise", ("a",), kernel=3),
        Layer("x", "conv", ("d",), 4),
    )
    uneven = np.float32([1, 0.02, 1, 0.05, 1, 0.02, 1, 0.1]).reshape(8, 1, 1, 1)
    parameters = dict(trained.parameters)
    a, d = parameters["a"], parameters["d"]
    parameters["a"] = Parameters(a.kernel * uneven, a.bias)
    parameters["d"] = Parameters(d.kernel / uneven.reshape(1, 1, 1, 8), d.bias)
    trained = TrainedNetwork(trained.network, parameters)

    even = equalised(trained, IMAGES)

    assert run(even, IMAGES)["x"] == pytest.approx(run(trained, IMAGES)["x"], abs=1e-3)
    before = quantisation_error(trained, quantise(trained, IMAGES), IMAGES).outputs
    after = quantisation_error(even, quantise(even, IMAGES), IMAGES).outputs
    assert after < 0.7 * before
