"""Old models of any kind, as one callable from a batch of inputs to outputs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError, ItemError, MissingExtraError, SourceError
from supersede.table import Classes, Scores, Table
from supersede.table.outcomes import plain
from supersede.table.source import collect
from supersede.train.flips.old_outputs import Kind, OldOutputs

if TYPE_CHECKING:
    import torch

__all__ = ["OldModel", "from_table", "old_estimator", "old_module", "old_onnx", "remember"]


@dataclass(frozen=True)
class OldModel:
    """An old model, as a function.

    Attributes:
        predict: From a batch of inputs to outputs ``(b, C)``, or classes ``(b,)``.
        kind: Kind of the outputs; None: inferred from their values.
        classes: Names of the classes, in the order of the outputs, if known.
    """

    predict: Callable[[Any], npt.NDArray[Any]]
    kind: Kind | None = None
    classes: tuple[Any, ...] | None = None


def remember(old: OldModel, batches: Iterable[tuple[npt.ArrayLike, Any]]) -> OldOutputs:
    """Run an old model once over all items, and store its outputs.

    Args:
        old: The model.
        batches: Pairs of item ids and inputs.

    Returns:
        Its outputs by item.

    Raises:
        ArgumentError: There is no batch.

    Example:
        >>> import numpy as np
        >>> old = OldModel(lambda x: np.stack([x, -x], axis=1), kind="logits")
        >>> len(remember(old, [([0, 1], np.array([0.5, 2.0])), ([2], np.array([1.0]))]))
        3
    """
    ids, outputs = [], []
    for items, inputs in batches:
        ids.append(np.asarray(items))
        outputs.append(np.asarray(old.predict(inputs)))
    if not ids:
        msg = "no batch to remember: pass pairs of item ids and inputs"
        raise ArgumentError(msg)
    return OldOutputs.of(
        np.concatenate(ids), np.concatenate(outputs), kind=old.kind, classes=old.classes
    )


def old_module(
    module: "torch.nn.Module", *, classes: Sequence[Any] | None = None, device: str | None = None
) -> OldModel:
    """An old model from a torch module that returns logits, in evaluation mode, without gradients.

    Args:
        module: The module, or one whose result has ``.logits``.
        classes: Names of its classes.
        device: Device to which inputs are moved; they are not moved if None.

    Returns:
        The old model.
    """
    import torch

    def predict(inputs: Any) -> npt.NDArray[Any]:
        was_training = module.training
        module.eval()
        try:
            with torch.inference_mode():
                result = module(inputs if device is None else inputs.to(device))
        finally:
            module.train(was_training)
        logits = getattr(result, "logits", result)
        return np.asarray(logits.float().cpu())

    return OldModel(predict, "logits", None if classes is None else tuple(classes))


def old_onnx(
    path: str | Path,
    *,
    output: str | None = None,
    kind: Kind | None = None,
    classes: Sequence[Any] | None = None,
) -> OldModel:
    """An old model from an ONNX file with one input; it runs on the CPU.

    Args:
        path: The file.
        output: The name of its output; if None, the first with ``(b, C)`` numbers.
        kind: Kind of the output; if None, inferred from its values.
        classes: Names of its classes.

    Returns:
        The old model.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        SourceError: The file cannot be read.
        ArgumentError: The model has several inputs, or no such output.
    """
    from supersede.hardware.onnx_session import import_onnxruntime

    try:
        onnxruntime = import_onnxruntime()
    except ImportError as error:
        raise MissingExtraError.of(
            package="onnxruntime", extra="onnx", purpose="an old model in an ONNX file"
        ) from error
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own exceptions have no public root
        msg = f"cannot read the ONNX model {path}: {error}"
        raise SourceError(msg) from error
    inputs, outputs = session.get_inputs(), session.get_outputs()
    fitting = [
        o.name for o in outputs if "float" in o.type and "map" not in o.type and len(o.shape) == 2
    ]
    name = output or (fitting[0] if fitting else None)
    if len(inputs) != 1 or name not in [o.name for o in outputs]:
        msg = (
            f"{path} has inputs {[i.name for i in inputs]} and outputs {[o.name for o in outputs]}; expected"
            f" one input and an output {output or 'of shape (b, classes)'}; pass output='<name>', or"
            " OldModel(<function>) for anything else"
        )
        raise ArgumentError(msg)
    wanted = np.float64 if "double" in inputs[0].type else np.float32

    def predict(batch: Any) -> npt.NDArray[Any]:
        return np.asarray(session.run([name], {inputs[0].name: np.asarray(batch, wanted)})[0])

    return OldModel(predict, kind, None if classes is None else tuple(classes))


def old_estimator(estimator: Any) -> OldModel:
    """A fitted scikit-learn classifier or pipeline: its probabilities, or its classes alone."""
    classes = tuple(np.asarray(estimator.classes_).tolist())
    if hasattr(estimator, "predict_proba"):
        return OldModel(estimator.predict_proba, "probabilities", classes)
    return OldModel(estimator.predict, "classes", classes)


def from_table(table: Table, model: str, *, classes: Sequence[Any] | None = None) -> OldOutputs:
    """Old outputs from a column of a prediction table: classes, or the score of class 1.

    Args:
        table: The predictions, with item ids.
        model: The model.
        classes: Names of its classes; those it predicts, if None.

    Returns:
        Its outputs by item.

    Raises:
        ItemError: The table has no item ids.
        ArgumentError: The column contains neither classes nor probabilities.
    """
    outcome = table.outcome(model)
    if table.item is None:
        msg = "the table has no item ids to identify outputs; read it with item='<column>'"
        raise ItemError(msg)
    if not isinstance(outcome, Classes | Scores):
        msg = (
            f"{model!r} is graded by {type(outcome).__name__}, which has no class; expected classes"
            " or scores"
        )
        raise ArgumentError(msg)
    value = plain(table.rows[outcome.column])
    rows = collect(table.rows.select(item=table.rows[table.item], value=value))
    items = np.asarray(rows["item"].to_pylist())
    values = rows["value"].to_numpy()
    if isinstance(outcome, Scores):
        if not ((values >= 0) & (values <= 1)).all():
            msg = (
                f"scores of {model!r} lie outside [0, 1], so they are not probabilities of class 1"
            )
            raise ArgumentError(msg)
        both = np.column_stack([1 - values, values])
        return OldOutputs.of(items, both, kind="probabilities", classes=classes or (0, 1))
    return OldOutputs.of(items, values, kind="classes", classes=classes)
