"""Receipts: whether a submission was accepted or withdrawn, without figures of the holdout."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Receipt", "Withdrawal", "receipt_of", "withdrawal_of"]


@dataclass(frozen=True)
class Receipt:
    """The answer to a submission.

    Attributes:
        number: The submission's number, from 1.
        team: The submitting team.
        submission: Hash of group and answer.
        accepted: Whether it was accepted as a patch.
        repairs: Number of repairs that followed.
        sample: The slice on which it was judged.
        model: Hash of the model after it.
        left: Submissions that the bounty can still judge.
        at: Time, in UTC.
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
    """The receipt of a log entry."""
    return Receipt(
        entry["number"],
        entry["team"],
        entry["submission"],
        entry["accepted"],
        len(entry["repairs"]),
        entry["sample"],
        entry["model"],
        entry["left"],
        entry["at"],
        entry["hash"],
    )


@dataclass(frozen=True)
class Withdrawal:
    """The receipt of a withdrawal.

    Attributes:
        number: The number of the submission withdrawn.
        team: Its team.
        repairs: Number of repairs that followed.
        model: Hash of the model after it.
        at: Time, in UTC.
        entry: Hash of the entry in the log.
    """

    number: int
    team: str
    repairs: int
    model: str
    at: str
    entry: str

    def __str__(self) -> str:
        repaired = f", {self.repairs} repairs" if self.repairs else ""
        return f"submission {self.number} of {self.team}: withdrawn{repaired}"

    def to_dict(self) -> dict[str, Any]:
        """The receipt as plain data."""
        return asdict(self)


def withdrawal_of(entry: Mapping[str, Any]) -> Withdrawal:
    """The receipt for a withdrawal's entry of the log."""
    return Withdrawal(
        entry["number"],
        entry["team"],
        len(entry["repairs"]),
        entry["model"],
        entry["at"],
        entry["hash"],
    )
