"""DeepEval: the JSON of a test run (``DEEPEVAL_RESULTS_FOLDER``, or its cache).

A test case's verdict is ``success``, which holds where every metric reached its threshold; each
metric's verdict and score are metrics too. Cases without a name of their own are known by their
input, since ``test_case_7`` is only a place in a list.
"""

import re
from typing import Any

from supersede.table.runs.attempt import Attempt, RunColumns, RunLog, fingerprint, scalars
from supersede.table.runs.content import Content

__all__ = ["DeepEval"]

_ERROR = "error"  # the word for no answer, of a metric that could not be measured
_NO_NAME = re.compile(r"(?:conversational_)?test_case_\d+")


class DeepEval:
    """Reads DeepEval's test runs."""

    name = "deepeval"

    def recognises(self, content: Content) -> bool:
        """By the test cases and their metrics."""
        return any("metricsData" in case for case in _cases(content.document)[:1])

    def read(self, content: Content, columns: RunColumns) -> RunLog:
        """One attempt per test case."""
        return RunLog(
            tool="DeepEval",
            attempts=[_attempt(case) for case in _cases(content.document)],
            primary="success",
            repeats=True,
        )


def _cases(document: object) -> list[dict[str, Any]]:
    if not isinstance(document, dict):
        return []
    found = [*(document.get("testCases") or []), *(document.get("conversationalTestCases") or [])]
    return [case for case in found if isinstance(case, dict)]


def _attempt(case: dict[str, Any]) -> Attempt:
    metrics = case.get("metricsData") or []
    failed = any(metric.get("error") for metric in metrics)
    grades: dict[str, object] = {"success": _ERROR if failed else case.get("success")}
    for metric in metrics:
        error = _ERROR if metric.get("error") else None
        grades[f"{metric['name']}"] = error or metric.get("success")
        grades[f"{metric['name']}/score"] = error or metric.get("score")
    name = case.get("name")
    asked = case.get("input") or case.get("scenario")
    own = name if name and not _NO_NAME.fullmatch(name) else None
    return Attempt(
        item=own,
        grades=grades,
        label=case.get("expectedOutput"),
        groups=scalars(case.get("additionalMetadata") or case.get("metadata"))
        | scalars({"tags": case.get("tags") or []}),
        question=fingerprint(asked) if own else asked,
    )
