"""Compatible training on MNIST: cross and self test, lost searches, chains, small query networks.

Old model: seven classes, about 1,400 images; new: ten classes, 6,000 images; 16 dimensions; 500
queries in a gallery of 2,000, other images. Reads MNIST from SUPERSEDE_BENCH_DATA (default
../shared/data) and skips without it. The strength of every compatible loss is 1, as in the paper; nothing
is chosen on the queries. A seed takes about a CPU-minute; results are kept in --cache.
"""

import argparse
import itertools
import json
import os
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.measure import write
from supersede.embeddings import fit_procrustes, fit_ridge
from supersede.embeddings.relevance import relevance_of
from supersede.embeddings.report.paired import mean_difference
from supersede.embeddings.report.ranking import rank
from supersede.embeddings.training.chain import chain_report
from supersede.embeddings.training.heterogeneous import cross_reward
from supersede.embeddings.training.losses import BoundaryLoss, CompatibleLoss, NewToOldLoss
from supersede.embeddings.training.prototypes import head_with_new_classes, prototypes
from supersede.embeddings.vectors import unit

DATA = Path(os.environ.get("SUPERSEDE_BENCH_DATA", "../shared/data")) / "mnist" / "mnist.npz"
DIMENSIONS, SCALE, BATCH = 16, 16.0, 256


def network(hidden: tuple[int, ...], inputs: int = 784, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    sizes = [inputs, *hidden]
    layers: list[nn.Module] = []
    for a, b in itertools.pairwise(sizes):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], DIMENSIONS))


def macs(model: nn.Sequential) -> int:
    return sum(layer.weight.numel() for layer in model if isinstance(layer, nn.Linear))


def train(model, x, y, classes, extra=None, *, own=True, epochs=12, seed=0):
    """The usual normed softmax, and a further loss of (embeddings, labels, rows)."""
    draw = torch.Generator().manual_seed(seed)
    head = nn.Parameter(torch.randn(classes, DIMENSIONS, generator=draw))
    steps = torch.optim.Adam([*model.parameters(), head], lr=4e-3)
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=draw).split(BATCH):
            z = model(x[rows])
            loss = torch.zeros(())
            if own:
                cosine = functional.normalize(z) @ functional.normalize(head).T
                loss = functional.cross_entropy(SCALE * cosine, y[rows])
            if extra is not None:
                loss = loss + extra(z, y[rows], rows)
            steps.zero_grad()
            loss.backward()
            steps.step()
    return head.detach().numpy()


def embed(model, x) -> np.ndarray:
    with torch.no_grad():
        return model(torch.from_numpy(x)).numpy()


def one_seed(seed: int) -> dict:
    stored = np.load(DATA)
    images = stored["x_train"].reshape(-1, 784).astype(np.float32) / 255
    labels = stored["y_train"].astype(np.int64)
    order = np.random.default_rng(seed).permutation(60_000)
    fit, asked, held, rest = order[:6000], order[6000:6500], order[6500:8500], order[8500:9500]
    before = fit[:2000]
    before = before[labels[before] < 7]
    x, y = images[fit], labels[fit]
    q, g, yq, yg = images[asked], images[held], labels[asked], labels[held]
    relevance = relevance_of(500, 2000, query_labels=yq, gallery_labels=yg)

    old = network((32,), seed=1000 + seed)
    old_head = train(old, images[before], labels[before], 7, seed=2000 + seed)
    qo, go, fo = embed(old, q), embed(old, g), embed(old, x)
    base = rank(qo, go, relevance)
    means = prototypes(fo, y, 10)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        head_only = head_with_new_classes(old_head, fo, y, range(7), range(10))
    target = torch.from_numpy(unit(fo))
    proto, head = CompatibleLoss(means, scale=SCALE), CompatibleLoss(head_only, scale=SCALE)
    edge = BoundaryLoss(means, fo, y, quantile=0.5)
    contrast = NewToOldLoss(0.1)
    ways = {
        "independent": None,
        "L2 to the old embedding": lambda z, _, r: 10 * (functional.normalize(z) - target[r]).square().sum(1).mean(),
        "old head, new classes synthesised": lambda z, t, _: head(z, t),
        "class means": lambda z, t, _: proto(z, t),
        "class means + boundary": lambda z, t, _: proto(z, t) + edge(z, t),
        "contrast with old embeddings": lambda z, t, r: contrast(z, target[r], t),
    }  # fmt: skip

    def measured(name, queries, gallery, old_gallery=None) -> dict:
        cross, own = (
            rank(queries, go if old_gallery is None else old_gallery, relevance),
            rank(*gallery, relevance),
        )
        lost = (base.found(1) == 1) & (cross.found(1) == 0)
        apart = mean_difference(base.found(1), cross.found(1))
        return {"way": name, "cross": [float(cross.found(1).mean()), float(cross.precision.mean())],
                "self": [float(own.found(1).mean()), float(own.precision.mean())],
                "lost": float(lost.mean()), "low": apart.low}  # fmt: skip

    rows = [measured("old", qo, (qo, go))]
    models = {}
    for name, extra in ways.items():
        models[name] = network((128, 64), seed=3000 + seed)
        train(models[name], x, y, 10, extra, seed=4000 + seed)
        qn, gn = embed(models[name], q), embed(models[name], g)
        rows.append(measured(name, qn, (qn, gn)))
    new = models["independent"]
    qn, gn, fn = embed(new, q), embed(new, g), embed(new, x)
    for name, made in (
        ("bridge: Procrustes", fit_procrustes(fn, fo)),
        ("bridge: ridge", fit_ridge(fn, fo)),
    ):
        mapped = made.apply(qn)
        rows.append(measured(name, mapped, (qn, gn)))
        rows.append(
            measured(f"{name}, fused with the old query", unit(unit(qo) + mapped), (qn, gn))
        )
    return {"seed": seed, "rows": rows, "chain": chain(images, labels, fit, q, g, yq, yg, seed),
            "small": small(models, images, labels, fit, rest, q, g, yq, yg, seed)}  # fmt: skip


def chain(images, labels, fit, q, g, yq, yg, seed) -> dict:
    """Four versions, each compatible with the one before."""
    queries, galleries, free = [], [], {}
    last = None
    for at, (size, classes, hidden) in enumerate(((1000, 5, (16,)), (2000, 7, (32,)), (4000, 9, (64, 32)), (6000, 10, (128, 64)))):  # fmt: skip
        rows = fit[:size]
        rows = rows[labels[rows] < classes]
        model = network(hidden, seed=5000 + 10 * seed + at)
        extra = None
        if last is not None:
            loss = CompatibleLoss(
                prototypes(embed(last, images[rows]), labels[rows], classes), scale=SCALE
            )
            extra = lambda z, t, _, loss=loss: loss(z, t)  # noqa: E731
            alone = network(hidden, seed=5000 + 10 * seed + at)
            train(alone, images[rows], labels[rows], classes, seed=6000 + 10 * seed + at)
            free[f"v{at + 1}"] = (embed(alone, q), embed(alone, g))
        train(model, images[rows], labels[rows], classes, extra, seed=6000 + 10 * seed + at)
        queries.append(embed(model, q))
        galleries.append(embed(model, g))
        last = model
    return chain_report(queries, galleries, yq, yg, independent=free).to_dict()


def pooled(images: np.ndarray, size: int) -> np.ndarray:
    made = functional.adaptive_avg_pool2d(torch.from_numpy(images.reshape(-1, 1, 28, 28)), size)
    return made.reshape(len(images), -1).numpy()


def small(models, images, labels, fit, rest, q, g, yq, yg, seed) -> dict:
    """Small query networks against the large one's gallery."""
    large = models["independent"]
    gallery, taught = embed(large, g), torch.from_numpy(unit(embed(large, images[fit])))
    # the frozen gallery head: here the class means that its training pulled embeddings to
    frozen = CompatibleLoss(prototypes(taught.numpy(), labels[fit], 10), scale=SCALE)
    relevance = relevance_of(500, 2000, query_labels=yq, gallery_labels=yg)
    paragon = float(rank(embed(large, q), gallery, relevance).precision.mean())
    out = {"paragon": paragon, "macs": macs(large), "candidates": []}
    validation = embed(large, images[rest])
    # equal budgets of 4,000 to 5,000 multiply-adds, spent on pixels, width or depth
    for size, hidden in (
        (14, (20,)),
        (10, (38,)),
        (7, (64,)),
        (7, (44, 28)),
        (12, (28,)),
        (5, (100,)),
    ):
        model = network(hidden, size * size, seed=7000 + seed)
        few = pooled(images, size) if size else images

        def both(z, t, r):
            return frozen(z, t) + 10 * (functional.normalize(z) - taught[r]).square().sum(1).mean()

        train(model, few[fit], labels[fit], 10, both, own=False, epochs=20, seed=8000 + seed)
        asked = embed(model, few[rest])
        reward = cross_reward(
            asked[:500], validation[500:], labels[rest][:500], labels[rest][500:]
        ).map.value
        # own accuracy: nearest class mean of its own embeddings
        centres = prototypes(embed(model, few[fit]), labels[fit], 10)
        accuracy = float(((unit(asked) @ centres.T).argmax(1) == labels[rest]).mean())
        asked_test = pooled(q, size)
        test = float(rank(embed(model, asked_test), gallery, relevance).precision.mean())
        out["candidates"].append({"net": f"{size}x{size}-{hidden}", "macs": macs(model), "reward": reward,
                                  "accuracy": accuracy, "cross": test})  # fmt: skip
    return out


def table(found: list[dict]) -> tuple[list[list[str]], str]:
    rows = [
        ["model", "cross recall@1", "cross mAP", "self mAP", "share of the gap", "searches lost"]
    ]
    names = [row["way"] for row in found[0]["rows"]]
    values = {
        name: [next(r for r in f["rows"] if r["way"] == name) for f in found] for name in names
    }

    def over(name: str, get) -> tuple[float, float]:
        each = [100 * get(row) for row in values[name]]
        half = 2.78 * np.std(each, ddof=1) / len(each) ** 0.5 if len(each) > 1 else float("nan")
        return float(np.mean(each)), half

    old, free = (
        over("old", lambda r: r["cross"][1])[0],
        over("independent", lambda r: r["self"][1])[0],
    )
    for name in names:
        r1, m, s, lost = (over(name, g) for g in (
            lambda r: r["cross"][0], lambda r: r["cross"][1], lambda r: r["self"][1], lambda r: r["lost"]))  # fmt: skip
        rows.append([name, *(f"{v:.1f} ± {h:.1f}" for v, h in (r1, m, s)),
                     f"{100 * (m[0] - old) / (free - old):.0f} %", f"{lost[0]:.1f} ± {lost[1]:.1f}"])  # fmt: skip
    versions = found[0]["chain"]["versions"]
    triangle = "; ".join(
        f"{q}: " + ", ".join(
            f"{g} {100 * np.mean([f['chain']['tests'][q][g]['value'] for f in found]):.1f}"
            for g in found[0]["chain"]["tests"][q]
        ) for q in versions
    )  # fmt: skip
    price = ", ".join(
        f"{v} {100 * np.mean([f['chain']['prices'][v]['value'] for f in found]):+.1f}"
        for v in versions[1:]
    )
    best = [max(f["small"]["candidates"], key=lambda c: c["reward"]) for f in found]
    own = [max(f["small"]["candidates"], key=lambda c: c["accuracy"]) for f in found]
    large = np.mean([f["small"]["paragon"] for f in found])
    notes = (
        f"Means over {len(found)} seeds ± the half-width of a 95 % t-interval over seeds. *Share of the gap*:"
        " (cross mAP − old mAP) / (independent self mAP − old mAP). *Searches lost*: of all queries, those whose"
        " nearest item was right before and no longer is, in %.\n\n"
        f"A chain of four versions (5, 7, 9 and 10 classes), mAP of the row's queries in the column's gallery: {triangle}."
        f" Self test of a compatible version less that of an independent one, points: {price}.\n\n"
        f"Heterogeneous: {found[0]['small']['macs']:,} multiply-adds index the gallery. Of {len(found[0]['small']['candidates'])} query networks of"
        f" {min(c['macs'] for c in found[0]['small']['candidates']):,} to {max(c['macs'] for c in found[0]['small']['candidates']):,} multiply-adds, the"
        f" cross-test reward takes one with {100 * np.mean([c['cross'] for c in best]):.1f} mAP on the test queries and own accuracy one with"
        f" {100 * np.mean([c['cross'] for c in own]):.1f}; the large network itself has {100 * large:.1f}. The reward's choice is the better one in"
        f" {sum(b['cross'] > o['cross'] for b, o in zip(best, own, strict=True))} seeds, the same in"
        f" {sum(b['net'] == o['net'] for b, o in zip(best, own, strict=True))} of {len(found)}."
    )  # fmt: skip
    return rows, notes


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--cache", type=Path, default=Path(".bench") / "embeddings_mnist.jsonl")
    given = arguments.parse_args()
    if not DATA.exists():
        print(f"skipped: no images at {DATA}; name their folder in SUPERSEDE_BENCH_DATA")
        return
    torch.set_num_threads(1)
    given.cache.parent.mkdir(parents=True, exist_ok=True)
    kept = given.cache.read_text().splitlines() if given.cache.exists() else []
    found = [json.loads(line) for line in kept]
    for seed in range(given.seeds):
        if seed not in {f["seed"] for f in found}:
            found.append(one_seed(seed))
            with given.cache.open("a") as file:
                file.write(json.dumps(found[-1]) + "\n")
    write(
        "embeddings_mnist",
        "Compatible training on MNIST",
        "python -m benchmarks.embeddings_mnist",
        *table(found),
    )


if __name__ == "__main__":
    main()
