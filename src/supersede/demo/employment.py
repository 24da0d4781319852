"""Employment in Massachusetts: a deployed model and two trained to replace it, on census records.

The README in this folder describes the data.
"""

from importlib.resources import as_file, files

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from supersede.errors import MissingExtraError

__all__ = ["FEATURES", "RACE", "SEX", "employment", "features", "named"]

FEATURES = (
    "AGEP", "SCHL", "MAR", "RELP", "DIS", "ESP", "CIT", "MIG", "MIL", "ANC", "NATIVITY", "DEAR",
    "DEYE", "DREM",
)  # fmt: skip
SEX = {1: "male", 2: "female"}
RACE = {
    1: "White",
    2: "Black",
    3: "American Indian",
    4: "Alaska Native",
    5: "Native, tribe not specified",
    6: "Asian",
    7: "Pacific Islander",
    8: "other",
    9: "two or more",
}  # the survey's groups by its own code list, names shortened


def employment() -> pa.Table:
    """Predictions of the deployed model and of two new ones for the records of 2018.

    The new model is scikit-learn's gradient boosting on histograms with its default settings,
    trained on the records of 2015 and 2016. The congruent one is the same, but trained to be right
    where the deployed one is; the strength is chosen on the records of 2016, with models of 2015.

    Returns:
        One row per person: ``id``, ``employed`` (the label), ``sex``, ``race``, ``age``, and class
        and score of all three models.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        from sklearn.base import clone
        from sklearn.ensemble import HistGradientBoostingClassifier

        from supersede.train.flips import PositiveCongruentClassifier
    except ImportError as error:
        raise MissingExtraError.of(
            package="scikit-learn", extra="demo", purpose="the demonstration"
        ) from error

    with as_file(files("supersede.demo") / "acs_employment.parquet") as path:
        records = pq.read_table(path)
    before = records.filter(pc.less(records["year"], 2018))
    after = records.filter(pc.equal(records["year"], 2018))
    X, y = features(before), before["employed"].to_numpy()
    year = before["year"].to_numpy()
    deployed = before["deployed_probability"].to_numpy()
    plain = HistGradientBoostingClassifier(random_state=0)
    congruent = PositiveCongruentClassifier(
        plain,
        mode="weights",
        strengths=(1.0, 2.0, 4.0),
        tolerance=0.001,
        confidence=None,  # one year of one state is too little to show a tenth of a point
        cv=[(np.flatnonzero(year == 2015), np.flatnonzero(year == 2016))],
    )
    new = clone(plain).fit(X, y)
    congruent.fit(X, y, old_output=np.column_stack([1 - deployed, deployed]))
    score, congruent_score = (m.predict_proba(features(after))[:, 1] for m in (new, congruent))
    return pa.table(
        {
            "id": after["id"],
            "employed": after["employed"],
            "sex": named(after["SEX"], SEX),
            "race": named(after["RAC1P"], RACE),
            "age": after["AGEP"],
            "deployed_prediction": after["deployed_prediction"],
            "deployed_probability": after["deployed_probability"],
            "new_prediction": (score >= 0.5).astype(np.int8),
            "new_probability": score,
            "congruent_prediction": (congruent_score >= 0.5).astype(np.int8),
            "congruent_probability": congruent_score,
        }
    )


def features(records: pa.Table) -> npt.NDArray[np.float64]:
    """What the models read, shape ``(n, 14)``."""
    return np.column_stack([records[name].to_numpy().astype(float) for name in FEATURES])


def named(codes: pa.ChunkedArray, names: dict[int, str]) -> list[str]:
    """Codes of the survey in words."""
    return [names[code] for code in codes.to_pylist()]
