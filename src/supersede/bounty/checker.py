"""Judges submissions on a rotating holdout, patches the model, and repairs harmed groups.

After each acceptance, while some protected group (of an accepted patch, or watched from the start)
has a larger error on the current slice than under an earlier version, the group whose error has
risen most goes back to its best version. Each repair lowers the slice's total loss, which takes
finitely many values, so the repairs terminate; then no protected group's error on the slice is
above its error under any earlier version.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy.typing as npt

from supersede.bounty.artefacts.columns import is_text
from supersede.bounty.artefacts.models import Model
from supersede.bounty.decision_list import DecisionList, judged_answers
from supersede.bounty.losses import RowLoss, ZeroOne
from supersede.bounty.policies import Betting, Certified, Policy, SliceEvidence, Transcript
from supersede.bounty.routing import Bools, Group, as_group
from supersede.bounty.sample import Sample
from supersede.bounty.saving import digest
from supersede.bounty.tracking import Track, extend, track
from supersede.errors import (
    ArgumentError,
    ArtefactError,
    BudgetSpentError,
    CrashError,
    LimitError,
    StaleVersionError,
)

__all__ = ["Checker", "Look", "Ruling", "protected"]


@dataclass(frozen=True)
class Ruling:
    """The outcome of a submission.

    Attributes:
        accepted: Whether it was accepted as a patch.
        repairs: The repairs that followed: group and version, in order.
        sample: The slice on which it was judged.
    """

    accepted: bool
    repairs: tuple[tuple[str, int], ...]
    sample: str


@dataclass(frozen=True)
class Look:
    """A submission's answers on the slice in use; for the owner only.

    Attributes:
        group: Its group.
        answer: Its model.
        mask: The group's mask, shape ``(n,)``.
        answers: One answer for each row of the group; None if the model fails on one of them, or no
            row is in the group.
        sample: The slice.
    """

    group: Group
    answer: Model
    mask: Bools
    answers: npt.NDArray[Any] | None
    sample: str


class Checker:
    """The current model, and the slices on which it is judged.

    Args:
        model: The initial model.
        slices: Disjoint samples; each judges `capacity` submissions and is then used up.
        loss: The loss of a row.
        policy: The rule by which submissions are accepted.
        capacity: Submissions per slice.
        watch: Groups (or their texts) by name that are protected from the start. Names are labels;
            a group is identified by its canonical text.

    Raises:
        ArgumentError: There is no slice, the capacity is not positive, or a policy with guarantees
            for other rows is used on weights without a known bound.

    Example:
        >>> import numpy as np
        >>> from supersede.bounty.artefacts import Constant, parse
        >>> rng = np.random.default_rng(0)
        >>> age = rng.integers(18, 90, 4000)
        >>> rows = Sample("holdout", {"age": age}, (age >= 60).astype(int))
        >>> checker = Checker(DecisionList(Constant((0,))), [rows], capacity=10)
        >>> checker.judge(parse("age >= 70"), Constant((1,))).accepted
        True
        >>> checker.judge(parse("age < 60"), Constant((1,))).accepted
        False
        >>> checker.left
        8
    """

    def __init__(
        self,
        model: DecisionList,
        slices: Sequence[Sample],
        *,
        loss: RowLoss | None = None,
        policy: Policy | None = None,
        capacity: int = 100,
        watch: Mapping[str, Group | str] | None = None,
    ) -> None:
        _check_arguments(model, slices, capacity, watch)
        names = [sample.name for sample in slices]
        if len(set(names)) < len(names):
            msg = f"slices must have different names; got {names}"
            raise ArgumentError(msg)
        self.model = model
        self.slices = tuple(slices)
        self.loss: RowLoss = ZeroOne() if loss is None else loss
        self.policy: Policy = Certified() if policy is None else policy
        if isinstance(self.policy, Certified | Betting):
            for sample in slices:
                _check_bounded(sample, self.policy)
        self.capacity = capacity
        self.watch = {name: as_group(group) for name, group in (watch or {}).items()}
        self.at = 0  # the slice in use
        self.transcript = Transcript()
        self._groups, self._track = self._opened(model, 0)
        self.first_repairs = self._repair() if len(model) else ()

    @property
    def left(self) -> int:
        """Submissions that can still be judged."""
        spent = self.at * self.capacity + self.transcript.submissions
        return len(self.slices) * self.capacity - spent

    @property
    def spent(self) -> tuple[str, ...]:
        """Names of the slices that are used up, so that they can be published."""
        full = self.transcript.submissions >= self.capacity
        return tuple(sample.name for sample in self.slices[: self.at + full])

    @property
    def sample(self) -> Sample:
        """The slice in use."""
        return self.slices[self.at]

    @property
    def must_rotate(self) -> bool:
        """Whether the slice in use is used up and another one is available."""
        full = self.transcript.submissions >= self.capacity
        return full and self.at + 1 < len(self.slices)

    def judge(self, group: Group, answer: Model, team: str = "") -> Ruling:
        """Judge a submission, and patch the model if it is accepted.

        Args:
            group: The group of the patch.
            answer: The model for that group.
            team: The submitting team.

        Raises:
            BudgetSpentError: All slices are used up.
            LimitError: The model exceeded its limits several times; that is not a verdict, and the
                submission does not count.
        """
        if not self.left:
            msg = (
                f"all {len(self.slices) * self.capacity} submissions are used up; open a new round"
            )
            raise BudgetSpentError(msg)
        if self.must_rotate:
            self.rotate()
        return self.decide(self.look(group, answer), team)

    def look(self, group: Group, answer: Model) -> Look:
        """Run a submission's model on the slice in use. Nothing is decided, nothing changes.

        Raises:
            LimitError: The model exceeded its limits several times; that is not a verdict.
        """
        mask = self._track.mask_of(group)
        answers: npt.NDArray[Any] | None = None
        if mask.any():
            try:
                answers = judged_answers(answer, self.sample.columns, mask, self.model.answers)
            except LimitError as error:
                if not isinstance(error, CrashError):
                    raise  # no verdict; the submission does not count
            except (ArgumentError, ArtefactError):
                pass  # a failure on these rows alone must not reveal that such rows exist
        return Look(group, answer, mask, answers, self.sample.name)

    def decide(self, look: Look, team: str = "") -> Ruling:
        """Decide on what was seen on the slice in use, and patch the model if it is accepted.

        Raises:
            BudgetSpentError: All slices are used up.
            StaleVersionError: Another slice is in use by now; look again.
        """
        if look.sample != self.sample.name or self.must_rotate:
            msg = f"{look.sample} is no longer the slice in use; look again"
            raise StaleVersionError(msg)
        if not self.left:
            msg = f"{look.sample} is used up, and it is the last slice; open a new round"
            raise BudgetSpentError(msg)
        if look.answers is None:
            return self._rejected()
        try:
            gains = self._track.gains(look.mask, look.answers)
        except ArgumentError:  # answers that cannot be graded
            return self._rejected()
        evidence = SliceEvidence(gains, self._track.unit, self.transcript, len(self.slices))
        if not self.policy.accepts(evidence):
            return self._rejected()
        self.transcript = self.transcript.told(accepted=True)
        self.model = self.model.patched(look.group, look.answer, team)
        # new objects, so that a shallow copy of the checker does not change
        self._track, self._groups = self._track.copy(), dict(self._groups)
        self._track.patch(look.mask, look.answers)
        text = str(look.group)
        self._groups.setdefault(text, look.group)
        if text not in self._track.groups:
            self._track.protect(text, look.mask)
        return Ruling(True, self._repair(), self.sample.name)

    def withdraw(self, version: int) -> tuple[tuple[str, int], ...]:
        """Withdraw the patch that made a version, and repair groups that are worse off without it.

        What the holdout has answered so far cannot be taken back, so the transcript stays as it is.
        The withdrawal follows from answers already given and reveals nothing; the repairs after it
        are new answers, and are added. The patch's group is protected no longer, unless it is
        watched or another patch has it.

        Returns:
            The repairs: group and version.

        Raises:
            ArgumentError: No patch made this version.
        """
        model = self.model.without(version)
        self._groups, self._track = self._opened(model, self.at)
        self.model = model
        return self._repair()

    def rotate(self) -> tuple[tuple[str, int], ...]:
        """Continue with the next slice, and repair groups that got worse on it.

        Returns:
            The repairs: group and version.

        Raises:
            BudgetSpentError: This is the last slice.
        """
        if self.at + 1 >= len(self.slices):
            msg = f"{self.sample.name} is the last slice"
            raise BudgetSpentError(msg)
        self.restore(self.model, self.at + 1, Transcript())
        return self._repair()

    def restore(self, model: DecisionList, at: int, transcript: Transcript) -> None:
        """Continue from the state of another checker of the same slices.

        Args:
            model: Its model.
            at: Index of the slice that was in use, from 0.
            transcript: The answers given so far about that slice.
        """
        known = len(self.model)
        goes_on = len(model) >= known and digest(model.version(known)) == digest(self.model)
        if at == self.at and goes_on:
            made = self._track
            if len(model) > known:
                made = made.copy()
                extend(made, model, known)
            groups = protected(model, self.watch)
        else:
            groups, made = self._opened(model, at)
        self._groups, self._track = groups, made  # if that failed, nothing has changed
        self.model, self.at, self.transcript = model, at, transcript

    def errors(self) -> dict[str, tuple[float, float]]:
        """The overall error and that of each protected group on the slice in use: first, and now.

        For the owner only: teams must not see figures of a slice that is in use.
        """
        groups = {self._track.label(g): self._track.errors(g) for g in self._groups}
        named = {"all": self._track.errors(), **groups}
        return {name: (float(errors[0]), float(errors[-1])) for name, errors in named.items()}

    @property
    def track(self) -> Track:
        """The losses of every version on the slice in use; for the owner only."""
        return self._track

    def _opened(self, model: DecisionList, at: int) -> tuple[dict[str, Group], Track]:
        groups = protected(model, self.watch)
        first = {str(group): name for name, group in reversed(self.watch.items())}
        shown = {text: first.get(text, text) for text in groups}
        made = track(model, self.slices[at], self.loss, watch=groups, labels=shown)
        return groups, made

    def _rejected(self) -> Ruling:
        self.transcript = self.transcript.told(accepted=False)
        return Ruling(False, (), self.sample.name)

    def _repair(self) -> tuple[tuple[str, int], ...]:
        made, choices = [], []
        while (found := self._track.repair()) is not None:
            name, version = found
            choices.append(len(self._track.groups) * self._track.versions)
            self.model = self.model.patched(self._groups[name], version)
            self._track.point(self._track.members(name), version)
            made.append(found)
        self.transcript = self.transcript.repaired(choices)
        return tuple(made)


def protected(model: DecisionList, watch: Mapping[str, Group]) -> dict[str, Group]:
    """The protected groups by their texts: those watched, and those of patches that still serve."""
    groups = {str(group): group for group in watch.values()}
    return groups | {
        str(node.group): node.group for node in model.nodes if not isinstance(node.answer, int)
    }


def _check_arguments(model: object, slices: object, capacity: object, watch: object) -> None:
    """Refuse what is none of these, such as one sample instead of a list."""
    if not isinstance(model, DecisionList):
        msg = f"a bounty starts from a DecisionList, not {type(model).__name__}; DecisionList(model) makes one"
        raise ArgumentError(msg)
    samples = isinstance(slices, Sequence) and all(isinstance(one, Sample) for one in slices)
    if not samples or not slices:
        msg = "the holdout is a list of samples, with at least one: [sample], or sample.slices(3, seed=0)"
        raise ArgumentError(msg)
    if not isinstance(capacity, Integral) or isinstance(capacity, bool) or capacity < 1:
        msg = f"capacity={capacity!r}: expected a whole number of at least 1"
        raise ArgumentError(msg)
    if watch is not None and not (isinstance(watch, Mapping) and all(map(is_text, watch))):
        msg = "watch= maps names to groups, such as {'women': \"sex == 'f'\"}"
        raise ArgumentError(msg)


def _check_bounded(sample: Sample, policy: Policy) -> None:
    if sample.weight is not None and sample.most_weight is None:
        msg = (
            f"rows of {sample.name} have weights without a known bound, which the guarantee of"
            f" {policy.name!r} needs; give Sample(most_weight=...), known from how rows are drawn"
        )
        raise ArgumentError(msg)
