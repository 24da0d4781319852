"""A review asks the engine at most four times, however many checks and slices it has."""

import pytest

import supersede
from supersede.metrics import cells
from supersede.review import (
    MaxChurn,
    MaxDrop,
    MaxFlipCost,
    MaxGap,
    MaxNFR,
    MaxRise,
    MaxScoreShift,
    MaxSliceNFR,
    MinGain,
    MinMetric,
    MustNotBreak,
    NoSliceWorse,
    must_not_break,
    score_shift,
    worst,
)

FLIPS = [
    MinGain(0), MaxNFR(0.1), MaxChurn(0.5), MaxFlipCost(1), MaxSliceNFR(0.2), NoSliceWorse(0.2),
    MaxGap(0.2), MaxScoreShift(0.2), MustNotBreak(items=[1, 2, 3]),
]  # fmt: skip
METRICS = [
    MinMetric("recall", 0.1), MinMetric("precision", 0.1, groups="*"), MaxDrop("recall", 0.3, of="*"),
    MaxDrop("macro_f1", 0.1), MinMetric("auc", 0.1), MaxRise("log_loss", 1), MaxRise("brier", 1),
    MaxRise("cost", 1), MinMetric("accuracy", 0.1, groups=("sex", "site")),
]  # fmt: skip


@pytest.fixture
def asked(monkeypatch):
    """The queries that reach the engine."""
    queries = []

    def collect(expression):
        queries.append(expression)
        return supersede.table.source.collect(expression)

    for module in (cells, must_not_break, score_shift, worst):
        monkeypatch.setattr(module, "collect", collect)
    return queries


@pytest.mark.parametrize("uses", [{}, {"weight": "w"}, {"cluster": "u"}])
def test_a_review_asks_at_most_four_times(frame, asked, uses):
    rows = frame(800)
    rows = rows.assign(
        a_score=rows["a"] * 0.8 + rows["id"] / 8000, b_score=rows["b"] * 0.8 + rows["id"] / 8000,
        w=1 + rows["id"] / 800, u=rows["id"] % 100, money=1.0,
    )  # fmt: skip
    table = supersede.read(
        rows, models=["a", "b"], groups=["sex", "site"], cost="money", item="id", **uses
    )
    supersede.compare(table, old="a", new="b")
    assert len(asked) == 2  # all counts, and the worst flips
    asked.clear()
    supersede.compare(table, old="a", new="b", cross=[("sex", "site")], checks=[*FLIPS, *METRICS])
    assert len(asked) == 4  # what occurs, metrics' facts, their sums, and the worst flips


def test_nobody_else_asks():
    """The test above sees all queries: no other file of metrics or review runs one for these checks."""
    import supersede.metrics as room

    files = list(__import__("pathlib").Path(room.__file__).parent.glob("*.py"))
    assert [f.name for f in files if "import collect" in f.read_text()] == ["cells.py"]
