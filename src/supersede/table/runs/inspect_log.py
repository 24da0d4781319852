"""Inspect: ``.eval`` archives and ``.json`` logs.

A sample has scores by scorer; a score's value is a letter (C, I, P, N), a number, a boolean, or a
mapping of those. Each epoch is one attempt. Format: inspect_ai.log.EvalLog, version 2.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from supersede.errors import SourceError
from supersede.table.runs.attempt import Attempt, RunColumns, RunLog, fingerprint, scalars
from supersede.table.runs.content import Content

__all__ = ["InspectLog"]

_INSPECT_NOT_SCORED = 0.0  # inspect_ai.scorer.value_to_float gives no point for N


class InspectLog:
    """Reads logs of Inspect."""

    name = "inspect"

    def recognises(self, content: Content) -> bool:
        """By the members of the archive, or the keys of the document."""
        if content.archive is not None:
            names = content.archive.namelist()
            return any(n in {"header.json", "_journal/start.json"} for n in names)
        document = content.document
        return isinstance(document, dict) and {"eval", "status"} <= document.keys()

    def read(self, content: Content, columns: RunColumns) -> RunLog:
        """Every sample of every epoch.

        Raises:
            SourceError: The log holds no samples.
        """
        if content.archive is None:
            header = content.document
            samples = header.get("samples") or []
        else:
            header, samples = _archived(content, content.archive.namelist())
        about = header.get("eval") or {}
        attempts = [_attempt(sample) for sample in samples]
        if not attempts:
            msg = (
                f"{content.path}: this Inspect log ({header.get('status')}) holds no samples; it was"
                " written with log_samples=False, or stopped before the first one ended"
            )
            raise SourceError(msg)
        return RunLog(
            tool="Inspect",
            attempts=attempts,
            benchmark=about.get("task"),
            unfinished=_unfinished(header, about, attempts),
            repeats=True,
        )


def _archived(content: Content, names: list[str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    # a run that was killed has a journal and no header
    header = content.member("header.json" if "header.json" in names else "_journal/start.json")
    header.setdefault("status", "started")
    found = sorted(n for n in names if n.startswith("samples/") and n.endswith(".json"))
    return header, [content.member(name) for name in found]


def _attempt(sample: dict[str, Any]) -> Attempt:
    scores = sample.get("scores") or {}
    return Attempt(
        item=sample.get("id"),
        grades=dict(_grades(scores)),
        label=_one(sample.get("target")),
        groups=scalars(sample.get("metadata")),
        question=fingerprint([sample.get("input"), sample.get("choices")]),
        error=_error(sample) if not scores or sample.get("error") else None,
    )


def _error(sample: dict[str, Any]) -> str:
    """Why a sample has no score: it failed, ran into a limit, or its run was stopped."""
    if error := sample.get("error"):
        return str(error.get("message", "error")).split("\n")[0]
    limit = sample.get("limit")
    return f"stopped at its {limit.get('type')} limit" if limit else "not scored"


def _grades(scores: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    for scorer, score in scores.items():
        value = score.get("value") if isinstance(score, Mapping) else score
        parts = value.items() if isinstance(value, Mapping) else [(None, value)]
        for part, single in parts:
            name = scorer if part is None else f"{scorer}/{part}"
            yield name, _INSPECT_NOT_SCORED if single == "N" else single


def _one(target: object) -> object:
    return target[0] if isinstance(target, list) and len(target) == 1 else target


def _unfinished(
    header: dict[str, Any], about: dict[str, Any], attempts: list[Attempt]
) -> str | None:
    status = header.get("status")
    if status in {None, "success"}:
        return None
    planned = (about.get("dataset") or {}).get("samples")
    of = f" of {planned}" if planned else ""
    return f"status {status!r}, {len({a.item for a in attempts})}{of} samples"
