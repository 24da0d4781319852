"""What must hold of every audit."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

import supersede
from supersede.audit import Condition, Group, audit_groups, audit_losses
from supersede.metrics.ratio_sums import sum_ratios
from supersede.metrics.ratios import Part

LOSSES = st.lists(
    st.tuples(
        st.sampled_from([0.0, 1.0, 0.25, float("nan")]),
        st.sampled_from([0.0, 1.0, 0.5]),
        st.sampled_from(["a", "b", None]),
        st.sampled_from(["x", "y"]),
        st.sampled_from([0.0, 0.5, 2.0]),
    ),
    min_size=1,
    max_size=60,
)


def columns(rows):
    new, old, g, h, w = zip(*rows, strict=True)
    return np.array(new), np.array(old), list(g), list(h), np.array(w)


@settings(max_examples=60, deadline=None)
@given(LOSSES, st.booleans())
def test_every_row_holds_together(rows, weighted):
    new, old, g, h, w = columns(rows)
    audit = audit_losses(
        new, {"g": g, "h": h}, old=old, cross=[("g", "h")], weight=w if weighted else None
    )
    for split in ("g", "h", "g × h"):
        of_split = [row for row in audit.rows if row.split == split]
        assert sum(row.items for row in of_split) == len(rows)
        assert sum(row.n for row in of_split) == audit.overall.n == np.sum(~np.isnan(new))
    for row in (audit.overall, *audit.rows):
        if not np.isnan(row.value):
            assert 0 <= row.low <= row.value <= row.high <= 1
            assert 0 <= row.joint_low <= row.value <= row.joint_high <= 1
            assert row.gap == 0 or abs(row.gap - (row.value - audit.overall.value)) < 1e-12
            assert row.gap_low - 1e-12 <= row.gap <= row.gap_high + 1e-12
            assert abs(row.change - (row.value - row.old)) < 1e-12
    audit.to_html()


@settings(max_examples=40, deadline=None)
@given(LOSSES, st.randoms(use_true_random=False))
def test_order_does_not_matter(rows, random):
    def values(rows):
        new, old, g, h, w = columns(rows)
        found = audit_losses(new, {"g": g, "h": h}, old=old, weight=w, cluster=h)
        return {
            r.group: [r.value, r.low, r.joint_high, r.gap_low, r.change_high] for r in found.rows
        }

    shuffled = list(rows)
    random.shuffle(shuffled)
    before, after = values(rows), values(shuffled)
    assert before.keys() == after.keys()
    for group, numbers in before.items():
        np.testing.assert_allclose(numbers, after[group], rtol=1e-7, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(LOSSES)
def test_parts_add_up(rows):
    new, old, _, h, w = columns(rows)
    both = np.concatenate([new, new])

    def counted(losses, times):
        part = [Part(losses), Part(np.tile(old, times))]
        keys = {"h": pa.array(h * times)}
        return sum_ratios(part, keys, [("h",)], weight=np.tile(w, times))[0]

    once, twice = counted(new, 1), counted(both, 2)
    added = once + once
    np.testing.assert_allclose(added.sums, twice.sums, atol=1e-9)
    np.testing.assert_allclose(added.products, twice.products, atol=1e-9)
    np.testing.assert_allclose(added.moments(1).mean, twice.moments(1).mean, equal_nan=True)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from(["a", "b", None]), st.sampled_from([1, 2, 5, None])),
        min_size=1, max_size=40,
    )
)  # fmt: skip
def test_declared_groups_equal_a_plain_count(rows):
    wrong, g, age = (list(column) for column in zip(*rows, strict=True))
    table = supersede.read(
        pa.table({"y": [1] * len(rows), "m": [0 if w else 1 for w in wrong],
                  "g": pa.array(g, pa.string()), "age": pa.array(age, pa.int64())}),
        models=["m"],
    )  # fmt: skip
    groups = [
        Group("1", (Condition("g", "==", "a"), Condition("age", ">", 1))),
        Group("2", (Condition("age", "<=", 2),)),
    ]
    audit = audit_groups(table, "m", groups=groups)
    one, two = (row for row in audit.rows if row.known)
    inside = [w for w, who, a in rows if who == "a" and a is not None and a > 1]
    assert one.n == len(inside)
    assert np.isnan(one.value) if not inside else one.value == np.mean(inside)
    assert two.n == sum(a is not None and a <= 2 for a in age)
    unsure = {row.group: row.n for row in audit.rows if not row.known}
    maybe = sum(
        (who is None or a is None) and who in ("a", None) and (a is None or a > 1)
        for _, who, a in rows
    )
    assert unsure.get("1 (g = a and age > 1): unknown", 0) == maybe
