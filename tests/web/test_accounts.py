import re

import pytest

from supersede.web.accounts import actions
from supersede.web.security.limits import Limiter

PASSWORD = "correct horse battery"


def invited(site, *roles, team=""):
    with site.database.write() as db:
        return actions.invite(db, roles, site.now(), team=team)


def test_the_first_person_becomes_the_owner_by_a_link(site, stranger):
    secret = invited(site, "owner")
    assert "owner&#39;s account" in stranger.get(f"/invitation/{secret}").text
    answer = stranger.post(f"/invitation/{secret}", data={"name": "Grace", "password": PASSWORD})
    assert answer.status_code == 303
    assert "Grace" in stranger.get("/people").text
    with site.database.read() as db:
        assert not actions.without_owner(db)


def test_an_invitation_works_once_and_not_for_ever(site, stranger, clock):
    secret = invited(site, "hunter", team="Lovelace")
    stranger.post(f"/invitation/{secret}", data={"name": "ada", "password": PASSWORD})
    again = stranger.post(f"/invitation/{secret}", data={"name": "eve", "password": PASSWORD})
    assert again.status_code == 404
    late = invited(site, "hunter")
    clock.add(days=15)
    assert stranger.get(f"/invitation/{late}").status_code == 404


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaaaaaaa"])
def test_a_weak_password_is_refused_and_the_name_is_kept(site, stranger, password):
    secret = invited(site, "hunter")
    answer = stranger.post(f"/invitation/{secret}", data={"name": "ada", "password": password})
    assert answer.status_code == 422
    assert 'value="ada"' in answer.text
    assert password not in answer.text


@pytest.mark.parametrize(
    "name", ["", "  ", "a\u202eb", "a\u200bb", "a\x00b", "a\nb", "\u2800", "x" * 81, "a\ufe0fb"]
)
def test_names_that_cannot_be_seen_are_refused(site, stranger, name):
    secret = invited(site, "hunter")
    answer = stranger.post(f"/invitation/{secret}", data={"name": name, "password": PASSWORD})
    assert answer.status_code == 422


def test_names_that_look_alike_are_one_name(site, stranger):
    for name, status in [("Ada", 303), ("ＡＤＡ", 422)]:
        data = {"name": name, "password": PASSWORD}
        assert (
            stranger.post(f"/invitation/{invited(site, 'hunter')}", data=data).status_code == status
        )


def test_signing_in_says_neither_who_exists_nor_what_is_wrong(site, stranger):
    stranger.post(
        f"/invitation/{invited(site, 'viewer')}", data={"name": "ada", "password": PASSWORD}
    )
    stranger.cookies.clear()
    answers = [
        stranger.post("/sign-in", data={"name": name, "password": "wrong password 1"})
        for name in ("ada", "nobody")
    ]
    assert {a.status_code for a in answers} == {422}
    texts = {re.sub(r'value="(ada|nobody)"', "", a.text) for a in answers}
    assert len(texts) == 1
    right = stranger.post("/sign-in", data={"name": "ADA", "password": PASSWORD, "next": "//evil"})
    assert right.headers["location"] == "/"
    assert "httponly" in right.headers["set-cookie"].lower()


def test_guessing_passwords_is_slowed_down(app, stranger):
    object.__setattr__(app.state.limits, "sign_ins", Limiter(10, clock=lambda: 0.0))
    codes = [
        stranger.post("/sign-in", data={"name": "ada", "password": "guess"}).status_code
        for _ in range(12)
    ]
    assert codes[0] == 422
    assert codes[-1] == 429


def test_a_session_cannot_be_planted_before_signing_in(site, stranger):
    stranger.post(
        f"/invitation/{invited(site, 'viewer')}", data={"name": "ada", "password": PASSWORD}
    )
    stranger.cookies.clear()
    stranger.cookies.set("supersede", "planted", domain="127.0.0.1")
    answer = stranger.post("/sign-in", data={"name": "ada", "password": PASSWORD})
    assert "planted" not in answer.headers["set-cookie"]
    thief = type(stranger)(stranger.app, base_url="http://127.0.0.1:8000", follow_redirects=False)
    thief.cookies.set("supersede", "planted")
    assert thief.get("/account").headers["location"].startswith("/sign-in")


def test_signing_out_ends_the_session_on_the_server(enter):
    ada = enter("ada", "viewer")
    cookie = ada.cookies["supersede"]
    ada.post("/sign-out")
    ada.cookies.set("supersede", cookie)
    assert ada.get("/account").status_code == 303


def test_a_session_that_is_not_used_ends(enter, clock):
    ada = enter("ada", "viewer")
    clock.add(hours=11)
    assert ada.get("/account").status_code == 200  # and counts as use
    clock.add(hours=11)
    assert ada.get("/account").status_code == 200
    clock.add(hours=13)
    assert ada.get("/account").status_code == 303


def test_a_token_is_shown_once_stored_as_a_hash_and_can_be_revoked(enter, stranger, site):
    ada = enter("ada", "judge")
    shown = re.search(
        r"<pre[^>]*>(sup_[^<]+)</pre>", ada.post("/account/tokens", data={"label": "laptop"}).text
    )
    assert shown is not None
    assert shown[1] not in ada.get("/account").text
    headers = {"authorization": f"Bearer {shown[1]}"}
    assert stranger.get("/api/v1/ledger", headers=headers).status_code == 200
    with site.database.read() as db:
        dump = db.connection().exec_driver_sql("SELECT * FROM tokens").all()
    assert shown[1] not in str(dump)
    assert ada.post("/account/tokens/1/revoke").status_code == 303
    assert stranger.get("/api/v1/ledger", headers=headers).status_code == 401


def test_nobody_revokes_the_token_of_another(enter):
    ada, eve = enter("ada", "judge"), enter("eve", "judge")
    ada.post("/account/tokens", data={"label": "laptop"})
    assert eve.post("/account/tokens/1/revoke").status_code == 404


def test_only_the_owner_sees_people_and_gives_roles(enter):
    owner, ada = enter("grace", "owner"), enter("ada", "hunter")
    refused = ada.get("/people")
    assert (refused.status_code, "Sign in" in refused.text) == (403, False)  # she is, and can go on
    assert ada.post("/people/2/role", data={"role": "owner", "give": "yes"}).status_code == 403
    assert owner.post("/people/2/role", data={"role": "judge", "give": "yes"}).status_code == 303
    assert owner.post("/people/2/role", data={"role": "emperor", "give": "yes"}).status_code == 422
    assert owner.post("/people/1/role", data={"role": "owner", "give": "no"}).status_code == 409


def test_a_removed_user_is_out_at_once(enter):
    owner, ada = enter("grace", "owner"), enter("ada", "judge")
    owner.post("/people/2/remove")
    assert ada.get("/account").status_code == 303


def test_a_changed_password_ends_other_sessions(site, stranger):
    stranger.post(
        f"/invitation/{invited(site, 'viewer')}", data={"name": "ada", "password": PASSWORD}
    )
    old = stranger.cookies["supersede"]
    wrong = stranger.post("/account/password", data={"old": "no", "new": "another long one"})
    assert wrong.status_code == 422
    changed = stranger.post("/account/password", data={"old": PASSWORD, "new": "another long one"})
    assert changed.status_code == 303
    thief = type(stranger)(stranger.app, base_url="http://127.0.0.1:8000", follow_redirects=False)
    thief.cookies.set("supersede", old)
    assert thief.get("/account").status_code == 303
