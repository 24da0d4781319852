"""Against the real package, where it is installed (its pins want an environment of their own)."""

import pytest

from supersede.integrations.syne_tune import StopTuning, history_of, space_of
from supersede.search.stopping import FixedError, Float, Int

space = pytest.importorskip("syne_tune.config_space")
trial_status = pytest.importorskip("syne_tune.backend.trial_status")
tuning_status = pytest.importorskip("syne_tune.tuning_status")

CONFIG = {
    "x": space.uniform(-1, 1),
    "rate": space.loguniform(1e-3, 1),
    "depth": space.randint(1, 5),
    "kind": space.choice(["a", "b"]),
    "epochs": 10,
}


def _status(count: int):
    status = tuning_status.TuningStatus(metric_names=["loss"])
    for i in range(count):
        x = ((i * 7919) % 101) / 50 - 1
        config = {"x": x, "rate": 0.01 * (1 + i % 9), "depth": 1 + i % 5, "kind": "ab"[i % 2]}
        trial = trial_status.Trial(trial_id=i, config={**config, "epochs": 10}, creation_time=None)
        state = trial_status.Status.completed if i < count - 1 else trial_status.Status.in_progress
        status.update({i: (trial, state)}, [(i, {"loss": x * x, "st_worker_time": 2.0})])
    return status


def test_the_space_is_read():
    found = space_of(CONFIG).parameters
    assert found["x"] == Float(-1, 1)
    assert found["rate"].log
    assert found["depth"] == Int(1, 5)
    assert "epochs" not in found


def test_running_trials_are_pending():
    history = history_of(_status(5), CONFIG, "loss")
    assert len(history.finished) == 4
    assert len(history.pending) == 1
    assert history.seconds == 8


def test_a_tuner_stops():
    stop = StopTuning(CONFIG, "loss", error=FixedError(0.05))
    assert not stop(_status(10))
    assert stop(_status(120))
    assert "left to gain" in stop.latest.reason
