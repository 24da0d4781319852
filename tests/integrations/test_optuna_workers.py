"""Several processes on one study; the leader is killed."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import datetime
from pathlib import Path

import optuna
import pytest

from supersede.integrations.optuna import decision_of

from .optuna_worker import NAME, storage_of

WORKERS = {"journal": 8, "sqlite": 3, "postgresql": 8}


@pytest.mark.parametrize("kind", WORKERS)
def test_all_workers_stop_though_the_leader_is_killed(kind, tmp_path, request):
    where = {
        "journal": lambda: str(tmp_path / "journal.log"),
        "sqlite": lambda: f"sqlite:///{tmp_path}/study.db",
        "postgresql": lambda: request.getfixturevalue("postgres").replace("://", "+psycopg://"),
    }[kind]()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(study_name=NAME, storage=storage_of(kind, where))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    script = Path(__file__).with_name("optuna_worker.py")
    workers = [
        subprocess.Popen(
            [sys.executable, str(script), kind, where, str(tmp_path)],
            env=environment,
        )
        for _ in range(WORKERS[kind])
    ]
    try:
        killed = _kill_leader(study, tmp_path, workers)
        decided = _wait_for_decision(study, workers)
        for worker in workers:
            worker.wait()
        decision, trials = decision_of(study), study.get_trials()
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
        _close(study)
    assert [w.returncode for w in workers if w.pid != killed] == [0] * (WORKERS[kind] - 1)
    assert decision.stop
    assert decision.trials >= 50
    late = Counter(t.user_attrs.get("pid") for t in trials if t.datetime_start > decided)
    assert max(late.values(), default=0) <= 1, late


def _close(study: optuna.Study) -> None:
    backend = getattr(study._storage, "_backend", None)
    if isinstance(backend, optuna.storages.RDBStorage):
        backend.remove_session()
        backend.engine.dispose()


def _running(workers: list[subprocess.Popen]) -> bool:
    """Workers end by themselves after a number of trials, so no clock is needed to end a wait."""
    return any(worker.poll() is None for worker in workers)


def _kill_leader(study: optuna.Study, folder: Path, workers: list[subprocess.Popen]) -> int:
    """End the leader the hard way as soon as it has judged 10 trials; its process."""
    while _running(workers):
        beat = study.user_attrs.get("supersede:leader")
        if beat and beat["trials"] >= 10:
            pid = int((folder / beat["worker"]).read_text())
            os.kill(pid, signal.SIGKILL)
            return pid
        time.sleep(0.05)
    pytest.fail("no worker took the lead")


def _wait_for_decision(study: optuna.Study, workers: list[subprocess.Popen]) -> datetime:
    while _running(workers):
        if decision_of(study) is not None:
            return datetime.now()
        time.sleep(0.02)
    if decision_of(study) is not None:  # published by the last trial
        return datetime.now()
    pytest.fail("no decision was published")
