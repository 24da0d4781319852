"""``supersede profile``: what does a network cost on a target, layer by layer?"""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

__all__ = ["profile"]


def profile(
    model: Path,
    *,
    target: str,
    memory: str | None = None,
    system: str | None = None,
    vela_config: Path | None = None,
    bits: Literal[8, 16] = 8,
    cache: Path | None = None,
    out: Path | None = None,
    json: Path | None = None,
    quiet: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Say what a network costs on a target: latency, memory, weights, and which layers take the time.

    Exit codes: 0 done, 2 a usage or data error.

    Example: supersede profile model.onnx --target ethos-u85-256

    Args:
        model: An ONNX file, a network's description (.json), or, for Ethos-U, an int8 .tflite file.
        target: ethos-u55-32 to ethos-u85-2048; cpu (ONNX Runtime here); a declared accelerator
            (chip.toml); a file of measurements (device.csv).
        memory: Memory mode of an Ethos-U.
        system: System configuration of an Ethos-U.
        vela_config: A vela.ini of your own, for clocks and bandwidths that do not exist yet.
        bits: Of the activations on an Ethos-U; weights have 8.
        cache: File of kept measurements; in the user's folder for caches if left out.
        out: Write a page with the picture there.
        json: Write the measurement as JSON.
        quiet: No progress.
    """
    from json import dumps

    from supersede.cli.for_targets import cache_file, open_target, read_network
    from supersede.cli.progress import Progress
    from supersede.errors import ArgumentError, NetworkFileError
    from supersede.hardware import Cache, EthosU
    from supersede.hardware.pages import profile_page, profile_text
    from supersede.look.page import write_whole

    opened = open_target(target, memory, system, vela_config, bits)
    with Progress(quiet=quiet) as say:
        say(f"measuring {model.name}")
        if model.suffix == ".tflite":
            if not isinstance(opened, EthosU):
                msg = f"{model.name}: a .tflite file is compiled as it is, which needs an Ethos-U target"
                raise ArgumentError(msg)
            try:
                cost = opened.compile(model.read_bytes())
            except OSError as error:
                msg = f"cannot read {model}: {error}"
                raise NetworkFileError(msg) from error
        else:
            cost = Cache(cache_file(cache)).measure(opened, read_network(model))
    if out is not None:
        write_whole(out, profile_page(model.name, opened.fingerprint(), cost))
    if json is not None:
        write_whole(json, dumps({"target": opened.fingerprint(), **cost.to_dict()}, indent=1))
    print(profile_text(model.name, opened.fingerprint(), cost))
    return 0
