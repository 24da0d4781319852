"""Stand in for the annotators: label the items of a plan, and no others.

Labels of earlier plans are kept. Each new one is taken from the sealed file by its item's id, added
to labels.csv, and written into today's table.
"""

import csv
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from supersede.demo.life.people import reveal, with_column


def main() -> None:
    """Answer the plan that is named on the command line."""
    with Path(sys.argv[1]).open(encoding="utf-8", newline="") as file:
        asked = [int(row["item"]) for row in csv.DictReader(file) if row["reserve"] == "False"]
    kept = Path("labels.csv")
    known: dict[int, int] = {}
    if kept.exists():
        with kept.open(encoding="utf-8", newline="") as file:
            known = {int(row["item"]): int(row["label"]) for row in csv.DictReader(file)}
    fresh = [item for item in asked if item not in known]
    known |= reveal(Path(), fresh)
    with kept.open("w", encoding="utf-8", newline="") as file:
        write = csv.writer(file)
        write.writerow(["item", "label"])
        write.writerows(known.items())
    today = pq.read_table("today.parquet")
    column = [known.get(item) for item in today["id"].to_pylist()]
    pq.write_table(with_column(today, "employed", pa.array(column, pa.int8())), "today.parquet")
    print(f"{len(fresh)} new labels; {len(known)} of {len(today)} items are labelled now")


if __name__ == "__main__":
    main()
