"""Let the patched model answer for today's items."""

import pyarrow.parquet as pq

import supersede
from supersede.bounty import load_list
from supersede.bounty.estimator import predict_table
from supersede.demo.life.people import with_column


def main() -> None:
    """Add the column patched to today's table."""
    rows = pq.read_table("today.parquet")
    table = supersede.read(rows, models=["congruent"], item="id", labelled=False)
    answers = predict_table(load_list("hunt/model"), table, classes=[0, 1], name="patched")
    by_item = dict(zip(*(answers[name].to_pylist() for name in ("id", "patched")), strict=True))
    patched = [by_item[item] for item in rows["id"].to_pylist()]
    changed = sum(a != b for a, b in zip(patched, rows["congruent"].to_pylist(), strict=True))
    pq.write_table(with_column(rows, "patched", patched), "today.parquet")
    print(f"the patched model answers {changed} of {len(rows)} items differently")


if __name__ == "__main__":
    main()
