"""The API as its own description says it: whatever is sent, no answer is an error of the server."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from supersede.web.accounts import actions
from supersede.web.app import create_app
from supersede.web.security.limits import Limiter
from tests.web.bounties.made import opened as round_opened
from tests.web.bounties.made import work_all
from tests.web.conftest import ORIGIN, Clock, client_of, opened


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """An installation with a round and a submission, and tokens of people of each role."""
    site = opened(tmp_path_factory.mktemp("api"), Clock())
    app = create_app(site)
    object.__setattr__(app.state.limits, "requests", Limiter(10**9))
    object.__setattr__(app.state.limits, "posts", Limiter(10**9))
    tokens = []
    with site.database.write() as db:
        for role in ("hunter", "owner", "judge", "annotator", "approver", "viewer"):
            user = actions.add_user(db, role, "a long password", [role], site.now())
            if role in {"hunter", "owner"}:
                actions.put_in_team(db, user.id, actions.team_named(db, role, site.now()).id)
            tokens.append(actions.make_token(db, user.id, "test", site.now()))
    round_opened(site, per_team=10_000, per_day=10_000, capacity=10_000)
    client = client_of(app)
    sent = {"key": "first-one", "group": "age >= 60"}
    client.post(
        "/api/v1/rounds/1/submissions", json=sent, headers={"authorization": f"Bearer {tokens[0]}"}
    )
    work_all(site)
    yield app, client, tokens
    site.database.close()


EXAMPLES = settings(
    max_examples=14, deadline=None, derandomize=True, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


def codes_of(operation, client, tokens):
    """The statuses that an operation answered with, each of them described."""
    codes = set(operation.definition.raw["responses"]) | {"401", "403", "405", "413"}
    seen = set()

    @given(case=operation.as_strategy(), token=st.sampled_from(["", *tokens]))
    @EXAMPLES
    def check(case, token):
        headers = {"authorization": f"Bearer {token}"} if token else {}
        kwargs = case.as_transport_kwargs(base_url=ORIGIN, headers=headers)
        for name in ("timeout", "cookies"):
            kwargs.pop(name, None)
        answer = client.request(**kwargs)
        assert answer.status_code < 500, answer.text
        assert str(answer.status_code) in codes, answer.text
        seen.add(answer.status_code)

    check()
    return seen


def test_no_request_ends_in_an_error_of_the_server(served):
    app, client, tokens = served
    described = schemathesis.openapi.from_dict(app.openapi())
    seen = set()
    for found in described.get_all_operations():
        seen |= codes_of(found.ok(), client, tokens)
    assert {200, 404, 422} <= seen


def test_the_description_names_every_route_of_the_api(served):
    app, _, _ = served
    paths = set(app.openapi()["paths"])
    assert "/api/v1/rounds/{round_id}/submissions" in paths
    assert all(path.startswith("/api/v1/") for path in paths)
