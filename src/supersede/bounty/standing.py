"""Where a bounty stands, as its log alone says it: no row is looked at and no model is run."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any

from supersede.bounty.artefacts.grammar import parse
from supersede.bounty.checker import protected
from supersede.bounty.decision_list import DecisionList
from supersede.bounty.log import START
from supersede.bounty.passport import Passport
from supersede.bounty.policies import Transcript
from supersede.bounty.receipt import Receipt, receipt_of
from supersede.bounty.routing import Group
from supersede.bounty.saving import digest, from_record
from supersede.errors import LogError

__all__ = ["Standing"]


class Standing:
    """What follows from the entries of a log that were read so far.

    Args:
        first: The initial model, with the repairs that were made when the bounty was opened.
        watch: The watched groups.
        file: Returns an ONNX file by its SHA-256.

    Attributes:
        model: The model with all patches.
        at: Index of the slice in use.
        transcript: The answers given about it.
        receipts: The receipts, in order.
        made: For each accepted submission that was not withdrawn, by number, the version it made.
        charged: Submissions judged, by team.
        seen: Hashes of the submissions judged, each with the hash of the model before it.
        closed: Whether the round has ended.
        audited: The rows on which it was audited.
        entries: Entries read.
        head: Hash of the last one.
    """

    def __init__(
        self, first: DecisionList, watch: Mapping[str, Group], file: Callable[[str], bytes]
    ) -> None:
        self._watch, self._file = watch, file
        self.model, self.at, self.transcript = first, 0, Transcript()
        self.receipts: list[Receipt] = []
        self.made: dict[int, int] = {}
        self.charged: Counter[str] = Counter()
        self.seen: set[tuple[str, str]] = set()
        self.closed, self.audited = False, Passport()
        self.entries, self.head = 0, START

    def copy(self) -> "Standing":
        """An independent copy."""
        made = copy(self)
        made.receipts, made.made = list(self.receipts), dict(self.made)
        made.charged, made.seen = Counter(self.charged), set(self.seen)
        return made

    def opened(self, entry: Mapping[str, Any], transcript: Transcript) -> None:
        """Read the first entry.

        Args:
            entry: The entry.
            transcript: That of a bounty that has just been opened.
        """
        self.transcript = transcript
        self._read(entry)

    def follow(self, entry: Mapping[str, Any]) -> None:
        """Read the next entry.

        Raises:
            LogError: It does not lead to the model that it names. What was read is then undefined.
        """
        before = digest(self.model)
        if entry["event"] == "judged":
            self.transcript = self.transcript.told(accepted=entry["accepted"])
            if entry["accepted"]:
                answer = from_record(entry["answer"], self._file)
                self.model = self.model.patched(parse(entry["group"]), answer, entry["team"])
                self.made[entry["number"]] = len(self.model)
                self._repair(entry["repairs"])
            self.receipts.append(receipt_of(entry))
            self.charged[entry["team"]] += 1
            self.seen.add((entry["submission"], before))
        elif entry["event"] == "withdrawn":
            self.model = self.model.without(self.made.pop(entry["number"]))
            self._repair(entry["repairs"])
        elif entry["event"] == "rotated":
            self.at, self.transcript = self.at + 1, Transcript()
            self._repair(entry["repairs"])
        elif entry["event"] == "closed":
            self.closed, self.audited = True, Passport.from_dict(entry.get("spent", {}))
        if entry["model"] != digest(self.model):
            msg = f"entry {self.entries + 1} of the log does not lead to the model that it names"
            raise LogError(msg)
        self._read(entry)

    def _repair(self, repairs: Sequence[Sequence[Any]]) -> None:
        groups, choices = protected(self.model, self._watch), []
        for name, version in repairs:
            if name not in groups:
                msg = f"the log has a repair of {name!r}, which no patch or watched group is"
                raise LogError(msg)
            choices.append(len(groups) * (len(self.model) + 1))
            self.model = self.model.patched(groups[name], version)
        self.transcript = self.transcript.repaired(choices)

    def _read(self, entry: Mapping[str, Any]) -> None:
        self.entries, self.head = self.entries + 1, str(entry["hash"])
