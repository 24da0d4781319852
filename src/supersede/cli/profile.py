"""``supersede profile``: what does a network cost on a target, layer by layer?"""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from supersede.cli.common import Quiet, outputs
from supersede.cli.progress import Progress

if TYPE_CHECKING:
    from supersede.hardware import Measurement, Network, Target

__all__ = ["profile"]


def profile(
    model: Path,
    /,
    *,
    target: str,
    memory: str | None = None,
    system: str | None = None,
    vela_config: Path | None = None,
    bits: Literal[8, 16] = 8,
    size: str | None = None,
    max_sram: str | None = None,
    max_weights: str | None = None,
    cache: Path | None = None,
    out: Path | None = None,
    json: Path | None = None,
    quiet: Quiet = False,
) -> int:
    """Show what a network costs on a target: latency, memory, weights, which layers take the time, and why.

    Operators that have no layer here are counted as the processor's work and listed.

    Exit codes: 0 done and within the budgets, 1 over a budget, 2 a usage or data error.

    Example: supersede profile model.onnx --target ethos-u85-256 --max-sram 256KB

    Args:
        model: An ONNX file, a network's description (.json), or a .tflite file. On an Ethos-U an int8
            .tflite file is compiled as it is; one in floating point is measured as it would be after
            quantisation.
        target: ethos-u55-32 to ethos-u85-2048; cpu (ONNX Runtime here); litert (int8, here); a declared
            accelerator (chip.toml); a file of measurements (device.csv).
        memory: Memory mode of an Ethos-U.
        system: System configuration of an Ethos-U.
        vela_config: A vela.ini of your own, for clocks and bandwidths that do not exist yet.
        bits: Of the activations on an Ethos-U; weights have 8.
        size: HEIGHTxWIDTH, where an ONNX file leaves them free.
        max_sram: Most memory for activations, such as 256KB. Above it the exit code is 1.
        max_weights: Most memory for weights, likewise.
        cache: File of kept measurements; in the user's folder for caches if left out.
        out: Write the page here, as HTML in one file.
        json: Write the result here, as JSON.
        quiet: Do not show progress.
    """
    from supersede.cli.for_targets import (
        byte_count,
        image_size,
        is_quantised,
        open_target,
        read_model,
    )
    from supersede.hardware import EthosU, MemoryBudget, Profile

    written = outputs(out=out, json=json)
    budget = MemoryBudget(
        byte_count(max_sram, "--max-sram"), byte_count(max_weights, "--max-weights")
    )
    sized = image_size(size)
    opened = open_target(target, memory, system, vela_config, bits)
    with Progress(quiet=quiet) as say:
        say(f"measuring {model.name}")
        if model.suffix == ".tflite" and isinstance(opened, EthosU) and is_quantised(model):
            cost = opened.compile(model.read_bytes())
        else:
            network = read_model(model, sized, "processor").network
            cost = _measured(opened, network, cache)
    budget.refuse_unknown(cost)
    found = Profile(model.name, opened.fingerprint(), cost, budget)
    written.write(found)
    print(found)
    return 1 if found.over_budget else 0


def _measured(target: "Target", network: "Network", cache: Path | None) -> "Measurement":
    """From the cache, but of an Ethos-U, which is quick, always anew, so that no reason is missing."""
    from supersede.cli.for_targets import cache_file
    from supersede.hardware import Cache, EthosU

    kept = Cache(cache_file(cache))
    if isinstance(target, EthosU):
        cost = target.measure(network)
        kept.put(target, network, cost)
        return cost
    return kept.measure(target, network)
