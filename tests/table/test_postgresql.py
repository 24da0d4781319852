"""A table that stays in PostgreSQL gives the same review as one in DuckDB."""

import ibis
import pyarrow as pa

import supersede
from supersede.review import MaxNFR, MaxSliceNFR, MinGain, MustNotBreak


def test_a_review_runs_in_postgresql(postgres, frame):
    rows = frame(2000)
    rows.loc[rows.id % 7 == 0, "site"] = None
    connection = ibis.connect(postgres)
    there = connection.create_table("predictions", pa.Table.from_pandas(rows))
    arguments = {
        "old": "a", "new": "b", "groups": ["sex", "site"], "cross": [("sex", "site")],
        "checks": [MinGain(0), MaxNFR(0.05), MaxSliceNFR(0.05), MustNotBreak(where="id < 100")],
    }  # fmt: skip
    remote, local = (supersede.compare(source, **arguments) for source in (there, rows))
    assert remote.table.rows.get_backend().name == "postgres"
    for one, other in zip(remote.candidate.findings, local.candidate.findings, strict=True):
        assert one == other
    assert remote.candidate.worst == local.candidate.worst
    connection.disconnect()
