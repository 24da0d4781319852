"""Advice for one network on one target: which edits pay, each verified, none that loses.

Every edit is measured alone; those that gain are applied together and measured again; an edit whose
removal makes the whole faster is dropped. So advice never rests on a rule alone: fusing is right for
early blocks on wide hardware, and wrong elsewhere.

Assumes: the target says what a network costs. Accuracy is not measured here, and an edited network has
to be trained again. The advised network has at least the channels and weights of the old one; what has
fewer is offered apart, as an option.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import isnan
from pathlib import Path
from typing import Any

from supersede.errors import ArgumentError, EstimateError, MeasurementError
from supersede.hardware.advice.edits import Edit, Rule, alignments, fusions, scaled, standards
from supersede.hardware.description.network import Network
from supersede.hardware.picture import Bar, milliseconds, signed
from supersede.hardware.targets.cache import measure_all
from supersede.hardware.targets.granule import find_granule
from supersede.hardware.targets.measurement import Measurement, Target

__all__ = ["Advice", "Option", "Verified", "advise"]

WIDTHS = (0.75, 0.5)
Cost = Callable[[Sequence[Network]], "list[Measurement | None]"]
"""What networks cost; None for one that the target refuses."""

FREE = 1e-9  # an edit that only costs less than this, relative, loses nothing


@dataclass(frozen=True)
class Verified:
    """An edit, and what it is worth on the target.

    Args:
        rule: Which rule it follows.
        layers: The layers that it changes.
        words: The change in words.
        alone: Relative change of latency when only this edit is made; negative is faster.
        joint: The same by which the advised network would be slower without it, as a negative number;
            not a number for edits that were not taken.
        macs: Relative change of multiply-adds when only this edit is made.
        gains: Whether it is faster alone; with noise, only if the intervals do not overlap.
    """

    rule: Rule
    layers: tuple[str, ...]
    words: str
    alone: float
    joint: float
    macs: float
    gains: bool


@dataclass(frozen=True)
class Option:
    """A network of fewer channels, where accuracy allows it.

    Args:
        words: What is done to the advised network.
        seconds: Latency then.
        change: Relative to the network as it was.
        network: The network.
    """

    words: str
    seconds: float
    change: float
    network: Network


@dataclass(frozen=True)
class Advice:
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
        return {
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
        }

    def __str__(self) -> str:
        from supersede.hardware.pages import text

        return text(self)

    def to_html(self) -> str:
        """A page: the table of edits, and the network by layer before and after."""
        from supersede.hardware.pages import page

        return page(self)

    def save(self, path: str | Path) -> Path:
        """Write the page (`.html`), the advice (`.json`) or the advised network (`.network.json`).

        Raises:
            ArgumentError: The path has another ending.
            ReportError: The file cannot be written.
        """
        import json

        from supersede.look.page import save_as, write_whole

        if str(path).endswith(".network.json"):
            write_whole(Path(path), self.advised.to_json())
            return Path(path)
        forms = {".html": self.to_html, ".json": lambda: json.dumps(self.to_dict(), indent=1)}
        return save_as(path, "advice", forms)

    def _repr_html_(self) -> str:
        from supersede.look.page import framed

        return framed(self.to_html(), "Advice for a network on a target")


def advise(
    network: Network,
    target: Target,
    *,
    granule: int | None = None,
    cache: str | Path | None = None,
    workers: int = 1,
    progress: Callable[[str], None] | None = None,
) -> Advice:
    """Try the experts' edits on a target and keep those that pay.

    Args:
        network: What to improve.
        target: Where it runs.
        granule: Channel multiple that the target favours; found by probing where it is not given.
        cache: File of kept measurements, see `measure_all`.
        workers: Processes that measure.
        progress: Is told what goes on.

    Raises:
        MeasurementError: The target refuses the network.

    Example:
        >>> from supersede.hardware import Block, EthosU, mobile_net
        >>> net = mobile_net([Block(16), Block(24, stride=2)], resolution=64, head=32, classes=4)
        >>> advice = advise(net, EthosU("u85-1024"), granule=16)
        >>> print(*(edit.rule for edit in advice.taken))
        fuse fuse
        >>> advice.change < -0.3
        True
    """

    def say(text: str) -> None:
        if progress is not None:
            progress(text)

    known: dict[Network, Measurement | None] = {}

    def cost(networks: Sequence[Network]) -> list[Measurement | None]:
        new = [net for net in dict.fromkeys(networks) if net not in known]
        try:
            known.update(
                zip(new, measure_all(target, new, cache=cache, workers=workers), strict=True)
            )
        except (EstimateError, MeasurementError):  # of one of them; the others can be judged
            for net in new:
                try:
                    (known[net],) = measure_all(target, [net], cache=cache, workers=workers)
                except (EstimateError, MeasurementError):
                    known[net] = None
        return [known[net] for net in networks]

    if granule is not None and granule < 1:
        msg = f"granule={granule}; it is a number of channels, 1 or more"
        raise ArgumentError(msg)
    (before,) = measure_all(target, [network], cache=cache, workers=workers)
    known[network] = before
    if granule is None:
        say("probing the target's granule")
        granule = find_granule(target, cache=cache, workers=workers).channels
    say("trying to join layers")
    joining = [*fusions(network), *standards(network)]
    alone = _alone(network, joining, before, cost)
    taken = _jointly(network, [e for e in joining if alone[e.words].gains], cost)
    say("trying other channels")
    shaped = _applied(network, taken)
    upwards, downwards = alignments(shaped, granule)
    halfway = cost([shaped])[0] or before
    gains = _alone(shaped, upwards, halfway, cost)
    alone |= gains
    noisy = before.high is not None
    taken += [
        edit
        for edit in upwards
        if (gains[edit.words].gains if noisy else gains[edit.words].alone <= FREE)
    ]
    taken = _jointly(network, taken, cost)
    say("verifying")
    taken, after = _verified(network, taken, joining, before, cost)
    advised = _applied(network, taken)
    without = cost([_applied(network, [e for e in taken if e is not edit]) for edit in taken])
    joint = {
        edit.words: after.seconds / _seconds(other) - 1 if other else float("nan")
        for edit, other in zip(taken, without, strict=True)
    }
    kept = set(joint)
    verdicts = [replace(v, joint=joint.get(words, float("nan"))) for words, v in alone.items()]
    narrower = {f"channels down to multiples of {granule}": _applied(advised, downwards)}
    narrower |= {f"width × {w:g}": scaled(advised, w, granule) for w in WIDTHS}
    options = tuple(
        Option(words, m.seconds, m.seconds / before.seconds - 1, net)
        for (words, net), m in zip(narrower.items(), cost(list(narrower.values())), strict=True)
        if m is not None and m.seconds < after.seconds and not _more_on_cpu(net, m, network, before)
    )
    return Advice(
        target.fingerprint(), granule, network, advised, before, after,
        tuple(v for v in verdicts if v.words in kept),
        tuple(v for v in verdicts if v.words not in kept),
        options,
    )  # fmt: skip


def _alone(
    network: Network,
    edits: Sequence[Edit],
    before: Measurement,
    cost: Cost,
) -> dict[str, Verified]:
    changed = [edit.apply(network) for edit in edits]
    return {
        edit.words: Verified(
            edit.rule, edit.layers, edit.words,
            after.seconds / before.seconds - 1 if after else float("nan"), float("nan"),
            net.macs / network.macs - 1, _gains(net, after, network, before),
        )
        for edit, net, after in zip(edits, changed, cost(changed), strict=True)
    }  # fmt: skip


def _verified(
    network: Network, taken: list[Edit], joining: Sequence[Edit], before: Measurement, cost: Cost
) -> tuple[list[Edit], Measurement]:
    """The edits if they gain together; else the one that gains most by itself, or none."""

    def judged(edits: list[Edit]) -> Measurement | None:
        net = _applied(network, edits)
        (after,) = cost([net])
        return after if _gains(net, after, network, before) else None

    if whole := judged(taken):
        return taken, whole
    alone = [([edit], after) for edit in joining if (after := judged([edit]))]
    return min(alone, key=lambda pair: pair[1].seconds, default=([], before))


def _gains(
    after: Network, cost: Measurement | None, before: Network, cost_before: Measurement
) -> bool:
    """Whether an edit makes it faster, and not by leaving work to the processor."""
    if cost is None or _more_on_cpu(after, cost, before, cost_before):
        return False
    return _faster(cost, cost_before)


def _more_on_cpu(
    after: Network, cost: Measurement, before: Network, cost_before: Measurement
) -> bool:
    """Whether more falls back to the processor, whose time is in no latency."""

    def work(network: Network, names: Sequence[str]) -> int:
        return sum(network.macs_of(layer) for layer in network.layers if layer.name in names)

    return work(after, cost.on_cpu) > work(before, cost_before.on_cpu)


def _seconds(cost: Measurement | None) -> float:
    return float("inf") if cost is None else cost.seconds


def _faster(after: Measurement, before: Measurement) -> bool:
    if after.high is not None and before.low is not None:
        return after.high < before.low
    return after.seconds < before.seconds


def _jointly(network: Network, edits: list[Edit], cost: Cost) -> list[Edit]:
    """Drop, one at a time, the edit without which the whole is fastest, until none is in the way."""
    while edits:
        fewer = [[e for e in edits if e is not edit] for edit in edits]
        whole, *others = cost([_applied(network, some) for some in (edits, *fewer)])
        best = min(range(len(others)), key=lambda i: _seconds(others[i]))
        if _seconds(others[best]) >= _seconds(whole) * (1 - FREE):
            break
        edits = fewer[best]
    return edits


def _together(names: Sequence[str]) -> str:
    """Names of one block, its own name said once."""
    block = names[0].rpartition("/")[0] + "/"
    return " + ".join([names[0], *(name.removeprefix(block) for name in names[1:])])


def _applied(network: Network, edits: Sequence[Edit]) -> Network:
    for edit in edits:
        network = edit.apply(network)
    return network


def _plain(edit: Verified) -> dict[str, Any]:
    return {
        "rule": edit.rule,
        "layers": list(edit.layers),
        "words": edit.words,
        "alone": edit.alone,
        "joint": None if isnan(edit.joint) else edit.joint,
        "macs": edit.macs,
    }
