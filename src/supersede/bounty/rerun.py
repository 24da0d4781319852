"""Judge a whole bounty again from its log, and insist on the same list."""

from collections.abc import Mapping
from typing import Any

from supersede.bounty.artefacts.grammar import parse
from supersede.bounty.bounty import Bounty
from supersede.bounty.saving import from_record, record_of
from supersede.bounty.submission import Submission
from supersede.errors import LogError

__all__ = ["rerun"]

# what must be the same: all but times, and the hashes that contain them
_SAME = (
    "event",
    "number",
    "team",
    "submission",
    "accepted",
    "repairs",
    "sample",
    "spent",
    "left",
    "model",
)


def rerun(bounty: Bounty) -> Bounty:
    """Judge all submissions in the log again, on the same slices and by the same policy.

    Nothing is charged and nothing is written: the second bounty is in memory. Answers depend neither
    on the time nor on the machine's load, so the second list must be the first one. Reading a log
    (`Bounty` with its folder) checks that the list follows from the answers recorded; this checks the
    answers themselves.

    Args:
        bounty: The bounty.

    Returns:
        The second bounty, whose list has the same hash.

    Raises:
        LogError: An entry comes out otherwise; the message names the first one.

    Example:
        >>> import numpy as np
        >>> from supersede.bounty import DecisionList, Sample
        >>> from supersede.bounty.artefacts import Constant
        >>> age = np.random.default_rng(0).integers(18, 90, 4000)
        >>> rows = Sample("holdout", {"age": age}, (age >= 60).astype(int))
        >>> bounty = Bounty(DecisionList(Constant((0,))), [rows])
        >>> receipt = bounty.submit("ada", "age >= 70", Constant((1,)))
        >>> rerun(bounty).digest == bounty.digest
        True
    """
    checker = bounty.checker
    again = Bounty(
        bounty.first,
        checker.slices,
        loss=checker.loss,
        policy=checker.policy,
        capacity=checker.capacity,
        watch=checker.watch,
        per_team=bounty.per_team,
    )
    recorded = [entry for entry in bounty.log.since(1) if entry["event"] != "closed"]
    for entry in recorded:
        if entry["event"] == "judged":
            again.decide(_submission_of(entry, bounty))
        elif entry["event"] == "withdrawn":
            again.withdraw(entry["team"], entry["number"])
    for place, (first, second) in enumerate(
        zip(recorded, again.log.since(1), strict=False), start=2
    ):
        differ = [key for key in _SAME if first.get(key) != second.get(key)]
        if differ:
            msg = f"entry {place} of the log, judged again, has another {', '.join(differ)}"
            raise LogError(msg)
    if again.digest != bounty.digest:
        msg = "judged again, the log leads to another list"
        raise LogError(msg)
    return again


def _submission_of(entry: Mapping[str, Any], bounty: Bounty) -> Submission:
    answer = from_record(entry["answer"], bounty.log.file)
    record, files = record_of(answer)  # the second log is empty, so it needs the files too
    group = parse(entry["group"])
    return Submission(
        entry["team"], group, answer, entry["note"], None, record, files, entry["submission"]
    )
