"""Findings without a model: failing slices, security and privacy problems, and their state.

Reported by anyone, triaged by the owner, disclosed on a date whether fixed or not. Nothing is overwritten: each
step is an entry of a log whose lines are chained by hashes.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from supersede.bounty.log import FileLog
from supersede.errors import ArgumentError
from supersede.look.json_values import json_object
from supersede.look.result import ResultMixin, frame_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Findings", "Kind", "ReportedFinding", "State"]

Kind = Literal["slice", "security", "privacy", "other"]
State = Literal["open", "confirmed", "fixed", "declined"]
_NEXT: dict[State, tuple[State, ...]] = {
    "open": ("confirmed", "declined"),
    "confirmed": ("fixed", "declined"),
    "fixed": ("confirmed",),  # the problem has recurred
    "declined": ("open",),  # reopened with new information
}
_LONGEST = 20_000  # characters of a description


@dataclass(frozen=True)
class ReportedFinding:
    """A reported finding.

    Attributes:
        number: Its number, from 1.
        kind: ``"slice"`` (a group that the model fails), ``"security"``, ``"privacy"`` or ``"other"``.
        title: A one-line title.
        details: Everything needed to reproduce it.
        team: The reporting team.
        reported: Time of the report, in UTC.
        group: The group as an expression, for a slice.
        state: ``"open"``, ``"confirmed"``, ``"fixed"`` or ``"declined"``.
        notes: The steps of the triage: time, state, note.
        disclose_on: The date from which it is public; None while no date is set.
    """

    number: int
    kind: Kind
    title: str
    details: str
    team: str
    reported: str
    group: str | None = None
    state: State = "open"
    notes: tuple[tuple[str, str, str], ...] = ()
    disclose_on: str | None = None

    def disclosed(self, on: date) -> bool:
        """Whether it is public on a date."""
        return self.disclose_on is not None and date.fromisoformat(self.disclose_on) <= on

    def to_dict(self) -> dict[str, Any]:
        """The finding as plain data."""
        return asdict(self)


class Findings(ResultMixin, named="findings"):
    """The register of findings.

    Args:
        path: The file, one line of JSON per step; None keeps it in memory only.

    Raises:
        LogError: The file was altered.

    Example:
        >>> register = Findings()
        >>> found = register.report("slice", "Worse for the young", "see age < 25", team="ada",
        ...                         group="age < 25", disclose_on=date(2027, 1, 31))
        >>> register.triage(found.number, "confirmed", "seen on the holdout too").state
        'confirmed'
        >>> register.public(date(2026, 12, 1)), len(register.public(date(2027, 2, 1)))
        ([], 1)
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self._log = FileLog(None if path is None else Path(path))
        self._found: dict[int, ReportedFinding] = {}
        self._read = 0  # entries of the log
        self._catch_up()

    def __str__(self) -> str:
        states = Counter(finding.state for finding in self)
        return f"{len(self)} findings: " + ", ".join(f"{n} {s}" for s, n in states.items())

    def to_dict(self) -> dict[str, Any]:
        """All findings as JSON values, whether disclosed or not."""
        return {"findings": [json_object(finding.to_dict()) for finding in self]}

    def to_frame(self) -> "pa.Table":
        """One row per finding, whether disclosed or not."""
        return frame_of(
            (finding.to_dict() for finding in self), list(ReportedFinding.__dataclass_fields__)
        )

    def to_html(self) -> str:
        """A page with all findings, for the owner."""
        from supersede.look.table_page import table_page

        shown = self.to_frame().select(["number", "kind", "title", "group", "team", "state"])
        return table_page("Reported findings", f"{self}.", shown)

    def __iter__(self) -> Any:
        return iter(self._found.values())

    def __len__(self) -> int:
        return len(self._found)

    def __getitem__(self, number: int) -> ReportedFinding:
        if number not in self._found:
            msg = f"there is no finding {number}; there are {len(self)} findings"
            raise ArgumentError(msg)
        return self._found[number]

    def report(
        self,
        kind: Kind,
        title: str,
        details: str,
        *,
        team: str,
        group: str | None = None,
        disclose_on: date | None = None,
    ) -> ReportedFinding:
        """Record a finding.

        Raises:
            ArgumentError: The kind is unknown, a text is missing, too long or not valid Unicode, or
                a slice has no valid group.
        """
        if kind not in get_args(Kind):
            msg = f"a finding must be of kind {', '.join(get_args(Kind))}; got {kind!r}"
            raise ArgumentError(msg)
        for name, text in (("title", title), ("details", details), ("team", team)):
            if not text.strip() or len(text) > _LONGEST:
                msg = f"{name}: {len(text)} characters; expected 1 to {_LONGEST}"
                raise ArgumentError(msg)
        if (group is not None) != (kind == "slice"):
            msg = "a slice must name its group as an expression, as in \"age < 25 and sex == 'f'\""
            raise ArgumentError(msg if kind == "slice" else "only a slice can have a group")
        if group is not None:
            from supersede.bounty.artefacts import parse

            group = str(parse(group))
        with self._writing():
            made = ReportedFinding(
                len(self) + 1,
                kind,
                title,
                details,
                team,
                _now(),
                group,
                disclose_on=None if disclose_on is None else disclose_on.isoformat(),
            )
            self._log.append({"event": "reported", **made.to_dict()})
        return self[made.number]

    def triage(self, number: int, state: State, note: str = "") -> ReportedFinding:
        """Change the state of a finding.

        Raises:
            ArgumentError: There is no such finding, or its state does not allow this step.
        """
        with self._writing():
            now = self[number].state
            if state not in _NEXT[now]:
                can = " or ".join(_NEXT[now])
                msg = f"finding {number} is {now}; it can become {can}, not {state!r}"
                raise ArgumentError(msg)
            step = {"at": _now(), "state": state, "note": note}
            self._log.append({"event": "triaged", "number": number, **step})
        return self[number]

    def disclose(self, number: int, on: date) -> ReportedFinding:
        """Set the date from which a finding is public; a date that has passed cannot be postponed.

        Raises:
            ArgumentError: There is no such finding, or it is public already.
        """
        with self._writing():
            if self[number].disclosed(datetime.now(UTC).date()):
                msg = f"finding {number} has been public since {self[number].disclose_on}"
                raise ArgumentError(msg)
            self._log.append({"event": "dated", "number": number, "on": on.isoformat()})
        return self[number]

    def public(self, on: date) -> list[ReportedFinding]:
        """The findings that are public on a date."""
        return [finding for finding in self if finding.disclosed(on)]

    def in_state(self, states: Sequence[State]) -> list[ReportedFinding]:
        """Findings in any of the given states."""
        return [finding for finding in self if finding.state in states]

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A transaction of the log, which begins with what other processes wrote."""
        with self._log.writing():
            self._catch_up()
            yield
        self._catch_up()

    def _catch_up(self) -> None:
        for entry in self._log.since(self._read):
            self._apply(entry)
            self._read += 1

    def _apply(self, entry: dict[str, Any]) -> None:
        number = entry["number"]
        if entry["event"] == "reported":
            skipped = ("event", "previous", "hash", "notes")
            fields = {key: value for key, value in entry.items() if key not in skipped}
            self._found[number] = ReportedFinding(**fields)
        elif entry["event"] == "triaged":
            before = self._found[number]
            step = (entry["at"], entry["state"], entry["note"])
            self._found[number] = replace(before, state=entry["state"], notes=(*before.notes, step))
        else:
            self._found[number] = replace(self._found[number], disclose_on=entry["on"])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
