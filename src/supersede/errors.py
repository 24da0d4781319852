"""All errors of the package, as one tree.

::

    SupersedeError
    ├── ArgumentError              (ValueError)   an argument is out of range, or not an allowed value
    │   └── InferredAttributeError                a protected attribute was guessed, not declared
    ├── ArtefactError              (ValueError)   a group or model that a stranger sent is refused
    │   ├── ExpressionError                       a group's expression cannot be read, or does not fit
    │   ├── ModelFormError                        a model's file or form is not supported
    │   ├── AnswerError                           a model's answers: length, type, range, not repeatable
    │   └── LimitError             (RuntimeError) a model exceeded its memory or time limit
    ├── AudioError                 (ValueError)   a recording is not audio, empty, or contradicts itself
    ├── BountyError                (ValueError)   an operation on a bounty is not possible
    │   ├── BudgetSpentError                      the holdout has judged all its submissions
    │   ├── LogError                              the log of a bounty was altered or cut off
    │   └── SubmissionError                       refused before it is judged; uses no capacity
    │       └── StaleVersionError                 made against a model that has been patched since
    ├── ConvergenceError           (RuntimeError) an iterative solution did not reach its tolerance
    ├── EmbeddingError             (ValueError)   embeddings cannot be compared, mapped or migrated
    │   ├── IndexAccessError       (OSError)      a vector index cannot be opened or has changed
    │   ├── MigrationError                        a migration cannot continue as requested
    │   │   └── SpendCapError                     the spend cap is reached; the run can be resumed
    │   ├── StampError                            vectors of another model than the one declared
    │   └── VectorError                           NaN, zero or ragged vectors, or wrong dimensions
    ├── HardwareError              (ValueError)   a network's cost cannot be determined
    │   ├── TargetError                           a target's description is impossible
    │   ├── MeasurementError                      a target rejects a network; a file has no measurement
    │   │   └── CacheError         (OSError)      kept measurements cannot be read or written
    │   └── EstimateError                         an estimator cannot be fitted, read or applied
    ├── LinearizationError         (ValueError)   a network cannot be expanded at its weights
    ├── MissingExtraError          (ImportError)  an optional dependency is not installed
    ├── NetworkError               (ValueError)   a network's description is invalid
    │   ├── NetworkFileError       (OSError)      a model's file is missing, damaged or of another kind
    │   └── UnsupportedOperatorError (NotImplementedError)  a model has operators that have no layer
    ├── ReportError                (OSError)      a report could not be written
    ├── SandboxError               (RuntimeError) the process for strangers' models does not start
    ├── SearchError                (ValueError)   the record of a search is invalid
    │   ├── HistoryError                          a trial, or the file of a study, cannot be read
    │   ├── SpaceError                            a parameter's range, choices or conditions
    │   └── StudyError             (OSError)      a search's state cannot be opened, continued or written
    ├── TooFewLabelsError          (ValueError)   the labels do not support the requested number
    ├── TableError                 (ValueError)   the predictions or labels are invalid
    │   ├── SourceError            (OSError)      a file is missing, unreadable or truncated
    │   ├── EmptyTableError                       no rows
    │   ├── MissingColumnError     (LookupError)  a column is missing
    │   ├── ItemError                             item ids missing or not unique
    │   ├── MissingPredictionError                a model has no prediction for some items
    │   ├── LabelError                            labels do not match their plan
    │   └── ColumnTypeError        (TypeError)    a column's type does not fit its use
    └── WebError                                  the web application refuses a request
        ├── AccessError            (PermissionError) not signed in, or without the role
        ├── ConflictError          (ValueError)   what it concerns has changed, or is in another state
        ├── DatabaseError          (OSError)      the database is of another version, or unreachable
        ├── InputError             (ValueError)   a field or an uploaded file is invalid
        ├── LedgerError            (ValueError)   the ledger was altered, or does not match an anchor
        ├── NotFoundError          (LookupError)  there is no such thing, or it is not yours
        ├── RateError              (RuntimeError) too many requests, or a quota is used up
        ├── SettingsError          (ValueError)   a setting is unknown or out of range
        └── SizeError              (ValueError)   a request or a file is too large

A message states what is wrong, where, what was found, what was expected, and how to fix it. Catch
`SupersedeError` for all of them, or the builtin that a leaf also derives from.
"""

import difflib
from collections.abc import Iterable

__all__ = [
    "AccessError",
    "AnswerError",
    "ArgumentError",
    "ArtefactError",
    "AudioError",
    "BountyError",
    "BudgetSpentError",
    "CacheError",
    "ColumnTypeError",
    "ConflictError",
    "ConvergenceError",
    "DatabaseError",
    "EmbeddingError",
    "EmptyTableError",
    "EstimateError",
    "ExpressionError",
    "HardwareError",
    "HistoryError",
    "IndexAccessError",
    "InferredAttributeError",
    "InputError",
    "ItemError",
    "LabelError",
    "LedgerError",
    "LimitError",
    "LinearizationError",
    "LogError",
    "MeasurementError",
    "MigrationError",
    "MissingColumnError",
    "MissingExtraError",
    "MissingPredictionError",
    "ModelFormError",
    "NetworkError",
    "NetworkFileError",
    "NotFoundError",
    "RateError",
    "ReportError",
    "SandboxError",
    "SearchError",
    "SettingsError",
    "SizeError",
    "SourceError",
    "SpaceError",
    "SpendCapError",
    "StaleVersionError",
    "StampError",
    "StudyError",
    "SubmissionError",
    "SupersedeError",
    "TableError",
    "TargetError",
    "TooFewLabelsError",
    "UnsupportedOperatorError",
    "VectorError",
    "WebError",
]


class SupersedeError(Exception):
    """Root of all errors that this package raises on purpose."""


class ArgumentError(SupersedeError, ValueError):
    """An argument is out of range or not one of the allowed values."""


class InferredAttributeError(ArgumentError):
    """A protected attribute was guessed, not declared by the people it is about."""


class ArtefactError(SupersedeError, ValueError):
    """A group or a model that a stranger sent is refused."""


class ExpressionError(ArtefactError):
    """A group's expression cannot be read, or does not fit the columns.

    Attributes:
        position: The character, from 0, of the mistake; None where no text was read.
    """

    position: int | None = None

    @classmethod
    def at(cls, text: str, position: int, problem: str) -> "ExpressionError":
        """State the problem, and mark its position in the text with a caret."""
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
    """A model's file or form is not supported."""


class AnswerError(ArtefactError):
    """A model's answers have the wrong length, type or range, or cannot be repeated."""


class LimitError(ArtefactError, RuntimeError):
    """A model exceeded its memory or time limit, or its process was killed for that."""


class CrashError(LimitError):
    """A model crashed the process that ran it."""


class AudioError(SupersedeError, ValueError):
    """A recording is not audio, has no samples, or its header contradicts itself."""


class BountyError(SupersedeError, ValueError):
    """An operation on a bounty is not possible."""


class BudgetSpentError(BountyError):
    """The holdout has judged all submissions that its capacity allows."""


class LogError(BountyError):
    """The log of a bounty was altered, cut off, or belongs to another bounty."""


class SubmissionError(BountyError):
    """A submission is refused before it is judged; uses no capacity."""


class StaleVersionError(SubmissionError):
    """A submission was made against a model that has been patched since."""


class MissingExtraError(SupersedeError, ImportError):
    """An optional dependency is not installed."""

    @classmethod
    def of(cls, *, package: str, extra: str, purpose: str) -> "MissingExtraError":
        """Name the missing package, its purpose, and the command that installs it."""
        return cls(f"{purpose} needs {package}; install it with: pip install 'supersede[{extra}]'")


class ConvergenceError(SupersedeError, RuntimeError):
    """An iterative solution did not reach its tolerance in the steps allowed."""


class EmbeddingError(SupersedeError, ValueError):
    """Embeddings cannot be compared, mapped or migrated."""


class IndexAccessError(EmbeddingError, OSError):
    """A vector index cannot be opened, or has changed since it was planned for."""


class MigrationError(EmbeddingError):
    """A migration cannot continue as requested."""


class SpendCapError(MigrationError):
    """The spend cap is reached; what was written stays, and the run can be resumed."""


class StampError(EmbeddingError):
    """Vectors carry the stamp of another model than the one declared."""


class VectorError(EmbeddingError):
    """Vectors are NaN, zero or ragged, or their dimensions do not fit."""


class HardwareError(SupersedeError, ValueError):
    """The cost of a network on a target cannot be determined."""


class TargetError(HardwareError):
    """A target's description is impossible, such as a memory without bandwidth."""


class MeasurementError(HardwareError):
    """The target rejected the network, or the file contains no measurements."""


class CacheError(MeasurementError, OSError):
    """The file of kept measurements cannot be read or written; the network is not the cause."""


class EstimateError(HardwareError):
    """An estimator cannot be fitted, read, or applied to this network."""


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
            f"{where} cannot be expanded: {problem.rstrip('.')}. If it works on an input in place, or has a gradient"
            " of its own without a jvp, change that; or choose parameters behind it",
        )


class NetworkError(SupersedeError, ValueError):
    """A network's description is invalid."""


class NetworkFileError(NetworkError, OSError):
    """A model's file is missing, damaged or of another kind."""


class UnsupportedOperatorError(NetworkError, NotImplementedError):
    """A model has operators, or uses of them, for which the description has no layer."""


class ReportError(SupersedeError, OSError):
    """A report could not be written; an earlier file is left unchanged."""


class SandboxError(SupersedeError, RuntimeError):
    """The process for strangers' models does not start; the model is not the cause."""


class SearchError(SupersedeError, ValueError):
    """The record of a search is invalid."""


class HistoryError(SearchError):
    """A trial, or the file of a study, cannot be read."""


class SpaceError(SearchError):
    """A parameter's range, choices or conditions are invalid."""


class StudyError(SearchError, OSError):
    """The state of a search cannot be opened, continued or written."""


class TooFewLabelsError(SupersedeError, ValueError):
    """The labels do not support the requested number."""


class TableError(SupersedeError, ValueError):
    """The predictions or labels are invalid."""


class SourceError(TableError, OSError):
    """A file is missing, unreadable or truncated."""


class EmptyTableError(TableError):
    """There are no rows."""


class MissingColumnError(TableError, LookupError):
    """A column is missing."""

    @classmethod
    def of(
        cls, column: str, available: Iterable[str], use: str, mend: str = ""
    ) -> "MissingColumnError":
        """Name the column, its use, and the columns with the most similar names."""
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
    """Labels do not match the plan for which they are meant."""


class WebError(SupersedeError):
    """The web application refuses a request."""


class AccessError(WebError, PermissionError):
    """A visitor is not signed in, or does not have the role that a request needs."""


class ConflictError(WebError, ValueError):
    """What a request concerns has changed in the meantime, or is in another state."""


class DatabaseError(WebError, OSError):
    """The database is of another version than the program, or cannot be reached."""


class InputError(WebError, ValueError):
    """A field of a form, or an uploaded file, is invalid.

    Attributes:
        field: Name of the field; empty where the request as a whole is invalid.
    """

    field: str = ""

    @classmethod
    def of(cls, message: str, field: str) -> "InputError":
        """An error about one field."""
        error = cls(message)
        error.field = field
        return error


class LedgerError(WebError, ValueError):
    """The ledger was altered or cut off, or does not match an exported head."""


class NotFoundError(WebError, LookupError):
    """There is no such thing, or the visitor is not allowed to know."""


class RateError(WebError, RuntimeError):
    """There were too many requests, or a quota is used up.

    Attributes:
        retry_after: Seconds after which it can be tried again; None if waiting does not help.
    """

    retry_after: float | None = None

    @classmethod
    def wait(cls, message: str, seconds: float) -> "RateError":
        """An error that waiting resolves."""
        error = cls(message)
        error.retry_after = seconds
        return error


class SettingsError(WebError, ValueError):
    """A setting is unknown or out of range."""


class SizeError(WebError, ValueError):
    """A request or an uploaded file is larger than allowed."""
