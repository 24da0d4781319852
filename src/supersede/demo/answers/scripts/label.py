"""Stand in for the annotators: fill in the team of each message that a plan asks for, and of no other."""

import csv
import json
import sys
from pathlib import Path


def main() -> None:
    """Fill the column ``label`` of the plan that is named on the command line."""
    path = Path(sys.argv[1])
    sealed = {
        row["id"]: row["team"]
        for row in map(json.loads, Path("sealed.jsonl").read_text("utf-8").splitlines())
    }
    with path.open(encoding="utf-8", newline="") as file:
        read = csv.DictReader(file)
        names = list(read.fieldnames or [])
        rows = list(read)
    asked = [row for row in rows if row["reserve"] == "False"]
    for row in asked:
        row["label"] = sealed[row["item"]]
    with path.open("w", encoding="utf-8", newline="") as file:
        write = csv.DictWriter(file, names)
        write.writeheader()
        write.writerows(rows)
    print(f"{len(asked)} labels were filled in")


if __name__ == "__main__":
    main()
