"""Where tables lie: PostgreSQL, and Spark with two workers."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa


@contextmanager
def in_postgresql(connection: Any, rows: pa.Table) -> Iterator[Any]:
    """The rows as a table of PostgreSQL."""
    import ibis

    connection.create_table("predictions", ibis.memtable(rows), overwrite=True)
    try:
        yield connection.table("predictions")
    finally:
        connection.drop_table("predictions")


@contextmanager
def spark_session() -> Iterator[Any]:
    """A session with two workers on this machine."""
    from pyspark.sql import SparkSession

    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1",
            "spark.ui.enabled": "false", "spark.sql.warehouse.dir": str(Path(folder) / "warehouse"),
            "spark.sql.shuffle.partitions": "2", "spark.sql.session.timeZone": "UTC",
        }  # fmt: skip
        builder = SparkSession.builder.master("local[2]")
        for key, value in settings.items():
            builder = builder.config(key, value)
        session = builder.getOrCreate()
        try:
            yield session
        finally:
            session.stop()


def in_spark(session: Any, rows: pa.Table) -> Any:
    """The rows as a view of Spark."""
    import ibis

    session.createDataFrame(rows).createOrReplaceTempView("predictions")
    return ibis.pyspark.connect(session).table("predictions")
