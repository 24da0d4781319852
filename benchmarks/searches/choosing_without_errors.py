"""Rules for searches that report no error, chosen on recorded searches whose errors are withheld.

``python -m benchmarks.searches.choosing_without_errors`` prints the rules that lose least, relative to
patience at the same saving, among those that save a quarter of the trials in the mean over forests,
boosting and networks; and the default. What the surrogate says is kept in .cache/stopping/ (a quarter
of an hour on one core). Three seeds of forests and boosting, four of networks; checked every fifth
trial, from 200 on every twentieth.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.searches.recorded import GROUPS, Run, runs
from benchmarks.searches.traces import CACHE
from benchmarks.searches.without_errors import checks, score
from supersede.search.stopping import Evidence, History, Memory, optimistic_gain, regret_bound

KINDS = ("random_forest", "xgboost", "hpobench")
PATIENCES = (10, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90, 100, 120, 150, 200, 250, 300, 400)
QUICK, SHARE = 0.1, 0.2  # as in the default: errors of the regret bound, and share of the distance
SAVED, LEAST = 0.25, 1e-3


@dataclass(frozen=True)
class Family:
    """A regret bound of a tenth of an error, or patience and a small gain or bound.

    Args:
        column: ``"gain"`` or ``"bound"``.
        times: Errors that it must be below.
        trials: Patience in trials.
        share: Patience as a share of all trials.
        errors: The smallest improvement that counts, in errors.
    """

    column: str
    times: float
    trials: int
    share: float
    errors: float


@dataclass(frozen=True)
class Seen:
    """A search, and at each check the trials, gain, bound and residual noise, shape ``(c, 4)``."""

    run: Run
    table: np.ndarray

    @property
    def kind(self) -> str:
        return next(k for k in KINDS if self.run.group.startswith(k))

    @property
    def sizes(self) -> np.ndarray:
        return self.table[:, 0].astype(int)

    def error(self) -> np.ndarray:
        """What stands in for an error at each check, as `Evidence.yardstick` has it."""
        losses = self.run.history.losses
        distance = [np.median(losses[:t]) - losses[:t].min() for t in self.sizes]
        return np.fmax(self.table[:, 3], SHARE * np.array(distance))

    def since(self, errors: float) -> np.ndarray:
        """Trials since an improvement by more than so many errors, at each check."""
        least = errors * self.error()
        history = self.run.history
        return np.array([_since(history, t, by) for t, by in zip(self.sizes, least, strict=True)])

    def stop(self, wanted: np.ndarray) -> int:
        at = np.flatnonzero(wanted)
        return int(self.sizes[at[0]]) if len(at) else len(self.run.history.finished)


def _since(history: History, count: int, least: float) -> int:
    past = history.first(count)
    return past.stagnation_by(least) if least else past.stagnation


def seen(group: str) -> list[Seen]:
    """The searches of one file, with what the surrogate says of them, made or recalled."""
    several = 4 if group.startswith("hpobench") else 3
    chosen = [run for run in runs(group) if run.seed < several]
    file = CACHE / f"without_errors_{group}.npz"
    if chosen and not file.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(file, *[_table(run) for run in chosen])
    stored = np.load(file) if chosen else {}
    return [Seen(run, stored[f"arr_{i}"]) for i, run in enumerate(chosen)]


def _table(run: Run) -> np.ndarray:
    trials = tuple(replace(trial, folds=None) for trial in run.history.trials)
    history, memory, rows = History(run.history.space, trials), Memory(), []
    for count in checks(len(history.finished)):
        evidence = Evidence(history.first(count), memory=memory)
        surrogate = evidence.surrogate
        noise = np.nan
        if surrogate is not None:
            noise = surrogate.transform.scale * surrogate.posterior.hyper.noise**0.5
        rows.append([count, optimistic_gain(evidence), regret_bound(evidence), noise])
    return np.array(rows, dtype=float)


Scores = dict[str, np.ndarray]  # RTC and RYC by kind


def mean_scores(every: Sequence[Seen], stops: Sequence[int]) -> Scores:
    return {
        kind: np.mean(
            [score(s.run, t) for s, t in zip(every, stops, strict=True) if s.kind == kind], axis=0
        )
        for kind in KINDS
    }


def relative(scores: Scores, patience: Sequence[Scores]) -> float:
    """The loss relative to that of patience at the same saving: mean over kinds, each from 0 to 2."""
    ratios = []
    for kind, (saved, change) in scores.items():
        points = np.array(sorted([(0.0, 0.0), *((p[kind][0], p[kind][1]) for p in patience)]))
        naive = np.interp(saved, points[:, 0], points[:, 1])
        ratios.append(np.clip(change / min(naive, -LEAST), 0, 2))
    return float(np.mean(ratios))


def main() -> None:
    every = [s for group in GROUPS for s in seen(group)]
    error = [s.error() for s in every]
    since = {e: [s.since(e) for s in every] for e in (0.0, 0.05, 0.1)}
    patience = [
        mean_scores(every, [s.stop(w >= p) for s, w in zip(every, since[0.0], strict=True)])
        for p in PATIENCES
    ]
    rows = []
    for rule in itertools.starmap(
        Family,
        itertools.product(
            ("gain", "bound"),
            (0.5, 1, 1.5, 2, 3, 4, 5, 7),
            (20, 30, 50),
            (0.3, 0.4, 0.5, 0.6),
            since,
        ),
    ):
        stops = []
        for s, unit, waited in zip(every, error, since[rule.errors], strict=True):
            small = s.table[:, 1 if rule.column == "gain" else 2] <= rule.times * unit
            patient = (waited >= rule.trials) & (waited >= np.ceil(rule.share * s.sizes))
            stops.append(s.stop((s.table[:, 2] <= QUICK * unit) | (patient & small)))
        scores = mean_scores(every, stops)
        rows.append((relative(scores, patience), rule, scores))
    saving = [r for r in rows if np.mean([v[0] for v in r[2].values()]) >= SAVED]
    default = [r for r in rows if r[1] == Family("gain", 7, 50, 0.5, 0.05)]
    print("| rule | loss / patience's | " + " | ".join(KINDS) + " |")
    print("|---" * (2 + len(KINDS)) + "|")
    for ratio, rule, scores in [*sorted(saving, key=lambda r: r[0])[:5], *default]:
        cells = [f"{saved:.2f} / {change:+.4f}" for saved, change in scores.values()]
        name = (
            f"{rule.column} <= {rule.times:g} errors, patience {rule.trials} and {rule.share:.0%},"
            f" improvements of {rule.errors:g} errors"
        )
        print(f"| {name} | {ratio:.2f} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
