"""Search for the next model, and stop when more candidates are not worth their time.

Candidates are cross-validated one after another. The search ends when what is left to gain is
smaller than the statistical error of the scores; up to 200 candidates were allowed.
"""

import json
from pathlib import Path

import pyarrow.parquet as pq
from scipy.stats import loguniform, randint
from sklearn.ensemble import HistGradientBoostingClassifier

from supersede.demo.life.people import features
from supersede.integrations.sklearn import StoppingSearchCV
from supersede.search.stopping import replay

ALLOWED = 200
ROWS = 8_000  # of the past: enough to choose by, and the fits are quick


def main() -> None:
    """Write search.html, and what the search chose and saved to search.json."""
    rows = pq.read_table("past.parquet").slice(0, ROWS)
    search = StoppingSearchCV(
        HistGradientBoostingClassifier(max_iter=40, early_stopping=False, random_state=0),
        {
            "learning_rate": loguniform(0.05, 0.5),
            "max_leaf_nodes": randint(6, 48),
            "min_samples_leaf": randint(5, 200),
            "l2_regularization": loguniform(1e-3, 10),
        },
        n_iter=ALLOWED,
        cv=5,
        random_state=0,
    )
    search.fit(features(rows), rows["employed"].to_numpy())
    trials = search.history_.trials
    seconds = sum(trial.seconds or 0 for trial in trials)
    replay(search.history_, every=10).save("search.html")
    made = {
        "chosen": {name: float(value) for name, value in search.best_params_.items()},
        "scores": [trial.value for trial in trials],
        "allowed": ALLOWED,
        "seconds": seconds,
        "reason": search.decision_.reason,
        "stopped": search.decision_.stop,
    }
    Path("search.json").write_text(json.dumps(made, indent=2), encoding="utf-8")
    print(
        f"{'stopped' if search.decision_.stop else 'ended'} after {len(trials)} of {ALLOWED}"
        f" candidates: {search.decision_.reason}"
    )


if __name__ == "__main__":
    main()
