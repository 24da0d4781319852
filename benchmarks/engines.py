"""The same tables in DuckDB, PostgreSQL and Spark: are review, audit and plan the same?

    python -m benchmarks.engines [tables]      DuckDB and PostgreSQL; 200 tables by default
    python -m benchmarks.engines spark [tables]  Spark, from an environment that has it
    python -m benchmarks.engines page          writes docs/benchmarks/engines.md from what was kept

Each table is kept in .cache/benchmarks/engines when it is done, so an interrupted run resumes. Even
tables are added up by the engine itself, as large ones are; odd ones come here, as small ones do.
PostgreSQL is private: its programs are those that the tests use.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.engines.generated import Case, answers, case, differences

from supersede.metrics import cells

KEPT = Path(".cache/benchmarks/engines")
DOC = Path("docs/benchmarks/engines.md")
ALL = 200
FEW = cells._FEW


def compare(tables: int, **places: Callable[[Case], Any]) -> None:
    """Compare tables that have not been compared yet, each with every place."""
    KEPT.mkdir(parents=True, exist_ok=True)
    for number in range(tables):
        missing = [name for name in places if not (KEPT / f"{name}-{number}.json").exists()]
        if not missing:
            continue
        made = case(number)
        cells._FEW = FEW
        expected = answers(made.rows, made)
        refused = sum(isinstance(a, tuple) and isinstance(a[0], str) for a in expected.values())
        kinds = [str(field.type) for field in made.rows.schema]
        for name in missing:
            cells._FEW = FEW if number % 2 and name != "duckdb" else 0
            with places[name](made) as source:
                wrong = differences(answers(source, made), expected)
            kept = {"rows": len(made.rows), "types": kinds, "uses": list(made.reading)}
            kept |= {"differences": wrong, "refused": refused}
            (KEPT / f"{name}-{number}.json").write_text(json.dumps(kept))
            print(name, number, wrong[:3], flush=True)


@contextmanager
def duckdb(made: Case) -> Any:
    yield made.rows


def measure_postgresql(tables: int) -> None:
    import ibis
    from tests.conftest import postgres
    from tests.engines.places import in_postgresql

    server = postgres.__wrapped__()
    connection = ibis.connect(next(server))
    try:
        compare(tables, postgresql=lambda made: in_postgresql(connection, made.rows), duckdb=duckdb)
    finally:
        connection.disconnect()
        next(server, None)


def measure_spark(tables: int) -> None:
    from tests.engines.places import in_spark, spark_session

    with spark_session() as session:

        @contextmanager
        def there(made: Case) -> Any:
            yield in_spark(session, made.rows)

        compare(tables, spark=there)


def page() -> None:
    rows, kinds, uses = [], Counter(), Counter()
    for engine, name in (("duckdb", "DuckDB, added up by the engine"), ("postgresql", "PostgreSQL"), ("spark", "Spark, 2 workers")):  # fmt: skip
        kept = [json.loads(path.read_text()) for path in KEPT.glob(f"{engine}-*.json")]
        wrong = sum(bool(k["differences"]) for k in kept)
        refused = sum(k["refused"] for k in kept)
        count = sum(k["rows"] for k in kept)
        rows.append(f"| {name} | {len(kept)} | {count:,} | {3 * len(kept) - refused} | {refused} | {wrong} |")  # fmt: skip
        if engine == "postgresql":
            kinds.update(kind for k in kept for kind in set(k["types"]))
            uses.update(use for k in kept for use in k["uses"])
    listed = ", ".join(f"{kind} ({n})" for kind, n in sorted(kinds.items()))
    used = ", ".join(f"{use} ({n})" for use, n in sorted(uses.items()))
    DOC.write_text(
        "*Printed by `python -m benchmarks.engines`; each figure is measured by that command.*\n\n"
        "# The same answers from every engine\n\n"
        "Generated tables of 60 to 900 rows with all kinds of columns are read by DuckDB, and where they\n"
        "lie in another engine. For each, a review with up to twelve checks, an audit of three group\n"
        "columns and a combination, and a plan are compared. Whole numbers, words, verdicts, hashes of\n"
        "designs and ids of items must be the same; other numbers may differ by rounding, 1e-9. An error\n"
        "counts as an answer, which must be the same too. Every second table is added up by the engine, as\n"
        "tables of more than 200,000 rows are.\n\n"
        "| engine | tables | rows | answers | refused alike | tables that differ |\n"
        "|---|---|---|---|---|---|\n" + "\n".join(rows) + "\n\n"
        "The goal is 200 tables on PostgreSQL and on Spark without a difference. Where fewer stand above,\n"
        "the others were not run: the command resumes, and takes about an hour of two idle cores for\n"
        "PostgreSQL and three for Spark (`python -m benchmarks.engines spark`, in `.venv-hosts`).\n\n"
        f"Types of columns, and the tables that have one: {listed}.\n"
        f"Roles, and the tables that use one: {used}.\n"
    )  # fmt: skip


def main(*arguments: str) -> None:
    match arguments:
        case ["page"]:
            page()
        case ["spark", *rest]:
            measure_spark(int(rest[0]) if rest else ALL)
        case rest:
            tables = int(rest[0]) if rest else ALL
            measure_postgresql(tables)
            page()


if __name__ == "__main__":
    main(*sys.argv[1:])
