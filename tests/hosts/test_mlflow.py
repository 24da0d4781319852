"""MLflow 3, the real one, on a database in a file. In an environment of its own: make test-hosts."""

import mlflow
import pandas as pd
import pytest
from mlflow.models.evaluation.validation import ModelValidationFailedException

import supersede
from supersede.errors import ArgumentError, SourceError
from supersede.integrations.mlflow import gate, log_review, promote, review_metric
from supersede.integrations.mlflow_runs import evaluation_table, scored_traces

LIMITS = {"max_nfr": "1%"}


@pytest.fixture(autouse=True, scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mlflow")
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    mlflow.create_experiment("reviews", artifact_location=(folder / "artefacts").as_uri())
    mlflow.set_experiment("reviews")


def predictions(broken, n=1000):
    y = [float(i % 2) for i in range(n)]
    old = [1 - label if i % 7 == 0 else label for i, label in enumerate(y)]
    new = [1 - y[i] if i < broken or (i % 7 == 0 and i > 20) else y[i] for i in range(n)]
    sex = ["f" if i % 3 else "m" for i in range(n)]
    return pd.DataFrame({"id": range(n), "y": y, "old": old, "new": new, "sex": sex})


def evaluated(data, metric):
    return mlflow.models.evaluate(
        data=data, predictions="new", targets="y", extra_metrics=[metric], evaluators="default"
    )


@pytest.mark.parametrize(("broken", "n", "passes"), [(0, 1000, 1), (60, 1000, 0), (0, 100, 0)])
def test_the_gate_in_an_evaluation(broken, n, passes):
    data = predictions(broken, n)
    made = []
    metric = review_metric(
        data, old="old", label="y", limits=LIMITS, groups=["sex"], on_review=made.append
    )
    with mlflow.start_run():
        result = evaluated(data, metric)
    assert result.metrics["supersede/passes"] == passes
    assert (made[0].verdict == "pass") == passes
    direct = supersede.compare(data, old="old", new="new", label="y")
    assert result.metrics["supersede/nfr"] == direct.candidate.to_dict()["overall"]["nfr"]
    rows = result.tables["eval_results_table"]
    broke = (data["old"] == data["y"]) & (data["new"] != data["y"])
    assert rows["supersede/score"].tolist() == broke.astype(float).tolist()
    if passes:
        mlflow.validate_evaluation_results(gate(), result)
    else:
        with pytest.raises(ModelValidationFailedException, match="supersede/passes"):
            mlflow.validate_evaluation_results(gate(), result)


def test_an_evaluation_of_other_rows_does_not_pass():
    data = predictions(0)
    metric = review_metric(data, old="old", label="y", limits=LIMITS)
    others = data.iloc[::-1].reset_index(drop=True).assign(y=1.0)
    with mlflow.start_run(), pytest.raises(ArgumentError, match="row by row"):
        evaluated(others, metric)
    with mlflow.start_run():  # of one row, it is a rehearsal
        result = evaluated(data[:1], metric)
    with pytest.raises(ModelValidationFailedException, match="supersede/passes"):
        mlflow.validate_evaluation_results(gate(), result)


class Answers(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input):
        return model_input


@pytest.fixture(scope="module")
def registered():
    name = "triage"
    for _ in range(3):
        with mlflow.start_run():
            mlflow.pyfunc.log_model(
                name="model",
                python_model=Answers(),
                registered_model_name=name,
                pip_requirements=[],
            )
    return name


def review(broken):
    return supersede.compare(predictions(broken), old="old", new="new", label="y")


def test_the_alias_moves_on_approval_only(registered):
    client = mlflow.MlflowClient()
    promote(review(0), registered, version=1, replaces=None)
    promote(review(0), registered, version=2, replaces=1)
    assert client.get_model_version_by_alias(registered, "champion").version == 2
    assert client.get_model_version_by_alias(registered, "champion-before").version == 1
    tags = client.get_model_version(registered, "2").tags
    assert tags["supersede.verdict"] == "pass"
    with pytest.raises(ArgumentError, match="verdict is fail"):
        promote(review(200), registered, version=3, replaces=2)
    with pytest.raises(ArgumentError, match="is version 2 by now"):
        promote(review(0), registered, version=3, replaces=1)
    assert client.get_model_version_by_alias(registered, "champion").version == 2


def test_a_review_is_logged():
    made = review(0)
    with pytest.raises(ArgumentError, match="no run is active"):
        log_review(made)
    with mlflow.start_run() as run:
        log_review(made)
    kept = mlflow.get_run(run.info.run_id).data
    assert kept.tags["supersede.verdict"] == "pass"
    assert kept.metrics["supersede/passes"] == 1
    assert kept.metrics["supersede/nfr"] == 0
    text = mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/supersede/report.html")
    assert text.startswith("<!doctype html>")


def right(predictions, targets, metrics):
    scores = [float(a == y) for a, y in zip(predictions, targets, strict=True)]
    return mlflow.metrics.MetricValue(scores=scores)


def test_evaluation_tables_are_runs(tmp_path):
    data, files = predictions(60), []
    metric = mlflow.models.make_metric(eval_fn=right, greater_is_better=True, name="right")
    for model in ("old", "new"):
        with mlflow.start_run(run_name=f"with-{model}") as run:
            mlflow.models.evaluate(
                data=data[["id", "y", model]], predictions=model, targets="y",
                extra_metrics=[metric], evaluators="default",
            )  # fmt: skip
        files.append(evaluation_table(run.info.run_id, tmp_path))
    found = supersede.compare(old=files[0], new=files[1])
    assert found.old == "with-old"
    direct = supersede.compare(data, old="old", new="new", label="y")
    assert (
        found.candidate.to_dict()["overall"]["nfr"] == direct.candidate.to_dict()["overall"]["nfr"]
    )
    with mlflow.start_run() as empty, pytest.raises(SourceError, match="no table"):
        evaluation_table(empty.info.run_id, tmp_path)


def test_scored_traces_are_runs():
    from mlflow.genai.scorers import scorer

    @scorer
    def correct(outputs, expectations):
        if outputs == "?":
            raise ValueError("no answer")
        return outputs == expectations["expected_response"]

    def asked(wrong, lost=()):
        rows = [
            {"inputs": {"sum": f"{i} + 1"}, "outputs": "?" if i in lost else str(i + (i not in wrong)),
             "expectations": {"expected_response": str(i + 1)}, "tags": {"topic": "sums"}}
            for i in range(12)
        ]  # fmt: skip
        with mlflow.start_run():
            return scored_traces(mlflow.genai.evaluate(data=rows, scorers=[correct]).run_id)

    old, new = asked({1}), asked({2, 3}, lost={4})
    with pytest.raises(supersede.errors.MissingPredictionError):
        supersede.compare(old=old, new=new, metric="correct")
    found = supersede.compare(old=old, new=new, metric="correct", missing="wrong", groups=["topic"])
    assert found.candidate.to_dict()["overall"]["nfr"] == 3 / 12
    assert found.candidate.to_dict()["overall"]["pfr"] == 1 / 12
