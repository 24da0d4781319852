"""Linear-quadratic fine-tuning as a scikit-learn classifier."""

import copy
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d
from torch import nn

from supersede.errors import ArgumentError
from supersede.train.linear.fitted import LinearFit
from supersede.train.linear.linearized import Output
from supersede.train.linear.lqf import LQF
from supersede.train.linear.selection import ParameterChoice, head_name
from supersede.train.linear.solving import Solver

__all__ = ["LQFClassifier", "with_new_head"]

Floats = npt.NDArray[np.float64]


class LQFClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Fits a pretrained network to labelled items by linear-quadratic fine-tuning.

    Labels may be of any type. Probabilities are a softmax of the outputs, whose temperature is the one
    with the least log-loss of the leave-one-out outputs.

    Args:
        network: The pretrained network, in evaluation mode. It is copied.
        head: ``"new"`` replaces the last layer by a random one with an output per class;
            ``"keep"`` keeps it, and then outputs are the sorted classes in order.
        parameters: Which parameters may change; see `Linearized`.
        output: Takes the tensor out of what the network returns; see `Linearized`.
        scale: What the right class's output should be.
        regularization: λ, or ``"loo"``.
        body_weight: How much the layers before the last count, or ``"loo"``; see `LQF`.
        solver: See `LQF`.
        seed: Seed of a new head, and of the solver.

    Attributes:
        classes_: The classes, sorted.
        fit_: The `LinearFit`, which answers about its data.
        temperature_: What outputs are divided by before the softmax.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.model_selection import cross_val_score
        >>> X, y = load_iris(return_X_y=True)
        >>> net = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1)).eval()
        >>> LQFClassifier(net).fit(X[::3], y[::3]).score(X, y) > 0.9
        True
    """

    _required_parameters = ("network",)

    def __init__(
        self,
        network: nn.Module,
        *,
        head: Literal["new", "keep"] = "new",
        parameters: ParameterChoice = "all",
        output: Output | None = None,
        scale: float = 15.0,
        regularization: float | Literal["loo"] = "loo",
        body_weight: float | Literal["loo"] = "loo",
        solver: Solver | Literal["auto"] = "auto",
        seed: int = 0,
    ) -> None:
        self.network = network
        self.head = head
        self.parameters = parameters
        self.output = output
        self.scale = scale
        self.regularization = regularization
        self.body_weight = body_weight
        self.solver = solver
        self.seed = seed

    def fit(self, X: Any, y: npt.ArrayLike) -> "LQFClassifier":
        """Fit to labelled items.

        Args:
            X: What the network takes; see `LQF.fit`.
            y: Classes, ``(n,)``.

        Returns:
            The estimator.

        Raises:
            ArgumentError: The network's outputs do not fit the classes.
        """
        labels = column_or_1d(y)
        check_classification_targets(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            msg = f"all labels are {self.classes_.tolist()[0]!r}; a classifier needs two classes or more"
            raise ArgumentError(msg)
        if self.head not in {"new", "keep"}:
            msg = f"head={self.head!r}; expected 'new' or 'keep'"
            raise ArgumentError(msg)
        network = self.network
        if self.head == "new":
            network = with_new_head(network, len(self.classes_), seed=self.seed)
        lqf = LQF(
            network,
            parameters=self.parameters,
            output=self.output,
            scale=self.scale,
            regularization=self.regularization,
            body_weight=self.body_weight,
            solver=self.solver,
            seed=self.seed,
        )
        fitted = lqf.fit(X, codes.astype(np.int64))
        outputs = fitted.base.shape[1]
        if outputs != len(self.classes_):
            msg = (
                f"the network has {outputs} outputs and the labels {len(self.classes_)} classes; pass"
                " head='new', or labels of every class"
            )
            raise ArgumentError(msg)
        self.fit_: LinearFit = fitted
        self.temperature_ = _temperature(fitted)
        return self

    def decision_function(self, X: Any) -> Floats:
        """The fit's outputs, ``(m, C)``."""
        check_is_fitted(self, "fit_")
        return self.fit_.outputs(X)

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Classes, ``(m,)``."""
        outputs = self.decision_function(X)
        made: npt.NDArray[Any] = self.classes_[outputs.argmax(1)]
        return made

    def predict_proba(self, X: Any) -> Floats:
        """Probabilities, ``(m, C)``."""
        outputs = self.decision_function(X)
        made: Floats = softmax(outputs / self.temperature_, axis=1)
        return made


def with_new_head(network: nn.Module, outputs: int, *, seed: int = 0) -> nn.Module:
    """A copy whose last layer is a new, random one.

    A last layer of zeros would hide the layers before it: their derivative would be zero.

    Args:
        network: A network whose last layer with a weight is an `nn.Linear`.
        outputs: Number of outputs.
        seed: Seed of the new weights.

    Returns:
        The copy.

    Raises:
        ArgumentError: The last layer with a weight is of another kind.
    """
    name = head_name(network)
    head = network.get_submodule(name)
    if not isinstance(head, nn.Linear):
        msg = (
            f"the last layer with a weight, {name!r}, is {type(head).__name__} and not nn.Linear; put a"
            " new head on the network yourself and pass head='keep'"
        )
        raise ArgumentError(msg)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = nn.Linear(head.in_features, outputs, bias=head.bias is not None)
    fresh = fresh.to(head.weight.device, head.weight.dtype).train(head.training)
    if not name:
        return fresh
    made = copy.deepcopy(network)
    parent, _, last = name.rpartition(".")
    setattr(made.get_submodule(parent), last, fresh)
    return made


def _temperature(fit: LinearFit) -> float:
    """What to divide leave-one-out outputs by for the least log-loss."""
    alone = fit.leave_one_out()
    labels = alone.labels
    if labels is None or alone.outputs.shape[1] < 2:
        return 1.0

    def loss(log_temperature: float) -> float:
        logs = log_softmax(alone.outputs / np.exp(log_temperature), axis=1)
        return -float(logs[np.arange(len(labels)), labels].mean())

    low, high = np.log(fit.settings.scale) - 4, np.log(fit.settings.scale) + 4
    return float(np.exp(minimize_scalar(loss, bounds=(low, high), method="bounded").x))
