"""A round on made rows: people above 60 and in the north are 1, which the base model does not know."""

import io
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.csv

from supersede.web.bounties import rounds
from supersede.web.bounties.tables import keep_table, read_kept
from supersede.web.database import Round
from supersede.web.files import register
from supersede.web.jobs.worker import work_once
from supersede.web.security import Visitor
from supersede.web.work import HANDLERS

OWNER = Visitor(1, "grace", frozenset({"owner"}))
SETTINGS = {
    "label": "y", "model": "said", "model_columns": [], "features": ["age", "site", "hours"],
    "watch": ["site == 'south'"], "public": 0.4, "fresh": 0.3, "slices": 1, "seed": 0,
    "policy": "certified", "delta": 0.05,
}  # fmt: skip


def table(n=6000, seed=0):
    rng = np.random.default_rng(seed)
    age, hours = rng.integers(18, 90, n), rng.normal(38, 9, n).round(1)
    site = rng.choice(["north", "south", "west"], n)
    truth = ((age >= 60) ^ (rng.random(n) < 0.05)) | ((site == "north") & (hours > 45))
    rows = pa.table(
        {
            "age": age, "hours": hours, "site": site, "y": truth.astype(int),
            "said": np.zeros(n, int),
        }
    )  # fmt: skip
    held = io.BytesIO()
    pyarrow.csv.write_csv(rows, held)
    return held.getvalue()


def work_all(site):
    """Do all jobs that are due; returns how many."""
    done = 0
    while work_once(site, HANDLERS, "tester"):
        done += 1
    return done


def opened(site, *, rows=None, registration="open", **changes):
    """The number of a round that is open."""
    kept = keep_table(site.files, "rows.csv", [rows or table()], 10**9)
    plan = SETTINGS | changes.pop("plan", {})
    given = {
        "plan": plan, "model_hash": None, "about": "Find it.", "registration": registration,
        "opens": site.now(), "closes": site.now() + timedelta(days=3), "disclose_on": None,
        "per_team": 20, "per_day": 5, "capacity": 100, "answer_every": 60.0, **changes,
    }  # fmt: skip
    columns = read_kept(site.files, kept.hash).column_names
    with site.database.write() as db:
        register(db, kept, "table.parquet", None, site.now())
        made = rounds.draft(db, OWNER, "A round", kept.hash, columns, site.now())
        rounds.set_up(db, made, given, site.now())
        number = made.id
    work_all(site)
    with site.database.read() as db:
        found = db.get_one(Round, number)
        assert found.state == "open", found.problem
    return number
