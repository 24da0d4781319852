"""What a step of the expansion costs beside a plain one, and how exact its equalities are.

Run with ``python -m benchmarks.linear_costs``; the result is kept in ``out/linear``.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

from benchmarks.linear_fewshot import network
from benchmarks.linear_rows import HERE, kept
from supersede.train.linear import LQF, Linearized

ROUNDS = 15


def convolutional() -> nn.Module:
    def block(a: int, b: int) -> list[nn.Module]:
        return [nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.LeakyReLU(0.1)]

    return nn.Sequential(
        *block(3, 32), *block(32, 32), nn.MaxPool2d(2), *block(32, 64), *block(64, 64), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(4096, 10),
    ).eval()  # fmt: skip


class Transformer(nn.Module):
    """Two layers of 128 features over 64 tokens."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(128, 4, 256, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(128, 10)

    def forward(self, x):
        return self.head(self.encoder(x).mean(1))


KINDS = {
    "convolutional, 205,000 parameters": (convolutional, (32, 3, 32, 32)),
    "transformer, 266,000 parameters": (lambda: Transformer().eval(), (32, 64, 128)),
}


def stepper(kind: str, which: str):
    """A function that does one training step."""
    torch.manual_seed(0)
    make, shape = KINDS[kind]
    net, x, y = make(), torch.randn(shape), torch.randint(10, shape[:1])
    used = net if which == "plain" else Linearized(net)
    optimizer = torch.optim.SGD([p for p in used.parameters() if p.requires_grad], 1e-3)

    def step() -> None:
        optimizer.zero_grad()
        functional.cross_entropy(used(x), y).backward()
        optimizer.step()

    return step


def memory(kind: str, which: str) -> float:
    """MB that the peak rises by over three steps, in a process of its own."""
    code = (
        "import torch; torch.set_num_threads(1)\n"
        "from benchmarks.linear_costs import stepper, peak, start_peak\n"
        f"step = stepper({kind!r}, {which!r})\n"
        "from supersede.train.linear.forward_mode import _load_decompositions\n"
        "import torch.autograd.forward_ad; _load_decompositions()\n"
        "import gc; step(); gc.collect()\n"  # what a first step alone needs is not the step's
        "before = start_peak()\n"
        "for _ in range(3): step()\n"
        "print(peak() - before)"
    )
    # large blocks go back to the system at once, so that what a step needs is seen each time
    env = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=HERE, env=env)  # fmt: skip
    return float(out.stdout.strip().splitlines()[-1])


def start_peak() -> float:
    """Let the kernel forget the peak so far (Linux); MB in use now."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def peak() -> float:
    """MB at the peak since."""
    return _status("VmHWM")


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


def costs() -> dict:
    made = {}
    for kind in KINDS:
        steps = {which: stepper(kind, which) for which in ("plain", "linear")}
        taken: dict[str, list[float]] = {which: [] for which in steps}
        for round_ in range(ROUNDS + 2):  # in turns, so that a busy machine slows both alike
            for which, step in steps.items():
                start = time.process_time()
                step()
                if round_ >= 2:
                    taken[which].append(time.process_time() - start)
        made[kind] = {w: float(np.median(t)) for w, t in taken.items()}
        made[kind] |= {f"{w} MB": memory(kind, w) for w in steps}
    return made


def equalities() -> dict:
    """Largest relative differences on 30 digits, in both precisions."""
    X, y = load_digits(return_X_y=True)
    images = torch.tensor(np.kron(X.reshape(-1, 8, 8), np.ones((3, 3)))[:, None] / 16)
    images = functional.pad(images, (2, 2, 2, 2))
    made = {}
    for dtype in (torch.float64, torch.float32):
        torch.manual_seed(0)
        net = network(0.2, outputs=10).to(dtype).eval()
        x, n = images[:30].to(dtype), 30
        fit = LQF(net).fit(x, y[:n])
        linear = Linearized(net)
        with torch.no_grad():
            same = float((linear(x) - net(x)).abs().max())
            one, two = ({k: torch.randn_like(v) for k, v in linear.change.items()} for _ in "ab")
            a, b, c = (
                linear.expand(s, x)[1] for s in (one, two, {k: one[k] + two[k] for k in one})
            )
            bent = float((a + b - c).abs().max() / c.abs().max())
        alone = fit.leave_one_out()
        left = 0.0
        for i in range(n):
            rest = np.delete(np.arange(n), i)
            other = LQF(net, regularization=fit.penalty.value, body_weight=fit.balance.weight).fit(
                x[rest], y[rest]
            )
            said = other.outputs(x[i : i + 1])[0]
            left = max(left, float(np.abs(said - alone.outputs[i]).max() / np.abs(said).max()))
        gone = [1, 5, 20]
        rest = np.delete(np.arange(n), gone)
        forgotten, again = fit.forget(gone), LQF(net).fit(x[rest], y[rest])
        made[str(dtype)] = {
            "the network at no change": same, "linear": bent, "leave-one-out and n refits": left,
            "forget and the refit": float((forgotten.fit.change - again.change).norm() / again.change.norm()),
            "the certificate's bound": forgotten.distance,
        }  # fmt: skip
    return made


if __name__ == "__main__":
    torch.set_num_threads(1)
    kept("equalities", [0], lambda _: equalities())
    kept("costs", [0], lambda _: costs())
