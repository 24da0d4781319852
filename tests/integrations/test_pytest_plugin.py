"""The pytest plugin, in sessions of its own."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

FILES = Path(__file__).parents[1] / "table/runs/files"
MODELS = """
def models(n, broken):
    y = [1, 0] * n
    a = [1 - label if i % 7 == 0 else label for i, label in enumerate(y)]
    b = [1 - y[i] if i < broken else said for i, said in enumerate(a)]
    b[-1] = y[-1]
    return {"y": y, "a": a, "b": b, "a2": [*a[:-1], y[-1]]}
"""


@pytest.fixture
def session(pytester, pytestconfig):
    """Runs pytest on a test file; the plugin is named unless the installed package brings it."""
    brought = pytestconfig.pluginmanager.hasplugin("supersede")
    plugin = [] if brought else ["-p", "supersede.integrations.pytest_plugin"]

    def run(source, *arguments):
        pytester.makepyfile(source)
        return pytester.runpytest_subprocess(*plugin, "-p", "no:cacheprovider", *arguments)

    return run


def test_the_fixture_passes_fails_and_does_not_pass_the_undecided(session):
    done = session(
        f"""{MODELS}
LIMITS = {{"old": "a", "new": "b", "label": "y", "max_nfr": "1%"}}

def test_good(supersede_review):
    assert supersede_review(models(500, 0), **LIMITS).verdict == "pass"

def test_broken(supersede_review):
    supersede_review(models(500, 60), **LIMITS)

def test_few(supersede_review):
    supersede_review(models(50, 0), **LIMITS)

def test_few_may_skip(supersede_review):
    supersede_review(models(50, 0), undecided="skip", **LIMITS)

def test_broken_may_not_skip(supersede_review):
    supersede_review(models(500, 60), undecided="skip", **LIMITS)

def test_nothing_else_is_allowed(supersede_review):
    supersede_review(models(500, 0), undecided="pass", **LIMITS)
"""
    )
    done.assert_outcomes(passed=1, failed=4, skipped=1)
    done.stdout.fnmatch_lines(["*a → b: fail*", "*max_nfr*of the items break*"])
    done.stdout.fnmatch_lines(["*a → b: undecided*"])


def test_the_marker_reads_junit_files_relative_to_the_root(session, pytester):
    pytester.mkdir("runs")
    for name in ("old", "new"):
        text = (FILES / f"junit_{name}.xml").read_text()
        (pytester.path / f"runs/{name}.xml").write_text(text)
    marked = """
import os, pytest

@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

@pytest.mark.supersede(old="runs/old.xml", new="runs/new.xml", max_nfr="1%", missing="wrong")
def test_nothing_breaks(): ...
"""
    done = session(marked, "--strict-markers", "--junitxml=out.xml", "--supersede-reports=reports")
    done.assert_outcomes(failed=1)
    assert "old → new: fail" in (pytester.path / "out.xml").read_text()
    (page,) = (pytester.path / "reports").iterdir()
    assert page.name.endswith("test_nothing_breaks.html")
    assert page.read_text().startswith("<!doctype html>")


def test_every_marker_of_every_kind_of_test_holds(session):
    done = session(f"""
import pytest, unittest
{MODELS}
def marked(new, broken):
    return pytest.mark.supersede(models(500, broken), old="a", new=new, label="y", max_nfr="1%")

@marked("b", 60)
class TestBroken(unittest.TestCase):
    def test_of_a_case(self): ...

@marked("b", 0)
class TestGood(unittest.TestCase):
    def test_of_a_case(self): ...

@marked("b", 60)
@marked("a2", 0)
def test_one_candidate_is_broken(): ...

@marked("b", 0)
@marked("a2", 0)
def test_both_are_good(): ...
""")
    done.assert_outcomes(failed=2, passed=2)


def test_what_cannot_be_reviewed_fails(session):
    done = session("""
import pytest

@pytest.mark.supersede(old="gone.xml", new="gone2.xml")
def test_no_such_file(): ...

@pytest.mark.supersede(old="gone.xml")
def test_nothing_new(): ...
""")
    done.assert_outcomes(failed=2)
    done.stdout.fnmatch_lines(["*no review: *gone.xml*"])


def test_the_examples_of_the_page_run(session, pytester):
    page = (Path(__file__).parents[2] / "docs/how-to/gate-a-pipeline.md").read_text()
    part = page.split("\n## pytest\n")[1].split("\n## ")[0]
    blocks = [block.split("```")[0] for block in part.split("```python\n")[1:]]
    old = (FILES / "junit_old.xml").read_text()
    (pytester.path / "main.xml").write_text(old)
    (pytester.path / "branch.xml").write_text(old + "\n")
    done = session("\n".join(blocks))
    done.assert_outcomes(passed=1, failed=1)  # of a dozen tests, nothing can be concluded
    done.stdout.fnmatch_lines(["*main → branch: undecided*"])


def test_pytest_starts_without_anything_heavy():
    code = (
        "import sys; import supersede.integrations.pytest_plugin;"
        "print({'ibis', 'duckdb', 'numpy', 'pyarrow', 'scipy', 'jinja2', 'rich'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


def test_the_package_names_the_plugin_to_pytest():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    (named,) = project["entry-points"]["pytest11"].values()
    assert named == "supersede.integrations.pytest_plugin"
