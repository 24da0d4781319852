"""A Kronecker-factored approximation of Jᵀ J + λ, and its inverse.

For the weight of a linear or convolutional layer with inputs a and output gradients g (one for each
of the network's outputs c), Jᵀ J restricted to it is Σ (a aᵀ) ⊗ (g gᵀ) over items, positions and c;
K-FAC takes the two sums apart:

    Jᵀ J ≈ (Σ a aᵀ) ⊗ (Σ g gᵀ) / number of terms (a) .

Every other parameter gets the mean of its diagonal, estimated with random signs. With A and G in
their eigenvectors, adding λ and inverting is exact and costs two matrix products.

References:
    Martens & Grosse (2015), arXiv 1503.05671, section 3; Grosse & Martens (2016), arXiv 1602.01407
    (convolutions); used as preconditioner of linearised fine-tuning by Achille et al. (2021).

Assumes: nothing about correctness. A poor approximation costs steps, not accuracy.
"""

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from supersede.train.linear.items import Inputs
from supersede.train.linear.jacobian import BATCH, flat, transposed_times, unflat
from supersede.train.linear.linearized import Linearized

__all__ = ["KroneckerInverse", "kronecker_inverse"]

_SIGNS = 4  # random vectors for the diagonals


@dataclass(frozen=True)
class _Block:
    """One parameter's approximation, as eigenvalues and eigenvectors; or a number."""

    left: Tensor  # eigenvectors of G, (m, m)
    right: Tensor  # eigenvectors of A, (k, k)
    values: Tensor  # products of eigenvalues, (m, k)


@dataclass(frozen=True)
class KroneckerInverse:
    """An approximate inverse of Jᵀ J + λ.

    Attributes:
        linear: The expansion.
        penalty: λ.
        blocks: By key: Kronecker factors, or a mean diagonal.
    """

    linear: Linearized
    penalty: float
    blocks: dict[str, _Block | float]

    def __call__(self, vector: Tensor) -> Tensor:
        """The product with a vector ``(P,)``."""
        made = []
        for key, part in unflat(self.linear, vector).items():
            block = self.blocks[key]
            if isinstance(block, float):
                made.append(part / (block + self.penalty))
                continue
            inside = block.left.T @ part.reshape(len(block.left), -1) @ block.right
            inside = inside / (block.values + self.penalty)
            made.append(block.left @ inside @ block.right.T)
        return flat(made)


def kronecker_inverse(
    linear: Linearized, inputs: Inputs, outputs: int, penalty: float, *, seed: int = 0
) -> KroneckerInverse:
    """Factors over all items, inverted.

    Args:
        linear: The expansion.
        inputs: Items.
        outputs: C, the number of outputs.
        penalty: λ.
        seed: Seed of the random signs.

    Returns:
        The approximate inverse, in double precision.
    """
    factors = _factors(linear, inputs, outputs)
    generator = torch.Generator().manual_seed(seed)
    squares = torch.zeros(linear.size, dtype=torch.float64)
    for _ in range(_SIGNS):
        signs = torch.randint(0, 2, (len(inputs), outputs), generator=generator).double() * 2 - 1
        squares += transposed_times(linear, inputs, signs) ** 2 / _SIGNS
    blocks: dict[str, _Block | float] = {}
    for key, part in unflat(linear, squares).items():
        if key not in factors:
            blocks[key] = float(part.mean())
            continue
        a, g, terms = factors[key]
        right, vectors_a = torch.linalg.eigh(a)
        left, vectors_g = torch.linalg.eigh(g / terms)
        values = left.clamp(min=0)[:, None] * right.clamp(min=0)
        blocks[key] = _Block(vectors_g, vectors_a, values)
    return KroneckerInverse(linear, penalty, blocks)


def _factors(
    linear: Linearized, inputs: Inputs, outputs: int
) -> dict[str, tuple[Tensor, Tensor, int]]:
    """Σ a aᵀ, Σ g gᵀ and the number of a, by key, for weights of linear and 2-d convolutional layers."""
    chosen = {d.name: d for d in linear.directions}
    layers = {
        f"{name}.weight" if name else "weight": module
        for name, module in linear.network.named_modules()
        if isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.groups == 1)
    }
    layers = {name: module for name, module in layers.items() if name in chosen}
    sums: dict[str, tuple[Tensor, Tensor, int]] = {}
    for _, batch in inputs.split(BATCH):
        calls: list[tuple[str, Tensor, Tensor]] = []
        handles = [
            module.register_forward_hook(_recorder(name, calls)) for name, module in layers.items()
        ]
        free = {
            d.name: linear.network.get_parameter(d.name).detach().requires_grad_()
            for d in linear.directions
        }
        try:
            with torch.enable_grad():
                made = linear.evaluate(free, batch.args, batch.kwargs)
        finally:
            for handle in handles:
                handle.remove()
        gives = [given for _, _, given in calls]
        for column in range(outputs):
            found = torch.autograd.grad(
                made[:, column].sum(), gives, retain_graph=column + 1 < outputs, allow_unused=True
            )
            for (name, taken, _), gradient in zip(calls, found, strict=True):
                if gradient is None:
                    continue
                module = layers[name]
                g = _positions(gradient, module).cpu().double()
                direction = chosen[name]
                before = sums.get(direction.key)
                if column == 0:
                    a = _patches(taken, module).cpu().double()
                    if not direction.last:
                        a = a * float(linear.body_scale)
                    if direction.rank is not None:
                        fixed = linear.projections.get_buffer(direction.key)
                        a = a @ fixed.T.cpu().double()
                    old_a, old_g, terms = before or (0.0 * a.T @ a, 0.0 * g.T @ g, 0)
                    sums[direction.key] = (old_a + a.T @ a, old_g + g.T @ g, terms + len(a))
                elif before is not None:
                    sums[direction.key] = (before[0], before[1] + g.T @ g, before[2])
    return sums


def _recorder(name: str, calls: list[tuple[str, Tensor, Tensor]]) -> Any:
    def record(module: nn.Module, args: tuple[Tensor, ...], made: Tensor) -> None:
        if made.requires_grad:
            calls.append((name, args[0].detach(), made))

    return record


def _patches(taken: Tensor, module: nn.Module) -> Tensor:
    """The layer's inputs as rows, one per position."""
    if isinstance(module, nn.Linear):
        return taken.reshape(-1, taken.shape[-1])
    conv = cast("nn.Conv2d", module)
    if isinstance(conv.padding, str) or conv.padding_mode != "zeros":
        padded = functional.pad(
            taken,
            conv._reversed_padding_repeated_twice,
            mode="constant" if conv.padding_mode == "zeros" else conv.padding_mode,
        )
        columns = functional.unfold(padded, conv.kernel_size, conv.dilation, 0, conv.stride)
    else:
        columns = functional.unfold(
            taken, conv.kernel_size, conv.dilation, conv.padding, conv.stride
        )
    return columns.transpose(1, 2).reshape(-1, columns.shape[1])


def _positions(gradient: Tensor, module: nn.Module) -> Tensor:
    if isinstance(module, nn.Linear):
        return gradient.reshape(-1, gradient.shape[-1])
    return gradient.flatten(2).transpose(1, 2).reshape(-1, gradient.shape[1])
