"""Several workers on one PostgreSQL study: nothing twice, nothing lost, a fair share each."""

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from tests.search.architecture.test_search import SPACE, TARGET, Reward

from supersede.search.architecture import RandomSearch, search
from supersede.search.architecture import store as store_module

EVALUATIONS = 40
WORKER = """
import sys, time
import supersede.search.architecture.store as store
store.BEAT, store.DEAD_AFTER = 1, 3
from tests.search.architecture.test_search import SPACE, TARGET, Reward, search
from supersede.search.architecture import RandomSearch
slow = Reward("capacity", lambda net, seed: (time.sleep(0.3), 1e5 / net.parameters)[1])
search(SPACE, slow, TARGET, strategy=RandomSearch(), evaluations=40, store=sys.argv[1],
       progress=lambda words: print(words, flush=True))
"""


@pytest.fixture
def url(postgres):
    return postgres


def started(url, folder):
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": f"{root}/src:{root}"}
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, url],
        stdout=subprocess.PIPE, env=environment, text=True, cwd=folder,
    )  # fmt: skip


def test_two_workers_train_nothing_twice_and_a_killed_one_loses_nothing(url, tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "BEAT", 1)
    monkeypatch.setattr(store_module, "DEAD_AFTER", 3)
    workers = [started(url, tmp_path) for _ in range(2)]
    seen = [0]
    for _ in range(2):  # each is killed once it has done some work, and replaced
        for _ in range(4):
            assert workers[0].stdout.readline()
            seen[0] += 1
        workers[0].send_signal(signal.SIGKILL)
        workers[0].wait()
        workers[0].stdout.close()
        workers = [workers[1], started(url, tmp_path)]
    for worker in workers:
        worker.communicate(timeout=600)
        assert worker.returncode == 0
    task = Reward("capacity", lambda net, seed: pytest.fail("all is done"))
    found = search(SPACE, task, TARGET, strategy=RandomSearch(), evaluations=EVALUATIONS, store=url)
    assert len(found.trained) == EVALUATIONS
    assert len({e.key for e in found.trained}) == EVALUATIONS
    assert seen[0] <= len(found.trained)
    shares = Counter(e.worker for e in found.trained)
    assert len(shares) == 4


OPENER = """
import sys
from supersede.search.architecture.store import open_store
from tests.search.architecture.test_search import SPACE
print("ready", flush=True)
sys.stdin.readline()
with open_store(sys.argv[1], 2):
    pass
"""


def test_workers_that_open_an_empty_database_at_the_same_moment_do_not_collide(url, tmp_path):
    root = Path(__file__).parents[3]
    openers = [
        subprocess.Popen(
            [sys.executable, "-c", OPENER, url],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": f"{root}/src:{root}"}, cwd=tmp_path,
        )
        for _ in range(4)
    ]  # fmt: skip
    for opener in openers:
        assert opener.stdout.readline() == "ready\n"
    for opener in openers:
        opener.stdin.write("go\n")
        opener.stdin.flush()
    said = [opener.communicate()[1] for opener in openers]
    assert [opener.returncode for opener in openers] == [0] * 4, said
