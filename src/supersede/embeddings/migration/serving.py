"""Search a gallery of which only some items are embedded again.

Every item keeps its old vector until the cutover, so the old index finds what it always found. The new
index adds, for items that are done, a second opinion. How much either score says is learnt from pairs by
a conditional logit over the candidates of each query (McFadden 1974),

    u = b s° + [done] (c + c′ m° + d s° + e s),

with old score s°, new score s, and m° the mean old score of the query's candidates. With c = d = e = 0 it
is the old ranking, so what is learnt can only leave it for evidence. Each query costs one search in
either index.

Assumes: the pairs are drawn like the searches to come.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize

from supersede.embeddings.indexes.index import Neighbours
from supersede.embeddings.report.ranking import nearest
from supersede.embeddings.vectors import checked
from supersede.errors import TooFewLabelsError, VectorError

__all__ = ["ScoreCalibration", "calibrate"]

Wide = npt.NDArray[np.float64]
DEPTH = 50  # candidates from either index
MIN_PAIRS = 100


@dataclass(frozen=True)
class ScoreCalibration:
    """What old and new scores say together.

    Attributes:
        weights: b, c, c′, d, e.
        pairs: Number of pairs behind them.
        depth: Candidates taken from either index.
    """

    weights: tuple[float, float, float, float, float]
    pairs: int
    depth: int = DEPTH

    def to_json(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "ScoreCalibration":
        """Read what `to_json` wrote."""
        told = json.loads(text)
        return cls(tuple(told["weights"]), told["pairs"], told["depth"])

    def merge(self, old: Neighbours, new: Neighbours, done: Any, k: int) -> Neighbours:
        """Rank the candidates of both indexes together.

        Args:
            old: Results of the old index, at least `depth` where there are as many.
            new: Results of the new index.
            done: Function of ids: those that are embedded again.
            k: Length of the result list.
        """
        ids, scores = [], []
        for first, a, second, b in zip(old.ids, old.scores, new.ids, new.scores, strict=True):
            names = list(dict.fromkeys([*first, *second]))
            if not names:
                ids.append(())
                scores.append(np.zeros(0, np.float32))
                continue
            before, after = dict(zip(first, a, strict=True)), dict(zip(second, b, strict=True))
            known = set(second) | done([name for name in names if name not in after])
            # what an index did not return lies at or below the last score that it did
            low, small = min(a, default=0.0), min(b, default=0.0)
            value = _utility(
                np.array(self.weights),
                np.array([before.get(name, low) for name in names], float),
                np.array([after.get(name, small) for name in names], float),
                np.array([name in known for name in names], float),
                float(np.mean(a)) if len(a) else 0.0,
            )
            best = np.argsort(-value, kind="stable")[:k]
            ids.append(tuple(names[i] for i in best))
            scores.append(np.asarray(value[best], np.float32))
        return Neighbours(tuple(ids), tuple(scores))


def _utility(weights: Wide, old: Wide, new: Wide, done: Wide, level: float) -> Wide:
    b, c, c2, d, e = weights
    return np.asarray(b * old + done * (c + c2 * level + d * old + e * new))


def calibrate(
    queries_old: Any,
    queries_new: Any,
    documents_new: Any,
    answers: Any,
    gallery_old: Any,
    *,
    depth: int = DEPTH,
    seed: int = 0,
) -> ScoreCalibration:
    """Learn from pairs what old and new scores say together.

    A half-done backfill is played: of the pairs' documents, a random half counts as embedded again.

    Args:
        queries_old: Queries embedded by the old model, shape ``(n, d_old)``.
        queries_new: The same queries embedded by the new model.
        documents_new: The answering items embedded by the new model, shape ``(n, d_new)``.
        answers: Gallery row of each answering item, shape ``(n,)``, no row twice.
        gallery_old: The whole old gallery.
        depth: Candidates taken from either index.
        seed: Of the halves.

    Raises:
        TooFewLabelsError: Fewer than 100 pairs.
        VectorError: Counts differ.
    """
    asked_old, asked_new = checked(queries_old, "queries_old"), checked(queries_new, "queries_new")
    documents, held = checked(documents_new, "documents_new"), checked(gallery_old, "gallery_old")
    rows = np.asarray(answers, np.intp)
    n = len(rows)
    if not len(asked_old) == len(asked_new) == len(documents) == n or len(np.unique(rows)) < n:
        msg = "calibration takes one old query, new query, new document and gallery row per pair, no row twice"
        raise VectorError(msg)
    if n < MIN_PAIRS:
        msg = f"{n} pairs are too few to calibrate two scores; give at least {MIN_PAIRS}"
        raise TooFewLabelsError(msg)
    rng = np.random.default_rng(seed)
    cases = []
    for half in (rng.permutation(n)[: n // 2] for _ in range(2)):
        done = np.zeros(len(held), bool)
        done[rows[half]] = True
        first, a = nearest(asked_old, held, depth)
        second, b = nearest(asked_new, documents[half], depth)
        cases += _cases(first, a, rows[half][second], b, done, rows)
    weights = _fit(cases)
    return ScoreCalibration(tuple(weights.tolist()), n, depth)


def _cases(first: Any, a: Any, second: Any, b: Any, done: Any, rows: Any) -> list[tuple[Wide, int]]:
    """Of each query whose answer is a candidate: the candidates' features, and which it is."""
    cases = []
    for query, answer in enumerate(rows):
        names = np.union1d(first[query], second[query])
        at = np.searchsorted(names, answer)
        if at == len(names) or names[at] != answer:
            continue
        old = np.full(len(names), a[query].min(), float)
        old[np.searchsorted(names, first[query])] = a[query]
        new = np.full(len(names), b[query].min(), float)
        new[np.searchsorted(names, second[query])] = b[query]
        mark = done[names].astype(float)
        level = float(a[query].mean())
        features = np.stack([old, mark, mark * level, mark * old, mark * new], 1)
        cases.append((features, int(at)))
    return cases


def _fit(cases: list[tuple[Wide, int]]) -> Wide:
    features = np.vstack([x for x, _ in cases])
    starts = np.cumsum([0, *(len(x) for x, _ in cases)])[:-1]
    right = starts + np.array([at for _, at in cases])
    owner = np.repeat(np.arange(len(cases)), [len(x) for x, _ in cases])
    scale = np.maximum(features.std(0), 1e-6)
    x = features / scale

    def loss(w: Wide) -> tuple[float, Wide]:
        u = x @ w
        top = np.maximum.reduceat(u, starts)
        mass = np.exp(u - top[owner])
        total = np.add.reduceat(mass, starts)
        p = mass / total[owner]
        value = -(u[right] - top - np.log(total)).sum() + 0.5 * np.square(w).sum()
        slope = x.T @ p - x[right].sum(0) + w
        return float(value), slope

    found = optimize.minimize(loss, np.array([1.0, 0, 0, 0, 0]), jac=True, method="L-BFGS-B").x
    return np.asarray(found / scale)
