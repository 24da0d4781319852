"""One run: what its files hold, its name, and its attempts by item."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from supersede.errors import ArgumentError, ItemError
from supersede.table.runs.attempt import Attempt, RunColumns, RunLog
from supersede.table.runs.differences import listed
from supersede.table.runs.recognise import read_log
from supersede.table.runs.tables import read_frame

__all__ = ["Run", "alike_ids", "by_item", "name_runs", "open_run", "refuse_twice"]

_LONGEST = 80  # characters of a question that stands for an id


@dataclass(frozen=True)
class Run:
    """One run, by item.

    Attributes:
        name: The model that it is of, named after the file.
        log: What was read.
        files: Its files; none for a frame.
        items: The attempts at each item, in the file's order.
    """

    name: str
    log: RunLog
    files: tuple[str, ...]
    items: Mapping[object, Sequence[Attempt]]

    def skipped(self, item: object) -> bool:
        """Whether the item was left out on purpose, or is not there at all."""
        return all(attempt.skipped for attempt in self.items.get(item, ()))

    def repeats(self, item: object) -> bool:
        """Whether there are several attempts at the item."""
        return len(self.items.get(item, ())) > 1


def open_run(
    source: object, columns: RunColumns, format: str | None
) -> tuple[RunLog, tuple[str, ...]]:
    """Read a path, a glob or a frame, and say which files were read."""
    if isinstance(source, str | Path):
        log, paths = read_log(source, columns, format)
        return log, tuple(map(str, paths))
    return read_frame(source, columns, f"the {type(source).__name__}"), ()


def refuse_twice(opened: Sequence[tuple[RunLog, tuple[str, ...]]]) -> None:
    """Refuse the same file twice, under whatever name.

    Raises:
        ArgumentError: Two runs are one file, or copies of one.
    """
    seen: dict[tuple[bytes, ...], tuple[str, ...]] = {}
    for _, files in opened:
        digests = tuple(hashlib.sha256(Path(file).read_bytes()).digest() for file in files)
        if digests in seen:
            first = seen[digests]
            same = [Path(f).resolve() for f in first] == [Path(f).resolve() for f in files]
            told = " and ".join(listed(part) for part in (first, files))
            how = (
                f"{listed(files)} is given twice" if same else f"{told} are the same, byte for byte"
            )
            msg = f"{how}; a review needs two runs"
            raise ArgumentError(msg)
        if files:
            seen[digests] = files


def name_runs(files: Sequence[tuple[str, ...]]) -> list[str]:
    """A name per run: the file's stem, with as much of its path as distinguishes runs."""
    stems = []
    for at, paths in enumerate(files):
        if not paths:
            stems.append(("old", "new")[at] if at < 2 else f"new {at}")
        elif len(paths) == 1:
            stems.append(Path(paths[0]).name.split(".")[0] or Path(paths[0]).name)
        else:
            stems.append(Path(paths[0]).parent.name or "files")
    if len({stem.casefold() for stem in stems}) == len(stems):
        return stems
    resolved = [
        Path(paths[0] if paths else f"frame {at}").resolve() for at, paths in enumerate(files)
    ]
    for deep in range(1, max(len(path.parts) for path in resolved)):
        longer = [
            "/".join((*path.parent.parts[-deep:], stem))
            for path, stem in zip(resolved, stems, strict=True)
        ]
        if len({name.casefold() for name in longer}) == len(longer):
            return longer
    return [path.name for path in resolved]  # in one folder, distinguished by their endings


def by_item(name: str, log: RunLog, files: tuple[str, ...]) -> Run:
    """The run with its attempts by item.

    Raises:
        ItemError: An item has no id, or an id stands for several items.
    """
    items: dict[object, list[Attempt]] = {}
    for at, attempt in enumerate(log.attempts, 1):
        key = _key(attempt)
        if key is None:
            msg = f"run {name!r}: row {at} of {len(log.attempts)} has no id; give every item one"
            raise ItemError(msg)
        items.setdefault(key, []).append(attempt)
    twice = tuple(item for item, found in items.items() if len(found) > 1)
    if twice and not log.repeats:
        msg = (
            f"run {name!r}: {len(twice)} ids occur more than once: {listed(twice)}; if these are"
            " repeated attempts, name the column that numbers them: --attempt COLUMN; if several models"
            " answered, the column that names the model: --by COLUMN"
        )
        raise ItemError(msg)
    for item in twice:
        if len({a.question for a in items[item]} - {None}) > 1:
            msg = f"run {name!r}: id {item!r} stands for different questions; give every item its own id"
            raise ItemError(msg)
    return Run(name, log, files, items)


def _key(attempt: Attempt) -> object:
    item = attempt.item
    if isinstance(item, float) and item.is_integer():
        return int(item)
    if item is not None and item != "":
        return item
    text = attempt.question
    if text is None or len(text) <= _LONGEST:
        return text
    return f"{text[: _LONGEST - 10]}… {hashlib.sha256(text.encode()).hexdigest()[:8]}"


def alike_ids(runs: Sequence[Run]) -> Sequence[Run]:
    """Ids as text, unless all of them are whole numbers.

    Raises:
        ItemError: A run has an id both as a number and as text.
    """
    if all(type(item) is int and abs(item) < 2**63 for run in runs for item in run.items):
        return runs
    found = []
    for run in runs:
        items: dict[object, Sequence[Attempt]] = {}
        for item, attempts in run.items.items():
            if str(item) in items:
                msg = f"run {run.name!r} has the id {item!r} as a number and as text; keep one of the two"
                raise ItemError(msg)
            items[str(item)] = attempts
        found.append(replace(run, items=items))
    return found
