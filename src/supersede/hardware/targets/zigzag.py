"""ZigZag, a simulator of accelerators that are only designs: latency and energy by layer.

ZigZag searches, for each layer, the best order of its loops on a described array and its memories. It
takes seconds a layer and hundreds of megabytes, and logs to the root logger, so it runs in a process
of its own, in the environment of your choice: ``pip install zigzag-dse six`` (six is undeclared).

Assumes: layers run one after the other, without anything kept between them in the small memories.

Source: Mei et al., ZigZag, IEEE Transactions on Computers 70 (2021).
"""

import hashlib
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from supersede.errors import MeasurementError, TargetError
from supersede.hardware.targets.measurement import LayerCost, Measurement

if TYPE_CHECKING:
    from supersede.hardware.description.network import Network

__all__ = ["ZigZag"]

VERSION = "import importlib.metadata as m; print(m.version('zigzag-dse'))"
RUN = """
import json, logging, sys
from pathlib import Path
import onnx
import zigzag
from zigzag.api import get_hardware_performance_zigzag
logging.disable(logging.CRITICAL)
model, accelerator, mapping, depth, folder = sys.argv[1:]
stock = Path(zigzag.__file__).parent / "inputs"
def path(given, kind):
    if Path(given).suffix:
        return given
    return str(stock / kind / f"{given}.yaml")
loaded = onnx.load(model)
for value in (*loaded.graph.input, *loaded.graph.output):
    value.type.tensor_type.shape.dim[0].dim_value = 1  # a free batch would count as zero
del loaded.graph.value_info[:]
inferred = onnx.shape_inference.infer_shapes(loaded)
energy, latency, found = get_hardware_performance_zigzag(
    inferred, path(accelerator, "hardware"), path(mapping, "mapping"), opt="latency",
    dump_folder=folder, lpf_limit=int(depth), loma_show_progress_bar=False)
layers = [(str(c.layer.name), str(c.layer.type), float(c.latency_total2), float(c.energy_total))
          for c in (pair[0] for pair in found[0][1])]
print("\\n" + json.dumps({"energy": float(energy), "latency": float(latency), "layers": layers}))
"""


@dataclass(frozen=True)
class ZigZag:
    """An accelerator that ZigZag simulates.

    Args:
        accelerator: Name of one that comes with ZigZag, or path of a description (.yaml).
        mapping: The same of a mapping; the accelerator's name if left out.
        clock: Cycles a second, to turn cycles into seconds.
        depth: How many orders of loops are searched (`lpf_limit`); 4 takes seconds a layer.
        python: Interpreter of the environment that ZigZag is installed in; this one if left out.

    Raises:
        TargetError: ZigZag is not installed there, or the clock is not above 0.
    """

    accelerator: str = "edge_tpu_like"
    mapping: str | None = None
    clock: float = 1e9
    depth: int = 4
    python: str = sys.executable

    def __post_init__(self) -> None:
        if not self.clock > 0:
            msg = f"the clock is {self.clock!r}; expected cycles a second, above 0"
            raise TargetError(msg)
        _ = self._version

    @cached_property
    def _version(self) -> str:
        done = _python(self.python, VERSION)
        if done.returncode:
            msg = f"ZigZag is not installed for {self.python}; install it with: pip install zigzag-dse six"
            raise TargetError(msg)
        return done.stdout.strip()

    def fingerprint(self) -> str:
        """ZigZag's version, the accelerator and mapping with what their files say, and the search."""
        files = [
            Path(name) for name in (self.accelerator, self.mapping or "") if name.endswith(".yaml")
        ]
        digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
        named = f"{self.accelerator} {self.mapping or ''} {digest}"
        return f"zigzag {self._version} {named} {self.clock:g} Hz, depth {self.depth}"

    def measure(self, network: "Network") -> Measurement:
        """Simulate the network.

        Raises:
            MeasurementError: ZigZag cannot simulate it.
        """
        from supersede.hardware.description.trained import random_parameters
        from supersede.hardware.formats.onnx_writer import to_onnx

        with tempfile.TemporaryDirectory() as folder:
            model = to_onnx(random_parameters(network), Path(folder) / "model.onnx")
            arguments = (self.accelerator, self.mapping or self.accelerator, str(self.depth))
            done = _python(self.python, RUN, str(model), *arguments, folder)
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:] or ["no message"]
            msg = f"ZigZag cannot simulate this network on {self.accelerator}: {last[0]}"
            raise MeasurementError(msg)
        found = json.loads(done.stdout.strip().splitlines()[-1])
        return Measurement(
            found["latency"] / self.clock,
            network.parameters,
            layers=tuple(
                LayerCost(name.strip("/"), operator, cycles / self.clock)
                for name, operator, cycles, _ in found["layers"]
            ),
            joules=found["energy"] * 1e-12,
        )


def _python(interpreter: str, code: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(  # noqa: S603  # the interpreter that the user named
            [interpreter, "-c", code, *arguments], capture_output=True, text=True, check=False
        )
    except OSError as error:
        msg = f"there is no interpreter {interpreter}: {error}"
        raise TargetError(msg) from error
