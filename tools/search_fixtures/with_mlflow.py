"""Runs of MLflow as ``search_runs`` lists them, newest first: children of one parent run."""

import sys
from pathlib import Path

import mlflow
from objective import configuration, loss

out, work = Path(sys.argv[1]), Path(sys.argv[2])
mlflow.set_tracking_uri(f"sqlite:///{work}/mlflow.db")
mlflow.set_experiment("tuning")
with mlflow.start_run(run_name="search"):
    for number in range(24):
        with mlflow.start_run(run_name=f"trial-{number}", nested=True):
            mlflow.log_params(configuration(number))
            for epoch in range(3):
                mlflow.log_metric(
                    "val_loss", loss(**configuration(number), epoch=epoch), step=epoch
                )
            mlflow.log_metric("train_loss", loss(**configuration(number)) / 2)
            if number == 7:
                mlflow.end_run("FAILED")
mlflow.search_runs(experiment_names=["tuning"]).to_csv(out / "mlflow_runs.csv", index=False)
