"""The torch module of a network: what is trained is what is compiled."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from supersede.hardware.description.layer import Layer, Padding
from supersede.hardware.description.network import Network
from supersede.hardware.description.shapes import Shape, explicit_padding
from supersede.hardware.description.trained import Parameters, TrainedNetwork
from supersede.hardware.formats.graph import unsupported
from supersede.hardware.formats.torch_parts import (
    ChannelNorm,
    Concat,
    Constant,
    Exponential,
    OfTwo,
    Rearranged,
    Sliced,
)

__all__ = ["TorchNetwork", "to_torch"]


def to_torch(trained: TrainedNetwork, *, batch_norm: bool = False) -> TorchNetwork:
    """A module to train, starting from these weights; `random_parameters` gives fresh ones.

    Args:
        trained: The network and the weights to start from.
        batch_norm: Whether batch normalisation follows each convolution, as the training of deep
            networks needs. `TorchNetwork.trained` folds it away again.

    Example:
        >>> from supersede.hardware import Block, mobile_net, random_parameters
        >>> net = mobile_net([Block(16)], resolution=32, head=32, classes=5)
        >>> module = to_torch(random_parameters(net, seed=0), batch_norm=True)
        >>> module(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 5])
    """
    return TorchNetwork(trained, batch_norm=batch_norm)


class TorchNetwork(nn.Module):
    """A network as a torch module.

    Images are (n, channels, height, width), as everywhere in torch. An output of a dense layer is
    (n, channels); several outputs come as a tuple.

    Attributes:
        network: The description.
    """

    def __init__(self, trained: TrainedNetwork, *, batch_norm: bool = False) -> None:
        super().__init__()
        self.network: Network = trained.network
        self.operators = nn.ModuleList(
            _operator(
                layer,
                self.network.inputs_of(layer),
                trained.parameters.get(layer.name),
                batch_norm=batch_norm and layer.kind in {"conv", "depthwise", "transpose_conv"},
            )
            for layer in self.network.layers
        )

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, ...]:
        """The network's outputs."""
        values = {"input": images}
        for layer, operator in zip(self.network.layers, self.operators, strict=True):
            values[layer.name] = operator(*(values[name] for name in layer.inputs))
        flat = {layer.name for layer in self.network.layers if layer.kind == "dense"}
        outputs = tuple(
            values[name].flatten(1) if name in flat else values[name]
            for name in self.network.outputs
        )
        return outputs[0] if len(outputs) == 1 else outputs

    def trained(self) -> TrainedNetwork:
        """The weights as they are now, with batch normalisation folded into them.

        Raises:
            NetworkError: Weights are not finite.
        """
        parameters = {}
        for layer, operator in zip(self.network.layers, self.operators, strict=True):
            parts = list(operator.children())
            weighted = next((part for part in parts if isinstance(part, WEIGHTED)), None)
            if weighted is None:
                continue
            kernel = _ours(layer, weighted.weight.detach(), self.network.inputs_of(layer))
            channels = self.network.shapes[layer.name].channels
            given = getattr(weighted, "bias", None)
            bias = np.zeros(channels) if given is None else _numpy(given)
            norm = next((part for part in parts if isinstance(part, nn.BatchNorm2d)), None)
            if norm is not None and norm.running_var is not None and norm.running_mean is not None:
                factor = _numpy(norm.weight) / np.sqrt(_numpy(norm.running_var) + norm.eps)
                shape = (-1,) if layer.kind == "depthwise" else (-1,) + (1,) * (kernel.ndim - 1)
                kernel = kernel * factor.reshape(shape)
                bias = _numpy(norm.bias) + (bias - _numpy(norm.running_mean)) * factor
            parameters[layer.name] = Parameters(kernel.astype(np.float32), bias.astype(np.float32))
        return TrainedNetwork(self.network, parameters)


WEIGHTED = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.PReLU, nn.GroupNorm, ChannelNorm, Constant)
BY_CHANNEL = frozenset({"prelu", "layer_norm", "group_norm"})
ACTIVATIONS = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "hard_swish": nn.Hardswish,
    "sigmoid": nn.Sigmoid,
    "hard_sigmoid": nn.Hardsigmoid,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
}


class _Chain(nn.Sequential):
    """Parts after one another; the first may read several inputs."""

    def forward(self, *inputs: Tensor) -> Tensor:
        first, *rest = self
        value: Tensor = first(*inputs)
        for part in rest:
            value = part(value)
        return value


class _MeanOfThose(nn.Module):
    """Average pooling in which zeros of the padding do not count."""

    def __init__(self, layer: Layer, padding: Padding) -> None:
        super().__init__()
        self.layer, self.padding = layer, padding

    def forward(self, images: Tensor) -> Tensor:
        top, bottom, left, right = self.padding
        around = (left, right, top, bottom)
        counted = functional.pad(torch.ones_like(images[:1, :1]), around)
        window = {"kernel_size": self.layer.kernel, "stride": self.layer.stride}
        sums = functional.avg_pool2d(functional.pad(images, around), **window)  # type: ignore[arg-type]
        return sums / functional.avg_pool2d(counted, **window)  # type: ignore[arg-type]


class _Crop(nn.Module):
    """Cuts what a transposed convolution gives to a size, evenly, the odd pixel at the end."""

    def __init__(self, top: int, left: int, height: int, width: int) -> None:
        super().__init__()
        self.rows, self.columns = slice(top, top + height), slice(left, left + width)

    def forward(self, images: Tensor) -> Tensor:
        return images[:, :, self.rows, self.columns]


def _operator(
    layer: Layer, inputs: list[Shape], parameters: Parameters | None, *, batch_norm: bool
) -> nn.Module:
    parts = list(_parts(layer, inputs))
    weighted = next((part for part in parts if isinstance(part, WEIGHTED)), None)
    if weighted is not None and parameters is not None:
        with torch.no_grad():
            weighted.weight.copy_(_theirs(layer, parameters.kernel, inputs[0] if inputs else None))
            bias = torch.from_numpy(np.asarray(parameters.bias, np.float32).copy())
            if batch_norm:
                weighted.bias = None
                norm = nn.BatchNorm2d(len(bias))
                norm.bias.copy_(bias)
                parts.append(norm)
            elif getattr(weighted, "bias", None) is not None:
                weighted.bias.copy_(bias)  # type: ignore[union-attr, operator]
    if layer.kind == "dense":
        parts.append(nn.Unflatten(1, (layer.channels, 1, 1)))
    if layer.activation is not None:
        parts.append(_activation(layer))
    return _Chain(*parts)


def _activation(layer: Layer) -> nn.Module:
    match layer.activation:
        case "leaky_relu":
            return nn.LeakyReLU(layer.value)
        case "softmax":
            return nn.Softmax(dim=1)
        case "exp":
            return Exponential()
        case kind:
            found: nn.Module = ACTIVATIONS[str(kind)]()
            return found


def _parts(layer: Layer, inputs: list[Shape]) -> Iterable[nn.Module]:
    given = inputs[0].channels if inputs else 0
    match layer.kind:
        case "conv" | "depthwise":
            groups = given if layer.kind == "depthwise" else layer.groups
            yield from _padded(layer, inputs[0], 0)
            yield nn.Conv2d(
                given, layer.channels or given, layer.kernel, layer.stride,
                dilation=layer.dilation, groups=groups,
            )  # fmt: skip
        case "transpose_conv":
            yield nn.ConvTranspose2d(given, layer.channels, layer.kernel, layer.stride)
            if layer.padding == "same":
                top, left = ((k - s) // 2 for k, s in zip(layer.kernel, layer.stride, strict=True))
                size = [n * s for n, s in zip(inputs[0][:2], layer.stride, strict=True)]
                yield _Crop(top, left, *size)
        case "dense":
            yield nn.Flatten()
            yield nn.Linear(inputs[0].size, layer.channels)
        case "max_pool":
            yield from _padded(layer, inputs[0], -torch.inf if layer.padding == "same" else 0)
            yield nn.MaxPool2d(layer.kernel, layer.stride)
        case "avg_pool" if layer.padding == "same":
            yield _MeanOfThose(layer, explicit_padding(layer, inputs[0]))
        case "avg_pool":
            yield from _padded(layer, inputs[0], 0)
            yield nn.AvgPool2d(layer.kernel, layer.stride)
        case "global_avg_pool":
            yield nn.AdaptiveAvgPool2d(1)
        case "upsample_nearest" | "upsample_bilinear":
            yield nn.Upsample(scale_factor=layer.stride, mode=layer.kind.removeprefix("upsample_"))
        case "concat":
            yield Concat((2, 3, 1)[layer.axis])
        case "add" | "multiply" | "subtract" | "divide" | "matmul":
            yield OfTwo(layer.kind)
        case "prelu":
            yield nn.PReLU(given)
        case "group_norm":
            yield nn.GroupNorm(layer.groups, given, eps=layer.value)
        case "layer_norm":
            yield ChannelNorm(given, layer.value)
        case "rearrange":
            yield Rearranged(layer)
        case "slice":
            yield Sliced(layer)
        case "constant":
            yield Constant(layer)
        case "processor":
            what = f"it is the processor's operator {layer.operator}"
            where = f"layer {layer.name!r}"
            raise unsupported(where, what, "leave it out of the network")
        case "activation":
            pass


def _padded(layer: Layer, input: Shape, value: float) -> Iterable[nn.Module]:
    top, bottom, left, right = explicit_padding(layer, input)
    if top or bottom or left or right:
        yield nn.ConstantPad2d((left, right, top, bottom), value)


def _theirs(layer: Layer, kernel: np.ndarray, input: Shape | None) -> Tensor:
    """A kernel in torch's order: channels before height and width."""
    if layer.kind == "dense":
        kernel = kernel.reshape(-1, *(input or ())).transpose(0, 3, 1, 2).reshape(len(kernel), -1)
    elif layer.kind == "constant":
        kernel = kernel.transpose(0, 3, 1, 2)
    elif layer.kind in BY_CHANNEL:
        kernel = kernel.reshape(-1)
    else:
        # of a transposed convolution the inputs come first, as of a depthwise one the channels
        kernel = kernel.transpose((0, 3, 1, 2) if layer.kind == "conv" else (3, 0, 1, 2))
    return torch.from_numpy(np.ascontiguousarray(kernel))


def _ours(layer: Layer, weight: Tensor, inputs: list[Shape]) -> np.ndarray:
    kernel = _numpy(weight)
    if layer.kind == "dense":
        height, width, channels = inputs[0]
        kernel = kernel.reshape(-1, channels, height, width).transpose(0, 2, 3, 1)
        return kernel.reshape(len(kernel), -1)
    if layer.kind == "constant":
        return kernel.transpose(0, 2, 3, 1)
    if layer.kind in BY_CHANNEL:
        return kernel.reshape(1, 1, 1, -1)
    return kernel.transpose((0, 2, 3, 1) if layer.kind == "conv" else (1, 2, 3, 0))


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()
