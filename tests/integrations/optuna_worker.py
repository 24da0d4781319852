"""One worker of a study, run as a process: optuna_worker.py KIND WHERE FOLDER."""

import os
import sys
import time
import warnings
from pathlib import Path

import optuna

from supersede.integrations.optuna import StopWhen, report_standard_error
from supersede.search.stopping import AllOf, AtLeast, OptimisticGain

NAME = "shared"


def storage_of(kind: str, where: str) -> optuna.storages.BaseStorage | str:
    if kind != "journal":
        return where
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # a killed worker may hold the lock: free it after two seconds
        lock = JournalFileOpenLock(where, grace_period=2)
        return JournalStorage(JournalFileBackend(where, lock_obj=lock))


def objective(trial: optuna.Trial) -> float:
    time.sleep(0.1)
    trial.set_user_attr("pid", os.getpid())
    report_standard_error(trial, 0.05)
    x, y = trial.suggest_float("x", -1, 1), trial.suggest_float("y", -1, 1)
    return x * x + y * y


if __name__ == "__main__":
    kind, where, folder = sys.argv[1:]
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.RandomSampler(seed=os.getpid())
    study = optuna.load_study(study_name=NAME, storage=storage_of(kind, where), sampler=sampler)
    callback = StopWhen(AllOf(AtLeast(50), OptimisticGain(times=7)), lease=5)
    (Path(folder) / callback.worker).write_text(str(os.getpid()))
    study.optimize(objective, n_trials=400, callbacks=[callback])
