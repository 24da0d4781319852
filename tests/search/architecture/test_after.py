"""After a search: pruning, clustering, files; and what is carried to another task."""

import json

import numpy as np
import pytest

from supersede.errors import ArgumentError, NetworkError, SpaceError
from supersede.hardware import (
    Block,
    Declared,
    EthosU,
    from_onnx,
    mobile_net,
    quantise,
    quantised_from_tflite,
    random_parameters,
    run,
    to_tflite,
)
from supersede.search.architecture import RandomSearch, Reward, search, seven_blocks
from supersede.search.architecture.after.clustering import cluster, clustered
from supersede.search.architecture.after.export import export, measure_trained
from supersede.search.architecture.after.pruning import keep_channels, prune
from supersede.search.architecture.tasks.training import Recipe, train
from supersede.search.architecture.transfer import transferred

NETWORK = mobile_net(
    [Block(32, 2), Block(32, 2), Block(48, 2, stride=2)], resolution=16, head=48, classes=4
)
IMAGES = np.random.default_rng(0).standard_normal((12, 16, 16, 3)).astype(np.float32)


def test_removing_channels_that_are_zero_changes_nothing():
    trained = random_parameters(NETWORK)
    dead = {"block2/expand": [3, 7], "head": [0, 40]}
    for name, places in dead.items():
        for part in (trained.parameters[name].kernel, trained.parameters[name].bias):
            part[places] = 0
        if name == "block2/expand":  # what follows keeps it at zero
            trained.parameters["block2/depthwise"].bias[places] = 0
    kept = {
        name: np.setdiff1d(np.arange(NETWORK.layer(name).channels), places)
        for name, places in dead.items()
    }
    smaller = keep_channels(trained, kept)
    assert smaller.network.layer("head").channels == 46
    before, after = (run(net, IMAGES)["classes"] for net in (trained, smaller))
    np.testing.assert_allclose(before, after, rtol=1e-4, atol=1e-5)


def test_pruning_keeps_residual_paths_equal_and_stays_on_the_granule():
    pruned = prune(random_parameters(NETWORK), 0.4, granule=8)
    for group, (before, after) in pruned.channels.items():
        assert after % 8 == 0
        assert after < before
        assert pruned.trained.network.layer(group).channels == after
    assert run(pruned.trained, IMAGES)["classes"].shape == (12, 1, 1, 4)
    assert "→" in str(pruned)


def test_the_least_important_channels_go():
    trained = random_parameters(NETWORK)
    trained.parameters["head"].kernel[:24] *= 1e-3
    kernel = prune(trained, 0.5, granule=8).trained.parameters["head"].kernel
    assert abs(kernel).sum(axis=(1, 2, 3)).min() > 0.1


def test_nothing_is_removed_below_the_granule():
    pruned = prune(random_parameters(NETWORK), 0.9, granule=64)
    assert pruned.trained.network == NETWORK
    assert "nothing" in str(pruned)
    with pytest.raises(ArgumentError, match="share must be"):
        prune(random_parameters(NETWORK), 1.0)


def test_training_on_starts_from_the_function_that_the_weights_compute():
    import torch
    from torch.nn import functional

    rng = np.random.default_rng(1)
    weights = random_parameters(NETWORK, 3)
    for parameters in weights.parameters.values():
        parameters.bias[:] = rng.normal(0, 1, len(parameters.bias))
    images = torch.from_numpy(rng.standard_normal((64, 3, 16, 16)).astype(np.float32))
    targets = torch.zeros(64, dtype=torch.long)
    still = Recipe(epochs=1, batch=64, rate=1e-12)
    after = train(NETWORK, images, targets, functional.cross_entropy, still, 0, start=weights)
    some = images.numpy().transpose(0, 2, 3, 1)
    before, now = (run(net, some)["classes"] for net in (weights, after.network))
    np.testing.assert_allclose(now, before, rtol=1e-3, atol=1e-3 * abs(before).max())


def test_what_cannot_lose_channels_says_so():
    trained = random_parameters(NETWORK)
    with pytest.raises(NetworkError, match="same shape"):
        keep_channels(trained, {"block0/project": np.arange(16)})  # its sum has another branch


def test_clusters_are_few_and_near():
    rng = np.random.default_rng(0)
    kernel = np.clip(np.rint(rng.normal(0, 30, (64, 3, 3, 8))), -127, 127).astype(np.int8)
    kernel[0] = 0
    found = cluster(kernel, 16)
    assert len(np.unique(found)) <= 16
    assert (found[0] == 0).all()
    # the error of the best 16 levels of a normal distribution is 0.0095 of its variance
    assert ((found.astype(float) - kernel) ** 2).mean() < 0.03 * kernel.astype(float).var()
    np.testing.assert_array_equal(cluster(found, 16), found)
    with pytest.raises(ArgumentError, match="2 to 255"):
        clustered(quantise(random_parameters(NETWORK), IMAGES), 1)


def test_fewer_values_are_fewer_bytes_on_the_target():
    trained, target = random_parameters(NETWORK), EthosU("u55-128")
    plain, few = (measure_trained(trained, target, IMAGES, values=v) for v in (None, 8))
    assert few.weight_bytes < 0.75 * plain.weight_bytes
    assert few.seconds <= plain.seconds


def test_files_are_read_back_and_the_card_says_what_they_cost(tmp_path):
    trained = random_parameters(NETWORK)
    found = export(
        trained, tmp_path / "w", IMAGES, target=EthosU("u55-128"), values=16, figures={"error": 0.1}
    )
    assert from_onnx(tmp_path / "w" / "model.onnx").network.macs == NETWORK.macs
    again = quantised_from_tflite(tmp_path / "w" / "model_int8.tflite")
    assert max(len(np.unique(w.kernel)) for w in again.weights.values()) <= 16
    card = json.loads((tmp_path / "w" / "card.json").read_text())
    assert card["files"] == found.files
    assert card["figures"]["error"] == 0.1
    assert found.cost is not None
    assert "u55-128" in (tmp_path / "w" / "card.md").read_text()
    plain = quantise(trained, IMAGES)
    assert len(to_tflite(plain)) > 0


def test_exported_files_answer_like_the_torch_module_in_their_own_runtimes(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    import torch

    from supersede.hardware import run_quantised, to_torch

    trained = random_parameters(NETWORK)
    export(trained, tmp_path, IMAGES)
    module = to_torch(trained).eval()
    module.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    with torch.no_grad():
        wanted = module(torch.from_numpy(IMAGES.transpose(0, 3, 1, 2))).numpy().reshape(12, -1)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    given = session.get_inputs()[0]
    many = 12 if not isinstance(given.shape[0], int) else given.shape[0]
    told = np.concatenate(
        [
            session.run(None, {given.name: rows.transpose(0, 3, 1, 2)})[0].reshape(len(rows), -1)
            for rows in np.split(IMAGES, 12 // many)
        ]
    )
    np.testing.assert_allclose(told, wanted, rtol=1e-3, atol=1e-4)

    runtime = litert.Interpreter(str(tmp_path / "model_int8.tflite"))
    runtime.allocate_tensors()
    into, out = runtime.get_input_details()[0], runtime.get_output_details()[0]
    scale, zero = into["quantization"]
    again = quantised_from_tflite(tmp_path / "model_int8.tflite")
    ours = run_quantised(again, IMAGES)[again.network.outputs[0]].reshape(12, -1)
    for image, own in zip(IMAGES, ours, strict=True):
        whole = np.clip(np.rint(image[None] / scale + zero), -128, 127).astype(np.int8)
        runtime.set_tensor(into["index"], whole)
        runtime.invoke()
        answer = runtime.get_tensor(out["index"]).ravel().astype(int)
        assert abs(answer - own.ravel()).max() <= 1


def test_a_front_is_carried_to_another_task():
    chip = Declared(lanes=256, clock=1e9, bandwidth=4e9, granule=16)
    space = seven_blocks(channels=(16, 64), step=16)
    task = Reward("capacity", lambda net, seed: 1e5 / net.parameters)
    found = search(space, task, chip, strategy=RandomSearch(), evaluations=20)
    start = transferred(found, space, most=3)
    assert len(start) == 3
    assert start[0] == dict(found.front[0].params)
    assert start[-1] == dict(found.front[-1].params)
    with pytest.raises(SpaceError, match="is in the other space"):
        transferred(found, seven_blocks(channels=(80, 96), step=16))
    with pytest.raises(ArgumentError, match="at least 1"):
        transferred(found, space, most=0)
