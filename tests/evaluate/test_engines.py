"""The same plan, item for item, wherever the table lies."""

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

import supersede
from supersede.evaluate import accuracy, plan, precision
from tests.evaluate.cases import ensemble

CASE = ensemble(items=2500)
ASKED = [
    precision("m0"),
    accuracy("m1") - accuracy("m0"),
    precision("m2").within(sex="f"),
]
READ = {"item": "item", "models": CASE.models, "labelled": False}


def frame() -> pd.DataFrame:
    return pd.DataFrame(CASE.columns)


@pytest.fixture(scope="module")
def expected():
    return {m: plan(CASE.table(), ASKED, method=m, seed=7) for m in ("allocated", "coordinated")}


def same(source, expected):
    table = supersede.read(source, **READ)
    for method, want in expected.items():
        made = plan(table, ASKED, method=method, seed=7)
        assert made.items.drop_columns("item").equals(want.items.drop_columns("item"))
        assert made.items["item"].to_pylist() == want.items["item"].to_pylist()
        assert made.design == want.design


def test_frames_and_files(tmp_path, expected):
    parquet.write_table(pa.Table.from_pandas(frame()), tmp_path / "t.parquet")
    frame().to_csv(tmp_path / "t.csv", index=False)
    same(tmp_path / "t.parquet", expected)
    same(tmp_path / "t.csv", expected)
    same(frame().sample(frac=1, random_state=1), expected)
    same(pl.from_pandas(frame()), expected)


def test_postgresql(postgres, expected):
    import ibis

    backend = ibis.connect(postgres)
    columns = ibis.memtable(pa.Table.from_pandas(frame(), preserve_index=False))
    backend.create_table("predictions", columns)
    try:
        same(backend.table("predictions"), expected)
    finally:
        backend.disconnect()


def test_spark(tmp_path, expected):
    """In an environment of its own, since PySpark wants an older pandas: make test-hosts."""
    pytest.importorskip("pyspark")
    import ibis
    from pyspark.sql import SparkSession

    local = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    for key, value in {**local, "spark.sql.warehouse.dir": str(tmp_path / "warehouse")}.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    try:
        session.createDataFrame(frame()).createOrReplaceTempView("predictions")
        same(ibis.pyspark.connect(session).table("predictions"), expected)
    finally:
        session.stop()
