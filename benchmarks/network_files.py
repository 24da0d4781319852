"""Files built from one description: beside the vendor's route, int8 against float, memory, time.

The vendor's route needs an environment of its own (pip install litert-torch ai-edge-quantizer
torch); name its interpreter in SUPERSEDE_VENDOR_PYTHON, else that row says that it was not measured.
"""

import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tests.hardware.litert import run_file
from tests.hardware.vela import compile_for
from torch.nn import functional

from benchmarks.measure import DOCS, seconds, write
from benchmarks.networks import CHOICES, random_seven_blocks, seven_blocks, ten_blocks
from supersede.hardware import (
    Layer,
    Network,
    Shape,
    ibn,
    peak_activations,
    quantise,
    random_parameters,
    random_quantised,
    run,
    to_tflite,
    to_torch,
)
from supersede.hardware.formats.reference import to_steps

TARGETS = [("EthosU55", 128), ("EthosU55", 256), ("EthosU65", 512), ("EthosU85", 256), ("EthosU85", 512), ("EthosU85", 1024)]  # fmt: skip
SEEDS = 5
NETWORKS = 100
ROWS = list[tuple[str, ...]]


def verdict(reached: bool) -> str:
    return "reached" if reached else "**missed**"


def beside_the_vendor() -> ROWS:
    name = (
        "Cycles of our int8 file against litert-torch + ai-edge-quantizer, 4 networks × 6 targets"
    )
    python = os.environ.get("SUPERSEDE_VENDOR_PYTHON")
    if python is None:
        return [(name, "within 3 %", "not measured: SUPERSEDE_VENDOR_PYTHON is not set", "open")]
    images = np.random.default_rng(0).uniform(0, 1, (4, 96, 96, 3)).astype(np.float32)
    apart = []
    with tempfile.TemporaryDirectory() as folder:
        root = DOCS.parents[1]
        environment = {**os.environ, "PYTHONPATH": f"{root}:{root / 'src'}"}
        subprocess.run([python, "-m", "benchmarks.vendor_route", folder], check=True, cwd=root, env=environment)  # fmt: skip
        for choice, fused in CHOICES.items():
            ours = to_tflite(quantise(random_parameters(seven_blocks(fused)), images))
            theirs = (Path(folder) / f"{choice}.tflite").read_bytes()
            for accelerator, macs in TARGETS:
                cycles = [compile_for(accelerator, f, macs=macs).cycles for f in (ours, theirs)]
                apart.append(abs(cycles[0] / cycles[1] - 1))
    most = max(apart)
    return [(name, "within 3 %", f"at most {most:.2%} apart", verdict(most <= 0.03))]


def digits_network() -> Network:
    return Network(
        Shape(8, 8, 1),
        (
            Layer("stem", "conv", ("input",), 16, 3, activation="relu6"),
            *ibn("a", "stem", (16, 48, 16)),
            *ibn("b", "a/add", (16, 64, 24), stride=2),
            *ibn("c", "b/project", (24, 96, 24)),
            Layer("pool", "global_avg_pool", ("c/add",)),
            Layer("classes", "dense", ("pool",), 10),
        ),
    )


def quantisation_loss() -> ROWS:
    """Accuracy on held-out digits in floating point, int8, and int8 weights with int16 activations."""
    x, y = load_digits(return_X_y=True)
    images = (x.reshape(-1, 8, 8, 1) / 16).astype(np.float32)
    right: dict[str, list[float]] = {"float": [], "int8": [], "16x8": []}
    for seed in range(SEEDS):
        fit, test, y_fit, y_test = train_test_split(images, y, test_size=600, random_state=seed, stratify=y)  # fmt: skip
        torch.manual_seed(seed)
        module = to_torch(random_parameters(digits_network(), seed), batch_norm=True)
        optimiser = torch.optim.Adam(module.parameters(), 3e-3)
        first, target = torch.from_numpy(fit.transpose(0, 3, 1, 2).copy()), torch.from_numpy(y_fit)
        for _ in range(15):
            for batch in torch.randperm(len(fit)).split(64):
                optimiser.zero_grad()
                functional.cross_entropy(module(first[batch]), target[batch]).backward()
                optimiser.step()
        trained = module.trained()
        right["float"].append(accuracy(run(trained, test)["classes"], y_test))
        for name, bits in (("int8", 8), ("16x8", 16)):
            quantised = quantise(trained, fit[:100], bits=bits)
            given = to_steps(test, quantised.steps["input"], bits)
            right[name].append(accuracy(run_file(to_tflite(quantised), given)["classes"], y_test))
    mean = {name: float(np.mean(values)) for name, values in right.items()}
    rows = []
    for name in ("int8", "16x8"):
        worst = max(f - q for f, q in zip(right["float"], right[name], strict=True))
        rows.append(
            (
                f"Accuracy lost by {name} in LiteRT, digits, {SEEDS} trained networks, 600 held-out images each",
                "≤ 1 point in each",
                f"float {mean['float']:.2%}, {name} {mean[name]:.2%}; worst loss {100 * worst:.2f} points",
                verdict(worst <= 0.01),
            )
        )
    return rows


def accuracy(scores: np.ndarray, y: np.ndarray) -> float:
    return float(np.mean(scores.reshape(len(y), -1).argmax(1) == y))


def memory() -> ROWS:
    rng = np.random.default_rng(2026)
    networks = [random_seven_blocks(rng) for _ in range(NETWORKS)]
    files = [to_tflite(random_quantised(network)) for network in networks]
    rows = []
    for accelerator, macs in (("EthosU55", 256), ("EthosU85", 512)):
        compiled = [compile_for(accelerator, file, macs=macs).sram for file in files]
        peaks = [peak_activations(network) for network in networks]
        for what, sizes in (
            ("activations alone", [peak.size for peak in peaks]),
            ("with weights on their way", [peak.with_weights for peak in peaks]),
        ):
            ratios = np.array(sizes) / np.array(compiled)
            near, far = (float(np.mean(np.abs(ratios - 1) <= limit)) for limit in (0.05, 0.15))
            rows.append(
                (
                    f"Peak SRAM by liveness, {what}, against the compiler's, {accelerator}-{macs}, {NETWORKS} random networks",
                    "≥ 75 % within 5 %, ≥ 95 % within 15 %",
                    f"{near:.0%} within 5 %, {far:.0%} within 15 %; median ratio {np.median(ratios):.3f}",
                    verdict(near >= 0.75 and far >= 0.95),
                )
            )
    return rows


def time() -> ROWS:
    rows = []
    for name, network in (("seven blocks", seven_blocks()), ("ten blocks", ten_blocks())):
        taken = 1000 * seconds(lambda n=network: to_tflite(random_quantised(n)))
        what = f"CPU time to draw weights and write the int8 file, {name}"
        rows.append((what, "≤ 30 ms", f"{taken:.0f} ms", verdict(taken <= 30)))
    return rows


if __name__ == "__main__":
    torch.set_num_threads(1)
    head = ("what", "target", "measured", "")
    write(
        "network_files",
        "Network files",
        "python -m benchmarks.network_files",
        [head, *beside_the_vendor(), *quantisation_loss(), *memory(), *time()],
        "Cycles and memory are the compiler's own figures (ethos-u-vela, activations in an SRAM that is "
        "shared with weights), not measurements of silicon. Networks: `benchmarks/networks.py`.",
    )
