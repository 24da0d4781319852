"""A process that migrates, writes and searches until it is killed; run by the tests of kills.

It acknowledges each live write on standard output only after `put` or `delete` returned.
"""

import json
import sys
import threading
import time
from pathlib import Path

import numpy as np

from supersede.embeddings.indexes.opening import open_index
from supersede.embeddings.migration.migration import Migration


class Model:
    """Embeds a number by a generator seeded with it, so that anybody can say what is right."""

    def __init__(self, stamp, dimensions):
        self.stamp, self.dimensions = stamp, dimensions

    def embed(self, contents):
        salt = len(self.stamp)
        return np.stack(
            [np.random.default_rng([int(c), salt]).normal(size=self.dimensions) for c in contents]
        )


class Store:
    """Contents in a file per item: what the application keeps beside its index."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def fetch(self, ids):
        paths = [self.folder / name for name in ids]
        return [path.read_text() or None if path.exists() else None for path in paths]

    def put(self, item, content):
        scratch = self.folder / f".{item}"
        scratch.write_text(content)
        scratch.replace(self.folder / item)


def opened(told):
    old, new = Model("old-1", told["dimensions"]), Model("newer-1", told["dimensions"])
    return Migration(
        told["folder"], open_index(told["old"]), open_index(told["new"]), new, Store(told["store"]),
        old_embedder=old,
    )  # fmt: skip


def main():
    told = json.loads(sys.argv[1])
    migration = opened(told)
    migration.recover()
    rng = np.random.default_rng(told["seed"])
    store, items = Store(told["store"]), told["items"]
    print("ready", flush=True)

    def live():
        while True:
            item = f"i{rng.integers(items + 50)}"
            if rng.random() < 0.15:
                store.put(item, "")
                migration.delete([item])
                print(json.dumps([item, None]), flush=True)
            else:
                content = str(rng.integers(10**9))
                store.put(item, content)
                migration.put([item], [content])
                print(json.dumps([item, content]), flush=True)
            migration.search(rng.normal(size=(1, told["dimensions"])), k=3)

    threading.Thread(target=live, daemon=True).start()
    while True:
        migration.run(batch=told["batch"])
        time.sleep(0.01)


if __name__ == "__main__":
    main()
