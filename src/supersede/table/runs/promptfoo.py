"""promptfoo: the JSON that ``promptfoo eval -o results.json`` writes.

A test's verdict is ``success``; the weighted score of its assertions and every named score are
metrics too. A test is known by its description, otherwise by its variables, since its index moves
when tests are added. One file may hold several providers and prompts: each is then a model.
"""

from typing import Any

from supersede.table.runs.attempt import Attempt, RunColumns, RunLog, fingerprint, scalars
from supersede.table.runs.content import Content

__all__ = ["Promptfoo"]

_ERROR = 2  # promptfoo's ResultFailureReason: 0 none, 1 an assertion, 2 an error


class Promptfoo:
    """Reads promptfoo's results."""

    name = "promptfoo"

    def recognises(self, content: Content) -> bool:
        """By the keys of the document."""
        document = content.document
        return (
            isinstance(document, dict)
            and isinstance(document.get("results"), dict)
            and isinstance(document["results"].get("results"), list)
        )

    def read(self, content: Content, columns: RunColumns) -> RunLog:
        """One attempt per test, provider and prompt."""
        rows = content.document["results"]["results"]
        providers = {_provider(row) for row in rows}
        prompts = {_prompt(row) for row in rows}
        return RunLog(
            tool="promptfoo",
            attempts=[
                _attempt(row, _model(row, len(providers) > 1, len(prompts) > 1)) for row in rows
            ],
            benchmark=(content.document.get("config") or {}).get("description"),
            primary="success",
            repeats=True,
        )


def _provider(row: dict[str, Any]) -> str:
    provider = row.get("provider") or {}
    if isinstance(provider, str):
        return provider
    return str(provider.get("label") or provider.get("id") or "")


def _prompt(row: dict[str, Any]) -> str:
    return str((row.get("prompt") or {}).get("label") or row.get("promptIdx", ""))


def _model(row: dict[str, Any], providers: bool, prompts: bool) -> str | None:
    parts = [_provider(row)] * providers + [_prompt(row)] * prompts
    return " | ".join(parts) or None


def _attempt(row: dict[str, Any], model: str | None) -> Attempt:
    test = row.get("testCase") or {}
    asked = row.get("vars") or test.get("vars") or {}
    failed = row.get("failureReason") == _ERROR
    named = row.get("namedScores") or {}
    return Attempt(
        item=test.get("description") or None,
        grades={}
        if failed
        else {"success": row.get("success"), "score": row.get("score"), **named},
        groups=scalars(test.get("metadata") or row.get("metadata")),
        question=fingerprint(asked) if test.get("description") else _words(asked),
        error=str(row.get("error") or "error").split("\n")[0] if failed else None,
        model=model,
    )


def _words(asked: dict[str, Any]) -> str:
    return "; ".join(f"{name}={value}" for name, value in sorted(asked.items()))
