import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from supersede.cli import main
from supersede.embeddings.indexes.opening import open_index


class Lengths:
    """An embedder of texts that is importable by name."""

    stamp, dimensions = "lengths-2", 3

    def embed(self, contents):
        return [[1.0, len(text), text.count("a")] for text in contents]


@pytest.fixture
def old(tmp_path):
    address = f"faiss:{tmp_path}/old.log"
    index = open_index(address, stamp="old-1", dimensions=2)
    rng = np.random.default_rng(0)
    index.write([f"d{i}" for i in range(90)], rng.normal(size=(90, 2)), np.zeros(90), stamp="old-1")
    return address


def _texts(tmp_path, n=90):
    table = pa.table({"id": [f"d{i}" for i in range(n)], "text": ["a" * (i + 1) for i in range(n)]})
    pq.write_table(table, tmp_path / "docs.parquet")
    return str(tmp_path / "docs.parquet")


def _plan(tmp_path, old, *more):
    embedder = "tests.cli.test_migrate:Lengths"
    return main([
        "migrate", "plan", str(tmp_path / "move"), "--old-index", old, "--new-index", f"faiss:{tmp_path}/new.log",
        "--embedder", embedder, "--items", _texts(tmp_path), *more,
    ])  # fmt: skip


def test_a_migration_from_the_command_line(tmp_path, old, capsys):
    folder, out = str(tmp_path / "move"), tmp_path / "status.json"
    assert (
        _plan(tmp_path, old, "--price-per-embedding", "0.1", "--cap", "8", "--json", str(out)) == 0
    )
    assert json.loads(out.read_text())["price"] == pytest.approx(9)
    assert "the cap of 8.00 stops it" in capsys.readouterr().out
    assert main(["migrate", "cutover", folder]) == 1
    assert "90 items are not embedded yet" in capsys.readouterr().out
    assert main(["migrate", "run", folder, "--batch", "10", "--quiet"]) == 3
    assert "--cap" in capsys.readouterr().out
    assert main(["migrate", "run", folder, "--cap", "100", "--quiet"]) == 0
    assert main(["migrate", "status", folder, "--json", str(out)]) == 0
    assert json.loads(out.read_text())["done"] == 90
    assert main(["migrate", "cutover", folder]) == 0
    assert "cut over" in capsys.readouterr().out
    assert main(["migrate", "rollback", folder]) == 0
    new = open_index(f"faiss:{tmp_path}/new.log")
    assert new.contents().stamps == {"lengths-2": 90}


def test_vectors_from_a_file(tmp_path, old, capsys):
    rng = np.random.default_rng(0)
    np.savez(
        tmp_path / "new.npz", v=rng.normal(size=(89, 4)), id=np.array([f"d{i}" for i in range(89)])
    )
    folder = str(tmp_path / "move")
    plan = ["migrate", "plan", folder, "--old-index", old, "--new-index", f"faiss:{tmp_path}/n.log", "--embedder",
            str(tmp_path / "new.npz")]  # fmt: skip
    assert main(plan) == 2
    assert "--stamp" in capsys.readouterr().err
    assert main([*plan, "--stamp", "file-1"]) == 0
    assert main(["migrate", "run", folder, "--quiet"]) == 0
    assert "d89: there is no content (or vector) for it" in capsys.readouterr().out
    assert main(["migrate", "cutover", folder]) == 1
    assert "--retry" in capsys.readouterr().out


def test_bad_input_is_said(tmp_path, old, capsys):
    assert main(["migrate", "status", str(tmp_path / "none")]) == 2
    assert "plan one first" in capsys.readouterr().err
    assert main(["migrate", "plan", str(tmp_path / "m"), "--old-index", old]) == 2
    assert "a plan needs --new-index, --embedder" in capsys.readouterr().err
    assert (
        main(
            [
                "migrate",
                "plan",
                str(tmp_path / "m"),
                "--old-index",
                old,
                "--new-index",
                "faiss:x",
                "--embedder",
                "no:where",
                "--items",
                _texts(tmp_path),
            ]
        )
        == 2
    )
    assert "no embedder 'no:where'" in capsys.readouterr().err


def test_an_embedder_of_the_folder_one_works_in(tmp_path, old, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "elsewhere")  # restores the path afterwards
    (tmp_path / "folders_own.py").write_text(
        "class Ones:\n    stamp, dimensions = 'ones', 2\n"
        "    def embed(self, contents):\n        return [[1.0, 1.0] for _ in contents]\n"
        "def missing_key():\n    raise KeyError('API_KEY')\n"
    )
    (tmp_path / "order.txt").write_text("\n".join(f"d{i}" for i in reversed(range(90))) + "\n")
    _texts(tmp_path)
    args = [
        "--old-index",
        "faiss:old.log",
        "--new-index",
        "faiss:new.log",
        "--items",
        "docs.parquet",
    ]
    assert main(["migrate", "plan", "move", *args, "--embedder", "folders_own:missing_key"]) == 2
    assert "could not be made: KeyError: 'API_KEY'" in capsys.readouterr().err
    named = ["--embedder", "folders_own:Ones", "--order", "order.txt"]
    assert main(["migrate", "plan", "move", *args, *named]) == 0
    monkeypatch.chdir(tmp_path.parent)  # addresses are found from anywhere
    assert main(["migrate", "run", str(tmp_path / "move"), "--limit", "3"]) == 0
    assert open_index(f"faiss:{tmp_path}/new.log").ids() == ["d87", "d88", "d89"]
    assert main(["migrate", "run", str(tmp_path / "move"), "--cap", "nan"]) == 2
