"""The losses of every version of a list on one sample, overall and for each protected group.

Versions differ only in a patch's rows, so only those rows and their new losses are stored. A
group's sums under all versions show its best version; if that is not the current one, a pointer to
it repairs the group.
"""

from collections.abc import Mapping
from copy import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from supersede.bounty.decision_list import DecisionList, answers_of, answers_that_fit
from supersede.bounty.losses import RowLoss, check_labels, losses_of
from supersede.bounty.routing import Bools, Group
from supersede.bounty.sample import Sample
from supersede.errors import ArgumentError

__all__ = ["Track", "extend", "track"]

Floats = npt.NDArray[np.float64]
_ROUNDING = 1e-9  # of the largest total loss of a sample; smaller differences are rounding error


class Track:
    """One sample's losses under every version so far.

    Args:
        sample: The rows.
        loss: The loss of a row.
        answers: The first model's answers, shape ``(n,)``.
    """

    def __init__(self, sample: Sample, loss: RowLoss, answers: npt.NDArray[Any]) -> None:
        self.sample, self.loss = sample, loss
        self.weight = np.ones(len(sample)) if sample.weight is None else sample.weight
        most = self.weight.max() if sample.most_weight is None else sample.most_weight
        self._largest = loss.most * float(most)
        self.out_of = self.weight * loss.out_of(sample.labels)
        if not self.out_of.sum() > 0:
            msg = f"the rows of {sample.name} have total weight 0, so the {loss.name} is undefined"
            raise ArgumentError(msg)
        self.current = losses_of(loss, sample.labels, answers)
        self._first = self.current.copy()
        self._changes: list[tuple[npt.NDArray[np.int32], Floats]] = []
        self._totals = [float(self.weight @ self.current)]
        self._protected: dict[str, npt.NDArray[np.uint8]] = {}
        self._labels: dict[str, str] = {}
        self._sums: dict[str, list[float]] = {}

    def copy(self) -> "Track":
        """An independent copy."""
        made = copy(self)
        made.current, made._changes = self.current.copy(), list(self._changes)
        made._totals, made._protected = list(self._totals), dict(self._protected)
        made._labels = dict(self._labels)
        made._sums = {name: list(sums) for name, sums in self._sums.items()}
        return made

    @property
    def versions(self) -> int:
        """Versions so far, the first model included."""
        return len(self._changes) + 1

    @property
    def groups(self) -> list[str]:
        """Texts of the protected groups."""
        return list(self._protected)

    def label(self, group: str) -> str:
        """The name of a protected group; followed by its text where another one could be meant."""
        name = self._labels.get(group, group)
        ambiguous = name != group and (name in self._protected or name == "all")
        return f"{name} ({group})" if ambiguous else name

    def mask_of(self, group: Group) -> Bools:
        """The mask of a group on the sample."""
        return group.mask(self.sample.columns)

    def gains(self, mask: Bools, answers: npt.NDArray[Any]) -> Floats:
        """Each row's gain, in units of the largest weighted loss: in [-1, 1], shape ``(n,)``.

        That is the largest of the population, if the sample has a known bound of its weights.

        Args:
            mask: Mask of the group, shape ``(n,)``.
            answers: The proposed answers for those rows.
        """
        gains = np.zeros(len(self.sample))
        proposed = losses_of(self.loss, self.sample.labels[mask], answers)
        gains[mask] = self.weight[mask] * (self.current[mask] - proposed)
        return np.asarray(gains / self._largest)

    @property
    def unit(self) -> float:
        """Decrease in the overall error for a mean gain of one."""
        return self._largest * len(self.sample) / float(self.out_of.sum())

    def patch(self, mask: Bools, answers: npt.NDArray[Any]) -> None:
        """Replace a group's answers."""
        rows = np.flatnonzero(mask).astype(np.int32)
        self._change(rows, losses_of(self.loss, self.sample.labels[rows], answers))

    def point(self, mask: Bools, version: int) -> None:
        """Point a group back to a version."""
        rows = np.flatnonzero(mask).astype(np.int32)
        self._change(rows, self.losses_at(version)[rows])

    def losses_at(self, version: int) -> Floats:
        """Each row's loss under a version, shape ``(n,)``."""
        losses = self._first.copy()
        for rows, changed in self._changes[:version]:
            losses[rows] = changed
        return losses

    def protect(self, name: str, mask: Bools, label: str | None = None) -> None:
        """Protect a group from now on.

        Args:
            name: Its canonical text, which identifies it.
            mask: Its mask, shape ``(n,)``.
            label: Its name for readers; by default the text.
        """
        self._labels[name] = name if label is None else label
        losses, weight = self._first.copy(), self.weight * mask
        sums = [float(weight @ losses)]
        for rows, changed in self._changes:
            sums.append(sums[-1] + float(weight[rows] @ (changed - losses[rows])))
            losses[rows] = changed
        self._protected[name], self._sums[name] = np.packbits(mask), sums

    def members(self, name: str) -> Bools:
        """The mask of a protected group."""
        packed = self._protected[name]
        return np.unpackbits(packed, count=len(self.sample)).view(np.bool_)

    def repair(self) -> tuple[str, int] | None:
        """The group whose error has risen most since its best version, and that version, if any.

        Of equals, the first group and the first version: sums that differ by rounding alone must not
        decide, since they depend on whether a group was protected before or after a patch.
        """
        rounding = _ROUNDING * self.loss.most * float(self.weight.sum())
        worst, found = rounding, None
        for name, sums in self._sums.items():
            least = min(sums)
            if sums[-1] - least > worst:
                best = next(version for version, s in enumerate(sums) if s <= least + rounding)
                worst, found = sums[-1] - least + rounding, (name, best)
        return found

    def errors(self, name: str | None = None) -> Floats:
        """The error under every version, overall or of a protected group; shape ``(versions,)``."""
        sums = self._totals if name is None else self._sums[name]
        inside = self.out_of if name is None else self.out_of[self.members(name)]
        total = float(inside.sum())
        return np.asarray(sums) / total if total > 0 else np.full(len(sums), np.nan)

    def _change(self, rows: npt.NDArray[np.int32], losses: Floats) -> None:
        change = self.weight[rows] * (losses - self.current[rows])
        self._totals.append(self._totals[-1] + float(change.sum()))
        for name, sums in self._sums.items():
            sums.append(sums[-1] + float(change[self.members(name)[rows]].sum()))
        self.current[rows] = losses
        self._changes.append((rows, losses))


def track(
    model: DecisionList,
    sample: Sample,
    loss: RowLoss,
    *,
    watch: Mapping[str, Group] | None = None,
    labels: Mapping[str, str] | None = None,
) -> Track:
    """The losses of every version of a list on a sample.

    Args:
        model: The list.
        sample: Labelled rows.
        loss: The loss of a row.
        watch: Groups to protect besides those of the list's patches, by name. A name is a label
            only: a group is identified by its text.

        labels: Other labels for some of these names.

    Returns:
        The track, with the groups of all patches protected.

    Raises:
        ArgumentError: Labels do not match the list's answers.
    """
    check_labels(loss, sample.labels, model.answers)
    everyone = np.ones(len(sample), bool)
    made = Track(sample, loss, answers_of(model.base, sample.columns, everyone, model.answers))
    for name, group in (watch or {}).items():
        if str(group) not in made.groups:
            made.protect(str(group), made.mask_of(group), (labels or {}).get(name, name))
    extend(made, model, 0)
    return made


def extend(made: Track, model: DecisionList, start: int) -> None:
    """Add the versions of a list after its first `start` nodes to a track of those."""
    columns = made.sample.columns
    for node in model.nodes[start:]:
        mask = made.mask_of(node.group)
        if isinstance(node.answer, int):
            made.point(mask, node.answer)
            continue
        fits, given = answers_that_fit(node.answer, columns, mask, model.answers)
        answered = mask.copy()
        answered[mask] = fits  # the others keep the loss of the previous version, as in `predict`
        made.patch(answered, given)
        if str(node.group) not in made.groups:
            made.protect(str(node.group), mask)
