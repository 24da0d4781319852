"""An experiment folder of Syne Tune: three rows per trial, and the metadata with the direction."""

import shutil
import sys
from pathlib import Path

from syne_tune import StoppingCriterion, Tuner
from syne_tune.backend import LocalBackend
from syne_tune.config_space import choice, loguniform, randint
from syne_tune.experiments import load_experiment
from syne_tune.optimizer.baselines import RandomSearch

out = Path(sys.argv[1])
here = Path(__file__).parent
space = {
    "rate": loguniform(1e-4, 1),
    "depth": randint(1, 9),
    "kind": choice(["a", "b", "c"]),
    "epochs": 3,
}
tuner = Tuner(
    trial_backend=LocalBackend(entry_point=str(here / "syne_tune_trial.py")),
    scheduler=RandomSearch(space, metrics=["val_loss"], do_minimize=True, random_seed=1),
    stop_criterion=StoppingCriterion(max_num_trials_finished=10),
    n_workers=1,
    sleep_time=0.2,
    tuner_name="tuning",
    save_tuner=False,
)
tuner.run()
folder = load_experiment(tuner.name).path
(out / "syne_tune").mkdir(parents=True)
for name in ("results.csv.zip", "metadata.json"):
    shutil.copy(Path(folder) / name, out / "syne_tune" / name)
