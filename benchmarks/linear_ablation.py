"""The paper's three ingredients, one by one: leaky ReLU, squared loss, preconditioning.

Ten shots of the few-shot digits. All fit the same expansion; stochastic gradients without a
preconditioner choose their rate on the 250 validation images, the others have none to choose.
Run with ``python -m benchmarks.linear_ablation``; kept by seed in ``out/linear``.
"""

import copy

import numpy as np
import torch
from torch.nn import functional

from benchmarks.linear_fewshot import BATCH, TEST, accuracy, few, mnist, pretrained, with_head
from benchmarks.linear_rows import kept
from supersede.train.linear import LQF, Linearized

SEEDS = range(10)
SHOTS, STEPS = 10, 60
RATES = {"cross-entropy": (1e-3, 1e-2, 1e-1), "squared": (1e-4, 1e-3, 1e-2)}


def squared(out, y):
    return 0.5 * (out - 15 * functional.one_hot(y, 5)).square().sum(1).mean()


LOSSES = {"cross-entropy": functional.cross_entropy, "squared": squared}


def descended(start, x, y, loss, rate: float, seed: int):
    """Plain stochastic gradients with momentum on the expansion; NaN outputs where it diverges."""
    linear = Linearized(start)
    optimizer = torch.optim.SGD(linear.change.parameters(), rate, momentum=0.9)
    pace = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    generator = torch.Generator().manual_seed(seed)
    done = 0
    while done < STEPS:
        for rows in torch.randperm(len(x), generator=generator).split(BATCH):
            optimizer.zero_grad()
            loss(linear(x[rows]), y[rows]).backward()
            optimizer.step()
            pace.step()
            done += 1
            if done == STEPS:
                break
    return linear


def answers(linear, x):
    with torch.no_grad():
        return linear(x).argmax(1).numpy()


def one_seed(seed: int) -> dict:
    image, label, test_image, test_label = mnist()
    rows = np.flatnonzero(test_label >= 5)[:TEST]
    x_test, y_test = test_image(rows), test_label[rows] - 5
    result = {}
    for act, slope in (("ReLU", 0.0), ("leaky ReLU", 0.2)):
        start = with_head(pretrained(seed, slope, image, label), seed)
        x, y, x_v, y_v = few(seed, SHOTS, image, label)
        for name, loss in LOSSES.items():
            made = [
                descended(copy.deepcopy(start), x, torch.tensor(y), loss, rate, seed)
                for rate in RATES[name]
            ]
            best = int(np.argmax([accuracy(answers(m, x_v), y_v) for m in made]))
            result[f"{act}, {name}, plain"] = accuracy(answers(made[best], x_test), y_test)
        exact = LQF(start, body_weight=1.0).fit(x, y)
        result[f"{act}, squared, exact"] = accuracy(exact.predict(x_test), y_test)
        near = LQF(
            start, solver="sgd", regularization=exact.penalty.value, epochs=STEPS // 2, batch=BATCH
        ).fit(x, y)
        result[f"{act}, squared, K-FAC"] = accuracy(near.predict(x_test), y_test)
    return result


if __name__ == "__main__":
    torch.set_num_threads(1)
    kept("ablation", SEEDS, one_seed)
