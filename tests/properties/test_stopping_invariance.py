"""What must not change a decision."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supersede.search.stopping import (
    Categorical,
    Float,
    History,
    Int,
    Memory,
    ParameterSpace,
    Trial,
    decide,
)

PARAMETERS = {
    "rate": Float(1e-4, 1.0, log=True),
    "depth": Int(1, 9),
    "kind": Categorical(("a", "b", "c")),
    "gamma": Float(0, 1, when={"kind": ("b", "c")}),
}


def _history(seed=0, count=45, scale=1.0, shift=0.0, maximize=False, names=None, order=None):
    rng = np.random.default_rng(seed)
    names = names or {name: name for name in PARAMETERS}
    sign = -1 if maximize else 1
    trials = []
    for _ in range(count):
        params = {"rate": 10 ** rng.uniform(-4, 0), "depth": int(rng.integers(1, 10))}
        params["kind"] = "abc"[rng.integers(3)]
        y = (np.log10(params["rate"]) + 2) ** 2 / 4 + 0.05 * abs(params["depth"] - 4)
        if params["kind"] != "a":
            params["gamma"] = rng.uniform()
            y += 0.3 * (params["gamma"] - 0.5) ** 2
        folds = y + 0.05 * rng.normal(size=5)
        trials.append(
            Trial(
                {names[n]: v for n, v in params.items()},
                sign * (scale * y + shift),
                folds=sign * (scale * folds + shift),
            )
        )
    space = {}
    for name in order or PARAMETERS:
        p = PARAMETERS[name]
        if p.when:
            p = Float(0, 1, when={names["kind"]: ("b", "c")})
        space[names[name]] = p
    return History(ParameterSpace(space), tuple(trials), maximize)


@settings(deadline=None, max_examples=8)
@given(exponent=st.floats(-12, 12), shift=st.floats(-3, 3), seed=st.integers(0, 3))
def test_units_do_not_matter(exponent, shift, seed):
    base = decide(_history(seed))
    scale = 10.0**exponent
    moved = decide(_history(seed, scale=scale, shift=shift * scale))
    assert moved.stop == base.stop
    assert moved.improvement == pytest.approx(scale * base.improvement, rel=1e-4)
    assert moved.unseen == base.unseen


@pytest.mark.parametrize("seed", range(3))
def test_maximising_the_negative_is_the_same(seed):
    low, high = decide(_history(seed)), decide(_history(seed, maximize=True))
    assert (low.stop, low.improvement, low.error) == (high.stop, high.improvement, high.error)
    assert high.best == -low.best


@pytest.mark.parametrize("seed", range(3))
def test_names_and_their_order_do_not_matter(seed):
    base = decide(_history(seed))
    names = {"rate": "z", "depth": "a", "kind": "m", "gamma": "b"}
    assert decide(_history(seed, names=names, order=["gamma", "kind", "rate", "depth"])) == base


def test_repeated_and_incremental_calls_agree():
    memory = Memory()
    whole = _history()
    for count in range(20, 46):
        growing = decide(whole.first(count), memory=memory)
        fresh = decide(whole.first(count))
        assert growing.stop == fresh.stop
        assert growing.improvement == pytest.approx(fresh.improvement, rel=1e-9)
    assert decide(whole) == decide(whole)


def test_two_processes_agree():
    code = (
        "from tests.properties.test_stopping_invariance import _history\n"
        "from supersede.search.stopping import decide\n"
        "print(repr(decide(_history())))"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        for _ in range(2)
    ]
    assert said[0] == said[1] == repr(decide(_history()))
