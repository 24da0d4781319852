"""NAS-Bench-201 as a task and as costs, so that a search of hours is replayed within seconds.

Latency, weights and memory come from `nas_bench_201.parquet`, which is made by
``python -m benchmarks.nas_bench_201``: some cells are measured with Arm's compiler and the others are
estimated, within 3 % on average. Accuracies are those of real trainings.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from supersede.errors import ArgumentError, MeasurementError
from supersede.hardware.targets.measurement import Measurement
from supersede.search.architecture.bench.accuracies import Accuracies
from supersede.search.architecture.bench.cells import Cell
from supersede.search.architecture.candidates import Candidate, Score
from supersede.search.architecture.cells_space import cell_of
from supersede.search.architecture.front import hypervolume, nondominated

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FILE", "CellCosts", "CellTask", "all_costs", "reference_point"]

FILE = Path(__file__).with_name("nas_bench_201.parquet")


def all_costs() -> pa.Table:
    """The whole table: one row per different cell, three columns per accelerator and image size."""
    import pyarrow.parquet as pq

    return pq.read_table(FILE)


@dataclass(frozen=True)
class CellCosts:
    """Costs of cells on one accelerator.

    Args:
        accelerator: Such as "u85-512".
        pixels: 32, or 16 where the file has it.

    Raises:
        ArgumentError: The file does not have it.
    """

    accelerator: str
    pixels: int = 32

    def __post_init__(self) -> None:
        _ = self._rows

    @cached_property
    def _rows(self) -> dict[str, Measurement]:
        table = all_costs()
        prefix = f"{self.accelerator} {self.pixels}"
        if f"{prefix} latency" not in table.column_names:
            known = sorted({n.rpartition(" ")[0] for n in table.column_names if " " in n})
            msg = f"no costs of {prefix} px in {FILE.name}; there are: {', '.join(known)}"
            raise ArgumentError(msg)
        columns = [
            table[name].to_pylist()
            for name in ("cell", f"{prefix} latency", f"{prefix} weights", f"{prefix} peak")
        ]
        return {
            Cell.of(key).canonical: Measurement(seconds, weights, peak)
            for key, seconds, weights, peak in zip(*columns, strict=True)
        }

    def cost(self, candidate: Candidate) -> Measurement:
        """The cell's costs.

        Raises:
            MeasurementError: The cell is not connected.
        """
        found = self._rows.get(candidate.key)
        if found is None:
            msg = "the cell is not connected: its network gives the same for every image"
            raise MeasurementError(msg)
        return found

    def fingerprint(self) -> str:
        """Accelerator, and that it is the table."""
        return f"NAS-Bench-201 on {self.accelerator}, {self.pixels} px"


@dataclass(frozen=True, eq=False)
class CellTask:
    """Accuracies of cells on one data set.

    Args:
        accuracies: From `read_accuracies`.
        training: Which of the three trainings is replayed; their mean if None.
    """

    accuracies: Accuracies
    training: int | None = None

    def evaluate(self, candidate: Candidate, seed: int) -> Score:
        """One minus the accuracy, and what the training took its authors."""
        cell = cell_of(candidate.params)
        return Score(
            self.accuracies.error(cell, self.training), None, self.accuracies.seconds[cell.key]
        )

    def fingerprint(self) -> str:
        """Data set and training."""
        return f"NAS-Bench-201 {self.accuracies.dataset}, training {self.training}"


def reference_point(points: NDArray[np.float64]) -> tuple[tuple[float, float], float]:
    """The corner that hypervolumes are measured from, and the hypervolume of the whole front.

    The corner is the worst of both objectives on the front of all cells, a hundredth beyond it so that
    the ends of the front count.

    Args:
        points: Error and latency of all cells, shape (n, 2).
    """
    front = points[nondominated(points)]
    low, high = front.min(axis=0), front.max(axis=0)
    corner = high + 0.01 * (high - low)
    reference = float(corner[0]), float(corner[1])
    return reference, hypervolume(points, reference)
