"""What holds of every network of inverted bottlenecks."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hardware.litert import run_file

from supersede.hardware import (
    Block,
    Network,
    from_onnx,
    mobile_net,
    peak_activations,
    quantise,
    random_parameters,
    run,
    run_quantised,
    to_onnx,
    to_tflite,
)
from supersede.hardware.formats.reference import from_steps

blocks = st.builds(
    Block,
    channels=st.integers(2, 24),
    expansion=st.sampled_from([1, 1.5, 3]),
    kernel=st.sampled_from([3, 5]),
    stride=st.sampled_from([1, 2]),
    fused=st.booleans(),
)
networks = st.builds(
    mobile_net,
    st.lists(blocks, min_size=1, max_size=3),
    resolution=st.integers(5, 21),
    stem=st.integers(2, 8),  # of one channel, a depthwise convolution is a standard one
    head=st.integers(1, 16),
    classes=st.integers(1, 5),
    activation=st.sampled_from(["relu", "relu6"]),
)


@settings(max_examples=60, deadline=None)
@given(networks)
def test_a_description_survives_json(network):
    again = Network.from_json(network.to_json())

    assert again == network
    assert again.fingerprint() == network.fingerprint()


@settings(max_examples=60, deadline=None)
@given(networks)
def test_counts_are_sums_over_layers(network):
    trained = random_parameters(network)

    assert network.macs == sum(network.macs_of(layer) for layer in network.layers)
    assert network.parameters == sum(
        p.kernel.size + p.bias.size for p in trained.parameters.values()
    )


@settings(max_examples=60, deadline=None)
@given(networks)
def test_the_peak_holds_what_any_layer_needs(network):
    peak = peak_activations(network, brick=1)

    assert peak.size <= sum(shape.size for shape in network.shapes.values())
    for layer in network.layers:
        needed = sum(network.shapes[name].size for name in layer.inputs)
        if layer.kind != "add":
            needed += network.shapes[layer.name].size
        assert peak.size >= needed
    assert peak_activations(network, brick=16).size >= peak.size
    assert peak_activations(network, brick=1, bits=16).size == 2 * peak.size


@settings(max_examples=15, deadline=None)
@given(networks, st.integers(0, 2**16))
def test_files_hold_the_same_network(tmp_path_factory, network, seed):
    trained = random_parameters(network, seed)
    images = np.random.default_rng(seed).normal(size=(4, *network.input)).astype(np.float32)
    exact = run(trained, images)["classes"]

    again = from_onnx(to_onnx(trained, tmp_path_factory.mktemp("onnx") / "net.onnx"))
    quantised = quantise(trained, images)
    whole = run_quantised(quantised, images)
    found = run_file(to_tflite(quantised), whole["input"])["classes"].reshape(exact.shape)

    assert again.network == network
    assert np.allclose(run(again, images)["classes"], exact)
    steps = quantised.steps["classes"]
    error = np.abs(
        from_steps(found, steps) - from_steps(whole["classes"].reshape(exact.shape), steps)
    )
    assert error.max() <= 4 * steps.scale  # a step in each of several layers
