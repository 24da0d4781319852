import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

# one thread a test process: with several, spinning threads of OpenMP take each other's time
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # tests that import onnxruntime themselves

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from playwright.sync_api import sync_playwright

settings.register_profile("steady", deadline=None)  # a loaded machine is no failure
settings.load_profile("steady")

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


@pytest.fixture(scope="module")
def postgres():
    """The address of a private PostgreSQL; it may not run as root, so then as the user postgres."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    assert found, "these tests need PostgreSQL's server programs: install Debian's postgresql"
    # not in TMPDIR, which may lie where only root can go
    home = Path(tempfile.mkdtemp(prefix="supersede-pg-", dir="/tmp"))
    as_user: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(home, "postgres")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def run(program: str, *arguments: str) -> None:
        command = [*as_user, str(found[-1] / program), "-D", str(home / "data"), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=home)

    run("initdb", "-A", "trust", "-U", "tester", "--no-sync")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c fsync=off -k {home}"
    run("pg_ctl", "-o", options, "-l", str(home / "log"), "-w", "-t", "120", "start")
    try:
        yield f"postgresql://tester@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "-m", "immediate", "-w", "stop")
        shutil.rmtree(home)


CHROMIUM_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    assert path, "these tests need Chromium: install it, or name it in the variable CHROMIUM"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=CHROMIUM_FLAGS, timeout=120_000
        )
        yield browser
        browser.close()
