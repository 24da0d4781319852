"""Vectors of two models in one index: found by stamp, by length and dimension, by neighbourhood.

Where some vectors are known to be of each model, a linear discriminant with a shrunk covariance
separates them (Fisher 1936) and its own errors, cross-validated, correct the count (Rogan & Gladen 1978,
Am. J. Epidemiol. 107, 71-76; intervals joined as Zou & Donner 2008, Statist. Med. 27, 1693-1702). Where nothing is known, the graph of nearest
neighbours is cut where it is thinnest: spaces of two models lie apart, so that hardly any vector has a
neighbour on the other side. Topics and classes can lie apart as well. Where the graph falls into more than
two parts, they say nothing; two parts raise a *suspicion* only. A few per cent of foreign vectors are not
found this way.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.linalg import eigsh

from supersede.embeddings.relevance import missing
from supersede.embeddings.report.paired import PairedEstimate, mean
from supersede.embeddings.report.ranking import nearest
from supersede.embeddings.vectors import Array, Floats, checked, comparable, unit
from supersede.errors import ArgumentError, TooFewLabelsError
from supersede.look.result import ResultMixin, frame_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Diagnosis", "diagnose"]

Answer = Literal["one model", "mixed", "suspected", "not decided"]

SAMPLE = 20_000  # vectors that are looked at
NEIGHBOURS = 10
APART = 0.004  # conductance of a cut below which two spaces are suspected
SMALLEST = 0.01  # share of the smaller part below which a split says nothing
NEGLIGIBLE = 0.01  # largest share of foreign vectors that is still called one model
MIN_KNOWN = 30


@dataclass(frozen=True)
class Diagnosis(ResultMixin, named="a diagnosis"):
    """Whether an index holds vectors of one model only.

    Attributes:
        answer: ``"one model"`` and ``"mixed"`` rest on stamps or known vectors; ``"suspected"`` on
            neighbourhoods alone; ``"not decided"`` means that nothing speaks for two models, which
            proves nothing.
        reasons: What was found, in sentences.
        stamps: Number of vectors by stamp; empty without stamps.
        foreign: Share of vectors of the other model, where known vectors allow an estimate.
        suspects: Rows that look like the other model.
        lengths: Smallest, median and largest length.
        n: Vectors in the index.
    """

    answer: Answer
    reasons: tuple[str, ...]
    stamps: dict[str, int]
    foreign: PairedEstimate | None
    suspects: npt.NDArray[np.intp]
    lengths: tuple[float, float, float]
    n: int

    def to_frame(self) -> "pa.Table":
        """One row per suspected vector, by its row in the index."""
        return frame_of(({"row": int(row)} for row in self.suspects), ["row"])

    def to_html(self) -> str:
        """A page with the answer, its reasons, and the suspects."""
        from supersede.look.table_page import table_page

        return table_page(
            f"{self.answer}: {self.n} vectors", " ".join(self.reasons), self.to_frame()
        )

    def __str__(self) -> str:
        return "\n".join([f"{self.answer}: {self.n} vectors", *self.reasons])


def diagnose(
    vectors: Any,
    *,
    stamps: Sequence[str] | npt.NDArray[Any] | None = None,
    known_old: Any = None,
    known_new: Any = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> Diagnosis:
    """Look for vectors of a second model.

    Args:
        vectors: The index's vectors, shape ``(n, d)``.
        stamps: The model's stamp of each vector, where the index keeps one.
        known_old: Some vectors that are surely of one model, such as rows embedded again today.
        known_new: Some vectors that are surely of the other, of the same dimension.
        confidence: Of the estimated share.
        seed: Of the sample.

    Raises:
        VectorError: Vectors are broken.
        TooFewLabelsError: Fewer than 30 vectors are known of a model.
        ArgumentError: Vectors of one model only are known, or stamps are not one per vector.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> a = rng.normal(size=(300, 8)) + 3 * np.eye(8)[0]
        >>> b = rng.normal(size=(100, 8)) + 3 * np.eye(8)[1]
        >>> found = diagnose(np.vstack([a, b]), known_old=a[:50], known_new=b[:50])
        >>> found.answer, round(found.foreign.value, 1)
        ('mixed', 0.2)
    """
    if (known_old is None) != (known_new is None):
        msg = "known_old and known_new go together: a count needs vectors known of either model"
        raise ArgumentError(msg)
    sizes = _dimensions(vectors)
    if len(sizes) > 1:
        return _of_two_dimensions(sizes, [len(v) for v in vectors])
    whole = getattr(vectors, "dtype", np.dtype(float)).kind in "iu"
    # lengths are looked at, so that zeros pass; int8 has no lengths
    array = checked(vectors, "vectors", metric="cosine" if whole else "euclidean")
    named = None if stamps is None else np.asarray(stamps, object)
    if named is not None and named.shape != (len(array),):
        msg = f"stamps has shape {named.shape}; expected one for each of {len(array)} vectors"
        raise ArgumentError(msg)
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(len(array))[:SAMPLE])
    taken = np.asarray(array[rows], np.float32)
    length = np.linalg.norm(taken.astype(np.float64), axis=1)
    lengths = (float(length.min()), float(np.median(length)), float(length.max()))
    reasons: list[str] = []
    zero = int((length == 0).sum())
    if zero:
        reasons.append(
            f"{zero} vectors are all zeros: they were never embedded, or of an empty text."
        )
    live = length > 0
    absent = np.zeros(0, bool) if named is None else missing(named)
    counted = {} if named is None else dict(Counter(str(s) for s in named[~absent]))
    foreign, suspects = None, np.zeros(0, np.intp)
    answer: Answer = "not decided"
    if known_old is not None and known_new is not None:
        foreign, suspects = _known(array, known_old, known_new, confidence)
        answer = (
            "mixed"
            if foreign.low > 0
            else "one model"
            if foreign.high < NEGLIGIBLE
            else "not decided"
        )
        reasons.append(
            "The vectors known of each model do not differ, so nothing can be counted: are they of one"
            " model?"
            if np.isnan(foreign.value)
            else f"By vectors known of each model, {100 * foreign.value:.1f} % [{100 * foreign.low:.1f},"
            f" {100 * foreign.high:.1f}] are of the other."
        )
        if answer == "not decided" and not np.isnan(foreign.value):
            reasons.append(
                f"That may be none, or more than {NEGLIGIBLE:.0%}: embed more items with each model."
            )
    elif live.sum() >= 2 * MIN_KNOWN:
        near = np.flatnonzero(live)[: SAMPLE // 4]
        part, across = _two_parts(unit(taken[near]))
        if across < APART:
            answer = "suspected"
            suspects = rows[near][part]
            reasons.append(
                f"{100 * part.mean():.1f} % of vectors lie apart: {100 * across:.2f} % of their links to nearest"
                " neighbours lead to the others. Embed some of them again to be sure (known_old=…)."
            )
        jump = _jump(length[live])
        if jump is not None:
            answer = "suspected"
            reasons.append(
                f"Lengths fall in two groups, below and above {jump:.3g}: two models, or some not normalised."
            )
    if len(counted) > 1:
        answer = "mixed"
        listed = ", ".join(f"{stamp} {number}" for stamp, number in sorted(counted.items()))
        reasons.append(f"Vectors carry {len(counted)} stamps: {listed}.")
    elif absent.any():
        reasons.append(f"{int(absent.sum())} vectors carry no stamp.")
    elif len(counted) == 1 and answer == "not decided":
        answer = "one model"
        reasons.append(f"All vectors carry the stamp {next(iter(counted))}.")
    return Diagnosis(
        answer,
        tuple(reasons)
        or ("Nothing speaks for two models; without stamps or known vectors that proves nothing.",),
        counted,
        foreign,
        suspects,
        lengths,
        len(array),
    )


def _dimensions(vectors: Any) -> dict[int, int]:
    """How many vectors there are of each dimension, where that can differ: in lists."""
    if not isinstance(vectors, list | tuple):
        return {}
    return dict(Counter(len(v) for v in vectors if isinstance(v, Sequence | np.ndarray)))


def _of_two_dimensions(sizes: dict[int, int], length: list[int]) -> Diagnosis:
    most = max(sizes, key=lambda size: sizes[size])
    listed = ", ".join(f"{size} ({number} vectors)" for size, number in sorted(sizes.items()))
    rows = np.flatnonzero(np.array(length) != most)
    nan = float("nan")
    return Diagnosis(
        "mixed", (f"Vectors have different dimensions: {listed}.",), {}, None, rows, (nan, nan, nan), len(length)
    )  # fmt: skip


def _known(
    array: Array, known_old: Any, known_new: Any, confidence: float
) -> tuple[PairedEstimate, npt.NDArray[np.intp]]:
    """The share of the other model among all, corrected for the discriminant's errors."""
    old, new = checked(known_old, "known_old"), checked(known_new, "known_new")
    comparable(old, array, "known_old", "vectors")
    comparable(new, array, "known_new", "vectors")
    if min(len(old), len(new)) < MIN_KNOWN:
        msg = f"{len(old)} and {len(new)} known vectors are too few; embed at least {MIN_KNOWN} items with each model"
        raise TooFewLabelsError(msg)
    x = unit(np.vstack([old, new]))
    y = np.repeat([False, True], [len(old), len(new)])
    guess = np.empty(len(y), bool)
    for fold in range(5):
        out = np.arange(len(y)) % 5 == fold
        guess[out] = _discriminant(x[~out], y[~out])(x[out]) > 0
    hit, miss = float(guess[y].mean()), float(guess[~y].mean())
    called = _discriminant(x, y)(unit(array)) > 0
    apart = hit - miss
    if apart < 0.5:
        return PairedEstimate(float("nan"), 0.0, 1.0, len(array)), np.zeros(0, np.intp)
    raw = mean(called.astype(float), confidence=confidence)
    value = (raw.value - miss) / apart
    # the errors are known from samples only: their intervals are added in squares (MOVER)
    hits, misses = (
        mean(side.astype(float), confidence=confidence) for side in (guess[y], guess[~y])
    )
    low = (
        value
        - _joined(
            raw.value - raw.low, value * (hits.high - hit), (1 - value) * (misses.high - miss)
        )
        / apart
    )
    high = (
        value
        + _joined(raw.high - raw.value, value * (hit - hits.low), (1 - value) * (miss - misses.low))
        / apart
    )
    value, low, high = np.clip([value, low, high], 0, 1).tolist()
    return PairedEstimate(value, low, high, len(array)), np.flatnonzero(called)


def _joined(*parts: float) -> float:
    return float(np.sqrt(np.square(parts).sum()))


def _discriminant(x: Floats, y: npt.NDArray[np.bool_]) -> Callable[[Floats], Floats]:
    """A function of unit vectors that is above 0 for the second kind."""
    means = np.array([x[~y].mean(0), x[y].mean(0)], float)
    rest = x - means[y.astype(int)]
    within = rest.T @ rest / len(x)
    # shrunk towards a multiple of the identity, by an amount that needs no moments of order four
    amount = min(1.0, x.shape[1] / len(x))
    within = (1 - amount) * within + amount * np.trace(within) / len(within) * np.eye(len(within))
    way = np.linalg.solve(within, means[1] - means[0])
    middle = float(way @ means.mean(0))
    return lambda given: np.asarray(given @ way.astype(np.float32) - middle, np.float32)


def _two_parts(x: Floats) -> tuple[npt.NDArray[np.bool_], float]:
    """The smaller side of the thinnest cut and its conductance; 1 where a side falls apart as well.

    Copies are looked at once: many of one vector are neighbours of each other alone.
    """
    distinct, back = np.unique(x, axis=0, return_inverse=True)
    if len(distinct) < 2 * MIN_KNOWN:
        return np.zeros(len(x), bool), 1.0
    part, across = _split(distinct)
    if across < APART:
        for side in (part, ~part):
            if side.sum() > 2 * MIN_KNOWN and _split(distinct[side])[1] < APART:
                return np.zeros(len(x), bool), 1.0
    return part[back.ravel()], across


def _split(x: Floats) -> tuple[npt.NDArray[np.bool_], float]:
    """The smaller side of the thinnest cut through the neighbour graph, and its conductance.

    The cut is swept along the leading eigenvectors of the normalised adjacency (Shi & Malik 2000;
    Cheeger's sweep).
    """
    n = len(x)
    near, _ = nearest(x, x, NEIGHBOURS + 1)
    ends = np.repeat(np.arange(n), NEIGHBOURS), near[:, 1:].ravel()
    graph = sparse.csr_matrix((np.ones(len(ends[0])), ends), (n, n))
    graph = graph.maximum(graph.T)
    degree = np.asarray(graph.sum(1)).ravel()
    scale = sparse.diags(1 / np.sqrt(degree))
    start = np.random.default_rng(0).normal(size=n)
    _, ways = eigsh(scale @ graph @ scale, k=6, which="LA", v0=start)
    edges = graph.tocoo()
    best, part = 1.0, np.zeros(n, bool)
    few = max(1, int(SMALLEST * n))
    for way in ways.T:
        order = np.argsort(way / np.sqrt(degree), kind="stable")
        place = np.empty(n, np.intp)
        place[order] = np.arange(n)
        ahead = np.minimum(place[edges.row], place[edges.col])
        after = np.maximum(place[edges.row], place[edges.col])
        across = np.cumsum(np.bincount(ahead, minlength=n) - np.bincount(after, minlength=n))[:-1]
        volume = np.cumsum(degree[order])
        thin = across / np.minimum(volume[:-1], volume[-1] - volume[:-1])
        cut = few + int(thin[few : n - few].argmin())
        if thin[cut] < best:
            best, part = float(thin[cut]), np.zeros(n, bool)
            part[order[: cut + 1] if cut + 1 <= n / 2 else order[cut + 1 :]] = True
    return part, best


def _valley(values: Floats) -> float:
    """Otsu's threshold: the cut with the largest variance between its two sides."""
    ordered = np.sort(values.astype(float))
    n = len(ordered)
    count = np.arange(1, n)
    sums = np.cumsum(ordered)[:-1]
    total = ordered.sum()
    between = count * (n - count) * (sums / count - (total - sums) / (n - count)) ** 2
    cut = int(between.argmax())
    return float((ordered[cut] + ordered[cut + 1]) / 2)


def _jump(length: npt.NDArray[np.float64]) -> float | None:
    """A gap in the lengths that is wider than the spread on either side of it."""
    if length.max() - length.min() < 1e-3 * length.max():
        return None
    cut = _valley(np.asarray(length, np.float32))
    low, high = length[length <= cut], length[length > cut]
    if min(len(low), len(high)) < max(2, SMALLEST * len(length)):
        return None
    gap = float(high.min() - low.max())
    return cut if gap > max(float(np.ptp(low)), float(np.ptp(high))) else None
