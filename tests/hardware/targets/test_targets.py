from dataclasses import replace

import numpy as np
import pytest

from supersede.errors import ArgumentError, MeasurementError, TargetError
from supersede.hardware import (
    Block,
    Declared,
    Estimator,
    Measured,
    Network,
    OnnxRuntime,
    Target,
    measure_all,
    mobile_net,
    read_declared,
    write_networks,
)

DECLARED = Declared(lanes=256, clock=1e9, bandwidth=4e9)


def net(channels: int = 16, expansion: int = 4) -> Network:
    blocks = [Block(channels, expansion), Block(24, 4, stride=2)]
    return mobile_net(blocks, resolution=48, head=32, classes=10)


def test_a_declared_accelerator_adds_up_its_layers():
    cost = DECLARED.measure(net())
    assert isinstance(DECLARED, Target)
    assert sum(layer.seconds for layer in cost.layers) == cost.seconds
    assert cost.weight_bytes == net().parameters
    assert cost.joules is None


def test_more_of_anything_is_faster():
    base = DECLARED.measure(net()).seconds
    for better in ({"lanes": 1024}, {"bandwidth": 4e10}, {"clock": 2e9}):
        assert replace(DECLARED, **better).measure(net()).seconds < base
    assert replace(DECLARED, sram_bytes=1000).measure(net()).seconds > base
    energy = replace(DECLARED, picojoules_per_mac=1, picojoules_per_byte=100)
    assert energy.measure(net()).joules > 0


def test_seventeen_channels_cost_as_thirty_two():
    costs = [DECLARED.measure(net(c)).layers for c in (17, 32)]
    assert costs[0][3].seconds == pytest.approx(costs[1][3].seconds)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "lanes = 256\nclock = 1e9\nbandwidth = 0",
            "bandwidth is 0; expected a number of 1 or more",
        ),
        ("lanes = 256\nclock = 1e9\nbandwidth = 'much'", "bandwidth is 'much'"),
        ("lanes = 256\nclock = 1e-320\nbandwidth = 1e9", "clock is 1e-320; expected a number of 1"),
        (
            "lanes = 256\nclock = 1e9\nbandwidth = 1e9\ngranule = 2.5",
            "granule is 2.5; .*a whole number",
        ),
        ("lanes = 100\nclock = 1e9\nbandwidth = 1e9", "not a multiple of the granule"),
        ("lanes = 256\nclock = 1e9", "cannot read a target"),
        ("lanes = 256\nclock = 1e9\nbandwidth = 1e9\ncolour = 1", "colour"),
        ("lanes =", "cannot read a target"),
    ],
)
def test_a_target_file_that_fits_no_hardware_is_refused(tmp_path, text, says):
    (tmp_path / "chip.toml").write_text(text)
    with pytest.raises(TargetError, match=says):
        read_declared(tmp_path / "chip.toml")


def test_a_number_that_is_needed_cannot_be_none():
    with pytest.raises(TargetError, match="clock is None"):
        Declared(lanes=256, clock=None, bandwidth=1e9)


def test_the_fingerprint_follows_numbers_and_the_version(monkeypatch):
    before = DECLARED.fingerprint()
    assert replace(DECLARED, clock=2e9).fingerprint() != before
    monkeypatch.setattr("supersede.hardware.targets.declared.version", lambda name: f"{name} 99")
    assert DECLARED.fingerprint() != before


def test_a_target_file_is_read(tmp_path):
    (tmp_path / "chip.toml").write_text("lanes = 256\nclock = 1e9\nbandwidth = 4e9\n")
    assert read_declared(tmp_path / "chip.toml") == DECLARED


def test_this_processor_is_timed_with_an_interval():
    target = OnnxRuntime(rounds=7, runs=3)
    small, large = target.compare([net(), net(256)])
    assert small.low <= small.seconds <= small.high
    assert small.seconds < large.seconds
    assert "onnxruntime" in target.fingerprint()
    assert target.measure(net()).seconds > 0


def test_too_few_rounds_for_an_interval_are_refused():
    with pytest.raises(ArgumentError, match="rounds at least 6"):
        OnnxRuntime(rounds=3)


def fill(folder, networks, *, layers=False):
    """Measure on the declared accelerator, as a user would on a device."""
    path = write_networks(folder, networks)
    lines = path.read_text().splitlines()
    rows = [lines[0]]
    for line, cost in zip(lines[1:], measure_all(DECLARED, networks), strict=True):
        name = line.split(",")[0]
        rows.append(f"{name},,{cost.seconds},,{cost.peak_bytes},,,")
        rows += [f"{name},{part.name},{part.seconds},,,,," for part in cost.layers if layers]
    path.write_text("\n".join(rows))
    return path


@pytest.mark.parametrize("layers", [True, False])
def test_an_estimator_learns_from_a_file(tmp_path, layers):
    rng = np.random.default_rng(0)
    networks = [net(4 * int(rng.integers(2, 12)), int(rng.integers(2, 7))) for _ in range(40)]
    networks = list(dict.fromkeys(networks))
    target = Measured(fill(tmp_path, networks, layers=layers))
    assert set(target.networks) == set(networks)
    assert (tmp_path / "0000.tflite").read_bytes()[4:8] == b"TFL3"
    estimator = Estimator.fit(target, target.sample, budget=20)
    other = next(n for n in networks if n not in estimator.networks)
    assert estimator.predict([other])[0].seconds == pytest.approx(
        DECLARED.measure(other).seconds, rel=0.1
    )


def test_what_was_not_measured_is_refused(tmp_path):
    target = Measured(fill(tmp_path, [net()]))
    with pytest.raises(MeasurementError, match="fit an Estimator"):
        target.measure(net(40))


def test_a_file_of_a_spreadsheet_and_of_layers_alone_is_read(tmp_path):
    path = fill(tmp_path, [net()], layers=True)
    rows = path.read_text().splitlines()
    path.write_bytes("\n".join([rows[0], *rows[2:]]).encode("utf-8-sig"))

    found = Measured(path).measure(net())

    assert found.seconds == pytest.approx(DECLARED.measure(net()).seconds)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "it has no rows"),
        (
            "network;seconds\n0000.json;1\n",
            "its columns are 'network;seconds'.*with commas between",
        ),
        ("network,layer,seconds\n0000.json,stem,1\n", "neither a total nor its layer"),
        ("network,layer,seconds\n0000.json,,1\n0000.json,nowhere,1\n", "no layer 'nowhere'"),
        (
            "network,layer,seconds\n0000.json,stem,1\n0000.json,stem,2\n",
            "line 3: layer 'stem' .*twice",
        ),
        ("network,seconds\n0000.json,1\n./0000.json,2\n", "there by another name"),
        ("network,seconds,low,high\n0000.json,1,3,2\n", "line 2: seconds are not between"),
        ("network,seconds,low,high\n0000.json,1,2,\n", "not between low and high"),
        ("a,b\n1,2\n", "expected the columns network"),
        ("network,seconds\n0000.json,0\n", "line 2: seconds is '0'"),
        ("network,seconds\n0000.json,fast\n", "line 2: seconds is 'fast'"),
        ("network,seconds\n0000.json,\n", "no seconds"),
        ("network,seconds\n0000.json,1\n0000.json,2\n", "two totals"),
        ("network,seconds\nnowhere.json,1\n", "cannot read the network"),
    ],
)
def test_a_file_of_measurements_must_make_sense(tmp_path, text, says):
    write_networks(tmp_path, [net()])
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(MeasurementError, match=says):
        Measured(tmp_path / "m.csv")
