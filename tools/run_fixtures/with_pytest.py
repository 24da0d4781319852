"""pytest itself: JUnit XML and the JSON report, of one suite against two versions of a program."""

import os
import subprocess
import sys
from pathlib import Path

SUITE = """\
import os

import pytest

WRONG = {"old": {2, 5, 9, 13, 14, 17}, "new": {2, 5, 7, 11, 17}}[os.environ["VERSION"]]


@pytest.mark.parametrize("number", range(1, 21))
def test_sum(number, record_property):
    record_property("category", "small" if number <= 10 else "large")
    assert number not in WRONG


@pytest.fixture
def database():
    if os.environ["VERSION"] == "new":
        raise ConnectionError("no database")


def test_stored(database):
    pass


@pytest.mark.skip(reason="no licence here")
def test_licence():
    pass


@pytest.mark.xfail(reason="known bug")
def test_known_bug():
    assert False
"""

out, work = Path(sys.argv[1]), Path(sys.argv[2])
work.mkdir(parents=True, exist_ok=True)
(work / "test_sums.py").write_text(SUITE)
for version in ("old", "new"):
    subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_sums.py",
            f"--junitxml={out}/junit_{version}.xml", "--json-report",
            f"--json-report-file={out}/pytest_{version}.json", "--json-report-omit", "collectors",
        ],
        cwd=work, check=False, env=os.environ | {"VERSION": version, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
