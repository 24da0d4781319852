"""What the first audit of a process costs, nearly all of it imports.

Each figure is the least of several fresh processes with compiled bytecode: whatever else runs on the
machine only adds to it.
"""

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from benchmarks.measure import alone, write

ROWS, RUNS, GOAL = 2_000, 5, 1.0
LIBRARIES = (
    "import numpy, pyarrow, pyarrow.acero, duckdb, ibis, scipy.special; ibis.duckdb.connect()"
)
PYTHON = "import supersede; supersede.audit_groups({path!r}, 'new', groups=['sex'])"
PROGRAM = """
import sys
from supersede.cli import main
try:
    sys.exit(main(["audit", {path!r}, "--model", "new", "--group", "sex", "--quiet"]))
except SystemExit:
    pass
"""


def table(path: Path) -> None:
    """A table of 2,000 people."""
    rng = np.random.default_rng(0)
    columns = {
        "id": np.arange(ROWS), "label": rng.integers(0, 2, ROWS), "new": rng.integers(0, 2, ROWS),
        "sex": rng.choice(["f", "m"], ROWS),
    }  # fmt: skip
    pyarrow.csv.write_csv(pa.table(columns), path)


def least(code: str) -> float:
    """The least CPU seconds of several processes."""
    return min(alone(code)["cpu"] for _ in range(RUNS))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.csv"
        table(path)
        libraries = least(LIBRARIES)
        python, program = (least(code.format(path=str(path))) for code in (PYTHON, PROGRAM))
    write(
        "audit_start", "The first audit of a process", "python -m benchmarks.audit_start",
        [
            ("what", "CPU seconds", "target", ""),
            (f"`audit_groups` of a CSV of {ROWS:,} rows, the whole process", f"{python:.2f}", f"≤ {GOAL:g}",
             "reached" if python <= GOAL else "**missed**"),
            ("`supersede audit` of the same", f"{program:.2f}", "", ""),
            ("importing numpy, Arrow, DuckDB, Ibis and scipy.special, and connecting", f"{libraries:.2f}", "", ""),
        ],
        "Another audit of the same process takes a tenth of a second. What is left above the libraries is this"
        " package's own modules and the first queries that Ibis compiles. The target cannot be reached while"
        " the libraries alone take as long; a process that has imported them pays the difference only.",
    )  # fmt: skip


if __name__ == "__main__":
    main()
