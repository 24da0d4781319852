"""``cv_results_`` of a random and of a halving search."""

import sys
from pathlib import Path

import pandas as pd
from scipy.stats import loguniform
from sklearn.datasets import load_breast_cancer
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import HalvingRandomSearchCV, RandomizedSearchCV
from sklearn.tree import DecisionTreeClassifier

out = Path(sys.argv[1])
X, y = load_breast_cancer(return_X_y=True)
space = {
    "max_depth": [1, 2, 3, 5, 8],
    "ccp_alpha": loguniform(1e-5, 1e-1),
    "criterion": ["gini", "entropy"],
}
found = RandomizedSearchCV(
    DecisionTreeClassifier(random_state=0), space, n_iter=30, cv=5, random_state=0
)
pd.DataFrame(found.fit(X, y).cv_results_).to_csv(out / "sklearn_cv_results.csv", index=False)
scores = {"auc": "roc_auc", "acc": "accuracy"}
both = RandomizedSearchCV(
    DecisionTreeClassifier(random_state=0),
    space,
    n_iter=5,
    scoring=scores,
    refit="auc",
    cv=3,
    random_state=0,
)
pd.DataFrame(both.fit(X, y).cv_results_).to_csv(out / "sklearn_two_scores.csv", index=False)
halving = HalvingRandomSearchCV(
    DecisionTreeClassifier(random_state=0),
    space,
    n_candidates=9,
    min_resources=60,
    cv=3,
    random_state=0,
)
pd.DataFrame(halving.fit(X, y).cv_results_).to_csv(out / "sklearn_halving.csv", index=False)
