"""A round on census records: who is employed? The model in service is a rule of thumb."""

from collections.abc import Mapping
from datetime import timedelta
from importlib.resources import as_file, files
from io import BytesIO

import numpy as np

from supersede.web.bounties import findings, rounds, submissions
from supersede.web.bounties.jobs import HANDLERS
from supersede.web.database import Round
from supersede.web.files import register
from supersede.web.jobs.worker import work_once
from supersede.web.security import Visitor
from supersede.web.site import Site

__all__ = ["census", "fill"]

_SEX = {1: "male", 2: "female"}
_RACE = {1: "White", 2: "Black", 6: "Asian", 8: "other", 9: "two or more"}
_MARRIED = {1: "married", 2: "widowed", 3: "divorced", 4: "separated", 5: "never married"}
_YES = {1: "yes", 2: "no"}
_ABOUT = (
    "Is a person in Massachusetts employed? The model in service is a rule of thumb: employed from"
    " 20 to 66. For whom is it wrong? Records: American Community Survey 2018, U.S. Census Bureau."
)


def census() -> bytes:
    """The records of 2018 as Parquet, with words for codes and the rule's answers."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    with as_file(files("supersede.demo") / "acs_employment.parquet") as path:
        records = pq.read_table(path)
    records = records.filter(pc.equal(records["year"], 2018))

    def named(column: str, words: dict[int, str], rest: str = "other") -> list[str]:
        return [words.get(code, rest) for code in records[column].to_pylist()]

    age = records["AGEP"].to_numpy()
    table = pa.table(
        {
            "age": age,
            "sex": named("SEX", _SEX),
            "race": named("RAC1P", _RACE),
            "disability": named("DIS", _YES, "no"),
            "married": named("MAR", _MARRIED),
            "schooling": records["SCHL"].to_numpy(),
            "born_abroad": named("NATIVITY", {1: "no", 2: "yes"}),
            "employed": records["employed"].to_numpy(),
            "rule_of_thumb": ((age >= 20) & (age <= 66)).astype(np.int8),
        }
    )
    held = BytesIO()
    pq.write_table(table, held)
    return held.getvalue()


def fill(site: Site, people: Mapping[str, Visitor]) -> None:
    """Open a round, with submissions of a team that were judged, and a finding.

    Args:
        site: The installation.
        people: The people of the demonstration, by name.
    """
    owner, charles = people["Grace"], people["Charles"]
    content = census()
    kept = site.files.keep([content], most=len(content))
    features = ["age", "sex", "race", "disability", "married", "schooling", "born_abroad"]
    given = {
        "plan": {
            "label": "employed",
            "model": "rule_of_thumb",
            "model_columns": [],
            "features": features,
            "watch": ["sex == 'female'", "race == 'Black'"],
            "public": 0.4,
            "fresh": 0.3,
            "slices": 1,
            "seed": 0,
            "policy": "certified",
            "delta": 0.05,
        },
        "model_hash": None,
        "about": _ABOUT,
        "registration": "open",
        "opens": site.now(),
        "closes": site.now() + timedelta(days=14),
        "disclose_on": (site.now() + timedelta(days=30)).date(),
        "per_team": 20,
        "per_day": 10,
        "capacity": 200,
        "answer_every": site.settings.answer_every,
    }
    with site.database.write() as db:
        register(db, kept, "census.parquet", owner.user_id, site.now())
        made = rounds.draft(
            db,
            owner,
            "Who is employed?",
            kept.hash,
            [*features, "employed", "rule_of_thumb"],
            site.now(),
        )
        rounds.set_up(db, made, given, site.now())
        number = made.id
    _work(site)
    for group in ("married == 'never married' and age >= 25", "age <= 19", "schooling >= 21"):
        sent = {
            "form": f"demonstration {group}"[:60],
            "source": "columns",
            "group": group,
            "answer": None,
            "answer_hash": None,
            "base": None,
            "note": "",
        }
        with site.database.write() as db:
            round_ = db.get_one(Round, number)
            submissions.post(db, round_, charles, sent, site.now(), wanted=True)
    with site.database.write() as db:
        text = "Most people above 62 with a pension no longer work; the rule says that they do."
        findings.report(
            db,
            db.get_one(Round, number),
            charles,
            "demonstration-1",
            "Early retirement",
            text,
            "age >= 62 and age <= 66",
            site.now(),
        )
    _work(site)


def _work(site: Site) -> None:
    while work_once(site, HANDLERS, "demonstration"):
        pass
