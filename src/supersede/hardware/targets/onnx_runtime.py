"""ONNX Runtime on this machine's processor, really measured.

Timings of a processor that others use too are noisy, and drift from minute to minute. So networks are
timed in turns, one batch of runs each, for several rounds; a latency is the median of the batches'
medians, with an interval that needs no assumption about the noise (order statistics: David and
Nagaraja 2003, section 7.1). Networks whose intervals overlap are not told apart.
"""

import platform
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from supersede.errors import ArgumentError, MissingExtraError
from supersede.hardware.targets.measurement import Measurement

if TYPE_CHECKING:
    from supersede.hardware.description.network import Network

__all__ = ["OnnxRuntime"]

CONFIDENCE = 0.95


@dataclass(frozen=True)
class OnnxRuntime:
    """This processor under ONNX Runtime, in 32-bit floating point.

    Args:
        threads: Threads of one inference.
        rounds: Batches of runs that each network gets; at least 6, or there is no 95 % interval.
        runs: Runs in a batch.

    Raises:
        ArgumentError: A number is too small.
        MissingExtraError: ONNX Runtime is not installed.
    """

    threads: int = 1
    rounds: int = 15
    runs: int = 20

    def __post_init__(self) -> None:
        from importlib.util import find_spec

        if self.threads < 1 or self.rounds < 6 or self.runs < 1:
            msg = (
                "threads and runs must be at least 1 and rounds at least 6, got"
                f" {self.threads}, {self.runs} and {self.rounds}"
            )
            raise ArgumentError(msg)
        if find_spec("onnxruntime") is None:
            raise MissingExtraError.of(
                package="onnxruntime", extra="onnx", purpose="Measuring on this processor"
            )

    def fingerprint(self) -> str:
        """The processor, ONNX Runtime's version, and how it is timed."""
        named = f"{_processor()}, onnxruntime {version('onnxruntime')}"
        return f"{named}, {self.threads} threads, {self.rounds} × {self.runs} runs"

    def measure(self, network: "Network") -> Measurement:
        """Median latency with its 95 % interval; to compare networks, use `compare`."""
        return self.compare([network])[0]

    def compare(self, networks: Sequence["Network"]) -> list[Measurement]:
        """Latencies of several networks, timed in turns so that drift hits all alike."""
        from supersede.hardware.description.trained import random_parameters
        from supersede.hardware.formats.onnx_writer import to_onnx

        rng = np.random.default_rng(0)
        with tempfile.TemporaryDirectory() as folder:
            jobs = []
            for i, network in enumerate(networks):
                path = to_onnx(random_parameters(network), Path(folder) / f"{i}.onnx")
                session = self._session(path)
                (given,) = session.get_inputs()
                shape = [n if isinstance(n, int) else 1 for n in given.shape]
                image = rng.normal(size=shape).astype(np.float32)
                jobs.append((session, {given.name: image}))
            batches = np.empty((len(jobs), self.rounds))
            for session, feed in jobs:
                session.run(None, feed)  # the first run allocates
            for turn in range(self.rounds):
                for i in rng.permutation(len(jobs)):
                    session, feed = jobs[i]
                    batches[i, turn] = _batch(session, feed, self.runs)
        return [
            Measurement(middle, 4 * network.parameters, low=low, high=high)
            for network, (middle, low, high) in zip(networks, map(_median, batches), strict=True)
        ]

    def _session(self, path: Path) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _batch(session: Any, feed: dict[str, Any], runs: int) -> float:
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        session.run(None, feed)
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def _median(batches: "np.ndarray[Any, np.dtype[np.float64]]") -> tuple[float, float, float]:
    from scipy.stats import binom

    n = len(batches)
    # P(k-th smallest ≤ median ≤ k-th largest) = 1 − 2·P(Binomial(n, ½) < k)
    k = int(binom.ppf((1 - CONFIDENCE) / 2, n, 0.5))
    ordered = np.sort(batches)
    return float(np.median(batches)), float(ordered[k - 1]), float(ordered[n - k])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
