"""Reading: every source, every rule for finding columns, every refusal with its mend."""

import warnings

import ibis
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import supersede
from supersede import errors
from supersede.table import Judge, Losses, Runs, Scores, Within
from supersede.table.source import collect

ROWS = {"id": [1, 2, 3, 4], "y": [0, 1, 1, 0], "a": [0, 1, 0, 0], "b": [0, 0, 1, 1]}


def right(table, model):
    values = table.rows.mutate(r=table.right(model)).order_by(table.item).select("r")
    return collect(values)["r"].to_pylist()


def sources(folder):
    frame = pd.DataFrame(ROWS)
    frame.to_csv(folder / "rows.csv", index=False)
    frame.to_csv(folder / "rows.tsv", index=False, sep="\t")
    frame.to_csv(folder / "rows.csv.gz", index=False)
    frame.to_json(folder / "rows.jsonl", orient="records", lines=True)
    frame.to_parquet(folder / "rows.parquet")
    (folder / "parts").mkdir()
    frame[:2].to_parquet(folder / "parts" / "1.parquet")
    frame[2:].to_parquet(folder / "parts" / "2.parquet")
    yield from (folder / name for name in ("rows.csv", "rows.tsv", "rows.csv.gz", "rows.jsonl"))
    yield str(folder / "rows.parquet")
    yield str(folder / "parts" / "*.parquet")
    yield [folder / "parts" / "1.parquet", folder / "parts" / "2.parquet"]
    yield from (frame, pl.DataFrame(ROWS), pl.LazyFrame(ROWS), pa.table(ROWS), ROWS)
    yield ibis.memtable(pa.table(ROWS))
    yield ibis.duckdb.connect().create_table("rows", pa.table(ROWS))


def test_every_source_reads_alike(tmp_path):
    for source in sources(tmp_path):
        table = supersede.read(source, models=["a", "b"])
        assert (table.size, table.item, table.label) == (4, "id", "y"), source
        assert right(table, "a") == [1, 1, 0, 1], source
        assert right(table, "b") == [1, 0, 1, 0], source


def test_an_ibis_table_stays_on_its_backend(tmp_path):
    connection = ibis.sqlite.connect(tmp_path / "rows.db")
    rows = connection.create_table("rows", pa.table(ROWS))
    table = supersede.read(rows, models=["a", "b"])
    assert table.rows.get_backend().name == "sqlite"
    assert right(table, "b") == [1, 0, 1, 0]
    assert supersede.compare(table, old="a", new="b").candidate.evidence.whole.n.tolist() == [4]


def test_the_fingerprint_ignores_order_and_sees_changes():
    table = supersede.read(ROWS, models=["a", "b"])
    turned = {name: values[::-1] for name, values in ROWS.items()}
    assert supersede.read(turned, models=["a", "b"]).fingerprint == table.fingerprint
    changed = {**ROWS, "b": [0, 0, 1, 0]}
    assert supersede.read(changed, models=["a", "b"]).fingerprint != table.fingerprint


def test_models_and_scores_are_found_by_name():
    rows = {
        "item": [1, 2],
        "label": [0, 1],
        "old_prediction": [0, 1],
        "old_probability": [0.2, 0.7],
    }
    table = supersede.read(rows)
    assert table.models["old_prediction"].score == "old_probability"
    assert "item 'item', label 'label'" in table.reading
    with pytest.raises(errors.MissingColumnError, match="models="):
        supersede.read({"y": [1], "a": [1]})


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0, 1, 1, 0], "classes"),
        ([0.0, 1.0, 1.0, 0.0], "classes"),
        ([0.1, 0.9, 0.4, 0.2], "scores"),
    ],
)
def test_a_column_alone_says_what_it_is(values, kind):
    table = supersede.read({**ROWS, "m": values}, models=["m"])
    assert f"'m' ({kind}" in table.reading
    assert right(table, "m")[:2] == [1, 1]


def test_text_classes_and_booleans():
    rows = {"id": [1, 2], "y": ["cat", "hund"], "m": ["cat", "größe"], "n": ["cat", "hund"]}
    assert right(supersede.read(rows, models=["m", "n"]), "m") == [1, 0]
    rows = {"id": [1, 2], "y": [True, False], "m": [True, True]}
    assert right(supersede.read(rows, models=["m"]), "m") == [1, 0]


def test_graded_outcomes():
    rows = {
        "id": [1, 2, 3], "y": [10.0, 20.0, 30.0], "guess": [11.0, 26.0, 30.0],
        "loss": [0.0, 3.0, 9.0], "judge": [1.0, 0.5, 0.0], "ok": [3, 0, 5], "runs": [4, 5, 5],
    }  # fmt: skip
    models = {
        "regression": Within("guess", 5), "errors": Losses("loss", 3), "judged": Judge("judge", 0.5),
        "llm": Runs("ok", "runs"),
    }  # fmt: skip
    table = supersede.read(rows, models=models)
    assert right(table, "regression") == [1, 0, 1]
    assert right(table, "errors") == [1, 1, 0]
    assert right(table, "judged") == [1, 1, 0]
    assert right(table, "llm") == [0.75, 0, 1]
    bare = supersede.read({"id": [1, 2], "a": [True, False]}, models=["a"])
    assert "'a' (grades, 1 right and 0 wrong)" in bare.reading


def test_a_threshold_can_be_given():
    table = supersede.read({**ROWS, "s": [0.2, 0.4, 0.3, 0.1]}, models={"s": Scores("s", 0.3)})
    assert right(table, "s") == [1, 1, 1, 1]


def test_missing_predictions_are_refused_dropped_or_wrong():
    rows = {**ROWS, "c": [0.1, np.nan, 0.9, None]}
    with pytest.raises(errors.MissingPredictionError, match=r"2 of 4 items.*\(items 2, 4, …\)"):
        supersede.read(rows, models=["c"])
    assert supersede.read(rows, models=["c"], missing="drop").size == 2
    assert right(supersede.read(rows, models=["c"], missing="wrong"), "c") == [1, 0, 1, 0]
    with pytest.raises(errors.MissingPredictionError, match="no prediction at all"):
        supersede.read({**ROWS, "c": [None] * 4}, models={"c": Scores("c")}, missing="wrong")


def refusals(folder):
    (folder / "truncated.parquet").write_bytes(b"PAR1 and no more")
    (folder / "empty.csv").write_text("id,y,a\n")
    (folder / "broken.jsonl").write_text('{"y": 1, "a": 1}\n{"y": 1, "a":')
    (folder / "model.pkl").write_text("x")
    yield folder / "nowhere.csv", {}, errors.SourceError, "no file matches"
    yield folder, {}, errors.SourceError, "it is a folder"
    yield folder / "truncated.parquet", {}, errors.SourceError, "is the file complete"
    yield folder / "broken.jsonl", {}, errors.SourceError, "broken.jsonl"
    yield folder / "model.pkl", {}, errors.SourceError, "cannot tell the format"
    yield [folder / "empty.csv", folder / "broken.jsonl"], {}, errors.SourceError, "one format"
    yield folder / "empty.csv", {}, errors.EmptyTableError, "has no rows"
    yield 7, {}, errors.SourceError, "cannot read predictions from a int"
    yield {**ROWS, "y": [None] * 4}, {}, errors.TableError, "label"
    yield ROWS, {"label": "Y"}, errors.MissingColumnError, "did you mean 'y'"
    yield ROWS, {"weight": "w"}, errors.MissingColumnError, "the weight"
    yield ROWS, {"groups": ["sex"]}, errors.MissingColumnError, "a group"
    yield {**ROWS, "id": [1, 1, 2, 2]}, {}, errors.ItemError, r"1 \(2 times\), 2 \(2 times\)"
    yield {**ROWS, "id": [1, None, 2, 3]}, {}, errors.ItemError, "1 of 4 rows have no id"
    yield {**ROWS, "a": ["0", "1", "0", "0"]}, {}, errors.ColumnTypeError, "cast one of them"
    yield (
        {**ROWS, "a": [0.5, 7.5, 0, 1]} | {"y": [0, 1, 2, 0]},
        {},
        errors.ColumnTypeError,
        "Within",
    )
    yield {"a": [0.5, 3.0]}, {}, errors.ColumnTypeError, "Say what they are"
    yield {"a": ["x", "y"]}, {}, errors.MissingColumnError, "graded against a label"
    yield {**ROWS, "w": [1, -1, 1, 1]}, {"weight": "w"}, errors.TableError, "negative weight"
    yield (
        {**ROWS, "c": [1, None, 1, 1]},
        {"cost": "c"},
        errors.TableError,
        "missing or negative cost",
    )
    yield pd.DataFrame({"y": [1, 0], "a": [1, "0"]}), {}, errors.ColumnTypeError, "mixes types"
    yield ROWS, {"missing": "skip"}, errors.ArgumentError, "'refuse', 'wrong' or 'drop'"


def test_bad_input_is_refused_with_its_mend(tmp_path):
    for source, arguments, error, words in refusals(tmp_path):
        with pytest.raises(error, match=words):
            supersede.read(source, models=["a"], **arguments)


def test_classes_need_a_label():
    with pytest.raises(errors.MissingColumnError, match="graded against a label"):
        supersede.read({"a": [1, 2]}, models={"a": supersede.table.Classes("a")})


def test_a_list_of_records_is_a_table():
    rows = [dict(zip(ROWS, values, strict=True)) for values in zip(*ROWS.values(), strict=True)]
    assert right(supersede.read(rows, models=["a", "b"]), "b") == [1, 0, 1, 0]


def test_users_who_turn_warnings_into_errors_can_review():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for source in (ROWS, pd.DataFrame(ROWS), pl.DataFrame(ROWS)):
            assert supersede.compare(source, old="a", new="b").verdict == "undecided"


@pytest.mark.parametrize(
    ("ids", "twice"),
    [
        (np.arange(600_000) - 300_000, None),
        (np.arange(600_000) * 20, None),
        (np.r_[np.arange(599_999), 7], 7),
        (np.r_[np.arange(599_999) * 3, 0], 0),
        ((np.arange(600_000) + 2**62).astype(np.uint64), None),
    ],
)
def test_ids_of_many_items_are_compared_one_by_one(ids, twice):
    rows = pa.table({"item": ids, "a": np.arange(600_000) % 2})
    if twice is None:
        assert supersede.read(rows, models=["a"], item="item", labelled=False).size == 600_000
        return
    with pytest.raises(
        errors.ItemError, match=rf"1 of 600,000 rows repeat .*: {twice} \(2 times\)"
    ):
        supersede.read(rows, models=["a"], item="item", labelled=False)


@pytest.mark.parametrize(
    ("late", "kinds"),
    [
        ("5", ("int64", "int64", "int64")),
        ("007", ("int64", "string", "string")),  # the label is compared with it
        ("1e3", ("int64", "string", "string")),
        ("cat", ("int64", "string", "string")),
        ("", ("int64", "int64", "int64")),
        ("NA", ("int64", "int64", "int64")),
        ("-0", ("int64", "string", "string")),
    ],
)
def test_a_word_beyond_the_sample_decides_too(tmp_path, late, kinds):
    lines = [
        f"{i},{i % 3},{i % 2}" for i in range(30_000)
    ]  # more rows than the engine looks at first
    path = tmp_path / "late.csv"
    path.write_text("\n".join(["id,y,m", *lines, f"30000,1,{late}", ""]), encoding="utf-8")
    table = supersede.read(path, models=["m"], label="y", item="id", missing="drop")
    rows = table.rows
    assert tuple(str(rows[name].type()) for name in ("id", "y", "m")) == kinds
    if late == "007":
        assert rows.filter(rows.id == 30_000).m.to_pyarrow().to_pylist() == ["007"]
