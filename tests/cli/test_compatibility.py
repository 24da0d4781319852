import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.embeddings.made import world

from supersede.cli import main
from supersede.embeddings import fit_procrustes, save_map
from supersede.embeddings.indexes.opening import open_index


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vectors")
    made = world()

    def write(name, values, **columns):
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])
        pq.write_table(pa.table({"vector": vectors, **columns}), folder / f"{name}.parquet")

    ids, answers = np.arange(900), made.answers
    write(
        "qo",
        made.queries_old,
        id=[f"q{i}" for i in range(300)],
        right=answers,
        lang=["de", "fr", "it"] * 100,
    )
    turn = np.random.default_rng(0).permutation(300)
    write("qn", made.queries_new[turn], id=[f"q{i}" for i in turn])
    write("go", made.gallery_old, id=ids)
    write("gn", made.gallery_new, id=ids)
    write("half", made.gallery_new[:450], id=ids[:450])
    save_map(fit_procrustes(made.gallery_new, made.gallery_old), folder / "bridge.npz")
    return folder


def _run(folder, *more, new="qn", gallery="gn"):
    names = [str(folder / f"{name}.parquet") for name in ("qo", new, "go", gallery)]
    return main(["compatibility", *names, *more])


def test_a_new_space_fails_and_a_bridge_mends_it(folder, tmp_path, capsys):
    out = tmp_path / "r.json"
    assert _run(folder, "--relevant", "right", "--group", "lang", "--json", str(out)) == 1
    found = json.loads(out.read_text())
    assert {part["by"] for part in found["searches"]["slices"]} == {"lang"}
    assert found["tests"][2]["recall"]["1"]["value"] > found["tests"][0]["recall"]["1"]["value"]
    page = tmp_path / "r.html"
    bridge = str(folder / "bridge.npz")
    assert _run(folder, "--relevant", "right", "--bridge", bridge, "--out", str(page)) == 0
    assert "may search the old gallery" in capsys.readouterr().out
    assert page.read_text().startswith("<!doctype html>")


def test_bad_input_is_said(folder, capsys):
    assert _run(folder) == 2
    assert "--label COLUMN" in capsys.readouterr().err
    assert _run(folder, "--relevant", "wrong") == 2
    assert "no column 'wrong'" in capsys.readouterr().err
    assert _run(folder, "--relevant", "right", gallery="half") == 2
    assert "--common" in capsys.readouterr().err
    assert _run(folder, "--relevant", "right", "--common", gallery="half") == 1
    assert _run(folder, "--relevant", "right", new="nowhere") == 2
    assert "cannot read vectors" in capsys.readouterr().err


def test_galleries_may_be_indexes(folder, tmp_path, capsys):
    made = world()
    names = [str(folder / f"{name}.parquet") for name in ("qo", "qn")]
    for name, values in (("old", made.gallery_old), ("new", made.gallery_new)):
        index = open_index(f"faiss:{tmp_path}/{name}.log", stamp=name, dimensions=values.shape[1])
        index.write([str(i) for i in range(900)], values, np.zeros(900, int), stamp=name)
    told = []
    for galleries in (
        [f"faiss:{tmp_path}/old.log", f"faiss:{tmp_path}/new.log"],
        [str(folder / "go.parquet"), str(folder / "gn.parquet")],
    ):
        out = tmp_path / "r.json"
        options = [
            "--relevant",
            "right",
            "--bridge",
            str(folder / "bridge.npz"),
            "--json",
            str(out),
        ]
        main(["compatibility", *names, *galleries, *options])
        told.append(json.loads(out.read_text())["criterion"])
    assert told[0] == told[1]


def _write(path, values, **columns):
    rows = [None if row is None else list(row) for row in values]
    pq.write_table(pa.table({"vector": pa.array(rows), **columns}), path)
    return str(path)


@pytest.fixture
def small(tmp_path):
    """Files of 40 queries in a gallery of 90; a third of the answers are lists of two items."""
    rng = np.random.default_rng(0)
    gallery, turn = rng.normal(size=(90, 6)), np.linalg.qr(rng.normal(size=(6, 6)))[0]
    answers = rng.permutation(90)[:40]
    asked = gallery[answers] + 0.4 * rng.normal(size=(40, 6))
    names = [f"g{i}" for i in range(90)]
    ids = [f"q{i}" for i in range(40)]
    right = [[names[a], names[(a + 1) % 90]][: 1 + (i % 3 == 0)] for i, a in enumerate(answers)]
    files = {
        "qo": _write(tmp_path / "qo.parquet", asked, id=ids, right=right, stamp=["old"] * 40),
        "qn": _write(tmp_path / "qn.parquet", asked @ turn, id=ids),
        "go": _write(tmp_path / "go.parquet", gallery, id=names, stamp=["old"] * 90),
        "gn": _write(tmp_path / "gn.parquet", gallery @ turn, id=names),
    }
    return tmp_path, files, gallery, turn, names


def _told(files, tmp_path, **other):
    out = tmp_path / "r.json"
    code = main(
        ["compatibility", *({**files, **other}[n] for n in ("qo", "qn", "go", "gn")), "--relevant", "right",
         "--json", str(out)]
    )  # fmt: skip
    return code, json.loads(out.read_text()) if code != 2 else None


def test_several_answers_and_items_without_a_new_vector(small, capsys):
    tmp_path, files, gallery, turn, names = small
    code, whole = _told(files, tmp_path)
    assert code == 1
    assert whole["tests"][0]["recall"]["1"]["n"] == 40
    assert whole["tests"][0]["map"]["value"] < whole["tests"][0]["mrr"]["value"]
    short = [None if i in {3, 7} else row for i, row in enumerate(gallery @ turn)]
    lacking = _write(tmp_path / "short.parquet", short, id=names)
    assert _told(files, tmp_path, gn=lacking)[0] == 2
    assert "2 items have an old vector only" in capsys.readouterr().err
    args = [files["qo"], files["qn"], files["go"], lacking, "--relevant", "right", "--common"]
    assert main(["compatibility", *args]) == 1
    assert "in a gallery of 88" in capsys.readouterr().out


def test_answers_that_are_not_there_are_told(small, capsys):
    tmp_path, files, gallery, *_ = small
    ids = [f"q{i}" for i in range(40)]
    right = ["nobody" if i < 5 else None if i < 8 else f"g{i}" for i in range(40)]
    odd = _write(tmp_path / "odd.parquet", gallery[:40], id=ids, right=right)
    assert _told(files, tmp_path, qo=odd)[1]["skipped"] == 8
    assert "5 answers are not in the gallery, such as 'nobody'" in capsys.readouterr().out


def test_spaces_are_not_mixed_silently(small, capsys):
    tmp_path, files, gallery, turn, names = small
    mixed = _write(tmp_path / "m.parquet", gallery, id=names, stamp=["old"] * 60 + ["new"] * 30)
    assert _told(files, tmp_path, go=mixed)[0] == 2
    assert "several models ('new': 30, 'old': 60 rows)" in capsys.readouterr().err
    other = _write(tmp_path / "o.parquet", gallery, id=names, stamp=["older"] * 90)
    assert _told(files, tmp_path, go=other)[0] == 2
    assert "queries are of 'old' and the old gallery of 'older'" in capsys.readouterr().err
    keyed = _write(tmp_path / "k.parquet", gallery, key=names)
    turned = _write(tmp_path / "t.parquet", (gallery @ turn)[::-1], key=names[::-1])
    assert _told(files, tmp_path, go=keyed, gn=turned)[0] == 2
    assert "--item key" in capsys.readouterr().err


def test_a_gallery_no_longer_than_the_list_is_told(small, capsys):
    tmp_path, files, gallery, turn, names = small
    few = _write(tmp_path / "f.parquet", gallery[:8], id=names[:8])
    new = _write(tmp_path / "fn.parquet", (gallery @ turn)[:8], id=names[:8])
    _told(files, tmp_path, go=few, gn=new)
    assert "recall@10 says nothing: the gallery has 8 items" in capsys.readouterr().out


def test_queries_that_are_gallery_items_must_be_named(small, capsys):
    tmp_path, files, gallery, turn, names = small
    right = [names[(i + 1) % 90] for i in range(40)]
    asked = {
        "qo": _write(tmp_path / "a.parquet", gallery[:40], id=names[:40], right=right),
        "qn": _write(tmp_path / "b.parquet", (gallery @ turn)[:40], id=names[:40]),
    }
    assert _told(files, tmp_path, **asked)[0] == 2
    assert "40 of 40 queries are gallery items" in capsys.readouterr().err
    four = [asked["qo"], asked["qn"], files["go"], files["gn"]]
    assert main(["compatibility", *four, "--relevant", "right", "--same-items"]) in {1, 3}


def test_two_models_carry_two_stamps(small, capsys):
    tmp_path, files, gallery, turn, _ = small
    ids = [f"q{i}" for i in range(40)]
    same = _write(tmp_path / "s.parquet", (gallery @ turn)[:40], id=ids, stamp=["old"] * 40)
    assert _told(files, tmp_path, qn=same)[0] == 2
    assert "same stamp 'old'" in capsys.readouterr().err


def test_answers_that_nulls_made_floats_are_found(small):
    tmp_path, files, gallery, *_ = small
    ids = [f"q{i}" for i in range(40)]
    right = [float("nan") if i < 4 else float(i) for i in range(40)]
    numbers = list(range(90))
    odd = _write(tmp_path / "n.parquet", gallery[:40] + 0.1, id=ids, right=right)
    held = {n: _write(tmp_path / f"{n}9.parquet", gallery, id=numbers) for n in ("go", "gn")}
    code, told = _told(files, tmp_path, qo=odd, **held)
    assert (code != 2, told["skipped"]) == (True, 4)
