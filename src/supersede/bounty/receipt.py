"""What is told about a judged submission: whether it was accepted, and nothing of the holdout."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Receipt", "receipt_of"]


@dataclass(frozen=True)
class Receipt:
    """The answer to a submission.

    Attributes:
        number: The submission's number, from 1.
        team: Who submitted.
        submission: Hash of group and answer.
        accepted: Whether it is a patch now.
        repairs: How many repairs it called for.
        sample: The slice that it was judged on.
        model: Hash of the model after it.
        left: Submissions that the bounty can still judge.
        at: When, in UTC.
        entry: Hash of the entry in the log.
    """

    number: int
    team: str
    submission: str
    accepted: bool
    repairs: int
    sample: str
    model: str
    left: int
    at: str
    entry: str

    def __str__(self) -> str:
        word = "accepted" if self.accepted else "rejected"
        repaired = f", {self.repairs} repairs" if self.repairs else ""
        return f"submission {self.number} of {self.team}: {word} on {self.sample}{repaired}"

    def to_dict(self) -> dict[str, Any]:
        """The receipt as plain data."""
        return asdict(self)


def receipt_of(entry: Mapping[str, Any]) -> Receipt:
    """The receipt that an entry of the log stands for."""
    return Receipt(
        entry["number"], entry["team"], entry["submission"], entry["accepted"],
        len(entry["repairs"]), entry["sample"], entry["model"], entry["left"], entry["at"],
        entry["hash"],
    )  # fmt: skip
