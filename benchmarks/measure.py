"""CPU seconds and peak memory of a piece of work, and the tables they are written to."""

import json
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

DOCS = Path(__file__).parents[1] / "docs" / "benchmarks"
STATE = Path(os.environ.get("SUPERSEDE_BENCH_STATE", DOCS.parents[1] / ".cache" / "benchmarks"))


def cpu() -> float:
    """CPU seconds of this process so far, all threads, user and system."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """Median CPU seconds of several runs, after one that warms up."""
    work()
    taken = []
    for _ in range(repeats):
        start = cpu()
        work()
        taken.append(cpu() - start)
    return median(taken)


def half_width(values: Sequence[float]) -> float:
    """Half the width of the 95 % t-interval of a mean over seeds; NaN for one seed."""
    from statistics import stdev

    from scipy.special import stdtrit

    n = len(values)
    return float(stdtrit(n - 1, 0.975)) * stdev(values) / n**0.5 if n > 1 else float("nan")


def alone(code: str) -> dict[str, float]:
    """Run a program in a fresh process; its CPU seconds, and peak memory in MB.

    As on any installation, modules are compiled once: their bytecode is kept under `STATE`. The first run
    of a program pays for that, so measure several.
    """
    compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(STATE / "bytecode")}
    program = f"{code}\nimport resource, json\nu = resource.getrusage(resource.RUSAGE_SELF)\n" + (
        "kb = next(l for l in open('/proc/self/status') if l.startswith('VmHWM')).split()[1]\n"
        "print(); print(json.dumps({'cpu': u.ru_utime + u.ru_stime, 'mb': int(kb) / 1024}))"
    )
    out = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True,
        cwd=DOCS.parents[1], env=os.environ | compiled,
    )  # fmt: skip
    # engines may draw a progress bar before it
    return json.loads(out.stdout.splitlines()[-1])


def kept(name: str, key: str, work: Callable[[], Any]) -> Any:
    """The result of a piece of work, from an earlier run that was cut short if there was one.

    Args:
        name: The benchmark; its results so far lie in one JSON file under `STATE`, to be deleted when
            the code has changed.
        key: The piece.
        work: Does it; the result must be plain data.
    """
    file = STATE / f"{name}.json"
    found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    if key not in found:
        found[key] = work()
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        part.write_text(json.dumps(found, indent=1))
        part.replace(file)
    return found[key]


def write(name: str, title: str, command: str, rows: Sequence[Sequence[str]], notes: str) -> None:
    """Write a table to the documentation; the first row is its head."""
    packages = ("duckdb", "ibis-framework", "numpy")
    made = ", ".join(f"{p} {version(p)}" for p in packages)
    lines = [
        f"# {title}",
        "",
        f"Printed by `{command}`. CPU seconds of all threads, user and system, on {os.cpu_count()} cores;"
        f" Python {platform.python_version()}, {made}.",
        "",
        "| " + " | ".join(rows[0]) + " |",
        "|" + "---|" * len(rows[0]),
        *("| " + " | ".join(row) + " |" for row in rows[1:]),
        "",
        notes,
        "",
    ]
    DOCS.mkdir(exist_ok=True)
    (DOCS / f"{name}.md").write_text("\n".join(lines))
    print("\n".join(lines))
