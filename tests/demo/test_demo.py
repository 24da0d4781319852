"""The demonstration runs whole, on the data that the package ships."""

import pyarrow.parquet as pq

import supersede
from supersede.cli import main
from supersede.metrics import count_flips


def test_demo_writes_a_report(tmp_path, capsys):
    assert main(["demo", "--folder", str(tmp_path)]) == 0
    shown = capsys.readouterr()
    assert "70 131 items" in shown.out.replace("\u202f", " ")
    assert "deployed_prediction → new_prediction: " in shown.out
    page = (tmp_path / "report.html").read_text()
    assert "deployed_prediction → congruent_prediction: " in shown.out
    assert "race = Asian" in page
    assert "too few to judge" in page  # the small groups are there
    assert "congruent_prediction" in page
    assert "open" in shown.err
    old, plain, congruent = models = [
        f"{name}_prediction" for name in ("deployed", "new", "congruent")
    ]
    rows = pq.read_table(tmp_path / "predictions.parquet").select(["employed", *models])
    table = supersede.read(rows, label="employed", models=models)
    ((before,), (after,)) = (count_flips(table, old, new) for new in (plain, congruent))
    assert after.nfr[0] < 0.85 * before.nfr[0]
    assert abs(after.gain.mean[0] - before.gain.mean[0]) < 0.002
