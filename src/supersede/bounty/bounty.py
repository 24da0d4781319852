"""A bounty: submissions in, receipts out, and a log from which its state can be rebuilt.

A team learns one bit, accepted or rejected, and which repairs followed an acceptance.
Submissions that can be refused without the holdout are refused first, with a reason, and use no
capacity.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import Any

from supersede.bounty.artefacts.models import Model
from supersede.bounty.checker import Checker, Look
from supersede.bounty.decision_list import DecisionList
from supersede.bounty.fresh_audit import RoundAudit, audit_round
from supersede.bounty.ledger import Ledger, settings_of
from supersede.bounty.log import BountyLog, FileLog
from supersede.bounty.losses import RowLoss, check_labels
from supersede.bounty.passport import Passport, check_unused
from supersede.bounty.policies import Policy
from supersede.bounty.receipt import Receipt, Withdrawal, receipt_of, withdrawal_of
from supersede.bounty.routing import Group
from supersede.bounty.sample import Sample, same_rows
from supersede.bounty.saving import digest
from supersede.bounty.standing import Standing
from supersede.bounty.submission import Submission, check_twin, prepared, screen
from supersede.errors import (
    ArgumentError,
    BudgetSpentError,
    StaleVersionError,
    SubmissionError,
    SupersedeError,
)

__all__ = ["Bounty", "Receipt"]

_log = logging.getLogger("supersede")


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
            it; several processes can share it.
        log: The log, instead of a folder. A bounty whose log has entries resumes from it.
        per_team: Submissions that each team can have judged; None for as many as are left.

    Raises:
        ArgumentError: Both a folder and a log are given, or `per_team` is below 1. Two slices, or a
            slice and the public rows, share most of their rows. Rows of a slice are spent: they
            judged an earlier bounty of this model, or were published.
        LogError: The log was altered, or belongs to a bounty with other rows or rules.

    Example:
        >>> import numpy as np
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
        loss: RowLoss | None = None,
        policy: Policy | None = None,
        capacity: int = 100,
        watch: Mapping[str, Group | str] | None = None,
        public: Sample | None = None,
        folder: str | Path | None = None,
        log: BountyLog | None = None,
        per_team: int | None = None,
    ) -> None:
        if folder is not None and log is not None:
            msg = "give either folder= or log=, not both; FileLog(folder / 'log.jsonl') is a log"
            raise ArgumentError(msg)
        if per_team is not None and (not isinstance(per_team, Integral) or per_team < 1):
            msg = f"per_team={per_team!r}: expected a whole number of at least 1, or None for no limit"
            raise ArgumentError(msg)
        checker = Checker(model, holdout, loss=loss, policy=policy, capacity=capacity, watch=watch)
        self.first, self.public, self.per_team = model, public, per_team
        self._asked = [*checker.slices, *([] if public is None else [public])]
        if public is not None:
            check_labels(checker.loss, public.labels, model.answers)
        check_unused(checker.slices, self._asked, model.spent)
        self._passport: tuple[int, Passport] = (0, model.spent)
        kept = log or FileLog(None if folder is None else Path(folder) / "log.jsonl")
        self._ledger = Ledger(kept, checker, model, settings_of(model, checker, public, per_team))

    @property
    def model(self) -> DecisionList:
        """The model with all patches so far, and the fingerprints of all rows that are spent."""
        checker = self.checker
        used = checker.at + (checker.transcript.submissions > 0)
        samples = [*checker.slices[:used], *self._asked[len(checker.slices) :]]
        if len(samples) != self._passport[0]:
            passport = self.first.spent
            for sample in samples:
                passport = passport.with_sample(sample)
            self._passport = (len(samples), passport)
        return replace(checker.model, spent=self._passport[1].joined(self._ledger.standing.audited))

    @property
    def digest(self) -> str:
        """Its hash; a submission can name it as its base version."""
        return digest(self.model)

    @property
    def left(self) -> int:
        """Submissions that can still be judged."""
        return 0 if self._standing.closed else self.checker.left

    def left_of(self, team: str) -> int:
        """Submissions of a team that can still be judged."""
        own = self.left if self.per_team is None else self.per_team - self.charged.get(team, 0)
        return max(0, min(self.left, own))

    @property
    def charged(self) -> dict[str, int]:
        """Submissions judged so far, by team: nothing else uses up a budget.

        Refused submissions, those whose model exceeded its limits, and those that a failure of the
        server interrupted are not among them. A withdrawal gives nothing back, since the answer
        stays given.
        """
        return dict(self._standing.charged)

    @property
    def receipts(self) -> list[Receipt]:
        """The receipts of all judged submissions, in order."""
        return list(self._standing.receipts)

    @property
    def spent(self) -> tuple[str, ...]:
        """Names of the slices that are used up: they, and figures on them, can be published."""
        return self.checker.spent

    @property
    def checker(self) -> Checker:
        """Model, slices and figures; for the owner only."""
        return self._ledger.checker

    @property
    def log(self) -> BountyLog:
        """All events; contains no figures of the holdout."""
        return self._ledger.log

    def submit(
        self,
        team: str,
        group: Group | str,
        answer: Model,
        *,
        base: str | None = None,
        note: str = "",
    ) -> Receipt:
        """Judge a submission: `prepare` and `decide` in one.

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
            BudgetSpentError: All submissions, or all of the team, are used up, or the bounty is
                closed.
            MissingColumnError: It reads a column that is not in the rows.
            LimitError: The model exceeded its limits several times; the submission does not count.
            ReportError: The log cannot be written; the submission then counts as not judged.
        """
        return self.decide(self.prepare(team, group, answer, base=base, note=note))

    def prepare(
        self,
        team: str,
        group: Group | str,
        answer: Model,
        *,
        base: str | None = None,
        note: str = "",
    ) -> Submission:
        """All checks of a submission that need no holdout; it is not judged and does not count.

        Arguments and errors are those of `submit`.
        """
        self._check_budget(team)
        submission = prepared(
            team,
            group,
            answer,
            columns=self.checker.sample.columns,
            model=self.model,
            base=base,
            note=note,
        )
        check_twin(team, self.charged)
        self._check_version(submission)
        if self.public is not None:
            screen(submission.group, submission.answer, self.public, self.model, self.checker.loss)
        return submission

    def decide(
        self, submission: Submission, *, also: Callable[[Receipt], Any] | None = None
    ) -> Receipt:
        """Judge a prepared submission, and record the judgement, in one transaction of the log.

        The model is run before the transaction begins. If this is interrupted at any point, nothing
        has happened, and the same call can be made again.

        Args:
            submission: What `prepare` returned.
            also: Called with the receipt inside the transaction, for what must be stored together
                with it; if it raises, the submission has not been judged.

        Raises:
            BountyError: As for `submit`.
            LimitError: As for `submit`.
            ReportError: As for `submit`.
        """
        receipt = None
        while receipt is None:
            with self._ledger.transaction():
                self._ledger.rotate_if_spent()  # in case this failed after the last submission
            look = self.checker.look(submission.group, submission.answer)
            receipt = self._decide(submission, look, also)
        # the receipt is valid, so this does not concern its holder; the next submission tries again
        try:
            with self._ledger.transaction():
                self._ledger.rotate_if_spent()
        except SupersedeError as error:
            _log.warning("the next slice could not be taken into use yet: %s", error)
        return receipt

    def _decide(
        self, submission: Submission, look: Look, also: Callable[[Receipt], Any] | None
    ) -> Receipt | None:
        """The receipt; None if another process took the next slice into use meanwhile."""
        with self._ledger.transaction():
            checker = self.checker
            self._check_budget(submission.team)
            self._check_version(submission)
            if look.sample != checker.sample.name or checker.must_rotate:
                return None
            judged = checker.decide(look, submission.team)
            entry = {
                "event": "judged",
                "number": len(self._standing.receipts) + 1,
                "team": submission.team,
                "note": submission.note,
                "group": str(submission.group),
                "answer": submission.record,
                "submission": submission.hash,
                "accepted": judged.accepted,
                "repairs": judged.repairs,
                "sample": judged.sample,
                "left": checker.left,
            }
            receipt = receipt_of(self._ledger.record(entry, submission.files))
            if also is not None:
                also(receipt)
        return receipt

    def withdraw(
        self, team: str, number: int, *, also: Callable[[Withdrawal], Any] | None = None
    ) -> Withdrawal:
        """Withdraw a team's accepted submission: its model serves no longer.

        Rows of its group get the answers of the version before it, and groups that are worse off
        without it are repaired. The submission stays in the log and stays counted, since the holdout
        has answered it; the repairs are new answers, and later submissions need that much more
        evidence. The error of the population may rise again: the policy's promise is about
        acceptances.

        Args:
            team: The team.
            number: The number on its receipt.
            also: As for `decide`.

        Raises:
            SubmissionError: There is no such accepted submission of this team, it was withdrawn
                before, or the bounty is closed.
        """
        with self._ledger.transaction():
            if self._standing.closed:
                msg = "this bounty is closed; publish bounty.model.without(version) instead"
                raise SubmissionError(msg)
            receipts = self._standing.receipts
            found = receipts[number - 1] if 1 <= number <= len(receipts) else None
            if found is None or found.team != team:
                msg = f"submission {number} is not one of {team}"
                raise SubmissionError(msg)
            if number not in self._standing.made:
                why = (
                    "was withdrawn before"
                    if found.accepted
                    else "was rejected, so it changed nothing"
                )
                msg = f"submission {number} {why}; it stays counted"
                raise SubmissionError(msg)
            repairs = self.checker.withdraw(self._standing.made[number])
            entry = {"event": "withdrawn", "number": number, "team": team, "repairs": repairs}
            withdrawal = withdrawal_of(self._ledger.record(entry))
            if also is not None:
                also(withdrawal)
        return withdrawal

    def close(self, fresh: Sample, *, confidence: float = 0.95) -> RoundAudit:
        """End the round with an audit on fresh rows.

        Args:
            fresh: Unused rows: neither from a slice of the holdout nor public.
            confidence: For all intervals of the audit at once.

        Raises:
            ArgumentError: The confidence is not between 0 and 1.
            SubmissionError: Most rows are also in a slice, or public; see `same_rows`.
        """
        from supersede.evaluate.hypergeometric import check_confidence

        check_confidence(confidence)
        for sample in self._asked:
            if same_rows(fresh, sample):
                msg = (
                    f"most rows of {fresh.name} are in {sample.name}, or vice versa; a round must"
                    " be audited on unused rows"
                )
                raise SubmissionError(msg)
        while True:
            with self._ledger.transaction():
                self._ledger.rotate_if_spent()  # as in `decide`
            audited = self.model
            audit = audit_round(
                audited,
                fresh,
                loss=self.checker.loss,
                watch=self.checker.watch,
                confidence=confidence,
            )
            with self._ledger.transaction():
                if self.digest != digest(audited):
                    continue  # another process has patched the model meanwhile
                if not self._standing.closed:
                    spent = Passport().with_sample(fresh).to_dict()
                    entry = {"fresh": fresh.fingerprint, "rows": len(fresh), "spent": spent}
                    self._ledger.record({"event": "closed", **entry})
            return audit

    def _check_budget(self, team: str) -> None:
        if not self.left:
            why = (
                "this bounty is closed" if self._standing.closed else "all submissions are used up"
            )
            msg = f"{why}; open a new bounty with its patched model"
            raise BudgetSpentError(msg)
        if not self.left_of(team):
            msg = f"{team} has used up its {self.per_team} submissions"
            raise BudgetSpentError(msg)

    def _check_version(self, submission: Submission) -> None:
        before = self.digest
        if submission.base is not None and submission.base != before:
            msg = (
                f"made against {submission.base[:12]}, but the model is now {before[:12]}; check the"
                " submission against it and submit again"
            )
            raise StaleVersionError(msg)
        if (submission.hash, before) in self._standing.seen:
            msg = (
                "this submission was already judged against this model, and nothing has changed"
                " since"
            )
            raise SubmissionError(msg)

    @property
    def _standing(self) -> Standing:
        return self._ledger.standing
