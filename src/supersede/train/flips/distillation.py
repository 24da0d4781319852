"""Distillation: stay near the old model, everywhere or only where it was right (focal).

Added to the usual loss is, for each item with label y, old logits z° and new logits z,

    (α + β · [argmax z° = y]) · D(z, z°)

with D either T² · KL(softmax(z°/T) ‖ softmax(z/T)) or ½ · mean (z − z°)². The factor T² keeps
the gradient's size when T grows: without it, T = 100 makes the term ten thousand times weaker.

If classes were added, removed or reordered, D compares the classes that both models have, on items
whose label is a class of the old model; the others count zero. A batch without any such item gives
0 with a gradient path.

References:
    Yan et al. (2021), Positive-congruent training, CVPR, equations 4 to 6; its α = 1, β = 5, T = 100
    suit ImageNet networks and raise a small network's error by several points; the defaults here are
    α = 1, β = 0, ordinary distillation. Tune strength and kind: where the old model is weak and
    unsure, the focal kind can bring more negative flips than no penalty at all.
    Hinton, Vinyals & Dean (2015), arXiv 1503.02531, section 2.1: the factor T².
"""

import math
from collections.abc import Sequence
from typing import Literal, cast, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from supersede.errors import ArgumentError

__all__ = ["FocalDistillation", "PositiveCongruentLoss", "class_map", "focal_distillation"]

LIGHT = 0.25  # saves flips at equal error in each of our trials: docs/benchmarks/training.md

Distance = Literal["kl", "logits"]
Reduction = Literal["mean", "sum", "none"]


def class_map(old: Sequence[object], new: Sequence[object]) -> tuple[int, ...]:
    """The index of each old class among the new classes; −1 if it was removed.

    Args:
        old: Names of the old model's classes, in the order of its outputs.
        new: Names of the new model's classes, in the order of its outputs.

    Returns:
        One index per old class.

    Raises:
        ArgumentError: A name occurs twice.

    Example:
        >>> class_map(["cat", "dog", "emu"], ["ant", "cat", "dog"])
        (1, 2, -1)
    """
    for whose, names in (("old", old), ("new", new)):
        if len(set(names)) < len(names):
            twice = next(name for name in names if list(names).count(name) > 1)
            msg = f"class {twice!r} occurs twice among the {whose} classes; names must differ"
            raise ArgumentError(msg)
    place = {name: index for index, name in enumerate(new)}
    return tuple(place.get(name, -1) for name in old)


def focal_distillation(
    input: Tensor,  # torch's name
    target: Tensor,
    old_output: Tensor,
    *,
    alpha: float = 1.0,
    beta: float = 0.0,
    distance: Distance = "kl",
    temperature: float = 1.0,
    class_map: Sequence[int] | Tensor | None = None,
    ignore_index: int = -100,
    class_dim: int = 1,
    reduction: Reduction = "mean",
) -> Tensor:
    """The distillation term alone; add it to the loss that you train with.

    Args:
        input: New logits, ``(N, C)`` or ``(N, C, d₁, …)``; ``(…, C)`` with ``class_dim=-1``, as for
            tokens ``(B, T, C)``.
        target: Classes, of the shape of `input` without its class dimension; or shares of classes,
            of the shape of `input`.
        old_output: Old logits, of the shape of `input` except for the number of classes (log
            probabilities are logits too); or the old model's classes alone, integers of the shape
            of class targets, negative where not known. Classes alone are compared by KL at
            temperature 1, as one-hot probabilities.
        alpha: Weight on every item, 0 or more.
        beta: Further weight on items that the old model got right, 0 or more; α = 0 with β = 1 is
            fully focal, the paper has α = 1, β = 5.
        distance: ``"kl"``, or ``"logits"`` for logit matching.
        temperature: T of KL, above 0.
        class_map: Index of each old class among the new ones, −1 if it was removed; from
            `class_map`. None: the classes are the same.
        ignore_index: Class target that is ignored.
        class_dim: Dimension of the classes in `input` and old logits.
        reduction: ``"mean"`` over the items that are not ignored, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or one value per item (without the class dimension).

    Raises:
        ArgumentError: A shape or value is invalid.

    Example:
        >>> new, old = torch.tensor([[2.0, 0.0]]), torch.tensor([[2.0, 0.0]])
        >>> focal_distillation(new, torch.tensor([0]), old)
        tensor(0.)
    """
    _check(alpha, beta, distance, temperature, reduction)
    new = _wide(input).movedim(class_dim, -1)
    soft = target.is_floating_point()
    labels = target.movedim(class_dim, -1) if soft else target
    places = _places(class_map, new.device)
    if old_output.is_floating_point():
        old = _wide(old_output.detach()).movedim(class_dim, -1)
        known = len(places) if places is not None else new.shape[-1]
        _check_shapes(new, labels, old, (*new.shape[:-1], known))
        said = old.argmax(-1)
    else:
        old = None
        said = old_output
        _check_shapes(new, labels, said, new.shape[:-1])
        if distance != "kl" or temperature != 1:
            msg = (
                "old_output contains classes only: they can be compared only with distance='kl' at"
                " temperature=1; pass logits or probabilities of the old model for other settings"
            )
            raise ArgumentError(msg)
    said = _renamed(said, places)
    weight, valid = _weights(labels, said, places, new.shape[-1], alpha, beta, ignore_index)
    active = weight > 0
    if old is None:
        active = active & (said >= 0)
        each = _to_class(new, said, active, places)
    else:
        each = _apart(new, old.masked_fill(~active[..., None], 0), places, distance, temperature)
        _refuse_broken(each, old, active)
    each = torch.where(active, weight * each, torch.zeros_like(each))
    if reduction == "none":
        return each
    total = each.sum()
    return total if reduction == "sum" else total / valid.sum().clamp(min=1)


def _wide(values: Tensor) -> Tensor:
    """Half precision as float32: exponentials and T² overflow or underflow in less."""
    return values.float() if values.dtype in {torch.float16, torch.bfloat16} else values


def _places(class_map: Sequence[int] | Tensor | None, device: torch.device) -> Tensor | None:
    return None if class_map is None else torch.as_tensor(class_map, device=device)


def _renamed(said: Tensor, places: Tensor | None) -> Tensor:
    """Old classes by their indices among the new ones; −1 where removed or not known."""
    if places is None:
        return said
    if len(places) == 0:
        return torch.full_like(said, -1)
    return torch.where(said < 0, said, places[said.clamp(min=0)])


def _weights(
    labels: Tensor,
    said: Tensor,
    places: Tensor | None,
    classes: int,
    alpha: float,
    beta: float,
    ignore_index: int,
) -> tuple[Tensor, Tensor]:
    """The weight of each item, and which items are not ignored."""
    taught = torch.ones(classes, device=labels.device)
    if places is not None:
        taught = torch.zeros_like(taught).index_fill(0, places[places >= 0], 1.0)
    if labels.is_floating_point():  # the grade of an answer is the share of its class in the label
        valid = torch.ones(labels.shape[:-1], dtype=torch.bool, device=labels.device)
        right = labels.gather(-1, said.clamp(min=0)[..., None])[..., 0] * (said >= 0)
        teachable = (labels * taught).sum(-1)
    else:
        valid = labels != ignore_index
        right = (said == labels).float()
        teachable = taught[labels.masked_fill(~valid, 0)]
    return (alpha + beta * right) * teachable * valid, valid


def _apart(
    new: Tensor, old: Tensor, places: Tensor | None, distance: Distance, temperature: float
) -> Tensor:
    """Distance of old and new logits over the classes that both have; one value per item."""
    if places is not None:
        kept = (places >= 0).nonzero()[:, 0]
        old, new = old.index_select(-1, kept), new.index_select(-1, places[kept])
    if distance == "logits":
        return 0.5 * (new - old).square().sum(-1) / max(new.shape[-1], 1)
    log_old = functional.log_softmax(old / temperature, -1)
    log_new = functional.log_softmax(new / temperature, -1)
    return temperature**2 * (log_old.exp() * (log_old - log_new)).sum(-1)


def _to_class(new: Tensor, said: Tensor, active: Tensor, places: Tensor | None) -> Tensor:
    """KL from a one-hot target: minus its log probability, over the classes that both have."""
    if places is not None:
        removed = torch.ones(new.shape[-1], dtype=torch.bool, device=new.device)
        removed = removed.index_fill(0, places[places >= 0], value=False)
        lowest = torch.finfo(new.dtype).min
        new = new.masked_fill(removed, lowest)
    index = said.masked_fill(~active, 0)[..., None]
    return -functional.log_softmax(new, -1).gather(-1, index)[..., 0]


def _check(alpha: float, beta: float, distance: str, temperature: float, reduction: str) -> None:
    for name, value, meant, fine in (
        ("alpha", alpha, "a finite number, 0 or more", math.isfinite(alpha) and alpha >= 0),
        ("beta", beta, "a finite number, 0 or more", math.isfinite(beta) and beta >= 0),
        ("temperature", temperature, "above 0", math.isfinite(temperature) and temperature > 0),
        ("distance", distance, "'kl' or 'logits'", distance in get_args(Distance)),
        ("reduction", reduction, "'mean', 'sum' or 'none'", reduction in get_args(Reduction)),
    ):
        if not fine:
            msg = f"{name}={value!r} must be {meant}"
            raise ArgumentError(msg)


def _check_shapes(new: Tensor, labels: Tensor, old: Tensor, expected: Sequence[int]) -> None:
    items = new.shape if labels.is_floating_point() else new.shape[:-1]
    if labels.shape != items:
        msg = (
            f"target has shape {tuple(labels.shape)}, classes last; expected {tuple(items)} for an"
            f" input of {tuple(new.shape)}, classes last; for (B, T, C) pass class_dim=-1"
        )
        raise ArgumentError(msg)
    if old.shape != torch.Size(expected):
        msg = (
            f"old_output has shape {tuple(old.shape)}, expected {tuple(expected)} (classes last); it"
            " must be for the same items, and class_map=… must give the index of each old class"
        )
        raise ArgumentError(msg)


def _refuse_broken(each: Tensor, old: Tensor, active: Tensor) -> None:
    """Raise if NaN comes from the old outputs; NaN in the new logits shows in the base loss."""
    if torch.compiler.is_compiling() or bool(torch.isfinite(each).all()):
        return
    broken = int((~torch.isfinite(old).all(-1) & active).sum())
    if broken:
        msg = f"old_output is not finite for {broken} items; check the old model on them"
        raise ArgumentError(msg)


class FocalDistillation(nn.Module):
    """The distillation term as a module; arguments and references as for `focal_distillation`.

    Example:
        >>> term = FocalDistillation(alpha=1, beta=0, temperature=2)
        >>> term(torch.zeros(3, 2), torch.tensor([0, 1, 1]), torch.zeros(3, 2))
        tensor(0.)
    """

    places: Tensor | None

    def __init__(
        self,
        alpha: float = 1.0,
        beta: float = 0.0,
        *,
        distance: Distance = "kl",
        temperature: float = 1.0,
        class_map: Sequence[int] | None = None,
        ignore_index: int = -100,
        class_dim: int = 1,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__()
        _check(alpha, beta, distance, temperature, reduction)
        self.alpha, self.beta = alpha, beta
        self.distance, self.temperature = distance, temperature
        self.ignore_index, self.class_dim, self.reduction = ignore_index, class_dim, reduction
        # not saved: it depends on the two models, not on training
        self.register_buffer(
            "places", None if class_map is None else torch.tensor(class_map), persistent=False
        )

    def forward(self, input: Tensor, target: Tensor, old_output: Tensor) -> Tensor:
        """The term; arguments as for `focal_distillation`."""
        return focal_distillation(
            input,
            target,
            old_output,
            alpha=self.alpha,
            beta=self.beta,
            distance=self.distance,
            temperature=self.temperature,
            class_map=self.places,
            ignore_index=self.ignore_index,
            class_dim=self.class_dim,
            reduction=self.reduction,
        )

    def extra_repr(self) -> str:
        """The settings."""
        return f"alpha={self.alpha}, beta={self.beta}, distance={self.distance!r}, temperature={self.temperature}"


class PositiveCongruentLoss(nn.Module):
    """The base loss plus strength times focal distillation.

    Args:
        strength: 0 is exactly ordinary training, and infinity imitates the old model alone. The
            default is light; tune it on validation data, with `search_strength`.
        distillation: The term; `FocalDistillation()` if None.
        base: The base loss, of ``(input, target)`` with classes in dimension 1; cross-entropy with
            the term's `ignore_index` and `reduction` if None.

    Raises:
        ArgumentError: The strength is negative or not a number.

    Example:
        >>> loss = PositiveCongruentLoss(0.5, FocalDistillation(alpha=1, beta=1))
        >>> new = torch.tensor([[2.0, 0.0]], requires_grad=True)
        >>> old = torch.tensor([[3.0, 0.0]])
        >>> loss(new, torch.tensor([0]), old).item() > 0
        True
    """

    def __init__(
        self,
        strength: float = LIGHT,
        distillation: FocalDistillation | None = None,
        base: nn.Module | None = None,
    ) -> None:
        super().__init__()
        if not strength >= 0:
            msg = f"strength={strength!r} must be 0 (ordinary training) or more"
            raise ArgumentError(msg)
        self.strength = strength
        self.distillation = FocalDistillation() if distillation is None else distillation
        self.base = base or nn.CrossEntropyLoss(
            ignore_index=self.distillation.ignore_index, reduction=self.distillation.reduction
        )

    def forward(self, input: Tensor, target: Tensor, old_output: Tensor) -> Tensor:
        """The loss; arguments as for `focal_distillation`."""
        if math.isinf(self.strength):
            return cast("Tensor", self.distillation(input, target, old_output))
        usual = self._usual(input, target)
        if self.strength == 0:
            return usual
        return usual + self.strength * cast("Tensor", self.distillation(input, target, old_output))

    def _usual(self, input: Tensor, target: Tensor) -> Tensor:
        dim = self.distillation.class_dim
        if input.dim() > 2:  # torch's losses expect classes in dimension 1
            input = input.movedim(dim, 1)
            target = target.movedim(dim, 1) if target.is_floating_point() else target
        return cast("Tensor", self.base(input, target))

    def extra_repr(self) -> str:
        """The settings."""
        return f"strength={self.strength}"
