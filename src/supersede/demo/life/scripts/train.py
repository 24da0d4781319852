"""Train what the search chose twice: as usual, and to stay right where the deployed model is right.

How much weight the deployed model's right answers get is chosen on the records of 2016, with models
of 2015. Both new models then answer for last year and for today.
"""

import json
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier

from supersede.demo.life.people import features, with_column
from supersede.train.flips import PositiveCongruentClassifier

INSTITUTION = 16  # in prisons, nursing homes and the like: panels of households never meet them
STRENGTHS = (1.0, 2.0, 4.0)
TREES = 120  # more than in the search, as there are more rows


def main() -> None:
    """Add the columns new and congruent to both tables, and write train.json and train.html."""
    past = pq.read_table("past.parquet")
    past = past.filter(pc.not_equal(past["RELP"], INSTITUTION))
    X, y, year = features(past), past["employed"].to_numpy(), past["year"].to_numpy()
    deployed = past["deployed_probability"].to_numpy()
    chosen = json.loads(Path("search.json").read_text(encoding="utf-8"))["chosen"]
    whole = {name: int(chosen.pop(name)) for name in ("max_leaf_nodes", "min_samples_leaf")}
    plain = HistGradientBoostingClassifier(
        max_iter=TREES, early_stopping=False, random_state=0, **whole, **chosen
    )
    congruent = PositiveCongruentClassifier(
        plain,
        mode="weights",
        strengths=STRENGTHS,
        tolerance=0.001,
        confidence=None,  # one year of one state is too little to show a tenth of a point
        cv=[(np.flatnonzero(year == 2015), np.flatnonzero(year == 2016))],
    )
    congruent.fit(X, y, old_output=np.column_stack([1 - deployed, deployed]), seen_by_old=False)
    models = {"new": clone(plain).fit(X, y), "congruent": congruent}
    for name in ("last-year.parquet", "today.parquet"):
        rows = pq.read_table(name)
        for model, fitted in models.items():
            rows = with_column(rows, model, fitted.predict(features(rows)).astype(np.int8))
        pq.write_table(rows, name)
    front = congruent.front_
    if front is None:
        raise RuntimeError  # strengths were compared, so there is one
    front.save("train.html")
    front.save("train.json")
    print(front)


if __name__ == "__main__":
    main()
