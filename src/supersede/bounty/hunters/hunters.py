"""Hunters search for groups that a model fails, and for models that do better on them.

An owner runs them before outsiders submit. They see the public rows alone, and submit like everyone
else.

- *Specialists* train a model on a named group: a value of a column, or a combination of two values.
- *Cost-sensitive* hunters (Globus-Harris, Kearns & Roth 2022, section 4) regress the excess loss of
each answer over the current one on all features at once; the group consists of the rows where some
answer's predicted excess is below 0.
- *Alternating* hunters (the same) train a model on a group, replace the group by the rows on which
that model is better, and repeat until there is no further gain.
- *Slice* hunters train a model on slices with high losses, found by SliceLine.

Reference:
    Globus-Harris, Kearns & Roth (2022), An algorithmic framework for bias bounties, FAccT.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt

from supersede.bounty.artefacts import Expression, parse
from supersede.bounty.artefacts.answers import Codes
from supersede.bounty.artefacts.models import Model
from supersede.bounty.artefacts.nodes import write_literal, write_name
from supersede.bounty.hunters.ground import Ground
from supersede.bounty.hunters.trees import fit_answer, gaining_leaves, regression_tree
from supersede.bounty.routing import Bools
from supersede.errors import TooFewLabelsError

__all__ = [
    "Hunter",
    "Proposal",
    "alternating",
    "cost_sensitive",
    "slices",
    "specialist",
    "specialists",
]

Floats = npt.NDArray[np.float64]
_LEAST = 20  # rows of a group
_GROUP_DEPTH = 4  # of the trees that define groups, so that expressions stay short
_FEW_VALUES = 6  # up to this many numbers in a column, each defines a group
_CANDIDATES = 5  # answers that are tried if there are no classes


@dataclass(frozen=True)
class Proposal:
    """A group, and a model for it."""

    group: Expression
    answer: Model


@dataclass(frozen=True)
class Hunter:
    """One attempt.

    Attributes:
        team: Its kind, which gets the credit.
        name: Its unique name.
        propose: Function from the ground to a proposal; None if it finds nothing.
    """

    team: str
    name: str
    propose: Callable[[Ground], Proposal | None]


def specialists(
    ground: Ground, columns: Sequence[str], *, most: int, least: int = 100
) -> list[Hunter]:
    """Hunters of named groups: values of columns, and combinations of two columns.

    Args:
        ground: The public rows.
        columns: Columns whose values define groups; a column of numbers is cut at its quartiles.
        most: Largest number of hunters; the largest groups are used.
        least: Smallest number of rows in a group.

    Returns:
        The hunters, the largest groups first: large gains are easier to prove, and early
        acceptances lengthen later transcripts little.
    """
    named = {name: _conditions(ground, name) for name in columns}
    texts = [text for listed in named.values() for text in listed]
    for first, second in combinations(columns, 2):
        texts += [f"{a} and {b}" for a in named[first] for b in named[second]]
    sized = [(int(_mask(ground, text).sum()), text) for text in texts]
    kept = sorted(((-size, text) for size, text in sized if least <= size < len(ground.sample)))[
        :most
    ]
    return [Hunter("specialists", text, _specialist(text)) for _, text in kept]


def _specialist(text: str) -> Callable[[Ground], Proposal]:
    return lambda ground: specialist(parse(text), ground)


def specialist(group: Expression, ground: Ground, *, seed: int = 0) -> Proposal:
    """Train a model for a group, for example to turn a finding into a submission.

    Args:
        group: The group, such as that of a finding of kind ``slice``.
        ground: The public rows.
        seed: Breaks ties between splits.

    Returns:
        The proposal.

    Raises:
        TooFewLabelsError: Fewer than 20 public rows are in the group.
    """
    mask = group.mask(ground.sample.columns)
    if mask.sum() < _LEAST:
        msg = f"{int(mask.sum())} rows of {ground.sample.name} are in the group; at least {_LEAST} are needed"
        raise TooFewLabelsError(msg)
    return Proposal(group, fit_answer(ground, mask, seed=seed))


def cost_sensitive(count: int, *, seed: int) -> list[Hunter]:
    """Hunters by cost-sensitive regression, each on its own random features.

    Args:
        count: Number of hunters.
        seed: Seed of the features that each is allowed to use.

    Returns:
        The hunters.
    """

    def hunter(own_seed: int) -> Callable[[Ground], Proposal | None]:
        def propose(ground: Ground) -> Proposal | None:
            costs = _costs(ground)
            grown = regression_tree(ground, costs, depth=_GROUP_DEPTH, seed=own_seed, share=0.5)
            predicted = grown.predict(ground.matrix).reshape(costs.shape)
            best = predicted.argmin(axis=1)
            gains = -ground.weight * np.take_along_axis(costs, best[:, None], axis=1)[:, 0]
            found = gaining_leaves(ground, grown, gains)
            if found is None:
                return None
            group, mask = found
            answer = fit_answer(ground, mask, seed=own_seed)
            return Proposal(group, answer)

        return propose

    return [
        Hunter("cost-sensitive", f"cost-sensitive {i}", hunter(seed + i))
        for i in range(1, count + 1)
    ]


def alternating(count: int, *, seed: int, rounds: int = 3) -> list[Hunter]:
    """Hunters that train and regroup in turn, each from a random half of the rows.

    Args:
        count: Number of hunters.
        seed: Seed of the halves that they start with.
        rounds: Largest number of rounds.

    Returns:
        The hunters.
    """

    def hunter(own_seed: int) -> Callable[[Ground], Proposal | None]:
        def propose(ground: Ground) -> Proposal | None:
            rng = np.random.default_rng(own_seed)
            mask: Bools = ground.lost >= rng.choice(ground.lost, len(ground.lost))
            best, found = 0.0, None
            for _ in range(rounds):
                if mask.sum() < 2 * _LEAST:
                    break
                answer = fit_answer(ground, mask, seed=own_seed)
                gains = ground.gains(answer.predict(ground.sample.columns, ground.answers))
                grown = regression_tree(ground, gains, depth=_GROUP_DEPTH, seed=own_seed, share=0.7)
                regrouped = gaining_leaves(ground, grown, gains)
                if regrouped is None:
                    break
                group, mask = regrouped
                if not gains[mask].sum() > best:
                    break
                best, found = float(gains[mask].sum()), Proposal(group, answer)
            return found

        return propose

    return [
        Hunter("alternating", f"alternating {i}", hunter(seed + i)) for i in range(1, count + 1)
    ]


def slices(columns: Sequence[str], count: int, *, share: float = 0.01) -> list[Hunter]:
    """Hunters of slices with concentrated losses, found by SliceLine.

    Args:
        columns: Columns whose values or ranges make up slices.
        count: Number of hunters; each takes the next slice of the list.
        share: The smallest slice, as a share of the rows.

    Returns:
        The hunters.
    """

    def hunter(place: int) -> Callable[[Ground], Proposal | None]:
        def propose(ground: Ground) -> Proposal | None:
            found = _sliced(ground, tuple(columns), place + 1, share)
            if len(found) <= place:
                return None
            return _specialist(found[place])(ground)

        return propose

    return [Hunter("slices", f"slice {i + 1}", hunter(i)) for i in range(count)]


def _sliced(ground: Ground, columns: tuple[str, ...], most: int, share: float) -> list[str]:
    import pyarrow as pa

    from supersede.audit import Amount, find_slices
    from supersede.table.outcomes import Losses
    from supersede.table.read import read

    rows = {
        name: pa.array(
            column.texts() if column.kind == "text" else column.numbers(), from_pandas=True
        )
        for name in columns
        for column in [ground.sample.columns[name]]
    }
    named = {f"c{i}": rows[name] for i, name in enumerate(columns)}
    named |= {"row": pa.array(np.arange(len(ground.sample))), "lost": pa.array(ground.lost)}
    table = read(pa.table(named), models={"model": Losses("lost", tolerance=0)}, item="row")
    search = find_slices(
        table,
        "model",
        [f"c{i}" for i in range(len(columns))],
        loss=Amount(),
        max_slices=most,
        min_share=share,
        fresh=table,
    )
    place = {f"c{i}": write_name(name) for i, name in enumerate(columns)}
    return [
        " and ".join(
            f"{place[c.column]} {c.operation} {write_literal(c.value)}" for c in group.where
        )
        for group in search.groups
    ]


def _costs(ground: Ground) -> Floats:
    """Excess loss of each candidate answer over the current one, shape ``(n, candidates)``."""
    labels = ground.sample.labels
    if isinstance(ground.answers, Codes):
        candidates = np.arange(ground.answers.count, dtype=float)
    else:
        candidates = np.unique(np.quantile(labels, np.linspace(0.1, 0.9, _CANDIDATES)))
    columns = [
        -ground.gains(np.full(len(labels), c)) / np.maximum(ground.weight, 1e-12)
        for c in candidates
    ]
    return np.column_stack(columns)


def _conditions(ground: Ground, name: str) -> list[str]:
    column, written = ground.sample.columns[name], write_name(name)
    if column.kind == "text":
        return [f"{written} == {write_literal(value)}" for value in column.categories]
    if column.kind == "boolean":
        return [f"{written} == true", f"{written} == false"]
    known = column.numbers()
    known = known[~np.isnan(known)]
    values = np.unique(known)
    if len(values) <= _FEW_VALUES:
        return [f"{written} == {write_literal(float(value))}" for value in values]
    cuts = np.unique(np.quantile(known, (0.25, 0.5, 0.75), method="nearest"))
    ends = [write_literal(float(cut)) for cut in cuts]
    inner = [f"{written} > {low} and {written} <= {high}" for low, high in pairwise(ends)]
    return [f"{written} <= {ends[0]}", *inner, f"{written} > {ends[-1]}"]


def _mask(ground: Ground, text: str) -> Bools:
    return parse(text).mask(ground.sample.columns)
