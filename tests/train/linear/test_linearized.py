import copy
import io
import pickle

import pytest
import torch
from tests.train.linear.cases import cnn, digits
from torch import nn
from torch.nn import functional

from supersede.errors import ArgumentError, LinearizationError
from supersede.train.linear import LastBlocks, Linearized, LowRank, leaky


class Encoder(nn.Module):
    """A transformer with padding, whose mean over real tokens is classified."""

    def __init__(self, outputs: int = 3) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 16)
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(16, outputs)

    def forward(self, tokens, padding):
        hidden = self.encoder(self.embed(tokens), src_key_padding_mask=padding)
        kept = (~padding).unsqueeze(-1).to(hidden)
        return self.head((hidden * kept).sum(1) / kept.sum(1))


class Tied(nn.Module):
    """One matrix that embeds and scores."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(6, 4)
        self.score = nn.Linear(4, 6, bias=False)
        self.score.weight = self.embed.weight

    def forward(self, tokens):
        return self.score(torch.tanh(self.embed(tokens).mean(1)))


def seeded(made, dtype=torch.float64):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return made().to(dtype).eval()


def tokens(n=5, length=7):
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(1, 20, (n, length), generator=generator)
    lengths = torch.tensor([length, 4, 2, length, 1])[:n]
    return ids, torch.arange(length) >= lengths[:, None]


def cases():
    ids, padding = tokens()
    images = digits(5)[0]
    sequences = torch.randn(4, 6, 3, generator=torch.Generator().manual_seed(1)).double()
    return {
        "cnn": (cnn(), (images,), {}, None),
        "transformer with padding": (seeded(Encoder), (ids, padding), {}, None),
        "tied": (seeded(Tied), (ids % 6,), {}, None),
        "lstm": (seeded(lambda: nn.LSTM(3, 4, batch_first=True)), (sequences,), {}, lambda o: o[0][:, -1]),
        "gru": (seeded(lambda: nn.GRU(3, 4, batch_first=True)), (sequences,), {}, lambda o: o[0][:, -1]),
        "in place": (
            seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(8, 2))),
            (images,), {}, None,
        ),
    }  # fmt: skip


def direction(linear, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {
        k: torch.randn(v.shape, generator=generator, dtype=torch.float64).to(v)
        for k, v in linear.change.items()
    }


@pytest.mark.parametrize("name", cases())
def test_it_is_the_network_at_no_change_and_its_derivative_elsewhere(name):
    network, args, kwargs, output = cases()[name]
    linear = Linearized(network, output=output)
    taken = output or (lambda made: made)
    with torch.no_grad():
        assert torch.allclose(linear(*args, **kwargs), taken(network(*args, **kwargs)), atol=1e-12)
        step = direction(linear)
        _, slope = linear.expand(step, *args, **kwargs)
        size = 1e-5
        moved = []
        for sign in (1, -1):
            other = copy.deepcopy(network)
            for d in linear.directions:
                other.get_parameter(d.name).add_(sign * size * step[d.key])
            moved.append(taken(other(*args, **kwargs)))
        finite = (moved[0] - moved[1]) / (2 * size)
    assert (slope - finite).abs().max() < 1e-6 * slope.abs().max()


@pytest.mark.parametrize("choice", ["all", "head", LastBlocks(2), LowRank(2), ["0.*", "10.bias"]])
def test_it_is_linear_in_float32(choice):
    linear = Linearized(cnn(dtype=torch.float32), parameters=choice)
    x = digits(5, dtype=torch.float32)[0]
    one, two = direction(linear, 1), direction(linear, 2)
    both = {k: 0.3 * one[k] - 2 * two[k] for k in one}
    with torch.no_grad():
        a, b, c = (linear.expand(step, x)[1] for step in (one, two, both))
        assert (linear(x) - linear.network(x)).abs().max() <= 1e-6
    assert (0.3 * a - 2 * b - c).abs().max() < 1e-5 * c.abs().max()


def test_gradients_reach_the_change_only():
    linear = Linearized(cnn())
    x, y = digits(6)
    functional.cross_entropy(linear(x), torch.tensor(y)).backward()
    assert all(p.grad is not None and p.grad.any() for p in linear.change.values())
    assert all(p.grad is None for p in linear.network.parameters())


def test_pickle_and_state_dict_round_trips():
    network = cnn()
    linear = Linearized(network, parameters=LowRank(3))
    x = digits(4)[0]
    with torch.no_grad():
        for key, step in direction(linear).items():
            linear.change[key].copy_(step)
    held = io.BytesIO()
    torch.save(linear.state_dict(), held)
    held.seek(0)
    other = Linearized(cnn(seed=5), parameters=LowRank(3, seed=9))
    other.load_state_dict(torch.load(held))
    assert torch.equal(other(x), linear(x))
    assert torch.equal(pickle.loads(pickle.dumps(linear))(x), linear(x))
    assert torch.equal(copy.deepcopy(linear)(x), linear(x))


def test_weighted_parts_round_trip():
    linear, x = Linearized(cnn()).weighted(0.25), digits(4)[0]
    with torch.no_grad():
        for key, step in direction(linear).items():
            linear.change[key].copy_(step)
    scaled = {k: v.detach() if k.startswith("10/") else 0.5 * v.detach() for k, v in linear.change.items()}  # fmt: skip
    plain, slope = Linearized(cnn()).expand(scaled, x)
    assert torch.allclose(linear(x), plain + slope, rtol=1e-12)
    assert linear.body_weight == 0.25
    other = Linearized(cnn(seed=5))
    other.load_state_dict(linear.state_dict())
    assert torch.equal(other(x), linear(x))
    assert torch.equal(pickle.loads(pickle.dumps(linear))(x), linear(x))
    assert not linear.weighted(1.0).change_vector().any()


def test_the_last_layer_is_fitted_in_full_at_any_rank():
    network = cnn()
    ranks = {d.name: d.rank for d in Linearized(network, parameters=LowRank(2)).directions}
    assert ranks == {
        "0.weight": 2, "0.bias": None, "1.weight": None, "1.bias": None, "4.weight": 2, "4.bias": None,
        "5.weight": None, "5.bias": None, "9.weight": None, "9.bias": None, "10.weight": None, "10.bias": None,
    }  # fmt: skip


def test_settings_of_torch_return_even_after_an_error():
    torch.backends.mha.set_fastpath_enabled(True)
    linear = Linearized(seeded(Encoder))
    ids, padding = tokens()
    linear(ids, padding)
    with pytest.raises(LinearizationError):
        linear(ids.float(), padding)
    assert torch.backends.mha.get_fastpath_enabled()
    assert torch.backends.cuda.flash_sdp_enabled()


def test_it_stays_in_evaluation_mode_and_leaves_the_network_alone():
    network = cnn()
    before = copy.deepcopy(network.state_dict())
    linear = Linearized(network).train()
    x = digits(8)[0]
    assert torch.equal(linear(x), linear.eval()(x))
    assert not linear.network.training
    assert all(torch.equal(v, network.state_dict()[k]) for k, v in before.items())
    assert all(p.requires_grad for p in network.parameters())


def test_merging_measures_its_own_error():
    linear = Linearized(cnn())
    x = digits(20)[0]
    with torch.no_grad():
        for key, step in direction(linear).items():
            linear.change[key].copy_(1e-3 * step)
    merged = linear.merge(x)
    with torch.no_grad():
        gap = merged.network(x) - linear(x)
    assert merged.error == pytest.approx(float(gap.square().mean().sqrt()))
    assert 0 < merged.error < 0.1 * merged.change
    assert merged.items == 20
    assert "error" in str(merged)
    head = Linearized(cnn(), parameters="head")  # the last layer is linear already
    with torch.no_grad():
        head.change["10/weight"].normal_()
    assert head.merge(x).error < 1e-12


def test_tied_weights_change_together():
    linear = Linearized(seeded(Tied), parameters="score.*")
    assert [d.name for d in linear.directions] == ["embed.weight"]


def test_blocks_and_patterns():
    linear = Linearized(seeded(Encoder), parameters=LastBlocks(1))
    names = {d.name for d in linear.directions}
    assert "encoder.layers.1.linear1.weight" in names
    assert "head.bias" in names
    assert not any(name.startswith(("encoder.layers.0", "embed")) for name in names)
    assert {d.name for d in Linearized(seeded(Encoder), parameters="head").directions} == {
        "head.weight", "head.bias",
    }  # fmt: skip
    for choice, words in [
        ("nope.*", "no parameter is called"), (LastBlocks(9), "has 2 blocks"), (LowRank(0), "rank is 1"),
    ]:  # fmt: skip
        with pytest.raises(ArgumentError, match=words):
            Linearized(seeded(Encoder), parameters=choice)
    with pytest.raises(ArgumentError, match=r"needs a network with an nn\.Sequential"):
        Linearized(seeded(Tied), parameters=LastBlocks(1))
    with pytest.raises(ArgumentError, match="no parameters"):
        Linearized(nn.ReLU())


class Step(torch.autograd.Function):
    @staticmethod
    def forward(x):
        return x * 2

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 2


def layer(function):
    class Custom(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, x):
            return function(self, x)

    return nn.Sequential(nn.Linear(3, 3), Custom(), nn.Linear(3, 3)).eval()


def count_calls(module, x):
    module.calls += 1
    return x


def drifts(module, x):
    module.seen = getattr(module, "seen", 0) + 1
    return x * module.seen


def own_input(module, x):
    x += 1
    return x


@pytest.mark.parametrize(
    ("function", "name", "words"),
    [
        (lambda m, x: torch.round(x), "1", "not differentiable"),
        (lambda m, x: torch.sign(x), "1", "not differentiable"),
        (lambda m, x: x.detach(), "1", "gradients stop"),
        (lambda m, x: (x > 0).to(x), "1", "gradients stop"),
        (lambda m, x: Step.apply(x), "1", "must implement the jvp"),
        (lambda m, x: functional.dropout(x), "1", "random numbers are drawn.*in layer '1'"),
        (lambda m, x: functional.dropout(x, 1e-3), "1", "random numbers are drawn.*in layer '1'"),
        (drifts, "1", "different outputs for the same input"),
        (count_calls, "1", "buffer '1.calls' changes"),
        (lambda m, x: functional.batch_norm(x, None, None, training=True), "", "depends on the other"),
        (lambda m, x: x / x.abs().sum(), "", "depends on the other"),
        (lambda m, x: x / 0, "", "not finite"),
    ],
)  # fmt: skip
def test_layers_that_cannot_be_expanded_are_named(function, name, words):
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    with pytest.raises(LinearizationError, match=words) as caught:
        Linearized(layer(function))(x)
    assert caught.value.layer == name
    if name:
        head = Linearized(layer(function), parameters="2.*")  # behind it nothing is in the way
        if not any(word in words for word in ("buffer", "different", "random")):
            assert head(x).shape == (4, 3)


def test_work_in_place_on_the_input_is_refused_and_the_input_kept():
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    kept = x.clone()
    network = nn.Sequential(layer(own_input)[1], nn.Linear(3, 2)).eval()
    with pytest.raises(LinearizationError, match="changes its input in place"):
        Linearized(network)(x)
    assert torch.equal(x, kept)


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)), "layer '1' .*training mode.*eval"),
        (nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.1)), "layer '1' .*training mode.*eval"),
        (nn.BatchNorm1d(3, track_running_stats=False).eval(), "no running statistics"),
        (nn.Linear(3, 3).half().eval(), "float16.*float()"),
        (nn.Linear(3, 3).bfloat16().eval(), "bfloat16.*float()"),
    ],
)
def test_modes_that_have_no_expansion_are_refused(network, words):
    with pytest.raises(LinearizationError, match=words):
        Linearized(network)


def test_inputs_that_do_not_fit_are_refused_with_the_layer():
    linear = Linearized(cnn(dtype=torch.float32))
    with pytest.raises(LinearizationError, match=r"layer '0' cannot be expanded.*Input type"):
        linear(torch.ones(2, 1, 8, 8, dtype=torch.int64))
    with pytest.raises(LinearizationError, match=r"layer '10'|layer '9'"):
        linear(torch.ones(2, 1, 12, 12))


class Frozen(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x):
        with torch.no_grad():
            inside = self.body(x)
        return self.head(functional.dropout(inside, 0.0))


def test_layers_under_no_grad_are_not_fitted_silently():
    with pytest.raises(LinearizationError, match=r"'body' .*no_grad.*behind it"):
        Linearized(Frozen().eval())(torch.ones(2, 3))
    assert Linearized(Frozen().eval(), parameters="head")(torch.ones(2, 3)).shape == (2, 3)


def test_what_is_no_network_is_refused():
    with pytest.raises(ArgumentError, match=r"Module, and got int"):
        Linearized(3)
    with pytest.raises(LinearizationError, match="call the network on one batch first"):
        Linearized(nn.LazyLinear(3).eval())
    words = nn.Sequential(nn.Embedding(5, 3), nn.Flatten(), nn.Linear(6, 2)).eval()
    with pytest.raises(
        LinearizationError, match="layer '0' cannot be expanded: index out of range"
    ):
        Linearized(words)(torch.tensor([[1, 7]]))


def test_outputs_that_are_no_scores_are_refused():
    with pytest.raises(LinearizationError, match=r"int64.*output="):
        Linearized(nn.Sequential(nn.Linear(3, 3), layer(lambda m, x: x.argmax(1))[1]))(
            torch.ones(2, 3)
        )
    with pytest.raises(LinearizationError, match=r"returns tuple.*output="):
        Linearized(nn.LSTM(3, 4))(torch.ones(2, 5, 3))


def test_leaky_replaces_modules_in_a_copy():
    network = nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.ReLU(inplace=True), nn.ReLU6()))
    made = leaky(network, slope=0.1)
    assert [type(m).__name__ for m in made[1]] == ["LeakyReLU", "LeakyReLU"]
    assert made[1][0].inplace
    assert isinstance(network[1][0], nn.ReLU)
    for bad, words in [(nn.Linear(2, 2), "no nn.ReLU module"), (network, "slope=2")]:
        with pytest.raises(ArgumentError, match=words):
            leaky(bad, slope=2 if bad is network else 0.1)


class TwoBranches(nn.Module):
    """A second input that joins late, and a layer whose output is not used."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.unused = nn.Linear(3, 4), nn.Linear(2, 4), nn.Linear(4, 4)

    def forward(self, a, b):
        made = self.first(a)
        self.unused(made)
        return made + self.second(b)


def test_an_unused_layer_beside_two_branches_is_no_break():
    linear = Linearized(TwoBranches().eval())
    assert linear(torch.ones(2, 3), torch.ones(2, 2)).shape == (2, 4)
