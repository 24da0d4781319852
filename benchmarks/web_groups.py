"""Reviews that ask about groups, decided by labels: do all intervals hold at once, whenever one looks?

Each seed makes a table of three wards. The new model's gain is near the limit overall and in one ward,
where a wrong verdict is likeliest. The review is asked for, becomes a task, is labelled
truthfully and runs again, all by the functions that the pages call. The estimates are looked at after every 10 labels
until the task ends by itself. ``--seeds 20`` runs fewer; seeds that are done are kept.
"""

import json
import sys
import tempfile
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import select

from benchmarks.measure import STATE, write
from supersede.metrics.intervals import wilson
from supersede.web.database import LabelTask, Look, Review, User
from supersede.web.files import register
from supersede.web.jobs.worker import work_once
from supersede.web.labels.actions import answer, next_item
from supersede.web.reviews import actions
from supersede.web.reviews.running import WORST_SLICE
from supersede.web.settings import Settings
from supersede.web.site import Site, open_site
from supersede.web.work import HANDLERS

SEEDS, ITEMS, EVERY, LIMIT = 200, 1200, 10, -0.01
WARDS = {"east": 0.6, "north": 0.25, "west": 0.15}
# how often the models are wrong in each ward; the gain in the west lies at its limit, -5 points
OLD, NEW = {"east": 0.12, "north": 0.12, "west": 0.10}, {"east": 0.12, "north": 0.10, "west": 0.15}
KEPT = STATE / "web_groups.json"


def table(seed: int) -> tuple[pa.Table, dict[str, int], dict[str, float]]:
    """Items, their true labels, and the gain of all labels by estimand."""
    rng = np.random.default_rng(seed)
    ward = rng.choice(list(WARDS), ITEMS, p=list(WARDS.values()))
    truth = rng.integers(0, 2, ITEMS)
    said = {
        name: np.where(rng.random(ITEMS) < np.vectorize(wrong.get)(ward), 1 - truth, truth)
        for name, wrong in {"old": OLD, "new": NEW}.items()
    }
    ids = np.array([f"i{k}" for k in range(ITEMS)])
    better = (said["new"] == truth).astype(int) - (said["old"] == truth).astype(int)
    gains = {"": float(better.mean())} | {w: float(better[ward == w].mean()) for w in WARDS}
    columns = {"id": ids, "ward": ward, "age": rng.integers(18, 90, ITEMS), **said}
    return pa.table(columns), dict(zip(ids.tolist(), truth.tolist(), strict=True)), gains


def decided(seed: int) -> dict[str, Any]:
    """One review, from the request to its verdict."""
    made, truth, gains = table(seed)
    with tempfile.TemporaryDirectory() as folder:
        site = open_site(Settings(data=Path(folder)), migrate=True)
        review, task, user = _opened(site, made)
        labels = 0
        while True:
            with site.database.write() as db:
                item = next_item(db, task, user, site.now())
                if item is None:
                    break
                answer(db, task, item.id, user, f"form {labels:06d}", json.dumps(truth[item.item]), site.now())  # fmt: skip
            labels += 1
            if labels % EVERY == 0:
                _work(site)
        _work(site)
        with site.database.read() as db:
            looks = [one.estimates["estimates"] for one in db.execute(select(Look)).scalars()]
            ended = db.get_one(LabelTask, task).state
            query = select(Review.state).where(Review.continues == review)
            verdict = db.execute(query).scalar_one()
        site.database.close()
    held = [all(_holds(e, gains) for e in look) for look in looks]
    right = gains[""] >= LIMIT and all(gains[w] >= -WORST_SLICE for w in WARDS)
    return {
        "labels": labels, "looks": len(looks), "intervals": len(looks[-1]), "held": all(held),
        "ended": ended, "verdict": verdict, "truth": "pass" if right else "fail",
    }  # fmt: skip


def _opened(site: Site, made: pa.Table) -> tuple[int, int, int]:
    """The review, its task, and an annotator."""
    file = BytesIO()
    pq.write_table(made, file)
    kept = site.files.keep([file.getvalue()], most=10**9)
    settings = {
        "old": "old", "new": "new", "label": "", "item": "id", "labels": "", "groups": ["ward"],
        "limit": LIMIT,
    }  # fmt: skip
    with site.database.write() as db:
        ada = User(name="ada", folded="ada", password="-", created=site.now(), removed=None)
        db.add(ada)
        db.flush()
        register(db, kept, "table.parquet", ada.id, site.now())
        candidate = actions.candidate_named(db, "new", ada.id, site)
        review = actions.ask(site, db, candidate, "review", {"file": kept.hash}, settings, ada.id)
        number, user = review.id, ada.id
    _work(site)
    return number, actions.label_task(site, number, user), user


def _work(site: Site) -> None:
    while work_once(site, HANDLERS, "w"):
        pass


def _holds(estimate: dict[str, Any], gains: dict[str, float]) -> bool:
    ward = next((w for w in WARDS if f"ward={w}" in estimate["name"].replace(" ", "")), "")
    if estimate["low"] is None:
        return True  # nothing is claimed
    return bool(estimate["low"] - 1e-9 <= gains[ward] <= estimate["high"] + 1e-9)


def main() -> None:
    seeds = int(sys.argv[sys.argv.index("--seeds") + 1]) if "--seeds" in sys.argv else SEEDS
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    done: dict[str, dict[str, Any]] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    for seed in range(seeds):
        if str(seed) not in done:
            done[str(seed)] = decided(seed)
            KEPT.write_text(json.dumps(done))
    found = [done[str(seed)] for seed in range(seeds) if str(seed) in done]
    n = len(found)
    held, wrong = (
        sum(f["held"] for f in found),
        sum(f["verdict"] in {"pass", "fail"} and f["verdict"] != f["truth"] for f in found),
    )
    passes = sum(f["verdict"] == "pass" != f["truth"] for f in found)
    settled = sum(f["verdict"] in {"pass", "fail"} for f in found)
    low, high = map(float, wilson(held / n, n, 0.95))
    write(
        "web_groups", "Reviews with groups, decided by labels", "python -m benchmarks.web_groups",
        [
            ("what", "measured", "target", ""),
            (f"seeds in which all {found[0]['intervals']} intervals held at every look, up to the end of the task",
             f"{held} of {n} ({held / n:.1%}; 95 % interval {low:.1%} to {high:.1%})", "≥ 95 %", _said(held / n >= 0.95)),
            ("wrong passes, judged by all labels", f"{passes} of {n}", "≤ 5 %", _said(passes <= 0.05 * n)),
            ("wrong verdicts, passes and fails", f"{wrong} of {n}", "≤ 5 %", _said(wrong <= 0.05 * n)),
            ("seeds with a verdict, which all labels would pass", f"{settled} of {n}, {sum(f['truth'] == 'pass' for f in found)} of {n}", "", ""),
            ("labels until the task ended, median; most", f"{median(f['labels'] for f in found):,.0f}; {max(f['labels'] for f in found):,}", "", ""),
        ],
        f"{ITEMS:,} items in wards of {', '.join(f'{s:.0%}' for s in WARDS.values())}; the models are wrong on"
        f" {', '.join(f'{s:.0%}' for s in OLD.values())} and {', '.join(f'{s:.0%}' for s in NEW.values())} of them, so that"
        f" the gain in the smallest ward lies at its limit of {-WORST_SLICE:+.0%}, on either side of it by chance. Each interval"
        f" has the confidence 1 − 5 % / 4 and holds at all numbers of labels. Looked at after every {EVERY} labels.",
    )  # fmt: skip


def _said(reached: bool) -> str:
    return "reached" if reached else "**missed**"


if __name__ == "__main__":
    main()
