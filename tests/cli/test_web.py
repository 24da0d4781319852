"""The verbs of the web application, against a server on loopback."""

import json
import threading
import time

import pytest
import uvicorn
from tests.web.bounties.made import opened, work_all

from supersede.cli import main
from supersede.web.accounts import actions
from supersede.web.app import create_app
from supersede.web.ledger import verify_signature
from supersede.web.serving import _listening, free_port
from supersede.web.settings import Settings
from supersede.web.site import open_site


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A round that answers after a tenth of a second, and a token."""
    settings = Settings(data=tmp_path_factory.mktemp("site"), port=free_port("127.0.0.1"))
    site = open_site(settings, migrate=True)
    with site.database.write() as db:
        actions.add_user(db, "grace", "a long password", ["owner"], site.now())
        ada = actions.add_user(db, "ada", "a long password", ["hunter"], site.now())
        actions.put_in_team(db, ada.id, actions.team_named(db, "A", site.now()).id)
        token = actions.make_token(db, ada.id, "test", site.now())
    opened(site, answer_every=1.0)
    config = uvicorn.Config(create_app(site), log_config=None, ws="none")
    server = uvicorn.Server(config)
    sockets = [_listening(settings)]
    running = threading.Thread(target=server.run, kwargs={"sockets": sockets})
    running.start()
    over = threading.Event()

    def work():
        while not over.is_set():
            work_all(site)
            time.sleep(0.05)

    worker = threading.Thread(target=work)
    worker.start()
    yield site, f"{settings.origin}/rounds/1", token
    over.set()
    server.should_exit = True
    worker.join()
    running.join()
    sockets[0].close()
    site.database.close()


@pytest.fixture
def address(served, monkeypatch):
    monkeypatch.setenv("SUPERSEDE_TOKEN", served[2])
    return served[1]


def test_a_submission_is_accepted_and_its_receipt_verifies(address, tmp_path, capsys):
    model = tmp_path / "m.json"
    model.write_text('{"form": "constant", "values": [1]}')
    command = ["submit", address, "--group", "age >= 61", "--model", str(model)]
    assert main([*command, "--try"]) == 0
    assert "tried (on the public rows" in capsys.readouterr().out
    assert main([*command, "--receipt", str(tmp_path / "r.json"), "--key", "my own key"]) == 0
    told = json.loads((tmp_path / "r.json").read_text())
    assert verify_signature(told["receipt"], told["signature"], told["key"])
    assert main([*command, "--key", "my own key"]) == 0  # sent again, it is the same one
    assert main(["submit", address, "--group", "age <= 30", "--model", str(model)]) == 2
    assert "no gain" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["ftp://x/rounds/1", "--group", "age >= 1"], "expected a round's address"),
        (["ADDRESS9", "--group", "age >= 1"], "there is no round"),
        (["ADDRESS", "--group", "nonsense"], "nonsense"),
        (["http://127.0.0.1:9/rounds/1", "--group", "age >= 1"], "cannot reach"),
        (["ADDRESS", "--group", "age >= 1", "--model", "nowhere.json"], "nowhere.json"),
    ],
)
def test_what_cannot_be_sent_says_why(address, arguments, why, capsys):
    arguments = [a.replace("ADDRESS", address) for a in arguments]
    assert main(["submit", *arguments]) == 2
    assert why in capsys.readouterr().err


def test_no_token_no_submission(address, monkeypatch, capsys):
    monkeypatch.delenv("SUPERSEDE_TOKEN")
    assert main(["submit", address, "--group", "age >= 1"]) == 2
    assert "SUPERSEDE_TOKEN" in capsys.readouterr().err


def test_the_ledger_is_checked_against_an_anchor_and_judged_again(served, capsys):
    data = ["--data", str(served[0].settings.data)]
    assert main(["ledger", "head", *data]) == 0
    anchor = capsys.readouterr().out.strip()
    assert main(["ledger", "verify", "--anchor", anchor, "--round", "1", *data]) == 0
    assert "the same list" in capsys.readouterr().out
    assert main(["ledger", "export", *data]) == 0
    assert len(capsys.readouterr().out.splitlines()) == int(anchor.partition(":")[0])
    assert main(["ledger", "verify", "--anchor", "99999:" + "0" * 64, *data]) == 2
    assert "cut off" in capsys.readouterr().err
    assert main(["ledger", "verify", "--anchor", "x", *data]) == 2


def test_back_up_and_restore(served, tmp_path, capsys):
    out = tmp_path / "b.zip"
    assert main(["backup", str(out), "--data", str(served[0].settings.data)]) == 0
    head = capsys.readouterr().out.split("ledger ")[1]
    assert main(["restore", str(out), "--data", str(tmp_path / "new")]) == 0
    assert capsys.readouterr().out.split("ledger ")[1] == head
    assert main(["restore", str(out), "--data", str(tmp_path / "new")]) == 2
