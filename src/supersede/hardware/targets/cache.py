"""Measurements that are kept: each is on disk before the next one begins.

A row is known by the target's fingerprint and the network's, so two compilers, or two versions of
one, share a file without mixing.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from supersede.errors import ArgumentError, CacheError, SupersedeError
from supersede.hardware.targets.measurement import Measurement, Target

if TYPE_CHECKING:
    from supersede.hardware.description.network import Network

__all__ = ["Cache", "measure_all"]

SCHEMA = """
create table if not exists measurement (
    target text not null,
    network text not null,
    record text not null,
    primary key (target, network)
) without rowid
"""


class Cache:
    """Measurements in one SQLite file, which several processes may use at a time.

    Args:
        path: The file; made when it is not there. ":memory:" keeps them as long as this object.

    Raises:
        CacheError: The file is not a cache, or cannot be read or written, now or later.

    Example:
        >>> from supersede.hardware import EthosU, Layer, Network, Shape
        >>> target = EthosU("u55-128")
        >>> net = Network(Shape(8, 8, 3), (Layer("a", "conv", ("input",), channels=8),))
        >>> cache = Cache(":memory:")
        >>> cache.get(target, net) is None
        True
        >>> cost = cache.measure(target, net)
        >>> cache.get(target, net) == cost
        True
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        try:
            if self.path != ":memory:":
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, timeout=60, isolation_level=None)
            self._connection.execute("pragma journal_mode = wal")
            self._connection.execute(SCHEMA)
            table = self._connection.execute("pragma table_info(measurement)").fetchall()
        except (OSError, sqlite3.Error) as error:
            msg = f"cannot keep measurements in {path}: {error}; name a new file or delete this one"
            raise CacheError(msg) from error
        if [column[1] for column in table] != ["target", "network", "record"]:
            self.close()
            msg = f"{path} is a database of something else, not kept measurements; name a new file"
            raise CacheError(msg)

    def get(self, target: Target, network: "Network") -> Measurement | None:
        """The measurement kept for these two; None where there is none.

        Raises:
            CacheError: The record is damaged.
        """
        try:
            row = self._connection.execute(
                "select record from measurement where target = ? and network = ?",
                (target.fingerprint(), network.fingerprint()),
            ).fetchone()
        except sqlite3.Error as error:
            msg = f"cannot read kept measurements from {self.path}: {error}; name a new file"
            raise CacheError(msg) from error
        if row is None:
            return None
        try:
            return Measurement.from_dict(json.loads(row[0]))
        except ValueError as error:  # not JSON, or not a measurement
            msg = f"{self.path} holds a damaged record: {error}; delete the file and measure anew"
            raise CacheError(msg) from error

    def put(self, target: Target, network: "Network", measurement: Measurement) -> None:
        """Keep a measurement; it is on disk when this returns.

        Raises:
            CacheError: It cannot be written.
        """
        try:
            self._connection.execute(
                "insert or replace into measurement values (?, ?, ?)",
                (target.fingerprint(), network.fingerprint(), json.dumps(measurement.to_dict())),
            )
        except sqlite3.Error as error:
            msg = f"cannot keep a measurement in {self.path}: {error}; free some space or name a new file"
            raise CacheError(msg) from error

    def measure(self, target: Target, network: "Network") -> Measurement:
        """The kept measurement, or a new one, which is then kept."""
        kept = self.get(target, network)
        if kept is None:
            kept = target.measure(network)
            self.put(target, network, kept)
        return kept

    def __len__(self) -> int:
        return int(self._connection.execute("select count(*) from measurement").fetchone()[0])

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


def measure_all(
    target: Target,
    networks: Sequence["Network"],
    *,
    cache: str | Path | None = None,
    workers: int = 1,
    progress: Callable[[str], None] | None = None,
) -> list[Measurement]:
    """Measure networks, in order, keeping each as soon as it is done.

    Args:
        target: What to measure on.
        networks: What to measure; one that is there twice is measured once.
        cache: File of kept measurements; what is in it is not measured again.
        workers: Processes that measure. Keep 1 where the target itself times a processor.
        progress: Function that is called with a line of text as work proceeds.

    Raises:
        ArgumentError: `workers` is below 1.
        MeasurementError: The target refuses a network; the others measured so far are kept.

    Example:
        >>> from supersede.hardware import EthosU, Layer, Network, Shape
        >>> net = Network(Shape(8, 8, 3), (Layer("a", "conv", ("input",), channels=8),))
        >>> costs = measure_all(EthosU("u55-128"), [net, net.with_layer("a", channels=9)])
        >>> costs[0].seconds < costs[1].seconds
        True
    """
    if workers < 1:
        msg = f"workers must be at least 1, got {workers}"
        raise ArgumentError(msg)
    with closing(Cache(cache or ":memory:")) as kept:
        wanted = {network.fingerprint(): network for network in networks}
        found: dict[str, Measurement] = {}
        for key, network in wanted.items():
            measurement = kept.get(target, network)
            if measurement is not None:
                found[key] = measurement
        missing = [network for key, network in wanted.items() if key not in found]
        for network, measurement in _measured(target, missing, workers):
            kept.put(target, network, measurement)
            found[network.fingerprint()] = measurement
            if progress is not None:
                progress(f"measured {len(found)} of {len(wanted)} networks")
    return [found[network.fingerprint()] for network in networks]


def _measured(
    target: Target, networks: Sequence["Network"], workers: int
) -> Iterator[tuple["Network", Measurement]]:
    """Pairs in the order in which they are done, so that none waits for a slower one."""
    if min(workers, len(networks)) <= 1:
        yield from ((network, target.measure(network)) for network in networks)
        return
    # a fresh interpreter for each worker: threads of the parent must not be copied
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(target.measure, network): network for network in networks}
        refused = None
        for done in as_completed(running):
            try:
                measurement = done.result()
            except SupersedeError as error:  # keep the others first
                refused = error
                continue
            yield running[done], measurement
        if refused is not None:
            raise refused
