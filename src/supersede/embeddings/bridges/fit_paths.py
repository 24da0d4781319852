"""Every path fitted to the same pairs, with what cross-validation says of each candidate.

Each fold's queries are searched in the whole old gallery with maps that never saw them. Among a
path's candidates (penalties, numbers of epochs, weights) the one with the best mean reciprocal rank
is taken. What is forecast of a fold uses the candidate that the *other* folds would take, so that
choosing is not paid for with optimism. How much a fit gains from more pairs is seen from fits to about
half as many. (What a later path builds on, such as the old head in a fused query, is chosen over all
folds: one choice among four.)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from supersede.embeddings.bridges.heads import head_path
from supersede.embeddings.bridges.learning_curve import Fewer, growth_of, half_of
from supersede.embeddings.bridges.linear_fits import fit_clusters, fit_procrustes, ridge_path
from supersede.embeddings.bridges.maps import Identity, LinearMap, Map
from supersede.embeddings.bridges.path import Part, Path
from supersede.embeddings.report.ranking import AT_ONCE, ROUNDING
from supersede.embeddings.vectors import Array, Floats, checked, comparable, unit
from supersede.errors import ArgumentError, TooFewLabelsError, VectorError

__all__ = ["Held", "PairedSample", "held_out"]

Rows = npt.NDArray[np.intp]
SAME = Identity()
WEIGHTS = (0.0, 0.1, 0.25, 0.5)  # of the mapped gallery's scores beside the old ones
MIN_PAIRS = 50
CHOOSE_AMONG = 1000  # gallery items among which candidates are compared
CURVE = 3  # folds of which fits to fewer pairs are tried
LITTLE = 0.15  # growth below which that is not worth it


@dataclass(frozen=True, eq=False)
class PairedSample:
    """Pairs of a query and the gallery item that answers it, embedded by both models.

    Attributes:
        queries_old: Shape ``(n, d_old)``.
        queries_new: Shape ``(n, d_new)``.
        documents_new: The answering items embedded by the new model, shape ``(n, d_new)``.
        answers: Gallery row of each answering item, shape ``(n,)``.
        gallery_old: The whole old gallery, shape ``(g, d_old)``.
        gallery_new: The whole new gallery where it exists; only then is nothing extrapolated.
    """

    queries_old: Array
    queries_new: Array
    documents_new: Array
    answers: Rows
    gallery_old: Array
    gallery_new: Array | None = None

    def __post_init__(self) -> None:
        for name in ("queries_old", "queries_new", "documents_new", "gallery_old"):
            object.__setattr__(self, name, checked(getattr(self, name), name))
        answers = np.asarray(self.answers)
        object.__setattr__(self, "answers", answers)
        n = len(self.queries_old)
        sizes = (len(self.queries_new), len(self.documents_new), len(answers))
        if sizes != (n, n, n):
            msg = f"{n} old queries, {sizes[0]} new ones, {sizes[1]} new documents and {sizes[2]} answers; a pair needs one of each"
            raise VectorError(msg)
        comparable(self.queries_old, self.gallery_old, "queries_old", "gallery_old")
        comparable(self.queries_new, self.documents_new, "queries_new", "documents_new")
        if (
            answers.dtype.kind not in "iu"
            or answers.min() < 0
            or answers.max() >= len(self.gallery_old)
        ):
            msg = f"answers must be rows of the gallery, whole numbers from 0 to {len(self.gallery_old) - 1}"
            raise ArgumentError(msg)
        if self.gallery_new is not None:
            object.__setattr__(self, "gallery_new", checked(self.gallery_new, "gallery_new"))
            if len(self.gallery_new) != len(self.gallery_old):
                msg = f"gallery_new has {len(self.gallery_new)} rows and gallery_old {len(self.gallery_old)}"
                raise VectorError(msg)
        if n < MIN_PAIRS:
            msg = f"{n} pairs are too few to fit and to forecast; give at least {MIN_PAIRS}"
            raise TooFewLabelsError(msg)

    def __len__(self) -> int:
        return len(self.queries_old)


@dataclass(frozen=True, eq=False)
class Held:
    """What cross-validation found of one path.

    Attributes:
        name: The path.
        path: Fitted to all pairs, with the candidate that was taken.
        first: Rank of the answer for each query in the whole gallery, from 1; where only sampled
            documents could be searched, among those.
        in_sample: Whether ranks are among the sampled documents only.
        taken: Number of the candidate.
        fewer: Ranks under fits to fewer pairs; None where nothing is fitted, folds hold back little, or
            only sampled documents are searched.
    """

    name: str
    path: Path
    first: Rows
    in_sample: bool = False
    taken: int = 0
    fewer: Fewer | None = None


Fit = Callable[[Rows], Sequence[Path]]


def held_out(
    sample: PairedSample,
    *,
    folds: int | None = None,
    network: bool = False,
    others: Mapping[str, tuple[Any, Any]] | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> list[Held]:
    """Fit and cross-validate every path.

    Args:
        sample: Pairs and gallery.
        folds: Number of folds, at least 2; more for fewer pairs if None, because a fit that is short
            of pairs suffers from every pair held out.
        network: Whether a residual network is among the bridges; it needs torch.
        others: Models trained otherwise, such as a compatible one: the sample's queries and the
            whole gallery (None: the old one) in the space that is searched.
        seed: Of folds and fits.
        progress: Called with a line before each path.
    """
    folds = folds_for(len(sample)) if folds is None else folds
    if folds < 2:
        msg = f"folds={folds!r}; it must be at least 2"
        raise ArgumentError(msg)
    given = {name: value for name, value in vars(sample).items() if name != "answers"}
    units: dict[str, Any] = {n: unit(value) for n, value in given.items() if value is not None}
    sample = replace(sample, **units)
    fold = folds_of(sample.answers, folds, seed)
    fits = _Fits(sample, seed, network=network)
    found: list[Held] = []
    for name, fit in fits.by_name().items():
        if progress is not None:
            progress(f"fitting {name}")
        held = _held(name, fit, sample, fold)
        fits.taken[name] = held
        found.append(held)
    for name, (queries, gallery) in (others or {}).items():
        asked, searched = checked(queries, name), sample.gallery_old if gallery is None else gallery
        if len(asked) != len(sample) or len(searched) != len(sample.gallery_old):
            msg = f"{name!r} has {len(asked)} queries and {len(searched)} gallery items; expected those of the sample"
            raise VectorError(msg)
        if name in fits.taken:
            msg = f"others names {name!r}, which is a path of its own; choose another name"
            raise ArgumentError(msg)
        comparable(
            asked, checked(searched, name), f"queries of {name!r}", "the gallery it searches"
        )
        side: Literal["old", "new"] = "old" if gallery is None else "new"
        path = Path(name, (Part("new", SAME, side, SAME),))
        found.append(Held(name, path, _ranks(unit(asked), unit(searched), sample.answers)))
    return found


def folds_for(pairs: int) -> int:
    """How many folds: more for fewer pairs."""
    return int(np.clip(6000 // pairs, 3, 12))


def folds_of(answers: Rows, folds: int, seed: int) -> Rows:
    """The fold of each pair; those of one document are in one, so that it is never on both sides."""
    documents, code = np.unique(answers, return_inverse=True)
    return np.asarray((np.random.default_rng(seed).permutation(len(documents)) % folds)[code])


class _Fits:
    """Fits of every path on some rows; later paths build on what earlier ones took."""

    def __init__(self, sample: PairedSample, seed: int, *, network: bool) -> None:
        self.sample, self.seed, self.network = sample, seed, network
        self.documents_old = np.asarray(sample.gallery_old[sample.answers])
        self.both = np.hstack([unit(sample.queries_old), unit(sample.queries_new)])
        self.taken: dict[str, Held] = {}
        self._kept: dict[tuple[str, bytes], list[Any]] = {}

    def _once(self, name: str, rows: Rows, make: Callable[[], list[Any]]) -> list[Any]:
        key = (name, rows.tobytes())
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def by_name(self) -> dict[str, Fit]:
        """Every path's fits, in the order in which they build on each other."""
        return {
            "stay": self.stay, "old head": self.old_head, "bridge": self.bridge, "new head": self.new_head,
            "gallery bridge": self.gallery_bridge, "gallery bridge + head": self.gallery_head,
            "fused": self.fused, "fused + mapped gallery": self.fused_mapped, "re-index": self.reindex,
            "re-index + head": self.reindex_head,
        }  # fmt: skip

    def stay(self, _: Rows) -> list[Path]:
        return [Path("stay", (Part("old", SAME, "old", SAME),))]

    def old_heads(self, rows: Rows) -> list[LinearMap]:
        return self._once(
            "old", rows, lambda: self._heads(self.sample.queries_old, self.documents_old, rows)
        )

    def _heads(
        self, queries: Array, documents: Array, rows: Rows, start: Floats | None = None
    ) -> list[LinearMap]:
        return head_path(
            queries[rows],
            documents[rows],
            answers=self.sample.answers[rows],
            start=start,
            seed=self.seed,
        )

    def old_head(self, rows: Rows) -> list[Path]:
        return [
            Path("old head", (Part("old", head, "old", SAME),), head.kind)
            for head in self.old_heads(rows)
        ]

    def _pairs(self, rows: Rows) -> tuple[Floats, Floats]:
        """Documents and queries of both spaces, one below the other: new, old."""
        return (
            np.vstack([unit(self.sample.documents_new[rows]), unit(self.sample.queries_new[rows])]),
            np.vstack([unit(self.documents_old[rows]), unit(self.sample.queries_old[rows])]),
        )

    def _maps(self, source: Array, target: Array) -> list[Map]:
        made: list[Map] = [fit_procrustes(source, target), *ridge_path(source, target)]
        if len(self.sample) >= 250:  # of the whole: every fold has the same candidates
            made.append(fit_clusters(source, target, 4, seed=self.seed))
        if self.network:
            from supersede.embeddings.bridges.residual_mlp import fit_residual_mlp

            made.append(fit_residual_mlp(source, target, seed=self.seed))
        return made

    def bridges(self, rows: Rows) -> list[Map]:
        new, old = self._pairs(rows)
        return self._once("bridge", rows, lambda: self._maps(new, old))

    def bridge(self, rows: Rows) -> list[Path]:
        return [
            Path("bridge", (Part("new", made, "old", SAME),), made.kind)
            for made in self.bridges(rows)
        ]

    def new_head(self, rows: Rows) -> list[Path]:
        start = self._start("bridge", self.bridges(rows))
        heads = self._heads(self.sample.queries_new, self.documents_old, rows, start.matrix)
        return [Path("new head", (Part("new", head, "old", SAME),), head.kind) for head in heads]

    def _start(self, name: str, maps: Sequence[Map]) -> LinearMap:
        """The linear map of the kind that an earlier path took; ridge where it took no linear one."""
        linear = {made.kind: made for made in maps if isinstance(made, LinearMap)}
        return linear.get(maps[self._place(name)].kind, linear["ridge 0.01"])

    def gallery_bridges(self, rows: Rows) -> list[Map]:
        new, old = self._pairs(rows)
        return self._once("gallery", rows, lambda: self._maps(old, new))

    def gallery_bridge(self, rows: Rows) -> list[Path]:
        return [
            Path("gallery bridge", (Part("new", SAME, "old", made),), made.kind)
            for made in self.gallery_bridges(rows)
        ]

    def gallery_heads(self, rows: Rows) -> list[tuple[LinearMap, LinearMap]]:
        made = self._start("gallery bridge", self.gallery_bridges(rows))
        mapped = made.apply(self.documents_old)
        return self._once(
            "gallery head",
            rows,
            lambda: [(head, made) for head in self._heads(self.sample.queries_new, mapped, rows)],
        )

    def gallery_head(self, rows: Rows) -> list[Path]:
        return [
            Path("gallery bridge + head", (Part("new", head, "old", made),), head.kind)
            for head, made in self.gallery_heads(rows)
        ]

    def fused(self, rows: Rows) -> list[Path]:
        width, more = self.documents_old.shape[1], self.sample.queries_new.shape[1]
        start = np.eye(width, width + more, dtype=np.float32)  # the old query alone
        alone = self.old_heads(rows)[self._place("old head")]
        heads = self._once(
            "fused", rows, lambda: list(self._heads(self.both, self.documents_old, rows, start)[1:])
        )
        return [
            Path("fused", (Part("old", alone, "old", SAME),), f"old query alone, {alone.kind}"),
            *(Path("fused", (Part("both", head, "old", SAME),), head.kind) for head in heads),
        ]

    def fused_mapped(self, rows: Rows) -> list[Path]:
        old = self.old_heads(rows)[self._place("old head")]
        fused = self.fused(rows)[self._place("fused")]
        new, made = self.gallery_heads(rows)[self._place("gallery bridge + head")]
        bases = [(Part("old", old, "old", SAME), "old query")]
        if fused.parts[0].query == "both":
            bases.append((fused.parts[0], "fused query"))
        return [
            Path(
                "fused + mapped gallery",
                (base, *((Part("new", new, "old", made, weight),) if weight else ())),
                f"{words}, weight {weight:g} of mapped scores",
            )
            for base, words in bases
            for weight in WEIGHTS
        ]

    def _place(self, name: str) -> int:
        """Which of its candidates an earlier path took."""
        return self.taken[name].taken

    def reindex(self, _: Rows) -> list[Path]:
        return [Path("re-index", (Part("new", SAME, "new", SAME),))]

    def reindex_head(self, rows: Rows) -> list[Path]:
        heads = self._heads(self.sample.queries_new, self.sample.documents_new, rows)
        return [
            Path("re-index + head", (Part("new", head, "new", SAME),), head.kind) for head in heads
        ]


def _held(name: str, fit: Fit, sample: PairedSample, fold: Rows) -> Held:
    """Ranks of held-out queries under every candidate; the best candidate, fitted to all."""
    whole = list(fit(np.arange(len(sample))))
    if len(whole) == 1 and not whole[0].variant:  # nothing is fitted
        first, in_sample = _search(whole[0], sample, np.arange(len(sample)))
        return Held(name, whole[0], first, in_sample)
    parts = [np.flatnonzero(fold == part) for part in np.unique(fold)]
    fitted = [list(fit(np.setdiff1d(np.arange(len(sample)), out))) for out in parts]
    quality = np.zeros((len(whole), len(sample)))
    for out, paths in zip(parts, fitted, strict=True):
        for number, path in enumerate(paths):
            quality[number, out] = 1 / _search(path, sample, out, among=CHOOSE_AMONG)[0]
    first = np.empty(len(sample), np.intp)
    in_sample = False
    for out, paths in zip(parts, fitted, strict=True):
        others = np.delete(quality, out, axis=1)
        first[out], in_sample = _search(paths[int(others.mean(1).argmax())], sample, out)
    taken = int(quality.mean(1).argmax())
    fewer = None if in_sample else with_fewer(fit, sample, parts, taken)
    return Held(name, whole[taken], first, in_sample, taken, fewer)


def with_fewer(fit: Fit, sample: PairedSample, parts: Sequence[Rows], taken: int) -> Fewer | None:
    """Ranks of some folds' queries under the candidate taken, fitted to half of the other folds."""
    folds = len(parts)
    growth = growth_of(folds)
    if growth < LITTLE:
        return None
    rows, ranks = [], []
    for number, out in enumerate(parts[:CURVE]):
        among = [parts[(number + step) % folds] for step in range(1, half_of(folds) + 1)]
        path = list(fit(np.sort(np.concatenate(among))))[taken]
        rows.append(out)
        ranks.append(_search(path, sample, out)[0])
    return Fewer(np.concatenate(rows), np.concatenate(ranks), growth)


def _search(
    path: Path, sample: PairedSample, rows: Rows, among: int | None = None
) -> tuple[Rows, bool]:
    """Ranks of the answers, and whether only sampled documents could be searched.

    With `among`, the gallery is cut to the rows' answers and that many others, evenly spaced: enough
    to choose between candidates, and several times faster.
    """
    queries = path.queries(sample.queries_old[rows], sample.queries_new[rows])
    answers = sample.answers[rows]
    in_sample = path.embeds_gallery and sample.gallery_new is None
    if in_sample:  # one row per document, though several queries may share it
        documents, first = np.unique(sample.answers, return_index=True)
        gallery = path.gallery(None, sample.documents_new[first])
        return _ranks(queries, gallery, np.searchsorted(documents, answers)), True
    searched = np.arange(len(sample.gallery_old))
    if among is not None:
        searched = np.union1d(searched[:: max(1, len(searched) // among)], answers)
    new = None if sample.gallery_new is None else sample.gallery_new[searched]
    gallery = path.gallery(sample.gallery_old[searched], new)
    return _ranks(queries, gallery, np.searchsorted(searched, answers)), False


def _ranks(queries: Floats, gallery: Floats, answers: Rows) -> Rows:
    """Rank of the answer from 1; ties count against it."""
    first = np.empty(len(queries), np.intp)
    step = max(1, AT_ONCE // len(gallery))
    for start in range(0, len(queries), step):
        rows = slice(start, start + step)
        right = np.einsum("ij,ij->i", queries[rows], gallery[answers[rows]])
        made = queries[rows] @ gallery.T
        # the answer itself is among those that reach its score
        first[rows] = np.maximum((made >= (right - ROUNDING)[:, None]).sum(1), 1)
    return first
