import pytest

from supersede.errors import NetworkError
from supersede.hardware import Block, Layer, Network, Shape, ibn, mobile_net

IMAGE = Shape(12, 10, 3)


def test_a_network_survives_json():
    net = mobile_net([Block(16), Block(24, stride=2, fused=True)], resolution=32)

    again = Network.from_json(net.to_json())

    assert again == net
    assert hash(again) == hash(net)
    assert again.fingerprint() == net.fingerprint()


def test_the_fingerprint_follows_the_description():
    net = mobile_net([Block(16)], resolution=32)

    assert net.with_layer("head", channels=8).fingerprint() != net.fingerprint()


def test_shapes_of_every_kind():
    net = Network(
        IMAGE,
        (
            Layer("conv", "conv", ("input",), 8, 3, 2),
            Layer("dw", "depthwise", ("conv",), kernel=5),
            Layer("sum", "add", ("conv", "dw"), activation="relu"),
            Layer("both", "concat", ("sum", "dw")),
            Layer("up", "transpose_conv", ("both",), 4, 4, 2),
            Layer("large", "upsample_bilinear", ("up",), stride=2),
            Layer("max", "max_pool", ("large",), kernel=3, stride=2, padding="valid"),
            Layer("mean", "global_avg_pool", ("max",)),
            Layer("gate", "activation", ("mean",), activation="sigmoid"),
            Layer("gated", "multiply", ("max", "gate")),
            Layer("classes", "dense", ("gated",), 7),
        ),
        outputs=("classes", "gated"),
    )

    assert net.shapes == {
        "input": (12, 10, 3),
        "conv": (6, 5, 8),
        "dw": (6, 5, 8),
        "sum": (6, 5, 8),
        "both": (6, 5, 16),
        "up": (12, 10, 4),
        "large": (24, 20, 4),
        "max": (11, 9, 4),
        "mean": (1, 1, 4),
        "gate": (1, 1, 4),
        "gated": (11, 9, 4),
        "classes": (1, 1, 7),
    }
    assert net.macs == 30 * 8 * 27 + 30 * 8 * 25 + 30 * 16 * 4 * 16 + 7 * 11 * 9 * 4
    assert net.parameters_of(net.layer("up")) == 4 * 4 * 4 * 16 + 4


def test_the_block_of_a_mobile_net_adds_its_input_only_where_shapes_agree():
    assert ibn("b", "x", (16, 96, 16))[-1].kind == "add"
    assert ibn("b", "x", (16, 96, 24))[-1].kind == "conv"
    assert ibn("b", "x", (16, 96, 16), stride=2)[-1].kind == "conv"


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"kind": "conv3d"}, "kind is 'conv3d', expected one of conv, depthwise"),
        ({"kind": "conv"}, "conv needs channels ≥ 1, got 0"),
        ({"kind": "depthwise", "channels": 8}, "depthwise takes its input's channels, got 8"),
        ({"kind": "add"}, "add reads 2 inputs, got 1"),
        ({"kind": "conv", "channels": 8, "stride": 0}, "whole numbers ≥ 1"),
        ({"kind": "conv", "channels": 8, "activation": "hard_swish"}, "of kind 'activation'"),
        ({"kind": "conv", "channels": 8, "padding": (1, 1)}, "expected four numbers"),
        (
            {"kind": "max_pool", "kernel": 2, "dilation": 2},
            "max_pool has no dilation here, got (2, 2)",
        ),
        ({"kind": "transpose_conv", "channels": 8, "dilation": 2}, "has no dilation"),
        ({"kind": "transpose_conv", "channels": 8, "stride": 2}, "smaller than its stride"),
        ({"kind": "activation"}, "expected one of relu, relu6, hard_swish, sigmoid"),
    ],
)
def test_an_impossible_layer_is_refused(layer, message):
    with pytest.raises(NetworkError, match="layer 'x'") as caught:
        Layer(**{"name": "x", "inputs": ("input",), **layer})
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((), "no layers"),
        ([Layer("a", "conv", ("b",), 8)], "reads 'b', which is not a layer before it"),
        ([Layer("a", "conv", ("input",), 8)] * 2, "'a' is there twice"),
        (
            [Layer("a", "conv", ("input",), 8), Layer("b", "add", ("a", "input"))],
            "needs inputs of the same shape, but 'a' has 12×10×8, 'input' has 12×10×3",
        ),
        ([Layer("a", "conv", ("input",), 8, 13, padding="valid")], "a kernel of 13×13 does not"),
    ],
)
def test_an_impossible_network_is_refused(layers, message):
    with pytest.raises(NetworkError) as caught:
        Network(IMAGE, layers)
    assert message in str(caught.value)


@pytest.mark.parametrize("size", [(0, 8, 3), (8, None, 3), (-1, 8, 3)])
def test_unknown_sizes_are_refused(size):
    with pytest.raises(NetworkError, match="must be known before"):
        Network(size, (Layer("a", "conv", ("input",), 8),))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"input": [8, 8, 3], "layers": [{"x": 1}]}']
)
def test_what_is_no_description_is_refused(text):
    with pytest.raises(NetworkError, match="no description of a network"):
        Network.from_json(text)
