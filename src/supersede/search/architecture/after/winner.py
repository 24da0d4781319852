"""The most accurate network of a search as files: trained once more, exported, measured, drawn.

A search keeps errors, not weights. The winner is trained again with the search's seed, which gives
the same weights on the same machine; the card has both errors, so that a difference shows.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from supersede.errors import SearchError
from supersede.look.page import figure_page, write_whole
from supersede.search.architecture.picture import drawn_network

if TYPE_CHECKING:
    from torch import Tensor

    from supersede.hardware.description.network import Network
    from supersede.hardware.description.quantised import QuantisedNetwork
    from supersede.hardware.targets.measurement import Target
    from supersede.search.architecture.candidates import Evaluated, Task
    from supersede.search.architecture.found import Found
    from supersede.search.architecture.tasks.training import Supervised, Trained

__all__ = ["Int8Module", "Trains", "nhwc", "write_winner"]

CALIBRATION = 200
"""Images from which the steps of the int8 file are taken."""


@runtime_checkable
class Trains(Protocol):
    """A task that gives the weights away, as `Digits`, `Detection` and `Segmentation` do."""

    def supervised(self, network: Network) -> Supervised:
        """What a network is trained on."""
        ...

    def train(self, network: Network, seed: int) -> Trained:
        """Train a network."""
        ...

    def error(self, trained: Trained, part: Any = "validation") -> tuple[float, float]:
        """Error on "validation" or "test" data, and its standard error."""
        ...


class Int8Module:
    """A network in whole numbers with the face of a torch module, for a task's `error`.

    Args:
        quantised: The network.
    """

    def __init__(self, quantised: QuantisedNetwork) -> None:
        self.quantised, self.network = quantised, quantised.network

    def __call__(self, images: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Outputs in real numbers, as the torch module gives them."""
        import torch

        from supersede.hardware.formats.reference import from_steps, run_quantised

        values = run_quantised(self.quantised, nhwc(images))
        real = (
            from_steps(values[name], self.quantised.steps[name]) for name in self.network.outputs
        )
        found = tuple(torch.from_numpy(x.astype(np.float32)).permute(0, 3, 1, 2) for x in real)
        flat = tuple(x.flatten(1) if x.shape[2:] == (1, 1) else x for x in found)
        return flat[0] if len(flat) == 1 else flat


def nhwc(images: Tensor) -> NDArray[np.float32]:
    """Images of torch, (n, channels, height, width), as our formats have them."""
    return np.ascontiguousarray(images.cpu().numpy().transpose(0, 2, 3, 1), dtype=np.float32)


def write_winner(
    found: Found, task: Task, folder: str | Path, target: Target, *, seed: int = 0
) -> dict[str, str]:
    """Write the most accurate network of the front.

    Args:
        found: The search.
        task: Its task. One that gives no weights away (see `Trains`) leads to the description and
            the picture alone.
        folder: Where; made if it is not there.
        target: What the network is measured on; an Ethos-U also compiles the int8 file with its weights.
        seed: That of the search.

    Returns:
        SHA-256 of each file that was written, by its name.

    Raises:
        SearchError: The search has no winner.
        ReportError: The folder cannot be written to.
        NetworkFileError: A file that was read back is not what was written.
    """
    folder, best = Path(folder), found.best
    if best is None:
        msg = f"there is no network to write: {found.shortfall or found.headline}"
        raise SearchError(msg)
    network = found.candidate(best).network
    cost = found.cost or target.measure(network)
    page = figure_page("The most accurate network", f"{best}.", drawn_network(network, cost))
    write_whole(folder / "network.html", page)
    if isinstance(task, Trains):
        files = _exported(best, network, task, folder, target, seed)
    else:
        write_whole(folder / "network.json", network.to_json())
        files = {"network.json": _digest(folder / "network.json")}
    return {**files, "network.html": _digest(folder / "network.html")}


def _exported(
    best: Evaluated, network: Network, task: Trains, folder: Path, target: Target, seed: int
) -> dict[str, str]:
    from supersede.hardware import EthosU, quantise
    from supersede.search.architecture.after.export import export
    from supersede.search.architecture.tasks.training import Trained

    trained = task.train(network, seed)
    again, (test, spread) = task.error(trained)[0], task.error(trained, "test")
    weights = trained.network
    images = nhwc(task.supervised(network).images[:CALIBRATION])
    whole = Trained(Int8Module(quantise(weights, images)), trained.seconds, trained.loss)  # type: ignore[arg-type]
    figures = {
        "error on validation data, in the search": best.error,
        "error on validation data, trained again": again,
        "error on test data": test,
        "its standard error": spread,
        "error on test data, int8": task.error(whole, "test")[0],
        "latency in the search, seconds (random weights)": best.latency,
        "seed": seed,
    }
    compiler = target if isinstance(target, EthosU) else None
    done = export(weights, folder, images, target=compiler, figures=figures)
    names = ("card.json", "card.md")
    return {**done.files, **{name: _digest(folder / name) for name in names}}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
