"""Advice for one network on one target: which edits pay, each verified, none that loses.

Every edit is measured alone; those that gain are applied together and measured again; an edit whose
removal makes the whole faster is dropped. So advice never rests on a rule alone: fusing is right for
early blocks on wide hardware, and wrong elsewhere.

Assumes: the target says what a network costs. Accuracy is not measured here, and an edited network has
to be trained again. The advised network has at least the channels and weights of the old one; what has
fewer is offered apart, as an option.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from supersede.errors import ArgumentError
from supersede.hardware.advice.advice import Advice, Kept, Option
from supersede.hardware.advice.budget import MemoryBudget
from supersede.hardware.advice.edits import Edit, alignments, fusions, scaled, standards
from supersede.hardware.advice.judge import TargetJudge, more_on_cpu
from supersede.hardware.advice.preserving import carried, preserving, widenings
from supersede.hardware.advice.search import FREE, Verified, alone, applied, chosen, jointly
from supersede.hardware.description.network import Network
from supersede.hardware.description.trained import TrainedNetwork
from supersede.hardware.formats.reference import run
from supersede.hardware.targets.cache import measure_all
from supersede.hardware.targets.granule import find_granule
from supersede.hardware.targets.measurement import Measurement, Target

if TYPE_CHECKING:
    pass

__all__ = ["advise", "outputs_difference"]

WIDTHS = (0.75, 0.5)
SAME = 1e-4
"""Largest difference of outputs, relative to their size, that still counts as the same function."""


def advise(
    network: Network | TrainedNetwork,
    target: Target,
    *,
    granule: int | None = None,
    max_sram: int | None = None,
    max_weights: int | None = None,
    cache: str | Path | None = None,
    workers: int = 1,
    progress: Callable[[str], None] | None = None,
) -> Advice:
    """Try the experts' edits on a target and keep those that pay.

    Args:
        network: What to improve. Of a trained network, edits that keep its weights are tried apart
            (`Advice.kept`): they need no training.
        target: Where it runs.
        granule: Channel multiple that the target favours; found by probing where it is not given.
        max_sram: Bytes that activations may take; the fastest network that was seen within both budgets is
            advised, even if it is not the fastest of all.
        max_weights: Bytes that weights may take as the target stores them.
        cache: File of kept measurements, see `measure_all`.
        workers: Processes that measure.
        progress: Function that is called with a line of text before each step.

    Raises:
        ArgumentError: The granule or a budget is impossible, or the target does not know the memory that
            a budget limits.
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
    trained = network if isinstance(network, TrainedNetwork) else None
    plain = network.network if isinstance(network, TrainedNetwork) else network

    def say(text: str) -> None:
        if progress is not None:
            progress(text)

    if granule is not None and granule < 1:
        msg = f"granule={granule} must be a number of channels, 1 or more"
        raise ArgumentError(msg)
    budget = MemoryBudget(max_sram, max_weights)
    judge = TargetJudge(target, cache, workers)
    (before,) = measure_all(target, [plain], cache=cache, workers=workers)
    judge.known[plain] = before
    budget.refuse_unknown(before)
    if granule is None:
        say("probing the target's granule")
        granule = find_granule(target, cache=cache, workers=workers).channels
    say("trying to join layers")
    exact = [] if trained is None else list(preserving(trained))
    known = {edit.words for edit in exact}
    joining = [*exact, *(e for e in (*fusions(plain), *standards(plain)) if e.words not in known)]
    verdicts = alone(judge, plain, joining)
    taken = jointly(judge, plain, [e for e in joining if verdicts[e.words].gains])
    say("trying other channels")
    shaped = applied(plain, taken)
    upwards, downwards = alignments(shaped, granule)
    verdicts |= alone(judge, shaped, upwards)
    taken += _free(judge, shaped, upwards, verdicts)
    taken = chosen(judge, plain, jointly(judge, plain, taken))
    if not budget.holds(judge.costs([applied(plain, taken)])[0] or before):
        taken = _within(judge, plain, taken, [*joining, *upwards], budget)
    kept = None
    if trained is not None:
        say("trying what keeps the weights")
        kept = _keeping(judge, trained, granule)
    say("verifying")
    advised = applied(plain, taken)
    narrower = {f"channels down to multiples of {granule}": applied(advised, downwards)}
    narrower |= {f"width × {w:g}": scaled(advised, w, granule) for w in WIDTHS}
    costs = judge.costs([advised, *narrower.values()])
    after = costs[0] or before
    options = tuple(
        Option(words, m.seconds, m.seconds / before.seconds - 1, net, m.peak_bytes, m.weight_bytes)
        for (words, net), m in zip(narrower.items(), costs[1:], strict=True)
        if m is not None and m.seconds < after.seconds and not more_on_cpu(net, m, plain, before)
    )
    front = _front(judge, plain, before, {net: words for words, net in narrower.items()})
    taken_in_whole = _without(judge, plain, taken, after)
    return Advice(
        target.fingerprint(), granule, plain, advised, before, after,
        tuple(taken_in_whole[e.words] for e in taken),
        tuple(v for words, v in verdicts.items() if words not in taken_in_whole),
        options, kept, front, budget,
    )  # fmt: skip


def _free(
    judge: TargetJudge, network: Network, edits: Sequence[Edit], verdicts: dict[str, Verified]
) -> list[Edit]:
    """Edits of channels that cost nothing to speak of; on a noisy target, those that gain."""
    (cost,) = judge.costs([network])
    if cost is not None and cost.high is not None:
        return [edit for edit in edits if verdicts[edit.words].gains]
    return [edit for edit in edits if verdicts[edit.words].alone <= FREE]


def _within(
    judge: TargetJudge,
    network: Network,
    taken: list[Edit],
    edits: Sequence[Edit],
    budget: MemoryBudget,
) -> list[Edit]:
    """The fastest set of edits within the budget that is found from those taken; otherwise those.

    From the edits taken, and from none, edits are added one at a time, the one that saves most memory
    first; every set on the way that fits is a candidate.
    """
    fitting: list[tuple[float, list[Edit]]] = []
    for start in (taken, []):
        current = list(start)
        while True:
            (cost,) = judge.costs([applied(network, current)])
            if cost is not None and budget.holds(cost):
                fitting.append((cost.seconds, list(current)))
                break
            more = [[*current, edit] for edit in edits if edit not in current]
            costs = judge.costs([applied(network, some) for some in more])
            sizes = [(c.peak_bytes or 0) + (c.weight_bytes or 0) if c else np.inf for c in costs]
            least = (cost.peak_bytes or 0) + (cost.weight_bytes or 0) if cost else np.inf
            if not sizes or min(sizes) >= least:
                break
            current = more[int(np.argmin(sizes))]
    return min(fitting, key=lambda pair: pair[0])[1] if fitting else taken


def _without(
    judge: TargetJudge, network: Network, taken: Sequence[Edit], after: Measurement
) -> dict[str, Verified]:
    """Taken edits with what the whole would lose without each."""
    found = alone(judge, network, taken)
    fewer = judge.costs([applied(network, [e for e in taken if e is not x]) for x in taken])
    return {
        edit.words: replace(
            found[edit.words], joint=after.seconds / other.seconds - 1 if other else float("nan")
        )
        for edit, other in zip(taken, fewer, strict=True)
    }


def _keeping(judge: TargetJudge, trained: TrainedNetwork, granule: int) -> Kept | None:
    """The same search over edits that keep the weights; what changes the outputs is dropped."""
    plain = trained.network
    edits = list(preserving(trained))
    verdicts = alone(judge, plain, edits)
    taken = jointly(judge, plain, [e for e in edits if verdicts[e.words].gains])
    shaped = applied(plain, taken)
    upwards = widenings(shaped, granule)
    taken += _free(judge, shaped, upwards, alone(judge, shaped, upwards))
    taken = chosen(judge, plain, jointly(judge, plain, taken))
    while taken:
        edited = carried(trained, taken)
        difference = outputs_difference(trained, edited)
        if difference <= SAME:
            break
        taken = taken[:-1]  # an edit met another one before it and is no longer exact
    if not taken or not judge.better(edited.network, plain, allowance=FREE):
        return None
    (after,) = judge.costs([edited.network])
    assert after is not None  # noqa: S101  # it was judged better
    whole = _without(judge, plain, taken, after)
    return Kept(edited, after, tuple(whole[e.words] for e in taken), difference)


def outputs_difference(before: TrainedNetwork, after: TrainedNetwork, seed: int = 0) -> float:
    """Largest difference of the outputs on eight random images, relative to their largest value.

    Raises:
        UnsupportedOperatorError: A network has an operator that only the processor knows.
    """
    rng = np.random.default_rng(seed)
    images = rng.uniform(-1, 1, (8, *before.network.input)).astype(np.float32)
    one, other = run(before, images), run(after, images)
    found = 0.0
    for name, same in zip(before.network.outputs, after.network.outputs, strict=True):
        size = max(float(np.abs(one[name]).max()), 1e-12)
        found = max(found, float(np.abs(one[name] - other[same]).max()) / size)
    return found


def _front(
    judge: TargetJudge, network: Network, before: Measurement, narrower: dict[Network, str]
) -> tuple[Option, ...]:
    """Of all networks that were judged, those that no other beats in latency and memory."""
    seen = [
        Option(
            narrower.get(net, _changes(network, net)), cost.seconds,
            cost.seconds / before.seconds - 1, net, cost.peak_bytes, cost.weight_bytes,
        )
        for net, cost in judge.known.items()
        if cost is not None and not more_on_cpu(net, cost, network, before)
    ]  # fmt: skip
    best: list[Option] = []
    for option in sorted(seen, key=lambda o: (o.seconds, o.peak_bytes or 0)):
        if all((option.peak_bytes or 0) < (other.peak_bytes or 0) for other in best) or not best:
            best.append(option)
    return tuple(best)


def _changes(before: Network, after: Network) -> str:
    """How a network differs from the one that it was made from, in short."""
    if before == after:
        return "as it is"
    old = {layer.name: layer for layer in before.layers}
    new = {layer.name for layer in after.layers}
    joined = sum(x.name in old and x.kind != old[x.name].kind for x in after.layers)
    wider = sum(x.name in old and 0 < old[x.name].channels < x.channels for x in after.layers)
    gone = len(set(old) - new)
    parts = [
        f"{joined or gone} joined" if joined or gone else "",
        f"{wider} wider" if wider else "",
    ]
    return ", ".join(part for part in parts if part) or "edited"
