import numpy as np
import pytest

from supersede.errors import ArgumentError
from supersede.search.stopping import (
    AllOf,
    AnyOf,
    AtLeast,
    Budget,
    CostAware,
    Deadline,
    Evidence,
    ExpectedImprovement,
    ExpectedRegretGap,
    FixedError,
    Float,
    History,
    InARow,
    NoImprovement,
    OptimisticGain,
    ParameterSpace,
    ProbabilisticRegretBound,
    ProbabilityOfImprovement,
    RegretBound,
    State,
    Trial,
    decide,
)

SPACE = ParameterSpace({"x": Float(0, 1), "y": Float(0, 1)})
MODEL_BASED = [
    RegretBound(),
    RegretBound(share=0.5),
    OptimisticGain(),
    ExpectedImprovement(),
    ProbabilityOfImprovement(),
    ExpectedRegretGap(),
    ProbabilisticRegretBound(),
    CostAware(seconds_per_error=1.0),
]


def _history(count=70, seed=0):
    rng = np.random.default_rng(seed)
    trials = [
        Trial({"x": float(x), "y": float(y)}, float((x - 0.5) ** 2 + (y - 0.3) ** 2), seconds=10.0)
        for x, y in rng.random((count, 2))
    ]
    return History(SPACE, tuple(trials))


@pytest.mark.parametrize("rule", MODEL_BASED, ids=lambda rule: type(rule).__name__)
def test_a_large_error_stops_and_a_small_one_does_not(rule):
    history = _history()
    assert decide(history, rule, error=FixedError(0.5)).stop
    small = decide(history, rule, error=FixedError(1e-9))
    assert not small.stop
    assert small.reason


@pytest.mark.parametrize("rule", MODEL_BASED, ids=lambda rule: type(rule).__name__)
def test_few_trials_are_not_judged(rule):
    decision = decide(_history(2), rule, error=FixedError(0.5))
    assert not decision.stop
    assert "too few" in decision.reason


def test_what_is_left_to_gain_shrinks_with_trials():
    history = _history(100)
    gains = [
        decide(history.first(n), OptimisticGain(), error=FixedError(1.0)).improvement
        for n in (10, 30, 100)
    ]
    assert gains[0] > gains[1] > gains[2]


def test_the_article_bounds_the_gain_by_less_with_half_the_data():
    history = _history(60)
    whole = decide(history, RegretBound(), error=FixedError(1.0)).improvement
    half = decide(history, RegretBound(share=0.5), error=FixedError(1.0)).improvement
    assert whole != half


def test_costly_trials_are_worth_less():
    history = _history(40)
    cheap = History(SPACE, tuple(Trial(t.params, t.value, seconds=1e-6) for t in history.trials))
    rule = CostAware(seconds_per_error=60.0)
    assert decide(history, rule, error=FixedError(0.05)).stop
    assert not decide(cheap, rule, error=FixedError(0.05)).stop


def test_cost_is_predicted_where_it_varies():
    rng = np.random.default_rng(0)
    trials = [
        Trial({"x": float(x), "y": 0.5}, float((x - 0.9) ** 2), seconds=float(np.exp(8 * x)))
        for x in rng.random(40) * 0.6
    ]
    history = History(SPACE, tuple(trials))
    decision = decide(history, CostAware(1.0), error=FixedError(0.2))
    assert "its cost of" in decision.reason


def test_patience_counts_trials_with_values():
    trials = [Trial({"x": 0.1}, 1.0), *[Trial({"x": 0.2}, 2.0)] * 4]
    history = History(SPACE, (*trials, Trial({"x": 0.3}, state=State.FAILED)))
    assert decide(history, NoImprovement(4)).stop
    assert not decide(history, NoImprovement(5)).stop
    assert decide(history, NoImprovement(2, share=0.8)).stop
    assert not decide(history, NoImprovement(2, share=0.9)).stop


def test_running_trials_are_spent():
    pending = Trial({"x": 0.4}, state=State.PENDING)
    history = History(SPACE, (Trial({"x": 0.1}, 1.0, seconds=5.0), pending))
    assert decide(history, Budget(trials=2)).stop
    assert not decide(history, Budget(trials=3)).stop
    assert decide(history, Budget(seconds=5)).stop
    assert "1 are running" in decide(history, Budget(trials=3)).reason


def test_a_deadline_is_told_by_its_clock():
    assert decide(_history(3), Deadline(100.0, clock=lambda: 101.0)).stop
    assert "20 seconds away" in decide(_history(3), Deadline(100.0, clock=lambda: 80.0)).reason


def test_and_or_and_in_a_row():
    yes, no = AtLeast(1), AtLeast(1000)
    history = _history(10)
    assert decide(history, AllOf(yes, yes)).stop
    assert not decide(history, AllOf(yes, no)).stop
    assert decide(history, AnyOf(no, yes)).stop
    assert not decide(history, AnyOf(no, no)).stop
    assert decide(history, InARow(AtLeast(8), 3)).stop
    assert not decide(history, InARow(AtLeast(9), 3)).stop


def test_a_combination_keeps_the_reasons_that_decided():
    reason = (
        AllOf(AtLeast(5), Budget(trials=99), NoImprovement(98)).judge(Evidence(_history(10))).reason
    )
    assert "98 needed" in reason
    assert "budget is not spent" in reason


@pytest.mark.parametrize(
    "make",
    [
        lambda: NoImprovement(0),
        lambda: NoImprovement(5, share=1.0),
        lambda: Budget(trials=-1),
        lambda: AllOf(),
        lambda: InARow(AtLeast(1), 0),
        lambda: CostAware(0),
    ],
)
def test_arguments_out_of_range_are_refused(make):
    with pytest.raises(ArgumentError, match="expected"):
        make()


def test_noise_stands_in_for_an_unknown_error():
    decision = decide(_history(), OptimisticGain())
    assert "no error was reported" in decision.reason
    assert decision.error > 0
