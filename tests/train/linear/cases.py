"""Small networks and items for the tests of the linear room."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn


def digits(n: int, *, dtype: torch.dtype = torch.float64, start: int = 0):
    """Images ``(n, 1, 8, 8)`` and labels."""
    X, y = load_digits(return_X_y=True)
    images = torch.tensor(X[start : start + n] / 16, dtype=dtype).reshape(-1, 1, 8, 8)
    return images, y[start : start + n].astype(np.int64)


def cnn(*, dtype: torch.dtype = torch.float64, seed: int = 0, width: int = 4, outputs: int = 10):
    """A network with the layers that the room promises to know, in evaluation mode."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1), nn.BatchNorm2d(width), nn.LeakyReLU(0.2),
            nn.AvgPool2d(2), nn.Conv2d(width, 2 * width, 3, padding=1), nn.GroupNorm(2, 2 * width),
            nn.GELU(), nn.AvgPool2d(2), nn.Flatten(), nn.LayerNorm(8 * width),
            nn.Linear(8 * width, outputs),
        )  # fmt: skip
        net[1].running_mean.normal_()
        net[1].running_var.uniform_(0.5, 2)
    return net.to(dtype).eval()
