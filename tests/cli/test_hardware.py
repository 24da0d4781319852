import json

import numpy as np
import onnx
import pytest
from onnx import helper
from tests.hardware.float_file import float_file

from supersede.cli import main
from supersede.errors import MeasurementError
from supersede.hardware import (
    Block,
    EthosU,
    Layer,
    Network,
    Shape,
    from_onnx,
    mobile_net,
    quantise,
    quantised_from_tflite,
    random_parameters,
    random_quantised,
    to_onnx,
    to_tflite,
)


@pytest.fixture
def model(tmp_path):
    blocks = [Block(16, 6), Block(24, 6, stride=2), Block(24, 6)]
    net = mobile_net(blocks, resolution=64, head=32, classes=10)
    return str(to_onnx(random_parameters(net), tmp_path / "model.onnx"))


def run(tmp_path, *words: str) -> int:
    return main([*words, "--cache", str(tmp_path / "cache.db")])


def test_profile_prints_layers_and_writes(model, tmp_path, capsys):
    out, record = tmp_path / "p.html", tmp_path / "p.json"
    words = (
        "profile",
        model,
        "--target",
        "ethos-u85-256",
        "--out",
        str(out),
        "--json",
        str(record),
    )
    assert run(tmp_path, *words) == 0
    said = capsys.readouterr().out
    assert "latency" in said
    assert "stem (Conv2D" in said
    assert "Where does the time go?" in out.read_text()
    assert json.loads(record.read_text())["seconds"] > 0
    assert (tmp_path / "cache.db").exists()


def test_profile_says_what_falls_back(tmp_path, capsys):
    layers = (
        Layer("a", "conv", ("input",), channels=8, kernel=3),
        Layer("up", "upsample_bilinear", ("a",), stride=3),
    )
    path = tmp_path / "m.tflite"
    path.write_bytes(to_tflite(random_quantised(Network(Shape(16, 16, 3), layers))))
    assert run(tmp_path, "profile", str(path), "--target", "u55-128") == 0
    assert "1 of 2 layers fall back to the processor" in capsys.readouterr().out


def test_profile_of_a_declared_accelerator(model, tmp_path, capsys):
    chip = tmp_path / "chip.toml"
    chip.write_text("lanes = 256\nclock = 1e9\nbandwidth = 4e9\n")
    assert run(tmp_path, "profile", model, "--target", str(chip)) == 0
    assert "on declared" in capsys.readouterr().out


def test_advise_prints_and_writes(model, tmp_path, capsys):
    out, record, network = (tmp_path / n for n in ("a.html", "a.json", "a.network.json"))
    words = ("advise", model, "--target", "ethos-u85-1024", "--granule", "16", "--out", str(out))
    assert run(tmp_path, *words, "--json", str(record), "--network", str(network)) == 0
    assert "become one 3×3 convolution" in capsys.readouterr().out
    assert json.loads(record.read_text())["change"] < 0
    assert run(tmp_path, "profile", str(network), "--target", "ethos-u85-1024") == 0
    assert "<svg" in out.read_text()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--target", "tpu"), "no target 'tpu'; there are: ethos-u55-32"),
        (("--target", "cpu", "--memory", "Shared_Sram"), "are for Ethos-U targets"),
        (("--target", "u55-128", "--memory", "None"), "Memory_Mode.NAME in it are"),
        (("--target", "chip.toml"), "cannot read a target"),
    ],
)
def test_impossible_targets_are_refused(model, tmp_path, capsys, words, says):
    assert run(tmp_path, "profile", model, *words) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("command", ["profile", "advise"])
@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("m.onnx", b"nothing of the kind", "damaged or no ONNX file"),
        ("m.json", b"{", "not JSON"),
        ("m.json", b"\xff", "cannot read"),
        ("m.pt", b"", "may end in .onnx, .tflite or .json"),
    ],
)
def test_files_that_are_no_networks_are_refused(tmp_path, capsys, command, name, content, says):
    (tmp_path / name).write_bytes(content)
    assert run(tmp_path, command, str(tmp_path / name), "--target", "u55-128") == 2
    assert says in capsys.readouterr().err


def test_a_tflite_file_is_read_for_any_target(tmp_path, capsys):
    network = Network(Shape(16, 16, 3), (Layer("a", "conv", ("input",), channels=8, kernel=3),))
    (tmp_path / "m.tflite").write_bytes(to_tflite(random_quantised(network)))
    chip = tmp_path / "chip.toml"
    chip.write_text("lanes = 256\nclock = 1e9\nbandwidth = 4e9\n")
    assert run(tmp_path, "profile", str(tmp_path / "m.tflite"), "--target", str(chip)) == 0
    (tmp_path / "m.tflite").write_bytes(b"")
    assert run(tmp_path, "profile", str(tmp_path / "m.tflite"), "--target", str(chip)) == 2
    assert "not a TensorFlow Lite file" in capsys.readouterr().err


@pytest.fixture
def int8(tmp_path):
    layers = (
        Layer("stem", "conv", ("input",), 24, 3, 2, activation="relu"),
        Layer("three", "conv", ("stem",), 24, 3),
        Layer("one", "conv", ("stem",), 24),
        Layer("sum", "add", ("three", "one"), activation="relu"),
        Layer("pool", "global_avg_pool", ("sum",)),
        Layer("classes", "dense", ("pool",), 10),
    )
    trained = random_parameters(Network(Shape(48, 48, 3), layers))
    images = np.random.default_rng(0).normal(size=(8, 48, 48, 3))
    path = tmp_path / "model.tflite"
    path.write_bytes(to_tflite(quantise(trained, images)))
    return path


def test_advice_for_an_int8_file_is_a_file(int8, tmp_path, capsys):
    out = tmp_path / "advised.tflite"
    words = (
        "advise",
        str(int8),
        "--target",
        "ethos-u85-512",
        "--granule",
        "16",
        "--build",
        str(out),
    )
    assert run(tmp_path, *words) == 0
    said = capsys.readouterr().out
    assert "keep the weights" in said
    assert "outputs differ by" in said
    assert [layer.kind for layer in quantised_from_tflite(out).network.layers].count("add") == 0
    assert run(tmp_path, "profile", str(out), "--target", "ethos-u85-512") == 0


def test_advice_for_an_onnx_file_is_a_file(model, tmp_path, capsys):
    out = tmp_path / "advised.onnx"
    words = ("advise", model, "--target", "ethos-u85-1024", "--granule", "16", "--build", str(out))
    assert run(tmp_path, *words) == 0
    assert "of their size at most" in capsys.readouterr().out
    assert from_onnx(out).network.outputs


def test_budgets_decide_the_exit_code(int8, tmp_path, capsys):
    words = (str(int8), "--target", "ethos-u85-256")
    assert run(tmp_path, "profile", *words, "--max-sram", "1MB", "--max-weights", "1MB") == 0
    assert run(tmp_path, "profile", *words, "--max-sram", "1KB") == 1
    assert "over the budget: activations take" in capsys.readouterr().out
    assert run(tmp_path, "advise", *words, "--granule", "16", "--max-sram", "1KB") == 1


def test_a_profile_says_why(int8, tmp_path, capsys):
    assert run(tmp_path, "profile", str(int8), "--target", "ethos-u85-256") == 0
    said = capsys.readouterr().out
    assert "of the multiply-adds that the target could do" in said
    assert "bytes read and written: SRAM" in said
    assert "waits for DRAM" in said


def test_an_operator_without_a_layer_is_the_processors_work(tmp_path, capsys):
    nodes = [
        helper.make_node("Conv", ["image", "k"], ["a"], "conv"),
        helper.make_node("Elu", ["a"], ["out"], "odd"),
    ]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("image", 1, ("n", 3, "h", "w"))],
        [helper.make_tensor_value_info("out", 1, ("n", 8, "a", "b"))],
        [onnx.numpy_helper.from_array(np.ones((8, 3, 3, 3), np.float32), "k")],
    )  # fmt: skip
    path = tmp_path / "m.onnx"
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path
    )
    words = ("profile", str(path), "--target", "u55-128")
    assert run(tmp_path, *words) == 2
    assert "--size" in capsys.readouterr().err
    assert run(tmp_path, *words, "--size", "16x24") == 0
    assert "1 of 2 layers fall back to the processor" in capsys.readouterr().out
    assert run(tmp_path, "advise", *words[1:], "--size", "16x24") == 2
    assert "Elu (1)" in capsys.readouterr().err


def test_a_floating_point_file_is_measured_as_if_quantised(tmp_path, capsys):
    network = Network(Shape(16, 16, 3), (Layer("a", "conv", ("input",), channels=8, kernel=3),))
    path = tmp_path / "float.tflite"
    path.write_bytes(float_file(random_parameters(network)))
    assert run(tmp_path, "profile", str(path), "--target", "u55-128") == 0
    assert "latency 0 ms" not in capsys.readouterr().out
    with pytest.raises(MeasurementError, match="its tensors are FLOAT32"):
        EthosU("u55-128").compile(path.read_bytes())


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--out", "x.pt"), "must end in .html"),
        (("--build", "x.pt"), "must end in .onnx or .tflite"),
        (("--build", "x.tflite"), "needs the steps of its activations"),
        (("--max-sram", "much"), "expected bytes, or a number with KB or MB"),
        (("--max-sram", "0KB"), "expected bytes"),
        (("--size", "20"), "expected HEIGHTxWIDTH"),
    ],
)
def test_what_cannot_be_written_or_read_is_refused_first(model, tmp_path, capsys, words, says):
    assert run(tmp_path, "advise", model, "--target", "u55-128", *words) == 2
    assert says in capsys.readouterr().err
