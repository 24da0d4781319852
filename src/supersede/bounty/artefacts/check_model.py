"""Whether every possible answer of a model is allowed, including answers to unseen rows."""

import numpy as np

from supersede.bounty.artefacts.answers import Answers, Numbers
from supersede.bounty.artefacts.models import Constant, Linear, Model, Tree
from supersede.errors import AnswerError

__all__ = ["check_model"]


def check_model(model: Model, answers: Answers) -> None:
    """Refuse a model as data that could give an answer that is not allowed, for any row.

    A leaf that no row of a holdout reaches would otherwise fail on the first row that does. The
    answers of an ONNX model and logged answers are not known in advance: they pass.

    Args:
        model: The model.
        answers: The allowed answers.

    Raises:
        AnswerError: Its constant, one of its leaves, or its link violates them.

    Example:
        >>> from supersede.bounty.artefacts import Codes
        >>> check_model(Constant((1,)), Codes(2))
        >>> check_model(Constant((7,)), Codes(2))
        Traceback (most recent call last):
        supersede.errors.AnswerError: a constant that can give such answers is refused: row 0 has ...
    """
    if isinstance(model, Constant):
        possible = np.array([model.values])
    elif isinstance(model, Tree):
        possible = model.values[model.feature < 0]
    elif isinstance(model, Linear):
        possible = _of_link(model, answers)
    else:
        return
    try:
        answers.check(possible, len(possible))
    except AnswerError as error:
        kind = type(model).__name__.lower()
        msg = f"a {kind} that can give such answers is refused: {error}"
        raise AnswerError(msg) from error


def _of_link(model: Linear, answers: Answers) -> np.ndarray:
    """Representative answers of a link."""
    width = len(model.intercept)
    if model.link == "sign":
        return np.array([[0.0], [1.0]])
    if model.link == "largest":
        return np.arange(float(width))[:, None]
    if model.link == "number":
        if not isinstance(answers, Numbers):
            msg = (
                "the link 'number' returns any number, which is neither a class nor a probability;"
                " use 'sign' or 'largest', 'logistic' or 'softmax'"
            )
            raise AnswerError(msg)
        return np.clip(np.zeros((1, width)), answers.low, answers.high)
    classes = 2 if model.link == "logistic" else width
    return np.full((1, classes), 1 / classes)
