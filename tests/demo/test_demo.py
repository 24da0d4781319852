"""The demonstration runs whole, on the data that the package ships."""

from supersede.cli import main


def test_demo_writes_a_report(tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr()
    assert "70 131 items" in shown.out.replace("\u202f", " ")
    assert "deployed_prediction → new_prediction: " in shown.out
    page = (tmp_path / "report.html").read_text()
    assert "race = Asian" in page
    assert "too few to judge" in page  # the small groups are there
    assert "open" in shown.err
