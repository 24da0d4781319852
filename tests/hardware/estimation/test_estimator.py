import json
import math
from dataclasses import dataclass, replace

import numpy as np
import pytest

from supersede.errors import ArgumentError, EstimateError
from supersede.hardware import (
    Block,
    Declared,
    Estimator,
    EthosU,
    Layer,
    Measurement,
    Network,
    Shape,
    mobile_net,
)

DECLARED = Declared(lanes=256, clock=1e9, bandwidth=4e9, sram_bytes=200_000)


def sample(rng: np.random.Generator) -> Network:
    blocks = [
        Block(int(rng.integers(2, 11)) * 4, int(rng.integers(2, 7)), stride=s, fused=bool(f))
        for s, f in zip((1, 2, 1), rng.integers(0, 2, 3), strict=True)
    ]
    return mobile_net(blocks, resolution=int(rng.choice([48, 64])), head=32, classes=10)


@dataclass(frozen=True)
class Changed:
    """A declared accelerator whose totals, or rows, are spoilt on purpose."""

    factor: float = 1.0
    noise: float = 0.0
    rows: bool = True
    overhead: float = 0.0

    def fingerprint(self) -> str:
        return f"changed {self}"

    def measure(self, network: Network) -> Measurement:
        cost = DECLARED.measure(network)
        rng = np.random.default_rng(int(network.fingerprint()[:8], 16))
        total = self.overhead + cost.seconds * self.factor * math.exp(self.noise * rng.normal())
        return replace(cost, seconds=total, layers=cost.layers if self.rows else ())


@pytest.fixture(scope="module")
def fitted():
    return Estimator.fit(DECLARED, sample, budget=60)


def test_fresh_networks_are_estimated_well(fitted):
    accuracy = fitted.check(DECLARED, sample, networks=60)
    assert accuracy.mape < 0.03
    assert accuracy.rank_correlation > 0.99
    assert accuracy.flops_mape > 5 * accuracy.mape
    assert accuracy.covered > 0.75
    assert accuracy.flagged <= 3


def test_a_real_compiler_is_estimated_well():
    target = EthosU("u55-256")
    accuracy = Estimator.fit(target, sample, budget=30).check(target, sample, networks=20)
    assert accuracy.mape < 0.05


def test_totals_are_enough():
    target = Changed(rows=False)
    accuracy = Estimator.fit(target, sample, budget=60).check(target, sample, networks=40)
    assert accuracy.mape < 0.06


@pytest.mark.parametrize("target", [Changed(1.4), Changed(overhead=2e-4), Changed(1.4, rows=False)])
def test_totals_above_the_sum_of_layers_are_corrected(target):
    estimator = Estimator.fit(target, sample, budget=60)
    assert estimator.check(target, sample, networks=40).mape < 0.06


def test_forty_per_cent_more_is_found():
    estimator = Estimator.fit(Changed(1.4), sample, budget=20)
    assert estimator.factor == pytest.approx(1.4)
    assert estimator.overhead == pytest.approx(0, abs=1e-9)


def one_expansion(expansion: int, seed: int) -> Network:
    rng = np.random.default_rng(seed)
    blocks = [Block(int(rng.choice([16, 24, 32])), expansion, stride=s) for s in (1, 2, 1)]
    return mobile_net(blocks, resolution=64, head=32, classes=10)


def test_what_was_never_seen_together_is_flagged():
    def space(rng: np.random.Generator) -> Network:
        return one_expansion(int(rng.choice([4, 6])), int(rng.integers(1000)))

    estimator = Estimator.fit(DECLARED, space, budget=25)
    inside = estimator.predict([one_expansion(4, seed) for seed in range(2000, 2010)])
    assert sum(bool(e.outside) for e in inside) <= 2
    # each size of these layers was measured, but no wide layer after a wide one
    strange = estimator.predict([one_expansion(1, seed) for seed in range(2000, 2010)])
    assert all("in all of these together" in " ".join(e.outside) for e in strange)
    assert all(math.isnan(e.low) for e in strange)


def test_intervals_are_wider_where_estimates_are_harder(fitted):
    rng = np.random.default_rng(11)
    widths = [e.half_width for e in fitted.predict([sample(rng) for _ in range(40)])]
    assert max(widths) > 1.5 * min(widths) > 0


def test_noise_is_not_called_a_missing_sum():
    with pytest.raises(EstimateError, match=r"noise of the measurements.*several times"):
        Estimator.fit(Changed(noise=0.25), sample, budget=40)


def test_measurements_that_say_their_noise_are_taken():
    noisy = Changed(noise=0.12)
    plain = Estimator.fit(DECLARED, sample, budget=40)
    measured = [noisy.measure(network) for network in plain.networks]
    said = tuple(replace(m, low=m.seconds * 0.85, high=m.seconds * 1.15) for m in measured)
    estimator = Estimator("noisy", plain.networks, said)
    (estimate,) = estimator.predict([plain.networks[0]])
    assert estimate.half_width > 0.1


@pytest.mark.parametrize("rows", [True, False])
def test_totals_that_no_layers_explain_are_refused(rows):
    with pytest.raises(EstimateError, match=r"do not add up|not sums over layers|noise"):
        Estimator.fit(Changed(noise=0.5, rows=rows), sample, budget=40)


def test_it_is_a_target_too(fitted):
    network = sample(np.random.default_rng(5))
    cost = fitted.measure(network)
    assert cost.low < cost.seconds < cost.high
    assert sum(layer.seconds for layer in cost.layers) == pytest.approx(cost.seconds)
    assert [layer.name for layer in cost.layers] == [layer.name for layer in network.layers]
    assert cost.peak_bytes > 0
    assert "estimate of declared" in fitted.fingerprint()


def test_many_at_once_give_the_same_as_one(fitted):
    rng = np.random.default_rng(6)
    networks = [sample(rng) for _ in range(5)]
    assert [e.seconds for e in fitted.predict(networks)] == pytest.approx(
        [fitted.predict([n])[0].seconds for n in networks]
    )
    assert fitted.predict([]) == ()


@pytest.mark.parametrize(
    ("block", "says"),
    [
        (Block(400), "out channels 400"),
        (Block(16, 4, kernel=7), "kernel 7×7, measured"),
        (Block(16, 4, stride=3), "stride 3×3, measured"),
    ],
)
def test_networks_outside_are_flagged(fitted, block, says):
    network = mobile_net([block, Block(16)], resolution=48, head=32, classes=10)
    (estimate,) = fitted.predict([network])
    assert any(says in flag for flag in estimate.outside)
    assert math.isnan(estimate.low)
    with pytest.raises(EstimateError, match="outside of what was measured"):
        fitted.measure(network)


def on_the_granule(rng: np.random.Generator) -> Network:
    blocks = [
        Block(int(rng.choice([16, 32, 48, 64])), int(rng.integers(2, 5)), stride=s) for s in (1, 2)
    ]
    return mobile_net(blocks, resolution=48, head=32, classes=10)


@pytest.fixture(scope="module")
def granular():
    return Estimator.fit(replace(DECLARED, granule=16), on_the_granule, budget=20)


@pytest.mark.parametrize("channels", [17, 33, 65, 72])
def test_channels_off_the_granule_are_flagged_where_none_were_measured(granular, channels):
    blocks = [Block(channels, 4), Block(32, 4, stride=2)]
    network = mobile_net(blocks, resolution=48, head=32, classes=10)
    (estimate,) = granular.predict([network])
    assert any(f"{channels} channels in" in flag for flag in estimate.outside)
    assert granular.predict([on_the_granule(np.random.default_rng(9))])[0].outside == ()


@pytest.mark.parametrize(
    ("layer", "changes", "says"),
    [
        ("block0/depthwise", {"stride": (1, 2)}, "stride 1×2, measured 1×1, 2×2"),
        ("block0/depthwise", {"dilation": (1, 2)}, "dilation 1×2, measured 1×1"),
        ("block0/depthwise", {"activation": None}, "activation none, measured relu"),
    ],
)
def test_what_no_measured_layer_has_is_flagged(granular, layer, changes, says):
    network = on_the_granule(np.random.default_rng(9)).with_layer(layer, **changes)
    (estimate,) = granular.predict([network])
    assert any(says in flag for flag in estimate.outside)


def test_a_wide_image_is_flagged(granular):
    network = replace(on_the_granule(np.random.default_rng(9)), input=Shape(48, 192, 3))
    (estimate,) = granular.predict([network])
    assert any("in width 192, measured" in flag for flag in estimate.outside)


def test_an_unknown_operator_is_refused(fitted):
    layers = (
        Layer("a", "conv", ("input",), channels=8, kernel=3),
        Layer("up", "transpose_conv", ("a",), channels=8, kernel=2, stride=2),
    )
    with pytest.raises(EstimateError, match=r"transpose_conv \(layer 'up'\)"):
        fitted.predict([Network(Shape(16, 16, 3), layers)])


def test_saved_and_loaded_it_says_the_same(fitted, tmp_path):
    path = fitted.save(tmp_path / "e.json")
    again = Estimator.load(path, DECLARED)
    network = fitted.networks[0]
    assert again.predict([network]) == fitted.predict([network])
    with pytest.raises(EstimateError, match="was fitted to"):
        Estimator.load(path, replace(DECLARED, clock=2e9))


def test_a_file_that_is_no_estimator_is_refused(fitted, tmp_path):
    for text in ("", "[]", "{}", json.dumps({**fitted.to_dict(), "format": 99})):
        (tmp_path / "e.json").write_text(text)
        with pytest.raises(EstimateError, match=r"not a saved estimator|has format 99"):
            Estimator.load(tmp_path / "e.json")


def test_a_check_on_another_target_is_refused(fitted):
    with pytest.raises(EstimateError, match="was fitted to"):
        fitted.check(Changed(), sample)


def test_too_small_a_space_is_refused():
    net = sample(np.random.default_rng(0))
    with pytest.raises(ArgumentError, match="1 different networks"):
        Estimator.fit(DECLARED, lambda rng: net, budget=20)
    with pytest.raises(EstimateError, match="at least 10"):
        Estimator.fit(DECLARED, sample, budget=5)


def test_the_picture_shows_every_network(fitted, tmp_path):
    accuracy = fitted.check(DECLARED, sample, networks=12)
    text = accuracy.save(tmp_path / "accuracy.html").read_text()
    assert text.count("<circle") == 12
    assert "rank correlation" in str(accuracy)
    assert accuracy.to_dict()["networks"] == 12


def test_measurements_that_are_no_times_are_refused(fitted):
    nothing = tuple(replace(m, seconds=0.0) for m in fitted.measurements)
    with pytest.raises(EstimateError, match="more than 0 seconds"):
        replace(fitted, measurements=nothing)
    with pytest.raises(EstimateError, match="59 measurements for 60 networks"):
        replace(fitted, measurements=fitted.measurements[1:])
