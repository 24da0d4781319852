"""Accepted submissions, and how they are read and run: groups as expressions, models in four forms.

A **group** is an expression of a small language (`parse`), never code. A **model** is a `Constant`, a
`Tree` or a `Linear` model as JSON, or an `OnnxModel` that runs in a process of its own
(`read_model`). Everything else is refused with an `ArtefactError`.
"""

from supersede.bounty.artefacts.answers import Answers, Codes, Numbers, Probabilities
from supersede.bounty.artefacts.check_model import check_model
from supersede.bounty.artefacts.columns import Column, Columns, column_of, columns_of
from supersede.bounty.artefacts.expression import Expression
from supersede.bounty.artefacts.features import Feature, design, features_of
from supersede.bounty.artefacts.from_sklearn import from_sklearn
from supersede.bounty.artefacts.grammar import parse
from supersede.bounty.artefacts.models import Constant, Linear, Model, Tree
from supersede.bounty.artefacts.nodes import And, Compare, Everyone, In, IsMissing, Not, Or
from supersede.bounty.artefacts.onnx_model import OnnxModel
from supersede.bounty.artefacts.read_model import model_from_dict, read_model
from supersede.bounty.artefacts.sandbox import (
    Isolation,
    SandboxLimits,
    WeakerSandboxWarning,
    isolation,
)

__all__ = [
    "And",
    "Answers",
    "Codes",
    "Column",
    "Columns",
    "Compare",
    "Constant",
    "Everyone",
    "Expression",
    "Feature",
    "In",
    "IsMissing",
    "Isolation",
    "Linear",
    "Model",
    "Not",
    "Numbers",
    "OnnxModel",
    "Or",
    "Probabilities",
    "SandboxLimits",
    "Tree",
    "WeakerSandboxWarning",
    "check_model",
    "column_of",
    "columns_of",
    "design",
    "features_of",
    "from_sklearn",
    "isolation",
    "model_from_dict",
    "parse",
    "read_model",
]
