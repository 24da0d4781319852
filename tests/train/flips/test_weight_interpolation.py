"""BCWI: its ends are the two networks, and a share in between saves flips."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from supersede.errors import ArgumentError
from supersede.train.flips import interpolated, search_strength


def test_ends_are_the_networks():
    old, new = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    new(torch.randn(8, 3, generator=torch.Generator().manual_seed(0)))
    for share, end in ((0, new), (1, old)):
        state = interpolated(old.state_dict(), new.state_dict(), share)
        assert torch.equal(state["running_mean"], end.state_dict()["running_mean"])
        assert state["num_batches_tracked"] == 1
    with pytest.raises(ArgumentError, match="differ in weight"):
        interpolated(nn.Linear(2, 3).state_dict(), nn.Linear(3, 3).state_dict(), 0.5)
    with pytest.raises(ArgumentError, match="share=2"):
        interpolated({}, {}, 2)


def test_the_share_is_searched_like_a_strength():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3000, 10, generator=generator)
    noise = 2 * torch.randn(3000, generator=generator)
    y = ((x[:, :5].sum(1) + noise) > 0).long()

    def fit(net, rows):
        for _ in range(100):
            loss = functional.cross_entropy(net(x[rows]), y[rows])
            grads = torch.autograd.grad(loss, list(net.parameters()))
            with torch.no_grad():
                for p, g in zip(net.parameters(), grads, strict=True):
                    p -= 0.5 * g
        return net

    with torch.random.fork_rng():
        torch.manual_seed(0)
        old = fit(nn.Linear(10, 2), slice(0, 200))
    new = fit(copy.deepcopy(old), slice(200, 400))
    net = copy.deepcopy(new)

    def predict_at(share):
        net.load_state_dict(interpolated(old.state_dict(), new.state_dict(), share))
        return net(x[400:]).argmax(-1).numpy()

    right = (old(x[400:]).argmax(-1) == y[400:]).numpy()
    front = search_strength(
        predict_at, y[400:].numpy(), right, strengths=[0.25, 0.5, 0.75, 1.0], tolerance=0.005
    )
    assert front.points[-1].nfr == 0
    assert front.chosen.nfr < front.untreated.nfr
