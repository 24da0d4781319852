"""The four ways to choose items; each turns a problem into items and samples."""

import itertools
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from supersede.errors import ArgumentError, TableError
from supersede.evaluate.allocate import allocate
from supersede.evaluate.design import Method, Mix, Sample
from supersede.evaluate.draw import Drawn, draw
from supersede.evaluate.parent_child import draw_child
from supersede.evaluate.patterns import Patterns
from supersede.evaluate.problem import Problem
from supersede.evaluate.strata import Strata, stratify
from supersede.metrics.intervals import z

if TYPE_CHECKING:
    from supersede.table.table import Table

__all__ = ["Chosen", "Methods", "optimal_strata"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Chosen:
    """Items and samples that a method has chosen, and the margins it expects."""

    method: Method
    items: pa.Table
    samples: tuple[Sample, ...]
    stratum: Ints
    expected: list[float]


@dataclass(frozen=True)
class Methods:
    """The methods, for one table and seed.

    Attributes:
        table: The predictions.
        item: The column of ids.
        seed: Key of the permanent random numbers.
        least: Inclusion probabilities of labels already bought, shape ``(h,)``, or 0.
    """

    table: "Table"
    item: str
    seed: int
    least: Floats | float = 0.0

    def allocated(self, problem: Problem) -> Chosen:
        """Strata by optimal inclusion probability, or coordinated samples if those are smaller."""
        strata = optimal_strata(problem, self.least)
        shared = float(problem.patterns.count @ problem.share())
        # every stratum needs at least two labels, so many small strata can need more labels than
        # coordinated samples; with labels already bought, only strata keep their probabilities
        if strata.take.sum() > shared and not np.ndim(self.least):
            return self.coordinated(problem)
        needs = list(zip(strata.take.tolist(), strata.items.tolist(), strict=True))
        inside = [strata.of == g for g in range(len(needs))]
        drawn = self._enough(str(self.seed), problem.patterns, inside, needs)
        place = strata.of[drawn.pattern]
        samples = [_sample(np.flatnonzero(place == g), n, of) for g, (n, of) in enumerate(needs)]
        # the index -1 (no stratum) reads the last stratum, which `where` then discards
        share = np.where(strata.of >= 0, (strata.take / strata.items)[strata.of], 0.0)
        items, samples = _items(drawn, samples, share, strata.of)
        variance = strata.usage * problem.budget + problem.between
        expected = z(problem.confidence) * np.sqrt(variance)
        return Chosen("allocated", items, tuple(samples), strata.of, expected.tolist())

    def coordinated(self, problem: Problem) -> Chosen:
        """The smallest permanent random numbers of each estimand's own items."""
        needs = list(zip(problem.alone, problem.items, strict=True))
        inside = [linear.domain for linear in problem.linear]
        drawn = self._enough(str(self.seed), problem.patterns, inside, needs)
        samples = [
            _sample(np.flatnonzero(mask[drawn.pattern]), n, of)
            for mask, (n, of) in zip(inside, needs, strict=True)
        ]
        return self._shared("coordinated", problem, drawn, samples)

    def independent(self, problem: Problem) -> Chosen:
        """A simple random sample for each estimand, with numbers of its own."""
        parts, samples, start = [], [], 0
        for k, linear in enumerate(problem.linear):
            need = (problem.alone[k], problem.items[k])
            # a key of its own makes the sample independent of those of the other estimands
            key = f"{self.seed}/{problem.estimands[k].name}"
            part = self._enough(key, problem.patterns, [linear.domain], [need])
            parts.append(part)
            samples.append(_sample(start + np.arange(len(part)), *need))
            start += len(part)
        drawn, rows = _joined(parts)
        samples = [Sample(rows[s.rows], s.take, s.of) for s in samples]
        return self._shared("independent", problem, drawn, samples)

    def parent_child(self, problem: Problem, parent: str | None, mix: Mix) -> Chosen:
        """The article's method: each child reuses the parent's sample where they overlap."""
        at = _parent_number(problem, parent, mix)
        rng = np.random.default_rng(self.seed)
        top, n_top = problem.linear[at].domain, problem.alone[at]
        first = self._enough(
            str(self.seed), problem.patterns, [top], [(n_top, problem.items[at])], reserve=False
        )
        parts = [first]
        picked: list[tuple[list[Any], list[Any] | None]] = []
        for k, linear in enumerate(problem.linear):
            take, name = problem.alone[k], problem.estimands[k].name
            if k == at or not take:
                picked.append((first.item.to_pylist()[:n_top] if k == at else [], None))
                continue
            rest = linear.domain & ~top
            outside = int(problem.patterns.count[rest].sum())
            # with the parent's key these items would depend on the parent's sample, which S- and
            # the remainder must not
            own = self._enough(
                f"{self.seed}/{name}/own", problem.patterns, [rest], [(min(take, outside), outside)]
            )
            free = self._enough(
                f"{self.seed}/{name}/rest",
                problem.patterns,
                [linear.domain],
                [(min(3 * take, problem.items[k]), problem.items[k])],
            )
            ids = first.item.to_pylist()[:n_top]
            shared = [i for i, p in zip(ids, first.pattern, strict=False) if linear.domain[p]]
            lists = (shared, own.item.to_pylist(), free.item.to_pylist())
            # one integer per id, as an item can be in several of the lists
            number = {i: c for c, i in enumerate(dict.fromkeys(itertools.chain(*lists)))}
            plus, extra, spare = (np.array([number[i] for i in ids], np.int64) for ids in lists)
            names = list(number)
            inside = problem.items[k] - outside
            child = draw_child(plus, extra, spare, inside, outside, take, mix, rng)
            repeats = None if child.repeats is None else [names[i] for i in child.repeats]
            picked.append(([names[i] for i in child.members], repeats))
            parts += [own, free]
        return self._picked(problem, parts, picked)

    def _picked(
        self, problem: Problem, parts: list[Drawn], picked: list[tuple[list[Any], list[Any] | None]]
    ) -> Chosen:
        """Samples given by ids, as rows of one table of items."""
        drawn, _ = _joined(parts)
        row = {i: r for r, i in enumerate(drawn.item.to_pylist())}
        samples = []
        for (members, repeats), of in zip(picked, problem.items, strict=True):
            rows = np.array([row[i] for i in members], np.int64)
            again = None if repeats is None else np.array([row[i] for i in repeats], np.int64)
            samples.append(Sample(rows, len(rows), of, again))
        return self._shared("parent_child", problem, drawn, samples)

    def _shared(
        self, method: Method, problem: Problem, drawn: Drawn, samples: list[Sample]
    ) -> Chosen:
        none = np.full(len(problem.patterns), -1, np.int64)
        items, samples = _items(drawn, samples, problem.share(), none)
        expected = [problem.expected_alone(k) for k in range(len(problem.estimands))]
        return Chosen(method, items, tuple(samples), none, expected)

    def _enough(
        self,
        key: str,
        patterns: Patterns,
        inside: list[npt.NDArray[np.bool_]],
        needs: list[tuple[int, int]],
        *,
        reserve: bool = True,
    ) -> Drawn:
        """Items with the smallest numbers, at least as many of each set as are needed."""
        wanted = [min(of, n + (_reserves(n) if reserve else 0)) for n, of in needs]
        slack = 1.0
        while True:
            share = np.zeros(len(patterns))
            for mask, n, (_, of) in zip(inside, wanted, needs, strict=True):
                if n:
                    # the number of items below a threshold is binomial, with a deviation of about
                    # √n: four deviations, and six items for small n, make a second query unlikely
                    limit = min(1.0, slack * (n + 4 * n**0.5 + 6) / of)
                    share = np.maximum(share, np.where(mask, limit, 0.0))
            drawn = draw(self.table, self.item, key, patterns, share)
            found = [int(mask[drawn.pattern].sum()) for mask in inside]
            if all(map(operator.ge, found, wanted)):
                return drawn
            if share[np.any(inside, axis=0)].min() >= 1:
                msg = "the table changed while it was read: there are fewer items than were counted"
                raise TableError(msg)
            slack *= 2


def optimal_strata(problem: Problem, least: Floats | float = 0.0) -> Strata:
    """Strata by optimal inclusion probability, and their numbers of labels.

    Args:
        problem: The estimands and their margins.
        least: Lower bounds of the inclusion probabilities, shape ``(h,)``, or 0.
    """
    patterns, budget = problem.patterns, problem.budget
    found = allocate(patterns.count.astype(float), problem.variance, budget, least)
    probability = np.where(problem.variance.any(axis=0), found.probability, least)
    return stratify(
        patterns.count,
        problem.variance,
        budget,
        probability,
        likeness=problem.belief[:, 0],
        least=least,
    )


def _parent_number(problem: Problem, parent: str | None, mix: Mix) -> int:
    """The number of the parent's estimand.

    Raises:
        ArgumentError: The parent is missing, or an estimand is not one model's precision.
    """
    if mix not in {"reshuffle", "resample"}:
        msg = f"mix={mix!r} must be 'reshuffle' or 'resample'"
        raise ArgumentError(msg)
    for estimand in problem.estimands:
        if len(estimand.terms) > 1 or estimand.terms[0].metric != "precision":
            msg = (
                f"the parent/child method is for precision, not {estimand.name!r}; use"
                " method='allocated' for other estimands"
            )
            raise ArgumentError(msg)
    for k, estimand in enumerate(problem.estimands):
        if estimand.terms[0].models == (parent,):
            return k
    msg = f"parent={parent!r} has no precision among the estimands; add precision({parent!r})"
    raise ArgumentError(msg)


def _reserves(n: int) -> int:
    """Number of reserve items that replace skipped ones."""
    return 1 + n // 5


def _sample(rows: Ints, take: int, of: int) -> Sample:
    """The first rows, with a few in reserve."""
    return Sample(rows[: take + _reserves(take)], min(take, len(rows)), of)


def _joined(parts: list[Drawn]) -> tuple[Drawn, Ints]:
    """Several draws merged without repetition, and the position of each drawn row in the result."""
    first: dict[Any, int] = {}
    ids = [i for part in parts for i in part.item.to_pylist()]
    rows = np.array([first.setdefault(i, len(first)) for i in ids], np.int64)
    keep = np.unique(rows, return_index=True)[1]
    item = pa.concat_arrays([part.item for part in parts]).take(pa.array(keep))
    number = [number for part in parts for number in part.number]
    pattern = np.concatenate([part.pattern for part in parts])
    weights = [part.weight for part in parts if part.weight is not None]
    clusters = [part.cluster for part in parts if part.cluster is not None]
    weight = np.concatenate(weights)[keep] if weights else None
    cluster = np.concatenate(clusters)[keep] if clusters else None
    return Drawn(item, [number[k] for k in keep], pattern[keep], weight, cluster), rows


def _items(
    drawn: Drawn, samples: list[Sample], share: Floats, stratum: Ints
) -> tuple[pa.Table, list[Sample]]:
    """The items of all samples, in the order in which to label them.

    All samples advance at the same rate: after half of the plan, half of every sample is labelled.
    """
    order = np.full(len(drawn), np.inf)
    reserve = np.ones(len(drawn), bool)
    for sample in samples:
        # an item in several samples is due when the first of them needs it
        due = (np.arange(len(sample.rows)) + 0.5) / max(sample.take, 1)
        order[sample.rows] = np.minimum(order[sample.rows], due)
        reserve[sample.rows[: sample.take]] = False
    used = np.flatnonzero(np.isfinite(order))
    # reserves last; ties by position, so that the order is the same on every engine
    first = np.lexsort((used, order[used], reserve[used]))
    kept = used[first]
    place = np.full(len(drawn), -1, np.int64)
    place[kept] = np.arange(len(kept))
    moved = [
        Sample(place[s.rows], s.take, s.of, None if s.repeats is None else place[s.repeats])
        for s in samples
    ]
    pattern = drawn.pattern[kept]
    items = pa.table(
        {
            "item": drawn.item.take(pa.array(kept)),
            "order": np.arange(1, len(kept) + 1),
            "inclusion": share[pattern],
            "stratum": stratum[pattern],
            "number": [drawn.number[k] for k in kept],
            "reserve": reserve[kept],
            "pattern": pattern,
        }
    )
    for name, values in (("weight", drawn.weight), ("cluster", drawn.cluster)):
        if values is not None:
            items = items.append_column(name, pa.array(values[kept]))
    return items, moved
