"""Each test fails if the hole that it names is open."""

import re
import threading

import pytest
from sqlalchemy import func, select

from supersede.web.accounts import actions as accounts
from supersede.web.app import PARTS, create_app
from supersede.web.database import Finding, Submission, Team, User
from supersede.web.security.limits import Limiter
from tests.web.bounties.made import opened, work_all
from tests.web.conftest import client_of

SCRIPT = "<script>alert(1)</script>"
NAMES = (SCRIPT, '"><img src=x onerror=alert(1)>', "'; DROP TABLE users; --", "{{ 7 * 7 }}")


def form_on(text):
    return re.search(r'name="form" value="([^"]+)"', text)[1]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_people_name_becomes_markup_or_sql(site, enter, name):
    grace = enter(f"{name}", "owner")
    team = f"team {name}"
    ada = enter(f"ada {name}", "hunter", team=team)
    grace.post("/account/tokens", data={"label": name})
    number = opened(site)
    with site.database.write() as db:
        from supersede.web.database import Round

        round_ = db.get_one(Round, number)
        round_.title, round_.about, round_.problem = name, name, name
    form = form_on(ada.get(f"/rounds/{number}/submit").text)
    ada.post(f"/rounds/{number}/submit", data={"form": form, "least:age": "60", "note": name})
    form = form_on(ada.get(f"/rounds/{number}/findings").text)
    found = ada.post(
        f"/rounds/{number}/findings",
        data={
            "form": form,
            "title": name[:80],
            "text": name,
            "group": f"site == '{name}'".replace("'';", "';"),
        },
    )
    assert found.status_code in {303, 422}
    bad = ada.post(f"/rounds/{number}/submit", data={"form": form, "least:age": name, "note": name})
    pages = [bad, found, grace.get("/people"), grace.get("/account"), ada.get("/account")]
    pages += [c.get(p) for c in (ada, grace) for p in (
        "/rounds", f"/rounds/{number}", f"/rounds/{number}/submit", f"/rounds/{number}/model",
        f"/rounds/{number}/findings", "/submissions/1", "/ledger", f"/invitation/{name}"[:60],
    )]  # fmt: skip
    for page in pages:
        assert SCRIPT not in page.text
        assert "<img src=x" not in page.text
        assert (
            "49" not in re.sub(r"[\w:/.+-]*49[\w:/.+-]+|[\w:/.+-]+49", "", page.text)
            or "7 * 7" not in name
        )
    with site.database.read() as db:
        assert db.execute(select(func.count()).select_from(User)).scalar_one() == 2


def test_teams_see_nothing_of_each_other(site, enter):
    enter("grace", "owner")
    ada, eve = enter("ada", "hunter", team="A"), enter("eve", "hunter", team="E")
    number = opened(site)
    form = form_on(ada.get(f"/rounds/{number}/submit").text)
    path = ada.post(
        f"/rounds/{number}/submit", data={"form": form, "least:age": "61", "note": "our secret"}
    ).headers["location"]
    form = form_on(ada.get(f"/rounds/{number}/findings").text)
    ada.post(
        f"/rounds/{number}/findings", data={"form": form, "title": "hidden", "text": "our secret"}
    )
    work_all(site)
    for got in (
        eve.get(path), eve.get(f"{path}/state"), eve.get(f"{path}/receipt.json"),
        eve.post(f"{path}/send"), eve.post(f"{path}/withdraw"),
    ):  # fmt: skip
        assert got.status_code == 404
    for shown in (f"/rounds/{number}", f"/rounds/{number}/standing", f"/rounds/{number}/findings"):
        assert "our secret" not in eve.get(shown).text
        assert "age &gt;= 61" not in eve.get(shown).text
    with site.database.read() as db:
        assert db.execute(select(Submission.state)).scalar_one() == "tried"


def test_roles_hold_for_every_route(app, site, enter, stranger):
    """Every route is called by nobody and by people with the wrong role; none may let them in."""
    object.__setattr__(app.state.limits, "requests", Limiter(10**9))
    object.__setattr__(app.state.limits, "posts", Limiter(10**9))
    enter("grace", "owner")
    nobody, viewer = stranger, enter("vera", "viewer")
    opened(site)
    open_to_all = {
        "/", "/sign-in", "/sign-out", "/static/{version}/{name}", "/invitation/{secret}",
        "/api/v1/health", "/api/v1/ledger/head", "/api/v1/openapi.json",
    }  # fmt: skip
    checked = 0
    for route in (route for part in PARTS for route in part.router.routes):
        path = route.path
        if path in open_to_all:
            continue
        filled = re.sub(r"\{[^}]+\}", "1", path)
        for method in route.methods - {"HEAD", "OPTIONS"}:
            answer = nobody.request(method, filled)
            assert answer.status_code in {303, 401}, (method, path, answer.status_code)
            if answer.status_code == 303:
                assert answer.headers["location"].startswith("/sign-in"), path
            if method == "POST" and not path.startswith(("/account", "/labels", "/reviews")):
                answer = viewer.request(method, filled)
                assert answer.status_code in {403, 404, 422}, (method, path, answer.status_code)
            checked += 1
    assert checked > 40
    with site.database.read() as db:
        assert db.execute(select(func.count()).select_from(Submission)).scalar_one() == 0
        assert db.execute(select(func.count()).select_from(Finding)).scalar_one() == 0


@pytest.mark.parametrize("number", ["2147483648", "9223372036854775808", "1" + "0" * 30])
def test_numbers_that_no_database_holds_are_not_found(either_site, number):
    app = create_app(either_site)
    for kind in ("requests", "posts"):
        object.__setattr__(app.state.limits, kind, Limiter(10**9))
    with either_site.database.write() as db:
        grace = User(
            name="grace", folded="grace", password="-", created=either_site.now(), removed=None
        )
        db.add(grace)
        db.flush()
        accounts.grant(db, grace.id, "owner", either_site.now(), by=grace.id)
        secret = accounts.start_session(db, grace.id, either_site.now())
    owner = client_of(app)
    owner.cookies.set("supersede", secret)
    asked = 0
    for route in (route for part in PARTS for route in part.router.routes):
        if "{" not in route.path or "{version}" in route.path or "{secret}" in route.path:
            continue
        filled = re.sub(r"\{[^}]+\}", number, route.path)
        for method in route.methods - {"HEAD", "OPTIONS"}:
            answer = owner.request(method, filled, params={"before": number, "candidate": number})
            assert answer.status_code in {303, 404, 422}, (method, filled, answer.status_code)
            asked += 1
    assert asked > 40
    for path in ("/ledger", "/rounds", "/reviews/new"):
        answer = owner.get(path, params={"before": number, "candidate": number})
        assert answer.status_code in {200, 404}, (path, answer.status_code)


def test_a_replayed_post_does_nothing_again(site, enter):
    enter("grace", "owner")
    ada = enter("ada", "hunter", team="A")
    number = opened(site)
    form = form_on(ada.get(f"/rounds/{number}/submit").text)
    sent = {"form": form, "least:age": "60"}
    paths = {ada.post(f"/rounds/{number}/submit", data=sent).headers["location"] for _ in range(3)}
    assert len(paths) == 1
    work_all(site)
    path = paths.pop()
    for _ in range(3):
        assert ada.post(f"{path}/send").status_code == 303
    form = form_on(ada.get(f"/rounds/{number}/findings").text)
    for _ in range(3):
        ada.post(f"/rounds/{number}/findings", data={"form": form, "title": "one", "text": "x"})
    with site.database.read() as db:
        assert db.execute(select(func.count()).select_from(Submission)).scalar_one() == 1
        assert db.execute(select(func.count()).select_from(Finding)).scalar_one() == 1
        round_ = db.execute(select(Submission)).scalar_one()
        assert round_.sent is not None


def test_quotas_hold_under_parallel_posts(either_site, clock):
    """50 posts at once, on both engines: exactly what is left is taken."""
    from starlette.testclient import TestClient

    from supersede.web.accounts import actions
    from supersede.web.app import create_app
    from tests.web.conftest import ORIGIN

    site = either_site
    app = create_app(site)
    with site.database.write() as db:
        owner = User(name="g", folded="g", password="-", created=site.now(), removed=None)
        user = User(name="a", folded="a", password="-", created=site.now(), removed=None)
        db.add_all([owner, user])
        db.flush()
        actions.grant(db, user.id, "hunter", site.now(), by=owner.id)
        actions.put_in_team(db, user.id, actions.team_named(db, "A", site.now()).id)
        token = actions.make_token(db, user.id, "t", site.now())
    number = opened(site, per_team=7, per_day=7)
    codes = []

    def post(place):
        client = TestClient(app, base_url=ORIGIN)
        sent = {"key": f"parallel-{place}", "group": f"age >= {60 + place % 9}"}
        headers = {"authorization": f"Bearer {token}"}
        answer = client.post(f"/api/v1/rounds/{number}/submissions", json=sent, headers=headers)
        codes.append(answer.status_code)

    threads = [threading.Thread(target=post, args=(place,)) for place in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [202] * 7 + [429] * 43
    with site.database.read() as db:
        assert db.execute(select(func.count()).select_from(Submission)).scalar_one() == 7


@pytest.mark.parametrize(
    "group",
    [
        "__import__('os')", "().__class__", "(" * 10_000, "аge >= 60", "age >= " + "9" * 4000,
        "age >= 60; DROP TABLE users", "everyone or", "", "no_such >= 1", "y == 1", "said == 0",
        "age is not", "age >= '60'", "\u202eage >= 60",
    ],
)  # fmt: skip
def test_groups_that_are_none_cost_nothing(site, enter, group):
    enter("grace", "owner")
    ada = enter("ada", "hunter", team="A")
    number = opened(site)
    form = form_on(ada.get(f"/rounds/{number}/model").text)
    model = b'{"form": "constant", "values": [1]}'
    answer = ada.post(
        f"/rounds/{number}/model/file", data={"form": form, "group": group},
        files={"model": ("m.json", model)},
    )  # fmt: skip
    assert answer.status_code in {303, 422}
    work_all(site)
    with site.database.read() as db:
        assert set(db.execute(select(Submission.state)).scalars()) <= {"refused"}
    assert (
        "You can submit now</dt><dd>5" in ada.get(f"/rounds/{number}").text
        or answer.status_code == 422
    )


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\x80\x04\x95", b"PK\x03\x04" + b"\0" * 40, b"{", b"[]", b'{"form": "tree"}', b"\0" * 100,
        b'{"form": "constant", "values": [5]}', b'{"form": "constant", "values": [NaN]}',
        b"x" * 5_100_000, b"{" * 100_000, b'{"form": "constant", "values": [1], "more": 1}',
    ],
)  # fmt: skip
def test_models_that_are_none_cost_nothing(site, enter, content):
    enter("grace", "owner")
    ada = enter("ada", "hunter", team="A")
    number = opened(site)
    form = form_on(ada.get(f"/rounds/{number}/model").text)
    answer = ada.post(
        f"/rounds/{number}/model/file", data={"form": form, "group": "age >= 60", "columns": "age"},
        files={"model": ("../../../m.json", content)},
    )  # fmt: skip
    assert answer.status_code in {303, 413, 422}
    work_all(site)
    with site.database.read() as db:
        assert set(db.execute(select(Submission.state)).scalars()) <= {"refused"}
        assert db.execute(select(func.count()).select_from(Team)).scalar_one() == 1


def test_a_token_revoked_during_an_upload_ends_it(site, enter, stranger):
    enter("grace", "owner")
    ada = enter("ada", "hunter", team="A")
    shown = ada.post("/account/tokens", data={"label": "laptop"}).text
    token = re.search(r"<pre[^>]*>(sup_[^<]+)</pre>", shown)[1]
    number = opened(site)

    def parts():
        yield b'{"key": "under way", "group": "age >= 60", '
        ada.post("/account/tokens/1/revoke")
        yield b'"note": ""}'

    answer = stranger.post(
        f"/api/v1/rounds/{number}/submissions", content=parts(),
        headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
    )  # fmt: skip
    assert answer.status_code == 401
    with site.database.read() as db:
        assert db.execute(select(func.count()).select_from(Submission)).scalar_one() == 0
