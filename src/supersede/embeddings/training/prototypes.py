"""Where the old model puts each class: means of its embeddings, its classifier head, or both.

Class means of old embeddings are defined for every class, new ones included, and do not depend on how
well the old head was trained; the head is the form of the paper. Where the two disagree, the head was
not trained to the point at which its weights lie along the class means, and means are safer.

Reference: Shen et al. (2020), Towards backward-compatible representation learning, arXiv 2003.11942,
section 3.3: the old classifier, and synthesised weights for classes it does not know.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from supersede.embeddings.report.dependants import class_means
from supersede.embeddings.vectors import checked, unit
from supersede.errors import ArgumentError, VectorError

__all__ = ["PrototypeWarning", "head_agreement", "head_with_new_classes", "prototypes"]

Floats = npt.NDArray[np.float32]
AGREE = 0.9  # cosine between a head's weight and its class mean below which both disagree


class PrototypeWarning(UserWarning):
    """The old head and the old class means point in different directions."""


def prototypes(old_embeddings: Any, labels: Any, classes: Sequence[Any] | int) -> Floats:
    """Unit-length class means of old embeddings, one row per class.

    Args:
        old_embeddings: The old model's vectors of training items, shape ``(n, d_old)``; items of new
            classes belong in it, since the old model embeds them as well.
        labels: Class of each item.
        classes: Names of all classes in the order of the new model's outputs, or their number.

    Raises:
        ArgumentError: A class has no item, or labels are not one per item.
        VectorError: Vectors are broken, or those of a class cancel out.

    Example:
        >>> prototypes([[2.0, 0], [0, 1], [0, 3]], [0, 1, 1], 2).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    names = list(range(classes)) if isinstance(classes, int) else list(classes)
    given, held = np.asarray(labels), checked(old_embeddings, "old_embeddings")
    if given.shape != (len(held),):
        msg = f"labels has shape {given.shape}; expected one for each of {len(held)} old embeddings"
        raise ArgumentError(msg)
    made, found = class_means(held, given)
    place = {name: row for row, name in enumerate(found.tolist())}
    lacking = [name for name in names if name not in place]
    if lacking:
        msg = f"no old embedding of class {lacking[0]!r} ({len(lacking)} classes lack one); embed some of its items with the old model"
        raise ArgumentError(msg)
    return made[[place[name] for name in names]]


def head_agreement(head: Any, means: Any) -> npt.NDArray[np.float64]:
    """Cosine between each weight of a head and its class mean; warns where they disagree.

    Example:
        >>> head_agreement([[1.0, 0], [0, 1]], [[1.0, 0], [0, 2]]).tolist()
        [1.0, 1.0]
    """
    weight, mean = unit(head), unit(means)
    if weight.shape != mean.shape:
        msg = f"the head has shape {weight.shape} and the class means {mean.shape}; expected one row per class of both"
        raise VectorError(msg)
    cosines = np.asarray((weight.astype(float) * mean).sum(1))
    weak = int((cosines < AGREE).sum())
    if weak:
        warnings.warn(
            f"the old head and the old class means disagree for {weak} of {len(cosines)} classes (smallest cosine"
            f" {cosines.min():.2f}): use the class means, CompatibleLoss(prototypes(…)), rather than the head",
            PrototypeWarning,
            stacklevel=2,
        )
    return cosines


def head_with_new_classes(
    head: Any, old_embeddings: Any, labels: Any, old_classes: Sequence[Any], classes: Sequence[Any]
) -> Floats:
    """The old head's unit weights, and synthesised ones for classes that it does not know.

    A synthesised weight is the mean of the old embeddings of the class's items.

    Args:
        head: Weight of the old classifier, shape ``(c_old, d_old)``.
        old_embeddings: The old model's vectors of training items.
        labels: Class of each item.
        old_classes: Names of the head's rows.
        classes: Names of all classes in the order of the new model's outputs.

    Raises:
        ArgumentError: The head does not fit its classes, or a new class has no item.

    Warns:
        PrototypeWarning: Head and means disagree on the old classes.
    """
    weight = unit(head)
    if len(weight) != len(old_classes):
        msg = f"the head has {len(weight)} rows and there are {len(old_classes)} old classes"
        raise ArgumentError(msg)
    means = prototypes(old_embeddings, labels, classes)
    row = {name: at for at, name in enumerate(old_classes)}
    shared = [at for at, name in enumerate(classes) if name in row]
    if shared:
        head_agreement(weight[[row[classes[at]] for at in shared]], means[shared])
    made = means.copy()
    for at in shared:
        made[at] = weight[row[classes[at]]]
    return made
