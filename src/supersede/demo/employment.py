"""Employment in Massachusetts: a deployed model and one trained to replace it, on census records.

The data is described in the README beside this file.
"""

from importlib.resources import as_file, files

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from supersede.errors import MissingExtraError

__all__ = ["employment"]

_FEATURES = (
    "AGEP", "SCHL", "MAR", "RELP", "DIS", "ESP", "CIT", "MIG", "MIL", "ANC", "NATIVITY", "DEAR",
    "DEYE", "DREM",
)  # fmt: skip
_SEX = {1: "male", 2: "female"}
_RACE = {
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
    """Predictions of the deployed model and of a new one for the records of 2018.

    The new model is scikit-learn's gradient boosting on histograms with its default settings,
    trained on the records of 2015 and 2016.

    Returns:
        One row a person: ``id``, ``employed`` (the label), ``sex``, ``race``, ``age``, and class
        and score of both models.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
    except ImportError as error:
        raise MissingExtraError.of(
            package="scikit-learn", extra="demo", purpose="the demonstration"
        ) from error

    with as_file(files("supersede.demo") / "acs_employment.parquet") as path:
        records = pq.read_table(path)
    before = records.filter(pc.less(records["year"], 2018))
    after = records.filter(pc.equal(records["year"], 2018))
    model = HistGradientBoostingClassifier(random_state=0)
    model.fit(_features(before), before["employed"].to_numpy())
    score = model.predict_proba(_features(after))[:, 1]
    return pa.table(
        {
            "id": after["id"],
            "employed": after["employed"],
            "sex": _named(after["SEX"], _SEX),
            "race": _named(after["RAC1P"], _RACE),
            "age": after["AGEP"],
            "deployed_prediction": after["deployed_prediction"],
            "deployed_probability": after["deployed_probability"],
            "new_prediction": (score >= 0.5).astype(np.int8),
            "new_probability": score,
        }
    )


def _features(records: pa.Table) -> npt.NDArray[np.float64]:
    return np.column_stack([records[name].to_numpy().astype(float) for name in _FEATURES])


def _named(codes: pa.ChunkedArray, names: dict[int, str]) -> list[str]:
    return [names[code] for code in codes.to_pylist()]
