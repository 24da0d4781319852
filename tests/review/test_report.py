"""The report: whole, safe, complete, and the same in every form."""

import json
import re

import pandas as pd
import pytest

import supersede
from supersede import errors
from supersede.review import MaxNFR, MaxSliceNFR, MinGain, MustNotBreak

NASTY = "<script>alert('x')</script> & Größe | 名"


@pytest.fixture
def review(frame):
    rows = frame(1500)
    rows.loc[rows.index[:200], "site"] = NASTY
    rows["c"] = rows["a"]
    return supersede.compare(
        rows, old="a", new=["b", "c"], groups=["sex", "site"], cross=[("sex", "site")],
        checks=[MinGain(0), MaxNFR(0.05), MaxSliceNFR(0.05), MustNotBreak(items=[1, 2])],
    )  # fmt: skip


def test_html_is_self_contained_and_escaped(review):
    page = review.to_html()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "Größe" in page
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)
    assert "@import" not in page
    for question in (
        "Can b replace a?",
        "Does any slice break?",
        "What to do next",
        "How this was",
    ):
        assert question in page
    for svg in re.findall(r"<svg.*?</svg>", page, re.S):
        assert "<title>" in svg
        assert "<desc>" in svg


def test_a_notebook_shows_it(review):
    shown = review._repr_html_()
    assert shown.startswith("<iframe srcdoc=")  # styles stay inside
    assert "&lt;svg" in shown
    assert (
        '"'
        not in re.sub(r"^<iframe|></iframe>$", "", shown).split('srcdoc="')[1].split('" title')[0]
    )


def test_json_is_strict_and_complete(review):
    data = json.loads(review.to_json(), parse_constant=lambda name: pytest.fail(name))
    assert data["schema_version"] == 1
    assert data["verdict"] == review.verdict
    assert [c["name"] for c in data["candidates"]] == ["b", "c"]
    finding = data["candidates"][0]["findings"][2]
    assert finding["check"] == "max_slice_nfr"
    assert {"slice", "n", "estimate", "low", "high"} <= finding["slices"][0].keys()
    assert data["table"]["fingerprint"] == review.table.fingerprint


def test_markdown_keeps_its_table(review):
    rows = [line for line in review.to_markdown().splitlines() if line.startswith("|")]
    assert len({line.replace("\\|", "").count("|") for line in rows[:6]}) == 1
    assert "<script" not in review.to_markdown()


def test_the_same_data_gives_the_same_report(frame):
    first, second = (supersede.compare(frame(500), old="a", new="b") for _ in range(2))
    a, b = first.to_dict(), second.to_dict()
    a.pop("created"), b.pop("created")
    assert str(a) == str(b)


def test_what_cannot_be_written_is_refused_and_nothing_is_lost(review, tmp_path):
    (tmp_path / "file").write_text("here before")
    with pytest.raises(errors.ReportError, match="choose another location"):
        review.save(tmp_path / "file" / "report.html")
    with pytest.raises(errors.ArgumentError, match=r"\.html, \.json, \.md"):
        review.save(tmp_path / "report.pdf")
    assert (tmp_path / "file").read_text() == "here before"


def test_an_interrupted_write_leaves_the_old_report(review, tmp_path, monkeypatch):
    path = review.save(tmp_path / "report.html")
    before = path.read_text()

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        review.save(path)
    assert path.read_text() == before
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_a_group_of_one_is_shown_as_too_few(frame):
    rows = pd.concat([frame(500), frame(1).assign(id=-1, site="lonely")])
    page = supersede.compare(
        rows, old="a", new="b", groups=["site"], checks=[MaxSliceNFR(0.2)]
    ).to_html()
    assert "1 item: too few to judge" in page
