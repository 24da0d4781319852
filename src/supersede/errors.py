"""Everything that can go wrong, as one tree.

::

    SupersedeError
    ├── ArgumentError              (ValueError)   an argument outside what it may be
    │   └── InferredAttributeError                a protected attribute was guessed, not declared
    ├── ArtefactError              (ValueError)   a group or model that a stranger sent is refused
    │   ├── ExpressionError                       a group's expression cannot be read, or does not fit
    │   ├── ModelFormError                        a model's file or form is none of those accepted
    │   ├── AnswerError                           a model's answers: length, type, range, not repeatable
    │   └── LimitError             (RuntimeError) a model ran over its memory or time, or died of it
    ├── BountyError                (ValueError)   a bounty cannot go on as asked
    │   ├── BudgetSpentError                      all submissions that the holdout can carry are judged
    │   ├── LogError                              the log of a bounty was altered or cut off
    │   └── SubmissionError                       refused before it is judged; it costs nothing
    │       └── StaleVersionError                 made against a model that has been patched since
    ├── ConvergenceError           (RuntimeError) an iterative solution did not reach its tolerance
    ├── HardwareError              (ValueError)   what a network costs cannot be said
    │   ├── TargetError                           a target's description fits no hardware
    │   ├── MeasurementError                      a target or a file gives no measurement
    │   └── EstimateError                         an estimator cannot be fitted, read or asked this
    ├── LinearizationError         (ValueError)   a network cannot be expanded at its weights
    ├── MissingExtraError          (ImportError)  an optional dependency is not installed
    ├── NetworkError               (ValueError)   a network's description is not as it must be
    │   ├── NetworkFileError       (OSError)      a model's file is missing, damaged or of another kind
    │   └── UnsupportedOperatorError (NotImplementedError)  a model has operators that have no layer
    ├── ReportError                (OSError)      a report could not be written
    ├── SandboxError               (RuntimeError) the process for strangers' models does not start
    ├── SearchError                (ValueError)   the record of a search is not as it must be
    │   ├── HistoryError                          a trial, or the file of a study, cannot be read
    │   └── SpaceError                            a parameter's range, choices or conditions
    ├── TooFewLabelsError          (ValueError)   the data cannot carry the number asked for
    └── TableError                 (ValueError)   the predictions or labels are not as they must be
        ├── SourceError            (OSError)      a file is missing, unreadable or truncated
        ├── EmptyTableError                       no rows
        ├── MissingColumnError     (LookupError)  a column is not there
        ├── ItemError                             item ids missing or not unique
        ├── MissingPredictionError                a model has no prediction for some items
        ├── LabelError                            labels do not fit the plan they are meant for
        └── ColumnTypeError        (TypeError)    a column's type does not fit its use

A message says what is wrong, where, what was found, what was expected, and how to mend it. Catch
`SupersedeError` for all of them, or the builtin that a leaf also derives from.
"""

import difflib
from collections.abc import Iterable

__all__ = [
    "AnswerError",
    "ArgumentError",
    "ArtefactError",
    "BountyError",
    "BudgetSpentError",
    "ColumnTypeError",
    "ConvergenceError",
    "EmptyTableError",
    "EstimateError",
    "ExpressionError",
    "HardwareError",
    "HistoryError",
    "InferredAttributeError",
    "ItemError",
    "LabelError",
    "LimitError",
    "LinearizationError",
    "LogError",
    "MeasurementError",
    "MissingColumnError",
    "MissingExtraError",
    "MissingPredictionError",
    "ModelFormError",
    "NetworkError",
    "NetworkFileError",
    "ReportError",
    "SandboxError",
    "SearchError",
    "SourceError",
    "SpaceError",
    "StaleVersionError",
    "SubmissionError",
    "SupersedeError",
    "TableError",
    "TargetError",
    "TooFewLabelsError",
    "UnsupportedOperatorError",
]


class SupersedeError(Exception):
    """Root of all errors that this package raises on purpose."""


class ArgumentError(SupersedeError, ValueError):
    """An argument is outside what it may be."""


class InferredAttributeError(ArgumentError):
    """A protected attribute was guessed, not declared by the people it is about."""


class ArtefactError(SupersedeError, ValueError):
    """A group or a model that a stranger sent is refused."""


class ExpressionError(ArtefactError):
    """A group's expression cannot be read, or does not fit the columns.

    Attributes:
        position: The character, from 0, where it went wrong; None where no text was read.
    """

    position: int | None = None

    @classmethod
    def at(cls, text: str, position: int, problem: str) -> "ExpressionError":
        """Say the problem, and show its place in the text with a caret."""
        start = max(0, position - 30)
        piece = "".join(
            c if c.isprintable() else "\N{REPLACEMENT CHARACTER}"
            for c in text[start : position + 30]
        )
        before, after = "…" * (start > 0), "…" * (position + 30 < len(text))
        caret = " " * (len(before) + position - start)
        error = cls(f"{problem} (character {position})\n  {before}{piece}{after}\n  {caret}^")
        error.position = position
        return error


class ModelFormError(ArtefactError):
    """A model's file or form is none of those that are accepted."""


class AnswerError(ArtefactError):
    """A model's answers have the wrong length, type or range, or cannot be repeated."""


class LimitError(ArtefactError, RuntimeError):
    """A model ran over its memory or time, or died of it."""


class BountyError(SupersedeError, ValueError):
    """A bounty cannot go on as asked."""


class BudgetSpentError(BountyError):
    """All submissions that the holdout can carry have been judged."""


class LogError(BountyError):
    """The log of a bounty was altered, cut off, or belongs to another bounty."""


class SubmissionError(BountyError):
    """A submission is refused before it is judged; it costs nothing."""


class StaleVersionError(SubmissionError):
    """A submission was made against a model that has been patched since."""


class MissingExtraError(SupersedeError, ImportError):
    """An optional dependency is not installed."""

    @classmethod
    def of(cls, *, package: str, extra: str, purpose: str) -> "MissingExtraError":
        """Name the missing package, what it is needed for, and the command that installs it."""
        return cls(f"{purpose} needs {package}; install it with: pip install 'supersede[{extra}]'")


class ConvergenceError(SupersedeError, RuntimeError):
    """An iterative solution did not reach its tolerance in the steps allowed."""


class HardwareError(SupersedeError, ValueError):
    """What a network costs on a target cannot be said."""


class TargetError(HardwareError):
    """A target's description fits no hardware, such as a memory without bandwidth."""


class MeasurementError(HardwareError):
    """A target refuses a network, or a file holds no measurement."""


class EstimateError(HardwareError):
    """An estimator cannot be fitted, read, or asked about this network."""


class LinearizationError(SupersedeError, ValueError):
    """A network cannot be replaced by its first-order expansion.

    Attributes:
        layer: Name of the layer that prevents it; empty for the network as a whole.
    """

    layer: str = ""

    @classmethod
    def of(cls, layer: str, message: str) -> "LinearizationError":
        """An error about one layer."""
        error = cls(message)
        error.layer = layer
        return error

    @classmethod
    def at(cls, layer: str, problem: str) -> "LinearizationError":
        """Name the layer in which torch failed, and what it said."""
        where = f"layer {layer!r}" if layer else "the network"
        return cls.of(
            layer,
            f"{where} cannot be expanded: {problem} If it works on an input in place, or has a gradient"
            " of its own without a jvp, change that; or choose parameters behind it",
        )


class NetworkError(SupersedeError, ValueError):
    """A network's description is not as it must be."""


class NetworkFileError(NetworkError, OSError):
    """A model's file is missing, damaged or of another kind."""


class UnsupportedOperatorError(NetworkError, NotImplementedError):
    """A model has operators, or uses of them, for which the description has no layer."""


class ReportError(SupersedeError, OSError):
    """A report could not be written; nothing that was there before is lost."""


class SandboxError(SupersedeError, RuntimeError):
    """The process for strangers' models does not start; that says nothing of the model."""


class SearchError(SupersedeError, ValueError):
    """The record of a search is not as it must be."""


class HistoryError(SearchError):
    """A trial, or the file of a study, cannot be read."""


class SpaceError(SearchError):
    """A parameter's range, choices or conditions make no sense."""


class TooFewLabelsError(SupersedeError, ValueError):
    """The labels cannot carry the number that was asked for."""


class TableError(SupersedeError, ValueError):
    """The predictions or labels are not as they must be."""


class SourceError(TableError, OSError):
    """A file is missing, unreadable or truncated."""


class EmptyTableError(TableError):
    """There are no rows."""


class MissingColumnError(TableError, LookupError):
    """A column is not there."""

    @classmethod
    def of(
        cls, column: str, available: Iterable[str], use: str, mend: str = ""
    ) -> "MissingColumnError":
        """Name the column, what it was wanted for, and the columns nearest to it."""
        names = list(available)
        near = difflib.get_close_matches(column, names, n=3, cutoff=0.5)
        folded = [name for name in names if name.lower() == column.lower()]
        hint = list(dict.fromkeys([*folded, *near]))
        meant = f"; did you mean {' or '.join(map(repr, hint))}?" if hint else ""
        listed = ", ".join(map(repr, names[:20])) + (", …" if len(names) > 20 else "")
        return cls(
            f"no column {column!r} for {use}{meant} (the table has: {listed}) {mend}".strip()
        )


class ItemError(TableError):
    """Item ids are missing or not unique."""


class MissingPredictionError(TableError):
    """A model has no prediction for some of the items."""


class ColumnTypeError(TableError, TypeError):
    """A column's type does not fit its use."""


class LabelError(TableError):
    """Labels do not fit the plan that they are meant for."""
