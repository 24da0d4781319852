"""Updates of a deployed network by LQF, plain and held near it where it was right.

Old: 11,978 parameters, trained on 400 digits; update: 100 more; 500 to choose the strength on; judged on
2,000 of the test part. Run with ``python -m benchmarks.linear_flips``; kept by seed in ``out/linear``.
"""

import numpy as np
import torch

from benchmarks.linear_fewshot import mnist, network, train
from benchmarks.linear_rows import kept
from supersede.train.linear import LQF

SEEDS = range(10)
OLD, MORE, VALIDATION, TEST = 400, 100, 500, 2000
STRENGTHS = (0.5, 1.0, 2.0, 4.0)


def judged(answers, old, truth) -> dict:
    right = np.asarray(answers) == truth
    was = np.asarray(old) == truth
    return {"error": float(1 - right.mean()), "nfr": float((was & ~right).mean())}


def one_seed(seed: int) -> dict:
    image, label, test_image, test_label = mnist()
    rows = np.random.default_rng(seed).permutation(len(label))
    o, m, v = np.split(rows[: OLD + MORE + VALIDATION], [OLD, OLD + MORE])
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        old = network(0.0, outputs=10)
    train(old, image(o), torch.tensor(label[o]), rate=3e-3, steps=200, seed=seed)
    fit = LQF(old.eval(), body_weight=1.0).fit(image(m), label[m])
    front = fit.keeping_front(image(v), label[v], strengths=STRENGTHS)
    test = np.random.default_rng(seed).permutation(len(test_label))[:TEST]
    x, y = test_image(test), test_label[test]
    said = front.chosen.rows(x, y)
    result = {name: judged(said[name], said["old"], y) for name in ("old", "plain", "kept")}
    only_right = fit.keeping_front(image(v), label[v], strengths=STRENGTHS, on=("right",)).chosen
    result["kept right"] = judged(only_right.predict(x), said["old"], y)
    mixed = fit.base_outputs(x) + 0.5 * (fit.outputs(x) - fit.base_outputs(x))
    result["half the change"] = judged(mixed.argmax(1), said["old"], y)
    result["gap"] = max(front.chosen.gap, only_right.gap)
    result["chosen"] = f"{front.front.chosen.treatment} {front.chosen.strength:g}"
    result["costly"] = int((front.chosen.multipliers > 0).sum())
    return result


if __name__ == "__main__":
    torch.set_num_threads(1)
    kept("flips", SEEDS, one_seed)
