import numpy as np
import pandas as pd
import pytest

from supersede.cli import main


@pytest.fixture
def predictions(tmp_path):
    rng = np.random.default_rng(0)
    n = 3000
    age, sex = rng.integers(18, 90, n), rng.choice(["f", "m"], n)
    label = np.where((age >= 60) | (sex == "f"), "yes", "no")
    said = np.where(age >= 60, "yes", "no")
    lines = ["age,sex,y,model", *map(",".join, zip(age.astype(str), sex, label, said, strict=True))]
    path = tmp_path / "predictions.csv"
    path.write_text("\n".join(lines))
    return path


FEW = ["--specialists", "4", "--cost-sensitive", "2", "--alternating", "2", "--quiet"]


def test_a_hunt_finds_whom_the_model_fails_and_goes_on(predictions, tmp_path, capsys):
    command = ["hunt", str(predictions), "--model", "model", "--label", "y", *FEW]
    command += ["--protect", "age >= 65", "--folder", str(tmp_path / "hunt"), "--parts", "2"]
    assert (
        main([*command, "--out", str(tmp_path / "h.html"), "--credit", str(tmp_path / "c.csv")])
        == 1
    )
    told = capsys.readouterr().out
    assert "submissions beat the model; on fresh rows its error rate goes from" in told
    page = (tmp_path / "h.html").read_text()
    assert "How does the patched model answer?" in page
    assert "age &gt;= 65" in page
    assert (tmp_path / "c.csv").read_text().startswith("version,team,patch")
    assert (tmp_path / "hunt" / "model" / "list.json").exists()
    log = (tmp_path / "hunt" / "log.jsonl").read_bytes()
    assert main(command) == 1  # nothing is judged again
    assert (tmp_path / "hunt" / "log.jsonl").read_bytes() == log
    assert capsys.readouterr().out == told


def test_a_model_that_is_right_withstands(tmp_path, capsys):
    path = tmp_path / "right.csv"
    rows = [f"{i % 70},{i % 2},{i % 2}" for i in range(600)]
    path.write_text("\n".join(["age,y,model", *rows]))
    assert main(["hunt", str(path), "--model", "model", "--label", "y", *FEW]) == 0
    assert "0 of 0 submissions" in capsys.readouterr().out


def test_rows_without_a_label_are_left_out(tmp_path, capsys):
    path = tmp_path / "some.csv"
    rows = [f"{i % 70},{i % 2 if i % 5 else ''},{i % 2}" for i in range(600)]
    path.write_text("\n".join(["age,y,model", *rows]))
    assert main(["hunt", str(path), "--model", "model", "--label", "y", *FEW]) == 0
    assert "120 of 600 rows have no label" in capsys.readouterr().out


def test_a_column_that_cannot_be_read_points_to_the_option(tmp_path, capsys):
    path = tmp_path / "dated.parquet"  # in text files a date is a word
    days = pd.date_range("2026-01-01", periods=100)
    age, y = [i % 70 for i in range(100)], [i % 2 for i in range(100)]
    pd.DataFrame({"age": age, "y": y, "model": y, "day": days}).to_parquet(path)
    command = ["hunt", str(path), "--model", "model", "--label", "y", *FEW]
    assert main(command) == 2
    assert "--feature" in capsys.readouterr().err
    assert main([*command, "--feature", "age"]) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        ["--feature", "income"],
        ["--feature", "y"],
        ["--protect", "__import__('os')"],
        ["--protect", "income > 3"],
        ["--parts", "0"],
        ["--delta", "0"],
        ["--policy", "lenient"],
        ["--group", "income"],
    ],
)
def test_bad_arguments_end_with_2(predictions, wrong):
    command = ["hunt", str(predictions), "--model", "model", "--label", "y", *FEW, *wrong]
    assert main(command) == 2
