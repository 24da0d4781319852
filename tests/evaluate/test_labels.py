"""Labels as they come back: other plans, contradictions, several annotators, files."""

import pytest

from supersede.errors import LabelError, TooFewLabelsError
from supersede.evaluate import (
    Annotation,
    Labels,
    estimate,
    load_plan,
    plan,
    precision,
    read_labels,
    write_plan,
)
from supersede.evaluate.plan_file import write_rows
from tests.evaluate.cases import ensemble

CASE = ensemble(items=1500)
MADE = plan(CASE.table(), [precision("m0"), precision("m1")], seed=1)


def annotated(made=MADE, **changed) -> Labels:
    notes = [Annotation(i, y) for i, y in zip(*CASE.label(made).values(), strict=True)]
    return Labels(tuple(notes), changed.get("design", made.design))


def test_labels_of_another_plan_are_refused_with_the_reason():
    other = plan(CASE.table(), [precision("m0")], seed=2)
    with pytest.raises(LabelError, match=f"for design {other.design}, this plan is {MADE.design}"):
        estimate(MADE, annotated(other))


def test_labels_of_an_earlier_plan_count_where_it_is_named():
    wide = plan(CASE.table(), [precision("m0")], margin=0.08, method="coordinated")
    tight = plan(CASE.table(), [precision("m0")], margin=0.05, method="coordinated", after=wide)
    both = annotated(wide) + Labels(annotated(tight).annotations, wide.design)
    assert estimate(tight, both).missing == 0


def test_labels_that_nobody_asked_for_are_left_out_and_said():
    asked = set(MADE.items["item"].to_pylist())
    extra = next(i for i in range(1500) if i not in asked)
    with_extra = annotated() + Labels((Annotation(extra, 1),))
    found = estimate(MADE, with_extra)
    assert found.unasked == (extra,)
    assert found.each == estimate(MADE, annotated()).each
    assert "left out" in repr(found)


def test_contradictions_are_refused_or_decided_by_majority():
    first = MADE.items["item"].to_pylist()[0]
    truth = int(CASE.truth[first])
    doubt = annotated() + Labels((Annotation(first, 1 - truth, "b"),))
    with pytest.raises(LabelError, match=f"contradict each other, such as {first}"):
        estimate(MADE, doubt)
    tie = estimate(MADE, doubt, disagreement="majority")
    assert tie.disputed == (first,)
    assert tie.skipped == 1  # a tie counts as skipped
    assert tie.agreement == 0.0
    two = doubt + Labels((Annotation(first, truth, "c"),))
    assert estimate(MADE, two, disagreement="majority").skipped == 0


def test_no_labels_for_the_plan_at_all():
    with pytest.raises(LabelError, match="none of the 1 labels is for an item of this plan"):
        estimate(MADE, {"item": [999_999], "label": [1]})


def test_a_label_that_no_state_says():
    from supersede.evaluate import accuracy

    made = plan(CASE.table(), accuracy("m0"))
    ids = made.items["item"].to_pylist()
    with pytest.raises(LabelError, match=r"not a class of this plan: 7 .*plan again with classes="):
        estimate(made, {"item": ids, "label": [7] * len(ids)})


def test_a_file_without_the_columns_says_which_it_has():
    with pytest.raises(LabelError, match="need a column 'label'; there are 'item', 'answer'"):
        read_labels({"item": [1], "answer": [1]})


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("method", ["allocated", "coordinated", "parent_child"])
def test_plans_and_labels_survive_files(tmp_path, ending, method):
    import pyarrow as pa

    asked = [precision("m0").within(sex="f"), precision("m0"), precision("m1")]
    asked = asked[1:] if method == "parent_child" else asked
    made = plan(CASE.table(), asked, method=method, parent="m0", seed=3)
    written, _ = write_plan(made, tmp_path / f"plan.{ending}")
    again = load_plan(written)
    assert again.design == made.design
    sheet = made.tasks()
    filled = [str(CASE.truth[i]) for i in sheet["item"].to_pylist()]
    at = sheet.column_names.index("label")
    sheet = sheet.set_column(at, "label", pa.array(filled))
    write_rows(sheet, tmp_path / f"labels.{ending}")
    back = read_labels(tmp_path / f"labels.{ending}")
    assert back.design == made.design
    assert estimate(again, back).each == estimate(made, CASE.label(made, reserves=True)).each


def test_annotators_do_not_see_what_the_models_said():
    assert not {"m0", "m1", "inclusion", "pattern"} & set(MADE.tasks().column_names)
    assert "m0" in MADE.tasks(votes=True).column_names


def test_a_missing_design_file_is_named(tmp_path):
    from supersede.errors import ReportError, SourceError

    with pytest.raises(SourceError, match=r"cannot read the plan's design .*plan\.csv\.design"):
        load_plan(tmp_path / "plan.csv")
    with pytest.raises(ReportError, match=r"must end in \.csv, \.jsonl or \.parquet"):
        write_plan(MADE, tmp_path / "plan.xls")
    with pytest.raises(ReportError, match="does the folder exist"):
        write_plan(MADE, tmp_path / "no" / "plan.csv")


def test_an_estimand_without_a_label_says_so():
    both = plan(CASE.table(), [precision("m0"), precision("m1")], seed=1, method="coordinated")
    labels = CASE.label(both)
    kept = [at for at, item in enumerate(labels["item"]) if CASE.columns["m1"][item] == 0]
    found = estimate(both, {name: [values[at] for at in kept] for name, values in labels.items()})
    with pytest.raises(
        TooFewLabelsError, match=r"precision\(m1\): none of its items is labelled yet"
    ):
        found["precision(m1)"]
