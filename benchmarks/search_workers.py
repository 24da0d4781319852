"""Two workers on one study in PostgreSQL, undisturbed and killed ten times.

``python -m benchmarks.search_workers`` starts a private PostgreSQL and writes the table. Training is a
sleep, so this says nothing about speed: it counts what was evaluated twice or lost, and who did how
much. Every start and end of an evaluation is a line in a file that the workers append to.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks.measure import STATE, kept, write
from benchmarks.web import postgresql
from supersede.hardware import Declared
from supersede.search.architecture import RandomSearch, Reward, search, seven_blocks

EVALUATIONS, KILLS, EVERY = 100, 10, 8
SECONDS = 0.4
WORKER = """
import os, sys, time
import supersede.search.architecture.store as store
from benchmarks import search_workers as bench
store.BEAT, store.DEAD_AFTER = 1, 4
log = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND)
def slow(network, seed):
    os.write(log, f"start {sys.argv[3]} {network.fingerprint()}\\n".encode())
    time.sleep(bench.SECONDS)
    return 1e5 / network.parameters
def told(words):
    os.write(log, f"told {sys.argv[3]} -\\n".encode())
bench.searched(sys.argv[1], bench.Reward("capacity", slow), told)
"""


def searched(url: str, task: Reward, progress=None):
    """The search that all workers share."""
    target = Declared(lanes=256, clock=1e9, bandwidth=4e9, granule=16)
    space = seven_blocks(channels=(16, 64), step=16)
    return search(
        space, task, target, strategy=RandomSearch(), evaluations=EVALUATIONS, store=url,
        progress=progress,
    )  # fmt: skip


def started(url: str, log: Path, slot: str) -> subprocess.Popen:
    root = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": f"{root}/src:{root}", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-c", WORKER, url, str(log), slot], env=environment)


def lines(log: Path) -> list[list[str]]:
    return [line.split() for line in log.read_text().splitlines()]


def run(kills: int) -> dict[str, object]:
    """Search with two workers; numbers of what happened."""
    import time

    with tempfile.TemporaryDirectory() as folder, postgresql() as url:
        log = Path(folder) / "log"
        log.touch()
        workers = {slot: started(url, log, slot) for slot in ("a", "b")}
        for number in range(kills):
            slot = "ab"[number % 2]
            mine = [r for r in lines(log) if r[:2] == ["told", slot]]
            # a fresh worker has to have done something before it is killed
            while len([r for r in lines(log) if r[:2] == ["told", slot]]) < len(mine) + EVERY // 2:
                if workers[slot].poll() is not None:
                    break
                time.sleep(0.05)
            workers[slot].send_signal(signal.SIGKILL)
            workers[slot].wait()
            workers[slot] = started(url, log, slot)
        codes = [worker.wait() for worker in workers.values()]
        return counted(url, log, codes)


def counted(url: str, log: Path, codes: list[int]) -> dict[str, object]:
    """Numbers of a search that is over: from the study, and from what the workers wrote."""

    def nothing(network, seed):
        raise AssertionError("all is done")

    found = searched(url, Reward("capacity", nothing))
    shares = Counter(row[1] for row in lines(log) if row[0] == "told")
    begun = Counter(row[2] for row in lines(log) if row[0] == "start")
    return {
        "codes": codes, "trained": len(found.trained), "failed": len(found.failed),
        "different": len({e.key for e in found.trained}),
        "again": sum(n - 1 for n in begun.values()), "shares": [shares["a"], shares["b"]],
    }  # fmt: skip


def main() -> None:
    rows: list[tuple[str, ...]] = [(
        "kills", "workers ended well", "trained", "different networks", "failed", "begun again",
        "told by each slot", "apart",
    )]  # fmt: skip
    done = STATE / "search_workers.json"
    counts = [0, KILLS]
    if "table" in sys.argv:  # what has been run, with however many kills
        counts = sorted(map(int, json.loads(done.read_text())))
    for kills in counts:
        found = kept("search_workers", str(kills), lambda kills=kills: run(kills))
        a, b = found["shares"]
        rows.append((
            str(kills), "both" if found["codes"] == [0, 0] else str(found["codes"]),
            f"{found['trained']} of {EVALUATIONS}", str(found["different"]), str(found["failed"]),
            str(found["again"]), f"{a} and {b}", f"{abs(a - b) / ((a + b) / 2):.0%}",
        ))  # fmt: skip
    write(
        "search_workers",
        "Two workers on one study",
        "python -m benchmarks.search_workers",
        rows,
        f"PostgreSQL on this machine, random search, a training of {SECONDS} s that only sleeps. Workers are"
        " killed with SIGKILL in turn, each after it has told a few results, and replaced at once."
        " Begun again are trainings that a killed worker had begun: at most one for each kill. Nothing is"
        " lost if all are trained and different. A slot is a worker and those that replace it; the"
        " goal is shares within 20 % of each other. The full size is ten kills; a row with fewer is of a"
        " run that was cut short after that number, whose last workers then finished.",
    )


if __name__ == "__main__":
    main()
