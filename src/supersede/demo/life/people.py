"""Census records as the files of one model's life: the past, last year, today, and sealed labels.

The model in service has answered for everybody. The labels of the past and of last year are known;
those of today are kept apart, and `reveal` returns one only if its item is named.
"""

from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from supersede.demo.employment import FEATURES, RACE, SEX, features, named

__all__ = ["FEATURES", "features", "prepare", "reveal", "with_column"]

_SEALED = "sealed.parquet"
_BANDS = np.array(["under 25", "25 to 44", "45 to 64", "65 and older"])
_STARTS = (25, 45, 65)


def prepare(folder: Path, *, every: int = 1) -> None:
    """Write ``past.parquet``, ``last-year.parquet``, ``today.parquet`` and the sealed labels.

    Args:
        folder: Where they are written.
        every: Keep one person in this many; 1 keeps everybody.
    """
    past, today = _people("acs_employment.parquet", every)
    (last,) = _people("acs_employment_2017.parquet", every)
    unknown = pa.nulls(len(today), today["employed"].type)
    pq.write_table(past, folder / "past.parquet")
    pq.write_table(last, folder / "last-year.parquet")
    pq.write_table(with_column(today, "employed", unknown), folder / "today.parquet")
    pq.write_table(today.select(["id", "employed"]), folder / _SEALED)


def reveal(folder: Path, items: Sequence[int]) -> dict[int, int]:
    """Today's labels of the items named, and of no others."""
    sealed = pq.read_table(folder / _SEALED)
    known = sealed.filter(pc.is_in(sealed["id"], pa.array(items, sealed["id"].type)))
    return dict(zip(known["id"].to_pylist(), known["employed"].to_pylist(), strict=True))


def with_column(rows: pa.Table, name: str, values: object) -> pa.Table:
    """The rows with a column; one of the same name is replaced."""
    column = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)
    if name in rows.column_names:
        return rows.set_column(rows.column_names.index(name), name, column)
    return rows.append_column(name, column)


def _people(file: str, every: int) -> list[pa.Table]:
    """The records of a file, in a fixed random order: those before 2018, and those of 2018."""
    with as_file(files("supersede.demo") / file) as path:
        records = pq.read_table(path)
    now = pc.equal(records["year"], 2018)
    parts = [records.filter(pc.invert(now)), records.filter(now)]
    return [_described(part, every) for part in parts if len(part)]


def _described(records: pa.Table, every: int) -> pa.Table:
    order = np.random.default_rng(0).permutation(len(records))[::every]
    records = records.take(order)
    band = _BANDS[np.searchsorted(_STARTS, records["AGEP"].to_numpy(), side="right")]
    return pa.table(
        {
            "id": records["id"],
            "year": records["year"],
            "employed": records["employed"],
            "sex": named(records["SEX"], SEX),
            "race": named(records["RAC1P"], RACE),
            "age_band": band,
            "deployed": records["deployed_prediction"],
            "deployed_probability": records["deployed_probability"],
            **{name: records[name] for name in FEATURES},
        }
    )
