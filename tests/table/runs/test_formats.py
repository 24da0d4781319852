"""Files that the tools themselves wrote (tools/make_run_fixtures), held against joins by hand."""

import json
import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pyarrow as pa
import pytest

import supersede
from supersede.table.runs import Content, RunColumns, join_runs, recognise, split_run

FILES = Path(__file__).parent / "files"


def inspect_archive(path):
    """Zstandard by hand: the members' bytes lie between their headers."""
    rows = []
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.filename.startswith("samples/"):
                raw = path.read_bytes()[info.header_offset :]
                start = (
                    30 + int.from_bytes(raw[26:28], "little") + int.from_bytes(raw[28:30], "little")
                )
                data = pa.decompress(
                    raw[start : start + info.compress_size], info.file_size, codec="zstd"
                )
                sample = json.loads(data.to_pybytes())
                rows.append((sample["id"], sample["scores"]["match"]["value"] == "C"))
    return pd.DataFrame(rows, columns=["id", "right"])


def inspect_epochs(path):
    samples = json.loads(path.read_text())["samples"]
    rows = [(s["id"], s["scores"]["includes"]["value"] == "C") for s in samples]
    return pd.DataFrame(rows, columns=["id", "right"]).groupby("id", as_index=False).mean()


def lm_eval(metric, filter="none"):
    def by_hand(path):
        rows = pd.read_json(path, lines=True)
        rows = rows[rows["filter"] == filter]
        return pd.DataFrame({"id": rows["doc_id"].astype(str), "right": rows[metric] == 1})

    return by_hand


def promptfoo(path):
    results = json.loads(path.read_text())["results"]["results"]
    rows = [(r["vars"]["question"], r["success"]) for r in results]
    return pd.DataFrame(rows, columns=["id", "right"])


def deepeval(path):
    cases = json.loads(path.read_text())["testCases"]
    return pd.DataFrame([(c["name"], c["success"]) for c in cases], columns=["id", "right"])


def mlflow(path):
    rows = pd.read_json(path, orient="split")
    return pd.DataFrame({"id": rows["id"], "right": rows["exact/score"] == 1})


def openai_evals(path):
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows = [(r["sample_id"], r["data"]["correct"]) for r in rows if r.get("type") == "match"]
    return pd.DataFrame(rows, columns=["id", "right"])


def junit(path):
    rows = []
    for case in ElementTree.parse(path).iter("testcase"):
        if "licence" not in case.get("name"):
            bad = [c for c in case if c.tag in {"failure", "error", "skipped"}]
            rows.append((case.get("name"), not bad))
    return pd.DataFrame(rows, columns=["id", "right"])


def pytest_report(path):
    tests = json.loads(path.read_text())["tests"]
    rows = [(t["nodeid"], t["outcome"] == "passed") for t in tests if t["outcome"] != "skipped"]
    return pd.DataFrame(rows, columns=["id", "right"])


CASES = {
    "inspect": ("inspect_{}.eval", inspect_archive, {}),
    "inspect epochs": ("inspect_{}_epochs.json", inspect_epochs, {}),
    "lm-eval acc": ("samples_sums_choice_{}.jsonl", lm_eval("acc"), {"metric": "acc"}),
    "lm-eval acc_norm": (
        "samples_sums_choice_{}.jsonl",
        lm_eval("acc_norm"),
        {"metric": "acc_norm"},
    ),
    "lm-eval filter": (
        "samples_sums_text_{}.jsonl",
        lm_eval("exact_match", "strict-match"),
        {"metric": "exact_match,strict-match"},
    ),
    "promptfoo": ("promptfoo_{}.json", promptfoo, {}),
    "deepeval": ("deepeval_{}.json", deepeval, {}),
    "mlflow": ("mlflow_{}.json", mlflow, {}),
    "openai-evals": ("openai_evals_{}.jsonl", openai_evals, {}),
    "junit": ("junit_{}.xml", junit, {"missing": "wrong"}),
    "pytest": ("pytest_{}.json", pytest_report, {"missing": "wrong"}),
}


@pytest.mark.parametrize("case", CASES)
def test_counts_equal_a_join_by_hand(case):
    pattern, by_hand, options = CASES[case]
    old, new = FILES / pattern.format("old"), FILES / pattern.format("new")
    review = supersede.compare(old=old, new=new, **options)
    both = by_hand(old).merge(by_hand(new), on="id", suffixes=("_old", "_new"))
    before, after = both["right_old"].astype(float), both["right_new"].astype(float)
    whole = review.candidate.evidence.whole
    assert whole.n[0] == len(both)
    assert whole.old.mean[0] == pytest.approx(before.mean())
    assert whole.new.mean[0] == pytest.approx(after.mean())
    assert whole.nfr[0] == pytest.approx((before * (1 - after)).mean())
    assert whole.pfr[0] == pytest.approx(((1 - before) * after).mean())
    assert 0 < whole.nfr[0] < 1


@pytest.mark.parametrize("case", CASES)
def test_formats_are_found_by_content_and_can_be_forced(case, tmp_path):
    pattern, _, _ = CASES[case]
    path = FILES / pattern.format("old")
    name = case.split(" ")[0]
    assert recognise(Content(path)).name == name
    other = tmp_path / "results"  # the ending says nothing
    other.write_bytes(path.read_bytes())
    assert recognise(Content(other)).name == name
    with pytest.raises(supersede.errors.SourceError, match="is not a file of"):
        recognise(Content(path), "resolved-ids")


def test_metadata_become_groups():
    table = join_runs([FILES / "inspect_old.eval", FILES / "inspect_new.eval"], groups=["category"])
    assert {"category", "difficulty"} <= set(table.rows.columns)
    assert table.label is None


def test_several_scorers_need_a_name():
    both = [FILES / "inspect_old_scorers.json", FILES / "inspect_new_scorers.json"]
    with pytest.raises(supersede.errors.ArgumentError, match="--metric NAME") as error:
        join_runs(both)
    assert re.search(r"'match', 'includes'", str(error.value))
    assert join_runs(both, columns=RunColumns(metric="includes")).size == 8


def test_an_error_is_no_answer():
    both = [FILES / "inspect_old.eval", FILES / "inspect_new_error.eval"]
    with pytest.raises(supersede.errors.MissingPredictionError, match=r"'sum-07'.*--missing wrong"):
        join_runs(both)
    joined = join_runs(both, missing="wrong").joined
    assert joined.errors == {"inspect_new_error": ("sum-07",)}
    assert join_runs(both, missing="drop").size == 19


def test_a_run_that_died_is_not_complete():
    both = [FILES / "inspect_old.eval", FILES / "inspect_new_died.eval"]
    with pytest.raises(supersede.errors.MissingPredictionError, match="status 'error'"):
        join_runs(both)
    joined = join_runs(both, missing="drop").joined
    assert "is not complete" in joined.notes[0]


def test_one_file_with_two_models_is_split():
    path = FILES / "promptfoo_both.json"
    table = split_run(path, ["old", "new"])
    assert table.size == 6
    review = supersede.compare(path, old="old", new="new")
    assert list(review.table.models) == ["old", "new"]
    with pytest.raises(supersede.errors.ArgumentError, match="--old 'new' --new 'old'"):
        join_runs([path, FILES / "promptfoo_new.json"])
    with pytest.raises(supersede.errors.ArgumentError, match="no model 'newest'"):
        split_run(path, ["old", "newest"])


def test_promptfoo_errors_are_told_from_failed_assertions():
    both = [FILES / "promptfoo_old.json", FILES / "promptfoo_error.json"]
    joined = join_runs(both, missing="wrong", changed="keep").joined
    assert len(joined.errors["promptfoo_error"]) == 1
