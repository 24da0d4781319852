"""The seam of the ledger: one transaction, several writers, budgets, withdrawals, reruns."""

import signal
import sqlite3
import subprocess
import sys

import numpy as np
import pytest

from supersede.bounty import (
    Bounty,
    DecisionList,
    FileLog,
    Findings,
    Naive,
    Sample,
    credit,
    digest,
    load_list,
    rerun,
    save_list,
)
from supersede.bounty.artefacts import Constant, OnnxModel
from supersede.errors import (
    ArgumentError,
    BudgetSpentError,
    CrashError,
    LimitError,
    LogError,
    SubmissionError,
)
from tests.bounty.cases import ONE, ZERO, people, random_group, random_rows
from tests.bounty.database_log import DatabaseLog
from tests.bounty.test_onnx_submissions import threshold

FIRST = DecisionList(ZERO)


def opened(log=None, folder=None, *, capacity=40, per_team=None):
    slices = people(3000, seed=1).slices(2, seed=0)
    return Bounty(FIRST, slices, policy=Naive(), capacity=capacity, watch={"women": "sex == 'f'"},
                  folder=folder, log=log, per_team=per_team)  # fmt: skip


def offers(n, seed=0):
    rng = np.random.default_rng(seed)
    for number in range(n):
        low, site = rng.integers(20, 80), rng.choice(["north", "south"])
        yield (
            f"team {number % 3}",
            f"age >= {low} and site == '{site}'",
            Constant((int(rng.integers(2)),)),
        )


def judge(bounty, offer):
    try:
        return bounty.submit(*offer)
    except SubmissionError:  # a duplicate
        return None


def events(log):
    hidden = ("at", "previous", "hash")
    return [{k: v for k, v in entry.items() if k not in hidden} for entry in log.since(0)]


def test_two_workers_on_one_database_do_what_one_does_alone(tmp_path):
    alone = opened()
    for offer in offers(60):
        judge(alone, offer)
    workers = [opened(DatabaseLog(tmp_path / "db")) for _ in range(2)]
    rng = np.random.default_rng(5)
    for offer in offers(60):
        judge(workers[rng.integers(2)], offer)
    assert events(workers[0].log) == events(alone.log)
    late = opened(DatabaseLog(tmp_path / "db"))
    assert late.digest == alone.digest
    assert late.checker.track.errors().tolist() == alone.checker.track.errors().tolist()
    assert late.charged == alone.charged


def test_two_processes_can_share_a_folder(tmp_path):
    first, second = opened(folder=tmp_path), opened(folder=tmp_path)
    assert first.submit("ada", "age >= 60", ONE).number == 1
    with pytest.raises(SubmissionError, match="already judged") as refused:
        first.submit("bob", "age < 30", ONE) and second.submit("bob", "age < 30", ONE)
    assert "model" in str(refused.value)
    assert second.receipts == first.receipts
    assert second.digest == first.digest


def test_what_belongs_to_a_judgement_is_stored_with_it_or_neither_is(tmp_path):
    log = DatabaseLog(tmp_path / "db")
    bounty = opened(log)
    offer = bounty.prepare("ada", "age >= 60", ONE)

    def crash(receipt):
        log.finish("job 1")(receipt)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bounty.decide(offer, also=crash)
    assert (bounty.left, bounty.charged, len(bounty.model), log.jobs) == (80, {}, 0, 0)
    assert len(log.since(0)) == 1
    receipt = bounty.decide(offer, also=log.finish("job 1"))
    assert (receipt.accepted, bounty.charged, log.jobs) == (True, {"ada": 1}, 1)
    # a worker that was thought dead does the same job once more
    with pytest.raises(sqlite3.IntegrityError):
        bounty.decide(offer, also=log.finish("job 1"))
    assert (bounty.charged, log.jobs, len(log.since(0))) == ({"ada": 1}, 1, 2)


def test_a_killed_worker_leaves_nothing_and_its_job_runs_again(tmp_path):
    script = f"""
import os, signal
from supersede.bounty import Bounty, DecisionList
from tests.bounty.cases import ONE, ZERO, people
from tests.bounty.database_log import DatabaseLog
bounty = Bounty(DecisionList(ZERO), [people()], log=DatabaseLog({str(tmp_path / "db")!r}))
offer = bounty.prepare("ada", "age >= 60", ONE)
bounty.decide(offer, also=lambda _: os.kill(os.getpid(), signal.SIGKILL))
"""
    died = subprocess.run([sys.executable, "-c", script], check=False)
    assert died.returncode == -signal.SIGKILL
    bounty = Bounty(FIRST, [people()], log=DatabaseLog(tmp_path / "db"))
    assert (bounty.left, bounty.charged) == (100, {})
    assert bounty.submit("ada", "age >= 60", ONE).number == 1


@pytest.mark.parametrize("error", [LimitError, MemoryError, OSError])
def test_the_servers_own_timeouts_and_failures_are_never_charged(monkeypatch, error):
    bounty, undisturbed = opened(), opened()

    def fails(*_):
        raise error

    for number, offer in enumerate(offers(20)):
        if number % 3 == 0:
            with monkeypatch.context() as disturbed:
                disturbed.setattr("supersede.bounty.checker.judged_answers", fails)
                with pytest.raises((error, SubmissionError)):
                    bounty.submit(*offer)
        assert (judge(bounty, offer) is None) == (judge(undisturbed, offer) is None)
    assert events(bounty.log) == events(undisturbed.log)
    assert bounty.charged == undisturbed.charged
    assert sum(bounty.charged.values()) == 80 - bounty.left


def test_a_model_that_crashes_each_time_is_charged(monkeypatch):
    bounty = opened()

    def crashes(*_):
        raise CrashError

    monkeypatch.setattr("supersede.bounty.checker.judged_answers", crashes)
    assert not bounty.submit("ada", "age >= 60", ONE).accepted
    assert bounty.charged == {"ada": 1}


def test_each_team_has_a_budget_and_sees_what_is_left(tmp_path):
    bounty = opened(folder=tmp_path, per_team=2)
    bounty.submit("ada", "age >= 60", ONE)
    with pytest.raises(SubmissionError):
        bounty.submit("ada", "age > 5 and age < 5", ONE, base="0" * 64)
    assert (bounty.left_of("ada"), bounty.left_of("bob")) == (1, 2)
    bounty.submit("ada", "age < 20", ONE)
    with pytest.raises(BudgetSpentError, match="ada has used up its 2 submissions"):
        bounty.submit("ada", "age >= 70", ONE)
    assert bounty.submit("bob", "age >= 70", ONE).left == 77
    again = opened(folder=tmp_path, per_team=2)
    assert again.charged == {"ada": 2, "bob": 1}
    with pytest.raises(LogError, match="other per_team"):
        opened(folder=tmp_path, per_team=3)
    with pytest.raises(ArgumentError, match="per_team=0"):
        opened(per_team=0)
    with pytest.raises(ArgumentError, match="not both"):
        opened(FileLog(), tmp_path)


def test_a_withdrawn_model_serves_no_longer_and_stays_counted(tmp_path):
    bounty = opened(folder=tmp_path)
    bounty.submit("ada", "age >= 60", ONE)
    before = bounty.digest
    bounty.submit("bob", "age < 30", ONE)  # rejected
    bounty.submit("bob", "sex == 'f' and site == 'north'", ONE)
    old = {"age": [70, 70], "sex": ["m", "f"], "site": ["south", "north"]}
    assert bounty.model.predict(old).tolist() == [1, 1]
    length = bounty.checker.transcript.length
    withdrawal = bounty.withdraw("ada", 1)
    assert str(withdrawal) == "submission 1 of ada: withdrawn"
    assert bounty.model.predict(old).tolist() == [0, 1]
    assert not any(
        entry["answer"] == {"form": "constant", "values": [1]} and entry["group"] == "age >= 60"
        for entry in map(_plain, bounty.model.nodes)
    )
    # what was answered stays answered: no budget comes back, and the next bar is no lower
    assert (bounty.charged, bounty.left) == ({"ada": 1, "bob": 2}, 77)
    assert bounty.checker.transcript.length > length
    # the group may be submitted again, since the model is another one
    assert bounty.submit("ada", "age >= 60", ONE).accepted
    assert bounty.digest != before
    again = opened(folder=tmp_path)
    assert again.digest == bounty.digest
    assert again.checker.transcript == bounty.checker.transcript
    assert digest(load_list(save_list(bounty.model, tmp_path / "saved"))) == bounty.digest
    rows = people(2000, seed=8, name="fresh rows")
    gains = credit(bounty.model, rows).by_team()
    wrong = [(m.predict(rows.columns) != rows.labels).mean() for m in (FIRST, bounty.model)]
    assert sum(gains.values()) == pytest.approx(wrong[0] - wrong[1])
    assert rerun(again).digest == bounty.digest


def _plain(node):
    answer = node.answer if isinstance(node.answer, int) else node.answer.to_dict()
    return {"group": str(node.group), "answer": answer}


def test_only_an_accepted_submission_of_the_team_can_be_withdrawn_and_once():
    bounty = opened()
    bounty.submit("ada", "age >= 60", ONE)
    bounty.submit("ada", "age < 30", ONE)
    for team, number, why in [
        ("bob", 1, "not one of bob"), ("ada", 0, "not one of ada"), ("ada", 3, "not one of ada"),
        ("ada", -1, "not one of ada"), ("ada", 2, "was rejected"),
    ]:  # fmt: skip
        with pytest.raises(SubmissionError, match=why):
            bounty.withdraw(team, number)
    bounty.withdraw("ada", 1)
    with pytest.raises(SubmissionError, match="withdrawn before"):
        bounty.withdraw("ada", 1)
    bounty.close(people(2000, seed=7, name="fresh rows"))
    with pytest.raises(SubmissionError, match="is closed"):
        bounty.withdraw("ada", 1)


def test_after_withdrawals_no_protected_group_is_worse_off_than_before(tmp_path):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        sample = Sample("holdout", random_rows(rng, 400), rng.integers(0, 2, 400))
        folder = tmp_path / str(seed)
        bounty = Bounty(FIRST, [sample], policy=Naive(), capacity=200, folder=folder)
        for _ in range(50):
            judge(bounty, ("ada", random_group(rng), Constant((int(rng.integers(2)),))))
            standing = [r.number for r in bounty.receipts if r.accepted]
            if rng.random() < 0.2 and standing:
                try:
                    bounty.withdraw("ada", int(rng.choice(standing)))
                except SubmissionError:  # withdrawn before
                    continue
            track = bounty.checker.track
            for name in track.groups:
                errors = track.errors(name)
                assert errors[-1] <= errors.min() + 1e-9
        wrong = (bounty.model.predict(sample.columns) != sample.labels).mean()
        assert bounty.checker.track.errors()[-1] == pytest.approx(wrong)
        assert Bounty(FIRST, [sample], policy=Naive(), capacity=200, folder=folder).digest == (
            bounty.digest
        )
        assert rerun(bounty).digest == bounty.digest


def test_a_rerun_finds_an_answer_that_was_not_the_holdouts(tmp_path):
    bounty = opened(folder=tmp_path)
    for offer in offers(50):
        judge(bounty, offer)
    assert events(rerun(bounty).log)[1:] == events(bounty.log)[1:]
    bounty.close(people(2000, seed=7, name="fresh rows"))
    rerun(bounty)
    forged = FileLog()
    for entry in bounty.log.since(0)[:3]:
        body = {k: v for k, v in entry.items() if k not in ("previous", "hash")}
        if body["event"] == "judged":  # with a chain that is intact
            rejected = {"accepted": False, "repairs": [], "model": digest(FIRST)}
            body |= rejected
        forged.append(body)
    with pytest.raises(LogError, match=r"entry \d of the log, judged again, has another accepted"):
        rerun(opened(forged))


def test_onnx_models_are_kept_in_the_log_and_can_be_withdrawn(tmp_path):
    rows, model = people(2000, seed=3), OnnxModel(threshold(60), ("age",))
    bounty = opened(DatabaseLog(tmp_path / "db"))
    assert bounty.submit("ada", "age >= 50", model).accepted
    again = opened(DatabaseLog(tmp_path / "db"))
    assert again.digest == bounty.digest
    assert again.model.predict(rows.columns).tolist() == bounty.model.predict(rows.columns).tolist()
    again.withdraw("ada", 1)
    assert again.model.predict(rows.columns).sum() == 0


def test_findings_of_two_processes_are_numbered_once(tmp_path):
    first, second = Findings(tmp_path / "f.jsonl"), Findings(tmp_path / "f.jsonl")
    first.report("other", "one", "details", team="ada")
    assert second.report("other", "two", "details", team="bob").number == 2
    first.triage(2, "confirmed")
    with pytest.raises(ArgumentError, match="is confirmed"):
        second.triage(2, "confirmed")


def test_a_transaction_is_kept_as_a_whole(tmp_path):
    log = FileLog(tmp_path / "log")
    log.append({"event": 0})
    unwritable = [{"event": 1}, {"event": float("nan")}]
    with pytest.raises(ArgumentError):
        _append_all(log, unwritable)
    with log.writing():
        log.append({"event": 2})
        log.append({"event": 3})
        with pytest.raises(LogError, match="nested"), log.writing():
            pass
    assert [e["event"] for e in log] == [e["event"] for e in FileLog(tmp_path / "log")] == [0, 2, 3]
    (tmp_path / "log").write_bytes(b"")
    with pytest.raises(LogError, match="cut off"):
        log.append({"event": 4})


def _append_all(log, entries):
    with log.writing():
        for entry in entries:
            log.append(entry)
