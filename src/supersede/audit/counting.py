"""Counting a loss in the engine: by columns, by list columns, and by declared groups."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supersede.audit.attributes import Attribute
from supersede.audit.groups import Group, count_groups
from supersede.audit.losses import Loss
from supersede.errors import ArgumentError, MissingColumnError
from supersede.metrics.ratio_sums import count_ratios
from supersede.metrics.ratios import Part, Ratios
from supersede.table.outcomes import plain
from supersede.table.table import Table

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["DECLARED", "Counting", "GroupLabel"]

DECLARED = "declared"
"""The name of the split of declared groups."""


@dataclass(frozen=True)
class GroupLabel:
    """The description of a row of counts: the fields of a `GroupRow` that are not numbers."""

    split: str
    group: str
    known: bool = True
    inferred: bool = False
    values: tuple[object, ...] = ()


@dataclass(frozen=True)
class Counting:
    """A table with the losses of some models computed on every row.

    Attributes:
        rows: The rows; ``__e0`` is the first model's numerator, ``__d0`` its denominator, ``__w``
            the weight and ``__c`` the cluster, where there are any.
        kinds: The parts of each model's loss; only their presence is used.
    """

    rows: "ir.Table"
    kinds: tuple[Part, ...]

    @classmethod
    def of(
        cls, table: Table, loss: Loss, models: Sequence[str], labels: str | None = None
    ) -> "Counting":
        """Compute a loss on every row of a table.

        Raises:
            MissingColumnError: `labels` is neither ``"random"`` nor a column.
        """
        kinds = tuple(loss.part(table, model) for model in models)
        columns = {}
        for i, part in enumerate(kinds):
            columns[f"__e{i}"] = part.numerator
            if part.denominator is not None:
                columns[f"__d{i}"] = part.denominator
        weight = _weight(table, labels)
        if weight is not None:
            columns["__w"] = weight
        if table.cluster is not None:
            columns["__c"] = table.rows[table.cluster]
        return cls(table.rows.mutate(**columns), kinds)

    def margins(self, splits: Sequence[Sequence[Attribute]]) -> list[Ratios]:
        """One set of counts per split; a split by no attribute is the whole.

        With a column of lists, an item belongs to every group in its list, and to "unknown" if the
        list is empty.

        Raises:
            ArgumentError: Lists together with clusters.
        """
        listed = [self._lists(split) for split in splits]
        simple = [split for split, lists in zip(splits, listed, strict=True) if not lists]
        counted = iter(self._count(self.rows, simple))
        return [
            self._unnested(split, lists) if lists else next(counted)
            for split, lists in zip(splits, listed, strict=True)
        ]

    def declared(self, groups: Sequence[Group]) -> Iterator[tuple[Ratios, list[GroupLabel]]]:
        """Counts of declared groups, then of the items whose membership is unknown, if any."""
        if not groups:
            return
        inside, unsure = count_groups(
            self.rows, self._parts(self.rows), groups, **self._extra(self.rows)
        )
        yield (
            inside,
            [
                GroupLabel(DECLARED, str(group), inferred=group.inferred, values=(i,))
                for i, group in enumerate(groups)
            ],
        )
        some = (unsure.items > 0).nonzero()[0]
        if len(some):
            names = [f"{groups[i]}: unknown" for i in some.tolist()]
            yield (
                unsure.take(some),
                [
                    GroupLabel(DECLARED, name, known=False, values=(i,))
                    for i, name in zip(some.tolist(), names, strict=True)
                ],
            )

    def _count(self, rows: "ir.Table", splits: Sequence[Sequence[Attribute]]) -> list[Ratios]:
        if not splits:
            return []
        keys = {a.column: a.key(rows) for split in splits for a in split}
        margins = [tuple(a.column for a in split) for split in splits]
        return count_ratios(rows, self._parts(rows), keys, margins, **self._extra(rows))

    def _unnested(self, split: Sequence[Attribute], lists: Sequence[str]) -> Ratios:
        if "__c" in self.rows.columns:
            msg = (
                f"column {lists[0]!r} contains lists, which cannot be combined with clusters yet;"
                " declare the groups as yes/no columns and conditions on them"
            )
            raise ArgumentError(msg)
        rows = self.rows
        for column in lists:
            rows = rows.unnest(column, keep_empty=True)
        return self._count(rows, [split])[0]

    def _lists(self, split: Sequence[Attribute]) -> list[str]:
        columns = [a.column for a in split if a.column in self.rows.columns]
        return [column for column in columns if self.rows[column].type().is_array()]

    def _parts(self, rows: "ir.Table") -> list[Part]:
        return [
            Part(
                rows[f"__e{i}"],
                None if part.denominator is None else rows[f"__d{i}"],
                part.binary,
            )
            for i, part in enumerate(self.kinds)
        ]

    def _extra(self, rows: "ir.Table") -> "dict[str, ir.Value | None]":
        return {
            "weight": rows["__w"] if "__w" in rows.columns else None,
            "cluster": rows["__c"] if "__c" in rows.columns else None,
        }


def _weight(table: Table, labels: str | None) -> "ir.Value | None":
    """The weight of an item, divided by its probability of having been labelled."""
    weight = None if table.weight is None else plain(table.rows[table.weight])
    if labels is None or labels == "random":
        return weight
    if labels not in table.rows.columns:
        raise MissingColumnError.of(
            labels, table.rows.columns, "the labels' inclusion probabilities", "or labels='random'"
        )
    worth = 1 / plain(table.rows[labels]).nullif(0)
    return worth if weight is None else weight * worth
