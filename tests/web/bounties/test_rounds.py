import re

import pytest
from sqlalchemy import select

from supersede.bounty import load_list
from supersede.web.bounties.submissions import group_of
from supersede.web.database import Candidate, Round, Submission
from supersede.web.ledger import verify, verify_signature
from tests.web.bounties.made import opened, table, work_all


@pytest.fixture
def ada(enter):
    enter("grace", "owner")
    return enter("ada", "hunter", team="Lovelace")


def number_on(text):
    return re.search(r'name="form" value="([^"]+)"', text)[1]


def tried(client, round_id, **fields):
    """Try picked columns; the path of the submission's page."""
    form = number_on(client.get(f"/rounds/{round_id}/submit").text)
    answer = client.post(f"/rounds/{round_id}/submit", data={"form": form, **fields})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def states(site):
    with site.database.read() as db:
        return [s.state for s in db.execute(select(Submission).order_by(Submission.id)).scalars()]


def test_a_submission_without_code_from_picking_to_the_receipt(site, ada, clock):
    number = opened(site)
    path = tried(ada, number, **{"least:age": "60"})
    assert "A model is trained" in ada.get(path).text
    work_all(site)
    shown = ada.get(path).text
    assert "Submit for judging" in shown
    assert "You can submit now</dt><dd>5" in ada.get(f"/rounds/{number}").text  # nothing spent
    assert ada.post(f"{path}/send").status_code == 303
    assert "You can submit now</dt><dd>4" in ada.get(f"/rounds/{number}").text
    work_all(site)
    for _ in range(2):
        waiting = ada.get(path).text
        assert "It waits for its answer" in waiting
        assert "Accepted" not in waiting
        assert ada.get(f"{path}/receipt.json").status_code == 404
        assert "<td>0</td><td>0</td>" in ada.get(f"/rounds/{number}").text  # nor elsewhere
        clock.add(seconds=59)
    clock.add(seconds=2)
    assert "Accepted" in ada.get(path).text
    told = ada.get(f"{path}/receipt.json").json()
    assert told["receipt"]["accepted"] is True
    assert verify_signature(told["receipt"], told["signature"], told["key"])
    with site.database.read() as db:
        verify(db)


def test_groups_without_gain_are_refused_and_cost_nothing(site, ada):
    number = opened(site)
    path = tried(ada, number, **{"most:age": "40", "in:site": "south"})
    work_all(site)
    text = ada.get(path).text
    assert "nothing spent" in text
    assert "no gain" in text
    assert "Submit for judging" not in text


def test_a_round_from_its_table_to_the_published_model(site, enter, ada, clock, tmp_path):
    owner = enter("jo", "owner")
    form = number_on(owner.get("/rounds/new").text)
    data = {"title": "Elders", "form": form}
    answer = owner.post("/rounds/upload", data=data, files={"table": ("t.csv", table())})
    settings = answer.headers["location"]
    again = owner.post("/rounds/upload", data=data, files={"table": ("t.csv", table())})
    assert again.headers["location"] == settings  # the same form is one round
    wrong = owner.post(f"{settings}/file", data={"label": "y", "model": "said"})
    assert wrong.status_code == 422
    assert "at least one feature" in wrong.text
    fields = {
        "label": "y", "model": "said", "features": ["age", "site", "hours"],
        "watch": "site == 'south'", "registration": "invitation", "answer_every": "1",
    }  # fmt: skip
    owner.post(f"{settings}/file", data=fields)
    number = int(settings.split("/")[2])
    assert "A worker checks" in owner.get(f"/rounds/{number}").text
    work_all(site)
    assert ada.get(f"/rounds/{number}/public.csv").text.startswith(
        '"age","site","hours","y","current'
    )
    form = number_on(ada.get(f"/rounds/{number}/submit").text)
    refused = ada.post(f"/rounds/{number}/submit", data={"form": form, "least:age": "60"})
    assert "by invitation" in refused.text
    owner.post(f"/rounds/{number}/team", data={"team": "1"})
    for least in ("60", "45"):
        path = tried(ada, number, **{"least:age": least})
        work_all(site)
        ada.post(f"{path}/send")
    owner.post(f"/rounds/{number}/step", data={"to": "pause"})
    form = number_on(ada.get(f"/rounds/{number}/submit").text)
    paused = ada.post(f"/rounds/{number}/submit", data={"form": form, "least:age": "60"})
    assert "paused" in paused.text
    owner.post(f"/rounds/{number}/step", data={"to": "close"})
    clock.add(seconds=5)
    work_all(site)
    clock.add(seconds=5)
    work_all(site)
    assert ada.get(f"/rounds/{number}/model.zip").status_code == 404
    owner.post(f"/rounds/{number}/step", data={"to": "publish"})
    page = ada.get(f"/rounds/{number}").text
    assert "published" in page
    assert '<td>1</td><td class="text">Lovelace</td>' in page
    report = ada.get(f"/rounds/{number}/report.html")
    assert "sandbox" in report.headers["content-security-policy"]
    (tmp_path / "model.zip").write_bytes(ada.get(f"/rounds/{number}/model.zip").content)
    import shutil

    shutil.unpack_archive(tmp_path / "model.zip", tmp_path / "model")
    model = load_list(tmp_path / "model")
    with site.database.read() as db:
        found = db.get_one(Round, number)
        assert found.audit["model"] == model_digest(model)
        candidate = db.execute(select(Candidate)).scalar_one()
        assert candidate.round_id == number
        verify(db)


def model_digest(model):
    from supersede.bounty import digest

    return digest(model)


def test_settings_that_do_not_fit_the_rows_lead_back_to_the_form(site, enter):
    owner = enter("jo", "owner")
    form = number_on(owner.get("/rounds/new").text)
    answer = owner.post(
        "/rounds/upload",
        data={"title": "Few", "form": form},
        files={"table": ("t.csv", table(200))},
    )
    settings = answer.headers["location"]
    owner.post(f"{settings}/file", data={"label": "y", "model": "said", "features": ["age"]})
    work_all(site)
    assert "too few" in owner.get(settings).text


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("t.pkl", b"\x80\x04", "expected a file that ends in"),
        ("t.csv", b"", ""),
        ("t.csv", b"a,b\n", "no rows"),
        ("t.parquet", b"PAR1" + b"\0" * 50, ""),
        ("../../etc/passwd.csv", b"", ""),
    ],
)
def test_what_is_not_a_table_is_refused(enter, name, content, why):
    owner = enter("jo", "owner")
    form = number_on(owner.get("/rounds/new").text)
    answer = owner.post(
        "/rounds/upload", data={"title": "A", "form": form}, files={"table": (name, content)}
    )
    assert answer.status_code == 422
    assert why in answer.text
    assert 'value="A"' in answer.text


def test_tables_by_path_stay_in_their_folders(site, enter, tmp_path):
    owner = enter("jo", "owner")
    allowed = tmp_path / "tables"
    allowed.mkdir()
    (allowed / "t.csv").write_bytes(table())
    (allowed / "link.csv").symlink_to("/etc/passwd")
    object.__setattr__(site.settings, "tables", (str(allowed),))
    for path, status in [
        ("/etc/passwd", 422), (f"{allowed}/../secret.csv", 422), (f"{allowed}/link.csv", 422),
        (f"{allowed}/t.csv\0", 422), (f"{allowed}/none.csv", 422), (f"{allowed}/t.csv", 303),
    ]:  # fmt: skip
        form = number_on(owner.get("/rounds/new").text)
        data = {"title": "A", "form": form, "path": path}
        assert owner.post("/rounds/upload", data=data).status_code == status, path


@pytest.mark.parametrize(
    ("chosen", "text"),
    [
        ({"age": {"least": 60, "most": None}}, "age >= 60"),
        ({"a b": {"values": ["it's", "x"]}}, "`a b` in ['it''s', 'x']"),
        (
            {"age": {"least": 1, "most": 2, "missing": True}},
            "((age >= 1 and age <= 2) or (age is missing))",
        ),
        ({"`": {"values": [True]}}, "```` == true"),
    ],
)
def test_what_is_picked_becomes_an_expression(chosen, text):
    from supersede.bounty.artefacts import parse

    assert group_of(chosen) == text
    parse(text)
