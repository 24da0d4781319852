"""Reviews that are decided by labels in the web application: how many labels, and how often rightly.

On the demonstration's table a review is undecided. Its task is labelled by somebody who knows the truth,
by the same functions that the pages call, until it is decided. Each seed draws another order of the
items. *Independent sampling* labels items in random order, whatever the models say of them, and
decides by the same intervals; labels on which the models agree teach it nothing. ``--seeds 5`` runs fewer.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.measure import write
from supersede.evaluate import accuracy, plan
from supersede.table.read import read
from supersede.web.database import LabelTask, User
from supersede.web.jobs.worker import work_once
from supersede.web.labels.actions import answer, draft, next_item, open_task
from supersede.web.labels.looks import HANDLERS, latest
from supersede.web.reviews.demonstration import records
from supersede.web.settings import Settings
from supersede.web.site import open_site

SEEDS, LIMIT, MOST, EVERY = 50, -0.01, 2000, 10
SHARE, AGREEMENT, WAIT = 0.15, 0.95, 0.150
STATE = Path(tempfile.gettempdir()) / "supersede-web-labels.json"


def decided(seed: int) -> dict[str, float]:
    """One task from its first label to the decision."""
    table = records()
    truth = dict(
        zip(map(str, table["id"].to_pylist()), table["the record says"].to_pylist(), strict=True)
    )
    old, new, right = (
        np.array(table[name].to_pylist()) for name in ("deployed", "boosted", "the record says")
    )
    gain = float((new == right).mean() - (old == right).mean())
    read_ = read(table, models=["deployed", "boosted"], item="id", labelled=False)
    asked = accuracy("boosted") - accuracy("deployed")
    made = plan(read_, asked, margin=0.01, method="coordinated", budget=MOST, seed=seed)
    waits: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        site = open_site(Settings(data=Path(folder)), migrate=True)
        with site.database.write() as db:
            ada = User(name="ada", folded="ada", password="-", created=site.now(), removed=None)
            db.add(ada)
            db.flush()
            task = open_task(
                site, db, draft(site, made, read_, ["age", "sex"]), title="t", question="q",
                limits={asked.name: LIMIT}, made_by=ada.id,
            )  # fmt: skip
            user, number = ada.id, task.id
        labels = 0
        while True:
            start = time.monotonic()
            with site.database.write() as db:
                item = next_item(db, number, user, site.now())
                if item is None:
                    break
                value = json.dumps(truth[item.item])
                answer(db, number, item.id, user, f"form {labels:06d}", value, site.now())
            waits.append(time.monotonic() - start)
            labels += 1
            if labels % EVERY == 0:
                while work_once(site, HANDLERS, "w"):
                    pass
        while work_once(site, HANDLERS, "w"):
            pass
        with site.database.read() as db:
            seen = latest(db, number)
            state = db.get_one(LabelTask, number).state
            (found,) = seen.estimates["estimates"]
        site.database.close()
    said = found["low"] > LIMIT if state == "decided" else None
    # items in random order until as many differ as were labelled
    rng = np.random.default_rng(seed)
    differ = np.flatnonzero((old != new)[rng.permutation(len(old))])
    return {
        "labels": labels, "independent": int(differ[min(labels, len(differ)) - 1]) + 1,
        "right": said is not None and said == (gain > LIMIT), "decided": said is not None,
        "held": found["low"] - 1e-9 <= gain <= found["high"] + 1e-9, "gain": gain,
        "wait": float(np.quantile(waits, 0.95)),
    }  # fmt: skip


def main() -> None:
    seeds = int(sys.argv[sys.argv.index("--seeds") + 1]) if "--seeds" in sys.argv else SEEDS
    done: dict[str, dict[str, float]] = json.loads(STATE.read_text()) if STATE.exists() else {}
    for seed in range(seeds):
        if str(seed) not in done:
            done[str(seed)] = decided(seed)
            STATE.write_text(json.dumps(done))
    found = [done[str(seed)] for seed in range(seeds)]
    share = sum(f["labels"] for f in found) / sum(f["independent"] for f in found)
    right = float(np.mean([f["right"] for f in found]))
    held = float(np.mean([f["held"] for f in found]))
    size = records().num_rows
    rows = [
        ("what", "measured", "target", ""),
        (f"labels until a review of {size:,} items is decided, median of {seeds} seeds", f"{median(f['labels'] for f in found):,.0f}", "", ""),
        ("labels of independent sampling until the same decision, median", f"{median(f['independent'] for f in found):,.0f}", "", ""),
        ("labels, of those of independent sampling", f"{share:.1%}", f"≤ {SHARE:.0%}", said(share <= SHARE)),
        (f"seeds that were decided within {MOST:,} labels", f"{np.mean([f['decided'] for f in found]):.0%}", "", ""),
        ("seeds whose decision is that of all labels", f"{right:.0%}", f"≥ {AGREEMENT:.0%}", said(right >= AGREEMENT)),
        ("seeds whose last interval holds the gain of all labels, at nominal 95 %, stopped when decided", f"{held:.0%}", "≥ 95 %", said(held >= 0.95)),
        ("answer and next item on SQLite, one annotator, 95 % of them within", f"{1000 * max(f['wait'] for f in found):.0f} ms", "", ""),
    ]  # fmt: skip
    write(
        "web_labels", "Reviews decided by labels", "python -m benchmarks.web_labels", rows,
        f"The gain of the new model on all labels is {found[0]['gain']:+.2%}, the limit {LIMIT:+.0%}."
        f" Estimates are looked at after every {EVERY} labels.",
    )  # fmt: skip


def said(reached: bool) -> str:
    return "reached" if reached else "**missed**"


if __name__ == "__main__":
    main()
