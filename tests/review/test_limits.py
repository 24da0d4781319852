"""Limits: one reader for Python and the command line."""

import numpy as np
import pytest

from supersede import errors
from supersede.review import (
    MaxChurn,
    MaxDrop,
    MaxFlipCost,
    MaxGap,
    MaxMetric,
    MaxNFR,
    MaxRise,
    MaxScoreShift,
    MaxSliceNFR,
    MinGain,
    MinMetric,
    NoGroupRegresses,
    NoSliceWorse,
)
from supersede.review.limits import checked_limit, command_line_limit


@pytest.mark.parametrize(
    ("typed", "means"),
    [
        ("0.5%", 0.005), (".5pp", 0.005), ("0.3 %", 0.003), ("29%", 0.29), ("0.005", 0.005),
        ("-1%", -0.01), ("-0.01", -0.01), ("0.5 share", 0.5), ("50%", 0.5), ("1e-3", 0.001),
        ("0", 0.0),
    ],
)  # fmt: skip
def test_what_is_typed_is_read(typed, means):
    assert command_line_limit("--limit", typed) == means


@pytest.mark.parametrize("typed", ["0.5", "0.05", "1", "5", "-1", "-0.5", "0,5%"])
def test_the_remedy_for_what_is_ambiguous_works_when_typed(typed):
    with pytest.raises(errors.ArgumentError, match="write ") as caught:
        command_line_limit("--limit", typed)
    remedy = str(caught.value).split("write ")[1].split(" or,")[0]
    assert command_line_limit("--limit", remedy) == pytest.approx(
        float(typed.replace(",", ".").removesuffix("%")) / 100
    )


@pytest.mark.parametrize("typed", ["", "nan", "inf", "abc", "5‰", "1%%", "--", "0.5 shares"])
def test_what_is_no_limit_is_refused(typed):
    with pytest.raises(errors.ArgumentError, match="expected a limit"):
        command_line_limit("--limit", typed)


CHECKS = [MaxNFR, MaxChurn, MaxSliceNFR, MaxGap, MaxScoreShift, MinGain, NoSliceWorse, MaxFlipCost]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("value", [float("nan"), True, np.True_, None, "0.5", "x", [0.1]])
def test_no_check_takes_what_is_no_number(check, value):
    with pytest.raises(errors.ArgumentError, match="expected"):
        check(value)


@pytest.mark.parametrize(
    ("check", "value", "hint"),
    [
        (MaxNFR, 0, "MustNotBreak"), (MaxNFR, 1, "1 % is 0.01"), (MaxNFR, 5, "5 % is 0.05"),
        (MaxNFR, -0.1, "leave out the sign: 0.1"), (MinGain, 5, "5 points are 0.05"),
        (MinGain, -1, "-1 points are -0.01"), (NoSliceWorse, 2, "2 points are 0.02"),
        (MaxFlipCost, 0, "above 0"), (MaxFlipCost, float("inf"), "finite"),
    ],
)  # fmt: skip
def test_limits_that_make_no_sense_say_what_does(check, value, hint):
    with pytest.raises(errors.ArgumentError) as caught:
        check(value)
    assert hint in str(caught.value)


def test_text_with_a_unit_and_numbers_of_every_kind_are_limits():
    assert MaxNFR("0.5%") == MaxNFR(0.005) == MaxNFR(np.float64(0.005))
    assert NoSliceWorse("2pp").delta == NoSliceWorse(0.02).delta
    assert MaxNFR(0.5).limit == 0.5  # in Python a number is a share
    assert checked_limit("x", "0.3 share", "share") == 0.3


@pytest.mark.parametrize("size", [0, -1, 2.5, True, "30"])
def test_sizes_are_whole_numbers(size):
    with pytest.raises(errors.ArgumentError, match="min_items"):
        MaxSliceNFR(0.02, min_items=size)


def test_limits_on_metrics_are_read_by_the_same_reader():
    assert MinMetric("accuracy", "80%").limit == 0.8
    assert MaxDrop("f1", "2pp", groups="site").groups == ("site",)
    assert MaxMetric("log_loss", 1).limit == 1.0
    nonsense = [
        lambda: MinMetric("accuracy", True),
        lambda: MinMetric("accuracy", "80"),
        lambda: MinMetric("accuracy", None),
        lambda: MinMetric("accuracy", 1.01),
        lambda: MaxDrop("accuracy", -0.01),
        lambda: MaxRise("log_loss", np.inf),
        lambda: MaxMetric("log_loss", "40%"),
        lambda: MinMetric("accuracy", 0.8, min_items=0),
        lambda: MinMetric("accuracy", 0.8, groups=5),
        lambda: MinMetric("accuracy", 0.8, groups=()),
        lambda: MinMetric(5, 0.8),
        lambda: NoGroupRegresses(after=None, before="history.jsonl", tolerance=-1),
        lambda: NoGroupRegresses(after=None, before="history.jsonl"),
    ]
    for make in nonsense:
        with pytest.raises(errors.ArgumentError):
            make()
