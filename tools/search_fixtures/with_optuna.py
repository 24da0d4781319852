"""Two studies in one SQLite file, one of them as a table too."""

import sys
from pathlib import Path

import optuna
from objective import loss

out = Path(sys.argv[1])
optuna.logging.set_verbosity(optuna.logging.ERROR)


def objective(trial: optuna.Trial) -> float:
    rate = trial.suggest_float("rate", 1e-4, 1, log=True)
    depth, kind = (
        trial.suggest_int("depth", 1, 9),
        trial.suggest_categorical("kind", ["a", "b", "c"]),
    )
    for epoch in range(3):
        trial.report(loss(rate, depth, kind, epoch), epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    trial.set_user_attr("note", f"run {trial.number}")
    return loss(rate, depth, kind)


for name in ("tuning", "other"):
    study = optuna.create_study(
        study_name=name,
        storage=f"sqlite:///{out}/study.db",
        sampler=optuna.samplers.RandomSampler(seed=1),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=8),
    )
    study.optimize(objective, 24 if name == "tuning" else 3)
    if name == "tuning":
        study.trials_dataframe().to_csv(out / "optuna_trials.csv")
