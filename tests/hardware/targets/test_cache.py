import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass

import pytest

from supersede.errors import ArgumentError, MeasurementError
from supersede.hardware import Cache, EthosU, Layer, Measurement, Network, Shape, measure_all
from supersede.hardware.targets.measurement import LayerCost


def net(channels: int) -> Network:
    return Network(Shape(8, 8, 3), (Layer("a", "conv", ("input",), channels=channels),))


@dataclass(frozen=True)
class Counting:
    """A target that says how often it was asked, and which version it is."""

    version: str = "1"
    asked: tuple[list[int]] = ([],)

    def fingerprint(self) -> str:
        return f"counting {self.version}"

    def measure(self, network: Network) -> Measurement:
        channels = network.layers[0].channels
        if channels == 13:
            msg = "no network of 13 channels"
            raise MeasurementError(msg)
        self.asked[0].append(channels)
        return Measurement(float(self.version) * channels, 1, 2, (LayerCost("a", "conv", 0.5),))


def test_a_measurement_survives_the_file(tmp_path):
    target = EthosU("u55-128")
    cache = Cache(tmp_path / "new" / "c.db")
    cost = cache.measure(target, net(8))
    cache.close()
    again = Cache(tmp_path / "new" / "c.db")
    assert again.get(target, net(8)) == cost
    assert again.get(target, net(9)) is None


def test_nothing_is_measured_twice(tmp_path):
    asked = []
    target = Counting(asked=(asked,))
    costs = measure_all(target, [net(8), net(9), net(8)], cache=tmp_path / "c.db")
    assert [c.seconds for c in costs] == [8, 9, 8]
    measure_all(target, [net(9), net(10)], cache=tmp_path / "c.db")
    assert asked == [8, 9, 10]


def test_two_versions_of_a_compiler_do_not_mix(tmp_path):
    for version in ("1", "2", "1"):
        (cost,) = measure_all(Counting(version), [net(8)], cache=tmp_path / "c.db")
        assert cost.seconds == 8 * float(version)
    cache = Cache(tmp_path / "c.db")
    assert len(cache) == 2


def test_processes_give_the_same():
    target, nets = EthosU("u55-128"), [net(c) for c in (8, 16, 24)]
    said = []
    assert measure_all(target, nets, workers=2, progress=said.append) == measure_all(target, nets)
    assert said[-1] == "measured 3 of 3 networks"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_refused_network_does_not_lose_those_before_it(tmp_path, workers):
    nets = [net(8), net(9), net(13)]
    with pytest.raises(MeasurementError, match="13 channels"):
        measure_all(Counting(asked=([],)), nets, cache=tmp_path / "c.db", workers=workers)
    assert len(Cache(tmp_path / "c.db")) == 2


SLOW = """
import sys, time
sys.path.insert(0, sys.argv[2])
from supersede.hardware import Layer, Measurement, Network, Shape, measure_all
class Slow:
    def fingerprint(self): return "slow"
    def measure(self, network):
        time.sleep(0.02)
        print(network.layers[0].channels, flush=True)
        return Measurement(float(network.layers[0].channels))
nets = [Network(Shape(8, 8, 3), (Layer("a", "conv", ("input",), channels=c),)) for c in range(1, 500)]
measure_all(Slow(), nets, cache=sys.argv[1])
"""


def test_a_kill_loses_no_finished_measurement(tmp_path):
    path = tmp_path / "c.db"
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, str(path), str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    finished = [int(process.stdout.readline()) for _ in range(20)]
    time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    rows = sqlite3.connect(path).execute("select count(*) from measurement").fetchone()[0]
    # the last line is printed before its measurement is handed over
    assert rows >= len(finished) - 1
    kept = Cache(path)
    assert len(kept) == rows


def test_a_file_that_is_no_cache_is_refused(tmp_path):
    (tmp_path / "c.db").write_text("hello, this is no database at all" * 100)
    with pytest.raises(MeasurementError, match="name a new file"):
        Cache(tmp_path / "c.db")


def test_a_database_of_something_else_is_refused(tmp_path):
    with closing(sqlite3.connect(tmp_path / "c.db")) as other:
        other.execute("create table measurement (a text)")
    with pytest.raises(MeasurementError, match="a database of something else"):
        Cache(tmp_path / "c.db")


@pytest.mark.parametrize("record", ["{bad", '{"seconds": "x"}', "{}", "3"])
def test_a_damaged_record_in_a_file_is_refused(tmp_path, record):
    target = Counting(asked=([],))
    with closing(Cache(tmp_path / "c.db")) as cache:
        cache.measure(target, net(8))
    with closing(sqlite3.connect(tmp_path / "c.db")) as other:
        other.execute("update measurement set record = ?", (record,))
        other.commit()
    with (
        closing(Cache(tmp_path / "c.db")) as cache,
        pytest.raises(MeasurementError, match=r"c\.db holds a damaged record.*delete the file"),
    ):
        cache.get(target, net(8))


def test_a_damaged_record_is_refused():
    with pytest.raises(MeasurementError, match="to_dict"):
        Measurement.from_dict({"seconds": 1.0, "colour": "red"})


def test_no_workers_are_refused():
    with pytest.raises(ArgumentError, match="at least 1"):
        measure_all(Counting(), [], workers=0)
