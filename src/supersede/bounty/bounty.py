"""A bounty: submissions in, receipts out, and a log from which its state can be rebuilt.

A team learns one bit, accepted or rejected, and which repairs followed an acceptance.
Submissions that can be refused without the holdout are refused first, with a reason, and use no
capacity.
"""

import logging
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from supersede.bounty.artefacts.check_model import check_model
from supersede.bounty.artefacts.models import Model
from supersede.bounty.certificate import certify
from supersede.bounty.checker import Checker, Judgement
from supersede.bounty.decision_list import DecisionList, judged_answers
from supersede.bounty.fresh_audit import RoundAudit, audit_round
from supersede.bounty.log import Log, digest_of
from supersede.bounty.losses import Loss, check_labels
from supersede.bounty.passport import Passport
from supersede.bounty.policies import Policy, Transcript
from supersede.bounty.receipt import Receipt, receipt_of
from supersede.bounty.routing import Group
from supersede.bounty.sample import Sample, same_rows
from supersede.bounty.saving import (
    digest,
    from_record,
    keep_files,
    read_back,
    read_files,
    record_of,
)
from supersede.errors import (
    ArgumentError,
    BudgetSpentError,
    LogError,
    MissingColumnError,
    StaleVersionError,
    SubmissionError,
    SupersedeError,
)

__all__ = ["Bounty", "Receipt"]

_log = logging.getLogger("supersede")
_LONGEST_NAME, _LONGEST_NOTE = 100, 2000  # characters
# letters and marks that are drawn as nothing: fillers, joiners, variation selectors, empty Braille
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {
    chr(c)
    for r in (range(0x180B, 0x1810), range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
    for c in r
}


class Bounty:
    """Accepts submissions until the holdout is used up.

    Args:
        model: The initial model.
        holdout: Slices, each of which judges `capacity` submissions; see `Sample.slices`.
        loss: The loss of a row; by default 1 where the answer is wrong.
        policy: The rule by which submissions are accepted; by default `Certified`.
        capacity: Submissions per slice.
        watch: Groups (or their texts) by name that are protected from the start, even if no
            submission names them.
        public: Public rows. A submission without gain on them is refused, with the figures, and
            does not use the holdout.
        folder: Folder for the log and the models. A bounty whose folder contains a log resumes from
            it.

    Raises:
        ArgumentError: Two slices, or a slice and the public rows, share most of their rows; or rows
            of a slice are spent: they judged an earlier bounty of this model, or were published.
        LogError: The log was altered, or belongs to a bounty with other rows or rules.

    Example:
        >>> from supersede.bounty.artefacts import Constant
        >>> rng = np.random.default_rng(0)
        >>> age = rng.integers(18, 90, 4000)
        >>> rows = Sample("holdout", {"age": age}, (age >= 60).astype(int))
        >>> bounty = Bounty(DecisionList(Constant((0,))), [rows])
        >>> print(bounty.submit("ada", "age >= 70", Constant((1,))))
        submission 1 of ada: accepted on holdout
        >>> bounty.model
        DecisionList(1 patches, 0 repairs)
    """

    def __init__(
        self,
        model: DecisionList,
        holdout: Sequence[Sample],
        *,
        loss: Loss | None = None,
        policy: Policy | None = None,
        capacity: int = 100,
        watch: Mapping[str, Group | str] | None = None,
        public: Sample | None = None,
        folder: str | Path | None = None,
    ) -> None:
        self._checker = Checker(
            model, holdout, loss=loss, policy=policy, capacity=capacity, watch=watch
        )
        self.first, self.public = model, public
        if public is not None:
            check_labels(self._checker.loss, public.labels, model.answers)
        for one, other in combinations(self._asked, 2):
            if same_rows(one, other):
                msg = (
                    f"most rows of {one.name} are in {other.name}, or vice versa; slices and public"
                    " rows must not share rows"
                )
                raise ArgumentError(msg)
        for sample in self._checker.slices:
            if model.spent.knows(sample):
                msg = (
                    f"rows of {sample.name} have already judged this model or were published; draw new"
                    " ones, or leave them out: sample.take(model.spent.unspent(sample))"
                )
                raise ArgumentError(msg)
        self._passport: tuple[int, Passport] = (0, model.spent)
        self._audited: Sample | None = None
        self._folder = None if folder is None else Path(folder)
        self._log = Log(None if self._folder is None else self._folder / "log.jsonl")
        self.receipts: list[Receipt] = []
        self._seen: set[tuple[str, str]] = set()
        self._closed = False
        opened = {"event": "opened", **self._settings()}
        if not len(self._log):
            files = self._keep(model)
            self._log.append({**opened, "models": files, "at": _now()})
        else:
            self._resume(opened)

    @property
    def _asked(self) -> list[Sample]:
        return [*self._checker.slices, *([] if self.public is None else [self.public])]

    @property
    def model(self) -> DecisionList:
        """The model with all patches so far, and the fingerprints of all rows that are spent."""
        checker = self._checker
        used = checker.at + (checker.transcript.submissions > 0)
        samples = [*checker.slices[:used], *([] if self.public is None else [self.public])]
        samples += [] if self._audited is None else [self._audited]
        if len(samples) != self._passport[0]:
            passport = self.first.spent
            for sample in samples:
                passport = passport.with_sample(sample)
            self._passport = (len(samples), passport)
        return replace(checker.model, spent=self._passport[1])

    @property
    def digest(self) -> str:
        """Its hash; a submission can name it as its base version."""
        return digest(self.model)

    @property
    def left(self) -> int:
        """Submissions that can still be judged."""
        return 0 if self._closed else self._checker.left

    @property
    def spent(self) -> tuple[str, ...]:
        """Names of the slices that are used up: they, and figures on them, can be published."""
        return self._checker.spent

    @property
    def checker(self) -> Checker:
        """Model, slices and figures; for the owner only."""
        return self._checker

    @property
    def log(self) -> Log:
        """All events; contains no figures of the holdout."""
        return self._log

    def submit(
        self,
        team: str,
        group: Group | str,
        answer: Model,
        *,
        base: str | None = None,
        note: str = "",
    ) -> Receipt:
        """Judge a submission.

        Args:
            team: The submitting team.
            group: The group of the patch: an expression, or its text.
            answer: The model for that group.
            base: Hash of the model that it was made against; None for the current one.
            note: A text of the team, stored in the log, up to 2,000 characters.

        Returns:
            The receipt.

        Raises:
            SubmissionError: It is refused before it is judged: an empty group or no gain on the
                public rows, a duplicate, answers that cannot be graded.
            AnswerError: The model can give an answer that is not allowed, for some row.
            ArtefactError: The group or the model cannot be read back from what is written of it.
            StaleVersionError: The model has been patched since `base`.
            BudgetSpentError: All submissions are used up, or the bounty is closed.
            MissingColumnError: It reads a column that is not in the rows.
            LimitError: The model exceeded its limits several times; the submission does not count.
            ReportError: The log cannot be written; the submission then counts as not judged.
        """
        if not self.left:
            msg = "this bounty is closed" if self._closed else "all submissions are used up"
            raise BudgetSpentError(msg + "; open a new bounty with its patched model")
        if not team.strip():
            msg = "a submission must name its team, so that it can be rewarded"
            raise SubmissionError(msg)
        _check_text("a team's name", team, _LONGEST_NAME)
        _check_name(team)
        _check_text("a note", note, _LONGEST_NOTE)
        if isinstance(group, str):
            from supersede.bounty.artefacts import parse

            group = parse(group)
        group, answer = read_back(group, answer)  # what is judged is what can be read again
        self._check_columns(group, answer)
        check_model(answer, self.model.answers)
        self._rotate_if_spent()  # in case this failed after the last submission
        before = self.digest
        if base is not None and base != before:
            msg = (
                f"made against {base[:12]}, but the model is now {before[:12]}; check the"
                " submission against it and submit again"
            )
            raise StaleVersionError(msg)
        record, files = record_of(answer)
        submission = digest_of({"group": str(group), "answer": record})
        if (submission, before) in self._seen:
            msg = (
                "this submission was already judged against this model, and nothing has changed"
                " since"
            )
            raise SubmissionError(msg)
        self._screen(group, answer)
        if self._folder is not None:
            keep_files(self._folder / "models", files)
        with self._undone_on_failure():  # an unrecorded judgement is undone
            judged = self._checker.judge(group, answer, team)
            receipt = self._record(judged, team, note, group, record, submission)
        self._seen.add((submission, before))
        # the receipt is valid, so this does not concern its holder; the next submission tries again
        try:
            self._rotate_if_spent()
        except SupersedeError as error:
            _log.warning("the next slice could not be taken into use yet: %s", error)
        return receipt

    def close(self, fresh: Sample, *, confidence: float = 0.95) -> RoundAudit:
        """End the round with an audit on fresh rows.

        Args:
            fresh: Unused rows: neither from a slice of the holdout nor public.
            confidence: For all intervals of the audit at once.

        Raises:
            SubmissionError: Most rows are also in a slice, or public; see `same_rows`.
        """
        for sample in self._asked:
            if same_rows(fresh, sample):
                msg = (
                    f"most rows of {fresh.name} are in {sample.name}, or vice versa; a round must"
                    " be audited on unused rows"
                )
                raise SubmissionError(msg)
        if not self._closed:
            self._rotate_if_spent()  # as in `submit`
        audit = audit_round(
            self.model, fresh, loss=self._checker.loss, watch=self._checker.watch,
            confidence=confidence,
        )  # fmt: skip
        if not self._closed:
            entry = {"fresh": fresh.fingerprint, "rows": len(fresh), "model": self.digest}
            self._log.append({"event": "closed", **entry, "at": _now()})
            self._closed = True
        self._audited = fresh
        return audit

    def _check_columns(self, group: Group, answer: Model) -> None:
        columns = self._checker.sample.columns
        for name in (*group.columns, *answer.columns):
            if name not in columns:
                raise MissingColumnError.of(name, columns, "a submission")

    def _screen(self, group: Group, answer: Model) -> None:
        """Refuse a submission without gain on the public rows."""
        if self.public is None:
            return
        mask = group.mask(self.public.columns)
        if not mask.any():
            msg = f"no row of {self.public.name} is in the group"
            raise SubmissionError(msg)
        everyone = np.ones(len(self.public), bool)
        current = self.model.predict(self.public.columns)
        proposed = judged_answers(answer, self.public.columns, everyone, self.model.answers)
        found = certify(
            self.public, self._checker.loss, group=mask, current=current, proposed=proposed
        )
        if not found.holds:
            msg = f"no gain: {found}; a submission must gain on {self.public.name} to be judged"
            raise SubmissionError(msg)

    def _record(
        self,
        judged: Judgement,
        team: str,
        note: str,
        group: Group,
        record: Any,
        submission: str,
    ) -> Receipt:
        entry = self._log.append(
            {
                "event": "judged",
                "number": len(self.receipts) + 1,
                "team": team,
                "note": note,
                "group": str(group),
                "answer": record,
                "submission": submission,
                "accepted": judged.accepted,
                "repairs": [list(repair) for repair in judged.repairs],
                "sample": judged.sample,
                "model": self.digest,
                "left": self._checker.left,
                "at": _now(),
            }
        )
        self.receipts.append(receipt_of(entry))
        return self.receipts[-1]

    def _rotate_if_spent(self) -> None:
        if not self._checker.must_rotate:
            return
        with self._undone_on_failure():
            spent = self._checker.sample.name
            repairs = [list(repair) for repair in self._checker.rotate()]
            self._log.append(
                {"event": "rotated", "spent": spent, "repairs": repairs, "model": self.digest,
                 "at": _now()}
            )  # fmt: skip

    @contextmanager
    def _undone_on_failure(self) -> Iterator[None]:
        """Restore the checker if an exception is raised."""
        stood = copy(self._checker)
        try:
            yield
        except BaseException:
            self._checker = stood
            raise

    def _settings(self) -> dict[str, Any]:
        checker = self._checker
        record, _ = record_of(self.first)
        return {
            "base": record,
            "slices": [
                {"name": s.name, "rows": len(s), "fingerprint": s.fingerprint}
                for s in checker.slices
            ],
            "loss": repr(checker.loss),
            "policy": repr(checker.policy),
            "promise": checker.policy.promise,
            "capacity": checker.capacity,
            "watch": {name: str(group) for name, group in checker.watch.items()},
            "public": None if self.public is None else self.public.fingerprint,
            "first_repairs": [list(repair) for repair in checker.first_repairs],
        }

    def _keep(self, model: DecisionList) -> list[str]:
        _, files = record_of(model)
        if self._folder is not None:
            keep_files(self._folder / "models", files)
        return sorted(files)

    def _resume(self, opened: Mapping[str, Any]) -> None:
        """Resume from the log, which determines list and transcript without running a model."""
        entries = iter(self._log)
        first = next(entries)
        differ = [key for key, value in opened.items() if first.get(key) != value]
        if differ:
            msg = f"{self._log.path} belongs to a bounty with other {', '.join(differ)}"
            raise LogError(msg)
        files = {} if self._folder is None else read_files(self._folder / "models")
        at, model = 0, self._checker.model
        transcript = self._checker.transcript
        groups: dict[str, Group] = {str(g): g for g in self._checker.watch.values()}
        groups |= {str(node.group): node.group for node in model.nodes if not node.repair}
        for entry in entries:
            before = digest(model)
            if entry["event"] == "judged":
                transcript = transcript.told(accepted=entry["accepted"])
                if entry["accepted"]:
                    from supersede.bounty.artefacts import parse

                    group = groups.setdefault(entry["group"], parse(entry["group"]))
                    answer = from_record(entry["answer"], files)
                    model = model.patched(group, answer, entry["team"])
                    model, transcript = _repaired(model, groups, entry["repairs"], transcript)
                self.receipts.append(receipt_of(entry))
                self._seen.add((entry["submission"], before))
            elif entry["event"] == "rotated":
                at += 1
                model, transcript = _repaired(model, groups, entry["repairs"], Transcript())
            elif entry["event"] == "closed":
                self._closed = True
            if entry["model"] != digest(model):
                msg = f"{self._log.path}: replaying it does not produce the model that it names"
                raise LogError(msg)
        self._checker.restore(model, at, transcript)
        if not self._closed:
            self._rotate_if_spent()


def _check_text(what: str, text: str, longest: int) -> None:
    if len(text) > longest:
        msg = f"{what} must have at most {longest} characters; got {len(text)}"
        raise SubmissionError(msg)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        msg = f"{what} has a lone surrogate at position {error.start}; send valid UTF-8"
        raise SubmissionError(msg) from error


def _check_name(team: str) -> None:
    """Refuse names that can be drawn like another one, or that break a receipt's line."""
    for place, c in enumerate(team):
        if (unicodedata.category(c)[0] in "CZ" and c != " ") or c in _UNSEEN:
            msg = (
                f"a team's name has the invisible character U+{ord(c):04X} at position {place};"
                " leave it out"
            )
            raise SubmissionError(msg)
    plain = " ".join(unicodedata.normalize("NFC", team).split())
    if plain != team:
        msg = f"write the team's name as {plain!r}: composed characters and single spaces"
        raise SubmissionError(msg)


def _repaired(
    model: DecisionList,
    groups: Mapping[str, Group],
    repairs: Sequence[Sequence[Any]],
    transcript: Transcript,
) -> tuple[DecisionList, Transcript]:
    choices = []
    for name, version in repairs:
        if name not in groups:
            msg = f"the log has a repair of {name!r}, which no patch or watched group is"
            raise LogError(msg)
        choices.append(len(groups) * (len(model) + 1))
        model = model.patched(groups[name], version)
    return model, transcript.repaired(choices)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
