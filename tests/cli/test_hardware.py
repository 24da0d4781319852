import json

import pytest

from supersede.cli import main
from supersede.hardware import (
    Block,
    Layer,
    Network,
    Shape,
    mobile_net,
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
    assert "stem (Conv2D)" in said
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
        ("m.pt", b"", "may end in .onnx or .json"),
    ],
)
def test_files_that_are_no_networks_are_refused(tmp_path, capsys, command, name, content, says):
    (tmp_path / name).write_bytes(content)
    assert run(tmp_path, command, str(tmp_path / name), "--target", "u55-128") == 2
    assert says in capsys.readouterr().err


def test_a_tflite_file_needs_an_ethos_u(tmp_path, capsys):
    (tmp_path / "m.tflite").write_bytes(b"")
    assert run(tmp_path, "profile", str(tmp_path / "m.tflite"), "--target", "cpu") == 2
    assert "needs an Ethos-U target" in capsys.readouterr().err
