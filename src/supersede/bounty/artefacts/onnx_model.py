"""Models in ONNX files: bytes here, looked at and run in a process of their own."""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

import numpy as np

from supersede.bounty.artefacts.answers import Answers
from supersede.bounty.artefacts.columns import Columns, columns_of, is_text
from supersede.bounty.artefacts.sandbox import Limits, run_onnx
from supersede.errors import ModelFormError

__all__ = ["MAX_BYTES", "OnnxModel"]

MAX_BYTES = 5_000_000


@dataclass(frozen=True)
class OnnxModel:
    """A model in ONNX, run in a child process with limits; see `supersede.bounty.artefacts.sandbox`.

    Its first output answers, for probabilities its last one. It has either one input of shape
    (rows, k), which gets k columns of numbers, or one input a column of shape (rows, 1) or (rows,).
    Missing numbers are NaN, missing texts are empty.

    Attributes:
        data: The file's bytes.
        columns: The columns in the order of the one input, or the names of the inputs.

    Raises:
        ModelFormError: It is too large, or names no columns.
    """

    data: bytes
    columns: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 0 < len(self.data) <= MAX_BYTES:
            msg = f"an ONNX model has 1 to {MAX_BYTES:,} bytes, not {len(self.data):,}"
            raise ModelFormError(msg)
        names = self.columns
        if not names or not all(is_text(name) for name in names) or len(set(names)) < len(names):
            msg = (
                "say which columns the ONNX model reads: columns=('age', 'hours'), each once,"
                " in the order of its input"
            )
            raise ModelFormError(msg)

    @property
    def bits(self) -> int:
        """Eight bits a byte as it is stored, and a byte that ends it."""
        names = sum(len(name.encode()) + 1 for name in self.columns)
        return 8 * (len(self.data) + names + 1) + 64

    def predict(
        self, columns: Columns, answers: Answers, limits: Limits | None = None
    ) -> np.ndarray:
        """Shape (n,) or (n, count), checked; see `Model`.

        Args:
            columns: Columns by name, shape (n,) each.
            answers: What may be answered.
            limits: What the process may use.

        Raises:
            ModelFormError: The file is no ONNX model, or holds what is not allowed.
            LimitError: It ran over its memory or time, or died.
            AnswerError: Its answers do not fit, differ between runs, or depend on the other rows.
            MissingColumnError: A column is not there.
            SandboxError: The child does not start; that says nothing of the model.
            MissingExtraError: onnx or onnxruntime are not installed.
        """
        asked = columns_of(columns, self.columns)
        return answers.check(
            run_onnx(self.data, asked, answers, limits or Limits()),
            len(next(iter(asked.values()))),
        )

    def to_dict(self) -> dict[str, Any]:
        """The model as plain data."""
        return {
            "form": "onnx",
            "columns": list(self.columns),
            "base64": base64.b64encode(self.data).decode("ascii"),
        }

    @classmethod
    def from_base64(cls, text: Any, columns: Any) -> "OnnxModel":
        """Read what `to_dict` wrote.

        Raises:
            ModelFormError: It is not base64, or the columns are no list.
        """
        if not isinstance(text, str) or not isinstance(columns, list):
            msg = "an onnx has its bytes in base64, and a list of columns"
            raise ModelFormError(msg)
        try:
            return cls(base64.b64decode(text, validate=True), tuple(columns))
        except binascii.Error as error:
            msg = f"the base64 of the ONNX model cannot be read: {error}"
            raise ModelFormError(msg) from error
