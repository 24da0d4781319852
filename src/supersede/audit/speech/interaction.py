"""Does a condition hurt one group more than others? Ratios of ratios of pooled error rates.

A recogniser that makes three times as many errors in noise, in every group, treats groups alike in
one sense; one that makes three times as many for most and six times as many for some does not. The
interaction is ``(WER_gc / WER_g0) / (WER_rc / WER_r0)``: 1 where the condition multiplies the errors
of all groups by the same factor.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from supersede.audit.speech.speaker_bootstrap import Contrast, Speakers, log_contrast
from supersede.errors import ArgumentError

__all__ = ["Interaction", "interactions"]

Texts = npt.NDArray[np.object_]
Floats = npt.NDArray[np.float64]
_MOST_DRAWS = 19_999
_POWER = 0.8416  # standard normal quantile of .8


@dataclass(frozen=True)
class Interaction:
    """How much more a condition multiplies one group's error rate than the other groups'.

    Attributes:
        group: The group, as ``accent = north``.
        condition: The condition, as ``noise = street``.
        against_group: The groups that it is compared with.
        against_condition: The conditions that it is compared with.
        ratio: The interaction; 1 where the condition hurts all groups by the same factor, NaN where
            a cell has no errors.
        low: Lower end of its interval alone; NaN where the speakers do not support one.
        high: Upper end.
        joint_low: Lower end of the interval that holds for all interactions of the audit at once.
        joint_high: Upper end.
        effect: The factor by which the condition multiplies the group's own error rate.
        speakers: Speakers of the group in the two cells.
        other_speakers: Speakers of the groups that it is compared with.
        reason: Why there is no interval; empty where there is one.
        detectable: The smallest ratio that would stand out in 80 % of tables like this one; more
            words and more speakers bring it down. NaN where there is no interval.
    """

    group: str
    condition: str
    against_group: str
    against_condition: str
    ratio: float
    low: float
    high: float
    joint_low: float
    joint_high: float
    effect: float
    speakers: int
    other_speakers: int
    reason: str = ""
    detectable: float = float("nan")

    @property
    def stands_out(self) -> bool:
        """Whether the condition hurts this group more, beyond what chance explains."""
        return bool(self.joint_low > 1)

    def to_dict(self) -> dict[str, Any]:
        """The interaction as plain data."""
        return {**asdict(self), "stands_out": self.stands_out}


def interactions(
    errors: Floats,
    words: Floats,
    group: Texts,
    condition: Texts,
    speaker: Texts,
    *,
    names: tuple[str, str] = ("group", "condition"),
    baseline: Mapping[str, str] | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    several: int = 0,
) -> list[Interaction]:
    """All interactions of one attribute with one kind of condition.

    Args:
        errors: Word errors of each utterance, shape ``(n,)``.
        words: Words of its reference.
        group: Its speaker's group; None is unknown, and left out.
        condition: Its condition; None is unknown, and left out.
        speaker: Its speaker; each belongs to one group.
        names: Names of the attribute and of the condition.
        baseline: The group and the condition that all others are compared with, by the name of the
            attribute; where none is named, each is compared with all others together.
        confidence: Two-sided confidence of the intervals.
        seed: Seed of the bootstrap.
        several: Number of interactions that joint intervals hold for; those found here by default.

    Returns:
        One interaction per group and condition, except for the baseline's own.

    Raises:
        ArgumentError: A baseline is not among the values, or a speaker belongs to two groups.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> speaker = np.repeat(np.arange(40), 20).astype(object)
        >>> group = np.where(speaker < 20, "north", "south").astype(object)
        >>> condition = np.tile(np.repeat(["quiet", "street"], 10), 40).astype(object)
        >>> hurt = (group == "south") & (condition == "street")
        >>> found = interactions(
        ...     rng.binomial(100, np.where(hurt, 0.4, 0.1)).astype(float), np.full(800, 100.0),
        ...     group, condition, speaker, baseline={"group": "north", "condition": "quiet"},
        ... )
        >>> len(found), found[0].group, found[0].stands_out
        (1, 'group = south', True)

    Assumes: speakers are independent draws; where no baseline is named, "all others" are as they
    are mixed in this table.
    """
    known = np.array(
        [g is not None and c is not None for g, c in zip(group, condition, strict=True)], bool
    )
    errors, words, group, condition, speaker = (
        values[known] for values in (errors, words, group, condition, speaker)
    )
    _refuse_wanderers(group, speaker, names[0])
    groups, conditions = (list(dict.fromkeys(values)) for values in (group, condition))
    compared = [_levels(v, n, baseline) for v, n in zip((groups, conditions), names, strict=True)]
    pairs = [(g, c) for g in compared[0] for c in compared[1]]
    joint = 1 - (1 - confidence) / max(several or len(pairs), 1)
    bases = [(baseline or {}).get(name) for name in names]
    found = []
    for g, c in pairs:
        outer = group != g if bases[0] is None else group == bases[0]
        other = condition != c if bases[1] is None else condition == bases[1]
        mine = _cells(errors, words, speaker, group == g, condition == c, other, +1)
        theirs = _cells(errors, words, speaker, outer, condition == c, other, -1)
        alone = log_contrast([mine, theirs], confidence, seed=seed)
        together = log_contrast([mine, theirs], joint, seed=seed, draws=_draws(joint))
        effect = log_contrast([mine], confidence, seed=seed, draws=99).ratio
        found.append(
            Interaction(
                f"{names[0]} = {g}", f"{names[1]} = {c}",
                "all others" if bases[0] is None else f"{names[0]} = {bases[0]}",
                "all others" if bases[1] is None else f"{names[1]} = {bases[1]}",
                alone.ratio, alone.low, alone.high, together.low, together.high, effect,
                len(mine.errors), len(theirs.errors), _reason(alone.low, mine, theirs), _detectable(together),
            )
        )  # fmt: skip
    return found


def _detectable(found: Contrast) -> float:
    """The ratio whose estimate lies above the lower half of the interval with a chance of 80 %."""
    if np.isnan(found.low) or not found.low > 0:
        return float("nan")
    return float(np.exp(np.log(found.ratio / found.low) + _POWER * found.spread))


def _draws(confidence: float) -> int:
    """Enough draws to have a quantile that far out."""
    return int(min(max(1999, np.ceil(40 / (1 - confidence)) - 1), _MOST_DRAWS))


def _reason(low: float, mine: Speakers, theirs: Speakers) -> str:
    if not np.isnan(low):
        return ""
    for side in (mine, theirs):
        if (side.words.sum(axis=0) == 0).any() or not len(side.words):
            return "a cell has no words"
        if (side.errors.sum(axis=0) == 0).any():
            return "a cell has no errors"
        if len(side.errors) < 2:
            return "a cell has fewer than two speakers"
    return "too few speakers with errors"


def _cells(
    errors: Floats, words: Floats, speaker: Texts, who: Any, under: Any, instead: Any, sign: int
) -> Speakers:
    """Errors and words by speaker, under the condition and under the others."""
    chosen = who & (under | instead)
    ids, place = np.unique(speaker[chosen].astype(str), return_inverse=True)
    cell = np.where(under[chosen], 0, 1)
    sums = []
    for values in (errors, words):
        total = np.zeros((len(ids), 2))
        np.add.at(total, (place, cell), values[chosen])
        sums.append(total)
    return Speakers(sums[0], sums[1], np.array([sign, -sign], float))


def _levels(values: Sequence[Any], name: str, baseline: Mapping[str, str] | None) -> list[Any]:
    base = (baseline or {}).get(name)
    if base is None:
        return sorted(values, key=str)
    if base not in values:
        listed = ", ".join(map(repr, sorted(values, key=str)[:10]))
        msg = f"baseline {name} = {base!r} does not occur; expected one of {listed}"
        raise ArgumentError(msg)
    return sorted((v for v in values if v != base), key=str)


def _refuse_wanderers(group: Texts, speaker: Texts, name: str) -> None:
    home: dict[Any, Any] = {}
    for who, where in zip(speaker, group, strict=True):
        if home.setdefault(who, where) != where:
            msg = (
                f"speaker {who!r} is in two groups, {name} = {home[who]} and {name} = {where}; a"
                " speaker needs one: correct the table, or give the column of speakers that is meant"
            )
            raise ArgumentError(msg)
