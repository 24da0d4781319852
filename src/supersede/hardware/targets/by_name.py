"""Targets by name, as the command line takes them."""

from pathlib import Path
from typing import Literal

from supersede.errors import ArgumentError
from supersede.hardware.targets.declared import read_declared
from supersede.hardware.targets.ethos_u import ETHOS_U, EthosU
from supersede.hardware.targets.litert import LiteRT
from supersede.hardware.targets.measured import Measured
from supersede.hardware.targets.measurement import Target
from supersede.hardware.targets.onnx_runtime import OnnxRuntime

__all__ = ["target"]


def target(
    name: str,
    *,
    memory: str | None = None,
    system: str | None = None,
    config: str | Path | None = None,
    bits: Literal[8, 16] = 8,
) -> Target:
    """A target by its name.

    Args:
        name: ``"ethos-u55-32"`` to ``"ethos-u85-2048"``; ``"cpu"`` (ONNX Runtime here);
            ``"litert"`` (int8, here); the path of a declared accelerator (``chip.toml``) or of
            measurements (``device.csv``).
        memory: Memory mode of an Ethos-U.
        system: System configuration of an Ethos-U.
        config: A vela.ini of your own, for an Ethos-U.
        bits: Of the activations on an Ethos-U; weights have 8.

    Returns:
        The target.

    Raises:
        ArgumentError: There is no such target, or an option does not apply to it.

    Example:
        >>> target("ethos-u85-256").fingerprint().split()[0]
        'ethos-u85-256'
    """
    plain = name.lower().removeprefix("ethos-")
    if plain in ETHOS_U:
        return EthosU(plain, memory, system, config, bits)
    if memory or system or config or bits != 8:
        msg = (
            f"memory mode, system, configuration and bits are for Ethos-U targets, not for {name!r}"
        )
        raise ArgumentError(msg)
    if plain == "cpu":
        return OnnxRuntime()
    if plain == "litert":
        return LiteRT()
    if name.endswith(".toml"):
        return read_declared(name)
    if name.endswith(".csv"):
        return Measured(name)
    known = ", ".join(f"ethos-{one}" for one in ETHOS_U)
    msg = (
        f"no target {name!r}; there are: {known}; cpu; litert; a declared accelerator (chip.toml); a"
        " file of measurements (device.csv)"
    )
    raise ArgumentError(msg)
