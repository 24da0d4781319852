"""SWE-bench and its like: a report that lists which instances were resolved.

The harness's report lists resolved, unresolved, failed and empty instances; older reports list
``resolved`` beside ``generated``, ``applied`` and ``no_generation``; a report per instance maps
each id to ``{"resolved": true}``. An instance without a patch was not resolved; one that ended in
an error of the harness has no answer.
"""

from collections.abc import Mapping
from typing import Any

from supersede.table.runs.attempt import Attempt, RunColumns, RunLog
from supersede.table.runs.content import Content

__all__ = ["ResolvedIds"]

_WRONG = ("unresolved_ids", "empty_patch_ids", "unresolved", "no_generation", "generated", "applied",
          "completed_ids", "no_logs", "test_errored", "with_logs", "failed_ids", "failed")  # fmt: skip
_NO_ANSWER = ("error_ids", "incomplete_ids", "test_timeout", "install_fail", "errored")


class ResolvedIds:
    """Reads lists of resolved ids."""

    name = "resolved-ids"

    def recognises(self, content: Content) -> bool:
        """By a list of resolved ids, or a verdict on every instance."""
        document = content.document
        if isinstance(document, list):  # nothing but the ids of what was resolved
            return bool(document) and all(isinstance(item, str) for item in document)
        if not isinstance(document, dict):
            return False
        return any(_ids(document, key) is not None for key in ("resolved_ids", "resolved")) or (
            bool(document)
            and all(
                isinstance(v, Mapping) and isinstance(v.get("resolved"), bool)
                for v in document.values()
            )
        )

    def read(self, content: Content, columns: RunColumns) -> RunLog:
        """One attempt per instance that the report names."""
        document = content.document
        if isinstance(document, list):
            document = {"resolved": document}
        grades: dict[str, int | None] = {}
        if not any(_ids(document, key) is not None for key in ("resolved_ids", "resolved")):
            grades = {item: int(found["resolved"]) for item, found in document.items()}
        for keys, value in ((_WRONG, 0), (_NO_ANSWER, None), (("resolved_ids", "resolved"), 1)):
            for key in keys:
                for item in _ids(document, key) or []:
                    grades[item] = value
        return RunLog(
            tool="SWE-bench report",
            attempts=[
                Attempt(
                    item=item,
                    grades={} if value is None else {"resolved": value},
                    groups={"repository": item.split("__")[0]} if "__" in item else {},
                    error="error or time-out" if value is None else None,
                )
                for item, value in grades.items()
            ],
            primary="resolved",
        )


def _ids(document: Mapping[str, Any], key: str) -> list[str] | None:
    found = document.get(key)
    if isinstance(found, list) and all(isinstance(item, str | int) for item in found):
        return [str(item) for item in found]
    return None
