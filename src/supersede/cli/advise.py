"""``supersede advise``: which edits make a network faster on a target?"""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

__all__ = ["advise"]


def advise(
    model: Path,
    *,
    target: str,
    memory: str | None = None,
    system: str | None = None,
    vela_config: Path | None = None,
    bits: Literal[8, 16] = 8,
    granule: int | None = None,
    cache: Path | None = None,
    workers: int = 1,
    out: Path | None = None,
    json: Path | None = None,
    network: Path | None = None,
    quiet: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Try the edits that experts make for accelerators, and keep those that pay on the target.

    Every edit is measured, alone and with the others; none that loses is proposed. The network has to be
    trained again after any of them.

    Exit codes: 0 done (whether or not an edit pays), 2 a usage or data error.

    Example: supersede advise model.onnx --target ethos-u85-256 --out advice.html

    Args:
        model: An ONNX file, or a network's description (.json).
        target: ethos-u55-32 to ethos-u85-2048; cpu (ONNX Runtime here, noisy); a declared accelerator
            (chip.toml).
        memory: Memory mode of an Ethos-U.
        system: System configuration of an Ethos-U.
        vela_config: A vela.ini of your own, for clocks and bandwidths that do not exist yet.
        bits: Of the activations on an Ethos-U; weights have 8.
        granule: Channel multiple that the target favours; found by probing if left out.
        cache: File of kept measurements; in the user's folder for caches if left out.
        workers: Processes that measure.
        out: Write a page with the network by layer, before and after.
        json: Write the advice as JSON.
        network: Write the advised network's description as JSON.
        quiet: No progress.
    """
    from json import dumps

    from supersede.cli.for_targets import cache_file, open_target, read_network
    from supersede.cli.progress import Progress
    from supersede.hardware import advise as find
    from supersede.look.page import write_whole

    opened = open_target(target, memory, system, vela_config, bits)
    with Progress(quiet=quiet) as say:
        advice = find(
            read_network(model), opened, granule=granule, cache=cache_file(cache), workers=workers,
            progress=say,
        )  # fmt: skip
    if out is not None:
        write_whole(out, advice.to_html())
    if json is not None:
        write_whole(json, dumps(advice.to_dict(), indent=1))
    if network is not None:
        write_whole(network, advice.advised.to_json())
    print(advice)
    return 0
