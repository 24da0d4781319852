"""When to stop a search: as soon as further search is not worth it.

A search for hyperparameters picks its winner by an estimate that has a statistical error. Once
what is left to gain is below that error, more trials only fit noise. The parts:

- `History`, a list of `Trial` over a typed `ParameterSpace`;
- `decide`, from a history to a `Decision` with its reason: a pure function;
- criteria, each a frozen object with one method, combined by `AllOf`, `AnyOf` and `InARow`;
- `ReportedError` and its alternatives, which estimate the error of a validation score;
- `replay`, which computes when a finished search could have stopped, and what that would have cost.
"""

from supersede.search.stopping.bootstrap import bootstrap_error
from supersede.search.stopping.combine import AllOf, AnyOf, IfReported, InARow
from supersede.search.stopping.cost_aware import CostAware
from supersede.search.stopping.decide import DEFAULT, Decision, decide
from supersede.search.stopping.delong import auc_error
from supersede.search.stopping.evidence import Criterion, Evidence, Judgement
from supersede.search.stopping.expected_regret import ExpectedRegretGap
from supersede.search.stopping.fold_design import FoldDesign
from supersede.search.stopping.history import History, State, Trial
from supersede.search.stopping.improvement import ExpectedImprovement, ProbabilityOfImprovement
from supersede.search.stopping.nadeau_bengio import blocked, corrected_error, variance_factor
from supersede.search.stopping.optimistic_gain import OptimisticGain, optimistic_gain
from supersede.search.stopping.patience import (
    AtLeast,
    Budget,
    Contrast,
    Deadline,
    NoImprovement,
    Settled,
    TargetValue,
    TooManyFailures,
)
from supersede.search.stopping.probabilistic_regret import ProbabilisticRegretBound
from supersede.search.stopping.regret_bound import FrozenRegretBound, RegretBound, regret_bound
from supersede.search.stopping.replay import Replay, replay
from supersede.search.stopping.space import Categorical, Float, Int, Parameter, ParameterSpace
from supersede.search.stopping.statistical_error import (
    ErrorEstimate,
    FixedError,
    ReportedError,
    StatisticalError,
)
from supersede.search.stopping.surrogate import Memory, Settings

__all__ = [
    "DEFAULT",
    "AllOf",
    "AnyOf",
    "AtLeast",
    "Budget",
    "Categorical",
    "Contrast",
    "CostAware",
    "Criterion",
    "Deadline",
    "Decision",
    "ErrorEstimate",
    "Evidence",
    "ExpectedImprovement",
    "ExpectedRegretGap",
    "FixedError",
    "Float",
    "FoldDesign",
    "FrozenRegretBound",
    "History",
    "IfReported",
    "InARow",
    "Int",
    "Judgement",
    "Memory",
    "NoImprovement",
    "OptimisticGain",
    "Parameter",
    "ParameterSpace",
    "ProbabilisticRegretBound",
    "ProbabilityOfImprovement",
    "RegretBound",
    "Replay",
    "ReportedError",
    "Settings",
    "Settled",
    "State",
    "StatisticalError",
    "TargetValue",
    "TooManyFailures",
    "Trial",
    "auc_error",
    "blocked",
    "bootstrap_error",
    "corrected_error",
    "decide",
    "optimistic_gain",
    "regret_bound",
    "replay",
    "variance_factor",
]
