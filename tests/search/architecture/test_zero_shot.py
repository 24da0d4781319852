"""Scores of untrained networks, each against a closed form worked out by hand."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from supersede.errors import ArgumentError
from supersede.hardware import (
    Layer,
    Network,
    Parameters,
    Shape,
    TrainedNetwork,
    random_parameters,
    to_torch,
)
from supersede.search.architecture.bench.cells import all_cells, cell_network
from supersede.search.architecture.zero_shot.expected import expected_synflow
from supersede.search.architecture.zero_shot.scores import (
    ZeroShotScores,
    grad_norm,
    naswot,
    rank_ensemble,
    score,
    snip,
    synflow,
    zico,
)


def linear_chain(*sizes, activation=None):
    layers, last = [], "input"
    for i, size in enumerate(sizes[1:]):
        layers.append(Layer(f"d{i}", "dense", (last,), size, activation=activation))
        last = f"d{i}"
    return Network(Shape(1, 1, sizes[0]), tuple(layers))


def with_weights(network, *kernels):
    return TrainedNetwork(
        network,
        {
            layer.name: Parameters(np.array(k, np.float32), np.zeros(len(k), np.float32))
            for layer, k in zip(network.layers, kernels, strict=True)
        },
    )


def test_synflow_of_a_linear_network_is_layers_times_the_sum_over_paths():
    rng = np.random.default_rng(0)
    a, b, c = rng.normal(size=(4, 3)), rng.normal(size=(5, 4)), rng.normal(size=(2, 5))
    module = to_torch(with_weights(linear_chain(3, 4, 5, 2), a, b, c))
    paths = (abs(c) @ abs(b) @ abs(a)).sum()
    assert synflow(module, (1, 3, 1, 1)) == pytest.approx(np.log(3 * paths), rel=1e-6)


def test_synflow_leaves_the_weights_as_they_were():
    trained = random_parameters(linear_chain(3, 4, 2))
    module = to_torch(trained)
    synflow(module, (1, 3, 1, 1))
    for layer in trained.network.layers:
        again = module.trained().parameters[layer.name].kernel
        np.testing.assert_array_equal(again, trained.parameters[layer.name].kernel)


def test_expected_synflow_of_constant_weights_is_synflow():
    # 3 → 4 → 2 with every weight at its expected absolute value
    network = linear_chain(3, 4, 2)
    sizes = [(4, 3), (2, 4)]
    kernels = [np.full(s, np.sqrt(2 / s[1]) * np.sqrt(2 / np.pi)) for s in sizes]
    module = to_torch(with_weights(network, *kernels))
    assert expected_synflow(network) == pytest.approx(synflow(module, (1, 3, 1, 1)), rel=1e-6)


def test_expected_synflow_ranks_cells_like_synflow():
    cells = [c for c in all_cells()[::601] if c.connected]
    networks = [cell_network(c, pixels=8, per_stage=1) for c in cells]
    true = [synflow(to_torch(random_parameters(n)), (1, 3, 8, 8)) for n in networks]
    assert spearmanr(true, [expected_synflow(n) for n in networks])[0] > 0.95


def test_naswot_is_the_determinant_of_agreeing_codes():
    network = linear_chain(2, 3, activation="relu")
    kernel = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    images = torch.tensor([[1.0, -1.0], [-1.0, 1.0], [2.0, 1.0]])[..., None, None]
    module = to_torch(with_weights(network, kernel))
    # codes 100 (1 − 1 = 0 is off), 010, 111; agreements by hand
    agree = np.array([[3, 1, 1], [1, 3, 1], [1, 1, 3]])
    assert naswot(module, images) == pytest.approx(np.linalg.slogdet(agree)[1])


def test_naswot_of_identical_images_is_singular():
    network = linear_chain(2, 3, activation="relu")
    module = to_torch(random_parameters(network))
    assert naswot(module, torch.ones(4, 2, 1, 1)) == -np.inf


def gradient_by_hand(weights, images, labels):
    logits = images @ weights.T
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return (p - np.eye(len(weights))[labels]).T @ images / len(images)


def test_snip_grad_norm_and_zico_of_a_softmax_regression():
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(3, 4)).astype(np.float32)
    images = rng.normal(size=(6, 4)).astype(np.float32)
    labels = np.array([0, 1, 2, 2, 1, 0])
    module = to_torch(with_weights(linear_chain(4, 3), weights))
    given = torch.from_numpy(images)[..., None, None], torch.from_numpy(labels)
    gradient = gradient_by_hand(weights, images, labels)
    assert snip(module, *given) == pytest.approx(abs(weights * gradient).sum(), rel=1e-5)
    assert grad_norm(module, *given) == pytest.approx(np.linalg.norm(gradient), rel=1e-5)
    halves = [abs(gradient_by_hand(weights, images[r], labels[r])) for r in (slice(3), slice(3, 6))]
    ratio = (np.mean(halves, axis=0) / np.std(halves, axis=0)).sum()
    assert zico(module, *given) == pytest.approx(np.log(ratio), rel=1e-3)


def test_scores_say_when_they_saw_noise():
    network = cell_network(all_cells()[-1], pixels=8, per_stage=1)
    noisy = score(network, batch=8)
    assert noisy.on_noise
    assert noisy.parameters == network.parameters
    images, labels = torch.randn(8, 3, 8, 8), torch.arange(8)
    assert not score(network, images, labels).on_noise
    with pytest.raises(ArgumentError, match="at least four"):
        score(network, images[:2], labels[:2])


def test_an_ensemble_is_the_mean_rank():
    made = [
        ZeroShotScores(p, 0, s, n, 0, 0, 0, True) for p, s, n in [(1, 3, 1), (2, 1, 2), (3, 2, 3)]
    ]
    np.testing.assert_allclose(
        rank_ensemble(made), [(5 / 3 - 1) / 2, (5 / 3 - 1) / 2, (8 / 3 - 1) / 2]
    )
    with pytest.raises(ArgumentError, match="no score 'nonsense'"):
        rank_ensemble(made, ["nonsense"])


def test_no_flow_through_what_has_none():
    network = Network(
        Shape(4, 4, 2),
        (Layer("a", "conv", ("input",), 2), Layer("b", "multiply", ("a", "input"))),
    )
    with pytest.raises(ArgumentError, match="not defined"):
        expected_synflow(network)
