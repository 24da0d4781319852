"""ONNX Runtime on this machine's processor, really measured; `timing` says how."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from supersede.errors import MissingExtraError
from supersede.hardware.onnx_session import import_onnxruntime
from supersede.hardware.targets.measurement import Measurement
from supersede.hardware.targets.timing import interleaved, processor, refuse_too_few

if TYPE_CHECKING:
    from supersede.hardware.description.network import Network

__all__ = ["OnnxRuntime"]


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

        refuse_too_few(self.threads, self.rounds, self.runs)
        if find_spec("onnxruntime") is None:
            raise MissingExtraError.of(
                package="onnxruntime", extra="onnx", purpose="Measuring on this processor"
            )

    def fingerprint(self) -> str:
        """The processor, ONNX Runtime's version, and how it is timed."""
        named = f"{processor()}, onnxruntime {version('onnxruntime')}"
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
            calls = [lambda s=session, f=feed: s.run(None, f) for session, feed in jobs]
            timed = interleaved(calls, rounds=self.rounds, runs=self.runs)
        return [
            Measurement(middle, 4 * network.parameters, low=low, high=high)
            for network, (middle, low, high) in zip(networks, timed, strict=True)
        ]

    def _session(self, path: Path) -> Any:
        onnxruntime = import_onnxruntime()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
