"""``supersede lastmile``, called as the command line calls it."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.lastmile.test_tables import KNOWN, SITE
from tests.lastmile.voices import flite

from supersede.cli import main
from supersede.lastmile.audio import Tone, write_clip


@pytest.fixture
def tables(tmp_path):
    pq.write_table(pa.table({k: pa.array(v) for k, v in KNOWN.items()}), tmp_path / "known.parquet")
    site = {**SITE, "hours": SITE["hours"] * 60}
    pq.write_table(pa.table({k: pa.array(v) for k, v in site.items()}), tmp_path / "site.parquet")
    return tmp_path


def test_rows_are_repaired_and_written(tables, capsys):
    code = main([
        "lastmile", str(tables / "site.parquet"), "--against", str(tables / "known.parquet"),
        "--repaired", str(tables / "fixed.parquet"), "--out", str(tables / "a.html"),
        "--json", str(tables / "a.json"),
    ])  # fmt: skip
    assert code == 3  # undone, but without labels the effect is unknown
    assert "minutes and hours" in capsys.readouterr().out
    fixed = pq.read_table(tables / "fixed.parquet")["hours"].to_numpy()
    assert fixed == pytest.approx(SITE["hours"])
    assert json.loads((tables / "a.json").read_text())["undone"] == ["hours"]
    assert (
        main(
            ["lastmile", str(tables / "fixed.parquet"), "--against", str(tables / "known.parquet")]
        )
        == 0
    )


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([], "--audio"),
        (["--against", "known.parquet", "--audio", "path"], "--audio"),
        (["--against", "known.parquet", "--words", "w.txt"], "--words does not go"),
        (["--audio", "path"], "--reference"),
        (["--against", "known.parquet", "--label", "y"], "--onnx and --label"),
    ],
)
def test_flags_that_do_not_go_together_are_refused(tables, flags, words, capsys, monkeypatch):
    monkeypatch.chdir(tables)
    assert main(["lastmile", "site.parquet", *flags]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("table", "flags", "words"),
    [
        ("path,text\na.wav,one\n,two\n", [], "row 1 has no file"),
        ("path,text\na.wav,one\nb.wav,two\n", [], "no such file"),
        ("path,text\nx/a.wav,one\nx/a.flac,two\n", ["--repaired", "out"], "two clips would be written"),
        ("path,text\n../a.wav,one\n", ["--repaired", "out"], "would lie outside"),
        ("path,text\nletter.txt,one\n", [], "cannot be read as audio"),
        ("path,text\nletter.txt,one\n", ["--words", "picture.png"], "not text in UTF-8"),
    ],
)  # fmt: skip
def test_clips_that_cannot_be_read_are_refused(table, flags, words, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clips.csv").write_text(table)
    (tmp_path / "letter.txt").write_text("this is a letter")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff")
    if words == "not text in UTF-8":
        from supersede.lastmile.audio import Clip

        write_clip(Clip(np.sin(np.arange(16_000))), tmp_path / "letter.txt.wav")
        (tmp_path / "clips.csv").write_text("path,text\nletter.txt.wav,one\n")
    code = main(["lastmile", "clips.csv", "--audio", "path", "--reference", "text", *flags])
    assert code == 2
    assert words in capsys.readouterr().err


def test_labels_that_are_no_codes_are_refused(tables, capsys):
    site = pq.read_table(tables / "site.parquet")
    rows = site.append_column("y", pa.array(["yes", "no"] * (site.num_rows // 2)))
    pq.write_table(rows, tables / "labelled.parquet")
    (tables / "m.onnx").write_bytes(b"x")
    flags = ["--against", str(tables / "known.parquet"), "--onnx", str(tables / "m.onnx"), "--label", "y"]  # fmt: skip
    assert main(["lastmile", str(tables / "labelled.parquet"), *flags, "--reads", "hours"]) == 2
    assert "must be codes from 0 to 1" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("flite") is None, reason="tools/environment installs flite")
def test_a_ward_is_repaired_with_a_real_recogniser(tmp_path, capsys):
    from benchmarks.ward import vocabulary

    spoken = [s for s in flite(tmp_path / "clean") if s[0] == "rms"]
    lines = ["path,text"]
    for i, (_, text, clip) in enumerate(spoken):
        write_clip(Tone(1000).apply(clip, seed=i), tmp_path / f"{i}.wav")
        lines.append(f"{i}.wav,{text}")
    (tmp_path / "clips.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "words.txt").write_text(" ".join(vocabulary()))
    code = main([
        "lastmile", str(tmp_path / "clips.csv"), "--audio", "path", "--reference", "text",
        "--words", str(tmp_path / "words.txt"), "--all-synthetic", "--json", str(tmp_path / "a.json"),
        "--repaired", str(tmp_path / "repaired"),
    ])  # fmt: skip
    assert code in {0, 3}
    found = json.loads((tmp_path / "a.json").read_text())
    assert round(found["tones"][0]["frequency"]) == pytest.approx(1000, abs=2)
    assert found["rows"][0]["after"] < found["rows"][0]["before"] / 2
    assert capsys.readouterr().out.startswith("SYNTHETIC")
    assert len(list((tmp_path / "repaired").iterdir())) == len(spoken)
    assert np.isfinite(found["rows"][0]["high"])
