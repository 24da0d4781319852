"""Texts of a figure keep apart at every width."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supersede.look.figures import Line, Mark, front_plot, line_plot
from supersede.look.placing import WIDTHS, Spot, Text, elided, place, stacked, thinned


def meet(one, other, width):
    a, b = one.box(width), other.box(width)
    return a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]


words = st.text("ab c漢א", min_size=1, max_size=12)
points = st.lists(st.tuples(st.floats(0, 100), st.floats(0, 200), words), max_size=8)


@given(points, st.lists(st.builds(Spot, st.floats(0, 100), st.floats(0, 200)), max_size=4))
def test_placed_texts_meet_nothing_and_stay_inside(points, spots):
    texts = [text for text in place(points, spots, 200) if text]
    there = [*spots, *texts]
    for width in WIDTHS:
        for at, text in enumerate(texts, len(spots)):
            left, right, top, bottom = text.box(width)
            assert left >= 0
            assert right <= width
            assert top >= 0
            assert bottom <= 200
            assert not any(meet(text, other, width) for other in there[:at])


def test_points_that_come_first_choose_first():
    one, other = place([(50, 50, "a" * 60), (50, 50, "b")], [], 100)
    assert one is None  # wider than the narrowest figure
    assert other == Text("b", 50, 54, 12)


@given(st.lists(st.floats(0, 190), min_size=1, max_size=10).map(sorted))
def test_stacked_texts_keep_the_order_of_their_points(downs):
    texts = stacked([(88, y, str(i)) for i, y in enumerate(downs)], 200)
    downs = [text.y for text in texts]
    assert downs == sorted(downs)
    assert all(b - a >= 15 for a, b in itertools.pairwise(downs))
    assert downs[-1] <= 200


@given(st.lists(st.tuples(st.floats(0, 100), words), max_size=20))
def test_labels_of_an_axis_keep_apart(labels):
    labels.sort()
    kept = thinned(labels, 12)
    assert bool(kept) is bool(labels)
    for width in WIDTHS:
        boxes = sorted(text.box(width) for text in kept)
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(boxes))


def test_a_text_that_fits_is_not_cut():
    assert elided("short", 200) == "short"
    assert elided("not that short", 60).endswith("…")


def test_names_that_do_not_fit_become_numbers_and_a_list():
    long = [Line(f"{'a name ' * 12}{i}", [0.1, 0.2]) for i in range(3)]
    page = line_plot(long, ["v1", "v2"], title="t", y_name="error")
    assert page.count("<li>") == 3
    assert ">3</text>" in page
    short = line_plot([Line("old", [0.1, 0.2])], ["v1", "v2"], title="t", y_name="error")
    assert "<li>" not in short
    assert ">old</text>" in short


@pytest.mark.parametrize("values", [[None, 0.1, 0.2], [0.1, None, 0.2], [None, None, None]])
def test_a_line_with_gaps_is_named_where_it_begins_to_end(values):
    page = line_plot([Line("old", values)], ["a", "b", "c"], title="t", y_name="error")
    assert page.count(">old</text>") == (1 if any(values) else 0)


def test_points_at_one_place_are_all_in_the_list():
    marks = [Mark(f"{'candidate ' * 5}{i}", 0.1, 0.2) for i in range(30)]
    page = front_plot(marks, title="t", description="d", x_name="error", y_name="flips")
    assert page.count("<li>") == 30
