import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.embeddings.made import world

from supersede.cli import main
from supersede.embeddings import fit_procrustes, save_map


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
