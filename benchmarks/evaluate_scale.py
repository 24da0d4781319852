"""10⁸ items and 20 models in Parquet: CPU seconds and memory to counts, plan and sample.

python -m benchmarks.evaluate_scale make FILE [ROWS]    write the file
python -m benchmarks.evaluate_scale run FILE            measure, print JSON
"""

import json
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path

MODELS = 20


def make(path: Path, rows: int) -> None:
    """Correlated predictions: a latent difficulty of the item plus noise of each model."""
    import duckdb

    columns = ", ".join(
        f"(z + (random() + random() - 1) > 0.75) as m{k:02d}" for k in range(MODELS)
    )
    con = duckdb.connect()
    con.execute("set threads = 1; set preserve_insertion_order = false")
    con.execute("select setseed(0.7)")
    con.execute(
        f"copy (select i as item, {columns} from"
        f" (select i, random() as z from range({rows}) t(i))) to '{path}'"
        " (format parquet, row_group_size 500000)"
    )


def run(path: Path) -> dict[str, float]:
    """Read, count, then plan and sample, in one process; the engine may use 900 MB."""
    import ibis

    import supersede
    from supersede.evaluate import plan, precision
    from supersede.evaluate.counting import count_patterns

    models = [f"m{k:02d}" for k in range(MODELS)]
    engine = ibis.duckdb.connect(memory_limit="900MB", threads=2)
    start = time.process_time()
    table = supersede.read(engine.read_parquet(path), models=models, labelled=False)
    estimands = [precision(m) for m in models]
    opened = time.process_time()
    patterns = count_patterns(table, estimands)
    counted, peak = time.process_time(), _peak()
    made = plan(replace(table, item="item"), estimands)
    planned = time.process_time()
    return {
        "items": table.size,
        "patterns": len(patterns),
        "read_cpu_s": opened - start,
        "count_cpu_s": counted - opened,
        "plan_cpu_s": planned - counted - (counted - opened),  # it counts again
        "labels": made.size,
        "count_gib": peak,
        "plan_gib": _peak(),
    }


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    target = Path(sys.argv[2])
    if sys.argv[1] == "make":
        make(target, int(float(sys.argv[3])) if len(sys.argv) > 3 else 10**8)
    else:
        print(json.dumps(run(target)))
