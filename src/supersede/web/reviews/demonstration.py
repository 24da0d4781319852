"""A review that is undecided, and the task with the labels that decide it, on census records."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import as_file, files
from io import BytesIO

import numpy as np
import pyarrow as pa

from supersede.errors import MissingExtraError
from supersede.web.database import LabelTask, Review
from supersede.web.files import register
from supersede.web.jobs.worker import work_once
from supersede.web.labels.looks import HANDLERS as LOOKS
from supersede.web.reviews import actions
from supersede.web.reviews.jobs import HANDLERS
from supersede.web.security import Visitor
from supersede.web.site import Site

__all__ = ["fill", "records"]

_LABELLED = 400  # items whose label is known: too few to decide
_WORDS = np.array(["not employed", "employed"])
_FEATURES = (
    "AGEP", "SCHL", "MAR", "RELP", "DIS", "ESP", "CIT", "MIG", "MIL", "ANC", "NATIVITY", "DEAR",
    "DEYE", "DREM",
)  # fmt: skip


@cache
def records() -> pa.Table:
    """The records of 2018 with the answers of the deployed model and of a new one.

    The new one is gradient boosting on the records of 2016. The label is known of a random
    few; ``the record says`` has it for everyone, so that a visitor can answer.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
    except ImportError as error:
        raise MissingExtraError.of(
            package="scikit-learn", extra="demo", purpose="the demonstration"
        ) from error
    with as_file(files("supersede.demo") / "acs_employment.parquet") as path:
        whole = pq.read_table(path)
    before, after = (whole.filter(pc.equal(whole["year"], year)) for year in (2016, 2018))
    x, new_x = (
        np.column_stack([part[name].to_numpy().astype(float) for name in _FEATURES])
        for part in (before, after)
    )
    model = HistGradientBoostingClassifier(max_iter=40, random_state=0)
    model.fit(x, before["employed"].to_numpy())
    truth = _WORDS[after["employed"].to_numpy()]
    known = np.random.default_rng(0).permutation(len(truth)) < _LABELLED
    return pa.table(
        {
            "id": after["id"],
            "age": after["AGEP"],
            "sex": _WORDS_OF["SEX"][after["SEX"].to_numpy()],
            "the record says": truth,
            "employed": pa.array(np.where(known, truth, ""), mask=~known),
            "deployed": _WORDS[after["deployed_prediction"].to_numpy()],
            "boosted": _WORDS[model.predict(new_x)],
        }
    )


_WORDS_OF = {"SEX": np.array(["", "male", "female"])}


def fill(site: Site, people: Mapping[str, Visitor]) -> None:
    """Ask for a review, which is undecided, and open the task that decides it.

    Args:
        site: The installation.
        people: The people of the demonstration, by name.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    import pyarrow.parquet as pq

    owner = people["Grace"].user_id
    held = BytesIO()
    pq.write_table(records(), held)
    kept = site.files.keep([held.getvalue()], most=len(held.getvalue()))
    settings = {
        "old": "deployed", "new": "boosted", "label": "employed", "item": "id",
        "labels": "random", "groups": [], "limit": -0.01,
    }  # fmt: skip
    with site.database.write() as db:
        register(db, kept, "records.parquet", owner, site.now())
        candidate = actions.candidate_named(db, "Boosted trees, 2018", owner, site)
        review = actions.ask(site, db, candidate, "review", {"file": kept.hash}, settings, owner)
        number = review.id
    while work_once(site, {**HANDLERS, **LOOKS}, "demonstration"):
        pass
    with site.database.read() as db:
        undecided = db.get_one(Review, number).state == "undecided"
    if undecided:
        opened = actions.label_task(site, number, owner)
        with site.database.write() as db:
            task = db.get_one(LabelTask, opened)
            task.title = "Who is employed?"
            task.question = "Is this person employed? (In this demonstration the record says so.)"
