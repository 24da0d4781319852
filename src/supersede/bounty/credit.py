"""The gain of each accepted patch, overall and for every protected group, by team.

A patch's gain is the decrease in error from the patch and the repairs that followed it, on one
sample: measured on slices that are used up, or on fresh rows, so that rewards do not reveal a
holdout in use.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from supersede.bounty.decision_list import DecisionList
from supersede.bounty.losses import RowLoss, ZeroOne
from supersede.bounty.routing import Group
from supersede.bounty.sample import Sample
from supersede.bounty.tracking import track
from supersede.look.json_values import json_object
from supersede.look.result import ResultMixin, frame_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Credit", "PatchCredit", "credit"]


@dataclass(frozen=True)
class PatchCredit:
    """The gain of one patch.

    Attributes:
        version: The version that it created, without repairs.
        team: The team that found it.
        group: Its group.
        repairs: Repairs that followed it.
        gain: Decrease in the overall error.
        group_gain: Decrease in its own group's error.
        gains: Decrease in each protected group's error, by name; negative if it rose.
    """

    version: int
    team: str
    group: str
    repairs: int
    gain: float
    group_gain: float
    gains: Mapping[str, float]


@dataclass(frozen=True)
class Credit(ResultMixin, named="credit"):
    """The gains of all patches.

    Attributes:
        sample: The rows for which this holds.
        loss: Name of the loss.
        patches: One entry per patch, in order; their gains sum to that of the whole list.
    """

    sample: str
    loss: str
    patches: tuple[PatchCredit, ...]

    def by_team(self) -> dict[str, float]:
        """Each team's overall gain, the largest first."""
        total: dict[str, float] = {}
        for patch in self.patches:
            total[patch.team] = total.get(patch.team, 0.0) + patch.gain
        return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))

    def by_team_and_group(self) -> dict[str, dict[str, float]]:
        """Each team's gain for each protected group."""
        total: dict[str, dict[str, float]] = {}
        for patch in self.patches:
            own = total.setdefault(patch.team, {})
            for group, gain in patch.gains.items():
                own[group] = own.get(group, 0.0) + gain
        return total

    def __str__(self) -> str:
        teams = ", ".join(f"{team} {gain:.4g}" for team, gain in self.by_team().items())
        return f"{len(self.patches)} patches on {self.sample}; lower {self.loss} by team: {teams}"

    def to_dict(self) -> dict[str, Any]:
        """The credit as JSON values, with the teams' sums."""
        return json_object({**asdict(self), "teams": self.by_team()})

    def to_frame(self) -> "pa.Table":
        """One row per patch and group; the group ``all`` is the whole sample.

        Names that a spreadsheet would run as a formula start with an apostrophe.
        """
        columns = ["version", "team", "patch", "repairs", "group", "gain", "sample", "loss"]
        return frame_of(
            (
                {
                    "version": patch.version,
                    "team": _inert(patch.team),
                    "patch": _inert(patch.group),
                    "repairs": patch.repairs,
                    "group": _inert(group),
                    "gain": gain,
                    "sample": self.sample,
                    "loss": self.loss,
                }
                for patch in self.patches
                for group, gain in {"all": patch.gain, **patch.gains}.items()
            ),
            columns,
        )

    def to_html(self) -> str:
        """A page with the gain of each patch."""
        from supersede.look.table_page import table_page

        return table_page("Who gained what", f"{self}.", self.to_frame())


def credit(
    model: DecisionList,
    sample: Sample,
    *,
    loss: RowLoss | None = None,
    watch: Mapping[str, Group] | None = None,
) -> Credit:
    """Measure the gain of each patch of a list.

    Args:
        model: The list, whose patches name their teams.
        sample: Labelled rows: a used-up slice, or fresh ones.
        loss: The loss of a row: that of the bounty, ``bounty.checker.loss``; by default the error
            rate.
        watch: Groups to report besides those of the patches.

    Returns:
        The credit. A group that is empty on the sample has no gain and is left out.

    Example:
        >>> from supersede.bounty.artefacts import Constant, parse
        >>> zero, one = Constant((0,)), Constant((1,))
        >>> model = DecisionList(zero).patched(parse("age >= 60"), one, team="ada")
        >>> rows = Sample("fresh", {"age": [20, 30, 70, 80]}, [0, 0, 1, 1])
        >>> credit(model, rows).by_team()
        {'ada': 0.5}
    """
    loss = ZeroOne() if loss is None else loss
    kept = track(model, sample, loss, watch=dict(watch or {}))
    everyone = kept.errors()
    by_group = {name: kept.errors(name) for name in kept.groups if kept.members(name).any()}
    patches = []
    for start, end in model.patches:
        node = model.nodes[start]
        changes = {name: float(errors[start] - errors[end]) for name, errors in by_group.items()}
        gains = {kept.label(name): change for name, change in changes.items()}
        patches.append(
            PatchCredit(
                start + 1,
                node.team,
                str(node.group),
                end - start - 1,
                float(everyone[start] - everyone[end]),
                changes.get(str(node.group), 0.0),
                gains,
            )
        )
    return Credit(sample.name, loss.name, tuple(patches))


def _inert(text: str) -> str:
    """A cell that no spreadsheet interprets as a formula."""
    return "'" + text if text[:1] in "=+-@\t\r" else text
