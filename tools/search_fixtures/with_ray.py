"""A grid of results of Ray Tune, one row per trial, and its experiment folder."""

import shutil
import sys
from pathlib import Path

from objective import configuration, loss
from ray import tune

out, work = Path(sys.argv[1]), Path(sys.argv[2])


def train(config: dict) -> None:
    for epoch in range(3):
        tune.report({"val_loss": loss(**config, epoch=epoch), "train_loss": 1.0 / (1 + epoch)})


points = [configuration(number) for number in range(12)]
space = {
    "rate": tune.loguniform(1e-4, 1),
    "depth": tune.randint(1, 10),
    "kind": tune.choice(list("abc")),
}
from ray.tune.search.basic_variant import BasicVariantGenerator  # noqa: E402

tuner = tune.Tuner(
    train,
    param_space=space,
    tune_config=tune.TuneConfig(
        metric="val_loss",
        mode="min",
        num_samples=12,
        max_concurrent_trials=1,
        search_alg=BasicVariantGenerator(points_to_evaluate=points),
    ),
    run_config=tune.RunConfig(name="tuning", storage_path=str(work), verbose=0),
)
results = tuner.fit()
results.get_dataframe().to_csv(out / "ray_results.csv", index=False)
for number, folder in enumerate(
    sorted(p.parent for p in (work / "tuning").glob("*/result.json"))[:4]
):
    kept = out / "ray_experiment" / f"trial_{number}"
    kept.mkdir(parents=True)
    for name in ("result.json", "params.json", "progress.csv"):
        shutil.copy(folder / name, kept / name)
