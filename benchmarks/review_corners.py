"""The review's numbers in the corners: few clusters, many slices, rare flips, labels still needed.

Everything is simulated through `supersede.compare`. Many samples can be judged in one call: each is a
slice of one table. ``SUPERSEDE_SIMULATIONS`` sets the number of samples per cell (1,000 by default).
"""

import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

import supersede
from benchmarks.measure import DOCS, kept
from supersede.metrics.conditional_holm import conditional_holm, reach_of_counts
from supersede.metrics.intervals import tail_above, wilson
from supersede.review import MaxNFR, MaxScoreShift, MaxSliceNFR, MinGain
from supersede.review.alike import no_share_above

Ints = npt.NDArray[np.int64]
Rows = dict[str, npt.NDArray[np.generic]]
TRIALS = int(os.environ.get("SUPERSEDE_SIMULATIONS", "1000"))
FEW = max(20, TRIALS // 5)
LIMIT = 0.02


@dataclass(frozen=True)
class Clusters:
    """Items in clusters, some of which flip: the rate, and how alike a cluster's items are."""

    number: int
    items: int
    rate: float
    alike: float

    def __str__(self) -> str:
        kind = {0.0: "independent flips", 1.0: "flips by whole clusters"}.get(
            self.alike, f"correlation {self.alike:g}"
        )
        return f"{self.number} × {self.items}, rate {100 * self.rate:g} %, {kind}"

    def lost(self, rng: np.random.Generator) -> Ints:
        """Which items flip, cluster by cluster."""
        if self.rate == 0 or self.alike == 0:
            own = np.full(self.number, self.rate)
        elif self.alike == 1:
            own = (rng.random(self.number) < self.rate).astype(float)
        else:
            spread = (1 - self.alike) / self.alike
            own = rng.beta(self.rate * spread, (1 - self.rate) * spread, self.number)
        return (rng.random(self.number * self.items) < np.repeat(own, self.items)).astype(int)


CELLS = (
    Clusters(20, 50, 0.01, 1.0),
    Clusters(50, 20, 0.01, 1.0),
    Clusters(200, 10, 0.01, 1.0),
    Clusters(20, 50, 0.05, 0.3),
    Clusters(20, 50, 0.0, 0.0),
    Clusters(20, 500, 0.0, 0.0),
    Clusters(20, 50, 0.05, 0.05),
    Clusters(30, 30, 0.1, 0.5),
    Clusters(100, 20, 0.02, 0.1),
    Clusters(12, 100, 0.05, 0.1),
)


def broken(lost: Ints, **columns: npt.NDArray[np.generic]) -> Rows:
    """A table in which the old model is always right, and the new one where nothing is lost."""
    one = np.ones(len(lost), int)
    return {"y": one, "a": one, "b": 1 - lost, **columns}


def cluster_coverage(cell: Clusters, trials: int) -> tuple[float, float, float]:
    """Coverage of the intervals of NFR and gain, and the mean width of the first."""
    rng = np.random.default_rng(1)
    covered, gains, widths = [], [], []
    step = max(1, 400_000 // (cell.number * cell.items))
    for start in range(0, trials, step):
        count = min(step, trials - start)
        lost = np.concatenate([cell.lost(rng) for _ in range(count)])
        trial = np.repeat(np.arange(count), cell.number * cell.items)
        cluster = np.arange(len(lost)) // cell.items
        review = supersede.compare(
            broken(lost, trial=trial, cluster=cluster), old="a", new="b", label="y",
            groups=["trial"], cluster="cluster", checks=[MaxNFR(0.5)],
        )  # fmt: skip
        flips = review.candidate.evidence.margins[1].flips
        low, high = flips.nfr_interval(0.95)
        covered.append((low <= cell.rate) & (cell.rate <= high))
        widths.append(high - low)
        low, high = flips.gain_interval(0.95)
        gains.append((low <= -cell.rate) & (-cell.rate <= high))
    return tuple(float(np.concatenate(part).mean()) for part in (covered, gains, widths))  # type: ignore[return-value]


def shift_error(outlier: float | None) -> tuple[float, float]:
    """Distance from scipy's statistic at 10⁶ rows, and CPU seconds."""
    from scipy.stats import ks_2samp

    first = np.random.default_rng(2).random(1_000_000)
    second = first**4
    if outlier is not None:
        first[0] = second[0] = outlier
    rows = broken(np.zeros(len(first), int), a_score=first, b_score=second)
    start = time.process_time()
    found = supersede.compare(rows, old="a", new="b", label="y", checks=[MaxScoreShift(0.1)])
    taken = time.process_time() - start
    theirs = ks_2samp(first, second, method="asymp").statistic
    return abs(found.candidate.findings[0].estimate - theirs), taken


def shift_coverage(trials: int, n: int = 500) -> float:
    """How often the interval holds the true largest change, of scores u and u²: 1/4."""
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(trials):
        score = rng.random(n)
        rows = broken(np.zeros(n, int), a_score=score, b_score=score**2)
        found = supersede.compare(rows, old="a", new="b", label="y", checks=[MaxScoreShift(0.1)])
        finding = found.candidate.findings[0]
        held += finding.low <= 0.25 <= finding.high
    return held / trials


def decides(n: int, lost: int, gained: int, limit: float, trials: int) -> tuple[int, float] | None:
    """The labels that a review asks for, and how often they decide if rates are those observed."""
    fate = np.zeros(n, int)
    fate[:lost], fate[lost : lost + gained] = 1, 2
    check = MinGain(limit) if gained else MaxNFR(limit)
    review = supersede.compare(_fated(fate), old="a", new="b", label="y", checks=[check])
    more = review.candidate.findings[0].more_labels
    if more is None:
        return None
    rng = np.random.default_rng(4)
    chances = [1 - (lost + gained) / n, lost / n, gained / n]
    decided = []
    step = max(1, 1_000_000 // (n + more))
    for start in range(0, trials, step):
        count = min(step, trials - start)
        fates = np.concatenate(
            [np.concatenate([fate, rng.choice(3, more, p=chances)]) for _ in range(count)]
        )
        trial = np.repeat(np.arange(count), n + more)
        then = supersede.compare(
            _fated(fates, trial=trial), old="a", new="b", label="y", groups=["trial"],
            checks=[check],
        )  # fmt: skip
        flips = then.candidate.evidence.margins[1].flips
        if gained:
            low, high = flips.gain_interval(0.95)
            decided.append((low >= limit) | (high < limit))
        else:
            low, high = flips.nfr_interval(0.95)
            decided.append((high <= limit) | (low > limit))
    return more, float(np.concatenate(decided).mean())


def _fated(fate: Ints, **columns: npt.NDArray[np.generic]) -> Rows:
    one = np.ones(len(fate), int)
    return {
        "y": one, "a": (fate != 2).astype(int), "b": (fate != 1).astype(int), **columns
    }  # fmt: skip


GRID = (
    (100, 2, 0, 0.05), (300, 3, 0, 0.02), (300, 9, 0, 0.02), (1000, 8, 0, 0.012),
    (1000, 30, 0, 0.025), (3000, 45, 0, 0.018), (100, 0, 1, 0.0), (150, 0, 2, 0.0),
    (300, 3, 6, 0.0), (1000, 20, 24, 0.01), (1000, 40, 30, -0.03), (3000, 60, 60, -0.005),
)  # fmt: skip


def slices_decide(
    slices: int, n: int, rate: float, trials: int, *, chosen: bool
) -> tuple[float, float]:
    """Of reviews of slices that are undecided, the labels asked for and how often they decide."""
    rng = np.random.default_rng(5)
    asked, decided = [], []
    for _ in range(trials):
        first = rng.binomial(1, rate, slices * n)
        market = np.repeat(np.arange(slices), n)
        finding = _sliced(first, market)
        more = finding.more_labels if chosen else finding.more_labels_random
        if finding.verdict != "undecided" or more is None:
            continue
        where = rng.integers(0, slices, more)
        if chosen:  # spread over the slices that are open
            open_ = [s.values["market"] for s in finding.slices if s.verdict == "undecided"]
            where = rng.choice([m for m in open_ if m is not None], more)
        lost = np.concatenate([first, rng.binomial(1, rate, more)])
        asked.append(more)
        decided.append(_sliced(lost, np.concatenate([market, where])).verdict != "undecided")
    return float(np.median(asked)), float(np.mean(decided))


def _sliced(lost: Ints, market: Ints):  # a Finding
    review = supersede.compare(
        broken(lost, market=market), old="a", new="b", label="y", groups=["market"],
        checks=[MaxSliceNFR(LIMIT)],
    )  # fmt: skip
    return review.candidate.findings[0]


def many_slices(rates: Sequence[float], n: int, trials: int) -> dict[str, float]:
    """How often a review of these slices passes and fails, and names the first slice."""
    rng = np.random.default_rng(6)
    passed = failed = named = 0
    market = np.repeat(np.arange(len(rates)), n)
    for _ in range(trials):
        finding = _sliced(rng.binomial(1, np.repeat(rates, n)), market)
        passed += finding.verdict == "pass"
        failed += finding.verdict == "fail"
        named += any(s.values.get("market") == 0 for s in finding.slices if s.verdict == "fail")
    return {"passes": passed / trials, "fails": failed / trials, "named": named / trials}


def scenarios() -> Iterable[tuple[str, list[float], int]]:
    """Fifty slices, as a release manager meets them."""
    quiet = LIMIT / 4
    for n in (100, 300, 1000):
        yield f"all at ¼ of the limit, n = {n}", [quiet] * 50, n
        yield f"all at the limit, n = {n}", [LIMIT] * 50, n
    for n in (100, 300):
        yield f"one at 3 × the limit, others at ¼, n = {n}", [3 * LIMIT] + [quiet] * 49, n
        yield f"one at 3 × the limit, others never break, n = {n}", [3 * LIMIT] + [0.0] * 49, n
    yield "one at 2 × the limit, others at ¼, n = 300", [2 * LIMIT] + [quiet] * 49, 300
    yield "one at 1.5 × the limit, others at ¼, n = 300", [1.5 * LIMIT] + [quiet] * 49, 300
    yield "ten at 1.2 × the limit, others at ¼, n = 300", [1.2 * LIMIT] * 10 + [quiet] * 40, 300


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table in Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def percent(share: float) -> str:
    """A share as the tables write it."""
    return f"{100 * share:.1f} %"


def clusters_part() -> list[str]:
    """Coverage with few clusters."""
    found = [(str(cell), *cluster_coverage(cell, TRIALS)) for cell in CELLS]
    mean = np.mean([row[1] for row in found])
    lines = [f"{TRIALS:,} samples per cell.", ""]
    lines += table(
        ["clusters × items", "NFR covers", "gain covers", "mean width, NFR"],
        [(name, percent(nfr), percent(gain), f"{100 * width:.1f} pp")
         for name, nfr, gain, width in found],
    )  # fmt: skip
    return [*lines, f"Mean over the cells: {percent(float(mean))}.", ""]


def shift_part() -> list[str]:
    """The exact statistic, and its interval."""
    errors = [
        ("10⁶ scores, x⁴ against x", None),
        ("the same, one score at 999.5", 999.5),
        ("the same, one at 10¹²", 1e12),
    ]
    found = [(name, *shift_error(outlier)) for name, outlier in errors]
    lines = table(
        ["scores", "distance from scipy's", "CPU seconds"],
        [(name, f"{error:.1e}", f"{taken:.1f}") for name, error, taken in found],
    )
    cover = percent(shift_coverage(FEW))
    return [*lines, f"Its interval covers {cover} (u² against u, n = 500, {FEW} samples).", ""]


def labels_part() -> list[str]:
    """Whether the labels asked for decide."""
    rows = []
    for n, lost, gained, limit in GRID:
        key = f"{n} {lost} {gained} {limit} {min(TRIALS, 400)}"
        result = kept(
            "review_labels", key, partial(decides, n, lost, gained, limit, min(TRIALS, 400))
        )
        question = f"{'gain ≥' if gained else 'NFR ≤'} {100 * limit:g} %"
        said = ("decided, or no number will do", "–")
        if result is not None:
            said = (f"{result[0]:,}", percent(result[1]))
        rows.append((f"{n:,}", str(lost), str(gained), question, *said))
        print(rows[-1], flush=True)
    lines = [f"{min(TRIALS, 400)} samples per cell, whose rates are those observed.", ""]
    lines += table(["labels", "lost", "gained", "limit", "more labels", "decide"], rows)
    rows = []
    for slices, n, rate in ((50, 60, 0.005), (50, 100, 0.005), (5, 200, 0.008)):
        for chosen in (False, True):
            key = f"{slices} {n} {rate} {FEW} {chosen}"
            work = partial(slices_decide, slices, n, rate, FEW, chosen=chosen)
            asked, share = kept("review_labels", key, work)
            rows.append(
                (f"{slices} × {n}, rate {100 * rate:g} %", "chosen" if chosen else "random",
                 f"{asked:,.0f}", percent(share))
            )  # fmt: skip
            print(rows[-1], flush=True)
    lines += [f"Slices against a limit of 2 %, all at one true rate, {FEW} reviews each.", ""]
    return [*lines, *table(["slices", "labels are", "more labels, median", "decide"], rows)]


def slices_part() -> list[str]:
    """Fifty slices, by the two tests that decide."""
    return _slices(
        directly, TRIALS, f"{TRIALS:,} samples per row, judged by the two tests that decide."
    )


def reviews_part() -> list[str]:
    """The same through `compare`."""
    return _slices(many_slices, FEW, f"{FEW} reviews per row.")


def _slices(
    simulate: Callable[[Sequence[float], int, int], dict[str, float]], trials: int, said: str
) -> list[str]:
    rows = []
    for name, rates, n in scenarios():
        key = f"{simulate.__name__} {name} {trials}"
        found = kept("review_slices", key, partial(simulate, rates, n, trials))
        rows.append((name, *(percent(found[key]) for key in ("passes", "fails", "named"))))
        print(rows[-1], flush=True)
    head = ["slices", "passes", "fails", "the first is named"]
    return [said, "", *table(head, rows)]


def directly(rates: Sequence[float], n: int, trials: int) -> dict[str, float]:
    """The same by the functions that decide, without a table."""
    rng = np.random.default_rng(7)
    size = np.full(len(rates), float(n))
    reach = reach_of_counts(size, LIMIT)
    passed = failed = named = 0
    for _ in range(trials):
        hits = rng.binomial(n, rates).astype(float)
        fails = conditional_holm(tail_above(hits / n, size, LIMIT), reach) < 0.025
        _, high = wilson(hits / n, size, 0.95)
        held = np.all(high <= LIMIT) or no_share_above(hits, size, LIMIT, 0.95)
        passed += bool(not fails.any() and held)
        failed += bool(fails.any())
        named += bool(fails[0])
    return {"passes": passed / trials, "fails": failed / trials, "named": named / trials}


PARTS = {
    "clusters": ("Few clusters: coverage of nominal 95 % intervals", clusters_part),
    "shift": ("Score shift", shift_part),
    "labels": ("Labels still needed: how often they decide (promised: 80 %)", labels_part),
    "slices": ("Fifty slices against a limit of 2 %", slices_part),
    "reviews": ("Fifty slices against a limit of 2 %, through `compare`", reviews_part),
}


def main() -> None:
    """Simulate all parts, or those named, and write the page."""
    path = DOCS / "review.md"
    known = path.read_text(encoding="utf-8").split("\n## ")[1:] if path.exists() else []
    before = {part.split("\n")[0]: part.rstrip("\n").split("\n")[2:] for part in known}
    for name in sys.argv[1:] or list(PARTS):
        title, part = PARTS[name]
        before[title] = part()
        print(title, *before[title], sep="\n", flush=True)
        lines = [
            "# The review in the corners", "",
            "Printed by `python -m benchmarks.review_corners`, with as many samples as each part says",
            "(`SUPERSEDE_SIMULATIONS` sets them).", "",
        ]  # fmt: skip
        for heading, _ in PARTS.values():
            if heading in before:
                lines += [f"## {heading}", "", *before[heading], ""]
        path.write_text("\n".join(lines).rstrip("\n") + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
