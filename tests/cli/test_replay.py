import csv
import json
from pathlib import Path

import optuna
import pytest

from supersede.cli import main
from supersede.search.recorded import read_search
from supersede.search.stopping import Categorical, Float, Int


@pytest.fixture
def history(tmp_path):
    path = tmp_path / "history.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["value", "x", "rate", "depth", "kind", "fold_0", "fold_1", "seconds", "state"]
        )
        for i in range(60):
            x = ((i * 37) % 60) / 60
            y = (x - 0.3) ** 2
            kind = "" if i % 3 else "a"
            writer.writerow(
                [y, x, 10 ** (-i % 5), i % 4, kind, y - 0.05, y + 0.05, 1.5, "complete"]
            )
        writer.writerow(["", 0.5, 1, 2, "", "", "", 1.5, "failed"])
    return path


def test_a_file_is_replayed_and_drawn(history, tmp_path, capsys):
    out = tmp_path / "pages" / "replay.html"
    assert main(["replay", str(history), "--out", str(out)]) == 0
    assert "stop after" in capsys.readouterr().out
    assert "could have stopped" in out.read_text()
    assert main(["replay", str(history), "--format", "json", "--every", "10"]) == 0
    assert json.loads(capsys.readouterr().out)["trials"] == 61


def test_a_running_search_is_watched_until_it_ends(history, tmp_path, monkeypatch, capsys):
    out = tmp_path / "live.html"
    pages = []

    def look(seconds):
        assert seconds == 5
        pages.append(out.read_text())
        if len(pages) == 1:  # one more trial comes in between
            with history.open("a", newline="") as file:
                csv.writer(file).writerow([0.5, 0.9, 1, 2, "a", 0.4, 0.6, 1.5, "complete"])

    monkeypatch.setattr("time.sleep", look)
    assert main(["replay", str(history), "--watch", "5", "--out", str(out)]) == 0
    assert len(pages) == 2
    assert all('http-equiv="refresh" content="5.0"' in page for page in pages)
    assert "refresh" not in out.read_text()  # the last page stays as it is
    assert main(["replay", str(history), "--watch", "5"]) == 2
    assert "--out" in capsys.readouterr().err


def test_columns_become_parameters(history):
    space = read_search(history).history().space.parameters
    assert isinstance(space["x"], Float)
    assert space["rate"].log
    assert space["depth"] == Int(0, 3)
    assert space["kind"] == Categorical(("a",))
    assert set(space) == {"x", "rate", "depth", "kind"}


def test_an_optuna_study_is_replayed(tmp_path, capsys):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = tmp_path / "journal.log"
    backend = optuna.storages.journal.JournalFileBackend(str(path))
    storage = optuna.storages.JournalStorage(backend)
    study = optuna.create_study(study_name="tuning", storage=storage, direction="maximize")
    study.optimize(lambda t: -(t.suggest_float("x", -1, 1) ** 2), n_trials=40)
    assert main(["replay", "tuning", "--storage", str(path), "--error", "0.1"]) == 0
    assert "stop after" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x,y\n1,2\n", "no column 'value'"),
        ("value,x\n", "no rows"),
        ("value,x\none,2\n", "line 2, column 'value'"),
        ("value,x,state\n1,2,odd\n", "line 2: got the state 'odd'"),
    ],
)
def test_bad_files_are_named(text, words, tmp_path, capsys):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    assert main(["replay", str(path)]) == 2
    assert words in capsys.readouterr().err


def test_missing_studies_and_bad_flags(tmp_path, capsys):
    assert main(["replay", "nowhere.csv"]) == 2
    assert "--storage" in capsys.readouterr().err
    assert main(["replay", "a", "--storage", f"{tmp_path}/none.log"]) == 2
    assert "no journal" in capsys.readouterr().err
    assert main(["replay", "a", "--storage", f"sqlite:///{tmp_path}/none.db"]) == 2
    assert not (tmp_path / "none.db").exists()
    assert main(["replay", "a", "--every", "0"]) == 2


FILES = Path(__file__).parents[1] / "search" / "recorded" / "files"


def test_an_optuna_file_is_a_study(tmp_path, capsys):
    file = str(FILES / "study.db")
    for arguments in ([file], ["--from", "optuna", file], ["nope", "--storage", file]):
        assert main(["replay", *arguments]) == 2
        assert "'other', 'tuning'" in capsys.readouterr().err
    assert main(["replay", file, "--study", "tuning", "--every", "8"]) == 0
    assert "24 trials" in capsys.readouterr().out
    assert main(["replay", "tuning", "--storage", f"sqlite:///{file}", "--every", "24"]) == 0
    assert main(["replay", file, "--study", "tuning", "--value", "loss"]) == 2
    assert "do not apply" in capsys.readouterr().err
    (tmp_path / "text.db").write_text("no database")
    assert main(["replay", "tuning", "--storage", str(tmp_path / "text.db")]) == 2
    assert "has no study" in capsys.readouterr().err


def test_another_tools_file_says_how_it_was_read(capsys):
    runs = str(FILES / "mlflow_runs.csv")
    assert main(["replay", "--from", "mlflow", runs, "--value", "val_loss"]) == 2
    assert "--maximize or --minimize" in capsys.readouterr().err
    assert (
        main(
            [
                "replay",
                "--from",
                "mlflow",
                runs,
                "--value",
                "val_loss",
                "--minimize",
                "--every",
                "24",
            ]
        )
        == 0
    )
    told = capsys.readouterr()
    assert "read 24 trials (23 complete, 1 failed) of MLflow" in told.err
    assert "24 trials" in told.out
    assert main(["replay", runs]) == 2
    assert "--from mlflow" in capsys.readouterr().err
