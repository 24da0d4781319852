import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from supersede.errors import ArgumentError, NetworkError, NetworkFileError, UnsupportedOperatorError
from supersede.hardware import (
    Block,
    EthosU,
    Network,
    Shape,
    from_onnx,
    mobile_net,
    random_parameters,
    run,
    to_onnx,
)
from supersede.hardware.description.trained import Parameters, TrainedNetwork
from tests.hardware.operators import OPERATORS


def trained_of(network: Network) -> TrainedNetwork:
    rng = np.random.default_rng(0)
    trained = random_parameters(network)
    return TrainedNetwork(
        network,
        {
            name: Parameters(p.kernel, rng.normal(0, 0.3, p.bias.shape).astype(np.float32))
            for name, p in trained.parameters.items()
        },
    )


def outputs_of(path, images):
    options = onnxruntime.SessionOptions()
    # optimised, it fuses zeros that a Pad adds into a maximum's own padding, which is no zeros
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return session.run(None, {name: images.transpose(0, 3, 1, 2)})


@pytest.mark.parametrize("name", OPERATORS)
def test_onnxruntime_agrees_and_the_file_reads_back(name, tmp_path):
    trained = trained_of(Network(Shape(8, 10, 5), OPERATORS[name]))
    images = np.random.default_rng(1).normal(0, 2, (3, 8, 10, 5)).astype(np.float32)

    path = to_onnx(trained, tmp_path / "net.onnx")
    (found,) = outputs_of(path, images)
    again = from_onnx(path)

    expected = run(trained, images)["x"]
    assert found.transpose(0, 2, 3, 1) == pytest.approx(expected, abs=1e-4)
    assert [layer.kind for layer in again.network.layers] == [
        layer.kind for layer in trained.network.layers
    ]
    out = again.network.outputs[0]
    assert run(again, images)[out] == pytest.approx(expected, abs=1e-5)


def test_a_mobile_net_reads_back(tmp_path):
    net = mobile_net(
        [Block(16), Block(24, stride=2, fused=True)], resolution=32, head=32, classes=5
    )

    path = to_onnx(random_parameters(net), tmp_path / "net.onnx")

    onnx.checker.check_model(onnx.load(path), full_check=True)
    assert from_onnx(path).network == net


def save(path, nodes, *, shape=("n", 3, 8, 8), constants=(), out=("n", "a", "b", "c"), opset=17):
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, out)],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, path)
    return path


def kernel(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_operators_without_a_layer_are_named_and_counted(tmp_path):
    nodes = [
        helper.make_node("Softmax", ["image"], ["a"]),
        helper.make_node("Erf", ["a"], ["b"]),
        helper.make_node("Elu", ["b"], ["c"]),
        helper.make_node("Erf", ["c"], ["out"]),
    ]
    with pytest.raises(UnsupportedOperatorError) as caught:
        from_onnx(save(tmp_path / "m.onnx", nodes))
    assert "Elu (1), Erf (2)" in str(caught.value)


def test_operators_without_a_layer_can_be_left_to_the_processor(tmp_path):
    nodes = [
        helper.make_node("Conv", ["image", "k"], ["a"]),
        helper.make_node("Elu", ["a"], ["b"], "odd"),
        helper.make_node("Conv", ["b", "l"], ["out"]),
    ]
    constants = [("k", kernel(8, 3, 3, 3)), ("l", kernel(4, 8, 1, 1))]
    path = save(tmp_path / "m.onnx", nodes, constants=constants)

    network = from_onnx(path, unknown="processor").network

    assert [(layer.kind, layer.operator) for layer in network.layers] == [
        ("conv", ""), ("processor", "Elu"), ("conv", ""),
    ]  # fmt: skip
    assert EthosU("u55-128").measure(network).on_cpu == ("odd",)


def test_free_sizes_can_be_given(tmp_path):
    node = helper.make_node("Relu", ["image"], ["out"])
    path = save(tmp_path / "m.onnx", [node], shape=("n", 3, "h", "w"))
    assert from_onnx(path, size=(16, 24)).network.input == (16, 24, 3)
    with pytest.raises(ArgumentError, match="a height and a width"):
        from_onnx(path, size=(0, 24))
    fixed = save(tmp_path / "f.onnx", [node])
    with pytest.raises(ArgumentError, match="image is 8×8"):
        from_onnx(fixed, size=(16, 24))


@pytest.mark.parametrize("shape", [("n", 3, "h", "w"), ("n", 3, 8, None), ("n", "c", 8, 8)])
def test_free_sizes_are_refused(shape, tmp_path):
    path = save(tmp_path / "m.onnx", [helper.make_node("Relu", ["image"], ["out"])], shape=shape)
    with pytest.raises(NetworkError, match=r"free sizes .*; give `size`"):
        from_onnx(path)


@pytest.mark.parametrize("content", [b"", b"\x08\x08\x12", b"not a model", bytes(range(256)) * 20])
def test_damaged_files_are_refused(content, tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(NetworkFileError, match=r"m\.onnx is damaged or no ONNX file"):
        from_onnx(path)


def test_a_truncated_file_is_refused(tmp_path):
    net = mobile_net([Block(16)], resolution=32, head=32, classes=5)
    path = to_onnx(random_parameters(net), tmp_path / "m.onnx")
    path.write_bytes(path.read_bytes()[:-700])
    with pytest.raises(NetworkFileError):
        from_onnx(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(NetworkFileError, match="there is no file"):
        from_onnx(tmp_path / "none.onnx")


@pytest.mark.parametrize(
    ("node", "constants", "message"),
    [
        (helper.make_node("Conv", ["image", "k"], ["out"], auto_pad="SAME_LOWER"), [("k", kernel(4, 3, 2, 2))], "SAME_LOWER"),
        (helper.make_node("ConvTranspose", ["image", "k"], ["out"], strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]), [("k", kernel(3, 4, 3, 3))], "crops (1, 0, 1, 0)"),
        (helper.make_node("Clip", ["image", "", "top"], ["out"]), [("top", np.float32(1))], "clipped to (-inf, 1.0)"),
        (helper.make_node("MaxPool", ["image"], ["out"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]), [], "may be negative"),
        (helper.make_node("MaxPool", ["image"], ["out"], kernel_shape=[2, 2], dilations=[2, 2]), [], "operator MaxPool 'out': a dilated window"),
        (helper.make_node("AveragePool", ["image"], ["out"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]), [], "does not count"),
        (helper.make_node("Concat", ["image", "image"], ["out"], axis=0), [], "along the batch"),
        (helper.make_node("ReduceMean", ["image"], ["out"], axes=[0]), [], "along the batch"),
        (helper.make_node("Add", ["image", "k"], ["out"]), [("k", kernel(3))], "unknown size"),
        (helper.make_node("AveragePool", ["image"], ["out"], kernel_shape=[3, 3], auto_pad="SAME_LOWER"), [], "SAME_LOWER"),
        (helper.make_node("Slice", ["image", "k", "l"], ["out"]), [("k", np.array([0])), ("l", np.array([1]))], "along the batch"),
        (helper.make_node("Conv", ["image", "image"], ["out"]), [], "must be a constant"),
        (helper.make_node("Pad", ["image", "p"], ["out"], mode="reflect"), [("p", np.array([0, 0, 1, 1, 0, 0, 1, 1]))], "other than zeros"),
    ],
)  # fmt: skip
def test_uses_without_a_layer_are_refused(node, constants, message, tmp_path):
    with pytest.raises(UnsupportedOperatorError) as caught:
        from_onnx(save(tmp_path / "m.onnx", [node], constants=constants))
    assert message in str(caught.value)


CENTRE = np.array([0, 0, 1, 1, 0, 0, 1, 1])


@pytest.mark.parametrize(
    ("nodes", "opset", "message"),
    [
        ([helper.make_node("Relu", ["image"], ["r"]), helper.make_node("Pad", ["r", "p"], ["out"])], 17, "output 'out' of the model: a Pad gives it"),
        ([helper.make_node("Pad", ["image", "n"], ["q"]), helper.make_node("Conv", ["q", "k"], ["out"])], 17, "operator Pad 'q': cuts (0, -1, 0, 0)"),
        ([helper.make_node("Conv", ["image", "k"], ["c"], pads=[2, 2, 2, 2]), helper.make_node("Pad", ["image", "p"], ["q"]), helper.make_node("Concat", ["c", "q"], ["out"], axis=1)], 17, "operator Concat 'out': reads what was padded"),
        ([helper.make_node("Pad", ["image"], ["q"], pads=CENTRE.tolist(), value=1.0), helper.make_node("Conv", ["q", "k"], ["out"])], 10, "operator Pad 'q': padding other than zeros"),
    ],
)  # fmt: skip
def test_padding_that_is_no_window_s_is_refused(nodes, opset, message, tmp_path):
    constants = [
        ("p", CENTRE),
        ("n", np.array([0, 0, 0, 0, 0, 0, -1, 0])),
        ("k", kernel(4, 3, 3, 3)),
    ]
    with pytest.raises(UnsupportedOperatorError) as caught:
        from_onnx(save(tmp_path / "m.onnx", nodes, constants=constants, opset=opset))
    assert message in str(caught.value)


def resize(**attributes):
    return helper.make_node("Resize", ["image", "", "s"], ["out"], "x", **attributes)


@pytest.mark.parametrize(
    ("node", "scale", "message"),
    [
        (resize(mode="linear"), 2.05, "by [1.0, 1.0, 2.0"),
        (resize(nearest_mode="floor"), 2, "in mode nearest, half_pixel, floor"),
        (resize(nearest_mode="ceil", coordinate_transformation_mode="asymmetric"), 2, "asymmetric, ceil"),
    ],
)  # fmt: skip
def test_a_resize_to_other_pixels_is_refused(node, scale, message, tmp_path):
    constants = [("s", np.float32([1, 1, scale, scale]))]
    with pytest.raises(UnsupportedOperatorError, match="operator Resize 'x'") as caught:
        from_onnx(save(tmp_path / "m.onnx", [node], constants=constants))
    assert message in str(caught.value)


@pytest.mark.parametrize("rounding", ["round_prefer_floor", "round_prefer_ceil"])
@pytest.mark.parametrize("factor", [2, 3])
def test_a_resize_between_pixel_centres_is_understood(rounding, factor, tmp_path):
    constants = [("s", np.float32([1, 1, factor, factor]))]
    path = save(tmp_path / "m.onnx", [resize(nearest_mode=rounding)], constants=constants)
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)

    (expected,) = outputs_of(path, images)

    assert run(from_onnx(path), images)["x"].transpose(0, 3, 1, 2) == pytest.approx(expected)


def test_values_spread_as_the_runtime_spreads_them(tmp_path):
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["m"], axes=[2, 3], keepdims=0),
        helper.make_node("Mul", ["image", "m"], ["out"], "x"),
    ]
    path = save(tmp_path / "m.onnx", nodes, shape=("n", 3, 3, 3))
    images = np.random.default_rng(0).normal(size=(1, 3, 3, 3)).astype(np.float32)

    (expected,) = outputs_of(path, images)  # channels lie beside columns

    found = run(from_onnx(path), images)["x"]
    assert found.transpose(0, 3, 1, 2) == pytest.approx(expected, abs=1e-6)


SPREAD = [
    (helper.make_node("Reshape", ["image", "to"], ["out"]), [("to", np.array([-1, 8, 3, 8]))]),
    (helper.make_node("Concat", ["image", "image"], ["out"], axis=2), []),
    (helper.make_node("ReduceMean", ["image"], ["out"], axes=[1]), []),
    (helper.make_node("Add", ["image", "k"], ["out"]), [("k", kernel(1, 3, 8, 8))]),
    (helper.make_node("Sub", ["k", "image"], ["out"]), [("k", kernel(3, 1, 1))]),
    (helper.make_node("Div", ["image", "k"], ["out"]), [("k", kernel(8, 1) + 5)]),
    (helper.make_node("Conv", ["image", "k"], ["out"], group=3), [("k", kernel(6, 1, 3, 3))]),
    (helper.make_node("Transpose", ["image"], ["out"], perm=[0, 2, 1, 3]), []),
    (helper.make_node("Softmax", ["image"], ["out"], axis=2), []),
    (helper.make_node("MatMul", ["image", "image"], ["out"]), []),
    (helper.make_node("MatMul", ["image", "k"], ["out"]), [("k", kernel(8, 5))]),
    (helper.make_node("MatMul", ["k", "image"], ["out"]), [("k", kernel(1, 3, 5, 8))]),
    (helper.make_node("DepthToSpace", ["four"], ["out"], blocksize=2), []),
    (helper.make_node("DepthToSpace", ["four"], ["out"], blocksize=2, mode="CRD"), []),
    (helper.make_node("SpaceToDepth", ["image"], ["out"], blocksize=2), []),
    (helper.make_node("HardSigmoid", ["image"], ["out"], alpha=0.2, beta=0.5), []),
    (helper.make_node("LayerNormalization", ["image", "k"], ["out"], axis=2), [("k", kernel(8, 8))]),
    (helper.make_node("Slice", ["image", "b", "e", "a"], ["out"]), [("b", np.array([1, -3])), ("e", np.array([9, 7])), ("a", np.array([2, 3]))]),
    (helper.make_node("PRelu", ["image", "k"], ["out"]), [("k", kernel(3, 1, 1))]),
    (helper.make_node("Sum", ["image", "image", "image"], ["out"]), []),
]  # fmt: skip


@pytest.mark.parametrize(("node", "constants"), SPREAD, ids=lambda x: getattr(x, "op_type", ""))
def test_operators_on_images_agree_with_the_runtime(node, constants, tmp_path):
    four = helper.make_node("Concat", ["image"] * 4, ["four"], axis=1)
    nodes = [four, node] if "four" in node.input else [node]
    path = save(tmp_path / "m.onnx", nodes, constants=constants)
    images = np.random.default_rng(0).normal(size=(1, 8, 8, 3)).astype(np.float32)

    (expected,) = outputs_of(path, images)

    trained = from_onnx(path)
    found = run(trained, images)[trained.network.outputs[0]].transpose(0, 3, 1, 2)
    assert found == pytest.approx(expected, abs=2e-5)


def test_two_inputs_are_refused(tmp_path):
    graph = helper.make_graph(
        [helper.make_node("Add", ["a", "b"], ["out"])],
        "g",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, (1, 3, 8, 8)) for n in "ab"],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, (1, 3, 8, 8))],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "m.onnx")  # fmt: skip
    with pytest.raises(NetworkError, match=r"2 inputs \(a, b\), expected one image"):
        from_onnx(tmp_path / "m.onnx")


@pytest.mark.parametrize("own", [0, 1])
@pytest.mark.parametrize("kind", ["Conv", "MaxPool", "AveragePool"])
def test_windows_over_padded_images(kind, own, tmp_path):
    size = {} if kind == "Conv" else {"kernel_shape": [3, 3]}
    nodes = [
        helper.make_node("Pad", ["image", "p"], ["larger"]),
        helper.make_node(kind, ["larger", *(["k"] if kind == "Conv" else [])], ["out"], "x", strides=[2, 2], pads=[own] * 4, **size),
    ]  # fmt: skip
    constants = [("p", np.array([0, 0, 1, 0, 0, 0, 2, 1])), ("k", kernel(4, 3, 3, 3))]
    path = save(tmp_path / "m.onnx", nodes, constants=constants)
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)

    if own and kind != "Conv":
        with pytest.raises(UnsupportedOperatorError, match="twice padded"):
            from_onnx(path)
        return
    (expected,) = outputs_of(path, images)
    found = run(from_onnx(path), images)["x"]
    assert found.transpose(0, 3, 1, 2) == pytest.approx(expected, abs=1e-4)


def test_what_two_layers_read_is_not_folded_into(tmp_path):
    nodes = [
        helper.make_node("Conv", ["image", "k"], ["c"], "c", pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["c", "g", "g", "g", "g"], ["b"], "b"),
        helper.make_node("Dropout", ["c"], ["d"], "d"),
        helper.make_node("Relu", ["d"], ["r"], "r"),
        helper.make_node("Add", ["b", "r"], ["out"], "s"),
    ]
    constants = [("k", kernel(3, 3, 3, 3)), ("g", np.float32([0.5, 1, 2]))]
    path = save(tmp_path / "m.onnx", nodes, constants=constants)
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)

    trained = from_onnx(path)

    assert [layer.kind for layer in trained.network.layers] == ["conv", "depthwise", "activation", "add"]  # fmt: skip
    (expected,) = outputs_of(path, images)
    assert run(trained, images)["s"].transpose(0, 3, 1, 2) == pytest.approx(expected, abs=1e-4)


def test_a_flatten_by_computed_sizes_is_understood(tmp_path):
    nodes = [
        helper.make_node("Conv", ["image", "k"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["c", "g", "s", "m", "v"], ["b"]),
        helper.make_node("Relu", ["b"], ["r"]),
        helper.make_node("Shape", ["r"], ["size"]),
        helper.make_node("Gather", ["size", "zero"], ["n"], axis=0),
        helper.make_node("Concat", ["n", "rest"], ["to"], axis=0),
        helper.make_node("Reshape", ["r", "to"], ["f"]),
        helper.make_node("Gemm", ["f", "w"], ["out"], transB=1),
    ]
    rng = np.random.default_rng(0)
    constants = [
        ("k", kernel(4, 3, 3, 3)),
        *((n, rng.uniform(0.5, 2, 4).astype(np.float32)) for n in "gsmv"),
        ("zero", np.array([0])),
        ("rest", np.array([-1])),
        ("w", kernel(5, 4 * 64)),
    ]
    path = save(tmp_path / "m.onnx", nodes, constants=constants, out=("n", 5))
    images = rng.normal(size=(2, 8, 8, 3)).astype(np.float32)

    trained = from_onnx(path)

    assert [(layer.kind, layer.activation) for layer in trained.network.layers] == [("conv", "relu"), ("dense", None)]  # fmt: skip
    (expected,) = outputs_of(path, images)
    last = trained.network.layers[-1].name
    assert run(trained, images)[last][:, 0, 0] == pytest.approx(expected, abs=1e-3)
