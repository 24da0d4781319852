"""Keeps a checker and its log in step: what one decides is recorded by the other, or undone."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from datetime import UTC, datetime
from typing import Any

from supersede.bounty.checker import Checker
from supersede.bounty.decision_list import DecisionList
from supersede.bounty.log import BountyLog, digest_of
from supersede.bounty.sample import Sample
from supersede.bounty.saving import digest, record_of
from supersede.bounty.standing import Standing
from supersede.errors import LogError

__all__ = ["Ledger", "settings_of"]


class Ledger:
    """A log, where it stands, and the checker in the same state.

    Args:
        log: The log; if it has entries, the checker is brought to where it stands.
        checker: A checker that has judged nothing yet.
        first: The initial model.
        settings: Everything that must be the same when the bounty is opened again.

    Raises:
        LogError: The log was altered, or belongs to a bounty with other settings.
    """

    def __init__(
        self, log: BountyLog, checker: Checker, first: DecisionList, settings: Mapping[str, Any]
    ) -> None:
        self.log, self.checker = log, checker
        self._first, self._transcript = checker.model, checker.transcript  # repaired already
        self.standing = self._unread()
        opened = {"event": "opened", **settings}
        with self.log.writing():
            there = next(iter(self.log.since(0)), None)
            if there is None:
                _, files = record_of(first)
                self.log.append({**opened, "models": sorted(files), "at": _now()}, files)
            elif differ := [key for key, value in opened.items() if there.get(key) != value]:
                msg = f"this log belongs to a bounty with other {', '.join(differ)}"
                raise LogError(msg)
        with self.transaction():
            self.rotate_if_spent()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction of the log, which begins with what others wrote.

        If it raises, checker and log are as before.
        """
        checker, standing = copy(self.checker), self.standing
        try:
            with self.log.writing():
                self._catch_up()
                yield
        except BaseException:
            self.checker, self.standing = checker, standing
            raise

    def record(
        self, entry: Mapping[str, Any], files: Mapping[str, bytes] | None = None
    ) -> dict[str, Any]:
        """Append an entry; inside a `transaction`.

        Raises:
            LogError: What was written does not lead to the model that the checker has.
        """
        made = self.log.append({**entry, "model": digest(self.checker.model), "at": _now()}, files)
        standing = self.standing.copy()
        standing.follow(made)
        self.standing = standing
        return made

    def rotate_if_spent(self) -> None:
        """Take the next slice into use if this one is used up; inside a `transaction`."""
        if self.checker.must_rotate and not self.standing.closed:
            spent = self.checker.sample.name
            self.record({"event": "rotated", "spent": spent, "repairs": self.checker.rotate()})

    def _catch_up(self) -> None:
        standing = self.standing
        entries = self.log.since(max(standing.entries - 1, 0))
        if not standing.entries or [e["hash"] for e in entries[:1]] != [standing.head]:
            standing = self._unread()  # the first time; or entries were rolled back since
            entries = self.log.since(0)
            standing.opened(entries[0], self._transcript)
        if len(entries) > 1:
            standing = standing.copy()
            for entry in entries[1:]:
                standing.follow(entry)
        self.standing, checker = standing, self.checker
        model, at, transcript = standing.model, standing.at, standing.transcript
        if (at, transcript) != (checker.at, checker.transcript) or (
            digest(model) != digest(checker.model)
        ):
            checker.restore(model, at, transcript)

    def _unread(self) -> Standing:
        return Standing(self._first, self.checker.watch, self.log.file)


def settings_of(
    first: DecisionList, checker: Checker, public: Sample | None, per_team: int | None
) -> dict[str, Any]:
    """What determines how a bounty goes, and must be the same when it is opened again."""
    record, _ = record_of(first)
    spent = first.spent
    return {
        "base": record,
        "slices": [
            {"name": s.name, "rows": len(s), "fingerprint": s.fingerprint} for s in checker.slices
        ],
        "loss": repr(checker.loss),
        "policy": repr(checker.policy),
        "promise": checker.policy.promise,
        "capacity": checker.capacity,
        "watch": {name: str(group) for name, group in checker.watch.items()},
        "public": None if public is None else public.fingerprint,
        "per_team": per_team,
        "spent": digest_of(spent.to_dict()) if spent.samples else None,
        "first_repairs": [list(repair) for repair in checker.first_repairs],
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
