"""Inputs that break other terminators: nothing raises, and nothing goes on for ever in silence."""

import math
import time

import numpy as np
import pytest

from supersede.errors import HistoryError, SpaceError
from supersede.search.stopping import (
    DEFAULT,
    Categorical,
    Float,
    History,
    Int,
    ParameterSpace,
    State,
    Trial,
    decide,
)

UNIT = ParameterSpace({"x": Float(0, 1), "y": Float(0, 1)})


def _bowl(count=90, seed=0, error=0.05, **extra):
    rng = np.random.default_rng(seed)
    places = rng.random((count, 2))
    return [
        Trial(
            {"x": float(a), "y": float(b)},
            float((a - 0.4) ** 2 + (b - 0.6) ** 2),
            standard_error=error,
            **extra,
        )
        for a, b in places
    ]


def _with(trials, index, **changes):
    changed = list(trials)
    old = changed[index]
    fields = {"value": old.value, "standard_error": old.standard_error, **changes}
    changed[index] = Trial(old.params, **fields)
    return changed


def test_the_bowl_itself_stops():
    decision = decide(History(UNIT, _bowl()))
    assert decision.stop
    assert decision.unseen < 0.3


def test_a_best_trial_without_fold_scores_uses_the_next_best():
    trials = _bowl()
    best = min(range(len(trials)), key=lambda i: trials[i].value)
    decision = decide(History(UNIT, _with(trials, best, standard_error=None)))
    assert decision.stop
    assert "the best trial has none itself" in decision.reason


@pytest.mark.parametrize("fold", [math.nan, math.inf, 1e300])
def test_one_odd_fold_is_left_out_or_survived(fold):
    trials = [
        Trial(
            t.params, t.value, folds=[t.value - 0.1, t.value + 0.1, t.value, t.value + 0.02, fold]
        )
        for t in _bowl()
    ]
    decision = decide(History(UNIT, trials))
    assert decision.stop


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300, None])
def test_an_odd_value_does_not_hold_up_the_rest(value):
    decision = decide(History(UNIT, _with(_bowl(), 5, value=value)))
    assert decision.stop
    if value is None or not math.isfinite(value):
        assert "1 of 90 trials failed or have no finite value" in decision.reason


def test_a_constant_objective_stops_at_the_first_check():
    trials = [Trial(t.params, 0.25, folds=[0.25] * 5) for t in _bowl(20)]
    decision = decide(History(UNIT, trials))
    assert decision.stop
    assert decision.improvement == 0
    assert "all 20 values are the same" in decision.reason


def test_an_exhausted_space_stops_at_once():
    space = ParameterSpace({"n": Int(1, 4), "kind": Categorical(("a", "b"))})
    trials = [Trial({"n": n, "kind": k}, n + len(k)) for n in range(1, 5) for k in "ab"]
    assert not decide(History(space, trials[:-1])).stop
    decision = decide(History(space, trials))
    assert decision.stop
    assert "points were tried" in decision.reason


@pytest.mark.parametrize("points", [1, 2, 3])
def test_even_the_smallest_space_is_exhausted(points):
    space = ParameterSpace({"n": Int(1, points)})
    decision = decide(History(space, [Trial({"n": n}, n) for n in range(1, points + 1)]))
    assert decision.stop
    assert decision.improvement in (0, None)


def test_disjoint_conditional_spaces_are_judged():
    rng = np.random.default_rng(0)
    trials = []
    for i in range(120):
        name, x = "ab"[i % 2], float(rng.random())
        trials.append(
            Trial({f"x{name}": x}, (x - 0.4) ** 2 + 0.3 * (name == "b"), standard_error=0.05)
        )
    space = ParameterSpace({"xa": Float(0, 1), "xb": Float(0, 1)})
    assert decide(History(space, trials)).stop


def test_a_declared_condition_that_is_broken_by_a_trial_is_survived():
    space = ParameterSpace(
        {
            "m": Categorical(("a", "b")),
            "x": Float(0, 1, when={"m": ("a",)}),
        }
    )
    rng = np.random.default_rng(1)
    trials = [Trial({"m": "b", "x": float(rng.random())}, float(rng.random())) for _ in range(30)]
    assert decide(History(space, trials)).trials == 30


def test_values_outside_the_range_are_survived():
    rng = np.random.default_rng(2)
    trials = [Trial({"x": float(v), "y": 0.5}, float(v)) for v in 3 * rng.random(40) - 1]
    assert decide(History(UNIT, trials)).trials == 40


def test_unknown_choices_and_unusable_parameters_are_survived():
    space = ParameterSpace({"kind": Categorical(("a", "b")), "x": Float(1e-3, 1, log=True)})
    trials = [
        Trial({"kind": "abz"[i % 3], "x": [0.1, -1, None, "no"][i % 4]}, i) for i in range(30)
    ]
    assert decide(History(space, trials)).trials == 30


@pytest.mark.parametrize("state", [State.PRUNED, State.FAILED])
def test_half_without_values_still_stops(state):
    rng = np.random.default_rng(3)
    trials = []
    for good in _bowl():
        places = {"x": float(rng.random()), "y": float(rng.random())}
        trials += [good, Trial(places, state=state)]
    decision = decide(History(UNIT, trials))
    assert decision.stop
    assert str(len(trials)) in decision.reason


def test_nothing_but_failures_says_so():
    trials = [Trial({"x": 0.5, "y": i / 40}, state=State.FAILED) for i in range(40)]
    decision = decide(History(UNIT, trials))
    assert not decision.stop
    assert "40 of 40 trials failed" in decision.reason
    assert decision.best is None


def test_an_empty_history_and_an_empty_space():
    assert not decide(History(UNIT)).stop
    assert not decide(History(ParameterSpace({}), [Trial({}, float(i)) for i in range(30)])).stop


def test_several_objectives_are_refused_clearly():
    with pytest.raises(HistoryError, match="several objectives"):
        Trial({"x": 0.5}, (1.0, 2.0))


def test_numbers_beyond_a_float_are_refused():
    with pytest.raises(HistoryError, match="too large for a float"):
        Trial({"x": 0.5}, 10**400)


@pytest.mark.parametrize("folds", [["a", "b"], [[1.0, 2.0]], 3.0])
def test_folds_that_are_no_list_of_numbers_are_refused(folds):
    with pytest.raises(HistoryError, match="flat list of numbers"):
        Trial({"x": 0.5}, 1.0, folds=folds)


def test_spaces_that_make_no_sense_are_refused():
    with pytest.raises(SpaceError, match="low <= high"):
        Float(1, 0)
    with pytest.raises(SpaceError, match="low > 0"):
        Float(0, 1, log=True)
    with pytest.raises(SpaceError, match="circular"):
        ParameterSpace(
            {
                "a": Float(0, 1, when={"b": (1,)}),
                "b": Float(0, 1, when={"a": (1,)}),
            }
        )


def test_five_thousand_trials_are_judged_in_seconds():
    start = time.process_time()
    assert decide(History(UNIT, _bowl(5000))).stop
    assert time.process_time() - start < 20  # about 3 on an idle machine


def test_a_reason_is_always_given():
    for count in (0, 1, 2, 3, 5, 19, 20, 40):
        assert decide(History(UNIT, _bowl(count)), DEFAULT).reason
