import io
import re
from html import unescape

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from supersede.errors import ConflictError
from supersede.web.bounties import rounds
from supersede.web.database import Candidate, LabelTask, Review, User
from supersede.web.jobs.worker import work_once
from supersede.web.ledger import entries, verify
from supersede.web.reviews import actions
from supersede.web.work import HANDLERS
from tests.web.labelling import label_until_decided, rows


def worked(site):
    while work_once(site, HANDLERS, "w"):
        pass


def table_of(data):
    held = io.BytesIO()
    pq.write_table(pa.table(data), held)
    return {"table": ("t.parquet", held.getvalue())}


def number(page):
    return re.search(r'name="form" value="([^"]+)"', page)[1]


def asked(judge, data, **fields):
    """A review through the browser's forms; its path."""
    answer = judge.post("/reviews/upload", files=table_of(data))
    assert answer.status_code == 303, answer.text
    at = answer.headers["location"]
    return judge.post(
        at, data={"form": number(judge.get(at).text), "candidate": "Forest", "kind": "review",
                  "old": "old", "new": "new", "label": "truth", "item": "id", "limit": "-0.01", **fields},
    )  # fmt: skip


def half_labelled(n=1500, seed=0):
    data = rows(n=n, old=0.2, new=0.19, seed=seed)
    known = np.random.default_rng(3).random(n) < 0.05
    data["truth"] = pa.array(np.where(known, data["truth"], 0), mask=~known)
    return data, rows(n=n, old=0.2, new=0.19, seed=seed)["truth"]


@pytest.fixture
def judge(enter):
    return enter("judith", "judge")


def test_from_undecided_to_signed(site, judge, enter):
    data, truth = half_labelled()
    at = asked(judge, data, labels="random").headers["location"]
    assert "waiting for a worker" in judge.get(at).text.lower()
    worked(site)
    assert "Undecided" in judge.get(at).text
    # one click, and the items whose labels decide it are asked for
    task_path = judge.post(f"{at}/labels").headers["location"]
    assert judge.post(f"{at}/labels").headers["location"] == task_path
    task = int(task_path.rpartition("/")[2])
    assert "It waits for the labels of" in judge.get(at).text
    right = dict(zip(data["id"], truth.tolist(), strict=True))
    with site.database.write() as db:
        ada = User(name="ada", folded="ada", password="-", created=site.now(), removed=None)
        db.add(ada)
        db.flush()
    used = label_until_decided(site, task, ada.id, right, every=15)
    worked(site)
    page = judge.get(at).text
    again = re.search(r'href="(/reviews/\d+)">review \d+</a> is <strong>(\w+)</strong>', page)
    better = (data["new"] == truth).mean() - (data["old"] == truth).mean() >= -0.01
    assert again[2] == ("pass" if better else "fail")
    with site.database.read() as db:
        found = db.get(Review, int(again[1].rpartition("/")[2]))
        assert (found.continues, found.labels) == (int(at.rpartition("/")[2]), used)
        assert db.get(LabelTask, task).state == "decided"
    report = judge.get(f"{again[1]}/report")
    assert "sandbox" in report.headers["content-security-policy"]
    # signed by an approver, with name and reason, for good
    alan = enter("alan", "approver")
    signing = alan.get(again[1]).text
    for wrong in ({"name": "ada"}, {"reason": " "}, {"decision": "shipped"}):
        form = {"form": number(signing), "name": "alan", "reason": "ok", "decision": "approved"}
        assert alan.post(f"{again[1]}/sign", data={**form, **wrong}).status_code == 422
    form = {
        "form": number(signing),
        "name": "Alan",
        "reason": "<b>good</b>",
        "decision": "approved",
    }
    for _ in range(2):
        assert alan.post(f"{again[1]}/sign", data=form).status_code == 303
    assert judge.post(f"{again[1]}/sign", data=form).status_code == 422
    signed = alan.get(again[1]).text
    assert signed.count("&lt;b&gt;good&lt;/b&gt;") == 1
    history = alan.get(re.search(r"/reviews/model/\d+", signed)[0]).text
    assert "Gain in accuracy over time" in history
    assert "approved by alan" in history
    with site.database.read() as db:
        verify(db)
        events = [entry.body for entry in entries(db, again[1][1:].replace("reviews", "review"))]
    assert len(events) == 2
    assert '"event":"approved"' in events[1]


def test_a_review_without_any_label_asks_for_them(site, judge):
    data, _ = half_labelled(n=400)
    del data["truth"]
    at = asked(judge, data, label="").headers["location"]
    worked(site)
    assert "There are no labels yet" in judge.get(at).text
    assert judge.post(f"{at}/labels").status_code == 303


def test_a_task_that_was_closed_before_it_decided_leaves_it_undecided(site, judge):
    data, truth = half_labelled(n=1500)
    at = asked(judge, data, labels="random").headers["location"]
    worked(site)
    task = int(judge.post(f"{at}/labels").headers["location"].rpartition("/")[2])
    right = dict(zip(data["id"], truth.tolist(), strict=True))
    label_until_decided(site, task, 1, right, most=12, every=12)
    judge.post(f"/labels/{task}/state", data={"state": "closed"})
    worked(site)
    assert "Undecided" in judge.get(at).text
    assert "task</a> is closed" in judge.get(at).text


def test_an_audit_has_a_report_and_a_history(site, judge):
    data = rows(n=400)
    data["sex"] = np.where(np.arange(400) % 2, "f", "m")
    at = asked(judge, data, kind="audit", groups=["sex"]).headers["location"]
    worked(site)
    assert "Audited" in judge.get(at).text
    assert judge.get(f"{at}/report").status_code == 200


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"old": ""}, "model in service"), ({"new": ""}, "new model"), ({"limit": "x"}, "not a number"),
        ({"limit": "7"}, "between -1 and 1"), ({"kind": "guess"}, "a review or an audit"),
        ({"labels": "lucky"}, "were chosen"), ({"candidate": "a\u202eb"}, "invisible"),
        ({"kind": "audit", "label": ""}, "label"),
    ],
)  # fmt: skip
def test_settings_that_do_not_fit_are_said_with_what_was_typed(judge, fields, says):
    answer = asked(judge, rows(n=60), **fields)
    assert answer.status_code == 422
    assert says in unescape(answer.text)


def test_what_fails_says_why(site, judge):
    at = asked(judge, rows(n=60), item="age").headers["location"]
    worked(site)
    assert "Failed" in judge.get(at).text
    with site.database.read() as db:
        assert db.get(Review, 1).problem


def test_a_table_whose_file_is_gone(site, judge):
    at = asked(judge, rows(n=60)).headers["location"]
    with site.database.read() as db:
        hash = db.get(Review, 1).source["file"]
    site.files.path(hash).unlink()
    worked(site)
    assert "restore it from a backup" in judge.get(at).text
    for content in (b"not a table", b"", b"PK\x03\x04"):
        answer = judge.post("/reviews/upload", files={"table": ("../../t.parquet", content)})
        assert answer.status_code == 422
    assert judge.post("/reviews/upload", data={"path": "/etc/passwd"}).status_code in {403, 422}


def test_a_patched_model_of_a_bounty_is_a_candidate(site, judge):
    data = rows(n=60)
    kept = site.files.keep([table_of(data)["table"][1]], 10**7)
    with site.database.write() as db:
        db.add(
            Candidate(name="Round: patched", folded="round: patched", round_id=None, file_hash=kept.hash,
                      made_by=1, created=site.now())
        )  # fmt: skip
    shown = judge.get("/reviews").text
    assert "Round: patched" in shown
    path = re.search(r"/reviews/new\?candidate=\d+", shown)[0]
    form = judge.get(judge.get(path).headers["location"]).text
    assert 'value="Round: patched"' in form
    assert hasattr(rounds, "add_candidate")


def test_roles(site, judge, enter):
    at = asked(judge, rows(n=60)).headers["location"]
    hunter, viewer = enter("hugo", "hunter"), enter("vera", "viewer")
    for path in (at, f"{at}/report", f"{at}/progress", "/reviews/model/1"):
        assert hunter.get(path).status_code == 403
    assert viewer.get(at).status_code == 200
    for post in (f"{at}/labels", "/reviews/upload"):
        assert viewer.post(post).status_code == 403
    worked(site)
    form = {"form": "x" * 12, "name": "vera", "reason": "r", "decision": "approved"}
    assert "role approver" in viewer.post(f"{at}/sign", data=form).text


def test_only_what_passed_can_be_approved(site, judge, enter):
    data, _ = half_labelled(n=400)
    asked(judge, data, labels="random")
    worked(site)
    from supersede.web.security import Visitor

    with site.database.write() as db:
        review = db.get(Review, 1)
        who = Visitor(1, "judith", frozenset({"approver"}))
        with pytest.raises(ConflictError, match="verdict is undecided"):
            actions.sign(db, review, who, "approved", "judith", "because", site)
        actions.sign(db, review, who, "declined", "judith", "because", site)


def test_labels_decide_the_groups_of_a_review_too(site, judge):
    rng = np.random.default_rng(2)
    data = rows(n=1500, old=0.15, new=0.04, seed=4)
    ward = np.where(rng.random(1500) < 0.12, "small", "large")
    truth = data["truth"]
    data["new"] = np.where((ward == "small") & (rng.random(1500) < 0.5), 1 - truth, data["new"])
    del data["truth"]
    data["ward"] = ward
    at = asked(judge, data, label="", groups=["ward"]).headers["location"]
    worked(site)
    task = int(judge.post(f"{at}/labels").headers["location"].rpartition("/")[2])
    right = dict(zip(data["id"], truth.tolist(), strict=True))
    label_until_decided(site, task, 1, right, every=25)
    worked(site)
    page = judge.get(at).text
    again = re.search(r'href="(/reviews/\d+)">review \d+</a> is <strong>(\w+)</strong>', page)
    assert again[2] == "fail"  # the overall gain alone would pass
    assert "ward=small" in unescape(judge.get(again[1]).text)
