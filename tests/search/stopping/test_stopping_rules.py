"""Criteria without a model, failures of a criterion, pruned trials, searches without an error."""

import numpy as np
import pytest

from supersede.errors import ArgumentError
from supersede.search.stopping import (
    AnyOf,
    Budget,
    Categorical,
    Float,
    History,
    IfReported,
    Int,
    NoImprovement,
    ParameterSpace,
    State,
    TargetValue,
    TooManyFailures,
    Trial,
    decide,
    replay,
)

LINE = ParameterSpace({"x": Float(0, 1)})


def history(values, maximize=False, **settings):
    return History(
        LINE, [Trial({"x": i / 99 % 1}, v, **settings) for i, v in enumerate(values)], maximize
    )


@pytest.mark.parametrize(
    "space",
    [
        {"a": Categorical(("only",)), "b": Int(1, 6)},
        {"a": Categorical(("only",)), "b": Int(1, 6, when={"a": ("only",)})},
        {"b": Int(1, 6), "a": Int(3, 3, when={"b": (1, 2)}), "c": Int(1, 2, when={"a": (3,)})},
        {"b": Int(1, 6), "a": Float(0.5, 0.5)},
    ],
)
def test_a_parameter_with_one_value_is_no_obstacle(space):
    found = History(ParameterSpace(space))
    rng = np.random.default_rng(0)
    for _ in range(60):
        b = int(rng.integers(1, 7))
        params = {"b": b} | {n: getattr(p, "low", "only") for n, p in space.items() if n == "a"}
        if "c" in space and b < 3:
            params["c"] = int(rng.integers(1, 3))
        found = found.told(Trial(params, (b - 3) ** 2 + params.get("c", 0) / 10))
    decision = decide(found)
    assert decision.failure is None
    assert decision.stop


def test_a_condition_on_the_one_value_decides_what_applies():
    space = ParameterSpace(
        {
            "kind": Categorical(("a",)),
            "x": Int(1, 2, when={"kind": ("a",)}),
            "y": Int(1, 2, when={"kind": ("b",)}),  # never applies
        }
    )
    found = History(space, [Trial({"kind": "a", "x": x}, float(x)) for x in (1, 2)])
    assert decide(found).reason.startswith("all of the at most")


class Broken:
    def judge(self, evidence):
        return (1, 2).index(3)


def test_a_criterion_that_fails_is_replaced_and_reported():
    searched = history([1.0] + [2.0] * 99)
    with pytest.warns(RuntimeWarning, match="not in tuple"):
        decision = decide(searched, Broken())
    assert decision.stop  # by patience
    assert "not in tuple" in decision.failure
    with pytest.warns(RuntimeWarning):
        early = decide(searched.first(12), Broken())
    assert not early.stop
    with pytest.warns(RuntimeWarning):
        spent = decide(searched.first(12), AnyOf(Broken(), Budget(trials=5)))
    assert spent.stop
    assert "budget" in spent.reason
    assert decide(searched).failure is None


def test_targets_small_gains_and_failures():
    falling = history([1 - 0.001 * i for i in range(60)])
    assert decide(falling, TargetValue(0.95)).stop
    assert not decide(falling, TargetValue(0.9)).stop
    assert decide(history([0.5, 0.9], maximize=True), TargetValue(0.9)).stop
    assert not decide(falling, NoImprovement(20)).stop
    assert not decide(falling, NoImprovement(20, min_delta=0.019)).stop  # small gains add up
    assert decide(falling, NoImprovement(20, min_delta=0.1)).stop
    mixed = history([1.0] * 10).told(*[Trial({"x": 0.5}, state=State.FAILED)] * 12)
    assert decide(mixed, TooManyFailures(20, 0.5)).stop
    assert not decide(mixed, TooManyFailures(22, 0.6)).stop
    assert not decide(mixed, TooManyFailures(40)).stop
    for wrong in (
        lambda: TargetValue(float("nan")),
        lambda: NoImprovement(min_delta=-1),
        lambda: NoImprovement(errors=float("inf")),
        lambda: TooManyFailures(share=0),
    ):
        with pytest.raises(ArgumentError):
            wrong()


def test_pruned_trials_count_towards_patience():
    rng = np.random.default_rng(0)
    trials = []
    for _ in range(200):
        x = float(rng.random())
        pruned = rng.random() < 0.85
        trials.append(
            Trial({"x": x}, None, state=State.PRUNED) if pruned else Trial({"x": x}, (x - 0.3) ** 2)
        )
    found = replay(History(LINE, trials), every=10)
    assert found.stop is not None
    assert found.stop < 150
    assert History(LINE, trials).stagnation > 100


def test_a_search_without_an_error_stops_once_gains_are_small():
    rng = np.random.default_rng(1)
    places = rng.random((150, 2))
    space = ParameterSpace({"x": Float(0, 1), "y": Float(0, 1)})
    bowl = History(
        space, [Trial({"x": x, "y": y}, (x - 0.3) ** 2 + (y - 0.6) ** 2) for x, y in places]
    )
    found = replay(bowl, every=10)
    assert 50 <= found.stop <= 130
    assert "no error was reported" in found.reason
    scaled = History(space, [Trial(t.params, 7e6 * t.value - 3e5) for t in bowl.trials])
    assert replay(scaled, every=10).stop == found.stop


def test_one_of_two_rules_by_what_is_reported():
    rule = IfReported(Budget(trials=1), Budget(trials=100))
    assert decide(history([1.0, 2.0], standard_error=0.1), rule).stop
    assert not decide(history([1.0, 2.0]), rule).stop
