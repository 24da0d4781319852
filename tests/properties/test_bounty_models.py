"""Whatever JSON is sent is read or refused, in one way."""

import contextlib
import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from supersede.bounty.artefacts import Numbers, read_model
from supersede.errors import ArtefactError, ColumnTypeError, MissingColumnError

FORMS = [
    {"form": "constant", "values": [1]},
    {"form": "linear", "features": [{"column": "a", "missing": 0}], "weights": [[1]], "intercept": [0],
     "link": "number"},
    {"form": "tree", "features": [{"column": "a", "category": "f", "missing": None}],
     "feature": [0, -1, -1], "threshold": [0, 0, 0], "left": [1, -1, -1], "right": [2, -1, -1],
     "missing_left": [True, True, False], "values": [[0], [1], [2]]},
    {"form": "onnx", "columns": ["a"], "base64": "CAgI"},
]  # fmt: skip
plain = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.just(10**400), st.floats(), st.text(max_size=4),
    st.sampled_from(["a", "column", "tree", "sign"]),
)  # fmt: skip
anything = st.recursive(
    plain,
    lambda part: st.one_of(
        st.lists(part, max_size=4),
        st.dictionaries(st.sampled_from(["column", "category", "missing", "x"]), part, max_size=3),
    ),
    max_leaves=8,
)


@st.composite
def sent(draw):
    """A form with one of its parts replaced, left out, or put where it does not belong."""
    form = json.loads(json.dumps(draw(st.sampled_from(FORMS))))
    keys = st.sampled_from([*form, "form", "extra"])
    for key in draw(st.lists(keys, min_size=1, max_size=2)):
        value = draw(st.one_of(anything, st.just(KeyError)))
        if value is KeyError:
            form.pop(key, None)
        else:
            form[key] = value
    return form


@given(st.one_of(sent(), anything))
@settings(max_examples=400)
def test_any_json_is_read_or_refused(data):
    try:
        model = read_model(json.dumps(data).encode())
        assert read_model(json.dumps(model.to_dict()).encode()).to_dict() == model.to_dict()
        if data["form"] != "onnx":
            model.predict({"a": np.array([1.0, np.nan])}, Numbers(-10, 10))
    except (ArtefactError, MissingColumnError, ColumnTypeError):
        pass


@given(st.binary(max_size=50))
def test_any_bytes_are_read_or_refused(data):
    with contextlib.suppress(ArtefactError):
        read_model(data, columns=["a"])
