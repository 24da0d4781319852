import re
import xml.etree.ElementTree as ElementTree

from supersede.search.picture import replay_page
from supersede.search.stopping import (
    FixedError,
    Float,
    History,
    NoImprovement,
    ParameterSpace,
    State,
    Trial,
    replay,
)

SPACE = ParameterSpace({"x": Float(0, 1)})


def _history(maximize=False):
    sign = -1 if maximize else 1
    trials = [Trial({"x": i / 50}, sign * (i / 50 - 0.3) ** 2, seconds=2.0) for i in range(50)]
    return History(SPACE, tuple(trials), maximize)


def test_the_page_is_one_file_with_its_numbers_and_figures():
    page = replay_page(replay(_history(), error=FixedError(0.01)), "tuning <b>")
    assert "could have stopped after" in page
    assert "tuning &lt;b&gt;" in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    for figure in re.findall(r'<svg class="figure".*?</figure>', page, re.S):
        root = ElementTree.fromstring(figure.partition('<p class="axis')[0])
        assert root.find("title").text
        assert root.find("desc").text


def test_a_search_that_never_stops_or_never_worked_has_a_page():
    assert "Further search was still worthwhile" in replay_page(
        replay(_history(), NoImprovement(99))
    )
    failed = [Trial({"x": 0.5}, state=State.FAILED)] * 3
    assert "3 of 3 trials failed" in replay_page(replay(History(SPACE, failed)))


def test_a_maximised_search_is_shaded_upwards():
    assert "could have stopped" in replay_page(replay(_history(True), error=FixedError(0.01)))


def test_the_replay_adds_up():
    found = replay(_history(), NoImprovement(5))
    assert found.stop == 21
    assert found.lost == 0
    assert found.seconds_saved == 2 * (50 - 21)
    assert found.trials_saved == 1 - 21 / 50
    assert len(found.steps) == 50
