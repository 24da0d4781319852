"""A network replaced by its first-order expansion at its own weights.

With weights w₀, a chosen change δ of some of them, and the Jacobian J of the outputs there,

    f(x; δ) = f(x; w₀) + J(x) δ

is linear in δ and equal to the network at δ = 0. The second term is one forward-mode derivative
(`torch.func.jvp`), so nothing of the size of J is ever made.

References:
    Achille et al. (2021), LQF: Linear quadratic fine-tuning, CVPR, arXiv 2012.11140, section 3.1.

Assumes: the network is a deterministic function of each item alone. That holds in evaluation mode
and is checked at the first call.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call, jvp

from supersede.errors import LinearizationError, SupersedeError
from supersede.look import amount, count, share
from supersede.train.linear.forward_mode import forward_mode
from supersede.train.linear.probing import FAILURES, check, failing_layer, refuse_modes
from supersede.train.linear.selection import (
    Direction,
    LowRank,
    ParameterChoice,
    chosen_directions,
    projection,
)

__all__ = ["Linearized", "Merged"]

Output = Callable[[Any], Tensor]
T = TypeVar("T")


class Linearized(nn.Module):
    """The first-order expansion of a network at its weights, as a module of its own.

    The network is copied and frozen; what is trained is `change`, one parameter per chosen
    parameter of the network. It stays in evaluation mode whatever `train` says.

    Args:
        network: Any network whose outputs are differentiable in its parameters.
        parameters: Which parameters may change: ``"all"``, ``"head"``, patterns of names,
            `LastBlocks` or `LowRank`.
        output: Takes the tensor out of what the network returns. None: the tensor itself, or the
            ``logits`` of a Hugging Face output.

    Raises:
        LinearizationError: The network is in a mode, or has a layer, that cannot be expanded.
        ArgumentError: No parameter is called so.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).eval()
        >>> linear = Linearized(net, parameters="head")
        >>> x = torch.ones(4, 2)
        >>> torch.equal(linear(x), net(x))
        True
        >>> sorted(name for name, _ in linear.named_parameters() if name.startswith("change"))
        ['change.2/bias', 'change.2/weight']
    """

    body_scale: Tensor

    def __init__(
        self,
        network: nn.Module,
        *,
        parameters: ParameterChoice = "all",
        output: Output | None = None,
    ) -> None:
        super().__init__()
        refuse_modes(network)
        self.directions: tuple[Direction, ...] = chosen_directions(network, parameters)
        self.network = _copied(network)
        self.output = output
        self.change = nn.ParameterDict()
        self.projections = nn.Module()
        seed = parameters.seed if isinstance(parameters, LowRank) else 0
        for number, direction in enumerate(self.directions):
            weight = self.network.get_parameter(direction.name)
            self.change[direction.key] = nn.Parameter(weight.new_zeros(direction.coordinates))
            if direction.rank is not None:
                fixed = projection(direction, seed + number, weight)
                self.projections.register_buffer(direction.key, fixed)
        # coordinates of layers before the last count this much; see `weighted`
        self.register_buffer("body_scale", self.like.new_ones(()))
        self._checked = False

    @property
    def size(self) -> int:
        """Number of coordinates of the change."""
        return sum(d.coordinates.numel() for d in self.directions)

    @property
    def like(self) -> Tensor:
        """A chosen parameter, whose type and device the network computes with."""
        return self.network.get_parameter(self.directions[0].name)

    @property
    def in_two_parts(self) -> bool:
        """Whether parameters of the last layer may change, and others too."""
        return len({d.last for d in self.directions}) == 2

    @property
    def body_weight(self) -> float:
        """How much the kernel of the layers before the last counts beside the last layer's."""
        return float(self.body_scale) ** 2

    def weighted(self, body_weight: float) -> "Linearized":
        """A copy at no change, whose coordinates before the last layer are scaled.

        The kernel of such coordinates counts `body_weight` times; at 0, they do not move.

        Args:
            body_weight: The weight, 0 or more; up to the network's precision.

        Returns:
            The copy; the frozen network is shared.
        """
        made = self.sharing_network()
        for part in made.change.values():
            part.detach().zero_()
        made._buffers = dict(self._buffers)
        made.body_scale = torch.full_like(self.body_scale, body_weight**0.5)
        return made

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """The expansion's outputs; arguments as for the network.

        Raises:
            LinearizationError: The network cannot be expanded on this input; the layer is named.
        """
        base, slope = self.expand(dict(self.change), *args, **kwargs)
        return base + slope

    def expand(
        self, change: Mapping[str, Tensor], *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """The network's outputs, and their derivative along a change of coordinates, by key."""
        self.check(*args, **kwargs)
        primals = {d.name: self.network.get_parameter(d.name).detach() for d in self.directions}
        tangents = {d.name: self._in_full(d, change[d.key]) for d in self.directions}

        def derive() -> tuple[Tensor, Tensor]:
            with forward_mode(self.network):
                made = jvp(
                    lambda chosen: self.evaluate(chosen, args, kwargs), (primals,), (tangents,)
                )
            return cast("tuple[Tensor, Tensor]", made)

        return self._explained(derive)

    def evaluate(
        self, weights: Mapping[str, Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Tensor:
        """The network's outputs with some of its weights replaced.

        Raises:
            LinearizationError: The network fails on this input; the layer is named.
        """
        return self._explained(
            lambda: self._tensor(functional_call(self.network, dict(weights), args, dict(kwargs)))
        )

    def check(self, *args: Any, **kwargs: Any) -> None:
        """Refuse a network that is no differentiable function of its input; done once.

        Raises:
            LinearizationError: It is not; the layer is named.
        """
        if self._checked:
            return
        self._explained(lambda: check(self, args, kwargs))
        self._checked = True

    def train(self, mode: bool = True) -> "Linearized":
        """Set the mode of this module; the network stays in evaluation mode."""
        super().train(mode)
        self.network.eval()
        return self

    def change_vector(self) -> Tensor:
        """The change as one vector ``(P,)``, float64 on the CPU."""
        parts = [self.change[d.key].detach().reshape(-1) for d in self.directions]
        return torch.cat(parts).cpu().double()

    def sharing_network(self) -> "Linearized":
        """A copy with a change of its own, which starts at this one's; the frozen network is shared."""
        made = copy.copy(self)
        made._modules = dict(self._modules)
        made.change = nn.ParameterDict({k: v.detach().clone() for k, v in self.change.items()})
        return made

    def merge(self, *args: Any, **kwargs: Any) -> "Merged":
        """The plain network with the change added to its weights, and the error of doing so.

        The plain network is not linear, so its outputs differ from the expansion's; by how much is
        measured on the items given, which should be typical of those to come.

        Args:
            *args: Items, as for the network.
            **kwargs: Likewise.

        Returns:
            The network and its error.
        """
        plain = _copied(self.network)
        with torch.no_grad():
            for direction in self.directions:
                step = self._in_full(direction, self.change[direction.key])
                plain.get_parameter(direction.name).add_(step)
            expansion, before = self(*args, **kwargs), self.evaluate({}, args, kwargs)
            merged = self._tensor(plain(*args, **kwargs))
        for parameter in plain.parameters():
            parameter.requires_grad_(True)
        gap = (merged - expansion).double()
        moved = (expansion - before).double()
        classes = expansion.dim() == 2 and expansion.shape[1] > 1
        return Merged(
            network=plain,
            items=len(expansion),
            error=float(gap.square().mean().sqrt()),
            largest=float(gap.abs().max()),
            change=float(moved.square().mean().sqrt()),
            disagreement=float((merged.argmax(1) != expansion.argmax(1)).double().mean())
            if classes
            else float("nan"),
        )

    def extra_repr(self) -> str:
        """What is fitted."""
        names = [d.name for d in self.directions]
        listed = ", ".join(names[:4]) + (f", … ({len(names)} in all)" if len(names) > 4 else "")
        return f"{count(self.size)} coordinates of {listed}"

    def _in_full(self, direction: Direction, coordinates: Tensor) -> Tensor:
        if not direction.last:
            coordinates = coordinates * self.body_scale
        if direction.rank is None:
            return coordinates
        fixed = self.projections.get_buffer(direction.key)
        return (coordinates @ fixed).view(direction.shape)

    def _tensor(self, made: Any) -> Tensor:
        if self.output is not None:
            made = self.output(made)
        elif not isinstance(made, Tensor):
            made = made["logits"] if isinstance(made, Mapping) and "logits" in made else made
        if not isinstance(made, Tensor) or not made.is_floating_point():
            found = f"a tensor of {made.dtype}" if isinstance(made, Tensor) else type(made).__name__
            msg = (
                f"the network returns {found}; linearising needs a tensor of floats, such as logits:"
                " pass output=<a function that takes it out of what the network returns>"
            )
            raise LinearizationError(msg)
        return made

    def _explained(self, work: Callable[[], T]) -> T:
        """Do the work; where torch fails in a layer, say in which."""
        try:
            return work()
        except (torch.OutOfMemoryError, SupersedeError):
            raise
        except FAILURES as error:
            layer = failing_layer(self.network, work)
            if layer is None:
                raise
            said = next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")
            if "dtype" in said or "scalar type" in said:
                said += (
                    " (integers stay integers, for embeddings: pass floats to layers of numbers)"
                )
            raise LinearizationError.at(layer, said) from error


@dataclass(frozen=True)
class Merged:
    """A plain network with a fitted change in its weights.

    Attributes:
        network: The network, in evaluation mode.
        items: Number of items on which the error was measured.
        error: Root mean square difference between its outputs and the expansion's.
        largest: Largest such difference.
        change: Root mean square of what the change does to the expansion's outputs.
        disagreement: Share of items to which the two give different classes; NaN where outputs
            are not scores of classes.
    """

    network: nn.Module
    items: int
    error: float
    largest: float
    change: float
    disagreement: float

    def to_dict(self) -> dict[str, float]:
        """The numbers, without the network."""
        return {
            n: getattr(self, n) for n in ("items", "error", "largest", "change", "disagreement")
        }

    def __str__(self) -> str:
        part = f" ({share(self.error / self.change)} of the change)" if self.change else ""
        return (
            f"merged with an error of {amount(self.error)}{part} on {count(self.items)} items,"
            f" at most {amount(self.largest)}; {share(self.disagreement)} get another class"
        )


def _copied(network: nn.Module) -> nn.Module:
    try:
        made = copy.deepcopy(network)
    except RuntimeError as error:
        msg = (
            f"{type(network).__name__} cannot be copied: {error}. Remove hooks that keep results, such"
            " as torch.nn.utils.weight_norm (torch.nn.utils.parametrizations has a copy that works)"
        )
        raise LinearizationError(msg) from error
    return made.eval().requires_grad_(False)
