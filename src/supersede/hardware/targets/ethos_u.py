"""Arm Ethos-U, through the performance model of Arm's own compiler, Vela.

Assumes: the network is quantised to int8 (or int16 activations), and one inference runs alone. What
Vela reports is a compiler's estimate of cycles, not a measurement on silicon; it is deterministic,
and knows about weight compression, cascading, and the layout of tensors in memory.
"""

import csv
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from supersede.errors import ArgumentError, MeasurementError, MissingExtraError
from supersede.hardware.targets.measurement import Measurement
from supersede.hardware.targets.vela_config import VelaConfig, read_vela_config
from supersede.hardware.targets.vela_report import (
    by_layer,
    csv_rows,
    database_rows,
    operator_names,
    traffic,
)

if TYPE_CHECKING:
    from supersede.hardware.description.network import Network

__all__ = ["ETHOS_U", "EthosU"]

ETHOS_U = (
    "u55-32", "u55-64", "u55-128", "u55-256", "u65-256", "u65-512",
    "u85-128", "u85-256", "u85-512", "u85-1024", "u85-2048",
)  # fmt: skip
CORES = {"u65-512": (256, 2)}  # multiply-accumulates a cycle and core; all others have one core
ADDRESS_BITS = {"u55": 32, "u65": 40, "u85": 40}
# Vela's own defaults, written out, because the compiler's core takes them as text
OPTIONS = """
[compiler]
enable_db=true
output_format=TFLite
cop_format=COP1

[scheduler]
optimize=Performance
arena_size_limit={arena}
disable_feature=
cpu_tensor_alignment=16
tensor_allocator=HillClimb

[graph]
"""


@dataclass(frozen=True)
class EthosU:
    """An Ethos-U accelerator with its memories.

    Args:
        accelerator: ``u55-32`` to ``u85-2048`` (family and multiply-accumulates a cycle).
        memory: A memory mode of the configuration file. Without it Shared_Sram on U55, Dedicated_Sram on
            the others, so that SRAM is not capped and the peak says how much a network wants.
        system: A system configuration of the file; without it the one that Vela takes.
        config: A ``vela.ini`` of your own: other clocks, bandwidths and latencies, for hardware that
            does not exist yet.
        bits: Of the activations: 8, or 16 where accuracy needs them; weights have 8.
        isolated: Compile through the vendor's command line, a process for each network: slower (a
            second rather than a tenth), but independent of the compiler's internal interface.

    Raises:
        ArgumentError: There is no such accelerator.
        TargetError: The configuration describes no hardware, such as a memory without bandwidth.
        MissingExtraError: Vela is not installed.

    Example:
        >>> EthosU("u85-256").fingerprint()
        'ethos-u85-256 Ethos_U85_SYS_DRAM_Mid Dedicated_Sram vela ...'
    """

    accelerator: str
    memory: str | None = None
    system: str | None = None
    config: str | Path | None = None
    bits: Literal[8, 16] = 8
    isolated: bool = False

    def __post_init__(self) -> None:
        name = self.accelerator.lower().removeprefix("ethos-")
        if name not in ETHOS_U:
            msg = f"no Ethos-U accelerator {self.accelerator!r}; there are: {', '.join(ETHOS_U)}"
            raise ArgumentError(msg)
        if self.bits not in {8, 16}:
            msg = f"activations of {self.bits} bits; an Ethos-U takes 8 or 16"
            raise ArgumentError(msg)
        object.__setattr__(self, "accelerator", name)
        _ = self.vela_config  # so that a file that makes no sense is refused here

    @cached_property
    def vela_config(self) -> VelaConfig:
        """What the configuration file says, checked."""
        path = None if self.config is None else Path(self.config)
        return read_vela_config(self.accelerator[:3], path, self.system, self.memory)

    @cached_property
    def _fingerprint(self) -> str:
        chosen = self.vela_config
        text = f"{chosen.text}|{OPTIONS}"
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        named = f"ethos-{self.accelerator} {chosen.system} {chosen.memory}"
        named += " 16-bit activations" * (self.bits == 16)
        # our writer of files counts too: weights, which Vela compresses, are drawn there
        return f"{named} vela {_vela_version()} {digest} supersede {version('supersede')}"

    def fingerprint(self) -> str:
        """Accelerator, system, memory mode, versions, and a digest of the configuration file."""
        return self._fingerprint

    def measure(self, network: "Network") -> Measurement:
        """Build the quantised file and compile it.

        Raises:
            MeasurementError: The compiler refuses the network.
        """
        from supersede.hardware.description.quantised import random_quantised
        from supersede.hardware.formats.tflite import to_tflite

        tflite = to_tflite(random_quantised(network, bits=self.bits))
        regor = None if self.isolated else _regor()
        names = frozenset(layer.name for layer in network.layers)
        if regor is None:
            return self.compile(tflite, names)
        return self._compile_here(regor, tflite, names)

    @property
    def macs_per_cycle(self) -> int:
        """Multiply-adds of all cores in a cycle."""
        return int(self.accelerator.partition("-")[2])

    def compile(self, tflite: bytes, layers: Collection[str] = ()) -> Measurement:
        """What a file from elsewhere costs; float tensors stay on the host's processor.

        It is compiled in a process of its own, because a damaged file takes the compiler down.

        Args:
            tflite: The file's bytes.
            layers: Names of layers; operators within one of them are counted there.

        Raises:
            MeasurementError: The compiler refuses the file.
        """
        chosen = self.vela_config
        with tempfile.TemporaryDirectory() as folder:
            model, ini = Path(folder) / "model.tflite", Path(folder) / "own.ini"
            model.write_bytes(tflite)
            ini.write_text(chosen.text, encoding="utf-8")
            done = subprocess.run(  # noqa: S603  # arguments of our own
                [
                    sys.executable, "-m", "ethosu.vela", str(model), "--output-dir", folder,
                    "--accelerator-config", f"ethos-{self.accelerator}", "--config", str(ini),
                    "--system-config", chosen.system, "--memory-mode", chosen.memory,
                    "--verbose-performance",
                ],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode:
                last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no message"]
                msg = (
                    f"Vela cannot compile this network for {self.accelerator}: it ended with code"
                    f" {done.returncode} ({last[0]})"
                )
                raise MeasurementError(msg)
            if not list(Path(folder).glob("*_per-layer.csv")):
                raise MeasurementError(_nothing_runs_here(tflite, self.accelerator))
            (summary,) = Path(folder).glob("*_summary_*.csv")
            (table,) = Path(folder).glob("*_per-layer.csv")
            with summary.open(newline="") as file:
                total = next(csv.DictReader(file))
            with table.open(newline="") as file:
                rows = list(csv.DictReader(file))
        if not float(total["inference_time"]) > 0:
            raise MeasurementError(_nothing_runs_here(tflite, self.accelerator))
        return Measurement(
            float(total["inference_time"]),
            round(float(total["total_npu_encoded_weights"])),
            round(float(total["sram_memory_used"]) * 1024),
            by_layer(
                csv_rows(rows), clock=chosen.clock, macs_per_cycle=self.macs_per_cycle,
                layers=layers,
            ),
            traffic=traffic(total),
            macs_per_second=self.macs_per_cycle * chosen.clock,
        )  # fmt: skip

    def _compile_here(self, regor: Any, tflite: bytes, layers: Collection[str] = ()) -> Measurement:
        chosen = self.vela_config
        family, _, size = self.accelerator.partition("-")
        macs, cores = CORES.get(self.accelerator, (int(size), 1))
        system = (
            f"[architecture]\nmacs={macs}\ncores={cores}\n[vela]\n"
            f"system_config_name={chosen.system}\nmemory_mode_name={chosen.memory}\n{chosen.text}"
        )
        options = OPTIONS.format(arena=chosen.cache_bytes or 1 << ADDRESS_BITS[family])
        try:
            with _silenced():
                compiled = regor.compile(
                    f"Ethos{family.upper()}", tflite, "TFLITE", system, options=options
                )
        except (RuntimeError, ValueError) as error:
            msg = f"Vela cannot compile this network for {self.accelerator}: {error}"
            raise MeasurementError(msg) from error
        report, tables = compiled.perf_report, compiled.opt_database.tables
        if report.npuOps == 0 or report.totalCycles <= 0:
            raise MeasurementError(_nothing_runs_here(tflite, self.accelerator))
        memories = {str(name): m.peakUsage for name, m in report.memories.items()}
        fast = memories.get("Sram", 0)
        if "Dram" not in memories and "OffChipFlash" not in memories:
            fast -= report.readOnlyPeakUsage  # weights lie beside the activations
        return Measurement(
            report.totalCycles / chosen.clock,
            report.encodedWeights,
            fast,
            by_layer(
                database_rows(tables, operator_names(tflite)), clock=chosen.clock,
                macs_per_cycle=self.macs_per_cycle, layers=layers,
            ),
            traffic=_moved(report),
            macs_per_second=self.macs_per_cycle * chosen.clock,
        )  # fmt: skip


@contextmanager
def _silenced() -> Iterator[None]:
    """Keep what the compiler's core prints, a warning for each operator, out of our own output."""
    sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:  # there is nothing to print to
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def _moved(report: Any) -> tuple[tuple[str, int], ...]:
    """Bytes read and written in each memory."""
    found: dict[str, int] = {}
    for name, memory in report.memories.items():
        kind = {"Sram": "SRAM", "Dram": "DRAM"}.get(
            str(name), "flash" if "Flash" in str(name) else ""
        )
        moved = sum(use.bytesRead + use.bytesWritten for use in memory.accesses.values())
        if kind and moved:
            found[kind] = found.get(kind, 0) + moved
    return tuple(found.items())


def _nothing_runs_here(tflite: bytes, accelerator: str) -> str:
    """Why a latency of zero is not a latency."""
    from ethosu.vela.tflite.Model import Model
    from ethosu.vela.tflite.TensorType import TensorType

    graph = Model.GetRootAs(tflite, 0).Subgraphs(0)
    names = {number: name for name, number in vars(TensorType).items() if name.isupper()}
    types = {names[graph.Tensors(i).Type()] for i in range(graph.TensorsLength())}
    why = f"none of its {graph.OperatorsLength()} operators runs on {accelerator}, so it has no latency there"
    if "FLOAT32" in types and "INT8" not in types:
        why += (
            "; its tensors are FLOAT32 and an Ethos-U computes in whole numbers: read it with"
            " `from_tflite`, `quantise` it and write it with `to_tflite`"
        )
    return why


def _regor() -> Any:
    """The compiler's core; None where this version of Vela has no such interface."""
    try:
        from ethosu import regor
    except ImportError:
        return None
    return regor if hasattr(regor, "compile") else None


def _vela_version() -> str:
    try:
        return version("ethos-u-vela")
    except PackageNotFoundError as error:
        raise MissingExtraError.of(
            package="ethos-u-vela", extra="hardware", purpose="Compiling for Arm Ethos-U"
        ) from error
