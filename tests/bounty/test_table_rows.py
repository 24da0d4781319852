"""A sample read from a table: what `supersede.read` reads, with classes as codes."""

import numpy as np
import pyarrow as pa
import pytest

import supersede
from supersede.bounty import Sample
from supersede.errors import (
    ArgumentError,
    ColumnTypeError,
    MissingColumnError,
    MissingPredictionError,
)

ROWS = {
    "id": ["a", "b", "c", "d"],
    "age": [30, 60, 70, 20],
    "y": ["no", "yes", None, "yes"],
    "old": ["no", "no", "yes", "yes"],
    "w": [1.0, 2.0, 3.0, 4.0],
}


def test_rows_without_a_label_are_left_out_and_classes_become_codes():
    sample = Sample.from_table(ROWS, label="y", model="old", item="id", weight="w")
    assert sample.classes == ("no", "yes")
    assert sample.labels.tolist() == [0, 1, 1]
    assert sorted(sample.columns) == ["age", "old"]
    assert sample.columns["old"].values.tolist() == [0, 0, 1]
    assert sample.weight.tolist() == [1, 2, 4]
    assert sample.take(np.array([2]), "last").classes == ("no", "yes")


@pytest.mark.parametrize(
    "form", [pa.table, lambda rows: supersede.read(rows, models=["old"], label="y")]
)
def test_a_frame_and_a_table_give_the_same_rows(form):
    found = Sample.from_table(form(ROWS), label="y", model="old", features=["age"])
    direct = Sample("any", {"age": [30, 60, 20], "old": [0, 0, 1]}, [0, 1, 1])
    assert found.fingerprint == direct.fingerprint


def test_a_file_is_read(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("age,y\n30,no\n60,yes\n")
    sample = Sample.from_table(path, label="y", name="holdout")
    assert (sample.name, len(sample), list(sample.columns)) == ("holdout", 2, ["age"])


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"features": ["sex"]}, MissingColumnError, "sex"),
        ({"features": ["y"]}, ArgumentError, "the label cannot be a feature"),
        ({"features": ["old"]}, ArgumentError, "the model cannot be a feature"),
        ({"features": ["spans"]}, ColumnTypeError, "name the columns that groups"),
    ],
)
def test_what_cannot_be_read_is_refused(given, error, said):
    rows = pa.table({**ROWS, "spans": [[1], [2], [3], [4]]})
    with pytest.raises(error, match=said):
        Sample.from_table(rows, label="y", model="old", **given)


def test_a_table_without_labels_is_refused():
    with pytest.raises(ArgumentError, match="label="):
        Sample.from_table(supersede.read({"a": [1, 0]}, models=["a"], labelled=False))


def test_a_model_must_answer_every_labelled_row():
    rows = {**ROWS, "old": ["no", None, "yes", "yes"]}
    with pytest.raises(MissingPredictionError):
        Sample.from_table(rows, label="y", model="old")
    table = supersede.read(rows, models=["old"], label="y", missing="wrong")
    with pytest.raises(MissingPredictionError, match="no class for some"):
        Sample.from_table(table, model="old")
