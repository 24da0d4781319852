"""Run the Python of the documentation, each page as one program in an empty folder."""

from importlib.util import find_spec

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser()],
    patterns=["*.md"],
    excludes=[] if find_spec("mlflow") else ["how-to/use-mlflow.md"],  # run by make test-hosts
    fixtures=["elsewhere"],
).pytest()
