"""Where the measurements of Optuna's terminator are kept, readable without torch."""

from benchmarks.searches.traces import CACHE

FILE = CACHE / "optuna.json"
GRID = range(20, 200, 12)
