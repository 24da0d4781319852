"""What ``supersede audit`` reads beside the table and keeps: groups, the card's text, the history."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from supersede.errors import ArgumentError

if TYPE_CHECKING:
    from supersede.audit import Audit, Entry, Group

__all__ = ["card_facts", "earlier_audit", "hold", "read_groups", "write_card"]


def read_groups(path: Path) -> "list[Group]":
    """The groups of ``--declared``.

    Raises:
        ArgumentError: The file cannot be read, or holds something else.
    """
    import json

    from supersede.audit.groups import from_records

    try:
        return from_records(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        msg = (
            f"--declared: cannot read groups from {path}: {error}; expected a file as written by"
            " --finds"
        )
        raise ArgumentError(msg) from error


def card_facts(facts: Path | None, out: Path | None) -> dict[str, Any] | None:
    """The text of a service card, read before the audit so that a mistake costs nothing."""
    import tomllib

    from supersede.audit import ServiceCard

    if facts is None and out is None:
        return None
    if facts is None or out is None:
        msg = "a card needs both --card facts.toml (its text) and --card-out card.html"
        raise ArgumentError(msg)
    ServiceCard.check_path(out)
    try:
        return tomllib.loads(facts.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArgumentError(_no_card(f"{facts}: {error}")) from error


def write_card(result: "Audit", facts: Mapping[str, Any], out: Path) -> None:
    """Write the service card of the audited model."""
    from supersede.audit import service_card

    try:
        made = service_card([result], **facts)
    except TypeError as error:
        raise ArgumentError(_no_card(str(error))) from error
    made.save(out)


def _no_card(why: str) -> str:
    return (
        f"--card: cannot make a card: {why}; expected a TOML file with name, version, released,"
        " intended_use, limits and customer_must_test"
    )


def earlier_audit(history: Path | None, version: str | None) -> "Entry | None":
    """The last entry of a history; a version that it has already is refused before the work."""
    from supersede.audit import load_history

    known = load_history(history) if history is not None and history.exists() else []
    if version in {entry.version for entry in known}:
        msg = f"{history} already contains an audit of version {version!r}; give this one its own name"
        raise ArgumentError(msg)
    return known[-1] if known else None


def hold(
    result: "Audit",
    earlier: "Entry | None",
    history: Path | None,
    version: str | None,
    tolerance: float,
) -> int:
    """Compare the audit with the last of a history, then append it; returns the exit code."""
    from supersede.audit import append_audit, regressions
    from supersede.audit.history import worst_of

    code = 0
    if earlier is not None:
        found = regressions(earlier.audit, result, tolerance=tolerance)
        verdict = worst_of(found)
        code = {"pass": 0, "fail": 1, "undecided": 3}[verdict]
        print(f"against version {earlier.version}: {verdict}")
        for regression in [r for r in found if r.verdict == verdict and verdict != "pass"][:10]:
            if regression.change != regression.change:
                print(f"  {regression.group}: no longer in the audit")
                continue
            print(
                f"  {regression.group}: {regression.change:+.4f}"
                f" [{regression.low:+.4f}, {regression.high:+.4f}], n {regression.n:,}"
            )
    if version is not None and history is not None:
        append_audit(history, version, result)
    return code
