"""The search: what is kept, what is refused, and that a killed search ends the same."""

import itertools
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from supersede.errors import (
    ArgumentError,
    CacheError,
    ConvergenceError,
    HistoryError,
    MeasurementError,
    MissingExtraError,
    SearchError,
    SpaceError,
    StudyError,
)
from supersede.hardware import Declared, Measurement
from supersede.search.architecture import (
    EXPERT,
    NSGA2,
    Evolution,
    Limits,
    RandomSearch,
    Reinforce,
    Reward,
    Score,
    Stop,
    TargetCosts,
    read_front,
    search,
    seven_blocks,
    transferred,
)
from supersede.search.architecture.transfer import spread

TARGET = Declared(lanes=256, clock=1e9, bandwidth=4e9, granule=16)
SPACE = seven_blocks(channels=(16, 64), step=16)
TASK = Reward("capacity", lambda net, seed: 1e5 / net.parameters)
STRATEGIES = [RandomSearch(), Evolution(12, 4, EXPERT), NSGA2(8), Reinforce(warm_up=8)]


def values(found):
    return [(e.number, e.key, e.values(found.objectives)) for e in found.evaluated]


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: type(s).__name__)
def test_strategies_find_a_front_and_repeat_themselves(strategy):
    found = search(SPACE, TASK, TARGET, strategy=strategy, evaluations=25)
    assert len(found.trained) == 25
    assert len({e.key for e in found.trained}) == 25  # nothing twice
    front = found.front
    assert all(a.latency < b.latency and a.error > b.error for a, b in itertools.pairwise(front))
    again = search(SPACE, TASK, TARGET, strategy=strategy, evaluations=25)
    assert values(again) == values(found)


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: type(s).__name__)
def test_a_search_that_is_continued_is_the_search_that_was_not_interrupted(strategy, tmp_path):
    options = {"strategy": strategy, "seed": 3}
    for evaluations in (5, 17, 22):
        found = search(
            SPACE, TASK, TARGET, **options, store=tmp_path / "s", evaluations=evaluations
        )
    whole = search(SPACE, TASK, TARGET, **options, evaluations=22)
    assert [v[1:] for v in values(found)] == [v[1:] for v in values(whole)]


PROGRAM = """
import os, sys, time
from tests.search.architecture.test_search import EXPERT, SPACE, TARGET, Reward, search, Evolution
slow = Reward("capacity", lambda net, seed: (time.sleep(0.02), 1e5 / net.parameters)[1])
search(SPACE, slow, TARGET, strategy=Evolution(8, 3, EXPERT), evaluations=30, store=sys.argv[1],
       progress=lambda words: print(words, flush=True))
"""


def test_killed_at_any_moment_it_ends_with_the_same_front(tmp_path):
    folder = tmp_path / "study"
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": f"{root}/src:{root}"}
    for lines in (4, 7):
        with subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(folder)],
            stdout=subprocess.PIPE, env=environment, text=True, cwd=tmp_path,
        ) as process:  # fmt: skip
            for _ in range(lines):
                assert process.stdout.readline()
            process.send_signal(signal.SIGKILL)
    resumed = search(
        SPACE, TASK, TARGET, strategy=Evolution(8, 3, EXPERT), evaluations=30, store=folder
    )
    whole = search(SPACE, TASK, TARGET, strategy=Evolution(8, 3, EXPERT), evaluations=30)
    assert [v[1:] for v in values(resumed)] == [v[1:] for v in values(whole)]
    assert [e.key for e in resumed.front] == [e.key for e in whole.front]


def test_a_second_worker_in_one_folder_is_refused(tmp_path):
    def nested(net, seed):
        with pytest.raises(StudyError, match="another process searches"):
            search(SPACE, TASK, TARGET, evaluations=1, store=tmp_path)
        return 1.0

    search(SPACE, Reward("nested", nested), TARGET, evaluations=1, store=tmp_path)


def test_a_changed_target_task_or_limit_is_refused(tmp_path):
    search(SPACE, TASK, TARGET, evaluations=3, store=tmp_path)
    other = Declared(lanes=128, clock=1e9, bandwidth=4e9, granule=16)
    with pytest.raises(StudyError, match="begun with something else: target was"):
        search(SPACE, TASK, other, evaluations=5, store=tmp_path)
    with pytest.raises(StudyError, match="task was 'reward capacity'"):
        search(SPACE, Reward("other", TASK.error), TARGET, evaluations=5, store=tmp_path)
    with pytest.raises(StudyError, match="limits was"):
        search(SPACE, TASK, TARGET, evaluations=5, limits=Limits(latency=1.0), store=tmp_path)
    with pytest.raises(StudyError, match="space was"):
        search(SPACE.limited(stem=[16], block0__kind=["ibn"]), TASK, TARGET, store=tmp_path)


def test_limits_that_nothing_meets_are_named_with_the_distance():
    found = search(SPACE, TASK, TARGET, evaluations=5, limits=Limits(latency=1e-6, peak=10**9))
    assert not found.trained
    assert "nearest exceeds latency by" in found.shortfall
    assert "against a limit of 0.001 ms" in found.shortfall
    assert "no network was closer to the limit of latency than" in found.shortfall
    assert "peak" not in found.shortfall
    with pytest.raises(SearchError, match="no trained network is within"):
        found.at(latency=1e-6)


def test_limits_hold_for_all_that_is_trained():
    free = search(SPACE, TASK, TARGET, evaluations=20)
    limit = float(np.median([e.latency for e in free.trained]))
    found = search(
        SPACE, TASK, TARGET, evaluations=20, objectives=["error"], limits=Limits(latency=limit)
    )
    assert len(found.trained) == 20
    assert all(e.latency <= limit for e in found.trained)
    assert found.at(latency=limit) == found.front[0]


def test_evolution_goes_where_the_limits_are_met_although_few_networks_meet_them():
    free = search(SPACE, TASK, TARGET, strategy=RandomSearch(), evaluations=60)
    tight = Limits(weights=int(0.9 * min(e.weights for e in free.trained)))
    looked = {}
    for strategy in (RandomSearch(), Evolution(12, 4)):
        found = search(SPACE, TASK, TARGET, strategy=strategy, evaluations=6, limits=tight)
        looked[type(strategy)] = len(found.evaluated) / max(len(found.trained), 1)
    assert looked[Evolution] < 0.5 * looked[RandomSearch]


def test_a_limit_of_what_the_target_does_not_say_is_refused():
    class Silent:
        def fingerprint(self):
            return "silent"

        def measure(self, network):
            return Measurement(0.001)

    with pytest.raises(ArgumentError, match="target does not say it"):
        search(SPACE, TASK, Silent(), evaluations=2, limits=Limits(peak=1000))


def test_a_space_of_one_ends_by_itself():
    one = SPACE.limited(**{c.name.replace(".", "__"): c.values[:1] for c in SPACE.choices})
    for strategy in STRATEGIES:
        found = search(one, TASK, TARGET, strategy=strategy, evaluations=50)
        assert len(found.trained) == 1
        assert "every network" in found.reason


def test_trainings_that_diverge_are_counted_and_never_on_the_front():
    def unstable(net, seed):
        if net.layer("stem").channels and net.parameters % 2:
            raise ConvergenceError("the loss is not finite at step 7")
        return float("nan") if net.parameters % 3 == 0 else 1.0 / net.parameters

    found = search(SPACE, Reward("unstable", unstable), TARGET, evaluations=30)
    assert found.failed
    assert len(found.failed) + len(found.trained) == 30
    assert all(np.isfinite(e.error) for e in found.front)
    assert any("diverged" in e.why or "not finite" in e.why for e in found.failed)


def test_an_error_that_is_not_ours_stops_the_search_and_nothing_is_lost(tmp_path):
    calls = itertools.count()

    def breaks(net, seed):
        if next(calls) == 5:
            raise RuntimeError("a bug")
        return 1e5 / net.parameters

    task = Reward("capacity", breaks)
    with pytest.raises(RuntimeError, match="a bug"):
        search(SPACE, task, TARGET, evaluations=12, store=tmp_path)
    found = search(SPACE, task, TARGET, evaluations=12, store=tmp_path)
    whole = search(SPACE, TASK, TARGET, evaluations=12)
    assert [v[1:] for v in values(found)] == [v[1:] for v in values(whole)]


def test_start_candidates_come_first():
    mine = SPACE.edited(SPACE.sample(np.random.default_rng(5)), block0__kind="fused")
    found = search(SPACE, TASK, TARGET, evaluations=5, start=[mine])
    assert dict(found.evaluated[0].params) == mine
    with pytest.raises(SpaceError, match="which is none of"):
        search(SPACE, TASK, TARGET, start=[{**mine, "stem": 3}])


def test_it_stops_itself_where_more_search_is_noise():
    class Noisy:
        def evaluate(self, candidate, seed):
            return Score(0.5 + 0.001 * (candidate.network.parameters % 7), standard_error=0.2)

        def fingerprint(self):
            return "noisy"

    found = search(SPACE, Noisy(), TARGET, evaluations=200, stop=Stop(bands=2, every=20))
    assert len(found.trained) < 200
    assert "not worth it" in found.reason


def test_a_full_disk_is_named_and_what_was_finished_is_kept(tmp_path):
    folder = tmp_path / "s"
    search(SPACE, TASK, TARGET, evaluations=4, store=folder)
    size = (folder / "study.db").stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        with pytest.raises(StudyError, match="free some space"):
            search(SPACE, TASK, TARGET, evaluations=200, store=folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    found = search(SPACE, TASK, TARGET, evaluations=8, store=folder)
    assert len(found.trained) >= 8


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"objectives": []}, "objectives are"),
        ({"objectives": ["latency"]}, "expected error"),
        ({"objectives": ["error", "speed"]}, "expected error"),
        ({"evaluations": 0}, "at least 1"),
        ({"evaluations": 2.5}, "whole number"),
        ({"evaluations": float("nan")}, "whole number"),
        ({"seed": -1}, "at least 0"),
    ],
)
def test_mistakes_are_named(options, words):
    with pytest.raises(ArgumentError, match=words):
        search(SPACE, TASK, TARGET, **options)


@pytest.mark.parametrize("limit", [0, -1, float("nan"), float("inf")])
def test_a_limit_that_limits_nothing_is_refused(limit):
    with pytest.raises(ArgumentError, match="above zero and finite"):
        Limits(latency=limit)


class Refusing:
    """A target that refuses every network."""

    def fingerprint(self):
        return "refusing"

    def measure(self, network):
        msg = "13 channels do not fit"
        raise MeasurementError(msg)


def test_a_target_that_refuses_everything_is_not_a_missed_limit():
    found = search(SPACE, TASK, Refusing(), evaluations=2)
    assert found.shortfall.endswith("could be measured: 13 channels do not fit")
    assert found.headline == "No network was found"


def test_failed_trainings_are_not_a_missed_limit():
    found = search(SPACE, Reward("nothing", lambda net, seed: float("nan")), TARGET, evaluations=3)
    assert found.headline == "All of 3 trainings failed"
    assert not found.shortfall


def test_a_file_that_keeps_no_measurements_is_no_property_of_the_networks(tmp_path):
    (tmp_path / "c.db").write_text("not a database, and longer than a header of one would be" * 20)
    with pytest.raises(CacheError, match="name a new file"):
        search(SPACE, TASK, TargetCosts(TARGET, tmp_path / "c.db"), evaluations=2)


def test_an_error_of_ours_that_says_nothing_of_the_candidate_stops_the_search():
    def wants_more(net, seed):
        raise MissingExtraError.of(package="pycocotools", extra="search", purpose="precision")

    with pytest.raises(MissingExtraError, match="pycocotools"):
        search(SPACE, Reward("more", wants_more), TARGET, evaluations=3)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (0.5, "expected a Score"),
        (None, "expected a Score"),
        (Score(0.5, standard_error=-1.0), "standard error is -1.0"),
        (Score(0.5, standard_error=float("nan")), "standard error is nan"),
    ],
)
def test_a_task_that_returns_something_else_is_told(told, words):
    class Odd:
        def evaluate(self, candidate, seed):
            return told

        def fingerprint(self):
            return "odd"

    with pytest.raises(ArgumentError, match=words):
        search(SPACE, Odd(), TARGET, evaluations=2)


def test_an_objective_that_the_target_does_not_say_is_refused():
    class Silent:
        def fingerprint(self):
            return "silent"

        def measure(self, network):
            return Measurement(0.001)

    with pytest.raises(ArgumentError, match="weights is an objective"):
        search(SPACE, TASK, Silent(), objectives=("error", "weights"), evaluations=2)


@pytest.mark.parametrize("place", ["mysql://u:secret@h/x", "sqlite:///x.db"])
def test_only_databases_that_hold_workers_apart_are_shared(place):
    with pytest.raises(StudyError, match="name a folder, or postgresql") as caught:
        search(SPACE, TASK, TARGET, evaluations=1, store=place)
    assert "secret" not in str(caught.value)


def test_a_changed_start_or_strategy_is_refused(tmp_path):
    one = SPACE.sample(np.random.default_rng(0))
    search(SPACE, TASK, TARGET, evaluations=2, start=[one], store=tmp_path)
    with pytest.raises(StudyError, match="start was"):
        search(SPACE, TASK, TARGET, evaluations=3, store=tmp_path)
    with pytest.raises(StudyError, match="strategy was"):
        search(SPACE, TASK, TARGET, evaluations=3, start=[one], strategy=NSGA2(), store=tmp_path)


def ends(reverse):
    """The front of a task, best or worst first, as a prior."""
    sign = -1 if reverse else 1
    task = Reward("sign", lambda net, seed: 10 + sign * 1e5 / net.parameters)
    return transferred(search(SPACE, task, TARGET, evaluations=60), SPACE, most=8)


def test_a_prior_that_helps_is_used_and_one_that_misleads_costs_three_trainings():
    good, bad = ends(reverse=False), ends(reverse=True)
    found = search(SPACE, TASK, TARGET, prior=good, strategy=RandomSearch(), evaluations=14)
    taken = [e.key for e in found.evaluated]
    assert {SPACE.key(p) for p in good} <= set(taken)
    assert taken[:3] == [SPACE.key(good[i]) for i in spread(len(good), 3)]
    assert taken[3] not in {SPACE.key(p) for p in good}
    misled = search(SPACE, TASK, TARGET, prior=bad, strategy=RandomSearch(), evaluations=14)
    assert len({e.key for e in misled.evaluated} & {SPACE.key(p) for p in bad}) == 3


def test_a_front_is_read_from_the_file_of_a_search(tmp_path):
    found = search(SPACE, TASK, TARGET, evaluations=12)
    found.save(tmp_path / "found.json")
    assert read_front(tmp_path / "found.json", SPACE) == transferred(found, SPACE)
    (tmp_path / "other.json").write_text('{"front": [1]}')
    for name in ("other.json", "nowhere.json"):
        with pytest.raises(HistoryError, match="not the record of a search"):
            read_front(tmp_path / name, SPACE)


def test_results_are_saved_and_read_back(tmp_path):
    import json

    import pyarrow.parquet as pq

    found = search(SPACE, TASK, TARGET, evaluations=10)
    for ending in (".html", ".json", ".csv", ".parquet"):
        assert found.save(tmp_path / f"found{ending}").stat().st_size > 500
    record = json.loads((tmp_path / "found.json").read_text())
    assert record["front"] == [e.number for e in found.front]
    frame = pq.read_table(tmp_path / "found.parquet").to_pandas()
    assert frame["front"].sum() == len(found.front)
    assert str(found).splitlines()[0].startswith("10 candidates: 10 trained")
    with pytest.raises(ArgumentError, match="must end in"):
        found.save(tmp_path / "found.doc")
