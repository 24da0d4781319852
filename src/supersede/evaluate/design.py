"""Plans: which items to label, with which probability, and everything an estimate needs."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from supersede.evaluate.belief import Calibration
from supersede.evaluate.estimands import Estimand
from supersede.evaluate.patterns import Patterns
from supersede.look.json_values import json_object
from supersede.look.result import ResultMixin

__all__ = ["Expectation", "Method", "Mix", "Plan", "Sample"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

Method = Literal["independent", "parent_child", "coordinated", "allocated"]
Mix = Literal["reshuffle", "resample"]


@dataclass(frozen=True)
class Sample:
    """A simple random sample of a set of items.

    Attributes:
        rows: Row numbers in `Plan.items`, in the order of use; rows after the first `take` are
            reserves.
        take: Number of items to label.
        of: Number of items of the set.
        repeats: Rows that the article's resampling drew, some more than once; None without it.
    """

    rows: Ints
    take: int
    of: int
    repeats: Ints | None = None


@dataclass(frozen=True)
class Expectation:
    """The precision that a plan is expected to reach for an estimand.

    Attributes:
        name: The estimand.
        margin: Requested half-width of the interval.
        expected: Expected half-width, if the labels are as the models' answers suggest.
        items: Items whose labels matter to it.
        alone: Labels that a simple random sample would need for this estimand alone at its margin.
    """

    name: str
    margin: float
    expected: float
    items: int
    alone: int


@dataclass(frozen=True)
class Plan(ResultMixin, named="a plan"):
    """Which items to label.

    Attributes:
        method: How items were chosen.
        estimands: What will be estimated.
        confidence: Two-sided confidence of the intervals.
        seed: The key of the permanent random numbers.
        patterns: Patterns of the whole table, with counts.
        belief: Probability of each state for each pattern before labels, shape ``(h, states)``.
        items: One row per item: ``item``, ``order`` (label in this order), ``inclusion`` (its
            probability of being chosen), ``stratum`` (-1 where several samples share an item),
            ``number`` (permanent random number), ``reserve`` (only to replace a skipped item),
            ``pattern`` and, of a table with weights, ``weight`` (1 on average over the table) and, with
            clusters, ``cluster`` (a number).
        samples: One per stratum (``"allocated"``), otherwise one per estimand.
        stratum: Stratum of each pattern or -1, shape ``(h,)``; for ``"allocated"`` only.
        expectations: Expected precision of each estimand.
        independent: Labels if every estimand had a simple random sample of its own.
        parent: The parent model of ``"parent_child"``.
        mix: How ``"parent_child"`` mixes its parts.
        calibration: Recalibration learnt from the labels of an earlier plan.
        earlier: Designs of earlier plans whose labels count for this one.
        notes: What the reader should know before buying labels.
    """

    method: Method
    estimands: tuple[Estimand, ...]
    confidence: float
    seed: int
    patterns: Patterns
    belief: Floats
    items: pa.Table
    samples: tuple[Sample, ...]
    stratum: Ints
    expectations: tuple[Expectation, ...]
    independent: int
    parent: str | None = None
    mix: Mix | None = None
    calibration: Calibration = field(default_factory=Calibration)
    earlier: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """The number of items to label, reserves left out."""
        return int(len(self.items) - np.count_nonzero(self._reserve))

    @property
    def _reserve(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.items["reserve"].to_numpy(zero_copy_only=False), bool)

    @cached_property
    def design(self) -> str:
        """A hash of all that chose the items and all that an estimate uses: 16 hexadecimal digits."""
        patterns = self.patterns
        what = {
            "method": self.method,
            "estimands": [estimand.to_dict() for estimand in self.estimands],
            "seed": self.seed,
            "confidence": self.confidence,
            "parent": self.parent,
            "mix": self.mix,
            "states": [str(state) for state in patterns.states],
            "classes": [str(c) for c in patterns.classes],
            "keys": [[key.kind, str(key.of), key.size] for key in patterns.keys],
            "graded": patterns.graded,
            "positive": str(patterns.positive),
            "samples": [[s.take, s.of, s.repeats is not None] for s in self.samples],
            "margins": [[e.name, e.margin] for e in self.expectations],
            "calibration": [
                self.calibration.slope,
                self.calibration.shift,
                self.calibration.judges,
            ],
            "earlier": self.earlier,
        }
        digest = hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode())
        digest.update("|".join(map(str, self.items["item"].to_pylist())).encode())
        columns = [
            self.items[name].to_numpy(zero_copy_only=False)
            for name in ("order", "inclusion", "stratum", "reserve", "pattern")
        ]
        samples = [rows for s in self.samples for rows in (s.rows, s.repeats) if rows is not None]
        counts = [patterns.codes, patterns.count, self.stratum]
        if patterns.weights is not None:
            amounts = patterns.weights
            counts += [amounts.mean, amounts.square, amounts.top, self.items["weight"].to_numpy()]
        if patterns.clusters is not None:
            cells = patterns.clusters
            counts += [cells.number, cells.pattern, cells.count, cells.mass]
            counts += [self.items["cluster"].to_numpy(), np.array([cells.size])]
        for values in (*counts, self.belief, *columns, *samples):
            # rounded, so that a plan made elsewhere does not differ by the last bit of a float
            exact = np.round(values, 9) if values.dtype.kind == "f" else values.astype(np.int64)
            digest.update(str(exact.shape).encode())
            digest.update(np.ascontiguousarray(exact + 0).tobytes())
        return digest.hexdigest()[:16]

    @property
    def weights(self) -> Floats:
        """Number of items that each labelled item of a stratum represents, by sample."""
        return np.array([s.of / max(s.take, 1) for s in self.samples])

    def to_dict(self) -> dict[str, Any]:
        """What is planned and expected, and one record per item, as JSON values."""
        return json_object({
            "design": self.design, "method": self.method, "seed": self.seed,
            "confidence": self.confidence, "size": self.size, "of": self.patterns.size,
            "independent": self.independent,
            "expectations": [asdict(expected) for expected in self.expectations],
            "notes": self.notes, "items": self.items.to_pylist(),
        })  # fmt: skip

    def to_frame(self) -> pa.Table:
        """One row per item, as in `items`."""
        return self.items

    def to_html(self) -> str:
        """A page: labels that each method and each estimand needs, and what they share."""
        from supersede.evaluate.pictures import plan_picture

        return plan_picture(self)

    def save(self, path: str | Path) -> Path:
        """Write the page (``.html``), everything as ``.json``, or the plan itself.

        As ``.csv``, ``.jsonl`` or ``.parquet``, this is `write_plan`: the items to label, and the design next to
        them, from which `load_plan` reads the plan back.

        Raises:
            ArgumentError: The ending is not one of these.
            ReportError: The file cannot be written.
        """
        from supersede.evaluate.plan_file import write_plan

        path = self.check_path(path)
        if path.suffix in {".html", ".json"}:
            return super().save(path)
        return write_plan(self, path)[0]

    @classmethod
    def endings(cls) -> tuple[str, ...]:
        """The endings that `save` accepts."""
        return (".html", ".json", ".csv", ".jsonl", ".parquet")

    def tasks(self, *, votes: bool = False) -> pa.Table:
        """The task list for annotators: ids in order, an empty label, and the design.

        Args:
            votes: Whether to show the models' answers too. They are hidden by default, because
                annotators are biased towards an answer that they see.

        Returns:
            The items to label first, then the reserves, marked.
        """
        shown = self.items.sort_by("order").select(["item", "order", "reserve"])
        shown = shown.append_column("label", pa.array([None] * len(shown), pa.string()))
        shown = shown.append_column("design", pa.array([self.design] * len(shown)))
        if votes:
            rows = self.items.sort_by("order")["pattern"].to_numpy()
            for model in self.patterns.models:
                shown = shown.append_column(model, pa.array(self._said(model, rows)))
        return shown

    def _said(self, model: str, rows: Ints) -> list[str | None]:
        codes = self.patterns.find("answer", model)
        if codes is None:
            return [None] * len(rows)
        named: Sequence[str | None] = [*map(str, self.patterns.states), None]
        return [named[code] for code in codes[rows]]

    def __repr__(self) -> str:
        saved = 1 - self.size / self.independent if self.independent else 0.0
        lines = [
            f"Plan: label {self.size:,} of {self.patterns.size:,} items for"
            f" {len(self.estimands)} estimands ({self.method}; design {self.design})",
            f"  separate samples: {self.independent:,} labels; saved: {saved:.0%}",
        ]
        widest = sorted(self.expectations, key=lambda e: -e.expected)
        lines += [
            f"  {e.name}: ± {e.expected:.3g} expected (requested ± {e.margin:.3g}),"
            f" {e.alone:,} labels alone"
            for e in widest[:10]
        ]
        if len(self.expectations) > 10:
            lines.append(f"  … and {len(self.expectations) - 10} more")
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])
