"""Losses that keep a new embedding in an old one's space, added to the loss that it is trained with.

Each compares new embeddings with something fixed of the old model; the old model itself is not run.
With dimensions that differ, the first d_old coordinates of the new embedding lie in the old space and
the rest is the new model's own room; a narrower new embedding is padded with zeros (Shen et al. 2020).

References:
    Shen et al. (2020), BCT, arXiv 2003.11942, equations 3 to 5.
    Meng et al. (2021), Learning compatible embeddings (LCE), ICCV, equations 4 to 9.
    Pan et al. (2023), Boundary-aware backward-compatible representation via adversarial learning
    (AdvBCT), CVPR: the elastic boundary; its discriminator is `AdversaryLoss`.
"""

import math
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from supersede.errors import ArgumentError

__all__ = ["BoundaryLoss", "CompatibleLoss", "NeighbourLoss", "NewToOldLoss", "old_part"]

Reduction = Literal["mean", "sum", "none"]


def old_part(embedding: Tensor, d_old: int) -> Tensor:
    """The part of an embedding that lies in the old space, of length one.

    Args:
        embedding: Shape ``(n, d_new)``.
        d_old: Dimensions of the old space.

    Example:
        >>> old_part(torch.tensor([[3.0, 4.0, 12.0]]), 2)
        tensor([[0.6000, 0.8000]])
    """
    if embedding.dim() != 2:
        msg = f"embeddings have shape {tuple(embedding.shape)}; expected (n, d)"
        raise ArgumentError(msg)
    wide = embedding.float() if embedding.dtype in {torch.float16, torch.bfloat16} else embedding
    if wide.shape[1] < d_old:
        wide = functional.pad(wide, (0, d_old - wide.shape[1]))
    return functional.normalize(wide[:, :d_old], dim=1)


def _reference(values: Any, what: str) -> Tensor:
    made = torch.as_tensor(values, dtype=torch.float32).detach().clone()
    if made.dim() != 2 or not bool(torch.isfinite(made).all()):
        msg = (
            f"{what} must be finite and of shape (classes, d_old); it has shape {tuple(made.shape)}"
        )
        raise ArgumentError(msg)
    if not bool(made.norm(dim=1).all()):
        msg = f"{what}: a row is all zeros, so its class has no place in the old space"
        raise ArgumentError(msg)
    return functional.normalize(made, dim=1)


def _reduced(each: Tensor, counted: Tensor, reduction: str) -> Tensor:
    each = torch.where(counted, each, torch.zeros_like(each))
    if reduction == "none":
        return each
    # a batch without any known class gives 0 with a path for gradients, not NaN
    return each.sum() if reduction == "sum" else each.sum() / counted.sum().clamp(min=1)


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            msg = f"{name}={value!r}; it must be a finite number above 0"
            raise ArgumentError(msg)


def _known_reduction(reduction: str) -> None:
    if reduction not in get_args(Reduction):
        msg = f"reduction={reduction!r}; it must be 'mean', 'sum' or 'none'"
        raise ArgumentError(msg)


class CompatibleLoss(nn.Module):
    """Classify new embeddings with fixed weights in the old space: the loss of BCT.

    Args:
        weights: One row per class in the old space, shape ``(c, d_old)``: `prototypes` (the
            default form), an old head, or `head_with_new_classes`.
        scale: Cosines are multiplied by it before the softmax.
        margin: Taken off the right class's cosine (0: none), as in CosFace.
        ignore_index: Targets that do not count, such as classes without a weight.
        reduction: ``"mean"`` over the items that count, ``"sum"`` or ``"none"``.

    Raises:
        ArgumentError: Weights or numbers are not valid.

    Example:
        >>> loss = CompatibleLoss([[1.0, 0.0], [0.0, 1.0]])
        >>> near, far = torch.tensor([[2.0, 0.1]]), torch.tensor([[0.1, 2.0]])
        >>> bool(loss(near, torch.tensor([0])) < loss(far, torch.tensor([0])))
        True
    """

    weights: Tensor

    def __init__(
        self,
        weights: Any,
        *,
        scale: float = 16.0,
        margin: float = 0.0,
        ignore_index: int = -100,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__()
        _positive(scale=scale)
        _known_reduction(reduction)
        if not 0 <= margin < 2:
            msg = f"margin={margin!r}; it must be in [0, 2)"
            raise ArgumentError(msg)
        self.scale, self.margin = scale, margin
        self.ignore_index, self.reduction = ignore_index, reduction
        self.register_buffer("weights", _reference(weights, "weights"))

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of new embeddings `input`, shape ``(n, d_new)``, of classes `target`."""
        known = target != self.ignore_index
        named = target.masked_fill(~known, 0)
        cosine = old_part(input, self.weights.shape[1]) @ self.weights.T
        if self.margin:
            cosine = cosine - self.margin * functional.one_hot(named, len(self.weights))
        each = functional.cross_entropy(self.scale * cosine, named, reduction="none")
        return _reduced(each, known, self.reduction)

    def extra_repr(self) -> str:
        """What tells two of them apart."""
        return f"classes={len(self.weights)}, d_old={self.weights.shape[1]}, scale={self.scale}, margin={self.margin}"


class BoundaryLoss(nn.Module):
    """Keep new embeddings within their old class's boundary, and class centres where they were.

    The boundary of a class is the cosine distance to its prototype within which the share `quantile`
    of its old embeddings lies, widened by `slack`. What lies outside pays the excess (LCE's and
    AdvBCT's boundary); what lies inside is free to find a better place.

    Args:
        prototypes: Old class means, shape ``(c, d_old)``.
        old_embeddings: Old vectors of training items, shape ``(n, d_old)``.
        labels: Class of each, from 0 to c − 1.
        quantile: Share of a class's old vectors within its boundary.
        slack: Added to every boundary, in cosine distance.
        ignore_index: Targets that do not count.
        reduction: ``"mean"`` over the items that count, ``"sum"`` or ``"none"``.

    Raises:
        ArgumentError: A class has no old embedding, or a number is not valid.

    Example:
        >>> old = torch.tensor([[1.0, 0.1], [1.0, -0.1], [0.0, 1.0]])
        >>> loss = BoundaryLoss([[1.0, 0.0], [0.0, 1.0]], old, [0, 0, 1])
        >>> loss(torch.tensor([[1.0, 0.0]]), torch.tensor([0]))
        tensor(0.)
    """

    prototypes: Tensor
    radius: Tensor

    def __init__(
        self,
        prototypes: Any,
        old_embeddings: Any,
        labels: Any,
        *,
        quantile: float = 0.5,
        slack: float = 0.0,
        ignore_index: int = -100,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__()
        _known_reduction(reduction)
        if not 0 <= quantile <= 1 or not math.isfinite(slack):
            msg = f"quantile={quantile!r} must be in [0, 1] and slack={slack!r} finite"
            raise ArgumentError(msg)
        made = _reference(prototypes, "prototypes")
        old = functional.normalize(torch.as_tensor(old_embeddings, dtype=torch.float32), dim=1)
        which = torch.as_tensor(labels)
        apart = 1 - (old * made[which]).sum(1)
        radius = torch.empty(len(made))
        for at in range(len(made)):
            mine = apart[which == at]
            if not len(mine):
                msg = f"class {at} has no old embedding, so it has no boundary"
                raise ArgumentError(msg)
            radius[at] = torch.quantile(mine, quantile) + slack
        self.ignore_index, self.reduction = ignore_index, reduction
        self.register_buffer("prototypes", made)
        self.register_buffer("radius", radius)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of new embeddings `input`, shape ``(n, d_new)``, of classes `target`."""
        known = target != self.ignore_index
        named = target.masked_fill(~known, 0)
        near = (old_part(input, self.prototypes.shape[1]) * self.prototypes[named]).sum(1)
        each = (1 - near - self.radius[named]).clamp(min=0)
        return _reduced(each, known, self.reduction)


class NeighbourLoss(nn.Module):
    """Let a new query's nearest neighbours among old embeddings be of its own class.

    Old embeddings of training items stand for the old index. The loss is −log of the share that its
    own class has of Σⱼ exp(cos(z, oⱼ) / temperature): neighbourhood component analysis with the
    neighbours fixed. A class that overlaps others in the old space is searched where it is purest,
    which need not be at its mean.

    Args:
        old_embeddings: Old vectors of training items, shape ``(n, d_old)``.
        labels: Class of each, shape ``(n,)``.
        temperature: Cosines are divided by it.
        ignore_index: Targets that do not count.
        reduction: ``"mean"`` over the items that count, ``"sum"`` or ``"none"``.

    Raises:
        ArgumentError: Vectors, labels or numbers are not valid.

    Reference:
        Goldberger et al. (2004), Neighbourhood components analysis, NIPS, equation 6 (here its
        logarithm).

    Example:
        >>> loss = NeighbourLoss([[1.0, 0.0], [0.0, 1.0]], [0, 1])
        >>> near, far = torch.tensor([[2.0, 0.1]]), torch.tensor([[0.1, 2.0]])
        >>> bool(loss(near, torch.tensor([0])) < loss(far, torch.tensor([0])))
        True
    """

    bank: Tensor
    labels: Tensor

    def __init__(
        self,
        old_embeddings: Any,
        labels: Any,
        *,
        temperature: float = 0.05,
        ignore_index: int = -100,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__()
        _positive(temperature=temperature)
        _known_reduction(reduction)
        made = _reference(old_embeddings, "old_embeddings")
        which = torch.as_tensor(labels)
        if which.shape != (len(made),):
            msg = f"labels have shape {tuple(which.shape)}; expected one per old embedding, ({len(made)},)"
            raise ArgumentError(msg)
        self.temperature = temperature
        self.ignore_index, self.reduction = ignore_index, reduction
        self.register_buffer("bank", made)
        self.register_buffer("labels", which)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of new embeddings `input`, shape ``(n, d_new)``, of classes `target`."""
        same = target[:, None] == self.labels[None]
        known = (target != self.ignore_index) & same.any(1)
        logits = old_part(input, self.bank.shape[1]) @ self.bank.T / self.temperature
        own = logits.masked_fill(~(same | ~known[:, None]), torch.finfo(logits.dtype).min)
        return _reduced(logits.logsumexp(1) - own.logsumexp(1), known, self.reduction)


class NewToOldLoss(nn.Module):
    """Contrast new embeddings with old ones: for pairs, of text or without classes.

    The old embedding of an item's answer is its positive, those of the batch's other answers are
    negatives (InfoNCE, in both directions if `symmetric`).

    Args:
        temperature: Cosines are divided by it.
        symmetric: Whether old embeddings look for their new one as well.

    Example:
        >>> loss = NewToOldLoss()
        >>> new, old = torch.eye(2, 3), torch.eye(2)
        >>> bool(loss(new, old) < loss(new.flip(0), old))
        True
    """

    def __init__(self, temperature: float = 0.05, *, symmetric: bool = False) -> None:
        super().__init__()
        _positive(temperature=temperature)
        self.temperature, self.symmetric = temperature, symmetric

    def forward(self, input: Tensor, old: Tensor, group: Tensor | None = None) -> Tensor:
        """The loss.

        Args:
            input: New embeddings, shape ``(n, d_new)``.
            old: Old embeddings of the answers, shape ``(n, d_old)``, row by row.
            group: Which answer (or class) each row belongs to: rows of one group are not negatives
                of each other.
        """
        if len(input) != len(old):
            msg = (
                f"{len(input)} new embeddings and {len(old)} old ones; expected one old one per row"
            )
            raise ArgumentError(msg)
        held = functional.normalize(old.detach().float(), dim=1)
        logits = old_part(input, held.shape[1]) @ held.T / self.temperature
        if group is not None:
            same = group[:, None] == group[None]
            same = same & ~torch.eye(len(group), dtype=torch.bool, device=group.device)
            logits = logits.masked_fill(same, torch.finfo(logits.dtype).min)
        right = torch.arange(len(input), device=input.device)
        loss = functional.cross_entropy(logits, right)
        if self.symmetric:
            loss = (loss + functional.cross_entropy(logits.T, right)) / 2
        return loss
