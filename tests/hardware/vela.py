"""Arm's compiler, called straight, as an oracle of files and figures."""

from pathlib import Path
from typing import NamedTuple

from ethosu import regor

CONFIGURATION = Path(regor.__file__).parent / "config_files" / "Arm" / "vela.ini"
OPTIONS = """
[compiler]
enable_db=true
output_format=TFLite
cop_format=COP1
[scheduler]
optimize=Performance
arena_size_limit=4194304
disable_feature=
"""
SYSTEMS = {
    "EthosU55": "Ethos_U55_High_End_Embedded",
    "EthosU65": "Ethos_U65_High_End",
    "EthosU85": "Ethos_U85_SYS_DRAM_Mid",
}


class Compiled(NamedTuple):
    cycles: int
    sram: int
    npu_operators: int
    cpu_operators: int
    rows: list[list[str]]


def compile_for(accelerator: str, file: bytes, *, macs: int = 256) -> Compiled:
    """What the compiler says of a file, with activations in SRAM that is shared with weights."""
    cores = 2 if (accelerator, macs) == ("EthosU65", 512) else 1
    config = (
        f"[architecture]\nmacs={macs // cores}\ncores={cores}\n[vela]\n"
        f"system_config_name={SYSTEMS[accelerator]}\nmemory_mode_name=Shared_Sram\n"
    ) + CONFIGURATION.read_text()
    model = regor.compile(accelerator, file, "TFLITE", config, options=OPTIONS)
    report = model.perf_report
    return Compiled(
        report.totalCycles,
        report.memories["Sram"].peakUsage,
        report.npuOps,
        report.cpuOps,
        model.opt_database.tables["perf"].data,
    )
