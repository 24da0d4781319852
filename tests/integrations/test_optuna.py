import logging
import sqlite3
import time
from contextlib import closing

import numpy as np
import optuna
import pytest
from sklearn.model_selection import ShuffleSplit

from supersede.errors import ArgumentError, HistoryError
from supersede.integrations import optuna as host
from supersede.integrations.optuna import (
    StopWhen,
    decision_of,
    history_of,
    load,
    report_folds,
    resume,
)
from supersede.search.stopping import Categorical, Float, FoldDesign, NoImprovement, State

optuna.logging.set_verbosity(optuna.logging.ERROR)


def _study(**options):
    return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1), **options)


def _folds_around(trial, value):
    report_folds(trial, value + np.array([-0.1, 0.1, 0.0, 0.05, -0.05]))


def test_a_bowl_stops_and_says_why():
    study = _study()

    def objective(trial):
        value = trial.suggest_float("x", -1, 1) ** 2 + trial.suggest_float("y", -1, 1) ** 2
        _folds_around(trial, value)
        return value

    study.optimize(objective, n_trials=150, callbacks=[StopWhen()])
    decision = decision_of(study)
    assert len(study.trials) < 100
    assert "statistical error (fold scores" in decision.reason
    assert 0 <= decision.unseen < 0.5


def test_scores_kept_for_optunas_terminator_are_read():
    study = _study()
    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    study._storage.set_trial_system_attr(trial._trial_id, "terminator:cv_scores", [0.1, 0.3])
    study.tell(trial, 0.2)
    assert history_of(study).best.folds == [0.1, 0.3]


def test_a_stopped_study_stays_stopped_until_resumed():
    study = _study()
    rule = NoImprovement(5)
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=60, callbacks=[StopWhen(rule)])
    stopped = len(study.trials)
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=9, callbacks=[StopWhen(rule)])
    assert len(study.trials) == stopped + 1
    resume(study)
    assert decision_of(study) is None


def test_several_objectives_are_refused_and_the_study_lives(caplog):
    study = optuna.create_study(directions=["minimize", "minimize"])
    with caplog.at_level(logging.WARNING, logger="supersede"):
        study.optimize(lambda t: (t.suggest_float("x", 0, 1), 1.0), 3, callbacks=[StopWhen()])
    assert len(study.trials) == 3
    assert "2 objectives" in caplog.text
    with pytest.raises(HistoryError, match="2 objectives"):
        history_of(study)


def test_a_range_that_changes_covers_both():
    study = _study()
    for i in range(30):
        study.optimize(lambda t, i=i: t.suggest_float("x", 0, 1 + i % 2), n_trials=1)
    assert history_of(study).space.parameters["x"] == Float(0, 2)


def test_states_and_conditions_are_kept():
    study = _study()

    def objective(trial):
        if trial.number == 1:
            raise optuna.TrialPruned
        if trial.number == 2:
            return float("nan")
        kind = trial.suggest_categorical("kind", ["a", "b"])
        return trial.suggest_float(f"x_{kind}", 0, 1)

    study.optimize(objective, n_trials=8)
    study.ask()
    history = history_of(study)
    states = [t.state for t in history.trials]
    assert states[1] == State.PRUNED
    assert states[2] == State.FAILED
    assert states[-1] == State.PENDING
    assert history.space.parameters["kind"] == Categorical(("a", "b"))


@pytest.mark.parametrize("broken", [[1.0], [], [float("nan")] * 5, "text"])
def test_odd_fold_scores_do_not_end_the_study(broken):
    study = _study()

    def objective(trial):
        trial.set_user_attr("supersede:folds", broken)
        return trial.suggest_float("x", 0, 1)

    study.optimize(objective, n_trials=30, callbacks=[StopWhen()])
    assert len(study.trials) >= 20


def test_threads_share_one_judge():
    study = _study()
    callback = StopWhen(NoImprovement(10))

    def objective(trial):
        time.sleep(0.02)  # without work, three threads would outrun the one that judges
        return trial.suggest_float("x", 0, 1)

    study.optimize(objective, n_trials=400, n_jobs=4, callbacks=[callback])
    assert decision_of(study).stop
    assert len(study.trials) < 400


def test_another_takes_the_lead_after_silence():
    study = _study()
    study.set_user_attr(host._LEADER, {"worker": "gone", "trials": 0, "running": 1})
    callback = StopWhen(NoImprovement(3), lease=1000)
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=40, callbacks=[callback])
    assert decision_of(study).stop


def test_a_loop_of_ask_and_tell_reads_the_decision(caplog):
    study, stop = _study(), StopWhen(NoImprovement(5))
    with caplog.at_level(logging.INFO, logger="supersede"):
        for _ in range(60):
            trial = study.ask()
            decision = stop(study, study.tell(trial, trial.suggest_float("x", 0, 1)))
            if decision.stop:
                break
    assert len(study.trials) < 60
    assert decision_of(study) == decision
    assert "could not be judged" not in caplog.text


def test_the_design_of_the_folds_is_kept():
    design = FoldDesign((90.0,) * 3, (10.0,) * 3)
    study = _study()

    def objective(trial):
        report_folds(trial, [0.1, 0.2, 0.3], design if trial.number else 3)
        return trial.suggest_float("x", 0, 1)

    study.optimize(objective, 2)
    assert [t.design for t in history_of(study).trials] == [FoldDesign.of(3), design]
    with pytest.raises(ArgumentError, match="3 scores for a design of 2 splits"):
        report_folds(study.ask(), [0.1, 0.2, 0.3], 2)


def test_a_splitter_is_a_design():
    study, cv, rows = _study(), ShuffleSplit(3, test_size=0.2, random_state=0), np.zeros((50, 1))

    def objective(trial):
        report_folds(trial, [0.1, 0.2, 0.3], cv if trial.number else list(cv.split(rows)), rows)
        return trial.suggest_float("x", 0, 1)

    study.optimize(objective, 2)
    assert [t.design for t in history_of(study).trials] == [FoldDesign((40,) * 3, (10,) * 3)] * 2
    with pytest.raises(ArgumentError, match="pass X"):
        report_folds(study.ask(), [0.1, 0.2, 0.3], cv)
    with pytest.raises(ArgumentError, match="got str as a design"):
        report_folds(study.ask(), [0.1, 0.2, 0.3], "abc")


def test_other_databases_stay_as_they_are(tmp_path):
    file = tmp_path / "other.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE things (name)")
    before = file.read_bytes()
    for place in (str(file), f"sqlite:///{file}"):
        with pytest.raises(HistoryError, match="has no study"):
            load(None, place)
    assert file.read_bytes() == before


def test_a_study_that_cannot_be_read_is_a_failure_of_the_decision():
    study, stop = optuna.create_study(directions=["minimize", "minimize"]), StopWhen()
    study.optimize(lambda t: (t.suggest_float("x", 0, 1), 1.0), 2, callbacks=[stop])
    assert "2 objectives" in stop.latest.failure


def test_hyperband_with_most_trials_pruned_stops():
    pruner = optuna.pruners.HyperbandPruner(min_resource=1, max_resource=27)
    study = _study(pruner=pruner)

    def objective(trial):
        away = trial.suggest_float("x", -1, 1) ** 2 + trial.suggest_float("y", -1, 1) ** 2
        for epoch in range(27):
            trial.report(away + 1 / (epoch + 2), epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return away

    study.optimize(objective, n_trials=200, callbacks=[StopWhen()])
    pruned = sum(t.state == optuna.trial.TrialState.PRUNED for t in study.trials)
    assert pruned > 0.7 * len(study.trials)
    assert len(study.trials) < 160
    assert decision_of(study).stop
