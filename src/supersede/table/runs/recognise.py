"""Which format a file is of, by its content."""

import glob
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from supersede.errors import ArgumentError, ItemError, SourceError
from supersede.table.runs.attempt import Reader, RunColumns, RunLog
from supersede.table.runs.content import Content
from supersede.table.runs.deepeval import DeepEval
from supersede.table.runs.inspect_log import InspectLog
from supersede.table.runs.lm_eval import LmEval
from supersede.table.runs.mlflow_table import MlflowTable
from supersede.table.runs.openai_evals import OpenAIEvals
from supersede.table.runs.promptfoo import Promptfoo
from supersede.table.runs.records import Records
from supersede.table.runs.resolved_ids import ResolvedIds
from supersede.table.runs.suite_reports import JUnit, PytestReport
from supersede.table.runs.tables import TableFile

__all__ = ["READERS", "read_log", "recognise"]

READERS: tuple[Reader, ...] = (
    InspectLog(), LmEval(), Promptfoo(), DeepEval(), OpenAIEvals(), MlflowTable(), PytestReport(),
    JUnit(), ResolvedIds(), TableFile(), Records(),
)  # fmt: skip
"""In the order in which they are tried; the last takes any JSON records."""

_OWN_COLUMNS = (TableFile, Records)


def recognise(content: Content, format: str | None = None) -> Reader:
    """The reader for a file.

    Args:
        content: The file.
        format: The name of a reader, where the user forces one.

    Returns:
        The reader.

    Raises:
        ArgumentError: No reader has this name.
        SourceError: No reader recognises the file, or the forced one does not.
    """
    if format is not None:
        reader = next((reader for reader in READERS if reader.name == format), None)
        names = ", ".join(reader.name for reader in READERS)
        if reader is None:
            msg = f"--from {format}: no such format; there are {names}"
            raise ArgumentError(msg)
        if not reader.recognises(content):
            because = content.damage or "its content is of another form"
            msg = f"{content.path} is not a file of {format}: {because}; leave --from out, or name another of {names}"
            raise SourceError(msg)
        return reader
    for reader in READERS:
        if reader.recognises(content):
            return reader
    because = content.damage or (
        "it is not JSON, JSON lines, XML or archive of results, nor a CSV or Parquet file by its name"
    )
    msg = f"cannot read {content.path} as a run: {because}"
    raise SourceError(msg)


def read_log(
    source: str | Path, columns: RunColumns, format: str | None = None
) -> tuple[RunLog, list[Path]]:
    """Read a run from its file, or its files, as a glob.

    Args:
        source: A path, or a glob whose files are parts of one run.
        columns: What the user named.
        format: The name of a reader, where the user forces one.

    Returns:
        The log, and the files read.

    Raises:
        SourceError: A file is missing, damaged, or of another format than the others.
        ItemError: Two files of a run hold the same items.
    """
    paths = _matches(str(source))
    logs = [_one(path, columns, format) for path in paths]
    if len(logs) == 1:
        return logs[0], paths
    tools = {log.tool for log in logs}
    if len(tools) > 1:
        msg = f"{source} mixes files of {' and '.join(sorted(tools))}; a run has one format"
        raise SourceError(msg)
    return _merged(logs, paths, str(source)), paths


def _one(path: Path, columns: RunColumns, format: str | None) -> RunLog:
    content = Content(path)
    reader = recognise(content, format)
    named = [flag for flag in ("item", "label", "answer", "attempt") if getattr(columns, flag)]
    if named and not isinstance(reader, _OWN_COLUMNS):
        flags = ", ".join(f"--{flag}" for flag in named)
        msg = f"{path} is a file of {reader.name}, which names its items itself; leave out {flags}"
        raise ArgumentError(msg)
    return reader.read(content, columns)


def _merged(logs: Sequence[RunLog], paths: Sequence[Path], source: str) -> RunLog:
    """Several files of one run; where they are of several benchmarks, ids name theirs."""
    tasks = [log.benchmark or "" for log in logs]
    several = len(set(tasks)) > 1 and all(tasks)  # otherwise they are parts of one
    seen: dict[object, Path] = {}
    attempts = []
    for log, path, task in zip(logs, paths, tasks, strict=True):
        for item in {attempt.item or attempt.question for attempt in log.attempts}:
            key = (task, item)
            if key in seen:
                msg = f"{source}: {seen[key].name} and {path.name} both hold item {item!r} of {task!r}; give each run its own files"
                raise ItemError(msg)
            seen[key] = path
        for attempt in log.attempts:
            groups = {**attempt.groups, "task": task} if several else attempt.groups
            item = (
                f"{task}/{attempt.item}" if several and attempt.item is not None else attempt.item
            )
            attempts.append(replace(attempt, item=item, groups=groups))
    unfinished = [
        f"{p.name}: {log.unfinished}" for log, p in zip(logs, paths, strict=True) if log.unfinished
    ]
    return replace(
        logs[0],
        attempts=attempts,
        benchmark=" + ".join(dict.fromkeys(filter(None, tasks))) or None,
        unfinished="; ".join(unfinished) or None,
    )


def _matches(pattern: str) -> list[Path]:
    path = Path(pattern).expanduser()
    if path.is_file():
        return [path]
    found = [
        Path(name) for name in sorted(glob.glob(str(path), recursive=True)) if Path(name).is_file()
    ]
    if not found:
        hint = f"; it is a folder, so name its files: {pattern}/*" if path.is_dir() else ""
        msg = f"no file matches {pattern!r}, seen from {Path.cwd()}{hint}"
        raise SourceError(msg)
    return found
