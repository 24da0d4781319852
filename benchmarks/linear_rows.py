"""Results of the linear room's benchmarks, kept by seed so that a run can be cut off and go on."""

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

HERE = Path(__file__).parents[1]
DATA = Path(os.environ.get("SUPERSEDE_BENCH_DATA", HERE.parent / "shared" / "data"))
OUT = Path(os.environ.get("SUPERSEDE_BENCH_OUT", HERE / "out")) / "linear"


def kept(name: str, seeds: Iterable[int], work: Callable[[int], dict]) -> list[dict]:
    """The results of each seed, computed once and kept in a file by name and seed."""
    OUT.mkdir(parents=True, exist_ok=True)
    made = []
    for seed in seeds:
        path = OUT / f"{name}-{seed}.json"
        if not path.exists():
            scratch = path.with_suffix(".part")
            scratch.write_text(json.dumps(work(seed)))
            scratch.rename(path)
            print(f"{name} {seed} done", flush=True)
        made.append(json.loads(path.read_text()))
    return made


def found(name: str) -> list[dict]:
    """The results that are there, by seed."""
    paths = sorted(OUT.glob(f"{name}-*.json"), key=lambda p: int(p.stem.rpartition("-")[2]))
    return [json.loads(path.read_text()) for path in paths]


def interval(values: Iterable[float], scale: float = 100, digits: int = 1) -> str:
    """Mean and its 95 % interval over seeds (t distribution)."""
    from scipy.special import stdtrit

    v = scale * np.asarray(list(values), float)
    half = float(stdtrit(len(v) - 1, 0.975)) * v.std(ddof=1) / len(v) ** 0.5 if len(v) > 1 else 0.0
    return f"{v.mean():.{digits}f} ± {half:.{digits}f}".replace("-", "−")
