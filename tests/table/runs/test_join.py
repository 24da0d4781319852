"""Two runs, joined by item: what fits, what does not, and what is refused."""

import gzip
import json
from pathlib import Path

import pandas as pd
import pytest

import supersede
from supersede import errors
from supersede.cli import main
from supersede.table import Judge, Losses, Scores
from supersede.table.runs import RunColumns, join_runs, split_run


@pytest.fixture(autouse=True)
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lines(name, rows, encoding="utf-8", end="\n"):
    text = "".join(json.dumps(row, ensure_ascii=False) + end for row in rows)
    with Path(name).open("w", encoding=encoding, newline="") as file:
        file.write(text)
    return name


def graded(wrong=(), items=range(60), **more):
    return [{"id": f"q{i}", "correct": i not in wrong} | more for i in items]


def overall(table):
    return supersede.compare(
        table, old=next(iter(table.models)), new=[*table.models][1]
    ).candidate.evidence.whole


def test_flips_of_two_files():
    review = supersede.compare(
        old=lines("old.jsonl", graded({1, 2, 3})), new=lines("new.jsonl", graded({3, 4}))
    )
    whole = review.candidate.evidence.whole
    assert (whole.n[0], whole.nfr[0], whole.pfr[0]) == (60, 1 / 60, 2 / 60)
    assert review.table.reading.startswith("60 items joined from old.jsonl and new.jsonl")
    assert review.to_dict()["table"]["joined"]["metric"] == "correct"


def test_several_candidates():
    files = [lines(f"{n}.jsonl", graded({n})) for n in range(3)]
    review = supersede.compare(old=files[0], new=files[1:], chosen="2")
    assert [c.name for c in review.candidates] == ["1", "2"]
    assert review.chosen == "2"


def test_on_the_command_line(capsys):
    old, new = lines("old.jsonl", graded({1})), lines("new.jsonl", graded({2, 3}, range(58)))
    assert main(["review", old, new]) == 2
    assert "run 'new' has no answer to 2 of 60 items" in capsys.readouterr().err
    assert (
        main(["review", old, new, "--missing", "drop", "--max-nfr", "20%", "--json", "r.json"]) == 0
    )
    joined = json.loads(Path("r.json").read_text())["table"]["joined"]
    assert joined["absent"] == {"new": ["q58", "q59"]}
    assert joined["left_out"] == ["q58", "q59"]
    assert "has no answer to 2 items that another run has: 'q58', 'q59'." in capsys.readouterr().out
    assert main(["review", "--old", old, "--new", new, "--missing", "wrong"]) in {1, 3}
    assert main(["review", old, new, "--old", "a"]) == 2
    assert main(["review", old]) == 2
    assert main(["review", old, new, "--from", "word"]) == 2
    assert "no such format; there are inspect" in capsys.readouterr().err


def test_missing_answers_count_as_wrong_and_never_as_unlabelled():
    """+6 points where the new run answers, and worse where it does not."""
    old = graded(set(range(0, 100, 5)), range(100))
    new = graded(set(), range(85))
    both = [lines("old.jsonl", old), lines("new.jsonl", new)]
    with pytest.raises(errors.MissingPredictionError, match="--missing wrong"):
        join_runs(both)
    whole = overall(join_runs(both, missing="wrong"))
    assert whole.n[0] == 100
    assert whole.new.mean[0] == pytest.approx(0.85)
    assert overall(join_runs(both, missing="drop")).n[0] == 85


def test_errors_and_words_for_no_answer_count_as_no_answer():
    old = lines("old.jsonl", graded({1}))
    failed = graded({1})
    failed[5] |= {"correct": None, "error": "timed out after 60 s"}
    failed[6]["correct"] = "timeout"
    failed[7]["correct"] = "fail"
    new = lines("new.jsonl", failed)
    with pytest.raises(errors.MissingPredictionError, match="2 of 60 items"):
        join_runs([old, new])
    table = join_runs([old, new], missing="wrong")
    assert table.joined.errors == {"new": ("q5", "q6")}
    assert overall(table).nfr[0] == 3 / 60


def test_changed_questions_and_labels_are_refused_by_id():
    old = lines("old.jsonl", [r | {"question": f"{r['id']}?", "target": "a"} for r in graded()])
    rows = [r | {"question": f"{r['id']}?", "target": "a"} for r in graded()]
    rows[3]["question"] = "another?"
    rows[4]["target"] = "b"
    new = lines("new.jsonl", rows)
    with pytest.raises(
        errors.TableError, match=r"another question.*'q3'.*another label.*'q4'.*--changed drop"
    ):
        join_runs([old, new])
    assert join_runs([old, new], changed="drop").size == 58
    kept = join_runs([old, new], changed="keep")
    assert kept.size == 60
    assert (kept.joined.changed_questions, kept.joined.changed_labels) == (("q3",), ("q4",))


def test_repeated_attempts_are_shares():
    def attempts(right):
        return [
            {"id": f"q{i}", "epoch": e, "correct": e < right} for i in range(30) for e in range(4)
        ]

    table = join_runs([lines("old.jsonl", attempts(3)), lines("new.jsonl", attempts(1))])
    whole = overall(table)
    assert whole.old.mean[0] == pytest.approx(0.75)
    assert whole.nfr[0] == pytest.approx(0.75 * 0.75)
    assert len(table.joined.repeated["old"]) == 30


def test_an_id_twice_is_no_attempt_unless_said():
    rows = [*graded(), {"id": "q1", "correct": False}]
    both = [lines("old.jsonl", graded()), lines("new.jsonl", rows)]
    with pytest.raises(errors.ItemError, match=r"'q1'.*--attempt COLUMN"):
        join_runs(both)


def test_answers_of_several_attempts_are_graded_one_by_one():
    def attempts(answers):
        return [
            {"id": i, "trial": t, "answer": a, "label": "yes"}
            for i in range(30)
            for t, a in enumerate(answers)
        ]

    both = [
        lines("old.jsonl", attempts(["yes", "no"])),
        lines("new.jsonl", attempts(["yes", "yes"])),
    ]
    whole = overall(join_runs(both))
    assert (whole.old.mean[0], whole.new.mean[0]) == (0.5, 1.0)
    strange = [lines("a.jsonl", attempts(["Y", "N"])), lines("b.jsonl", attempts(["Y", "Y"]))]
    with pytest.raises(errors.ArgumentError, match="ever equals its label"):
        join_runs(strange)


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl", "frame"])
def test_columns_in_each_file(form):
    def source(name, pred):
        frame = pd.DataFrame({"id": range(40), "y": [0, 1] * 20, "pred": pred, "site": "north"})
        if form == "frame":
            return frame
        path = f"{name}.{form}"
        if form == "csv":
            frame.to_csv(path, index=False)
        elif form == "parquet":
            frame.to_parquet(path)
        else:
            frame.to_json(path, orient="records", lines=True)
        return path

    table = join_runs([source("old", [0, 1] * 20), source("new", [0, 1] * 19 + [1, 0])])
    assert overall(table).nfr[0] == 2 / 40
    assert table.label == "label"
    assert table.rows["item"].type().is_integer()
    assert "site" in table.rows.columns


def test_columns_can_be_named():
    rows = [
        {"key": i, "gold": i % 2, "said": i % 2, "other": 1, "correct": True} for i in range(30)
    ]
    worse = [row | {"said": 1} for row in rows]
    both = [lines("old.jsonl", rows), lines("new.jsonl", worse)]
    named = RunColumns(item="key", label="gold", answer="said")
    assert overall(join_runs(both, columns=named)).nfr[0] == 0.5
    with pytest.raises(errors.MissingColumnError, match="did you mean 'said'"):
        join_runs(both, columns=RunColumns(item="key", label="gold", answer="sayd"))


def test_ids_as_numbers_and_as_text():
    old = [{"id": i, "correct": True} for i in range(30)]
    new = [{"id": str(i), "correct": i > 3} for i in range(30)]
    table = join_runs([lines("old.jsonl", old), lines("new.jsonl", new)])
    assert overall(table).nfr[0] == 4 / 30
    mixed = [{"id": 1, "correct": True}, {"id": "1", "correct": True}]
    with pytest.raises(errors.ItemError, match="as a number and as text"):
        join_runs([lines("a.jsonl", old), lines("b.jsonl", mixed)])


@pytest.mark.parametrize(
    ("encoding", "end"),
    [("utf-8-sig", "\n"), ("utf-16", "\n"), ("utf-8", "\r\n"), ("utf-8", "\n\n")],
)
def test_encodings_and_ends_of_lines(encoding, end):
    rows = [{"id": f"é\u2028{i}", "correct": True} for i in range(30)]
    other = [row | {"correct": i > 0} for i, row in enumerate(rows)]
    both = [lines("old.jsonl", rows, encoding, end), lines("new.jsonl", other)]
    assert overall(join_runs(both)).nfr[0] == 1 / 30


def test_compressed_files(in_folder):
    text = "".join(json.dumps(row) + "\n" for row in graded({1}))
    (in_folder / "old.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    new = lines("new.jsonl", graded())
    assert overall(join_runs(["old.jsonl.gz", new])).pfr[0] == 1 / 60
    whole = gzip.compress(text.encode())
    (in_folder / "cut.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(errors.SourceError, match="cut off or damaged"):
        join_runs(["cut.jsonl.gz", new])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b'{"id": 1, "correct": true}\n{"id": 2, "corr', "line 2 is not JSON"),
        (b'[{"id": 1, "correct": true}, {"id"', "cut off or damaged"),
        (b'{"id": 1, "correct": true}\n[1]\n', "line 2 holds no JSON object"),
        (b"<testsuites><testsuite>", "cut off or damaged XML"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><testsuites/>', "declares a document type"),
        (b"PK\x03\x04 and nothing", "an archive that is cut off"),
        (b"\xff\x00\x81\x82" * 9, "not text in UTF-8"),
        (b"id;correct", "not JSON, JSON lines, XML"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "not JSON, JSON lines, XML"),
        (b"[1, 2, 3]", "not JSON, JSON lines, XML"),
    ],
)
def test_damaged_files_say_what_is_wrong(in_folder, content, says):
    (in_folder / "old.txt").write_bytes(content)
    with pytest.raises(errors.SourceError, match=says):
        join_runs(["old.txt", lines("new.jsonl", graded())])


def test_the_same_file_twice():
    old = lines("old.jsonl", graded())
    with pytest.raises(errors.ArgumentError, match="is given twice"):
        join_runs([old, old])
    with pytest.raises(errors.ArgumentError, match="byte for byte"):
        join_runs([old, lines("copy.jsonl", graded())])


def test_files_of_one_name_are_told_apart(in_folder):
    for folder, wrong in (("a", {1}), ("b", {2})):
        (in_folder / folder).mkdir()
        lines(f"{folder}/results.jsonl", graded(wrong))
    table = join_runs(["a/results.jsonl", "b/results.jsonl"])
    assert list(table.models) == ["a/results", "b/results"]
    lines("results.jsonl", graded({3}))
    lines("results.json", graded({4}))
    assert len(join_runs(["results.jsonl", "results.json"]).models) == 2


def test_runs_of_different_benchmarks():
    other = [{"id": f"other{i}", "correct": True} for i in range(9)]
    with pytest.raises(errors.ItemError, match=r"no item in common.*'q0'.*'other0'"):
        join_runs([lines("old.jsonl", graded()), lines("new.jsonl", other)])


def test_a_glob_is_one_run(in_folder):
    for run in ("old", "new"):
        (in_folder / run).mkdir()
        for part in range(2):
            items = range(part * 30, part * 30 + 30)
            lines(f"{run}/part{part}.jsonl", graded({1} if run == "old" else {2}, items))
    table = join_runs(["old/*.jsonl", "new/*.jsonl"])
    assert (table.size, list(table.models)) == (60, ["old", "new"])
    lines("old/part2.jsonl", graded())
    (in_folder / "old" / "log.xml").write_text("<testsuites/>")
    with pytest.raises(errors.SourceError, match="mixes files"):
        join_runs(["old/*", "new/*.jsonl"])


def test_long_tables():
    rows = [
        {"id": i, "model": model, "answer": "b" if model == "v2" and i < 3 else "a", "label": label}
        for i in range(40)
        for model in ("v1", "v2", "v3")
        for label in ["a" if i % 2 else "b"]
    ]
    path = lines("long.jsonl", rows)
    assert split_run(path, ["v1", "v2"]).size == 40
    review = supersede.compare(path, old="v1", new=["v2", "v3"])
    assert review.candidate.evidence.whole.pfr[0] == 2 / 40
    assert supersede.compare(pd.DataFrame(rows), old="v1", new="v3").table.size == 40
    assert main(["review", path, "--old", "v1", "--new", "v2", "--quiet"]) in {0, 1, 3}
    with pytest.raises(errors.ArgumentError, match="no model 'v9' in long"):
        supersede.compare(path, old="v1", new="v9")
    renamed = lines("by.jsonl", [{**r, "who": r["model"], "model": "x"} for r in rows])
    assert main(["review", renamed, "--old", "v1", "--new", "v2", "--by", "who", "--quiet"]) in {
        0,
        1,
        3,
    }


def test_scores_are_no_chances():
    def scored(by):
        return [{"id": i, "score": 0.7 if i % 2 else by} for i in range(40)]

    both = [lines("old.jsonl", scored(0.7)), lines("new.jsonl", scored(0.4))]
    with pytest.raises(errors.ColumnTypeError, match=r"--threshold X.*--judge"):
        join_runs(both)
    cut = {name: Scores(name, 0.5) for name in both}
    assert overall(join_runs(both, models=cut)).nfr[0] == 0.5
    judged = join_runs(both, models={name: Judge(name, 0.5) for name in both})
    assert overall(judged).nfr[0] == 0.5
    lost = join_runs(both, models={name: Losses(name, 0.5) for name in ("old", "new")})
    assert overall(lost).pfr[0] == 0.5
    assert main(["review", *both, "--threshold", "0.5", "--quiet"]) == 1


def test_metrics_must_be_named_where_several_could_be_meant():
    rows = [{"id": i, "scores": {"exact": i > 2, "fluent": True}} for i in range(30)]
    worse = [row | {"scores": {"exact": i > 4, "fluent": True}} for i, row in enumerate(rows)]
    both = [lines("old.jsonl", rows), lines("new.jsonl", worse)]
    with pytest.raises(errors.ArgumentError, match="--metric NAME"):
        join_runs(both)
    table = join_runs(both, columns=RunColumns(metric="scores.exact"))
    assert overall(table).nfr[0] == 2 / 30
    with pytest.raises(errors.MissingColumnError, match=r"did you mean 'scores\.exact'"):
        join_runs(both, columns=RunColumns(metric="scores.exakt"))


def test_words_that_are_no_grades():
    rows = [{"id": i, "verdict": "A" if i else "B"} for i in range(9)]
    with pytest.raises(errors.ColumnTypeError, match="which is not a grade"):
        join_runs([lines("old.jsonl", rows), lines("new.jsonl", rows[:-1])], missing="drop")


@pytest.mark.parametrize("shape", ["array", "under", "by id", "split"])
def test_shapes_of_json(in_folder, shape):
    def write(name, wrong):
        rows = graded(wrong)
        shaped = {
            "array": rows,
            "under": {"run": {"results": rows}, "version": 2},
            "by id": {row["id"]: {"correct": row["correct"]} for row in rows},
            "split": {"columns": ["id", "correct"], "data": [[*row.values()] for row in rows]},
        }
        (in_folder / name).write_text(json.dumps(shaped[shape]))
        return name

    assert overall(join_runs([write("old.json", {1}), write("new.json", {2, 3})])).nfr[0] == 2 / 60


def test_two_arrays_of_records(in_folder):
    (in_folder / "old.json").write_text(json.dumps({"a": graded(), "b": graded()}))
    with pytest.raises(errors.ArgumentError, match="'a', 'b'"):
        join_runs(["old.json", lines("new.jsonl", graded())])


def test_lists_of_resolved_ids(in_folder):
    def report(name, resolved, **more):
        data = {"total_instances": 4, "resolved_ids": resolved, "schema_version": 2, **more}
        (in_folder / name).write_text(json.dumps(data))
        return name

    old = report("old.json", ["a__x-1", "a__x-2"], unresolved_ids=["b__y-1"], error_ids=["b__y-2"])
    new = report(
        "new.json", ["a__x-2", "b__y-1"], unresolved_ids=["a__x-1"], empty_patch_ids=["b__y-2"]
    )
    with pytest.raises(errors.MissingPredictionError, match="'b__y-2'"):
        join_runs([old, new])
    table = join_runs([old, new], missing="wrong", groups=["repository"])
    assert (overall(table).nfr[0], overall(table).pfr[0]) == (0.25, 0.25)
    bare = report("bare.json", ["a__x-1"])
    with pytest.raises(errors.MissingPredictionError, match="no answer to 3 of 4"):
        join_runs([bare, new])
    (in_folder / "each.json").write_text(
        json.dumps({"a__x-1": {"resolved": True}, "a__x-2": {"resolved": False}})
    )
    assert join_runs(["each.json", new], missing="drop").size == 2


def test_metadata_that_are_called_like_our_columns():
    rows = [r | {"label": "x", "item": r["id"], "old": 1, "New": "n"} for r in graded({1})]
    other = [r | {"label": "x", "item": r["id"], "old": 1, "New": "n"} for r in graded({2})]
    table = join_runs([lines("old.jsonl", rows), lines("new.jsonl", other)])
    assert {"old (metadata)", "New (metadata)"} <= set(table.rows.columns)
    assert overall(table).nfr[0] == 1 / 60


def test_an_item_that_one_run_skips_is_no_answer(in_folder):
    def suite(name, skipped):
        cases = "".join(
            f'<testcase classname="t" name="t{i}">{"<skipped/>" if i in skipped else ""}</testcase>'
            for i in range(9)
        )
        (in_folder / name).write_text(f"<testsuite>{cases}</testsuite>")
        return name

    both = [suite("old.xml", {1}), suite("new.xml", {1, 2})]
    with pytest.raises(errors.MissingPredictionError, match=r"1 of 8 items.*'t::t2'"):
        join_runs(both)
    table = join_runs(both, missing="wrong")
    assert (table.size, table.joined.skipped) == (8, ("t::t1",))


def test_runs_without_anything_to_compare():
    rows = [{"id": f"q{i}", "site": "north"} for i in range(9)]
    old = lines("old.jsonl", rows)
    with pytest.raises(errors.MissingColumnError, match="no grade and no answer"):
        join_runs([old, lines("bare.jsonl", rows[1:])])
    with pytest.raises(errors.ArgumentError, match="no metric in common"):
        join_runs([old, lines("new.jsonl", graded())])
    with pytest.raises(errors.ArgumentError, match="name the runs"):
        join_runs([])
    with pytest.raises(errors.SourceError, match="no file matches"):
        join_runs(["old.jsonl", "nowhere.jsonl"])


def test_an_audit_of_runs(capsys):
    rows = [r | {"site": "north" if i % 2 else "south"} for i, r in enumerate(graded({1, 2}))]
    worse = [r | {"site": "north" if i % 2 else "south"} for i, r in enumerate(graded({1, 3, 5}))]
    old, new = lines("old.jsonl", rows), lines("new.jsonl", worse)
    assert main(["audit", old, new, "--group", "site", "--json", "a.json"]) == 0
    assert json.loads(Path("a.json").read_text())["model"] == "new"
    assert main(["audit", new, "--group", "site"]) == 0
    assert "60 items joined from new.jsonl" in capsys.readouterr().out
    assert main(["audit", old, new, "--model", "new"]) == 2


def test_a_plan_of_answers_without_labels(capsys):
    def answers(name, flip):
        rows = [{"id": i, "pred": (i % 2) ^ (i in flip)} for i in range(500)]
        pd.DataFrame(rows).to_csv(name, index=False)
        return name

    both = [answers("old.csv", {}), answers("new.csv", set(range(40)))]
    assert main(["plan", *both, "--estimand", "accuracy", "--margin", "10%"]) == 0
    assert Path("plan.csv").exists()
    graded_runs = [lines("old.jsonl", graded()), lines("new.jsonl", graded({1}))]
    assert main(["plan", *graded_runs]) == 2
    assert "are graded already (by 'correct')" in capsys.readouterr().err


def test_what_a_run_notes_of_an_item_is_no_changed_group():
    rows = [r | {"latency": i, "site": "n"} for i, r in enumerate(graded({1}))]
    other = [r | {"latency": 2 * i, "site": "s" if i == 9 else "n"} for i, r in enumerate(graded())]
    both = [lines("old.jsonl", rows), lines("new.jsonl", other)]
    assert join_runs(both).joined.notes == ()
    assert join_runs(both, groups=["site"]).joined.changed_groups == ("q9",)


def test_numbers_that_are_written_in_two_ways():
    ints = pd.DataFrame({"id": range(30), "y": [0, 1] * 15, "pred": [0, 1] * 15})
    floats = ints.astype({"y": float, "pred": float})
    whole = overall(join_runs([ints, floats]))
    assert (whole.n[0], whole.new.mean[0]) == (30, 1.0)
    booleans = ints.astype({"y": bool, "pred": bool})
    assert overall(join_runs([ints, booleans], changed="keep")).new.mean[0] == 1.0


def test_a_wide_table_as_json(in_folder):
    rows = [{"id": i, "y": i % 2, "a": i % 2, "b": (i + (i < 2)) % 2} for i in range(60)]
    (in_folder / "wide.json").write_text(json.dumps(rows))
    assert (
        supersede.compare("wide.json", old="a", new="b").candidate.evidence.whole.nfr[0] == 2 / 60
    )


def test_a_bare_list_of_ids(in_folder):
    (in_folder / "old.json").write_text('["a__x-1", "a__x-2"]')
    (in_folder / "new.json").write_text('["a__x-2", "a__x-3"]')
    with pytest.raises(errors.MissingPredictionError, match="--missing wrong"):
        join_runs(["old.json", "new.json"])
    assert overall(join_runs(["old.json", "new.json"], missing="wrong")).nfr[0] == 1 / 3


def test_the_status_of_a_call_is_no_grade():
    """Every call went through; the answers are wrong. Taking the status for a grade would pass."""
    rows = [{"id": i, "output": "x", "status": "ok"} for i in range(60)]
    both = [lines("old.jsonl", rows), lines("new.jsonl", [r | {"output": "y"} for r in rows])]
    with pytest.raises(errors.ArgumentError, match="--metric status"):
        join_runs(both)
    assert join_runs(both, columns=RunColumns(metric="status")).size == 60
    labelled = [
        [r | {"target": "x"} for r in rows],
        [r | {"target": "x", "output": "y"} for r in rows],
    ]
    files = [lines(f"{n}.jsonl", r) for n, r in zip(["a", "b"], labelled, strict=True)]
    assert overall(join_runs(files)).nfr[0] == 1.0


def test_metrics_of_which_less_is_better():
    rows = [{"id": i, "scores": {"toxicity": int(i > 50)}} for i in range(60)]
    worse = [{"id": i, "scores": {"toxicity": int(i > 20)}} for i in range(60)]
    both = [lines("old.jsonl", rows), lines("new.jsonl", worse)]
    with pytest.raises(errors.ArgumentError, match="--loss 0"):
        join_runs(both)
    assert main(["review", *both, "--loss", "0", "--quiet"]) == 1


def test_a_column_called_version_may_be_a_group():
    rows = [r | {"version": f"v{i % 3}", "error": 0.25} for i, r in enumerate(graded({1}))]
    other = [r | {"version": f"v{i % 3}", "error": 0.5} for i, r in enumerate(graded({2}))]
    table = join_runs([lines("old.jsonl", rows), lines("new.jsonl", other)], groups=["version"])
    assert table.size == 60
