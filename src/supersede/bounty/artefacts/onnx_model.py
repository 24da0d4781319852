"""Models in ONNX files: only bytes here, parsed and run in a separate process."""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

import numpy as np

from supersede.bounty.artefacts.answers import Answers
from supersede.bounty.artefacts.columns import Columns, columns_of, is_text
from supersede.bounty.artefacts.sandbox import SandboxLimits, run_onnx
from supersede.errors import ModelFormError

__all__ = ["MAX_BYTES", "OnnxModel"]

MAX_BYTES = 5_000_000


@dataclass(frozen=True)
class OnnxModel:
    """A model in ONNX, run in a child process with limits; see `supersede.bounty.artefacts.sandbox`.

    Its first output is the answer, for probabilities its last one. It has either one input of shape
    (rows, k), which receives k numeric columns, or one input per column, of shape (rows, 1) or
    (rows,). Missing numbers are NaN, missing texts are empty.

    Attributes:
        data: The file's bytes.
        columns: The columns in the order of the one input, or the names of the inputs.

    Raises:
        ModelFormError: It is too large, or has no column names.
    """

    data: bytes
    columns: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 0 < len(self.data) <= MAX_BYTES:
            msg = f"an ONNX model must have 1 to {MAX_BYTES:,} bytes, not {len(self.data):,}"
            raise ModelFormError(msg)
        names = self.columns
        if not names or not all(is_text(name) for name in names) or len(set(names)) < len(names):
            msg = (
                "name the columns that the ONNX model reads: columns=('age', 'hours'), each once,"
                " in the order of its input"
            )
            raise ModelFormError(msg)

    @property
    def bits(self) -> int:
        """Eight bits per byte of its stored form and of its terminator."""
        names = sum(len(name.encode()) + 1 for name in self.columns)
        return 8 * (len(self.data) + names + 1) + 64

    def predict(
        self, columns: Columns, answers: Answers, limits: SandboxLimits | None = None
    ) -> np.ndarray:
        """Shape (n,) or (n, count), checked; see `Model`. This is how an accepted model serves.

        Args:
            columns: Columns by name, shape (n,) each.
            answers: The allowed answers.
            limits: Limits of the process.

        Raises:
            ModelFormError: The file is not an ONNX model, or contains something that is not
                allowed.
            LimitError: It exceeded its memory or time, or its process died.
            AnswerError: An answer is not allowed, or the model does not match the columns.
            MissingColumnError: A column is missing.
            SandboxError: The child does not start; the model is not the cause.
            MissingExtraError: onnx or onnxruntime are not installed.
        """
        asked = columns_of(columns, self.columns)
        return answers.check(
            run_onnx(self.data, asked, answers, limits or SandboxLimits()),
            len(next(iter(asked.values()))),
        )

    def judged(
        self, columns: Columns, answers: Answers, limits: SandboxLimits | None = None
    ) -> np.ndarray:
        """The answers of `predict`, after tests that a stranger's model must pass before it serves.

        It is run again, in another order, in batches of other sizes, and row by row.

        Raises:
            AnswerError: As for `predict`; or answers differ between runs, or depend on other rows.
            ArtefactError: As for `predict`.
        """
        asked = columns_of(columns, self.columns)
        found = run_onnx(self.data, asked, answers, limits or SandboxLimits(), judge=True)
        return answers.check(found, len(next(iter(asked.values()))))

    def to_dict(self) -> dict[str, Any]:
        """The model as plain data."""
        return {
            "form": "onnx",
            "columns": list(self.columns),
            "base64": base64.b64encode(self.data).decode("ascii"),
        }

    @classmethod
    def from_base64(cls, text: Any, columns: Any) -> "OnnxModel":
        """The inverse of `to_dict`.

        Raises:
            ModelFormError: It is not base64, or the columns are not a list.
        """
        if not isinstance(text, str) or not isinstance(columns, list):
            msg = "an onnx model needs its bytes in base64, and a list of columns"
            raise ModelFormError(msg)
        try:
            return cls(base64.b64decode(text, validate=True), tuple(columns))
        except binascii.Error as error:
            msg = f"the base64 of the ONNX model cannot be read: {error}"
            raise ModelFormError(msg) from error
