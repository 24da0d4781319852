"""Families of networks as people bring them to a chip, small, in plain torch."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Family = Callable[[], tuple[nn.Module, tuple[int, ...]]]


def conv(given: int, out: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    window = nn.Conv2d(given, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(window, nn.BatchNorm2d(out))


class Calls(nn.Module):
    """A function of an image and modules."""

    def __init__(
        self, function: Callable[..., Tensor | tuple[Tensor, ...]], *parts: nn.Module
    ) -> None:
        super().__init__()
        self.function, self.parts = function, nn.ModuleList(parts)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        return self.function(x, *self.parts)


class Residual(nn.Module):
    def __init__(self, body: nn.Module, after: nn.Module | None = None) -> None:
        super().__init__()
        self.body, self.after = body, after or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.after(x + self.body(x))


class Gate(nn.Module):
    """Squeeze and excitation."""

    def __init__(self, channels: int, gate: nn.Module) -> None:
        super().__init__()
        self.down, self.up, self.gate = nn.Conv2d(channels, 8, 1), nn.Conv2d(8, channels, 1), gate

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(self.up(F.relu(self.down(F.adaptive_avg_pool2d(x, 1)))))


def head(channels: int, classes: int = 10) -> nn.Sequential:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


def lenet():
    layers = [
        nn.Conv2d(1, 6, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
    ]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(256, 84), nn.ReLU(), nn.Linear(84, 10)), (
        1,
        28,
        28,
    )


def resnet():
    def block(c):
        return Residual(nn.Sequential(conv(c, c), nn.ReLU(), conv(c, c)), nn.ReLU())

    down = nn.Sequential(conv(16, 32, 3, 2), nn.ReLU())
    return nn.Sequential(conv(3, 16), nn.ReLU(), block(16), down, block(32), head(32)), (3, 32, 32)


def mobilenet_v1():
    layers = [conv(3, 16, 3, 2), nn.ReLU()]
    for given, out, stride in ((16, 32, 1), (32, 64, 2), (64, 64, 1)):
        layers += [conv(given, given, 3, stride, given), nn.ReLU(), conv(given, out, 1), nn.ReLU()]
    return nn.Sequential(*layers, head(64)), (3, 64, 64)


def inverted(c: int, act: Callable[[], nn.Module], gate: nn.Module | None = None) -> Residual:
    wide = 4 * c
    middle = [gate] if gate else []
    return Residual(
        nn.Sequential(
            conv(c, wide, 1), act(), conv(wide, wide, 3, 1, wide), act(), *middle, conv(wide, c, 1)
        )
    )


def mobilenet_v2():
    return nn.Sequential(
        conv(3, 16, 3, 2), nn.ReLU6(), inverted(16, nn.ReLU6), inverted(16, nn.ReLU6), head(16)
    ), (3, 64, 64)


def mobilenet_v3():
    gated = inverted(16, nn.Hardswish, Gate(64, nn.Hardsigmoid()))
    last = nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 64), nn.Hardswish(), nn.Linear(64, 10)
    )
    return nn.Sequential(
        conv(3, 16, 3, 2), nn.Hardswish(), gated, inverted(16, nn.Hardswish), last
    ), (3, 64, 64)


def efficientnet():
    return nn.Sequential(
        conv(3, 16, 3, 2), nn.SiLU(), inverted(16, nn.SiLU, Gate(64, nn.Sigmoid())), head(16)
    ), (3, 64, 64)


def squeezenet():
    def fire(x, squeeze, one, three):
        x = F.relu(squeeze(x))
        return torch.cat([F.relu(one(x)), F.relu(three(x))], 1)

    parts = nn.Conv2d(16, 8, 1), nn.Conv2d(8, 16, 1), nn.Conv2d(8, 16, 3, padding=1)
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 2), nn.ReLU(), nn.MaxPool2d(3, 2), Calls(fire, *parts), head(32)
    ), (3, 65, 65)


def densenet():
    def grow(x, *layers):
        for layer in layers:
            x = torch.cat([x, layer(x)], 1)
        return x

    layers = [
        nn.Sequential(nn.BatchNorm2d(16 + 8 * i), nn.ReLU(), nn.Conv2d(16 + 8 * i, 8, 3, padding=1))
        for i in range(3)
    ]
    return nn.Sequential(
        conv(3, 16, 3, 2), nn.ReLU(), Calls(grow, *layers), nn.AvgPool2d(2), head(40)
    ), (3, 32, 32)


def softmax_classifier():
    last = head(16)
    with torch.no_grad():
        last[2].weight.mul_(8)  # as decided as a trained one
    return nn.Sequential(
        conv(3, 16, 3, 2), nn.ReLU(), conv(16, 16), nn.ReLU(), last, nn.Softmax(1)
    ), (3, 32, 32)


class Scaled(nn.Module):
    """Pixels are brought to mean 0 and deviation 1 inside the model."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.body((x - self.mean) / self.std)


def normalised_input():
    return Scaled(nn.Sequential(conv(3, 16, 3, 2), nn.ReLU(), head(16))), (3, 32, 32)


class ChannelNorm(nn.LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def convnext():
    def block(c):
        body = [
            nn.Conv2d(c, c, 7, padding=3, groups=c),
            ChannelNorm(c),
            nn.Conv2d(c, 4 * c, 1),
            nn.GELU(),
            nn.Conv2d(4 * c, c, 1),
        ]
        return Residual(nn.Sequential(*body))

    stem = nn.Conv2d(3, 16, 4, 4)
    return nn.Sequential(stem, ChannelNorm(16), block(16), block(16), head(16)), (3, 64, 64)


def group_norm():
    body = nn.Sequential(
        nn.Conv2d(16, 16, 3, padding=1),
        nn.GroupNorm(4, 16),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, padding=1),
        nn.GroupNorm(4, 16),
    )
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 2, 1), nn.ReLU(), Residual(body, nn.ReLU()), head(16)
    ), (3, 32, 32)


class Vision(nn.Module):
    """A transformer on patches."""

    def __init__(self, width: int = 32, heads: int = 4) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 8, 8)
        self.place = nn.Parameter(torch.randn(1, 17, width) * 0.5)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down, self.head = (
            nn.Linear(width, 64),
            nn.Linear(64, width),
            nn.Linear(width, 10),
        )
        self.heads = heads

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.place
        n, t, c = x.shape
        q, k, v = (
            self.qkv(self.norms[0](x))
            .reshape(n, t, 3, self.heads, c // self.heads)
            .permute(2, 0, 3, 1, 4)
        )
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, t, c)
        x = x + self.out(mixed)
        x = x + self.down(F.gelu(self.up(self.norms[1](x))))
        return self.head(self.norms[2](x)[:, 0])


def vision_transformer():
    return Vision(), (3, 32, 32)


def resnext():
    body = nn.Sequential(
        conv(32, 32, 1), nn.ReLU(), conv(32, 32, 3, 1, 8), nn.ReLU(), conv(32, 32, 1)
    )
    return nn.Sequential(conv(3, 32, 3, 2), nn.ReLU(), Residual(body, nn.ReLU()), head(32)), (
        3,
        32,
        32,
    )


def shufflenet():
    def unit(x, branch):
        left, right = x.chunk(2, 1)
        x = torch.cat([left, branch(right)], 1)
        n, c, h, w = x.shape
        return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)

    branch = nn.Sequential(
        conv(16, 16, 1), nn.ReLU(), conv(16, 16, 3, 1, 16), conv(16, 16, 1), nn.ReLU()
    )
    return nn.Sequential(conv(3, 32, 3, 2), nn.ReLU(), Calls(unit, branch), head(32)), (3, 32, 32)


def ssd():
    def detect(x, body, more, boxes, classes, boxes2, classes2):
        x = body(x)
        y = more(x)
        found = []
        for feature, b, c in ((x, boxes, classes), (y, boxes2, classes2)):
            found.append(
                (
                    b(feature).permute(0, 2, 3, 1).reshape(1, -1, 4),
                    c(feature).permute(0, 2, 3, 1).reshape(1, -1, 5),
                )
            )
        return torch.cat([f[0] for f in found], 1), torch.cat([f[1] for f in found], 1).sigmoid()

    body = nn.Sequential(conv(3, 16, 3, 2), nn.ReLU(), conv(16, 32, 3, 2), nn.ReLU())
    more = nn.Sequential(conv(32, 32, 3, 2), nn.ReLU())
    heads = [nn.Conv2d(32, n, 3, padding=1) for n in (12, 15, 12, 15)]
    return Calls(detect, body, more, *heads), (3, 32, 32)


def yolo_tiny():
    def detect(x, one, two, three):
        x = one(x)
        y = two(F.max_pool2d(x, 2))
        return three(torch.cat([F.interpolate(y, scale_factor=2), x], 1))

    act = nn.LeakyReLU
    parts = [
        nn.Sequential(conv(3, 16, 3, 2), act(0.1)),
        nn.Sequential(conv(16, 32), act(0.1)),
        nn.Sequential(conv(48, 16, 1), act(0.1), nn.Conv2d(16, 18, 1)),
    ]
    return Calls(detect, *parts), (3, 32, 32)


def face_prelu():
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 2, 1),
        nn.PReLU(16),
        conv(16, 16, 3, 1, 16),
        nn.PReLU(16),
        conv(16, 32, 1),
        nn.PReLU(),
        nn.Conv2d(32, 32, 16, groups=32),
        nn.Flatten(),
        nn.Linear(32, 16),
    ), (3, 32, 32)


def keyword_1d():
    layers = [
        nn.Conv1d(40, 32, 3, padding=1),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Conv1d(32, 32, 5, 2, 2),
        nn.ReLU(),
    ]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(32, 12)), (
        40,
        100,
    )


def super_resolution():
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2),
        nn.Tanh(),
        nn.Conv2d(16, 4, 3, padding=1),
        nn.PixelShuffle(2),
    ), (1, 24, 24)


def unet():
    def through(x, down, low, up, last):
        d = F.relu(down(x))
        y = F.relu(low(F.max_pool2d(d, 2)))
        return last(torch.cat([up(y), d], 1))

    parts = (
        conv(3, 16),
        conv(16, 32),
        nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.Conv2d(48, 2, 1),
    )
    return Calls(through, *parts), (3, 32, 32)


def segmentation_transposed():
    return nn.Sequential(
        conv(3, 16, 3, 2),
        nn.ReLU(),
        conv(16, 32, 3, 2),
        nn.ReLU(),
        nn.ConvTranspose2d(32, 16, 2, 2),
        nn.ReLU(),
        nn.ConvTranspose2d(16, 3, 4, 2, 1),
    ), (3, 32, 32)


def autoencoder():
    sizes = (640, 128, 128, 8, 128, 128, 640)
    layers = [part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*layers[:-1]), (640,)


FAMILIES: dict[str, Family] = {
    "LeNet": lenet, "ResNet": resnet, "MobileNetV1": mobilenet_v1, "MobileNetV2": mobilenet_v2,
    "MobileNetV3": mobilenet_v3, "EfficientNet": efficientnet, "SqueezeNet": squeezenet,
    "DenseNet": densenet, "softmax at the end": softmax_classifier,
    "normalised input": normalised_input, "ConvNeXt": convnext, "group norm": group_norm,
    "vision transformer": vision_transformer, "ResNeXt": resnext, "ShuffleNetV2": shufflenet,
    "SSD heads": ssd, "YOLO, leaky relu": yolo_tiny, "face, PReLU": face_prelu,
    "keywords, 1-d": keyword_1d, "pixel shuffle": super_resolution, "U-Net, Upsample": unet,
    "transposed convolutions": segmentation_transposed, "autoencoder, dense": autoencoder,
}  # fmt: skip


def settled(family: Family) -> tuple[nn.Module, Tensor]:
    """The module in service, its norms moved away from 0 and 1, and an example."""
    torch.manual_seed(0)
    module, shape = family()
    example = torch.randn(8, *shape)
    module.train()
    with torch.no_grad():
        for _ in range(3):
            try:
                module(example)
            except RuntimeError:  # written for one image
                for one in example:
                    module(one[None])
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d | nn.GroupNorm | nn.LayerNorm):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, 0, 0.3)
    return module.eval(), example[:1]
