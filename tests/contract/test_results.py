"""Every result that ends a job keeps one protocol: records, a page, files by their ending.

A result is found by what the reference says is public: a dataclass that a public function returns.
A new one has to be a `Result`, with an example in `results.py`, or be listed here as a value.
"""

import importlib
import inspect
import json
import re
import sys
from dataclasses import is_dataclass
from functools import cache
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import csv, parquet
from tests.contract.results import MADE, SCRIPT

from supersede.errors import ArgumentError, ReportError
from supersede.look.json_values import json_values
from supersede.look.result import Result, ResultMixin

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"

VALUES = {
    # what other functions take: data, models, plans of something else
    "lastmile.audio.clip.Clip", "lastmile.audio.site.SiteReport",
    "lastmile.loop.evaluation.Evaluation",
    "audit.speech.edits.EditCounts", "audit.speech.normalisers.Normaliser",
    "audit.speech.transcripts.Transcripts",
    "audit.groups.Group", "table.table.Table", "evaluate.estimands.Estimand", "evaluate.labels.Labels",
    "bounty.artefacts.columns.Column", "bounty.artefacts.expression.Expression",
    "bounty.artefacts.models.Tree", "bounty.artefacts.models.Linear",
    "bounty.artefacts.sandbox.Isolation", "bounty.decision_list.DecisionList",
    "bounty.certificate.Certificate", "bounty.hunters.hunters.Proposal",
    "embeddings.bridges.maps.ClusterMap", "embeddings.bridges.maps.LinearMap",
    "embeddings.bridges.maps.ResidualMap", "embeddings.bridges.path.Path",
    "embeddings.migration.serving.ScoreCalibration", "embeddings.reading.VectorSet",
    "embeddings.training.own_room.OwnRoom",
    "hardware.description.layer.Layer", "hardware.description.network.Network", "hardware.description.quantised.QuantisedNetwork",
    "hardware.description.trained.TrainedNetwork", "hardware.targets.declared.Declared",
    "search.architecture.bench.accuracies.Accuracies", "search.architecture.bench.cells.Cell",
    "search.architecture.after.export.Exported", "search.architecture.after.pruning.Pruned",
    "search.architecture.candidates.Candidate", "search.architecture.candidates.Score",
    "search.architecture.candidates.Evaluated", "search.architecture.strategies.combined.Pool",
    "search.architecture.supernet.training.Supernet",
    "search.architecture.supernet.converge.Converged",
    "search.architecture.supernet.agreement.Agreement",
    "search.architecture.space.Choice", "search.architecture.space.Space",
    "search.architecture.tasks.training.Trained", "search.architecture.zero_shot.scores.ZeroShotScores",
    "search.stopping.cube.Cube", "search.stopping.gaussian_process.Hyper",
    "search.stopping.gaussian_process.Posterior", "search.stopping.history.History",
    "search.stopping.surrogate.Surrogate", "search.recorded.log.Log", "evaluate.following.Look", "table.runs.attempt.Log",
    "train.flips.old_models.OldModel", "train.flips.old_outputs.OldOutputs",
    "train.flips.prediction_updates.ClassEvidence",
    # parts of a result
    "hardware.targets.measurement.Measurement",
    "embeddings.report.dependants.Dependant", "embeddings.report.paired.PairedEstimate",
    "embeddings.report.searches.Searches", "embeddings.report.verification.Verification",
    "embeddings.training.heterogeneous.CrossReward", "metrics.calibration.Calibration",
    "metrics.classification.Confusion", "train.flips.front.Point", "train.linear.penalty.Penalty",
    "train.linear.balance.Balance", "train.linear.balance.Balanced", "train.linear.kernels.Kernels",
}  # fmt: skip


@cache
def public_names():
    """The names that the reference lists, with what they stand for."""
    named = [
        name
        for page in sorted(REFERENCE.glob("*.md"))
        for name in re.findall(r"^  - (supersede\.[\w.]+)$", page.read_text(), re.MULTILINE)
    ]
    assert len(named) > 50
    rooms = [
        name for name in named if not name.startswith(("supersede.integrations.", "supersede.web"))
    ]
    modules = [importlib.import_module(name) for name in rooms]
    return [(name, getattr(module, name)) for module in modules for name in module.__all__]


@cache
def public():
    """The objects that the reference lists."""
    return [found for _, found in public_names()]


def returned(function):
    """Names of the classes that a function's annotation says it returns."""
    found = inspect.signature(function).return_annotation
    if found is inspect.Signature.empty:
        return []
    text = found if isinstance(found, str) else getattr(found, "__name__", str(found))
    return [] if "[" in text else re.findall(r"\w+", text)


def results():
    """Full names of the public dataclasses that a public function returns."""
    classes = {o.__name__: o for o in public() if inspect.isclass(o) and is_dataclass(o)}
    found = set()
    for function in filter(inspect.isfunction, public()):
        home = vars(sys.modules[function.__module__])
        for name in returned(function):
            made = home.get(name, classes.get(name))
            if inspect.isclass(made) and is_dataclass(made):
                found.add(f"{made.__module__}.{made.__qualname__}")
    found |= {
        f"{c.__module__}.{c.__qualname__}"
        for c in public()
        if inspect.isclass(c) and issubclass(c, ResultMixin)
    }
    return found


def test_every_public_result_is_known():
    values = {f"supersede.{name}" for name in VALUES}
    unknown = results() - set(MADE) - values
    assert not unknown, (
        f"make each a Result with an example in results.py, or name it a value: {unknown}"
    )
    assert not values & set(MADE)


@cache
def made(name):
    return MADE[name]()


@pytest.mark.parametrize("name", sorted(MADE))
def test_a_result_is_recorded_shown_and_saved(name, tmp_path):
    result = made(name)
    assert f"{type(result).__module__}.{type(result).__qualname__}" == name
    assert isinstance(result, Result)
    record = result.to_dict()
    assert record == json_values(record)  # plain JSON values already
    assert json.loads(result.to_json()) == record
    frame = result.to_frame()
    assert isinstance(frame, pa.Table)
    assert frame.num_columns
    page = result.to_html()
    assert page.startswith("<!doctype html>")
    assert SCRIPT not in page
    assert re.search(r"<title>[^<]+</title>", page)
    assert SCRIPT not in result._repr_html_()
    summary = str(result)
    assert summary
    assert not summary.startswith(f"{type(result).__name__}(")
    assert len(summary.splitlines()) <= 40
    assert {".html", ".json", ".csv", ".parquet"} <= set(result.endings())
    for ending in result.endings():
        path = result.save(tmp_path / f"result{ending}")
        assert path.stat().st_size
        assert type(result).check_path(path) == path
        match ending:
            case ".html":
                assert path.read_text(encoding="utf-8") == page
            case ".json":
                assert json.loads(path.read_text(encoding="utf-8")) == record
            case ".csv":
                assert len(csv.read_csv(path)) == len(frame) or "evaluate.design" in name
            case ".parquet":
                assert parquet.read_table(path).num_rows == len(frame)


@pytest.mark.parametrize("name", sorted(MADE))
def test_a_path_that_cannot_be_written_is_refused_before_the_work(name, tmp_path):
    kind = type(made(name))
    for path in (tmp_path / "result.pdf", tmp_path / "result"):
        with pytest.raises(ArgumentError, match=r"its name must end in \.html"):
            kind.check_path(path)
        with pytest.raises(ArgumentError, match=r"its name must end in \.html"):
            made(name).save(path)
    (tmp_path / "file").touch()
    (tmp_path / "folder.html").mkdir()
    for path in (tmp_path / "file" / "result.html", tmp_path / "folder.html"):
        with pytest.raises(ReportError, match="cannot write"):
            kind.check_path(path)
