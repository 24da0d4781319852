import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from supersede.errors import NetworkError, UnsupportedOperatorError
from supersede.hardware import (
    Block,
    Network,
    Shape,
    from_torch,
    mobile_net,
    random_parameters,
    run,
    to_torch,
)
from tests.hardware.operators import OPERATORS

IMAGES = np.random.default_rng(1).normal(0, 2, (3, 8, 10, 5)).astype(np.float32)


def first(images: np.ndarray) -> torch.Tensor:
    """Channels first."""
    return torch.from_numpy(images.transpose(0, 3, 1, 2).copy())


def last(values: torch.Tensor) -> np.ndarray:
    values = values.detach()
    return values.reshape(*values.shape, *[1] * (4 - values.ndim)).permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize("name", OPERATORS)
def test_the_module_computes_what_the_description_says(name):
    trained = random_parameters(Network(Shape(8, 10, 5), OPERATORS[name]))
    module = to_torch(trained)

    assert last(module(first(IMAGES))) == pytest.approx(run(trained, IMAGES)["x"], abs=1e-4)
    again = module.trained()
    for layer, parameters in trained.parameters.items():
        assert np.array_equal(again.parameters[layer].kernel, parameters.kernel)


UNREADABLE = {"max pool": "-inf", "average pool at the border": "div", "transposed and cropped": "slice"}  # fmt: skip


@pytest.mark.parametrize("name", sorted(set(OPERATORS) - set(UNREADABLE)))
def test_the_module_reads_back(name):
    trained = random_parameters(Network(Shape(8, 10, 5), OPERATORS[name]))

    again = from_torch(to_torch(trained), first(IMAGES[:1]))

    assert [(layer.kind, layer.activation, layer.padding) for layer in again.network.layers] == [
        (layer.kind, layer.activation, layer.padding) for layer in trained.network.layers
    ]
    out = again.network.outputs[0]
    assert run(again, IMAGES)[out] == pytest.approx(run(trained, IMAGES)["x"], abs=1e-4)


@pytest.mark.parametrize("norm", [False, True])
def test_trained_weights_come_back_with_batch_norm_folded(norm):
    net = mobile_net(
        [Block(16), Block(24, stride=2, fused=True)], resolution=32, head=32, classes=5
    )
    module = to_torch(random_parameters(net), batch_norm=norm)
    images = np.random.default_rng(0).normal(size=(8, 32, 32, 3)).astype(np.float32)
    optimiser = torch.optim.SGD(module.parameters(), 0.05)
    for _ in range(3):
        optimiser.zero_grad()
        functional.cross_entropy(module(first(images)), torch.arange(8) % 5).backward()
        optimiser.step()

    module.eval()
    expected = last(module(first(images)))

    assert run(module.trained(), images)["classes"] == pytest.approx(expected, abs=1e-3)
    read = from_torch(module, first(images[:1]))
    assert run(read, images)[read.network.outputs[0]] == pytest.approx(expected, abs=1e-3)


class Mixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6(inplace=True),
            nn.Conv2d(8, 8, 3, 1, "same", groups=8), nn.Hardswish(), nn.MaxPool2d(2),
        )  # fmt: skip
        self.up = nn.ConvTranspose2d(8, 4, 4, 2, 1)
        self.larger = nn.Upsample(scale_factor=2, mode="bilinear")
        self.head = nn.Linear(12 * 4 * 4, 5)
        self.dropout = nn.Dropout()

    def forward(self, x):
        x = self.stem(x)
        x = torch.cat([self.larger(x), self.up(x)], 1)
        gate = torch.sigmoid(functional.adaptive_avg_pool2d(x, 1))
        x = gate * x
        x = x + functional.relu(x)
        x = functional.avg_pool2d(x, 3, 2, 1)
        return self.head(self.dropout(x.view(x.size(0), -1)))


def test_an_existing_module_is_understood():
    torch.manual_seed(0)
    module = Mixed().train()
    module(torch.randn(4, 3, 16, 16))  # moves the running statistics
    images = np.random.default_rng(0).normal(size=(4, 16, 16, 3)).astype(np.float32)

    trained = from_torch(module, first(images[:1]))

    assert all(part.training for part in module.modules())
    assert [layer.name for layer in trained.network.layers][:4] == ["stem.0", "stem.3", "stem.4", "stem.5"]  # fmt: skip
    expected = last(module.eval()(first(images)))
    assert run(trained, images)["head"] == pytest.approx(expected, abs=1e-4)


def test_silu_is_a_product_with_a_sigmoid():
    module = nn.Sequential(nn.Conv2d(5, 4, 1), nn.SiLU())

    trained = from_torch(module, first(IMAGES[:1]))

    assert [layer.name for layer in trained.network.layers] == ["0", "1/sigmoid", "1"]
    assert run(trained, IMAGES)["1"] == pytest.approx(last(module(first(IMAGES))), abs=1e-5)


class Logits(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x).logits


def test_a_network_of_a_library_is_understood():
    from transformers import MobileNetV2Config, MobileNetV2ForImageClassification

    torch.manual_seed(0)
    config = MobileNetV2Config(depth_multiplier=0.35, initializer_range=0.3, num_labels=5)
    module = Logits(MobileNetV2ForImageClassification(config)).eval()
    images = np.random.default_rng(0).normal(size=(2, 64, 64, 3)).astype(np.float32)

    trained = from_torch(module, first(images[:1]))

    expected = last(module(first(images)))
    assert run(trained, images)[trained.network.outputs[0]] == pytest.approx(expected, rel=1e-3)
    # zeros at the bottom and the right only: the library pads as TensorFlow does
    assert {layer.padding for layer in trained.network.layers} == {"same"}
    assert np.ptp(expected) > 0.01


@pytest.mark.parametrize(
    "window",
    [
        nn.Conv2d(5, 4, 3, 2), nn.Conv2d(5, 4, 3, 2, 1), nn.Conv2d(5, 4, 2, padding="valid"),
        nn.MaxPool2d(3, 2), nn.AvgPool2d(3, 2), nn.AvgPool2d(3, 1, 1),
    ],
)  # fmt: skip
def test_windows_over_padded_images(window):
    module = nn.Sequential(nn.ZeroPad2d((0, 1, 2, 1)), window)

    trained = from_torch(module, first(IMAGES[:1]))

    assert run(trained, IMAGES)["1"] == pytest.approx(last(module(first(IMAGES))), abs=1e-4)


@pytest.mark.parametrize(
    "window",
    [nn.Conv2d(5, 4, 3, padding="same"), nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(3, 2, 1, count_include_pad=False)],
)  # fmt: skip
def test_two_kinds_of_padding_are_refused(window):
    with pytest.raises(UnsupportedOperatorError, match="twice"):
        from_torch(nn.Sequential(nn.ZeroPad2d(1), window), first(IMAGES[:1]))


class Calls(nn.Module):
    """A function of modules and an image, as users write `forward`."""

    def __init__(self, function, *parts):
        super().__init__()
        self.function, self.parts = function, nn.ModuleList(parts)

    def forward(self, x):
        return self.function(x, *self.parts)


POINTWISE = nn.Conv2d(5, 4, 1)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Sequential(POINTWISE, nn.ZeroPad2d(1)), "a Pad gives it; only windows can be padded"),
        (nn.Sequential(nn.ZeroPad2d(-1), POINTWISE), "operator pad '0': cuts (-1, -1, -1, -1)"),
        (Calls(lambda x: torch.cat([x, functional.pad(x, (1, -1))], 1)), "operator pad 'pad'"),
    ],
)  # fmt: skip
def test_padding_that_is_no_window_s_is_refused(module, message):
    with pytest.raises(UnsupportedOperatorError) as caught:
        from_torch(module, first(IMAGES[:1]))
    assert message in str(caught.value)


def test_a_result_that_is_no_layer_s_is_refused():
    with pytest.raises(UnsupportedOperatorError, match="result 3 of the module: no layer gives it"):
        from_torch(Calls(lambda x, c: (c(x), 3), POINTWISE), first(IMAGES[:1]))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x, c: functional.interpolate(c(x), scale_factor=2.05), "operator upsample_nearest2d 'upsample_nearest2d': a resize from 8×10 to 16×20 by"),
        (lambda x, c: functional.interpolate(c(x), scale_factor=2.05, mode="bilinear"), "to 16×20 by (2.05, 2.05); a whole factor"),
    ],
)  # fmt: skip
def test_what_only_seems_to_fit_is_refused(function, message):
    square = first(IMAGES[:1]) if "×" in message else torch.zeros(1, 5, 5, 5)
    with pytest.raises(UnsupportedOperatorError) as caught:
        from_torch(Calls(function, POINTWISE), square)
    assert message in str(caught.value)


def test_values_become_an_image_of_one_pixel_step_by_step():
    module = Calls(lambda x: x * x.mean((2, 3)).unsqueeze(-1).unsqueeze(-1).sigmoid())

    trained = from_torch(module, first(IMAGES[:1]))

    found = run(trained, IMAGES)[trained.network.outputs[0]]
    assert found == pytest.approx(last(module(first(IMAGES))), abs=1e-5)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * x.mean((2, 3)).reshape(1, -1),
        lambda x: x + x.mean((2, 3)),
        lambda x: x * x.mean((2, 3)).unsqueeze(-1).sigmoid(),
    ],
)
def test_values_beside_an_image_spread_as_in_torch(function):
    module = Calls(function)
    images = np.random.default_rng(0).normal(size=(1, 5, 5, 5)).astype(np.float32)

    trained = from_torch(module, first(images))

    found = run(trained, images)[trained.network.outputs[0]]
    assert found == pytest.approx(last(module(first(images))), abs=1e-5)


@pytest.mark.parametrize("view", [lambda y: y.flatten(1), functional.dropout, torch.Tensor.detach])
def test_a_change_in_place_that_is_read_by_another_name_is_refused(view):
    def through(x, conv):
        y = conv(x)
        view(y).relu_()
        return y.sigmoid()

    with pytest.raises(
        UnsupportedOperatorError, match=r"operator relu_ .*: changes a value in place"
    ):
        from_torch(Calls(through, POINTWISE), first(IMAGES[:1]))


def test_a_change_in_place_that_is_read_by_its_result_is_understood():
    def block(x, conv, again):
        y = conv(x).relu_()
        z = again(y)
        z += y
        return z.relu_().flatten(1).relu_()

    module = Calls(block, POINTWISE, nn.Conv2d(4, 4, 3, padding=1))

    trained = from_torch(module, first(IMAGES[:1]))

    found = run(trained, IMAGES)[trained.network.outputs[0]].transpose(0, 3, 1, 2)
    assert found.reshape(3, -1) == pytest.approx(module(first(IMAGES)).detach().numpy(), abs=1e-4)


def test_padding_is_seen_in_every_input():
    module = Calls(
        lambda x, c, k: torch.cat([k(x), functional.pad(c(x), (1, 1, 1, 1))], 1),
        POINTWISE, nn.Conv2d(5, 4, 3, padding=2),
    )  # fmt: skip
    with pytest.raises(UnsupportedOperatorError, match="operator cat 'cat': reads what was padded"):
        from_torch(module, first(IMAGES[:1]))


class Residual(nn.Module):
    """As in residual networks that normalise before they convolve."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 7, 2, 3, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(8) for _ in range(3))
        self.convs = nn.ModuleList(nn.Conv2d(8, 8, 3, padding=1, bias=False) for _ in range(2))

    def forward(self, x):
        x = functional.max_pool2d(functional.relu(self.norms[0](self.stem(x))), 3, 2, 1)
        for conv, norm in zip(self.convs, self.norms[1:], strict=True):
            x = x + conv(functional.relu(norm(x)))
        return functional.relu(x).mean((2, 3))


def test_normalisation_that_cannot_be_folded_is_a_layer():
    torch.manual_seed(0)
    module = Residual()
    module(torch.randn(8, 3, 32, 32) * 2 + 1)
    images = np.random.default_rng(0).normal(size=(4, 32, 32, 3)).astype(np.float32)

    trained = from_torch(module, first(images[:1]))

    kinds = [layer.kind for layer in trained.network.layers]
    assert kinds.count("depthwise") == 2
    expected = last(module.eval()(first(images)))
    out = trained.network.outputs[0]
    assert run(trained, images)[out] == pytest.approx(expected, abs=1e-4)


class Branching(nn.Module):
    def forward(self, x):
        return x * 2 if x.sum() > 0 else x


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (
            nn.Sequential(nn.Conv2d(3, 8, 1), nn.ELU(), nn.Mish(), nn.ELU()),
            "no layer here: elu (2), mish (1)",
        ),
        (nn.Sequential(nn.LSTM(32, 4)), "cannot follow this module|no layer here"),
        (nn.ConvTranspose2d(3, 4, 3, 2, 1, 1), "crops (1, 0, 1, 0)"),
        (nn.Upsample(scale_factor=1.5), "from 32×32 to 48×48"),
        (nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), "align_corners"),
        (nn.MaxPool2d(3, 2, 1), "may be negative"),
        (nn.MaxPool2d(3, 2, ceil_mode=True), "ceil_mode"),
        (nn.MaxPool2d(2, 1, dilation=2), "a dilated window"),
        (nn.AdaptiveAvgPool2d(5), "1×1 is the mean"),
        (nn.ReLU6(), None),
        (nn.Hardtanh(), "clipped to (-1.0, 1.0)"),
        (Branching(), "must not depend on the values"),
    ],
)
def test_uses_without_a_layer_are_refused(module, message):
    example = torch.zeros(1, 3, 32, 32)
    if message is None:
        assert from_torch(module, example).network.layers[0].activation == "relu6"
        return
    with pytest.raises(UnsupportedOperatorError) as caught:
        from_torch(module, example)
    assert any(part in str(caught.value) for part in message.split("|"))


def test_what_is_no_image_is_refused():
    with pytest.raises(NetworkError, match=r"expected \(1, channels, height, width"):
        from_torch(nn.ReLU(), torch.zeros(1, 3, 8, 32, 32))
