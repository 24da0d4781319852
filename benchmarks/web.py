"""The web application under load, and killed at random, on SQLite and PostgreSQL.

    python -m benchmarks.web            everything that has no result yet, then the table
    python -m benchmarks.web table      the table alone, from the results that there are
    python -m benchmarks.web load sqlite      one run; also: load postgresql, kills sqlite, kills postgresql

200 hunters poll the page of a round every 2 s, and 75 submissions are sent at once: 60 without
code (the server trains a tree of depth 8 for the group) and 15 ONNX models (a threshold, 0.3 kB each,
run in the sandbox). Each of 25 teams has a quota of 2 and sends 3, each twice, so that exactly 50 must
be taken. `kills` does the same while 20 times a random process of the server and its two workers is
ended with SIGKILL. Everything runs on this machine, the clients too; a result says how busy the machine
was. Results are kept in .cache/benchmarks/web, so an interrupted run resumes.
"""

import asyncio
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
from onnx import TensorProto, helper
from sqlalchemy import select

from benchmarks.measure import write
from supersede.web.accounts import actions
from supersede.web.bounties import rounds
from supersede.web.bounties.quotas import COUNTED
from supersede.web.bounties.replay import replay
from supersede.web.bounties.tables import keep_table, read_kept
from supersede.web.database import Job, Submission, User
from supersede.web.ledger import verify
from supersede.web.security import Visitor
from supersede.web.settings import Settings
from supersede.web.site import Site, open_site

KEPT = Path(".cache/benchmarks/web")
# a machine that is busy with other things takes a part: SUPERSEDE_BENCH_SCALE=0.2
SCALE = float(os.environ.get("SUPERSEDE_BENCH_SCALE", "1"))
TEAMS, HUNTERS, EVERY = round(25 * SCALE), round(200 * SCALE), 2.0
ROWS = 20_000
KILLS = int(os.environ.get("SUPERSEDE_BENCH_KILLS", "20"))
PAUSE = float(os.environ.get("SUPERSEDE_BENCH_PAUSE", "4"))  # seconds between kills, about
FEATURES = ["age", "hours", "score", "site", "kind"]


def table() -> bytes:
    """20,000 rows whose labels depend on five features in a way that the base model ignores."""
    rng = np.random.default_rng(0)
    age, hours = rng.integers(18, 90, ROWS), rng.normal(38, 9, ROWS).round(1)
    score = rng.normal(0, 1, ROWS).round(2)
    site, kind = rng.choice(["n", "s", "w", "e"], ROWS), rng.choice(["a", "b", "c"], ROWS)
    truth = (age >= 60) | ((site == "n") & (hours > 45)) | (score > 1.2)
    truth = truth ^ (rng.random(ROWS) < 0.05)
    lines = [b"age,hours,score,site,kind,y,said"]
    rows = zip(age, hours, score, site, kind, truth.astype(int), strict=True)
    lines += [",".join(map(str, row)).encode() + b",0" for row in rows]
    return b"\n".join(lines) + b"\n"


def onnx_model(limit: float) -> dict[str, Any]:
    """A model in ONNX: 1 above a limit of the age."""
    import base64

    graph = helper.make_graph(
        [
            helper.make_node("Less", ["x", "limit"], ["below"]),
            helper.make_node("Not", ["below"], ["above"]),
            helper.make_node("Cast", ["above"], ["answer"], to=TensorProto.INT64),
        ],
        "above",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1])],
        [helper.make_tensor_value_info("answer", TensorProto.INT64, ["n", 1])],
        [helper.make_tensor("limit", TensorProto.FLOAT, [1], [limit])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    data = base64.b64encode(model.SerializeToString()).decode()
    return {"form": "onnx", "columns": ["age"], "base64": data}


def submissions() -> list[dict[str, Any]]:
    """75 submissions (times the scale), three per team; every fifth is an ONNX model."""
    groups = [
        *(f"age >= {a}" for a in range(50, 70)),
        *(f"score > {s / 10}" for s in range(8, 16)),
        *(f"site == '{s}' and hours > {h}" for s in "nswe" for h in (40, 43, 46, 50, 55)),
        *(f"kind == '{k}' and age >= {a}" for k in "abc" for a in (55, 58, 61, 64, 67, 70)),
        *(f"site in ['n', '{s}'] and age > {a}" for s in "swe" for a in (52, 62, 72)),
    ]
    return [
        {
            "key": f"benchmark-{number:03d}", "group": group,
            "model": onnx_model(45.0 + number) if number % 5 == 4 else None,
        }
        for number, group in enumerate(groups[: 3 * TEAMS])
    ]  # fmt: skip


@contextmanager
def postgresql() -> Iterator[str]:
    """A private PostgreSQL on this machine, with fsync, as a service has it."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    home = Path(tempfile.mkdtemp(prefix="supersede-pg-", dir="/tmp"))
    as_user: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(home, "postgres")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    port = free_port()

    def run(program: str, *arguments: str) -> None:
        command = [*as_user, str(binaries / program), "-D", str(home / "data"), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=home)

    run("initdb", "-A", "trust", "-U", "tester", "--no-sync")
    run("pg_ctl", "-o", f"-p {port} -c listen_addresses=127.0.0.1 -k {home}", "-l",
        str(home / "log"), "-w", "-t", "120", "start")  # fmt: skip
    try:
        yield f"postgresql://tester@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "-m", "immediate", "-w", "stop")
        shutil.rmtree(home)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def fill(site: Site) -> tuple[int, list[str], list[str]]:
    """A round, 25 teams of 8 hunters; returns the round, sessions of all and a token per team."""
    sessions, tokens = [], []
    now = site.now()
    with site.database.write() as db:
        owner = User(name="owner", folded="owner", password="-", created=now, removed=None)
        db.add(owner)
        db.flush()
        actions.grant(db, owner.id, "owner", now, by=owner.id)
        for number in range(HUNTERS):
            name = f"hunter {number}"
            user = User(name=name, folded=name, password="-", created=now, removed=None)
            db.add(user)
            db.flush()
            actions.grant(db, user.id, "hunter", now, by=owner.id)
            team = actions.team_named(db, f"team {number % TEAMS}", now)
            actions.put_in_team(db, user.id, team.id)
            sessions.append(actions.start_session(db, user.id, now))
            if number < TEAMS:
                tokens.append(actions.make_token(db, user.id, "benchmark", now))
    kept = keep_table(site.files, "rows.csv", [table()], 10**9)
    given = {
        "plan": {
            "label": "y", "model": "said", "model_columns": [], "features": FEATURES,
            "watch": ["site == 's'"], "public": 0.4, "fresh": 0.3, "slices": 1, "seed": 0,
            "policy": "certified", "delta": 0.05,
        },
        "model_hash": None, "about": "A benchmark.", "registration": "open", "opens": now,
        "closes": now + timedelta(days=1), "disclose_on": None, "per_team": 2, "per_day": 2,
        "capacity": 100, "answer_every": 5.0,
    }  # fmt: skip
    visitor = Visitor(owner.id, "owner", frozenset({"owner"}))
    with site.database.write() as db:
        columns = read_kept(site.files, kept.hash).column_names
        made = rounds.draft(db, visitor, "Benchmark", kept.hash, columns, now)
        rounds.set_up(db, made, given, now)
        return made.id, sessions, tokens


class Clients:
    """200 hunters who poll, and 25 teams who post; what they saw."""

    def __init__(self, origin: str, number: int, sessions: list[str], tokens: list[str]) -> None:
        self.origin, self.number, self.sessions, self.tokens = origin, number, sessions, tokens
        self.seconds: list[float] = []
        self.codes: Counter[int] = Counter()
        self.posts: Counter[int] = Counter()
        self.lost = 0
        self.over = self.killing = False

    async def poll(self, client: httpx2.AsyncClient, session: str, after: float) -> None:
        await asyncio.sleep(after)
        path = f"/rounds/{self.number}/standing"
        while not self.over:
            started = time.monotonic()
            try:
                answer = await client.get(path, headers={"cookie": f"supersede={session}"})
                self.codes[answer.status_code] += 1
                self.seconds.append(time.monotonic() - started)
            except httpx2.HTTPError:
                self.lost += 1  # the server was down: a browser tries again too
            await asyncio.sleep(max(0.0, EVERY - (time.monotonic() - started)))

    async def post(self, client: httpx2.AsyncClient, token: str, sent: dict[str, Any]) -> None:
        """Send it until there is an answer, and then once more: it must count once."""
        path, again = f"/api/v1/rounds/{self.number}/submissions", False
        while True:
            try:
                answer = await client.post(
                    path, json=sent, headers={"authorization": f"Bearer {token}"}
                )
            except httpx2.HTTPError:
                await asyncio.sleep(0.5)
                continue
            self.posts[answer.status_code] += 1
            if again or answer.status_code == 429:
                return
            again = answer.status_code == 202

    async def run(self, judged: Any, limit: float) -> float:
        """Seconds from the first post until everything is judged."""
        limits = httpx2.Limits(max_connections=HUNTERS + 80, max_keepalive_connections=HUNTERS + 80)
        async with httpx2.AsyncClient(base_url=self.origin, limits=limits, timeout=60) as client:
            polls = [
                asyncio.create_task(self.poll(client, s, EVERY * i / HUNTERS))
                for i, s in enumerate(self.sessions)
            ]
            await asyncio.sleep(6)
            started = time.monotonic()
            posts = [
                asyncio.create_task(self.post(client, self.tokens[i % TEAMS], sent))
                for i, sent in enumerate(submissions())
            ]
            await asyncio.gather(*posts)
            while self.killing or (
                not await asyncio.to_thread(judged) and time.monotonic() - started < limit
            ):
                await asyncio.sleep(0.5)
            took = time.monotonic() - started
            self.over = True
            await asyncio.gather(*polls)
        return took


def family(pid: int) -> list[int]:
    """The server and the workers of a supervisor."""
    found = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    return [int(line.split()[0]) for line in found.stdout.splitlines() if "supersede.web" in line]


async def kill_some(pid: int, clients: Clients, kills: int) -> int:
    """End a random one of the processes, again and again; returns how often."""
    rng, done = random.Random(0), 0
    await asyncio.sleep(6 + PAUSE)
    while done < kills and not clients.over:
        running = await asyncio.to_thread(family, pid)
        if running:
            os.kill(rng.choice(running), signal.SIGKILL)
            done += 1
        await asyncio.sleep(PAUSE * rng.uniform(0.5, 1.5))
    clients.killing = False
    return done


def run(what: str, engine: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="supersede-bench-") as folder:
        if engine == "sqlite":
            return measured(what, Settings(data=Path(folder), port=free_port()))
        with postgresql() as url:
            return measured(what, Settings(data=Path(folder), port=free_port(), database=url))


def measured(what: str, settings: Settings) -> dict[str, Any]:
    site = open_site(settings, migrate=True)
    number, sessions, tokens = fill(site)
    command = [sys.executable, "-c", "import sys; from supersede.cli import main; sys.exit(main())"]
    command += ["serve", "--data", str(settings.data), "--port", str(settings.port)]
    if settings.database:
        command += ["--database", settings.database]
    with (settings.data / "log").open("wb") as log:
        server = subprocess.Popen(command, stderr=log)
    try:
        until = time.monotonic() + 1500
        while True:
            with site.database.read() as db:
                if (
                    rounds.round_of(db, number, Visitor(1, "", frozenset({"owner"}))).state
                    == "open"
                ):
                    break
            assert server.poll() is None, (settings.data / "log").read_text()
            assert time.monotonic() < until, "the round was not opened"
            time.sleep(0.5)

        def judged() -> bool:
            with site.database.read() as db:
                states = db.execute(select(Submission.state, Submission.judged)).all()
            waiting = {"checking", "queued", "trying"}
            return bool(states) and all(state not in waiting for state, _ in states)

        clients = Clients(settings.origin, number, sessions, tokens)
        before, busy = os.times(), [os.getloadavg()[0]]

        async def both() -> tuple[float, int]:
            clients.killing = what == "kills"
            kills = asyncio.create_task(
                kill_some(server.pid, clients, KILLS if what == "kills" else 0)
            )
            took = await clients.run(judged, 1500)
            return took, await kills

        took, killed = asyncio.run(both())
        busy.append(os.getloadavg()[0])
        after = os.times()
    finally:
        server.terminate()
        server.wait(30)
    return {
        "what": what, "hunters": HUNTERS, "teams": TEAMS, "engine": "postgresql" if settings.database else "sqlite",
        "at": datetime.now(UTC).isoformat(timespec="minutes"), "load": busy, "took": took,
        "client cpu": after.user + after.system - before.user - before.system, "killed": killed,
        "pages": len(clients.seconds), "codes": clients.codes, "lost": clients.lost,
        "p50": float(np.quantile(clients.seconds, 0.5)),
        "p95": float(np.quantile(clients.seconds, 0.95)),
        "posts": clients.posts, **checked(site, number),
    }  # fmt: skip


def checked(site: Site, number: int) -> dict[str, Any]:
    """What must hold afterwards, whatever happened."""
    with site.database.read() as db:
        found = db.execute(select(Submission)).scalars().all()
        jobs = Counter(db.execute(select(Job.state)).scalars())
        attempts = db.execute(select(Job.attempt)).scalars().all()
        entries = verify(db).number
    teams = Counter(s.team_id for s in found if s.state in COUNTED)
    numbers = sorted(s.number for s in found if s.number is not None)
    return {
        "submissions": len(found), "keys": len({s.form for s in found}),
        "states": Counter(s.state for s in found), "most per team": max(teams.values(), default=0),
        "numbers": numbers == list(range(1, len(numbers) + 1)),
        "answers": sum(s.receipt is not None for s in found), "jobs": jobs,
        "reruns": sum(attempt > 1 for attempt in attempts), "entries": entries,
        "replayed": replay(site, number)[:12],
    }  # fmt: skip


def lines(results: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    told = []
    for one in results:
        teams, kills = one["teams"], f"{one['killed']} kills"
        name = f"{one['engine']}, {kills if one['what'] == 'kills' else 'load'}, {one['hunters']} hunters"
        exact = one["submissions"] == one["keys"] >= 2 * teams and one["most per team"] <= 2
        ended = set(one["states"]) <= {"accepted", "rejected", "refused"}
        right = exact and ended and one["numbers"] and set(one["jobs"]) == {"done"}
        word = {True: "reached", False: "missed"}
        judged = ", ".join(f"{n} {state}" for state, n in sorted(one["states"].items()))
        told += [
            (f"{name}: submissions taken of {3 * teams}, each sent twice", f"{2 * teams} at least: nothing lost, nothing twice, quota exact",
             f"{one['submissions']} ({judged}); {one['entries']} entries, chain whole, judged again: same list", word[right]),
            (f"{name}: until all are judged", "≤ 180 s", f"{one['took']:.0f} s", word[one["took"] <= 180]),
        ]  # fmt: skip
        if one["what"] == "load":
            codes = ", ".join(f"{n} × {code}" for code, n in one["codes"].items())
            told.append(
                (f"{name}: pages, p95 (p50)", "≤ 300 ms",
                 f"{1000 * one['p95']:.0f} ms ({1000 * one['p50']:.0f}); {codes}", word[one["p95"] <= 0.3])
            )  # fmt: skip
        else:
            told.append(
                (f"{name}: processes ended by SIGKILL", "20, no quota spent by a crash",
                 f"{one['killed']}; {one['reruns']} jobs ran again", word[one["killed"] >= 20 and right])
            )  # fmt: skip
        told.append(
            (f"{name}: how busy the machine was", "", f"load {one['load'][0]:.0f} to {one['load'][1]:.0f} on"
             f" {os.cpu_count()} cores; clients {one['client cpu']:.0f} CPU-s; {one['at']}", "")
        )  # fmt: skip
    return told


ALL = [(what, engine) for what in ("load", "kills") for engine in ("sqlite", "postgresql")]


def main() -> None:
    KEPT.mkdir(parents=True, exist_ok=True)
    asked = [tuple(sys.argv[1:3])] if len(sys.argv) == 3 else []
    every = [] if sys.argv[1:] == ["table"] else ALL
    for what, engine in asked or every:
        path = KEPT / f"{what}-{engine}.json"
        if asked or not path.exists():
            found = run(what, engine)
            path.write_text(json.dumps(found, indent=1))
            print(json.dumps(found))
    results = [json.loads(path.read_text()) for path in sorted(KEPT.glob("*.json"))]
    notes = (
        "Clients, server, workers and database share the cores of this machine with all other programs:"
        " the load average beside each run says how busy it was. The clients see what a browser"
        " sees, from the request to the last byte. Models: of 75 submissions 60 have one trained by the"
        " server (a tree of depth 8), 15 are ONNX (a threshold, 0.3 kB). The full size is 200 hunters and 75"
        " submissions. One that is refused before the holdout is read does not count, so a team can send another."
        " Rows that name fewer hunters ran at a part of it (SUPERSEDE_BENCH_SCALE), beside"
        " other work on the same two cores, and their times say nothing about an idle machine. Runs that"
        " are missing from the table have not been made."
    )
    write(
        "web", "The web application: measured", "python -m benchmarks.web",
        [("what", "target", "here", ""), *lines(results)], notes,
    )  # fmt: skip


if __name__ == "__main__":
    main()
