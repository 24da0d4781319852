import json
import logging

import pytest

from supersede.web.operations.records import _Lines


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "same-origin"}, 303),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"sec-fetch-site": "same-origin", "origin": "http://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:8000"}, 303),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"origin": "null"}, 403),
        ({}, 403),
    ],
)
def test_posts_from_other_sites_are_refused(enter, headers, status):
    ada = enter("ada", "viewer")
    ada.headers.pop("sec-fetch-site")
    assert ada.post("/sign-out", headers=headers).status_code == status


def test_a_name_that_resolves_to_this_server_is_not_this_server(stranger):
    assert stranger.get("/", headers={"host": "evil.example"}).status_code == 421
    assert stranger.get("/", headers={"host": "localhost:8000"}).status_code == 200


def test_every_answer_has_the_headers(stranger, enter):
    answers = [stranger.get("/"), stranger.get("/nowhere"), stranger.get("/api/v1/health")]
    answers += [stranger.post("/sign-in", headers={"sec-fetch-site": "cross-site"})]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "server" not in answer.headers


def test_pages_have_no_inline_script_or_style(stranger, enter):
    ada = enter("ada", "owner")
    for path in (
        "/",
        "/sign-in",
        "/account",
        "/people",
        "/rounds",
        "/labels",
        "/reviews",
        "/ledger",
    ):
        text = ada.get(path).text
        assert "<style" not in text
        assert " style=" not in text
        assert " onclick=" not in text
        assert "<script>" not in text


def test_a_large_body_is_refused_stated_or_not(enter):
    ada = enter("ada", "viewer")
    assert ada.post("/account/tokens", data={"label": "x" * 300_000}).status_code == 413

    def parts():
        for _ in range(300):
            yield b"x" * 1000

    answer = ada.post(
        "/account/tokens",
        content=parts(),
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 413


def test_many_requests_are_slowed_down(app, enter):
    from supersede.web.security.limits import Limiter

    ada, eve = enter("ada", "viewer"), enter("eve", "viewer")
    object.__setattr__(app.state.limits, "requests", Limiter(5, clock=lambda: 0.0))
    codes = [ada.get("/account").status_code for _ in range(6)]
    assert codes == [200] * 5 + [429]
    assert eve.get("/account").status_code == 200


def test_static_files_are_kept_by_their_content(stranger):
    from supersede.web.pages import asset

    found = stranger.get(asset("style.css"))
    assert "immutable" in found.headers["cache-control"]
    assert stranger.get("/static/x/../../etc/passwd").status_code == 404
    assert stranger.get("/static/x/..%2f..%2fpages.py").status_code == 404


def test_metrics_need_a_viewer_and_name_routes_only(enter, stranger):
    ada = enter("ada", "viewer")
    ada.get("/account?secret=1")
    text = ada.get("/metrics").text
    assert 'supersede_requests_total{method="GET",route="/account",status="200"}' in text
    assert "secret" not in text
    assert "ada" not in text
    assert stranger.get("/metrics").status_code in {303, 401}


def test_logs_are_json_without_tokens_or_names(enter, stranger):
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(_Lines().format(record))
    log = logging.getLogger("supersede.web")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        ada = enter("ada lovelace", "judge")
        ada.post("/account/tokens", data={"label": "my laptop"})
        stranger.get("/api/v1/ledger", headers={"authorization": "Bearer sup_secret"})
        stranger.get("/invitation/another-secret")
    finally:
        log.removeHandler(handler)
    told = "\n".join(lines)
    assert len(lines) >= 3
    assert all(json.loads(line)["what"] == "request" for line in lines)
    for word in ("sup_", "another-secret", "ada", "laptop", ada.cookies["supersede"]):
        assert word not in told
