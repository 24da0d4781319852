"""How far a log file has got, in a file beside it: so that lines missing at its end are noticed.

A chain of hashes shows what was altered or left out in the middle of a log, but any beginning of it is
whole in itself. The mark is written after the lines that it counts, so after a crash it may be behind
the log, and never ahead. It guards against accidents such as an old copy put back or a disk that lost
data; whoever means harm can cut both, and only a receipt, or a head kept elsewhere, shows that.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from supersede.errors import LogError
from supersede.look.page import write_whole

__all__ = ["Mark", "mark_of", "read_mark"]

_log = logging.getLogger("supersede")


@dataclass(frozen=True)
class Mark:
    """How far a log had got when it was last written.

    Attributes:
        entries: Number of entries.
        head: Hash of the last one.
    """

    entries: int
    head: str

    def write(self, log: Path) -> None:
        """Put it beside a log.

        Raises:
            ReportError: The folder cannot be written to.
        """
        write_whole(_beside(log), json.dumps(asdict(self)) + "\n")

    def check(self, log: Path, entries: Sequence[dict[str, Any]]) -> None:
        """Refuse a log that does not reach the mark.

        Raises:
            LogError: Entries are missing at its end, or it is another log.
        """
        if self.entries <= len(entries) and entries[self.entries - 1]["hash"] == self.head:
            return
        what = (
            f"{log} has {len(entries)} entries, but {self.entries} were recorded: its end is missing"
            if len(entries) < self.entries
            else f"{log} is not the log that was written here: entry {self.entries} is another one"
        )
        msg = (
            f"{what}. Put the whole file back from a copy. To continue from what is left, delete"
            f" {_beside(log)}: receipts of missing entries are then void, although the holdout has"
            " answered them, so the promise of the policy no longer holds"
        )
        raise LogError(msg)


def mark_of(entries: Sequence[dict[str, Any]]) -> Mark:
    """The mark of a log that has entries."""
    return Mark(len(entries), str(entries[-1]["hash"]))


def read_mark(log: Path) -> Mark | None:
    """The mark beside a log; None, with a warning in the program's log if there should be one.

    Read it before the log, which others may be writing.

    Raises:
        LogError: It is not a mark.
        OSError: It cannot be read.
    """
    path = _beside(log)
    try:
        written = path.read_bytes()
    except FileNotFoundError:
        if log.exists():
            _log.warning("no %s: lines missing at the end of %s would go unnoticed", path, log)
        return None
    try:
        found = json.loads(written)
        return Mark(_positive(found["entries"]), str(found["head"]))
    except (ValueError, KeyError, TypeError) as error:
        msg = (
            f"{path} cannot be read ({error!r}). It tells how long {log.name} is; delete it if the log"
            " is known to be whole"
        )
        raise LogError(msg) from error


def _positive(count: Any) -> int:
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(count)
    return count


def _beside(log: Path) -> Path:
    return log.with_name(f"{log.name}.mark")
