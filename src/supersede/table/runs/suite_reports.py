"""Tests as runs: JUnit XML, which most test runners write, and pytest's JSON report.

A test that passed is right, one that failed is wrong. One that ended in an *error* (its set-up
broke) gave no answer, and one that was skipped was not asked; expected failures count as wrong,
since the program does not do what the test asks.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from supersede.table.runs.attempt import Attempt, RunColumns, RunLog, scalars
from supersede.table.runs.content import Content

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["JUnit", "PytestReport"]

_OUTCOME = "outcome"
_PYTEST = {"passed": 1, "failed": 0, "xfailed": 0, "xpassed": 1}


class JUnit:
    """Reads JUnit XML."""

    name = "junit"

    def recognises(self, content: Content) -> bool:
        """By the root element."""
        return content.root is not None and content.root.tag in {"testsuites", "testsuite"}

    def read(self, content: Content, columns: RunColumns) -> RunLog:
        """One attempt per test case."""
        assert content.root is not None  # noqa: S101
        attempts = [_case(suite, case) for suite, case in _cases(content.root, "")]
        return RunLog(tool="JUnit XML", attempts=attempts, primary=_OUTCOME, repeats=True)


def _cases(element: "Element", suite: str) -> "Iterator[tuple[str, Element]]":
    for child in element:
        if child.tag == "testcase":
            yield suite, child
        elif child.tag == "testsuite":
            yield from _cases(child, child.get("name", suite))
    if element.tag == "testcase":
        yield suite, element


def _case(suite: str, case: "Element") -> Attempt:
    where = case.get("classname") or case.get("file") or suite
    error, failure, skipped = (case.find(tag) for tag in ("error", "failure", "skipped"))
    expected = skipped is not None and skipped.get("type") == "pytest.xfail"
    grades: dict[str, object] = {}
    if error is None and (skipped is None or expected):
        grades[_OUTCOME] = 0 if failure is not None or expected else 1
    groups: dict[str, object] = {
        name: value
        for p in case.iterfind("properties/property")
        if (name := p.get("name")) and (value := p.get("value")) is not None
    }
    return Attempt(
        item=f"{where}::{case.get('name', '')}" if where else case.get("name", ""),
        grades=grades,
        groups={"suite": suite, "class": where} | groups,
        error=None if error is None else (error.get("message") or "error").split("\n")[0],
        skipped=skipped is not None and not expected,
    )


class PytestReport:
    """Reads the report of pytest-json-report."""

    name = "pytest"

    def recognises(self, content: Content) -> bool:
        """By the keys of the document and of its tests."""
        document = content.document
        return isinstance(document, dict) and {"exitcode", "tests", "summary"} <= document.keys()

    def read(self, content: Content, columns: RunColumns) -> RunLog:
        """One attempt per test."""
        document = content.document
        unfinished = None if document["exitcode"] in {0, 1} else f"exit code {document['exitcode']}"
        return RunLog(
            tool="pytest's JSON report",
            attempts=[_test(test) for test in document["tests"]],
            primary=_OUTCOME,
            unfinished=unfinished,
            repeats=True,
        )


def _test(test: dict[str, Any]) -> Attempt:
    outcome = str(test.get("outcome"))
    groups: dict[str, object] = {"file": test["nodeid"].split("::")[0]}
    for pair in test.get("user_properties") or []:
        groups |= scalars(pair)
    graded = outcome in _PYTEST
    return Attempt(
        item=test["nodeid"],
        grades={_OUTCOME: _PYTEST[outcome]} if graded else {},
        groups=groups,
        error=None if graded or outcome == "skipped" else outcome,
        skipped=outcome == "skipped",
    )
