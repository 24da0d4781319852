"""Tables to label, tasks of their items, and annotators who know the truth."""

import json

import numpy as np
import pyarrow as pa

import supersede
from supersede.evaluate import accuracy, plan
from supersede.web.jobs.worker import work_once
from supersede.web.labels.actions import answer, draft, next_item, open_task
from supersede.web.labels.looks import latest
from supersede.web.work import HANDLERS


def rows(n=600, *, old=0.3, new=0.2, seed=0):
    """Items with a truth, and two models that are wrong on some of them."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, n)
    wrong = {"old": rng.random(n) < old, "new": rng.random(n) < new}
    return {
        "id": [f"i{k}" for k in range(n)], "truth": truth, "age": rng.integers(18, 90, n),
        "note": [f"person {k}\nwith <b>two</b> lines" for k in range(n)],
        **{name: np.where(w, 1 - truth, truth) for name, w in wrong.items()},
    }  # fmt: skip


def gain_task(site, made_by, *, limit=-0.01, per_item=1, budget=None, seed=0, **made):
    """A task that asks whether the new model is better, and the truth by item."""
    data = rows(seed=seed, **made)
    known = {key: values for key, values in data.items() if key != "truth"}
    table = supersede.read(pa.table(known), models=["old", "new"], item="id", labelled=False)
    asked = accuracy("new") - accuracy("old")
    chosen = plan(table, asked, margin=0.0 if budget is None else 0.05, budget=budget,
                  method="coordinated", seed=seed)  # fmt: skip
    with site.database.write() as db:
        task = open_task(
            site, db, draft(site, chosen, table, ["age", "note"]), title="Which is right?",
            question="Is it 1?", limits={} if limit is None else {asked.name: limit},
            made_by=made_by, per_item=per_item,
        )  # fmt: skip
        return task.id, dict(zip(data["id"], data["truth"].tolist(), strict=True)), chosen


def looked(site):
    """Do the jobs that wait, and the last look."""
    while work_once(site, HANDLERS, "w"):
        pass


def label_until_decided(site, task_id, user_id, truth, *, most=10**6, every=1):
    """Answer truthfully until nothing is asked any more; the number of answers."""
    for given in range(most):
        with site.database.write() as db:
            item = next_item(db, task_id, user_id, site.now())
            if item is None:
                break
            value = json.dumps(truth[item.item])
            answer(db, task_id, item.id, user_id, f"form {task_id} {given:06d}", value, site.now())
        if given % every == 0:
            looked(site)
    looked(site)
    with site.database.read() as db:
        seen = latest(db, task_id)
        return 0 if seen is None else seen.labels
