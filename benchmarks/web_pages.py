"""Pages of a long round, and 20 annotators at once, on a server with two workers.

A round has 10,000 submissions, of 25 teams; its pages are asked for one after the other. A task of the
demonstration's table is labelled by 20 people who answer every two seconds each; what is timed is
from the key to the next item, as the browser gets it. Results are kept in .cache/benchmarks, so an
interrupted run resumes; ``python -m benchmarks.web_pages table`` writes the table alone.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
from sqlalchemy import insert, select

from benchmarks.measure import STATE, write
from benchmarks.web import TEAMS, family, fill, free_port, postgresql
from supersede.evaluate import accuracy, plan
from supersede.table.read import read
from supersede.web.accounts import actions as accounts
from supersede.web.database import Label, Round, RoundTeam, Submission, User
from supersede.web.labels.actions import draft, open_task
from supersede.web.reviews.demonstration import records
from supersede.web.settings import Settings
from supersede.web.site import Site, open_site

SUBMISSIONS, TIMES, ANNOTATORS, EACH, PACE = 10_000, 60, 20, 20, 2.0
KEPT = STATE / "web_pages"


@contextmanager
def serving(settings: Settings) -> Iterator[int]:
    """Server and workers, once they answer; the number of the server's process."""
    command = [sys.executable, "-c", "import sys; from supersede.cli import main; sys.exit(main())"]
    command += ["serve", "--data", str(settings.data), "--port", str(settings.port)]
    command += ["--database", settings.database] if settings.database else []
    with (settings.data / "log").open("wb") as log:
        server = subprocess.Popen(command, stderr=log)
    try:
        until = time.monotonic() + 300
        while True:
            try:
                if httpx2.get(f"{settings.origin}/api/v1/health").status_code == 200:
                    break
            except httpx2.HTTPError:
                pass
            assert server.poll() is None, (settings.data / "log").read_text()
            assert time.monotonic() < until, "the server does not answer"
            time.sleep(0.3)
        yield min(family(server.pid))
    finally:
        server.terminate()
        server.wait(30)


def long_round(site: Site, settings: Settings) -> dict[str, Any]:
    """Seconds and sizes of the pages of a round with 10,000 submissions."""
    number, sessions, tokens = fill(site)
    now = site.now()
    states = ["accepted", *["rejected"] * 40, *["refused"] * 9]
    with site.database.write() as db:
        db.get_one(Round, number).state = "open"
        db.add_all(RoundTeam(round_id=number, team_id=1 + k, joined=now) for k in range(TEAMS))
        blank = {
            column.name: None for column in Submission.__table__.columns if column.name != "id"
        }
        rows = [
            blank | {
                "round_id": number, "team_id": 1 + k % TEAMS, "user_id": 2 + k % TEAMS,
                "form": f"form number {k:06d}", "source": "page", "group": f"age >= {k % 70} and hours > {k % 50}.5",
                "note": "a note of some length, as teams write them", "state": states[k % 50], "problem": "",
                "created": now - timedelta(seconds=k), "sent": now - timedelta(seconds=k),
                "judged": now - timedelta(hours=1), "answered": now - timedelta(minutes=30),
                "number": k if states[k % 50] != "refused" else None,
            }
            for k in range(SUBMISSIONS)
        ]  # fmt: skip
        waiting = [r | {"form": f"waits {r['form']}", "state": "queued", "judged": None, "answered": None, "number": None} for r in rows[:500]]  # fmt: skip
        db.execute(insert(Submission), rows + waiting)
    cookie, bearer = (
        {"cookie": f"supersede={sessions[0]}"},
        {"authorization": f"Bearer {tokens[0]}"},
    )
    asked = {
        "the round": (f"/rounds/{number}", cookie),
        "what changes on it": (f"/rounds/{number}/standing", cookie),
        "the API's list": (f"/api/v1/rounds/{number}/submissions", bearer),
    }
    found = {}
    client = httpx2.Client(base_url=settings.origin, timeout=60)
    with serving(settings) as process, client:
        for name, (path, headers) in asked.items():
            seconds, before = [], _cpu(process)
            for _ in range(TIMES):
                started = time.monotonic()
                answer = client.get(path, headers=headers)
                seconds.append(time.monotonic() - started)
                assert answer.status_code == 200, answer.text
            found[name] = {
                "p95": float(np.quantile(seconds, 0.95)),
                "kB": len(answer.content) / 1000,
                "cpu": (_cpu(process) - before) / TIMES,
            }
    return found


def _cpu(process: int) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def annotators(site: Site, settings: Settings) -> dict[str, Any]:
    """Seconds from key to next item of 20 people at once, and what was kept."""
    table = read(records(), models=["deployed", "boosted"], item="id", labelled=False)
    asked = accuracy("boosted") - accuracy("deployed")
    made = plan(table, asked, margin=0.001, method="coordinated", budget=2 * ANNOTATORS * EACH)
    with site.database.write() as db:
        people = [
            User(name=f"a {k}", folded=f"a {k}", password="-", created=site.now(), removed=None)
            for k in range(ANNOTATORS)
        ]
        db.add_all(people)
        db.flush()
        for one in people:
            accounts.grant(db, one.id, "annotator", site.now(), by=one.id)
        sessions = [accounts.start_session(db, one.id, site.now()) for one in people]
        task = open_task(
            site, db, draft(site, made, table, ["age", "sex"]), title="t", question="q", limits={},
            made_by=people[0].id,
        ).id  # fmt: skip
    with serving(settings):
        seconds = asyncio.run(_answer_all(settings.origin, task, sessions))
    with site.database.read() as db:
        items = list(db.execute(select(Label.item_id).where(Label.undone.is_(None))).scalars())
    return {
        "p50": float(np.quantile(seconds, 0.5)), "p95": float(np.quantile(seconds, 0.95)),
        "answers": len(items), "items": len(set(items)),
    }  # fmt: skip


async def _answer_all(origin: str, task: int, sessions: list[str]) -> list[float]:
    seconds: list[float] = []
    path = f"/labels/{task}/item"

    async def work(client: httpx2.AsyncClient, session: str, after: float) -> None:
        own = {"cookie": f"supersede={session}", "sec-fetch-site": "same-origin"}
        await asyncio.sleep(after)
        shown = (await client.get(path, headers=own)).text
        for _ in range(EACH):
            sent = {
                name: re.search(rf'name="{name}" value="([^"]+)"', shown)[1]  # type: ignore[index]
                for name in ("item_id", "number")
            }
            act = re.search(r'value="(label [^"]+)"', shown)
            assert act is not None
            sent["act"] = act[1].replace("&#34;", '"')
            started = time.monotonic()
            answer = await client.post(path, data=sent, headers={**own, "hx-request": "true"})
            seconds.append(time.monotonic() - started)
            assert answer.status_code == 200, answer.text
            shown = answer.text
            await asyncio.sleep(max(0.0, PACE - seconds[-1]))

    limits = httpx2.Limits(max_connections=60, max_keepalive_connections=60)
    async with httpx2.AsyncClient(base_url=origin, limits=limits, timeout=60) as client:
        await asyncio.gather(
            *(work(client, s, PACE * k / len(sessions)) for k, s in enumerate(sessions))
        )
    return seconds


def run(what: str, engine: str) -> dict[str, Any]:
    measured = {"long round": long_round, "annotators": annotators}[what]
    with tempfile.TemporaryDirectory(prefix="supersede-bench-") as folder:
        if engine == "sqlite":
            return _run(measured, Settings(data=Path(folder), port=free_port()))
        with postgresql() as url:
            return _run(measured, Settings(data=Path(folder), port=free_port(), database=url))


def _run(measured: Any, settings: Settings) -> dict[str, Any]:
    site = open_site(settings, migrate=True)
    before = os.getloadavg()[0]
    found = measured(site, settings)
    site.database.close()
    at = datetime.now(UTC).isoformat(timespec="minutes")
    return {"found": found, "load": [before, os.getloadavg()[0]], "at": at}


def lines(what: str, engine: str, kept: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    found, busy = (
        kept["found"],
        f"load {kept['load'][0]:.0f} to {kept['load'][1]:.0f}; {kept['at']}",
    )
    if what == "annotators":
        whole = found["answers"] == found["items"] == ANNOTATORS * EACH
        return [
            (f"{engine}: {ANNOTATORS} annotators, from key to next item, p95 (p50)", "≤ 150 ms",
             f"{1000 * found['p95']:.0f} ms ({1000 * found['p50']:.0f}); {busy}", _said(found["p95"] <= 0.150)),
            (f"{engine}: answers kept, each to an item of its own", f"{ANNOTATORS * EACH}",
             f"{found['answers']} to {found['items']} items", _said(whole)),
        ]  # fmt: skip
    return [
        (f"{engine}: {SUBMISSIONS:,} submissions, {name}: p95, size, CPU of the server", "≤ 300 ms, ≤ 150 kB",
         f"{1000 * one['p95']:.0f} ms, {one['kB']:.0f} kB, {1000 * one['cpu']:.0f} ms; {busy}", _said(one["p95"] <= 0.3 and one["kB"] <= 150))
        for name, one in found.items()
    ]  # fmt: skip


def _said(reached: bool) -> str:
    return "reached" if reached else "**missed**"


def main() -> None:
    KEPT.mkdir(parents=True, exist_ok=True)
    rows: list[tuple[str, str, str, str]] = []
    for what in ("long round", "annotators"):
        for engine in ("sqlite", "postgresql"):
            path = KEPT / f"{what}-{engine}.json"
            if not path.exists() and sys.argv[1:] != ["table"]:
                path.write_text(json.dumps(run(what, engine)))
            if path.exists():
                rows += lines(what, engine, json.loads(path.read_text()))
    write(
        "web_pages", "Long rounds, and many annotators", "python -m benchmarks.web_pages",
        [("what", "target", "here", ""), *rows],
        "Server, two workers, clients and database share the two cores of this machine with all other programs"
        ": the load average beside each figure says how busy it was. A team of the long round has 400"
        " submissions, and 20 more that wait; a page shows the latest 50. Annotators answer every two seconds;"
        " meanwhile a worker brings the estimates up to date after their answers. What changes on a round's page is"
        " drawn once per second for each team.",
    )  # fmt: skip


if __name__ == "__main__":
    main()
