"""Files of other tools, most of them written by the tools themselves (tools/make_search_fixtures)."""

import csv
import json
from pathlib import Path

import pytest

from supersede.errors import HistoryError, MissingColumnError
from supersede.search.recorded import Wanted, describe, read_search
from supersede.search.stopping import Categorical, Float, Int, State

FILES = Path(__file__).parent / "files"


def trials(path, tool, **wanted):
    return read_search(FILES / path, tool, Wanted(**wanted)).history()


def written(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_mlflow_runs_are_in_the_order_of_time_and_without_their_parent():
    history = trials("mlflow_runs.csv", "mlflow", value="val_loss", maximize=False)
    assert set(history.space.parameters) == {"rate", "depth", "kind"}
    assert len(history.trials) == 24
    assert [t.params["depth"] for t in history.trials[:3]] == [1, 6, 2]  # newest first in the file
    assert history.trials[7].state == State.FAILED
    assert all(0 < t.seconds < 100 for t in history.trials)
    text = describe(
        log := read_search(FILES / "mlflow_runs.csv", "mlflow", Wanted("val_loss", False)),
        log.history(),
    )
    assert "1 runs that contain others are left out" in text
    assert "smaller is better" in text


def test_syne_tunes_reports_count_once_per_trial():
    history = trials("syne_tune", "syne-tune")  # metric, direction and ranges are in the metadata
    assert len(history.trials) == 11  # of 33 rows
    assert history.space.parameters["rate"] == Float(1e-4, 1, log=True)
    assert history.space.parameters["depth"] == Int(1, 9)
    assert history.space.parameters["kind"] == Categorical(("a", "b", "c"))
    assert all(t.value < 3 for t in history.trials)
    same = trials("syne_tune/results.csv.zip", "syne-tune")
    assert [t.value for t in same.trials] == [t.value for t in history.trials]


def test_trials_that_were_stopped_early_are_pruned(tmp_path):
    head = ["trial_id", "loss", "st_tuner_time", "st_decision", "st_status", "config_x"]
    rows = [
        [i, 1.0 - e / 9, 10 * i + e, "CONTINUE", "InProgress", i]
        for i in range(3)
        for e in range(3)
    ]
    rows += [[3, 2.0, 31, "STOP", "InProgress", 3], [4, 2.0, 41, "CONTINUE", "Failed", 4]]
    path = written(tmp_path / "results.csv", [head, *rows])
    found = read_search(path, "syne-tune", Wanted("loss", False)).history()
    assert [t.state.value for t in found.trials] == ["complete"] * 3 + ["pruned", "failed"]
    ray = [["trial_id", "training_iteration", "loss", "timestamp", "config/x", "config/name"]]
    ray += [[i, e, 1.0, 100 - i, i, "ab"[i % 2]] for i in range(4) for e in range(1, 4 - i % 2)]
    found = read_search(written(tmp_path / "ray.csv", ray), "ray", Wanted(None, True)).history()
    assert [t.params["x"] for t in found.trials] == [3, 2, 1, 0]
    assert [t.state == State.PRUNED for t in found.trials] == [True, False, True, False]


def test_a_folder_of_ray_tune_is_read(tmp_path):
    for i in range(4):
        folder = tmp_path / f"train_{i}"
        folder.mkdir()
        rows = [
            {
                "val_loss": 1.0 / e,
                "training_iteration": e,
                "trial_id": f"t{i}",
                "timestamp": 100 - i,
            }
            for e in (1, 2, 3)
        ]
        lines = "\n".join(json.dumps({**row, "config": {"rate": 0.1 * i}}) for row in rows)
        (folder / "result.json").write_text(lines)
        (folder / "params.json").write_text(json.dumps({"rate": 0.1 * i, "kind": "ab"[i % 2]}))
    (tmp_path / "train_0" / "error.txt").write_text("Traceback")
    history = read_search(tmp_path, "ray", Wanted("val_loss", False)).history()
    assert [t.value for t in history.trials] == [1 / 3] * 4
    assert [t.params["rate"] for t in history.trials] == pytest.approx([0.3, 0.2, 0.1, 0.0])
    assert history.trials[-1].state == State.FAILED
    with pytest.raises(HistoryError, match="--from ray"):
        read_search(tmp_path)


def test_cv_results_are_read():
    history = trials("sklearn_cv_results.csv", "sklearn")
    assert history.maximize
    assert set(history.space.parameters) == {"max_depth", "ccp_alpha", "criterion"}
    assert len(history.best.folds) == 5
    with pytest.raises(HistoryError, match=r"2 metrics; .*auc, acc"):
        trials("sklearn_two_scores.csv", "sklearn")
    assert len(trials("sklearn_two_scores.csv", "sklearn", value="auc").trials) == 5
    halving = trials("sklearn_halving.csv", "sklearn")
    assert len(halving.trials) == 9
    assert sum(t.state == State.PRUNED for t in halving.trials) >= 6


def test_a_table_of_optunas_trials_needs_its_direction():
    with pytest.raises(HistoryError, match="--maximize or --minimize"):
        trials("optuna_trials.csv", "optuna")
    history = trials("optuna_trials.csv", "optuna", maximize=False)
    assert len(history.trials) == 24
    assert any(t.state == State.PRUNED for t in history.trials)
    assert set(history.space.parameters) == {"rate", "depth", "kind"}


HEAD = ["Name", "State", "Created", "Runtime", "lr", "optimizer", "val_loss", "train_loss"]
RUNS = [
    [
        f"run-{9 - i}",
        "finished",
        f"2026-05-0{9 - i}T10:00:00.000Z",
        60,
        0.1 / (i + 1),
        "adam",
        i,
        0.5,
    ]
    for i in range(9)
]


def test_the_table_of_weights_and_biases_is_turned_around(tmp_path):
    RUNS[2][1] = "crashed"
    path = written(tmp_path / "wandb.csv", [HEAD, *RUNS])
    with pytest.raises(HistoryError, match="name the parameters with --param, of: lr, optimizer"):
        read_search(path, "wandb")
    with pytest.raises(HistoryError, match="2 metrics"):
        read_search(path, "wandb", Wanted(parameters=("lr", "optimizer")))
    wanted = Wanted("val_loss", False, ("lr", "optimizer"))
    history = read_search(path, "wandb", wanted).history()
    assert [t.value for t in history.trials] == [8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert history.trials[6].state == State.FAILED
    cut = written(tmp_path / "cut.csv", [row[:2] + row[3:] for row in [HEAD, *RUNS]])
    with pytest.raises(HistoryError, match="no column 'Created'"):
        read_search(cut, "wandb", wanted)
    strange = [HEAD, [*RUNS[0][:1], "sleeping", *RUNS[0][2:]]]
    with pytest.raises(HistoryError, match="line 2: got the state 'sleeping'"):
        read_search(written(tmp_path / "odd.csv", strange), "wandb", wanted)


def test_the_recipe_of_weights_and_biases_is_read(tmp_path):
    rows = [["", "summary", "config", "name"]]
    for i in range(5):
        summary = f"{{'loss': {i / 10}, 'bad': nan, '_timestamp': {1000 - i}, '_runtime': 3}}"
        rows.append([i, summary, f"{{'lr': 0.{i + 1}, '_wandb': {{}}}}", f"run-{i}"])
    path = written(tmp_path / "project.csv", rows)
    history = read_search(path, "wandb", Wanted(maximize=False)).history()
    assert [t.value for t in history.trials] == [0.4, 0.3, 0.2, 0.1, 0.0]
    assert set(history.space.parameters) == {"lr"}
    broken = written(tmp_path / "b.csv", [*rows, [5, "__import__('os')", "{}", "x"]])
    with pytest.raises(HistoryError, match="line 7"):
        read_search(broken, "wandb")


@pytest.mark.parametrize(
    ("path", "flag"),
    [
        ("mlflow_runs.csv", "mlflow"),
        ("optuna_trials.csv", "optuna"),
        ("sklearn_cv_results.csv", "sklearn"),
        ("syne_tune", "syne-tune"),
    ],
)
def test_another_tools_file_is_not_taken_for_a_plain_table(path, flag):
    with pytest.raises(HistoryError, match=f"--from {flag}"):
        read_search(FILES / path)
    other = "wandb" if flag != "wandb" else "ray"
    with pytest.raises(HistoryError, match="it looks like one of"):
        read_search(FILES / path, other)


@pytest.mark.parametrize(
    ("name", "cells", "words"),
    [
        ("run", [f"brave-{i}" for i in range(9)], "another text in each row"),
        ("when", [f"2026-01-0{i + 1} 10:00" for i in range(9)], "holds times"),
        ("train_loss", [0.1 * i for i in range(9)], "sounds like a result"),
        ("rank_test_score", list(range(9)), "sounds like a result"),
        ("id", list(range(9)), "counts the rows"),
        ("began", [1_767_225_600 + 600 * i for i in range(9)], "since 1970"),
        ("val", [0.3 - 0.1 * i for i in range(9)], "rises and falls with the values"),
    ],
)
def test_a_plain_tables_doubtful_columns_are_not_guessed(tmp_path, name, cells, words):
    rows = [["value", "x", name], *([i, i % 2, cell] for i, cell in enumerate(cells))]
    path = written(tmp_path / "plain.csv", rows)
    with pytest.raises(HistoryError, match=words):
        read_search(path)
    history = read_search(path, None, Wanted(parameters=("x",))).history()
    assert set(history.space.parameters) == {"x"}
    with pytest.raises(HistoryError, match="no column 'y' for --param"):
        read_search(path, None, Wanted(parameters=("y",)))


def test_what_is_no_search_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(HistoryError, match="is a folder without"):
        read_search(tmp_path / "empty", "ray")
    with pytest.raises(HistoryError, match="cannot read"):
        read_search(tmp_path / "none.csv")
    with pytest.raises(MissingColumnError):
        read_search(written(tmp_path / "a.csv", [["x"], [1]]))
    progress = [["trial_id", "training_iteration", "loss"], ["t", 1, 0.5]]
    with pytest.raises(HistoryError, match="one trial is not a search"):
        read_search(written(tmp_path / "progress.csv", progress), "ray")
