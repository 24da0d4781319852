"""Killed −9 at random moments under live writes and searches: nothing lost, nothing twice."""

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from supersede.embeddings.indexes.opening import open_index
from supersede.embeddings.migration.plan import plan_migration
from supersede.embeddings.vectors import unit
from tests.embeddings.migration.worker import Model, Store, opened

ITEMS, KILLS = 400, 3


@pytest.fixture(params=["lancedb", "faiss", "pgvector"])
def addresses(request, tmp_path):
    if request.param == "pgvector":
        server = request.getfixturevalue("vector_postgres")
        return f"{server}#kill_old", f"{server}#kill_new"
    if request.param == "faiss":
        return f"faiss:{tmp_path}/old.log", f"faiss:{tmp_path}/new.log"
    return f"lancedb:{tmp_path}/db/old", f"lancedb:{tmp_path}/db/new"


def test_nothing_is_lost_and_nothing_is_there_twice(addresses, tmp_path):
    told = {
        "folder": str(tmp_path / "move"), "store": str(tmp_path / "store"), "old": addresses[0],
        "new": addresses[1], "dimensions": 8, "items": ITEMS, "batch": 8,
    }  # fmt: skip
    Path(told["store"]).mkdir()
    store, before, after = Store(told["store"]), Model("old-1", 8), Model("newer-1", 8)
    names = [f"i{i}" for i in range(ITEMS)]
    truth = {name: str(i) for i, name in enumerate(names)}
    for name, content in truth.items():
        store.put(name, content)
    old = open_index(addresses[0], stamp="old-1", dimensions=8)
    old.write(names, before.embed(list(truth.values())), np.zeros(ITEMS, int), stamp="old-1")
    new = open_index(addresses[1], stamp="newer-1", dimensions=8)
    plan_migration(told["folder"], old, new, after, store)
    del old, new
    rng = np.random.default_rng(0)
    for kill in range(KILLS):
        truth |= _killed(told | {"seed": kill}, int(rng.integers(3, 25)))
    migration = opened(told)
    migration.run()
    for name in [*names, *(f"i{i}" for i in range(ITEMS, ITEMS + 50))]:
        kept = store.fetch([name])[0]
        if kept != truth.get(name):  # never acknowledged: the application says it again
            (migration.delete([name]) if kept is None else migration.put([name], [kept]))
            truth[name] = kept
    _hold(migration, truth, before, after)
    migration.cutover()
    assert migration.status().phase == "cut over"
    migration.close()


def _killed(told, acknowledged):
    """Let a worker acknowledge some writes, kill it, and return what it acknowledged."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.embeddings.migration.worker", json.dumps(told)],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        cwd=Path(__file__).parents[3],
    )  # fmt: skip
    said = {}
    try:
        assert process.stdout.readline() == "ready\n"
        while len(said) < acknowledged:
            item, content = json.loads(process.stdout.readline())
            said[item] = content
        # somewhere within the next writes
        select.select([], [], [], np.random.default_rng(told["seed"]).random() * 0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
    said.update(json.loads(line) for line in rest.splitlines() if line.endswith("]"))
    return said


def _hold(migration, truth, before, after):
    live = sorted(name for name, content in truth.items() if content is not None)
    for index, model in ((migration.old, before), (migration.new, after)):
        assert index.ids() == live
        held = index.contents()
        assert held.rows == held.distinct
        assert set(held.stamps) == {model.stamp}
        stored = index.read(live)
        expected = unit(model.embed([truth[name] for name in stored.ids]))
        np.testing.assert_allclose(stored.vectors, expected, atol=1e-5)
