"""OpenAI evals: the JSON lines of its local recorder, one event per line.

``match`` events grade a sample; ``metrics`` events carry further numbers; a ``sampling`` event
holds the prompt. Format: evals.record.LocalRecorder.
"""

from typing import Any

from supersede.table.runs.attempt import Attempt, RunColumns, RunLog, fingerprint
from supersede.table.runs.content import Content

__all__ = ["OpenAIEvals"]


class OpenAIEvals:
    """Reads records of OpenAI evals."""

    name = "openai-evals"

    def recognises(self, content: Content) -> bool:
        """By the first line: the specification of the run, or an event."""
        lines = content.lines
        if not lines:
            return False
        first = lines[0].keys()
        return first == {"spec"} or {"run_id", "event_id", "sample_id", "type", "data"} <= first

    def read(self, content: Content, columns: RunColumns) -> RunLog:
        """One attempt per match, or per sample where it has metrics only."""
        lines = content.lines or []
        spec: dict[str, Any] = next((line["spec"] for line in lines if "spec" in line), {})
        samples: dict[str, list[dict[str, Any]]] = {}
        for line in lines:
            if line.get("sample_id") is not None:
                samples.setdefault(line["sample_id"], []).append(line)
        ended = any("final_report" in line for line in lines)
        return RunLog(
            tool="OpenAI evals",
            attempts=[a for item, events in samples.items() for a in _attempts(item, events)],
            benchmark=spec.get("eval_name"),
            unfinished=None if ended or not spec else "no final report",
            repeats=True,
        )


def _attempts(item: str, events: list[dict[str, Any]]) -> list[Attempt]:
    def data(kind: str) -> list[dict[str, Any]]:
        return [e["data"] for e in events if e.get("type") == kind and isinstance(e["data"], dict)]

    extra = {
        name: value
        for found in data("metrics")
        for name, value in found.items()
        if isinstance(value, bool | int | float | str)
    }
    prompts = data("sampling")
    question = fingerprint(prompts[0].get("prompt")) if prompts else None
    errors = data("error")
    error = str(errors[0].get("message") or "error") if errors else None
    matches = data("match")
    if not matches:
        return [Attempt(item=item, grades=extra, question=question, error=error)]
    return [
        Attempt(
            item=item,
            grades={"correct": match.get("correct"), **extra},
            label=match.get("expected"),
            question=question,
        )
        for match in matches
    ]
