"""Join both logs and the judge's opinions: one row per message, without any label."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def main() -> None:
    """Write messages.parquet."""
    old, new, judge = (_lines(name) for name in ("old.jsonl", "new.jsonl", "judge.jsonl"))
    rows = [
        {
            "id": item, "language": row["language"], "text": row["text"], "old": row["answer"],
            "new": new[item]["answer"], "judge": judge[item]["team"],
        }
        for item, row in old.items()
    ]  # fmt: skip
    schema = pa.schema([(name, pa.string()) for name in rows[0]])
    pq.write_table(pa.Table.from_pylist(rows, schema), "messages.parquet")
    differ = sum(row["old"] != row["new"] for row in rows)
    print(f"{len(rows)} messages; the two versions differ on {differ}")


def _lines(name: str) -> dict[str, dict[str, str]]:
    rows = [json.loads(line) for line in Path(name).read_text("utf-8").splitlines()]
    return {row["id"]: row for row in rows}


if __name__ == "__main__":
    main()
