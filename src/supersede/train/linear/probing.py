"""Is a network a differentiable function of its input? If not, which layer breaks it?

The expansion is exact only for a network that gives the same answer twice, leaves its buffers and
inputs alone, answers each item by itself, and passes gradients down to the weights that are to
change. Each is tried once, on the first input.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from supersede.errors import ArgumentError, LinearizationError

if TYPE_CHECKING:
    from supersede.train.linear.linearized import Linearized

__all__ = ["FAILURES", "check", "failing_layer", "refuse_modes"]

# what torch and the networks of packages raise for inputs that do not fit
FAILURES = (RuntimeError, IndexError, KeyError, TypeError, ValueError)

_BATCH_NORMS = (
    nn.modules.batchnorm._BatchNorm,
    nn.InstanceNorm1d,
    nn.InstanceNorm2d,
    nn.InstanceNorm3d,
)
_DROPOUTS = nn.modules.dropout._DropoutNd
_HALF = (torch.float16, torch.bfloat16)


def refuse_modes(network: nn.Module) -> None:
    """Refuse layers in training mode that depend on the batch or on chance, and half precision.

    Raises:
        LinearizationError: With the layer and what to do.
        ArgumentError: It is not a network.
    """
    if not isinstance(network, nn.Module):
        msg = f"expected a network, a torch.nn.Module, and got {type(network).__name__}"
        raise ArgumentError(msg)
    if isinstance(network, torch.jit.ScriptModule):
        msg = (
            "a scripted or traced network has no layers that can be expanded; pass the nn.Module that it"
            " was made from"
        )
        raise LinearizationError(msg)
    for name, module in network.named_modules():
        words = f"layer {name!r} ({type(module).__name__})" if name else type(module).__name__
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            if module.training:
                msg = (
                    f"{words} is in training mode: each output then depends on the whole batch, so there"
                    " is no function of one item to expand. Call network.eval() first"
                )
                raise LinearizationError.of(name, msg)
            if module.running_mean is None:
                msg = (
                    f"{words} keeps no running statistics, so even in evaluation mode each output depends"
                    " on the whole batch. Train it with track_running_stats=True"
                )
                raise LinearizationError.of(name, msg)
        if isinstance(module, _DROPOUTS) and module.training and module.p > 0:
            msg = f"{words} is in training mode: outputs are random. Call network.eval() first"
            raise LinearizationError.of(name, msg)
    for name, tensor in network.named_parameters():
        if isinstance(tensor, nn.parameter.UninitializedParameter):
            msg = f"parameter {name!r} has no shape yet; call the network on one batch first"
            raise LinearizationError.of(name.rpartition(".")[0], msg)
        if tensor.dtype in _HALF:
            msg = (
                f"parameter {name!r} is {tensor.dtype}: the expansion adds small changes to large"
                " values, which half precision loses. Call network.float() first"
            )
            raise LinearizationError.of(name, msg)


def check(linear: "Linearized", args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Try the network on one input.

    Raises:
        LinearizationError: It is random, changes its buffers, mixes items, or passes no gradient.
    """
    network = linear.network
    args, kwargs = _cloned(args), _cloned(dict(kwargs))
    inputs = _tensors((args, kwargs))
    versions = [t._version for t in inputs]
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    with torch.no_grad():
        first, second = _Record(network), _Record(network)
        drawn = torch.get_rng_state()
        with first:
            once = linear.evaluate({}, args, kwargs)
        if not torch.equal(drawn, torch.get_rng_state()):
            torch.set_rng_state(drawn)
            moved, place = first.first_drawing(drawn)
            msg = (
                f"random numbers are drawn in evaluation mode, {place}: is it dropout without"
                " training=self.training? The expansion needs a function of the input"
            )
            raise LinearizationError.of(moved, msg)
        if [t._version for t in inputs] != versions:
            msg = (
                "the network changes its input in place, so a second call would see another input;"
                " write x = x + … instead of x += … on what is passed in"
            )
            raise LinearizationError(msg)
        for name, buffer in network.named_buffers():
            if not torch.equal(buffer, buffers[name]):
                buffer.copy_(buffers[name])
                owner = name.rpartition(".")[0]
                msg = (
                    f"buffer {name!r} changes when the network is used, in evaluation mode too: the"
                    " network is not a function of its input. Update it in training mode only"
                )
                raise LinearizationError.of(owner, msg)
        with second:
            again = linear.evaluate({}, args, kwargs)
    if not torch.isfinite(once).all():
        msg = "the network's outputs are not finite on this input; check the input and the weights"
        raise LinearizationError(msg)
    if not torch.equal(once, again) and not _close(once, again):
        layer = first.first_difference(second)
        msg = (
            f"{_words(network, layer)} gives different outputs for the same input: is it random in"
            " evaluation mode, such as dropout without training=self.training?"
        )
        raise LinearizationError.of(layer or "", msg)
    _check_items(linear, once, args, kwargs)
    _check_gradients(linear, args, kwargs)


def failing_layer(network: nn.Module, work: Callable[[], object]) -> str | None:
    """The innermost layer in which work fails, when it is done again; None where it succeeds."""
    record = _Record(network)
    try:
        with record:
            work()
    except FAILURES:
        return record.open[-1] if record.open else ""
    return None


@dataclass
class _Record:
    """What passes through the modules of a network, in the order of their calls."""

    network: nn.Module
    open: list[str] = field(default_factory=list)
    calls: list[tuple[str, list[Tensor], list[Tensor]]] = field(default_factory=list)
    drawn: list[tuple[str, str, Tensor]] = field(default_factory=list)
    _handles: list[Any] = field(default_factory=list)

    def __enter__(self) -> "_Record":
        for name, module in self.network.named_modules():
            self._handles += [
                module.register_forward_pre_hook(self._enter(name)),
                module.register_forward_hook(self._leave(name), with_kwargs=True),
            ]
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _enter(self, name: str) -> Callable[..., None]:
        def enter(module: nn.Module, args: Any) -> None:
            self.open.append(name)
            self.drawn.append(("before", name, torch.get_rng_state()))

        return enter

    def _leave(self, name: str) -> Callable[..., None]:
        def leave(module: nn.Module, args: Any, kwargs: Any, made: Any) -> None:
            self.open.pop()
            if not any(True for _ in module.children()):
                self.calls.append((name, _tensors((args, kwargs)), _tensors(made)))
            self.drawn.append(("in", name, torch.get_rng_state()))

        return leave

    def first_drawing(self, start: Tensor) -> tuple[str, str]:
        """The first layer at which torch's random numbers had moved on, and where in words."""
        for where, name, state in self.drawn:
            if name and not torch.equal(state, start):
                return name, f"{where} {_words(self.network, name)}"
        return "", "at the end of the network"

    def first_difference(self, other: "_Record") -> str | None:
        """The first layer whose outputs differ between two records."""
        for (name, _, mine), (_, _, theirs) in zip(self.calls, other.calls, strict=False):
            if any(not torch.equal(a, b) for a, b in zip(mine, theirs, strict=False)):
                return name
        return None


def _check_items(
    linear: "Linearized", whole: Tensor, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> None:
    """An item's output must not depend on what else is in the batch."""
    n = len(whole) if whole.dim() else 0
    tensors = _tensors((args, kwargs))
    if n < 2 or any(t.dim() == 0 or len(t) != n for t in tensors):
        return  # nothing to compare, or items are not in the first dimension

    def twice(value: Any) -> Any:
        return value[[0, 0]] if isinstance(value, Tensor) else value

    with torch.no_grad():
        alone = linear.evaluate(
            {}, tuple(map(twice, args)), {k: twice(v) for k, v in kwargs.items()}
        )
    if not _close(alone[:1], whole[:1]):
        msg = (
            "the output for an item depends on the other items of the batch; linearising needs a"
            " function of one item. Is a layer normalising over the batch?"
        )
        raise LinearizationError(msg)


def _check_gradients(
    linear: "Linearized", args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> None:
    """Every chosen parameter that is used must reach the outputs."""
    weights = {
        d.name: linear.network.get_parameter(d.name).detach().clone().requires_grad_()
        for d in linear.directions
    }
    record = _Record(linear.network)
    with torch.enable_grad(), record:
        made = linear.evaluate(weights, args, kwargs)
    if not made.requires_grad:
        _refuse_break(linear, record, list(weights), _tensors((args, kwargs)))
    generator = torch.Generator().manual_seed(0)
    pull = torch.randn(made.shape, generator=generator, dtype=torch.float64).to(made)
    watched = [t for _, takes, gives in record.calls for t in (*takes, *gives) if t.requires_grad]
    found = torch.autograd.grad(made, [*weights.values(), *watched], pull, allow_unused=True)
    passed = {id(t): g for t, g in zip(watched, found[len(weights) :], strict=True)}
    used = {name for name, _, _ in record.calls}
    lost = [
        name
        for name, gradient in zip(weights, found, strict=False)
        if (gradient is None or not gradient.any()) and name.rpartition(".")[0] in used
    ]
    if not lost:
        return
    for layer, takes, gives in record.calls:
        taken = [passed.get(id(t)) for t in takes if t.requires_grad]
        given = [passed.get(id(t)) for t in gives]
        if (
            any(g is not None and g.any() for g in given)
            and taken
            and not any(g is not None and g.any() for g in taken)
        ):
            if _saturates(linear.network.get_submodule(layer)):
                continue
            msg = (
                f"{_words(linear.network, layer)} passes no gradient: it is not differentiable, so the"
                f" weights before it, such as {lost[0]!r}, cannot be fitted. Choose parameters behind it"
            )
            raise LinearizationError.of(layer, msg)
    if any(found[list(weights).index(name)] is None for name in lost):
        _refuse_break(linear, record, lost, _tensors((args, kwargs)))


def _refuse_break(
    linear: "Linearized", record: _Record, lost: list[str], given: list[Tensor]
) -> None:
    """Name the place where gradients stop, if there is one on the way from the lost weights."""
    owners = {name.rpartition(".")[0] for name in lost}
    for layer, _, gives in record.calls:
        floats = [t for t in gives if t.is_floating_point()]
        if layer in owners and floats and not any(t.requires_grad for t in floats):
            msg = (
                f"{_words(linear.network, layer)} is called under torch.no_grad(), so its weights cannot be"
                " fitted. Choose parameters behind it, or take the no_grad away"
            )
            raise LinearizationError.of(layer, msg)
    known = False
    own = {t.data_ptr() for t in given}  # inputs of a second branch have no gradient and need none
    last = ""
    for layer, takes, gives in record.calls:
        floats = [t for t in takes if t.is_floating_point() and t.data_ptr() not in own]
        if known and floats and not any(t.requires_grad for t in floats):
            place = f"between {last!r} and {layer!r}"
            break
        if known and not any(t.requires_grad for t in gives):
            place = f"in {_words(linear.network, layer)}"
            last = layer
            break
        if any(t.requires_grad for t in gives):
            known, last = True, layer
    else:
        place = f"after {_words(linear.network, last)}" if last else "before the outputs"
        if known and lost and len(lost) < len(linear.directions):
            return  # some parameters serve another output, such as a pooling layer's
    msg = (
        f"gradients stop {place}, so weights before it, such as {lost[0]!r}, cannot be fitted: it detaches"
        " its input or is not differentiable. Choose parameters behind it"
    )
    raise LinearizationError.of(last, msg)


def _saturates(module: nn.Module) -> bool:
    """Whether a layer is differentiable though its derivative may be zero on some input."""
    return type(module).__module__.startswith("torch.nn.modules")


def _close(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape:
        return False
    # sums in another order differ by a few units in the last place
    slack = 1e4 * torch.finfo(one.dtype).eps * max(1.0, float(other.abs().max()))
    return bool((one - other).abs().max() <= slack)


def _words(network: nn.Module, layer: str | None) -> str:
    if not layer:
        return f"the network ({type(network).__name__})"
    return f"layer {layer!r} ({type(network.get_submodule(layer)).__name__})"


def _cloned(value: Any) -> Any:
    match value:
        case Tensor():
            return value.clone()
        case dict():
            return {key: _cloned(item) for key, item in value.items()}
        case list() | tuple():
            return type(value)(_cloned(item) for item in value)
        case _:
            return value


def _tensors(value: Any) -> list[Tensor]:
    match value:
        case Tensor():
            return [value]
        case dict():
            return [t for item in value.values() for t in _tensors(item)]
        case list() | tuple():
            return [t for item in value for t in _tensors(item)]
        case _:
            return []
