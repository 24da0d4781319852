"""System configurations and memory modes of Arm's Vela compiler, read and checked before use.

Vela reads an INI file with sections ``System_Config.NAME`` (clocks, ports, bandwidths) and
``Memory_Mode.NAME`` (what lies where). A zero in it makes the compiler divide by it, so
everything is checked here.
"""

from collections.abc import Iterator
from configparser import ConfigParser
from configparser import Error as IniError
from dataclasses import dataclass
from pathlib import Path

from supersede.errors import MissingExtraError, TargetError

__all__ = ["VelaConfig", "read_vela_config"]

MEMORIES = ("Sram", "Dram", "OnChipFlash", "OffChipFlash")
# What Vela itself takes when nothing is chosen, by the family of the accelerator, but for one thing:
# Vela caps the dedicated SRAM at 384 KB; without the cap the peak says how much SRAM a network wants.
DEFAULTS = {
    "u55": ("Ethos_U55_High_End_Embedded", "Shared_Sram"),
    "u65": ("Ethos_U65_Client_Server", "Dedicated_Sram"),
    "u85": ("Ethos_U85_SYS_DRAM_Mid", "Dedicated_Sram"),
}


@dataclass(frozen=True)
class VelaConfig:
    """One system configuration with one memory mode.

    Args:
        text: The whole INI file.
        system: Name of the system configuration.
        memory: Name of the memory mode.
        clock: Clock of the accelerator's core, in hertz.
        cache_bytes: Size of the fast memory where the file limits it.
    """

    text: str
    system: str
    memory: str
    clock: float
    cache_bytes: int | None


def read_vela_config(
    family: str, path: Path | None, system: str | None, memory: str | None
) -> VelaConfig:
    """Read a file, or the one that comes with Vela, and choose from it.

    Args:
        family: ``u55``, ``u65`` or ``u85``; decides what is chosen where nothing is said.
        path: An INI file; without it the one that Vela ships.
        system: The system configuration; may be left out where the file holds only one.
        memory: The memory mode; likewise.

    Raises:
        TargetError: The file cannot be read, lacks the section, or holds a number that no
            hardware has.
    """
    own = path is not None
    path = path or _shipped()
    where = str(path) if own else "the vela.ini that ships with Vela"
    try:
        text = path.read_text(encoding="utf-8")
        ini = ConfigParser()
        ini.read_string(text)
    except (OSError, UnicodeDecodeError, IniError) as error:
        msg = f"cannot read {where}: {error}; expected an INI file as Vela reads it"
        raise TargetError(msg) from error
    defaults = (None, None) if own else DEFAULTS[family]
    system = _choose(ini, "System_Config", system or defaults[0], where)
    memory = _choose(ini, "Memory_Mode", memory or defaults[1], where)
    clock = _check_system(dict(ini[f"System_Config.{system}"]), system, where)
    cache = dict(_inherited(ini, f"Memory_Mode.{memory}", where)).get("arena_cache_size")
    size = (
        None
        if cache is None
        else _positive(cache, f"Memory_Mode.{memory}", "arena_cache_size", where)
    )
    return VelaConfig(text, system, memory, clock, None if size is None else int(size))


def _shipped() -> Path:
    from importlib.util import find_spec

    found = find_spec("ethosu")
    for folder in found.submodule_search_locations or () if found else ():
        return Path(folder) / "config_files" / "Arm" / "vela.ini"
    raise MissingExtraError.of(
        package="ethos-u-vela", extra="hardware", purpose="Compiling for Arm Ethos-U"
    )


def _choose(ini: ConfigParser, kind: str, name: str | None, where: str) -> str:
    names = [s.partition(".")[2] for s in ini.sections() if s.startswith(f"{kind}.")]
    if name is None and len(names) == 1:
        return names[0]
    if name not in names:
        option = {"System_Config": "system", "Memory_Mode": "memory"}[kind]
        wanted = f"none was chosen (--{option})" if name is None else f"there is no {name!r}"
        msg = f"{where}: {wanted}; sections {kind}.NAME in it are: {', '.join(names) or 'none'}"
        raise TargetError(msg)
    return name


def _inherited(ini: ConfigParser, section: str, where: str) -> Iterator[tuple[str, str]]:
    """Keys of a section after those of the section that it inherits from."""
    seen: list[str] = []
    while section:
        if section in seen or section not in ini:
            msg = f"{where}: [{seen[-1] if seen else section}] inherits from {section!r}, which is not there or inherits from it"
            raise TargetError(msg)
        seen.append(section)
        section = ini[section].get("inherit", "")
    for name in reversed(seen):
        yield from ini[name].items()


def _check_system(keys: dict[str, str], system: str, where: str) -> float:
    """Refuse what no hardware has; returns the clock in hertz."""
    section = f"System_Config.{system}"
    if "core_clock" not in keys:
        msg = f"{where}: [{section}] has no core_clock; give the accelerator's clock in hertz"
        raise TargetError(msg)
    for port in ("axi0_port", "axi1_port"):
        memory = keys.get(port)
        if memory not in MEMORIES:
            msg = (
                f"{where}: [{section}] {port} is {memory!r}; expected one of {', '.join(MEMORIES)}"
            )
            raise TargetError(msg)
        for key in ("clock_scale", "burst_length", "ports_used", "max_reads"):
            name = f"{memory}_{key}".lower()
            if name in keys:
                _positive(keys[name], section, f"{memory}_{key}", where)
        for key in ("read_latency", "write_latency"):
            value = keys.get(f"{memory}_{key}".lower(), "0")
            if not value.isdecimal():  # cycles
                msg = (
                    f"{where}: [{section}] {memory}_{key} is {value!r}; expected a whole number ≥ 0"
                )
                raise TargetError(msg)
    return _positive(keys["core_clock"], section, "core_clock", where)


def _positive(value: str, section: str, key: str, where: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not 0 < number < float("inf"):
        meant = (
            "a memory without bandwidth"
            if key.endswith(("scale", "length", "used"))
            else "nothing real"
        )
        msg = f"{where}: [{section}] {key} is {value!r}, which describes {meant}; expected a number above 0"
        raise TargetError(msg)
    return number
