"""The allowed answers of a model: a class code, a number, or a probability per class."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from supersede.errors import AnswerError, ArgumentError

__all__ = ["Answers", "Codes", "Numbers", "Probabilities"]


class Answers(Protocol):
    """The allowed answers of a model."""

    @property
    def width(self) -> int:
        """Numbers per row."""
        ...

    def check(self, answers: np.ndarray, n: int) -> np.ndarray:
        """Check the answers, and return them in their own type.

        Raises:
            AnswerError: They are missing for some row, or out of range.
        """
        ...


@dataclass(frozen=True)
class Codes:
    """Classes, as codes 0 … count - 1 of the owner's list of classes.

    Attributes:
        count: Number of classes.

    Example:
        >>> import numpy as np
        >>> Codes(2).check(np.array([0.0, 1.0, 1.0]), n=3)
        array([0, 1, 1])
    """

    count: int

    def __post_init__(self) -> None:
        if self.count < 2:
            msg = f"count={self.count}: a choice needs at least two classes"
            raise ArgumentError(msg)

    @property
    def width(self) -> int:
        """One number per row."""
        return 1

    def check(self, answers: np.ndarray, n: int) -> np.ndarray:
        """Shape (n,), int64.

        Raises:
            AnswerError: They are not one integer in 0 … count - 1 per row.
        """
        found = _one_a_row(answers, n)
        wrong = (found != np.floor(found)) | (found < 0) | (found >= self.count)
        if wrong.any():
            row = int(wrong.argmax())
            msg = (
                f"row {row} has the answer {found[row]:g}; classes must be codes from 0 to"
                f" {self.count - 1} ({wrong.sum()} of {n} rows are not)"
            )
            raise AnswerError(msg)
        return found.astype(np.int64)


@dataclass(frozen=True)
class Numbers:
    """One number per row, within a range.

    Attributes:
        low: The smallest that is allowed.
        high: The largest.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low < self.high:
            msg = f"the range from {self.low} to {self.high} is empty; give low < high"
            raise ArgumentError(msg)

    @property
    def width(self) -> int:
        """One number per row."""
        return 1

    def check(self, answers: np.ndarray, n: int) -> np.ndarray:
        """Shape (n,), float.

        Raises:
            AnswerError: They are not one number within the range per row.
        """
        found = _one_a_row(answers, n)
        wrong = (found < self.low) | (found > self.high)
        if wrong.any():
            row = int(wrong.argmax())
            msg = (
                f"row {row} has the answer {found[row]:g}, outside {self.low:g} … {self.high:g}"
                f" ({wrong.sum()} of {n} rows are); clip the model's answers"
            )
            raise AnswerError(msg)
        return found


@dataclass(frozen=True)
class Probabilities:
    """A probability per class, in the order of the owner's list of classes.

    Attributes:
        count: Number of classes.
    """

    count: int

    def __post_init__(self) -> None:
        if self.count < 2:
            msg = f"count={self.count}: a choice needs at least two classes"
            raise ArgumentError(msg)

    @property
    def width(self) -> int:
        """One number per class."""
        return self.count

    def check(self, answers: np.ndarray, n: int) -> np.ndarray:
        """Shape (n, count), float; each row sums to one.

        Raises:
            AnswerError: They do not.
        """
        found = _finite(answers, (n, self.count))
        wrong = (found < 0).any(axis=1) | (np.abs(found.sum(axis=1) - 1) > 1e-4)
        if wrong.any():
            row = int(wrong.argmax())
            msg = (
                f"row {row} has the answer {found[row].tolist()}; probabilities must be at least 0"
                f" and sum to 1 ({wrong.sum()} of {n} rows do not)"
            )
            raise AnswerError(msg)
        normalised: np.ndarray = found / found.sum(axis=1, keepdims=True)
        return normalised


def _one_a_row(answers: np.ndarray, n: int) -> np.ndarray:
    if answers.shape == (n, 1):
        answers = answers[:, 0]
    return _finite(answers, (n,))


def _finite(answers: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if answers.shape != shape:
        msg = (
            f"the answers have the shape {answers.shape}, not {shape}; give one answer per row, in"
            " order"
        )
        raise AnswerError(msg)
    if answers.dtype.kind not in "biuf":
        msg = (
            f"the answers are of type {answers.dtype}, not numbers; classes must be given as codes"
        )
        raise AnswerError(msg)
    found = answers.astype(float)
    bad = ~np.isfinite(found)
    if bad.any():
        row = int(bad.reshape(len(found), -1).any(axis=1).argmax())
        msg = f"row {row} has the answer {answers[row]}; every answer must be finite"
        raise AnswerError(msg)
    return found
