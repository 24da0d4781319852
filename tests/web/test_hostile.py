"""Visitors who mean harm, and files that do: each test fails if the hole that it names is open."""

import gzip
import io
import re
import threading

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import func, select

from supersede.errors import ConflictError, InputError, NotFoundError, SizeError, SourceError
from supersede.web.accounts import actions as accounts
from supersede.web.app import PARTS, create_app
from supersede.web.bounties.tables import keep_table, kept_columns, read_kept
from supersede.web.database import LabelItem, LabelTask, RoleGrant, Submission, User
from supersede.web.labels import actions as labels
from supersede.web.security.limits import Limiter
from tests.web.bounties.made import opened as round_opened
from tests.web.bounties.made import work_all
from tests.web.conftest import client_of
from tests.web.labelling import gain_task, rows

ROLES = ("owner", "judge", "hunter", "annotator", "approver", "viewer")


def member(site, name, *roles, team=""):
    """Number and session of somebody new."""
    with site.database.write() as db:
        user = User(name=name, folded=name, password="-", created=site.now(), removed=None)
        db.add(user)
        db.flush()
        for role in roles:
            accounts.grant(db, user.id, role, site.now(), by=user.id)
        if team:
            accounts.put_in_team(db, user.id, accounts.team_named(db, team, site.now()).id)
        return user.id, accounts.start_session(db, user.id, site.now())


def together(*acts):
    """Do some things at the same moment; what each returned or raised."""
    found = [None] * len(acts)
    ready = threading.Barrier(len(acts))

    def act(place):
        ready.wait()
        try:
            found[place] = acts[place]()
        except Exception as error:
            found[place] = error

    threads = [threading.Thread(target=act, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def number_on(text, name="form"):
    return re.search(rf'name="{name}" value="([^"]+)"', text)[1]


def parquet(data):
    held = io.BytesIO()
    pq.write_table(pa.table(data), held)
    return held.getvalue()


def file_in(site, content, name="t.parquet", most=10**8):
    return keep_table(site.files, name, [content], most).hash


# -- what a request says of itself --


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "["}, 421), ({"host": "[::1"}, 421), ({"host": "127.0.0.1:x"}, 200),
        ({"origin": "http://["}, 403), ({"origin": "//["}, 403), ({"origin": ""}, 403),
        ({"content-length": "1" * 5000}, 200), ({"content-length": "²"}, 200),
    ],
)  # fmt: skip
def test_headers_that_cannot_be_read_are_refused(stranger, headers, status):
    headers = {name: value.encode("latin-1") for name, value in headers.items()}
    asked = stranger.post if b"origin" in {n.encode() for n in headers} else stranger.get
    assert asked("/sign-in", headers=headers).status_code == status


@pytest.mark.parametrize(
    "path", ["//[", "http://[", "//evil.example", "/\\evil.example", "/\t/evil.example", "evil"]
)
def test_signing_in_leads_nowhere_else(site, stranger, path):
    with site.database.write() as db:
        accounts.add_user(db, "ada", "a long password", ["viewer"], site.now())
    shown = stranger.get("/sign-in", params={"next": path})
    assert 'name="next" value="/"' in shown.text
    sent = {"name": "ada", "password": "a long password", "next": path}
    assert stranger.post("/sign-in", data=sent).headers["location"] == "/"


@pytest.mark.parametrize("stated", [True, False])
def test_nobody_unknown_fills_the_servers_disk(app, enter, stranger, stated):
    content = (
        b"--x\r\ncontent-disposition: form-data; name=table; filename=t.csv\r\n\r\n"
        + b"x" * 2_000_000
    )
    judge = enter("jo", "judge")
    for path in (
        "/labels/upload",
        "/rounds/upload",
        "/rounds/1/model/file",
        "/api/v1/rounds/1/submissions",
    ):
        for headers in (
            {},
            {"cookie": "supersede=guessed"},
            {"authorization": "Bearer sup_guessed"},
        ):
            kind = "application/json" if "/api/" in path else "multipart/form-data; boundary=x"
            answer = stranger.post(
                path,
                content=content if stated else iter([content]),
                headers={"content-type": kind, **headers},
            )
            assert answer.status_code in {401, 413}, (path, headers)
        stranger.cookies.clear()
    assert judge.post("/labels/upload", files={"table": ("t.csv", content)}).status_code == 422


# -- who may do what --


# what each role is told at each route that is not for everybody; "-" stands for 403
ALLOWED = {
    "judge": r"/rounds/new|/rounds/upload|/rounds/\d+/(settings|settings/file|step|team|again)|/findings/\d+/triage"
    r"|/labels/(new|upload|from/.*|\d+/state|\d+/labels.csv|\d+/item|media/.*)|/reviews.*|/api/v1/ledger",
    "hunter": r"/rounds/\d+/(submit|model|model/file|join|findings)|/submissions/\d+/(send|withdraw)|/api/v1/.*submissions.*",
    "annotator": r"/labels/(\d+/item|media/.*)",
    "approver": r"/reviews/(?!new|upload|of/|\d+/labels).*|/labels/media/.*",
    "viewer": r"/reviews/(?!new|upload|of/|\d+/labels).*|/metrics",
}  # fmt: skip
EVERYBODY = (
    r"/|/sign-in|/sign-out|/static/.*|/invitation/.*|/api/v1/(health|ledger/head|openapi.json)|/account.*|/rounds|/rounds/\d+"
    r"|/rounds/\d+/(standing|findings|public.csv|report|report.html|model.zip)|/submissions/\d+(/state|/receipt.json)?"
    r"|/labels|/labels/\d+(/progress)?|/reviews|/ledger|/api/v1/rounds(/\d+(/(schema|left|leaderboard|public.csv|submissions))?)?"
    r"|/api/v1/submissions/\d+"
)


@pytest.mark.parametrize("role", ROLES)
def test_every_role_gets_what_is_theirs_and_nothing_else(app, site, enter, role):
    """Each route, called by somebody with one role: 403 exactly where the role is not meant."""
    for kind in ("requests", "posts", "sign_ins"):
        object.__setattr__(app.state.limits, kind, Limiter(10**9))
    enter("grace", "owner")
    number = round_opened(site)
    task, _, _ = gain_task(site, 1, n=60)
    one = enter("one", role, team="A")
    asked = 0
    for route in (route for part in PARTS for route in part.router.routes):
        path = re.sub(r"\{[^}]+\}", "1", route.path)
        for method in route.methods - {"HEAD", "OPTIONS"}:
            if path in {"/sign-out", "/account/password"}:
                continue
            answer = one.request(
                method,
                path,
                json={"key": "k" * 8, "group": "age >= 60"} if "/api/" in path else None,
            )
            read_only = method == "GET" and re.fullmatch(EVERYBODY, path)
            own = path.startswith(("/account", "/sign-in", "/invitation")) or (method, role) == (
                "POST",
                "owner",
            )
            meant = role == "owner" or read_only or own or re.fullmatch(ALLOWED[role], path)
            if not meant:
                assert answer.status_code == 403, (role, method, path, answer.status_code)
            else:
                assert answer.status_code != 403 or "team" in answer.text, (role, method, path)
                assert answer.status_code < 500, (role, method, path, answer.text)
            asked += 1
    assert asked > 60
    assert (number, task) == (1, 1)


def test_not_even_the_owner_spends_what_a_team_has_left(site, enter):
    grace = enter("grace", "owner")
    ada = enter("ada", "hunter", team="A")
    number = round_opened(site)
    form = number_on(ada.get(f"/rounds/{number}/submit").text)
    path = ada.post(f"/rounds/{number}/submit", data={"form": form, "least:age": "60"}).headers[
        "location"
    ]
    work_all(site)
    for refused in (
        grace.post(f"{path}/send"),
        grace.post(f"/api/v1{path}/send"),
        grace.post(f"{path}/withdraw"),
    ):
        assert refused.status_code == 409
    with site.database.read() as db:
        assert db.execute(select(Submission.state, Submission.sent)).one() == ("tried", None)


def test_invitations_end_with_the_owner_who_made_them(site, enter, stranger):
    enter("grace", "owner")
    bob = enter("bob", "owner")
    link = re.search(
        r"/invitation/[\w-]+", bob.post("/people/invite", data={"roles": "owner"}).text
    )[0]
    assert stranger.get(link).status_code == 200
    with site.database.write() as db:
        accounts.remove_user(db, 2, site.now(), by=1)
    assert stranger.get(link).status_code == 404
    sent = {"name": "bob again", "password": "a long password"}
    assert stranger.post(link, data=sent).status_code == 404


def test_the_links_of_earlier_starts_make_no_second_owner(site):
    with site.database.write() as db:
        links = [accounts.invite(db, ["owner"], site.now()) for _ in range(2)]
        accounts.register(db, links[0], "grace", "a long password", site.now())
        with pytest.raises(NotFoundError, match="withdrawn"):
            accounts.register(db, links[1], "eve", "a long password", site.now())


def test_whoever_left_gets_no_role(site):
    grace, _ = member(site, "grace", "owner")
    bob, _ = member(site, "bob", "viewer")
    with site.database.write() as db:
        accounts.remove_user(db, bob, site.now(), by=grace)
        for user in (bob, 10**6):
            with pytest.raises(NotFoundError):
                accounts.grant(db, user, "owner", site.now(), by=grace)


# -- at the same moment --


def test_two_owners_cannot_remove_each_other(either_site):
    site = either_site
    grace, _ = member(site, "grace", "owner")
    bob, _ = member(site, "bob", "owner")

    def removed(user, by):
        with site.database.write() as db:
            accounts.remove_user(db, user, site.now(), by=by)

    found = together(lambda: removed(bob, grace), lambda: removed(grace, bob))
    assert sorted(type(one) for one in found if one is not None) == [ConflictError]
    with site.database.read() as db:
        query = select(func.count()).select_from(RoleGrant).where(RoleGrant.role == "owner")
        assert db.execute(query).scalar_one() == 1


def test_two_clicks_open_one_task_for_a_review(either_site):
    site = either_site
    _, session = member(site, "judith", "judge")
    app = create_app(site)

    def client():
        one = client_of(app)
        one.cookies.set("supersede", session)
        return one

    judge = client()
    data = {key: values for key, values in rows(n=200).items() if key != "truth"}
    table = judge.post("/reviews/upload", files={"table": ("t.parquet", parquet(data))}).headers[
        "location"
    ]
    sent = {
        "form": number_on(judge.get(table).text),
        "candidate": "c",
        "kind": "review",
        "old": "old",
        "new": "new",
        "item": "id",
    }
    review = judge.post(table, data=sent).headers["location"]
    work_all(site)
    judges = [client() for _ in range(3)]
    found = together(*[lambda one=one: one.post(f"{review}/labels") for one in judges])
    assert {answer.headers["location"] for answer in found} == {"/labels/1"}
    with site.database.read() as db:
        assert db.execute(select(func.count()).select_from(LabelTask)).scalar_one() == 1


def test_two_tabs_answer_the_same_item_at_once(either_site):
    site = either_site
    ada, _ = member(site, "ada", "annotator")
    task, _, _ = gain_task(site, ada, n=60)
    with site.database.write() as db:
        item = labels.next_item(db, task, ada, site.now()).id

    def answered(tab):
        with site.database.write() as db:
            labels.answer(db, task, item, ada, f"tab number {tab}", "1", site.now())

    found = together(*[lambda tab=tab: answered(tab) for tab in range(4)])
    assert [type(one) for one in found if one is not None] == [ConflictError] * 3
    with site.database.read() as db:
        assert len(labels.labels_of(db, task)) == 1


def test_five_posts_at_the_limit_of_the_quota(either_site):
    site = either_site
    app = create_app(site)
    member(site, "grace", "owner")
    _, session = member(site, "ada", "hunter", team="A")
    number = round_opened(site, per_team=3, per_day=3)
    clients = [client_of(app) for _ in range(5)]
    for one in clients:
        one.cookies.set("supersede", session)
    tried = []
    for age in range(60, 63):
        form = number_on(clients[0].get(f"/rounds/{number}/submit").text)
        sent = {"form": form, "least:age": str(age)}
        tried.append(clients[0].post(f"/rounds/{number}/submit", data=sent).headers["location"])
        work_all(site)
    assert clients[0].post(f"{tried[0]}/send").status_code == 303
    # one of what was tried, twice each, and one by file, while two are left
    acts = [
        lambda c=c, p=p: c.post(f"{p}/send").status_code
        for c, p in zip(clients, [*tried[1:], *tried[1:]], strict=False)
    ]
    form = number_on(clients[4].get(f"/rounds/{number}/model").text)
    acts.append(
        lambda: clients[4].post(
            f"/rounds/{number}/model/file", data={"form": form, "group": "age >= 70"},
            files={"model": ("m.json", b'{"form": "constant", "values": [1]}')},
        ).status_code
    )  # fmt: skip
    found = together(*acts)
    assert set(found) <= {303, 422, 429}, found
    with site.database.read() as db:
        sent = db.execute(select(func.count()).where(Submission.sent.is_not(None))).scalar_one()
    assert sent == 3


# -- tables and what is in them --


@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"<html>", b"\x80\x04\x95.", b"PK\x03\x04" + bytes(40)]
)
def test_a_file_that_is_no_table_is_none_wherever_it_is_named(app, site, enter, content):
    """Every kept file has a hash, and a judge may write any of them into the address."""
    judge = enter("jo", "judge")
    kept = site.files.keep([content], 10**6).hash
    for path in ("/labels/from/", "/reviews/of/"):
        assert judge.get(path + kept).status_code == 422
        assert judge.get(path + "0" * 64).status_code == 404
        assert judge.get(path + "..%2f..%2fkeys%2fed25519").status_code == 404
    with pytest.raises(SourceError):
        read_kept(site.files, kept)


def test_tables_that_unpack_to_a_thousandfold_are_refused(site):
    zeros = pa.array([bytes(1_000_000)]).take(pa.array(np.zeros(300, int)))
    for column in (zeros, pa.StructArray.from_arrays([zeros], ["bytes"])):
        content = parquet({"id": np.arange(300), "picture": column})
        assert len(content) < 1_100_000
        with pytest.raises(SizeError, match="unpacks to more than 100 MB"):
            file_in(site, content, most=5_000_000)
    packed = gzip.compress(b"a,b\n" + b"1,2\n" * 30_000_000)
    with pytest.raises(SizeError, match="unpacks to more than"):
        file_in(site, packed, "t.csv.gz", most=5_000_000)
    for broken in (packed[:-20], packed[:2] + b"x" * 40, b"a,b\n1,2\n"):
        with pytest.raises((InputError, SourceError)):
            file_in(site, broken, "t.csv.gz")
    small = gzip.compress(b"a,b\n1,2\n")
    assert kept_columns(site.files, file_in(site, small, "t.csv.gz")) == ["a", "b"]


def test_what_is_kept_of_a_table_is_the_table(site):
    data = pa.table(
        {
            "text": ["a", None, "ü\u202e"], "blob": [b"\0\xff", None, b""], "number": [1, None, 2**62],
            "real": [0.1, None, float("inf")], "yes": [True, None, False], 'q"uo\'te': ["x", "y", "z"],
            "day": pa.array([0, 1, None], pa.date32()), "at": pa.array([0, 1, None], pa.timestamp("us")),
            "list": [[1, 2], None, []], "image": [{"bytes": b"x", "path": "p"}, None, {"bytes": None, "path": None}],
        }
    )  # fmt: skip
    kept = read_kept(site.files, file_in(site, parquet({n: data[n] for n in data.column_names})))
    assert kept.column_names == data.column_names
    assert kept.to_pylist() == data.to_pylist()


def media_task(site, made_by, pictures, **columns):
    """A task whose items have pictures; the fields that are shown of each."""
    from supersede.evaluate import accuracy, plan
    from supersede.table.read import read
    from supersede.web.bounties.tables import kept_table

    n = len(pictures)
    data = {
        "id": [f"i{k}" for k in range(n)],
        "new": np.arange(n) % 2,
        "old": 1 - np.arange(n) % 2,
        "picture": pictures,
        **columns,
    }
    path = kept_table(site.files, file_in(site, parquet(data), most=10**9))
    table = read(path, models=["old", "new"], item="id", labelled=False)
    chosen = plan(table, accuracy("new") - accuracy("old"), margin=0.0, method="coordinated")
    with site.database.write() as db:
        made = labels.draft(site, chosen, table, ["picture", *columns])
        task = labels.open_task(
            site, db, made, title="t", question="q", limits={}, made_by=made_by
        ).id
    with site.database.read() as db:
        found = db.execute(select(LabelItem).where(LabelItem.task_id == task)).scalars()
        return {one.item: one.content["fields"] for one in found}


def test_images_of_50_mb_are_said_to_be_too_large_and_never_read(site):
    ada, _ = member(site, "ada", "judge")
    png = b"\x89PNG\r\n\x1a\n"
    noise = np.random.default_rng(0).bytes(50_000_000)
    pictures = [
        png + noise,
        png + bytes(20),
        None,
        b"",
        b"<svg onload=alert(1)>",
        png + noise[:4_000_000],
    ] + [png + noise[:3_000_000]] * 18
    found = media_task(site, ada, pictures, text=["x" * 30_000] * len(pictures))
    kinds = {item: fields[0]["kind"] for item, fields in found.items()}
    assert [kinds[f"i{k}"] for k in range(6)] == [
        "broken",
        "image",
        "missing",
        "broken",
        "broken",
        "image",
    ]
    assert "50 MB" in found["i0"][0]["value"]
    assert {fields[1]["value"][-2:] for fields in found.values()} == {" …"}
    assert {len(fields[1]["value"]) for fields in found.values()} == {20_002}


def test_items_without_content_are_skipped_and_not_wedged(site, enter):
    ada, _ = member(site, "ada", "judge")
    found = media_task(
        site,
        ada,
        [{"bytes": None, "path": None}] * 3 + [{"bytes": b"RIFF....WAVEbroken", "path": "x"}],
    )
    assert {fields[0]["kind"] for fields in found.values()} == {"value", "audio"} or {
        fields[0]["kind"] for fields in found.values()
    } == {"missing", "audio"}
    judge = enter("jo", "judge")
    for _ in range(4):
        shown = judge.get("/labels/1/item").text
        sent = {
            "item_id": number_on(shown, "item_id"),
            "number": number_on(shown, "number"),
            "act": "skip",
        }
        assert judge.post("/labels/1/item", data=sent).status_code == 303
    assert "Nothing to answer now" in judge.get("/labels/1/item").text


# -- what the API is sent --


@pytest.mark.parametrize(
    "body",
    [
        b'{"key": "aaaaaaaa", "group": "age >= 60", "\\ud800": 1}', b'{"key": "\\ud800aaaaaaaa", "group": "age >= 60"}',
        b'{"key": "aaaa\\u0000aaaa", "group": "age >= 60"}', b'{"key": "aaaaaaaa", "group": "site == \'a\\u0000\'"}',
        b'{"key": "aaaaaaaa", "group": "age >= 60", "base": "\\u0000"}', b'{"key": "aaaaaaaa", "group": "age >= 60", "note": "\\ud800"}',
        b'{"key": "aaaaaaaa", "group": "age >= 60", "model": {"form": "\\ud800"}}',
        b'{"key": "aaaaaaaa", "group": "age >= 60", "model": {"form": "constant", "values": [1e999]}}',
        b'{"key": "aaaaaaaa", "group": "age >= 60", "model": {"form": "onnx", "columns": ["\\ud800"], "base64": "AAAA"}}',
        b'{"key": "aaaaaaaa", "group": "age >= 60", "model": {"form": "onnx", "columns": ["a\\u0000"], "base64": "AAAA"}}',
        b'{"key": "aaaaaaaa", "group": "age >= 60", "model": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001,
        b'{"key": "aaaaaaaa", "group": "site == \'\\ud800\'"}', b"\xff\xfe", b"[" * 200_000, b"1" * 100_000, b"null",
    ],
)  # fmt: skip
def test_json_that_no_database_keeps_is_refused(either_site, body):
    app = create_app(either_site)
    member(either_site, "grace", "owner")
    ada, _ = member(either_site, "ada", "hunter", team="A")
    with either_site.database.write() as db:
        token = accounts.make_token(db, ada, "t", either_site.now())
    number = round_opened(either_site)
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    answer = client_of(app).post(
        f"/api/v1/rounds/{number}/submissions", content=body, headers=headers
    )
    assert answer.status_code in {202, 400, 404, 422}, answer.text
    work_all(either_site)
    with either_site.database.read() as db:
        assert set(db.execute(select(Submission.state)).scalars()) <= {
            "refused",
            "queued",
            "rejected",
        }


def onnx_with(location):
    """A model whose weights lie in another file."""
    from onnx import TensorProto, helper

    weight = helper.make_tensor("w", TensorProto.FLOAT, [1], [0.0])
    weight.ClearField("float_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "4")):
        entry = weight.external_data.add()
        entry.key, entry.value = key, value
    graph = helper.make_graph(
        [helper.make_node("Less", ["x", "w"], ["below"]), helper.make_node("Cast", ["below"], ["answer"], to=TensorProto.INT64)],
        "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1])],
        [helper.make_tensor_value_info("answer", TensorProto.INT64, ["n", 1])], [weight],
    )  # fmt: skip
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return made.SerializeToString()


def test_models_that_read_files_of_the_server_are_refused(site, enter):
    enter("grace", "owner")
    ada = enter("ada", "hunter", team="A")
    number = round_opened(site)
    for place, location in enumerate(["/etc/hostname", "../../keys/ed25519", "w.bin"]):
        form = number_on(ada.get(f"/rounds/{number}/model").text)
        answer = ada.post(
            f"/rounds/{number}/model/file", data={"form": form, "group": f"age >= {60 + place}", "columns": "age"},
            files={"model": ("m.onnx", onnx_with(location))},
        )  # fmt: skip
        assert answer.status_code == 303, answer.text
    work_all(site)
    with site.database.read() as db:
        found = db.execute(select(Submission.state, Submission.problem)).all()
    assert [state for state, _ in found] == ["refused"] * 3
    assert not any("etc" in problem or "keys" in problem for _, problem in found), found
