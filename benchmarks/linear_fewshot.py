"""Few-shot digits: pretrained on 0–4, fitted to a few images of 5–9, judged on others of 5–9.

Fine-tuning's rate is chosen on 250 further images. LQF is shown twice: with its regularization by
leave-one-out, which needs no further image, and chosen on the same 250.
Run with ``python -m benchmarks.linear_fewshot``; results are kept by seed in ``out/linear``.
"""

import copy
import time
from dataclasses import replace

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.linear_rows import DATA, kept
from supersede.train.linear import LQF
from supersede.train.linear.penalty import GRID
from supersede.train.linear.solving import change_for, with_change

SEEDS = range(10)
SHOTS = (1, 2, 5, 10, 25)
RATES = (3e-4, 1e-3, 3e-3, 1e-2)
STEPS, BATCH, TEST = 100, 32, 1000
CLASSES = range(5, 10)


def network(slope: float, outputs: int = 5) -> nn.Sequential:
    """11,813 parameters with five outputs; slope 0 is ReLU."""

    def act() -> nn.Module:
        return nn.LeakyReLU(slope) if slope else nn.ReLU()

    return nn.Sequential(
        nn.Conv2d(1, 8, 5), act(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 5), act(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(256, 32), act(), nn.Linear(32, outputs),
    )  # fmt: skip


def mnist():
    """Images in [0, 1] as functions of rows, and labels, of the training and the test part."""
    held = np.load(DATA / "mnist" / "mnist.npz")
    parts = []
    for name in ("train", "test"):
        images = held[f"x_{name}"]
        parts += [
            lambda rows, images=images: torch.tensor(images[rows]).float()[:, None] / 255,
            held[f"y_{name}"].astype(np.int64),
        ]
    return parts


def train(net, x, y, *, rate: float, steps: int, seed: int, loss=functional.cross_entropy):
    """Adam with a rate that falls along a cosine; mini-batches; in place."""
    optimizer = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], rate)
    pace = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    generator = torch.Generator().manual_seed(seed)
    done = 0
    while done < steps:
        for rows in torch.randperm(len(x), generator=generator).split(BATCH):
            optimizer.zero_grad()
            loss(net(x[rows]), y[rows]).backward()
            optimizer.step()
            pace.step()
            done += 1
            if done == steps:
                break
    return net


def pretrained(seed: int, slope: float, image, label) -> nn.Sequential:
    """Trained on 3,000 images of 0–4, four passes."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = network(slope)
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(label < 5))[:3000]
    train(net, image(rows), torch.tensor(label[rows]), rate=3e-3, steps=4 * 94, seed=seed)
    return net.eval()


def with_head(net: nn.Sequential, seed: int) -> nn.Sequential:
    """A copy with a new last layer, random and the same for every method."""
    made = copy.deepcopy(net)
    with torch.random.fork_rng():
        torch.manual_seed(1000 + seed)
        made[-1] = nn.Linear(32, 5)
    return made.eval()


def accuracy(answers, truth) -> float:
    return float((np.asarray(answers) == np.asarray(truth)).mean())


def said(net, x) -> np.ndarray:
    with torch.inference_mode():
        return net(x).argmax(1).numpy()


def few(seed: int, shots: int, image, label):
    """The few images, and 250 more for choosing a rate."""
    rows = np.random.default_rng(100 + seed).permutation(np.flatnonzero(label >= 5))
    by_class = [rows[label[rows] == c] for c in CLASSES]
    chosen = np.concatenate([r[:shots] for r in by_class])
    others = np.concatenate([r[-50:] for r in by_class])
    return image(chosen), label[chosen] - 5, image(others), label[others] - 5


def at_penalty(fit, penalty: float):
    """The fit with another penalty."""
    r = fit.items.targets - fit.base
    left = fit.spectrum.residual(r.reshape(-1), penalty).reshape(r.shape)
    change = change_for(fit.linear, fit.items, fit.jacobian, left) / penalty
    return replace(fit, linear=with_change(fit.linear, change))


def validated(fit, x, y):
    """The fit with the penalty that does best on validation images."""
    fits = [at_penalty(fit, ratio * fit.spectrum.scale) for ratio in GRID[::2]]
    return max(fits, key=lambda f: accuracy(f.predict(x), y))  # the first of equals


def weighted(seed: int) -> dict:
    """LQF with the weight of the layers before the last by leave-one-out, the default."""
    image, label, test_image, test_label = mnist()
    rows = np.flatnonzero(test_label >= 5)[:TEST]
    x_test, y_test = test_image(rows), test_label[rows] - 5
    result = {}
    for name, slope in (("relu", 0.0), ("leaky", 0.2)):
        start = with_head(pretrained(seed, slope, image, label), seed)
        for shots in SHOTS:
            x, y, _, _ = few(seed, shots, image, label)
            begun = time.process_time()
            fit = LQF(start).fit(x, y)
            spent = time.process_time() - begun
            found = accuracy(fit.predict(x_test), y_test)
            result[f"{name} {shots}"] = {"weighted": found, "weighted seconds": spent}
    return result


def one_seed(seed: int) -> dict:
    image, label, test_image, test_label = mnist()
    rows = np.flatnonzero(test_label >= 5)[:TEST]
    x_test, y_test = test_image(rows), test_label[rows] - 5
    result: dict = {}
    for name, slope in (("relu", 0.0), ("leaky", 0.2)):
        net = pretrained(seed, slope, image, label)
        for shots in SHOTS:
            x, y, x_v, y_v = few(seed, shots, image, label)
            start = with_head(net, seed)
            begun = time.process_time()
            fit = LQF(start, body_weight=1.0).fit(x, y)
            spent = time.process_time() - begun
            entry = {"lqf": accuracy(fit.predict(x_test), y_test), "lqf seconds": spent}
            entry["lqf validated"] = accuracy(validated(fit, x_v, y_v).predict(x_test), y_test)
            with torch.no_grad():
                inside, inside_test = start[:-1](x), start[:-1](x_test)
            probe = LQF(start[-1]).fit(inside, y)
            entry["probe"] = accuracy(probe.predict(inside_test), y_test)
            result[f"{name} {shots}"] = entry
            tuned = [
                train(copy.deepcopy(start), x, torch.tensor(y), rate=rate, steps=STEPS, seed=seed)
                for rate in RATES
            ]
            on_v = [accuracy(said(t, x_v), y_v) for t in tuned]
            on_test = [accuracy(said(t, x_test), y_test) for t in tuned]
            entry |= {"tuned": on_test[int(np.argmax(on_v))], "worst rate": min(on_test),
                      "rates": on_test}  # fmt: skip
    return result


if __name__ == "__main__":
    torch.set_num_threads(1)
    kept("weighted", SEEDS, weighted)
    kept("fewshot", SEEDS, one_seed)
