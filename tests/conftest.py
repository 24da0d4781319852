import os
from collections.abc import Callable

# one thread a test process: with several, spinning threads of OpenMP take each other's time
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import pytest

Frame = Callable[..., pd.DataFrame]


def simulated(n: int = 2000, *, nfr: float = 0.02, pfr: float = 0.04, seed: int = 0):
    """Items with known flip rates, balanced classes and two groups."""
    rng = np.random.default_rng(seed)
    fate = rng.choice(4, size=n, p=[0.8 - nfr, nfr, pfr, 0.2 - pfr])
    y = rng.integers(0, 2, n)
    old_right, new_right = np.isin(fate, [0, 1]), np.isin(fate, [0, 2])
    return pd.DataFrame(
        {
            "id": np.arange(n),
            "y": y,
            "a": np.where(old_right, y, 1 - y),
            "b": np.where(new_right, y, 1 - y),
            "sex": rng.choice(["f", "m"], n),
            "site": rng.choice(["north", "south", "west"], n),
        }
    )


@pytest.fixture
def frame() -> Frame:
    return simulated


@pytest.fixture
def simulations() -> int:
    """Replications of a simulation; the benchmarks run them at full size."""
    return int(os.environ.get("SUPERSEDE_SIMULATIONS", "400"))
