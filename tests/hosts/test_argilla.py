"""Records of the real Argilla SDK, exported by it; no server is needed for that. In make test-hosts."""

import uuid

import argilla
import pytest
from argilla.records._io import GenericIO

from supersede.errors import LabelError
from supersede.evaluate import estimate, plan, precision
from supersede.integrations.argilla import read_records, task_records
from tests.evaluate.cases import ensemble

CASE = ensemble(items=1500)
MADE = plan(CASE.table(), [precision("m0"), precision("m1")], seed=1)
PEOPLE = [uuid.uuid4(), uuid.uuid4()]


def response(value, person, status="submitted"):
    return argilla.Response("label", value, PEOPLE[person], status=status)


def exported(*, flatten=True):
    """Records as annotators leave them: two people each, but for a skip and a draft."""
    records = []
    for at, row in enumerate(task_records(MADE, data=lambda item: {"text": f"item {item}"})):
        own = {name: row.pop(name) for name in ("item", "design", "order")}
        said = str(CASE.truth[int(own["item"])])
        given = [response(said, 0), response(said, 1)]
        if at == 3:
            given = [response(None, 0, "discarded")]
        if at == 4:
            given.append(argilla.Response("label", "9", uuid.uuid4(), status="draft"))
        records.append(
            argilla.Record(
                id=row["id"], fields={"text": row["text"]}, metadata=own, responses=given,
                suggestions=[argilla.Suggestion("label", "7", agent="model")],
            )
        )  # fmt: skip
    return GenericIO.to_list(records, flatten=flatten)


def test_a_round_trip_with_a_skip_a_draft_and_two_annotators():
    labels = read_records(exported(), "label", plan=MADE)
    assert labels.design == MADE.design
    found = estimate(MADE, labels)
    assert found.skipped == 1
    assert found.agreement == 1.0


def test_what_does_not_fit_is_refused():
    with pytest.raises(LabelError, match="flatten=True"):
        read_records([{"id": "1", "item": "1", "label.responses": ["1"]}], "label", plan=MADE)
    nested = exported(flatten=False)
    with pytest.raises(LabelError, match="no metadata 'item'"):
        read_records(nested, "label", plan=MADE)
    for wrong in (["a", "b"], None):
        row = {"id": "1", "item": "1", "label.responses": [wrong]}
        row |= {"label.responses.status": ["submitted"], "label.responses.users": ["x"]}
        with pytest.raises(LabelError, match="takes one class"):
            read_records([row], "label", plan=MADE)
