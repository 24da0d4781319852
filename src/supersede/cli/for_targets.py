"""What ``profile`` and ``advise`` share: targets by name, and models by the ending of their file."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from supersede.errors import ArgumentError, NetworkFileError

if TYPE_CHECKING:
    from supersede.hardware import Network, Target

__all__ = ["cache_file", "open_target", "read_network"]


def open_target(
    name: str, memory: str | None, system: str | None, config: Path | None, bits: Literal[8, 16]
) -> "Target":
    """An Ethos-U, this processor, a declared accelerator (TOML), or a file of measurements (CSV)."""
    from supersede.hardware import ETHOS_U, EthosU, Measured, OnnxRuntime, read_declared

    plain = name.lower().removeprefix("ethos-")
    if plain in ETHOS_U:
        return EthosU(plain, memory, system, config, bits)
    if memory or system or config or bits != 8:
        msg = f"--memory, --system, --vela-config and --bits are for Ethos-U targets, not for {name!r}"
        raise ArgumentError(msg)
    if plain == "cpu":
        return OnnxRuntime()
    if name.endswith(".toml"):
        return read_declared(name)
    if name.endswith(".csv"):
        return Measured(name)
    known = ", ".join(f"ethos-{target}" for target in ETHOS_U)
    msg = (
        f"--target: no target {name!r}; there are: {known}; cpu; a declared accelerator (chip.toml);"
        " a file of measurements (device.csv)"
    )
    raise ArgumentError(msg)


def read_network(path: Path) -> "Network":
    """The network of an ONNX file, or of a description in JSON; weights are left behind."""
    from supersede.hardware import Network, from_onnx

    if path.suffix == ".onnx":
        return from_onnx(path).network
    if path.suffix == ".json":
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            msg = f"cannot read {path}: {error}"
            raise NetworkFileError(msg) from error
        return Network.from_json(text)
    msg = f"cannot read a network from {path.name!r}; its name may end in .onnx or .json"
    raise ArgumentError(msg)


def cache_file(given: Path | None) -> Path:
    """Where measurements are kept: as said, or in the user's folder for caches."""
    import os

    if given is not None:
        return given
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "supersede" / "measurements.db"
