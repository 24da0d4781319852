"""LiteRT, TensorFlow Lite's runtime, on this machine's processor: int8 files, really measured.

`timing` says how. What is timed is the file that would be shipped, run by the runtime's fast kernels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from supersede.errors import ArgumentError, MeasurementError, MissingExtraError
from supersede.hardware.targets.measurement import Measurement
from supersede.hardware.targets.timing import interleaved, processor, refuse_too_few

if TYPE_CHECKING:
    from supersede.hardware.description.network import Network

__all__ = ["LiteRT"]


@dataclass(frozen=True)
class LiteRT:
    """This processor under LiteRT, in whole numbers.

    Args:
        threads: Threads of one inference.
        rounds: Batches of runs that each network gets; at least 6, or there is no 95 % interval.
        runs: Runs in a batch.
        bits: Of the activations; weights have 8.

    Raises:
        ArgumentError: A number is too small, or bits is neither 8 nor 16.
        MissingExtraError: LiteRT is not installed.
    """

    threads: int = 1
    rounds: int = 15
    runs: int = 20
    bits: Literal[8, 16] = 8

    def __post_init__(self) -> None:
        from importlib.util import find_spec

        refuse_too_few(self.threads, self.rounds, self.runs)
        if self.bits not in {8, 16}:
            msg = f"activations of {self.bits} bits; LiteRT takes 8 or 16"
            raise ArgumentError(msg)
        if find_spec("ai_edge_litert") is None:
            raise MissingExtraError.of(
                package="ai-edge-litert", extra="litert", purpose="Measuring with LiteRT"
            )

    def fingerprint(self) -> str:
        """The processor, LiteRT's version, and how it is timed."""
        named = f"{processor()}, litert {version('ai-edge-litert')} int{self.bits}"
        return f"{named}, {self.threads} threads, {self.rounds} × {self.runs} runs"

    def measure(self, network: "Network") -> Measurement:
        """Median latency with its 95 % interval; to compare networks, use `compare`.

        Raises:
            MeasurementError: LiteRT does not know an operator of the network.
        """
        return self.compare([network])[0]

    def compare(self, networks: Sequence["Network"]) -> list[Measurement]:
        """Latencies of several networks, timed in turns so that drift hits all alike.

        Raises:
            MeasurementError: LiteRT does not know an operator of a network.
        """
        from supersede.hardware.description.quantised import random_quantised
        from supersede.hardware.formats.tflite import to_tflite

        files = [to_tflite(random_quantised(network, bits=self.bits)) for network in networks]
        runners = [self._runner(file) for file in files]
        timed = interleaved([r.invoke for r in runners], rounds=self.rounds, runs=self.runs)
        return [
            Measurement(middle, len(file), low=low, high=high)
            for file, (middle, low, high) in zip(files, timed, strict=True)
        ]

    def _runner(self, file: bytes) -> Any:
        from ai_edge_litert.interpreter import Interpreter

        try:
            runner = Interpreter(model_content=file, num_threads=self.threads)
            runner.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            msg = f"LiteRT does not run this network: {reason}"
            raise MeasurementError(msg) from error
        (given,) = runner.get_input_details()
        image = np.random.default_rng(0).integers(-100, 100, given["shape"]).astype(given["dtype"])
        runner.set_tensor(given["index"], image)
        return runner
