"""Approximate inverses where they are exact, and the layers that K-FAC knows."""

import pytest
import torch
from tests.train.linear.cases import digits
from torch import nn

from supersede.train.linear import Linearized, LowRank
from supersede.train.linear.items import inputs
from supersede.train.linear.jacobian import rows
from supersede.train.linear.kfac import kronecker_inverse
from supersede.train.linear.subsampled import subsampled_inverse


def exact(linear, x, penalty):
    J = rows(linear, x)
    J = J.reshape(-1, J.shape[-1])
    return torch.linalg.inv(J.T @ J + penalty * torch.eye(J.shape[1], dtype=J.dtype))


@pytest.mark.parametrize("choice", ["all", LowRank(3)])
def test_kronecker_factors_are_exact_for_one_layer(choice):
    generator = torch.Generator().manual_seed(0)
    linear = Linearized(nn.Linear(6, 3, bias=False).double().eval(), parameters=choice)
    x = inputs(torch.randn(90, 6, generator=generator).double(), linear.like)  # two batches
    vector = torch.randn(linear.size, generator=generator).double()
    made = kronecker_inverse(linear, x, 3, 0.7)(vector)
    assert torch.allclose(made, exact(linear, x, 0.7) @ vector, rtol=1e-9)


def test_a_convolution_at_one_position_is_a_linear_layer():
    generator = torch.Generator().manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 3, 3, bias=False), nn.Flatten()).double().eval()
    linear = Linearized(net)
    x = inputs(torch.randn(20, 2, 3, 3, generator=generator).double(), linear.like)
    vector = torch.randn(linear.size, generator=generator).double()
    made = kronecker_inverse(linear, x, 3, 0.7)(vector)
    assert torch.allclose(made, exact(linear, x, 0.7) @ vector, rtol=1e-9)


def test_kronecker_factors_take_every_layer():
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding="same", padding_mode="circular"), nn.Tanh(), nn.Conv2d(2, 2, 3, stride=2, groups=2),
        nn.GroupNorm(1, 2), nn.Flatten(), nn.Linear(18, 4),
    ).double().eval()  # fmt: skip
    linear = Linearized(net)
    x = inputs(digits(10)[0], linear.like)
    vector = torch.ones(linear.size).double()
    made = kronecker_inverse(linear, x, 4, 0.1)(vector)
    assert made @ vector > 0  # positive definite
    assert torch.isfinite(made).all()


def test_a_sample_of_all_items_is_exact():
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 3), nn.Tanh(), nn.Linear(3, 4)).double().eval()
    linear = Linearized(net)
    x = inputs(digits(20)[0], linear.like)
    vector = torch.randn(linear.size, generator=torch.Generator().manual_seed(0)).double()
    made = subsampled_inverse(linear, x, 4, 0.3, memory=1e9, seed=0)(vector)
    assert torch.allclose(made, exact(linear, x, 0.3) @ vector, rtol=1e-6, atol=1e-9)
    part = subsampled_inverse(linear, x, 4, 0.3, memory=16 * linear.size * 12, seed=0)
    assert part.vectors.shape[1] <= 12
    assert part(vector) @ vector > 0
