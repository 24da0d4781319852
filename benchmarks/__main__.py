"""Run all benchmarks, one after another, each in a process of its own."""

import subprocess
import sys
from pathlib import Path

here = Path(__file__).parent
for file in sorted(here.glob("*.py")):
    if not file.name.startswith("_") and file.name != "measure.py":
        print(f"== {file.stem}", flush=True)
        subprocess.run(
            [sys.executable, "-m", f"benchmarks.{file.stem}"], cwd=here.parent, check=True
        )
