"""What workers do for bounties: open a round, check submissions, judge, take out, close."""

import io
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from supersede.bounty import Bounty, Receipt, certify, credit
from supersede.bounty.artefacts import Model, parse, read_model
from supersede.bounty.decision_list import judged_answers
from supersede.bounty.hunters import specialist
from supersede.bounty.report import page as report_page
from supersede.bounty.saving import from_record
from supersede.errors import (
    ArtefactError,
    BudgetSpentError,
    MissingColumnError,
    SubmissionError,
    SupersedeError,
    TooFewLabelsError,
)
from supersede.web.bounties import rounds
from supersede.web.bounties.log import RoundLog
from supersede.web.bounties.material import (
    Material,
    material_of,
    open_bounty,
    public_csv,
    schema_of,
)
from supersede.web.bounties.submissions import answer_time, next_to_judge
from supersede.web.database import Round, Submission, Team
from supersede.web.files import register
from supersede.web.jobs.handler import Handler, Report
from supersede.web.jobs.queue import Claim, enqueue, finish, hold
from supersede.web.site import Site

__all__ = ["HANDLERS"]

_KEPT = 4  # rounds that a worker holds in memory
# what the hunter can fix; everything else is the server's failure. Neither costs a submission
_HUNTERS = (ArtefactError, BudgetSpentError, MissingColumnError, SubmissionError, TooFewLabelsError)


@dataclass(frozen=True)
class _Opened:
    material: Material
    bounty: Bounty
    log: RoundLog


_opened: OrderedDict[tuple[str, int], _Opened] = OrderedDict()  # of this process


def _open(site: Site, round_id: int) -> tuple[Round, _Opened]:
    """A round and its bounty; what was read once is kept, and catches up with its log by itself."""
    with site.database.read() as db:
        round_ = db.get_one(Round, round_id)
    key = (str(site.settings.data), round_id)
    found = _opened.pop(key, None)
    if found is None:
        material = material_of(site, round_)
        found = _Opened(material, *open_bounty(site, round_, material))
    _opened[key] = found
    while len(_opened) > _KEPT:
        _opened.popitem(last=False)
    return round_, found


def _open_round(site: Site, held: Claim, report: Report) -> None:
    """Check a round's settings on its rows, and open it."""
    with site.database.read() as db:
        round_ = db.get_one(Round, held.payload["round"])
    report("reading the table")
    material = material_of(site, round_)
    report("checking rows, groups and the first model")
    schema = schema_of(material)
    label = round_.plan["label"]
    kept = site.files.keep([public_csv(material, label)], most=10**10)
    open_bounty(site, round_, material)  # the first entry of its log
    material.first.predict(material.fresh.columns)
    with site.database.write() as db:
        round_ = db.get_one(Round, round_.id)
        register(db, kept, "public.csv", None, site.now())
        round_.public_hash = kept.hash
        round_.plan = {**round_.plan, "schema": schema}
        round_.state = "open"
        finish(db, held, site.now())


def _not_opened(site: Site, db: Session, held: Claim, problem: str) -> None:
    round_ = db.get_one(Round, held.payload["round"])
    round_.state, round_.problem = "draft", problem


def _answer(site: Site, found: Submission) -> Model:
    if found.answer_hash is not None:
        columns = (found.answer or {}).get("columns", [])
        return read_model(site.files.read(found.answer_hash), columns=columns)
    return from_record(found.answer or {}, lambda _: b"")


def _check(site: Site, held: Claim, report: Report) -> None:
    """Train a model if none was sent, and compare it on the public rows."""
    with site.database.read() as db:
        found = db.get_one(Submission, held.payload["submission"])
        team = db.get_one(Team, found.team_id).name
    if found.state not in {"trying", "checking"}:
        _end(site, held)
        return
    _, opened = _open(site, found.round_id)
    material, bounty = opened.material, opened.bounty
    problem, figures, record = "", None, found.answer
    try:
        model = bounty.model
        group = parse(found.group)
        if found.answer is None and found.answer_hash is None:
            report("training")
            answer: Model = specialist(group, material.ground(model)).answer
            record = answer.to_dict()
        else:
            answer = _answer(site, found)
        _check_features(material, [*group.columns, *answer.columns])
        report("comparing on the public rows")
        submission = bounty.prepare(team, group, answer, note=found.note)
        figures = _figures(submission.group, submission.answer, material, bounty)
    except _HUNTERS as error:
        problem = str(error)
    with site.database.write() as db:
        finish(db, held, site.now())
        found = db.get_one(Submission, found.id)
        if found.state not in {"trying", "checking"}:
            return  # withdrawn meanwhile
        found.answer, found.public, found.problem = record, figures, problem
        if problem:
            found.state = "refused"
        elif found.state == "trying":
            found.state = "tried"
        else:
            found.state = "queued"
            enqueue(db, "judge", f"round/{found.round_id}", {"round": found.round_id}, site.now())


def _check_features(material: Material, columns: list[str]) -> None:
    for name in columns:
        if name not in material.features:
            raise MissingColumnError.of(name, material.features, "a submission")


def _figures(group: Any, answer: Model, material: Material, bounty: Bounty) -> dict[str, Any]:
    public, model = material.public, bounty.model
    proposed = judged_answers(answer, public.columns, np.ones(len(public), bool), model.answers)
    found = certify(
        public,
        material.loss,
        group=group.mask(public.columns),
        current=model.predict(public.columns),
        proposed=proposed,
    )
    return found.to_dict()


def _check_failed(site: Site, db: Session, held: Claim, problem: str) -> None:
    found = db.get_one(Submission, held.payload["submission"])
    if found.state in {"trying", "checking"}:
        found.state, found.problem = "failed", problem


def _judge(site: Site, held: Claim, report: Report) -> None:
    """Judge the next submission of a round; nothing happens if there is none."""
    round_, opened = _open(site, held.payload["round"])
    with site.database.write() as db:
        hold(db, held)
        found = next_to_judge(db, round_.id)
        if found is not None:
            found.job_id = held.id  # whose failure it is, if this fails
            team = db.get_one(Team, found.team_id).name
    if found is None:
        _end(site, held)
        return
    report("judging")
    bounty = opened.bounty

    def store(receipt: Receipt) -> None:
        """In the transaction of the judgement: it, the ledger and the job's end are one."""
        db = opened.log.session
        assert db is not None  # noqa: S101  # `decide` calls this within `RoundLog.writing`
        judged(db, "accepted" if receipt.accepted else "rejected", receipt=receipt)

    def judged(
        db: Session, state: str, *, receipt: Receipt | None = None, problem: str = ""
    ) -> None:
        finish(db, held, site.now())
        now = site.now()
        stored = db.get_one(Submission, found.id, with_for_update=True)
        if stored.state != "queued":
            msg = "the submission was withdrawn while it was judged"
            raise _WithdrawnError(msg)
        stored.state, stored.problem, stored.judged = state, problem, now
        stored.answered = answer_time(stored.sent or now, now, round_.answer_every)
        if receipt is not None:
            told = {
                **receipt.to_dict(),
                "round": round_.id,
                "answered": stored.answered.isoformat(timespec="seconds"),
            }
            told.pop("at")  # when it was judged is not told
            signed = {
                "receipt": told,
                "signature": site.signer.sign(told),
                "key": site.signer.public,
            }
            stored.number, stored.receipt = receipt.number, signed

    try:
        submission = bounty.prepare(
            team, found.group, _answer(site, found), base=found.base, note=found.note
        )
        bounty.decide(submission, also=store)
    except _WithdrawnError:
        _end(site, held)
    except _HUNTERS as error:
        with site.database.write() as db:
            judged(db, "refused", problem=str(error))


class _WithdrawnError(SupersedeError):
    """The submission was withdrawn while it was judged; the judgement is undone."""


def _judge_failed(site: Site, db: Session, held: Claim, problem: str) -> None:
    query = select(Submission).where(Submission.job_id == held.id, Submission.state == "queued")
    found = db.execute(query).scalar_one_or_none()
    if found is not None:
        found.state, found.problem = "failed", problem


def _take_out(site: Site, held: Claim, report: Report) -> None:
    """Take an accepted patch out again."""
    _, opened = _open(site, held.payload["round"])
    with site.database.read() as db:
        found = db.get_one(Submission, held.payload["submission"])
        team = db.get_one(Team, found.team_id).name
    if found.state != "accepted" or found.number is None:
        _end(site, held)
        return
    report("taking it out, and repairing groups that are worse off without it")

    def store(_: object) -> None:
        db = opened.log.session
        assert db is not None  # noqa: S101
        db.get_one(Submission, found.id).state = "retracted"
        finish(db, held, site.now())

    opened.bounty.withdraw(team, found.number, also=store)


def _close_round(site: Site, held: Claim, report: Report) -> None:
    """Audit the patched model on fresh rows; waits until everything sent is judged."""
    round_id = held.payload["round"]
    with site.database.write() as db:
        if rounds.waiting(db, round_id):
            soon = site.now() + timedelta(seconds=1)
            enqueue(db, "close round", held.about, held.payload, site.now(), due=soon)
            finish(db, held, site.now())
            return
    round_, opened = _open(site, round_id)
    material, bounty = opened.material, opened.bounty
    report("auditing on fresh rows")
    audit = bounty.close(material.fresh)
    report("writing the report")
    text = report_page(bounty, material.fresh, audit=audit, title=round_.title)
    gains = credit(bounty.model, material.fresh, loss=material.loss, watch=material.watch)
    contents: list[tuple[str, Callable[[], bytes]]] = [
        ("report.html", text.encode),
        ("model.zip", lambda: rounds.zipped(bounty)),
        ("candidate.parquet", lambda: _candidate_table(material, bounty)),
    ]
    kept = {name: site.files.keep([make()], most=10**10) for name, make in contents}
    told = {
        **audit.to_dict(),
        "summary": str(audit),
        "by_team": gains.by_team(),
        "patches_by": [[p.team, p.group, p.gain, p.repairs] for p in gains.patches],
        "features": _features_by_team(bounty),
        "model": bounty.digest,
    }
    with site.database.write() as db:
        round_ = db.get_one(Round, round_id)
        for name, one in kept.items():
            register(db, one, name, None, site.now())
        round_.audit, round_.report_hash = told, kept["report.html"].hash
        round_.patched_hash = kept["model.zip"].hash
        round_.state, round_.closed = "closed", site.now()
        rounds.add_candidate(db, round_, kept["candidate.parquet"].hash, site.now())
        finish(db, held, site.now())


def _features_by_team(bounty: Bounty) -> dict[str, dict[str, int]]:
    """How many accepted patches of each team use each feature in their group."""
    used: dict[str, dict[str, int]] = {}
    for node in bounty.model.nodes:
        if not isinstance(node.answer, int):
            own = used.setdefault(node.team, {})
            for column in node.group.columns:
                own[column] = own.get(column, 0) + 1
    return used


def _candidate_table(material: Material, bounty: Bounty) -> bytes:
    """Both models' classes on the fresh rows, for a review."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    fresh = material.fresh
    classes = np.array([str(value) for value in material.classes], dtype=object)
    found: dict[str, Any] = {"item": np.arange(len(fresh))}
    for name in material.features:
        column = fresh.columns[name]
        found[name] = column.texts() if column.kind == "text" else column.numbers()
    found["label"] = classes[fresh.labels]
    found["old"] = classes[material.first.predict(fresh.columns)]
    found["patched"] = classes[bounty.model.predict(fresh.columns)]
    held = io.BytesIO()
    pq.write_table(pa.table(found), held)
    return held.getvalue()


def _not_closed(site: Site, db: Session, held: Claim, problem: str) -> None:
    round_ = db.get_one(Round, held.payload["round"])
    round_.state, round_.problem = "paused", problem


def _end(site: Site, held: Claim) -> None:
    with site.database.write() as db:
        finish(db, held, site.now())


def _nothing(site: Site, db: Session, held: Claim, problem: str) -> None:
    """Nothing to record: the state stays what it was."""


HANDLERS = {
    "open round": Handler(_open_round, _not_opened),
    "check submission": Handler(_check, _check_failed),
    "judge": Handler(_judge, _judge_failed),
    "take out": Handler(_take_out, _nothing),
    "close round": Handler(_close_round, _not_closed),
}
