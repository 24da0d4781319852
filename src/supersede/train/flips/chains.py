"""Updates that follow updates: what each further compatibility constraint costs.

Version k can be constrained by none, by the latest one, two, … or by all of the versions before it.
Each of these is a separate chain: version 4 is constrained by the versions 1 to 3 of its own chain.
They are compared with the paragon of the literature: ensembles at every version, which have few
flips because their variance is low, at several times the cost of serving.

References:
    Yan et al. (2021), Positive-congruent training, CVPR, section 4: ensembles as paragon.

Assumes: batches share no rows with each other or with the test items.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from markupsafe import Markup
from sklearn.base import clone
from sklearn.ensemble import BaggingClassifier

from supersede.errors import ArgumentError
from supersede.look import Line, count, figure_page, line_plot, share
from supersede.look.result import ResultMixin, frame_of
from supersede.train.flips.tabular import PositiveCongruentClassifier

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Chain", "Version", "chain"]


@dataclass(frozen=True)
class Version:
    """One version of one chain, measured on the test items.

    Attributes:
        number: Number of the version, from 1.
        held_to: Number of latest earlier versions that constrain it; None for an ensemble.
        error: Share of items that it gets wrong.
        nfr: Share of items that an earlier version of its chain gets right and this one wrong, per
            earlier version, in order.
    """

    number: int
    held_to: int | None
    error: float
    nfr: tuple[float, ...]

    @property
    def mean_nfr(self) -> float:
        """The mean over all earlier versions; 0 for the first."""
        return float(np.mean(self.nfr)) if self.nfr else 0.0


@dataclass(frozen=True)
class Chain(ResultMixin, named="a chain of updates", height="44rem"):
    """All versions of all chains.

    Attributes:
        versions: The measured versions.
        items: Number of test items.
        members: Number of models in an ensemble.
    """

    versions: tuple[Version, ...]
    items: int
    members: int

    @property
    def last(self) -> tuple[Version, ...]:
        """The last version: constrained by none, one, …, all earlier ones, and as an ensemble."""
        newest = max(version.number for version in self.versions)
        return tuple(version for version in self.versions if version.number == newest)

    def to_frame(self) -> "pa.Table":
        """One row per version of a chain."""
        return frame_of(asdict(v) | {"mean_nfr": v.mean_nfr} for v in self.versions)

    def __str__(self) -> str:
        lines = [f"version {self.last[0].number} on {count(self.items)} items:"]
        for version in self.last:
            flips = ", ".join(share(nfr, resolution=1e-3) for nfr in version.nfr)
            lines.append(
                f"  {self._named(version)}: error {share(version.error, resolution=1e-3)},"
                f" negative flips against v1, v2, …: {flips}"
            )
        return "\n".join(lines)

    def to_html(self) -> str:
        """The curves as a page."""
        free, full = self.last[0], self.last[-2]
        lead = (
            f"Constrained by all {full.held_to} earlier versions, version {full.number} has"
            f" {share(full.mean_nfr, resolution=1e-3)} negative flips against them on average instead of"
            f" {share(free.mean_nfr, resolution=1e-3)}, and an error of"
            f" {share(full.error, resolution=1e-3)} instead of {share(free.error, resolution=1e-3)}."
        )
        return figure_page("What each further constraint costs", lead, self.figure())

    def figure(self) -> Markup:
        """Error and negative flips of the last version, by the number of constraining versions."""
        *held, ensemble = self.last
        steps = [*(self._named(version) for version in held), "", self._named(ensemble)]
        shown = [*held, None, ensemble]
        errors = Line("error", [None if v is None else v.error for v in shown], tone="baseline")
        flips = [
            Line(f"against v{k + 1}", [None if v is None else v.nfr[k] for v in shown])
            for k in range(ensemble.number - 1)
        ]
        about = f"version {ensemble.number}, on {count(self.items)} items"
        return Markup("").join(
            [
                line_plot([errors], steps, title=f"Error of {about}", y_name="error", zero=False),
                line_plot(
                    flips, steps, title=f"Negative flips of {about}", y_name="negative flip rate"
                ),
            ]
        )

    def _named(self, version: Version) -> str:
        if version.held_to is None:
            return f"{self.members}-ensemble"
        if version.held_to == 0:
            return "held to none"
        first = version.number - version.held_to
        last = version.number - 1
        return f"to v{last}" if first == last else f"to v{first}–v{last}"


def chain(
    congruent: PositiveCongruentClassifier,
    batches: Sequence[tuple[Any, npt.ArrayLike]],
    test: tuple[Any, npt.ArrayLike],
    *,
    members: int = 3,
    progress: Callable[[str], None] | None = None,
) -> Chain:
    """Train every version of every chain, and measure error and flips on test items.

    Args:
        congruent: How versions are constrained: estimator, modes, strengths, tolerance, seed. Its
            `old` is not used.
        batches: Training rows and labels of each version, two versions or more.
        test: Rows and labels on which no version was trained.
        members: Number of models in an ensemble; each is trained on a bootstrap sample.
        progress: Function that is called with a line of text before each model is trained.

    Returns:
        The chains; for four versions, 4 without constraints, 6 with constraints, 4 ensembles.

    Raises:
        ArgumentError: There are fewer than two batches, or fewer than two members.

    Example:
        >>> from sklearn.datasets import make_classification
        >>> from sklearn.linear_model import LogisticRegression
        >>> X, y = make_classification(900, random_state=0)
        >>> made = chain(
        ...     PositiveCongruentClassifier(LogisticRegression(), mode="weights", strength=2.0),
        ...     [(X[:100], y[:100]), (X[100:200], y[100:200]), (X[200:300], y[200:300])],
        ...     (X[300:], y[300:]),
        ... )
        >>> len(made.last), made.last[2].held_to
        (4, 2)
    """
    if len(batches) < 2 or members < 2:
        msg = f"{len(batches)} batches and {members} members; a chain needs two or more of each"
        raise ArgumentError(msg)
    X_test, y_test = test[0], np.asarray(test[1])
    say = progress or (lambda _: None)
    plain = []
    for number, batch in enumerate(batches, 1):
        say(f"version {number} of {len(batches)}, without constraints")
        plain.append(clone(congruent.estimator).fit(*batch))
    chains: list[tuple[int | None, list[Any]]] = [(0, plain)]
    for reach in range(1, len(batches)):
        # up to version k, a chain with k constraining versions equals the one with k − 1
        models = list(chains[-1][1][:reach])
        for X, y in batches[reach:]:
            say(f"version {len(models) + 1} of {len(batches)}, constrained by {reach}")
            model = clone(congruent).set_params(old=models[-reach:])
            models.append(model.fit(X, y, seen_by_old=False))
        chains.append((reach, models))
    ensembles = [
        BaggingClassifier(congruent.estimator, members, random_state=congruent.seed).fit(*batch)
        for batch in batches
    ]
    versions = []
    for held_to, models in [*chains, (None, ensembles)]:
        right = np.array([model.predict(X_test) == y_test for model in models])
        for k in range(held_to or 0, len(batches)):
            lost = tuple(float(np.mean(old & ~right[k])) for old in right[:k])
            versions.append(Version(k + 1, held_to, float(1 - right[k].mean()), lost))
    return Chain(tuple(versions), items=len(y_test), members=members)
