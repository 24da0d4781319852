"""Flip rates in a training loop, against the counts of the table."""

import pytest
import torch
from torchmetrics import MetricCollection

import supersede
from supersede.errors import ArgumentError
from supersede.integrations.torchmetrics import NegativeFlipRate, PositiveFlipRate
from supersede.metrics import count_flips


def test_rates_are_those_of_the_table():
    generator = torch.Generator().manual_seed(0)
    y, a, b = (torch.randint(3, (200,), generator=generator) for _ in range(3))
    metrics = MetricCollection([NegativeFlipRate(), PositiveFlipRate()])
    for part in range(0, 200, 64):
        rows = slice(part, part + 64)
        metrics.update(b[rows], y[rows], a[rows])
    rows = {"y": y.tolist(), "a": a.tolist(), "b": b.tolist()}
    (flips,) = count_flips(supersede.read(rows, models=["a", "b"]), "a", "b")
    found = {name: value.item() for name, value in metrics.compute().items()}
    assert found["NegativeFlipRate"] == pytest.approx(flips.nfr[0])
    assert found["PositiveFlipRate"] == pytest.approx(flips.pfr[0])


def test_logits_tokens_and_ignored_labels():
    y = torch.tensor([[0, 1, -100]])
    old = torch.nn.functional.one_hot(torch.tensor([[0, 1, 1]]), 2).movedim(-1, 1).float()
    metric = NegativeFlipRate()
    assert metric(-old, y, old) == 1
    with pytest.raises(ArgumentError, match="same shape"):
        metric.update(torch.zeros(4), y, old)
