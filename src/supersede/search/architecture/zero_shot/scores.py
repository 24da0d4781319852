"""Six scores of an untrained network, and parameters and multiply-adds as the plain rivals.

- `synflow`: Tanaka et al. 2020, eq. 1 with the weights' absolute values and an image of ones: the sum
  over all weights of weight times gradient of the summed output, without batch normalisation.
- `naswot`: Mellor et al. 2021, eq. 2: log-determinant of the kernel of agreeing rectifier codes.
- `snip`: Lee et al. 2019, eq. 5, summed: |weight · gradient of the loss|.
- `grad_norm`: Abdelfattah et al. 2021: norm of the loss's gradient.
- `zico`: Li et al. 2023, eq. 15: per layer, log of the sum over weights of mean over standard
  deviation, across batches, of the absolute gradient.

The last four depend on data. Where there are no images they are computed on noise, with random
labels; this is said in `ZeroShotScores.on_noise`.

Assumes: a score ranks networks of one space. None of them is an accuracy, and none was better than
the count of parameters everywhere: compare with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from supersede.errors import ArgumentError
from supersede.hardware.description.trained import random_parameters
from supersede.hardware.formats.torch_module import TorchNetwork, to_torch

if TYPE_CHECKING:
    from supersede.hardware.description.network import Network

__all__ = [
    "ZeroShotScores",
    "grad_norm",
    "naswot",
    "rank_ensemble",
    "score",
    "snip",
    "synflow",
    "zico",
]

WEIGHTED = (nn.Conv2d, nn.Linear)
RECTIFIERS = (nn.ReLU, nn.ReLU6)


@dataclass(frozen=True)
class ZeroShotScores:
    """Scores of one network; larger is better.

    Args:
        parameters: Weights and biases.
        macs: Multiply-adds.
        synflow: Logarithm of the score, which overflows otherwise.
        naswot: A log-determinant; minus infinity where two images have the same code.
        snip: As published.
        grad_norm: As published.
        zico: As published.
        on_noise: Whether naswot, snip, grad_norm and zico saw noise instead of images.
    """

    parameters: float
    macs: float
    synflow: float
    naswot: float
    snip: float
    grad_norm: float
    zico: float
    on_noise: bool


def score(
    network: Network,
    images: Tensor | None = None,
    labels: Tensor | None = None,
    *,
    batch: int = 32,
    seed: int = 0,
) -> ZeroShotScores:
    """All scores of a network with random weights.

    Args:
        network: A classifier.
        images: Shape (n, channels, height, width) of the network's input; noise if left out.
        labels: Classes (n,); random ones if left out.
        batch: How many images of noise.
        seed: Of weights and noise.

    Raises:
        ArgumentError: There are fewer than four images.

    Example:
        >>> from supersede.hardware import Block, mobile_net
        >>> net = mobile_net([Block(16, 2)], resolution=16, head=16, classes=4)
        >>> small = mobile_net([Block(8, 2)], resolution=16, head=16, classes=4)
        >>> score(net).synflow > score(small).synflow
        True
    """
    height, width, channels = network.input
    generator = torch.Generator().manual_seed(seed)
    if images is None:
        images = torch.randn((batch, channels, height, width), generator=generator)
    if len(images) < 4:
        msg = f"scores need at least four images, got {len(images)}"
        raise ArgumentError(msg)
    on_noise = labels is None
    if labels is None:
        classes = network.shapes[network.outputs[0]].channels
        labels = torch.randint(classes, (len(images),), generator=generator)
    weights = random_parameters(network, seed)
    plain = to_torch(weights)
    normed = to_torch(weights, batch_norm=True)
    return ZeroShotScores(
        float(network.parameters), float(network.macs),
        synflow(plain, (1, channels, height, width)), naswot(normed, images),
        snip(normed, images, labels), grad_norm(normed, images, labels),
        zico(normed, images, labels), on_noise,
    )  # fmt: skip


def synflow(module: TorchNetwork, shape: Sequence[int]) -> float:
    """Logarithm of the sum of products of absolute weights over all paths, counted once per weight.

    Of a linear network with L layers this is L times the sum over paths of the product of weights.
    """
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    module.double().eval()
    with torch.no_grad():
        for name, p in module.named_parameters():
            p.abs_() if name.endswith("weight") else p.zero_()
    module.zero_grad(set_to_none=True)
    # relu6 would cut the flow off
    hooks = [
        m.register_forward_hook(lambda _, i, o: i[0].clamp(min=0))
        for m in module.modules()
        if isinstance(m, nn.ReLU6)
    ]
    outputs = module(torch.ones(tuple(shape), dtype=torch.float64))
    total = outputs.sum() if isinstance(outputs, Tensor) else sum(o.sum() for o in outputs)
    total.backward()
    found = sum(float((w * g).sum()) for w, g in _with_gradients(module))
    for hook in hooks:
        hook.remove()
    module.float()
    with torch.no_grad():
        for name, p in module.named_parameters():
            p.copy_(before[name])
    return float(np.log(found)) if found > 0 else float("-inf")


def naswot(module: nn.Module, images: Tensor) -> float:
    """Log-determinant of the matrix of how many rectifiers two images switch alike."""
    n = len(images)
    kernel = np.zeros((n, n))

    def count(_: nn.Module, __: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal kernel
        code = (output.detach() > 0).flatten(1).double().numpy()
        kernel += code @ code.T + (1 - code) @ (1 - code).T

    hooks = [m.register_forward_hook(count) for m in module.modules() if isinstance(m, RECTIFIERS)]
    module.train()
    with torch.no_grad():
        module(images)
    for hook in hooks:
        hook.remove()
    sign, value = np.linalg.slogdet(kernel)
    return float(value) if sign > 0 else float("-inf")


def _gradients(module: nn.Module, images: Tensor, labels: Tensor) -> list[tuple[Tensor, Tensor]]:
    module.train()
    module.zero_grad(set_to_none=True)
    outputs = module(images)
    outputs = outputs if isinstance(outputs, Tensor) else outputs[0]
    logits = outputs.flatten(2).mean(2) if outputs.ndim == 4 else outputs
    functional.cross_entropy(logits, labels).backward()  # type: ignore[no-untyped-call]
    return _with_gradients(module)


def snip(module: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Sum of |weight · gradient|."""
    return float(sum((w * g).abs().sum() for w, g in _gradients(module, images, labels)))


def grad_norm(module: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Sum over layers of the gradient's norm."""
    return float(sum(g.norm() for _, g in _gradients(module, images, labels)))


def zico(module: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Sum over layers of the log of Σ mean |gradient| / its standard deviation, over two halves."""
    half = len(images) // 2
    parts = [
        [g.abs().clone() for _, g in _gradients(module, images[rows], labels[rows])]
        for rows in (slice(0, half), slice(half, 2 * half))
    ]
    total = 0.0
    for layers in zip(*parts, strict=True):
        both = torch.stack(layers).double()
        spread = both.std(dim=0, correction=0)
        moving = spread > 0
        ratio = float((both.mean(dim=0)[moving] / spread[moving]).sum())
        total += float(np.log(ratio)) if ratio > 0 else 0.0
    return total


def _with_gradients(module: nn.Module) -> list[tuple[Tensor, Tensor]]:
    """Weights and their gradients, layer by layer; a layer without influence has none."""
    weights = [m.weight for m in module.modules() if isinstance(m, WEIGHTED)]
    return [(w.detach(), w.grad) for w in weights if w.grad is not None]


def rank_ensemble(
    scores: Sequence[ZeroShotScores], names: Sequence[str] = ("synflow", "naswot", "parameters")
) -> NDArray[np.float64]:
    """Mean rank over some scores, in [0, 1]; larger is better.

    Raises:
        ArgumentError: There is no such score.

    Example:
        >>> a = ZeroShotScores(1, 1, 2, 1, 1, 1, 1, True)
        >>> b = ZeroShotScores(2, 1, 3, 2, 1, 1, 1, True)
        >>> rank_ensemble([a, b]).tolist()
        [0.0, 1.0]
    """
    from scipy.stats import rankdata

    known = {f.name for f in fields(ZeroShotScores)} - {"on_noise"}
    if unknown := set(names) - known:
        msg = f"no score {min(unknown)!r}; there are {', '.join(sorted(known))}"
        raise ArgumentError(msg)
    ranks = [rankdata([getattr(s, name) for s in scores]) for name in names]
    return np.asarray((np.mean(ranks, axis=0) - 1) / max(1, len(scores) - 1))
