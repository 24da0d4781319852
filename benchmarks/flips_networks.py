"""Positive-congruent training of networks on digits, and what a step of it costs."""

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.flips_rows import DATA, SEEDS, Results, Row, verdict
from supersede.train.flips import PositiveCongruentLoss
from supersede.train.flips.distillation import FocalDistillation, focal_distillation
from supersede.train.flips.front import choose, measure

torch.set_num_threads(1)
# α, β of focal distillation and the weight that old-right items gain, by treatment
PLANS = {
    "naive weights": [(0, 0, w) for w in (0.5, 1, 2, 3)],
    "distillation": [(a, 0, 0) for a in (0.1, 0.25, 0.5, 1, 2)],
    "focal distillation": [(0, b, 0) for b in (0.25, 0.5, 1, 2, 4)],
    "the paper's weights": [(1, 5, 0)],
}
# what is chosen from, under which name
GROUPS = {
    "auto, of all but the blend": ("naive weights", "distillation", "focal distillation"),
    "naive weights": ("naive weights",),
    "distillation": ("distillation",),
    "focal distillation": ("focal distillation",),
    "blend (two models in service)": ("blend",),
}


def stacked(x, y, hidden, plans, old_logits, seed, epochs=12):
    """Train one two-layer network a plan, all at once; a function from images to logits (s, n, 10)."""
    generator = torch.Generator().manual_seed(seed)
    count, width = len(plans), x.shape[1]
    sizes = [(count, width, hidden), (count, 1, hidden), (count, hidden, 10), (count, 1, 10)]
    params = [
        (torch.randn(s, generator=generator) * (2 / s[1]) ** 0.5 if s[1] > 1 else torch.zeros(s)).requires_grad_()
        for s in sizes
    ]  # fmt: skip
    optimizer = torch.optim.Adam(params, lr=2e-3)
    alpha, beta, extra = (
        torch.tensor(v, dtype=torch.float)[:, None] for v in zip(*plans, strict=True)
    )

    def forward(images):
        inside = functional.relu(torch.baddbmm(params[1], images.expand(count, -1, -1), params[0]))
        return torch.baddbmm(params[3], inside, params[2])

    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=generator).split(50):
            logits = forward(x[rows]).flatten(0, 1)
            labels = y[rows].repeat(count)
            each = functional.cross_entropy(logits, labels, reduction="none").view(count, -1)
            if old_logits is not None:
                old = old_logits[rows].repeat(count, 1)
                right = (old.argmax(-1) == labels).view(count, -1)
                pull = focal_distillation(logits, labels, old, alpha=1, beta=0, reduction="none")
                weight = alpha + beta * right
                each = each * (1 + extra * right) + weight * pull.view(count, -1)
            optimizer.zero_grad()
            each.mean(1).sum().backward()
            optimizer.step()
    return lambda images: forward(images).detach()


def digits():
    """MNIST, pooled to 14 × 14: flat images and labels of the training and the test part."""
    held = np.load(DATA / "mnist" / "mnist.npz")
    parts = []
    for name in ("train", "test"):
        images = torch.tensor(held[f"x_{name}"]).float()[:, None] / 255
        pooled = functional.avg_pool2d(images, 2).flatten(1)
        parts += [pooled, torch.tensor(held[f"y_{name}"]).long()]
    return parts


def mnist() -> Results:
    """Old: 16 hidden units on 1 250 images; new: 64 on 5 000; 5 000 for validation; test part."""
    x, y, x_test, y_test = digits()
    results: Results = {}
    for seed in SEEDS:
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
        o, n, v = order[:1250], order[1250:6250], order[6250:11250]
        olds = stacked(x[o], y[o], 16, [(0, 0, 0)] * 3, None, seed)
        tried = [("none", 0.0, (0, 0, 0))] * 3 + [
            (name, float(sum(plan)), plan) for name, plans in PLANS.items() for plan in plans
        ]
        models = stacked(x[n], y[n], 64, [plan for *_, plan in tried], olds(x[n])[0], seed + 100)
        points, on_test = [], []
        for images, labels, kept in ((x[v], y[v], points), (x_test, y_test, on_test)):
            old, new = olds(images).softmax(-1), models(images).softmax(-1)
            right = old[0].argmax(-1) == labels
            said = {
                (*key, i): p.argmax(-1) for i, (p, key) in enumerate(zip(new, tried, strict=True))
            }
            kept += [
                measure(labels, answer, right, treatment=key[0], strength=key[1])
                for key, answer in said.items()
            ]
            for share in (0.3, 0.5):
                mixed = (share * old[0] + (1 - share) * new[0]).argmax(-1)
                kept.append(measure(labels, mixed, right, treatment="blend", strength=share))
        paragon_right = old.mean(0).argmax(-1) == y_test
        paragon = measure(
            y_test, new[:3].mean(0).argmax(-1), paragon_right, treatment="paragon", strength=0
        )
        results.setdefault("untreated", []).append(on_test[0])
        for name, treatments in GROUPS.items():
            allowed = [points[0], *(p for p in points if p.treatment in treatments)]
            taken = choose(allowed, tolerance=0.003, items=len(v)).chosen
            at = next(i for i, p in enumerate(points) if p is taken)
            results.setdefault(name, []).append(on_test[at])
        paper = next(i for i, p in enumerate(points) if p.treatment == "the paper's weights")
        results.setdefault("the paper's α = 1, β = 5 (not searched)", []).append(on_test[paper])
        results.setdefault("ensemble paragon, 3 → 3", []).append(paragon)
        print(f"mnist {seed} done", flush=True)
    return results


class Cnn(nn.Sequential):
    """A small convolutional network for 28 × 28 images."""

    def __init__(self, width: int) -> None:
        super().__init__(
            nn.Conv2d(1, width, 5, 2, 2), nn.ReLU(), nn.Conv2d(width, 2 * width, 3, 2, 1), nn.ReLU(),
            nn.Flatten(), nn.Linear(98 * width, 10),
        )  # fmt: skip


def trained(width: int, x, y, old_logits, plan, seed: int, passes: int) -> nn.Module:
    """A network trained by a plan: α and β of focal distillation, and extra weight where old is right."""
    alpha, beta, extra = plan
    loss = PositiveCongruentLoss(float(alpha + beta > 0), FocalDistillation(alpha, beta))
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # layers are initialised from the global generator
        net = Cnn(width)
    optimizer = torch.optim.Adam(net.parameters())
    steps = passes * -(-len(x) // 64)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, steps)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(passes):
        for rows in torch.randperm(len(x), generator=generator).split(64):
            logits, old = net(x[rows]), old_logits[rows]
            step = loss(logits, y[rows], old)
            if extra:
                right = old.argmax(-1) == y[rows]
                each = functional.cross_entropy(logits, y[rows], reduction="none")
                step = step + extra * (each * right).mean()
            optimizer.zero_grad()
            step.backward()
            optimizer.step()
            pace.step()
    return net


def said(net: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Logits, without gradients."""
    with torch.inference_mode():
        return torch.cat([net(part) for part in x.split(2000)])


CNN_SEEDS = range(5)
CNN_PASSES = 3
CNN_PLANS = {
    "naive weights": [(0, 0, w) for w in (0.5, 1, 2, 4)],
    "distillation": [(a, 0, 0) for a in (0.1, 0.25, 0.5, 1)],
    "focal distillation": [(0, b, 0) for b in (0.25, 0.5, 1, 2)],
}


def convolutional() -> Results:
    """All of MNIST: old, 4 channels on 6 000 images; new, 8 channels on 42 000; 12 000 to validate."""
    held = np.load(DATA / "mnist" / "mnist.npz")
    x, x_test = (torch.tensor(held[f"x_{p}"]).float()[:, None] / 255 for p in ("train", "test"))
    y, y_test = (torch.tensor(held[f"y_{p}"]).long() for p in ("train", "test"))
    results: Results = {}
    for seed in CNN_SEEDS:
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
        v, o, n = order[:12_000], order[12_000:18_000], order[18_000:]  # new to the old one
        nothing = torch.zeros(len(o), 10)
        olds = [trained(4, x[o], y[o], nothing, (0, 0, 0), seed + 50 * k, 6) for k in range(3)]
        on = said(olds[0], x[n])
        tried = [("none", (0, 0, 0))] + [
            (name, plan) for name, plans in CNN_PLANS.items() for plan in plans
        ]
        nets = [trained(8, x[n], y[n], on, plan, seed + 10, CNN_PASSES) for _, plan in tried]
        kept = {"validation": [], "test": []}
        for part, images, labels in (("validation", x[v], y[v]), ("test", x_test, y_test)):
            old = said(olds[0], images).softmax(-1)
            right = old.argmax(-1) == labels
            new = [said(net, images).softmax(-1) for net in nets]
            kept[part] = [
                measure(labels, p.argmax(-1), right, treatment=name, strength=sum(plan))
                for p, (name, plan) in zip(new, tried, strict=True)
            ] + [
                measure(labels, (s * old + (1 - s) * new[0]).argmax(-1), right, treatment="blend", strength=s)
                for s in (0.2, 0.35, 0.5)
            ]  # fmt: skip
        results.setdefault("untreated", []).append(kept["test"][0])
        for name, treatments in GROUPS.items():
            allowed = [kept["validation"][0]] + [
                p for p in kept["validation"] if p.treatment in treatments
            ]
            taken = choose(allowed, tolerance=0.001, items=len(v)).chosen
            at = next(i for i, p in enumerate(kept["validation"]) if p is taken)
            results.setdefault(name, []).append(kept["test"][at])
        more = [trained(8, x[n], y[n], on, (0, 0, 0), seed + 10 + k, CNN_PASSES) for k in (1, 2)]
        old_right = sum(said(m, x_test).softmax(-1) for m in olds).argmax(-1) == y_test
        answer = sum(said(m, x_test).softmax(-1) for m in [nets[0], *more]).argmax(-1)
        paragon = measure(y_test, answer, old_right, treatment="paragon", strength=0)
        results.setdefault("ensemble paragon, 3 → 3", []).append(paragon)
        print(f"convolutional {seed} done", flush=True)
    return results


class Block(nn.Module):
    """Two convolutions and a way round them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inside = nn.Sequential(
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(x + self.inside(x))


OVERHEAD_HEAD = ("old outputs", "median", "over plain", "target", "")


def overhead() -> list[Row]:
    """CPU seconds of a training step of a small ResNet at batch 128."""

    def resnet() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(3, 16, 3, 2, 1), *(Block(16) for _ in range(3)), nn.AdaptiveAvgPool2d(1),
            nn.Flatten(), nn.Linear(16, 100),
        )  # fmt: skip

    net, old = resnet(), resnet().eval()
    x, y = torch.randn(128, 3, 32, 32), torch.randint(100, (128,))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    loss, usual = PositiveCongruentLoss(1.0), nn.CrossEntropyLoss()
    kept = said(old, x).clone()

    def step(term: Callable[[torch.Tensor], torch.Tensor]) -> float:
        start = time.process_time()
        optimizer.zero_grad()
        term(net(x)).backward()
        optimizer.step()
        return time.process_time() - start

    ways = {
        "plain": lambda z: usual(z, y),
        "cached": lambda z: loss(z, y, kept),
        "live": lambda z: loss(z, y, said(old, x)),
    }
    taken = {name: [] for name in ways}
    for _ in range(40):  # taken in turns, so that a busy machine slows all alike
        for name, term in ways.items():
            taken[name].append(step(term))
    plain, cached, live = (float(np.median(taken[name])) for name in ways)
    return [
        ("plain", f"{plain * 1e3:.0f} ms", "1.00", "", ""),
        ("cached old outputs", f"{cached * 1e3:.0f} ms", f"{cached / plain:.2f}", "≤ 1.1", verdict(cached / plain <= 1.1)),
        ("live old model of equal size", f"{live * 1e3:.0f} ms", f"{live / plain:.2f}", "≤ 1.6", verdict(live / plain <= 1.6)),
    ]  # fmt: skip
