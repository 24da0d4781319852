"""Focal distillation against slow loops of its formula, and gradients against differences."""

import math

import pytest
import torch

from supersede.train.flips.distillation import focal_distillation


def slow(new, labels, old, *, alpha, beta, distance, temperature, places=None):
    """Yan et al. (2021), equations 4 to 6, an item and a class at a time."""
    places = list(range(len(old[0]))) if places is None else places
    common = [(o, n) for o, n in enumerate(places) if n >= 0]
    total = 0.0
    for z, y, z0 in zip(new.tolist(), labels.tolist(), old.tolist(), strict=True):
        if y not in [n for _, n in common]:
            continue
        right = places[max(range(len(z0)), key=z0.__getitem__)] == y
        if distance == "logits":
            d = sum((z[n] - z0[o]) ** 2 for o, n in common) / len(common) / 2
        else:
            p0 = [math.exp(z0[o] / temperature) for o, _ in common]
            p = [math.exp(z[n] / temperature) for _, n in common]
            d = temperature**2 * sum(
                a / sum(p0) * math.log((a / sum(p0)) / (b / sum(p)))
                for a, b in zip(p0, p, strict=True)
            )
        total += (alpha + beta * right) * d
    return total / len(labels)


CASES = [
    {"alpha": 1.0, "beta": 5.0, "distance": "kl", "temperature": 100.0},  # the paper's
    {"alpha": 0.0, "beta": 1.0, "distance": "kl", "temperature": 1.0},
    {"alpha": 0.5, "beta": 2.0, "distance": "logits", "temperature": 1.0},
]
MAPS = [None, [0, 1, 2, 3], [3, -1, 0, 2]]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("places", MAPS)
def test_against_loops(case, places):
    generator = torch.Generator().manual_seed(0)
    classes = 4 if places is None else 5
    new = torch.randn(30, classes, generator=generator, dtype=torch.float64)
    old = torch.randn(30, 4, generator=generator, dtype=torch.float64)
    labels = torch.randint(classes, (30,), generator=generator)
    ours = focal_distillation(new, labels, old, class_map=places, **case)
    assert ours.item() == pytest.approx(slow(new, labels, old, places=places, **case), rel=1e-9)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("places", MAPS)
def test_gradients(case, places):
    generator = torch.Generator().manual_seed(1)
    classes = 4 if places is None else 5
    new = torch.randn(6, classes, generator=generator, dtype=torch.float64, requires_grad=True)
    old = torch.randn(6, 4, generator=generator, dtype=torch.float64)
    labels = torch.randint(classes, (6,), generator=generator)
    assert torch.autograd.gradcheck(
        lambda z: focal_distillation(z, labels, old, class_map=places, **case), (new,)
    )
    said = old.argmax(-1)
    assert torch.autograd.gradcheck(
        lambda z: focal_distillation(z, labels, said, class_map=places), (new,)
    )
