"""What Vela reports of a compiled network, row by row, as costs of the network's layers."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from supersede.hardware.targets.measurement import LayerCost

__all__ = ["Row", "by_layer", "csv_rows", "database_rows", "operator_names", "traffic"]

MEMORIES = {"sram": "SRAM", "dram": "DRAM", "on_chip_flash": "flash", "off_chip_flash": "flash"}


@dataclass
class Row:
    """One row of the compiler's table, or several that belong to one layer.

    Attributes:
        name: Of the operator in the file.
        operator: In the compiler's words.
        cycles: That it adds to the total.
        busy: Cycles in which the accelerator computes.
        macs: Multiply-adds.
        on_cpu: Whether the accelerator left it to the processor.
        waits: Cycles that each memory needs for it.
    """

    name: str
    operator: str
    cycles: float
    busy: float
    macs: int
    on_cpu: bool
    waits: dict[str, float] = field(default_factory=dict)

    def join(self, other: "Row") -> None:
        """Take in another row of the same layer."""
        self.cycles += other.cycles
        self.busy += other.busy
        self.macs += other.macs
        self.on_cpu = self.on_cpu or other.on_cpu
        for memory, cycles in other.waits.items():
            self.waits[memory] = self.waits.get(memory, 0.0) + cycles

    @property
    def bound(self) -> str:
        """What takes the time: the arithmetic, or a memory."""
        if self.on_cpu:
            return "processor"
        if self.cycles <= 0:
            return ""
        slowest = max(self.waits, key=lambda memory: self.waits[memory], default="")
        return slowest if slowest and self.waits[slowest] > self.busy else "compute"


def database_rows(tables: Mapping[str, Any], names: tuple[str, ...]) -> Iterable[Row]:
    """Rows of the compiler's database, under the names of the file's operators."""
    source = _column_by_id(tables["source"], "ext_key")
    grouped = {row[0] for row in tables["group"].data}
    at = tables["queue"].header.index("optimised_id")
    queued = {row[at] for row in tables["queue"].data}
    waits = {"SRAM": "Sram_ac", "DRAM": "Dram_ac", "flash": "OffChipFlash_ac"}
    waits |= {"on-chip flash": "OnChipFlash_ac"}
    for row in tables["perf"].data:
        cell = dict(zip(tables["perf"].header, row, strict=True))
        operator = int(source.get(cell["source_id"], -1))
        name = names[operator] if 0 <= operator < len(names) else cell["name"]
        on_npu = cell["optimised_id"] in queued or cell["id"] in grouped
        yield Row(
            name, cell["operator"], float(cell["op_cycles"]), float(cell["npu_cycles"]),
            int(cell["mac_count"]), not on_npu,
            {memory: float(cell[column]) for memory, column in waits.items() if column in cell},
        )  # fmt: skip


def csv_rows(cells: Iterable[Mapping[str, str]]) -> Iterable[Row]:
    """Rows of the table by layer that the command line writes."""
    waits = {
        "SRAM": "SRAM AC",
        "DRAM": "DRAM AC",
        "flash": "OffFlash AC",
        "on-chip flash": "OnFlash AC",
    }
    for cell in cells:
        yield Row(
            # what the compiler puts between two steps of one operator belongs to it
            cell["Name"].removesuffix("_intermediate"), cell["NNG Operator"],
            float(cell["Op Cycles"]), float(cell["NPU"]), int(float(cell["MAC Count"])),
            cell["Target"] == "CPU",
            {memory: float(cell[column]) for memory, column in waits.items() if column in cell},
        )  # fmt: skip


def by_layer(
    rows: Iterable[Row], *, clock: float, macs_per_cycle: int, layers: Collection[str] = ()
) -> tuple[LayerCost, ...]:
    """One cost for each layer: an activation that rides on a convolution is part of it.

    Args:
        rows: Of the compiler's table.
        clock: Cycles a second.
        macs_per_cycle: Multiply-adds that the accelerator can do in a cycle.
        layers: Names of the network's layers; an operator within one ("norm/mean") is counted there.
    """
    joined: dict[str, Row] = {}
    for row in rows:
        name = row.name
        while layers and name not in layers and "/" in name:
            name = name.rpartition("/")[0]
        row.name = name if not layers or name in layers else row.name
        if row.name in joined:
            joined[row.name].join(row)
        else:
            joined[row.name] = row
    return tuple(
        LayerCost(
            row.name, row.operator, row.cycles / clock, row.on_cpu, row.macs,
            row.macs / (row.cycles * macs_per_cycle) if row.cycles else None, row.bound,
        )
        for row in joined.values()
    )  # fmt: skip


def traffic(summary: Mapping[str, str]) -> tuple[tuple[str, int], ...]:
    """Bytes read and written in each memory, from the command line's summary."""
    found: dict[str, int] = {}
    for key, memory in MEMORIES.items():
        moved = round(float(summary.get(f"{key}_total_bytes") or 0))
        if moved:
            found[memory] = found.get(memory, 0) + moved
    return tuple(found.items())


def operator_names(tflite: bytes) -> tuple[str, ...]:
    """The name of each operator's first output, in the order of the file."""
    from ethosu.vela.tflite.Model import Model

    graph = Model.GetRootAs(tflite, 0).Subgraphs(0)
    outputs = (graph.Operators(i).Outputs(0) for i in range(graph.OperatorsLength()))
    return tuple(graph.Tensors(at).Name().decode() for at in outputs)


def _column_by_id(table: Any, column: str) -> dict[str, str]:
    id_at, at = table.header.index("id"), table.header.index(column)
    return {row[id_at]: row[at] for row in table.data}
