"""The result of advising: edits that pay, the network with them, and what else may be chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from supersede.hardware.advice.budget import MemoryBudget
from supersede.hardware.advice.search import Verified
from supersede.hardware.description.network import Network
from supersede.hardware.description.trained import TrainedNetwork
from supersede.hardware.picture import Bar, milliseconds, signed
from supersede.hardware.targets.measurement import Measurement
from supersede.look.json_values import json_object
from supersede.look.result import ResultMixin, frame_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Advice", "Kept", "Option"]


@dataclass(frozen=True)
class Option:
    """Another network that may be chosen: of fewer channels, or of less memory.

    Args:
        words: What is done to the network.
        seconds: Latency then.
        change: Relative to the network as it was.
        network: The network.
        peak_bytes: Memory of its activations, where the target says so.
        weight_bytes: Of its weights, likewise.
    """

    words: str
    seconds: float
    change: float
    network: Network
    peak_bytes: int | None = None
    weight_bytes: int | None = None


@dataclass(frozen=True)
class Kept:
    """What can be gained without training: the same outputs from another network.

    Args:
        trained: The edited network with its weights.
        after: What it costs.
        taken: Edits that pay.
        difference: Largest difference of the outputs on random images, relative to their size.
    """

    trained: TrainedNetwork
    after: Measurement
    taken: tuple[Verified, ...]
    difference: float


@dataclass(frozen=True)
class Advice(ResultMixin, named="advice"):
    """What to change in a network for a target.

    Args:
        target: Fingerprint of the target.
        granule: Channel multiple that the target favours.
        network: The network as it was.
        advised: The network with all taken edits; the same one where none pays.
        before: What the network costs.
        after: What the advised network costs.
        taken: Edits that pay, in the order of the network.
        left: Edits that were tried and do not pay here, or not beside the others.
        options: The advised network with fewer channels.
        kept: What keeps the weights of a trained network; None where none were given or nothing gains.
        front: Of all networks that were judged, those that no other beats in both latency and memory,
            from the fastest on; without weights, some need training.
        budget: What memory may be taken.
    """

    target: str
    granule: int
    network: Network
    advised: Network
    before: Measurement
    after: Measurement
    taken: tuple[Verified, ...]
    left: tuple[Verified, ...]
    options: tuple[Option, ...]
    kept: Kept | None = None
    front: tuple[Option, ...] = ()
    budget: MemoryBudget = field(default_factory=MemoryBudget)

    @property
    def fits(self) -> bool:
        """Whether the advised network, or the one that keeps the weights, is within the budget."""
        kept = self.kept is not None and self.budget.holds(self.kept.after)
        return kept or self.budget.holds(self.after)

    @property
    def change(self) -> float:
        """Relative change of latency; negative is faster."""
        return self.after.seconds / self.before.seconds - 1

    @property
    def peak_change(self) -> float | None:
        """Relative change of peak memory, where the target knows it."""
        if not self.before.peak_bytes or self.after.peak_bytes is None:
            return None
        return self.after.peak_bytes / self.before.peak_bytes - 1

    @property
    def headline(self) -> str:
        """The finding in one sentence."""
        if not self.taken:
            return f"No edit makes this network faster here ({milliseconds(self.before.seconds)})"
        return (
            f"{len(self.taken)} edit{'s take' if len(self.taken) > 1 else ' takes'} latency from {milliseconds(self.before.seconds)} to"
            f" {milliseconds(self.after.seconds)} ({signed(self.change)})"
        )

    def bars(self) -> list[Bar]:
        """Costs by layer before and after, in the order of the network; empty without rows."""
        after = {layer.name: layer.seconds for layer in self.after.layers}
        bars: list[Bar] = []
        names: list[str] = []
        carried = 0.0
        for layer in self.before.layers:
            names.append(layer.name)
            carried += layer.seconds
            if layer.name in after:  # layers that are gone went into the next one
                bars.append(Bar(_together(names), carried, after[layer.name]))
                names, carried = [], 0.0
        return bars

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, as JSON has them."""
        return json_object({
            "target": self.target,
            "granule": self.granule,
            "change": self.change,
            "peak_change": self.peak_change,
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
            "advised": self.advised.to_dict(),
            "taken": [_plain(edit) for edit in self.taken],
            "left": [_plain(edit) for edit in self.left],
            "options": [
                {"words": o.words, "seconds": o.seconds, "change": o.change} for o in self.options
            ],
            "kept": self.kept
            and {
                "after": self.kept.after.to_dict(),
                "taken": [_plain(edit) for edit in self.kept.taken],
                "difference": self.kept.difference,
                "advised": self.kept.trained.network.to_dict(),
            },
            "front": [
                {"words": o.words, "seconds": o.seconds, "peak_bytes": o.peak_bytes}
                for o in self.front
            ],
            "fits": self.fits,
        })  # fmt: skip

    def to_frame(self) -> pa.Table:
        """One row per edit, those taken first."""
        return frame_of(
            (
                {"taken": taken, **_plain(edit)}
                for taken, edits in ((True, self.taken), (False, self.left))
                for edit in edits
            ),
            ["taken", "rule", "layers", "words", "alone", "joint", "macs"],
        )

    def save(self, path: str | Path) -> Path:
        """As `ResultMixin.save`; ``.network.json`` writes the advised network alone."""
        from supersede.look.page import write_whole

        if not str(path).endswith(".network.json"):
            return super().save(path)
        write_whole(Path(path), self.advised.to_json())
        return Path(path)

    def __str__(self) -> str:
        from supersede.hardware.pages import text

        return text(self)

    def to_html(self) -> str:
        """A page: the table of edits, and the network by layer before and after."""
        from supersede.hardware.pages import page

        return page(self)


def _together(names: Sequence[str]) -> str:
    """Names of one block, its own name said once."""
    block = names[0].rpartition("/")[0] + "/"
    return " + ".join([names[0], *(name.removeprefix(block) for name in names[1:])])


def _plain(edit: Verified) -> dict[str, Any]:
    return {
        "rule": edit.rule,
        "layers": list(edit.layers),
        "words": edit.words,
        "alone": edit.alone,
        "joint": None if isnan(edit.joint) else edit.joint,
        "macs": edit.macs,
    }
