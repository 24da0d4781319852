"""TensorFlow Lite files are read back: the same network, the same whole numbers, the same bytes."""

import contextlib

import numpy as np
import pytest

from supersede.errors import NetworkError, NetworkFileError
from supersede.hardware import (
    Block,
    Network,
    Shape,
    from_tflite,
    mobile_net,
    quantise,
    quantised_from_tflite,
    random_parameters,
    run,
    run_quantised,
    to_tflite,
)
from tests.hardware.operators import ISLANDS, OPERATORS

MOVED = {"matmul", "reshape", "transpose", "shuffle", "pixel shuffle", "group norm", "constant"}
"""Read back with rearrangements of other names, or a constant's steps chosen anew."""


@pytest.mark.parametrize("name", sorted({**OPERATORS, **ISLANDS}))
def test_a_file_reads_back(name):
    layers = {**OPERATORS, **ISLANDS}[name]
    trained = random_parameters(Network(Shape(8, 10, 5), layers))
    images = np.random.default_rng(0).normal(0, 2, (6, 8, 10, 5))
    quantised = quantise(trained, images)

    file = to_tflite(quantised)
    again = quantised_from_tflite(file)

    (out,), (same,) = quantised.network.outputs, again.network.outputs
    before, after = run_quantised(quantised, images)[out], run_quantised(again, images)[same]
    assert np.abs(before.astype(int).ravel() - after.astype(int).ravel()).max() <= 1
    if name not in MOVED | set(ISLANDS):
        kept = [(x.name, x.kind, x.padding, x.activation) for x in quantised.network.layers]
        assert [(x.name, x.kind, x.padding, x.activation) for x in again.network.layers] == kept
        assert to_tflite(again) == file


def test_a_network_reads_back_in_floating_point():
    net = mobile_net([Block(16), Block(24, stride=2)], resolution=32, head=32, classes=5)
    trained = random_parameters(net)
    images = np.random.default_rng(0).normal(size=(8, 32, 32, 3))

    again = from_tflite(to_tflite(quantise(trained, images)))

    assert again.network == net
    found, expected = run(again, images)["classes"], run(trained, images)["classes"]
    assert np.abs(found - expected).max() < 0.1 * np.abs(expected).max()


@pytest.mark.parametrize(
    "content", [b"", b"nothing of the kind at all", b"\x1c\0\0\0TFL3" + b"\xff" * 64]
)
def test_what_is_no_file_is_refused(content, tmp_path):
    (tmp_path / "m.tflite").write_bytes(content)
    with pytest.raises(NetworkFileError, match=r"not a TensorFlow Lite file|is damaged"):
        from_tflite(tmp_path / "m.tflite")
    with pytest.raises(NetworkFileError, match="cannot read"):
        from_tflite(tmp_path / "none.tflite")


def test_a_file_that_is_cut_off_anywhere_is_refused_or_read():
    net = mobile_net([Block(8)], resolution=16, head=8, classes=2)
    file = to_tflite(quantise(random_parameters(net), np.zeros((2, 16, 16, 3)) + 0.5))
    rng = np.random.default_rng(0)
    for _ in range(60):
        broken = bytearray(file)
        for at in rng.integers(8, len(file), 6):
            broken[at] = int(rng.integers(256))
        cut = bytes(broken[: int(rng.integers(len(file) // 2, len(file)))])
        with contextlib.suppress(NetworkError):  # every refusal is one, of operators and files too
            from_tflite(cut)
