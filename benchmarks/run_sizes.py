"""Does a run of the promised size decide as promised? Judged by `supersede.compare` on drawn runs.

python -m benchmarks.run_sizes            # 400 reviews per row
"""

import os
from functools import partial

import numpy as np
import pandas as pd

import supersede
from benchmarks.measure import kept, write
from supersede.evaluate import Power
from supersede.review import MaxNFR, MinGain


def drawn(
    rng: np.random.Generator, n: int, lost: float, gained: float, cluster: int
) -> dict[str, object]:
    """A pair of runs; with clusters, every item comes so many times."""
    units = n // cluster
    fate = np.repeat(rng.choice(3, units, p=[1 - lost - gained, lost, gained]), cluster)
    rows = {"y": np.ones(len(fate), int), "a": (fate != 2) * 1, "b": (fate != 1) * 1}
    return rows | ({"u": np.repeat(np.arange(units), cluster)} if cluster > 1 else {})


def decide(
    asked: MinGain | MaxNFR,
    n: int,
    lost: float,
    gained: float,
    cluster: int,
    wanted: str,
    trials: int,
) -> int:
    """How many of the reviews reach a verdict."""
    rng, found = np.random.default_rng(0), 0
    for _ in range(trials):
        source = pd.DataFrame(drawn(rng, n, lost, gained, cluster))
        review = supersede.compare(
            source, old="a", new="b", label="y", checks=[asked],
            cluster="u" if cluster > 1 else None,
        )  # fmt: skip
        found += review.candidate.findings[0].verdict == wanted
    return found


def main() -> None:
    trials = int(os.environ.get("SUPERSEDE_SIMULATIONS", "400"))
    rows = [["check", "disagreement", "regression", "clusters of", "power promised", "items", "reviews that decide"]]  # fmt: skip
    for check, limit, apart, regression, cluster, power, passes in [
        ("min_gain", 0.0, 0.1, 0.02, 1, 0.8, False),
        ("min_gain", 0.0, 0.1, 0.05, 1, 0.9, False),
        ("min_gain", 0.0, 0.02, 0.015, 1, 0.8, False),
        ("min_gain", -0.02, 0.1, 0.02, 1, 0.8, True),
        ("max_nfr", 0.01, 0.05, 0.01, 1, 0.8, False),
        ("min_gain", 0.0, 0.1, 0.03, 3, 0.8, False),
    ]:
        size = Power(check, limit, apart, float(cluster))
        find = size.items_to_pass if passes else size.items_to_show
        n = find(regression, power)
        gain = (0.0 if passes else limit - regression) if check == "min_gain" else None
        if gain is None:
            lost, gained = limit + regression, apart - limit - regression
        else:
            lost, gained = (apart - gain) / 2, (apart + gain) / 2
        asked = MinGain(limit) if check == "min_gain" else MaxNFR(limit)
        work = partial(
            decide, asked, n, lost, gained, cluster, "pass" if passes else "fail", trials
        )
        key = f"{asked} {n} {lost} {gained} {cluster} {trials}"
        share = kept("run_sizes", key, work) / trials
        error = 1.96 * np.sqrt(share * (1 - share) / trials)
        verb = "passes, equal models" if passes else "fails"
        rows.append([f"{check} {limit:g} {verb}", f"{apart:.0%}", f"{100 * regression:g} pp",
                     str(cluster), f"{power:.0%}", str(n), f"{share:.1%} ± {error:.1%}"])  # fmt: skip
        print(" | ".join(rows[-1]), flush=True)
    write(
        "run_sizes",
        "Sizes of runs",
        "python -m benchmarks.run_sizes",
        rows,
        f"{trials} pairs of runs per row, of the size that `supersede.evaluate.Power` names, each judged"
        " by `supersede.compare`. Clusters are copies of one item, so that the design effect is their"
        " size.",
    )


if __name__ == "__main__":
    main()
