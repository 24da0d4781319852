"""Boxes of a detector with one scale: targets, loss, reading, and average precision.

Source: Tian et al. 2019, FCOS, section 3.1 (distances to the four sides), with the smallest box
winning; section 3.2 is left out, for one scale needs no levels. Average precision is pycocotools'.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from supersede.errors import MissingExtraError

__all__ = ["detection_loss", "mean_average_precision", "place_targets", "read_boxes"]

Floats = NDArray[np.float32]
CENTRE = 0.5
"""Share of a box, around its centre, whose places are positive."""

SCORE, OVERLAP, KEPT = 0.05, 0.6, 20


def place_targets(boxes: Sequence[Floats], pixels: int, grid: int) -> Tensor:
    """For each place of the grid: class from 1, or 0; and distances to the box's sides in strides.

    Args:
        boxes: Of each scene, rows of left, top, right, bottom and class from 0.
        pixels: Size of the scenes.
        grid: Places in each direction.

    Returns:
        Shape (n, 5, grid, grid).

    Example:
        >>> found = place_targets([np.array([[0, 0, 16, 16, 2]], np.float32)], 32, 4)
        >>> found[0, 0].int().tolist()
        [[3, 3, 0, 0], [3, 3, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    """
    stride = pixels / grid
    centres = (np.arange(grid) + 0.5) * stride
    x, y = np.meshgrid(centres, centres)
    found = np.zeros((len(boxes), 5, grid, grid), np.float32)
    for n, rows in enumerate(boxes):
        sizes = (rows[:, 2] - rows[:, 0]) * (rows[:, 3] - rows[:, 1])
        for left, top, right, bottom, kind in rows[np.argsort(-sizes)]:  # the smallest one last
            half_x = max(CENTRE * (right - left) / 2, stride / 2)
            half_y = max(CENTRE * (bottom - top) / 2, stride / 2)
            near = (abs(x - (left + right) / 2) <= half_x) & (abs(y - (top + bottom) / 2) <= half_y)
            sides = np.stack([x - left, y - top, right - x, bottom - y]) / stride
            near &= sides.min(axis=0) > 0
            found[n, 0][near] = kind + 1
            found[n, 1:, near] = sides[:, near].T
    return torch.from_numpy(found)


def detection_loss(outputs: tuple[Tensor, Tensor], targets: Tensor) -> Tensor:
    """Focal loss of classes, and one minus the IoU of boxes at positive places."""
    classes, boxes = outputs
    kinds = targets[:, 0].long()
    wanted = functional.one_hot(kinds, classes.shape[1] + 1)[..., 1:].permute(0, 3, 1, 2).float()
    plain = functional.binary_cross_entropy_with_logits(classes, wanted, reduction="none")
    right = torch.exp(-plain)
    weight = (1 - right) ** 2
    positive = kinds > 0
    count = positive.sum().clamp(min=1)
    focal = (weight * plain).sum() / count
    sides = torch.exp(boxes.clamp(max=5)).permute(0, 2, 3, 1)[positive]
    truth = targets[:, 1:].permute(0, 2, 3, 1)[positive]
    overlap = torch.minimum(sides, truth)
    both = (overlap[:, 0] + overlap[:, 2]) * (overlap[:, 1] + overlap[:, 3])
    areas = [(s[:, 0] + s[:, 2]) * (s[:, 1] + s[:, 3]) for s in (sides, truth)]
    iou = both / (areas[0] + areas[1] - both).clamp(min=1e-6)
    return focal + (1 - iou).sum() / count


def read_boxes(classes: Tensor, boxes: Tensor, pixels: int) -> list[Floats]:
    """Of each scene, rows of left, top, right, bottom, class and score, overlapping ones removed."""
    grid = classes.shape[-1]
    stride = pixels / grid
    centres = (np.arange(grid) + 0.5) * stride
    x, y = np.meshgrid(centres, centres)
    scores = torch.sigmoid(classes).numpy()
    sides = np.exp(np.minimum(boxes.numpy(), 5)) * stride
    found = []
    for score, side in zip(scores, sides, strict=True):
        corners = np.stack([x - side[0], y - side[1], x + side[2], y + side[3]])
        kept = []
        for kind in range(len(score)):
            good = score[kind] > SCORE
            rows = np.column_stack(
                [corners[:, good].T, np.full(good.sum(), kind), score[kind][good]]
            )
            kept.append(_without_overlaps(rows[np.argsort(-rows[:, 5], kind="stable")]))
        rows = np.concatenate(kept)
        found.append(rows[np.argsort(-rows[:, 5], kind="stable")][:KEPT].astype(np.float32))
    return found


def _without_overlaps(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    kept: list[int] = []
    for i in range(len(rows)):
        if all(_iou(rows[i], rows[j]) <= OVERLAP for j in kept):
            kept.append(i)
        if len(kept) == KEPT:
            break
    return rows[kept]


def _iou(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    both = max(wide, 0.0) * max(high, 0.0)
    areas = [(r[2] - r[0]) * (r[3] - r[1]) for r in (a, b)]
    return float(both / (areas[0] + areas[1] - both))


def mean_average_precision(truth: Sequence[Floats], found: Sequence[Floats], pixels: int) -> float:
    """COCO's average precision over IoU .50 to .95, by pycocotools.

    Args:
        truth: Of each scene, rows of left, top, right, bottom and class.
        found: The same with a score at the end.
        pixels: Size of the scenes.

    Raises:
        MissingExtraError: pycocotools is not installed.

    Example:
        >>> box = np.array([[2, 2, 10, 10, 0]], np.float32)
        >>> round(mean_average_precision([box], [np.append(box, [[0.9]], axis=1)], 16), 6)
        1.0
    """
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError as error:
        raise MissingExtraError.of(
            package="pycocotools", extra="search", purpose="average precision"
        ) from error
    kinds = sorted({int(row[4]) for rows in truth for row in rows})
    annotations = [
        {
            "id": n + 1, "image_id": i, "category_id": int(row[4]), "iscrowd": 0,
            "bbox": _corner_and_size(row), "area": float((row[2] - row[0]) * (row[3] - row[1])),
        }
        for n, (i, row) in enumerate((i, row) for i, rows in enumerate(truth) for row in rows)
    ]  # fmt: skip
    answers = [
        {
            "image_id": i, "category_id": int(row[4]), "bbox": _corner_and_size(row),
            "score": float(row[5]),
        }
        for i, rows in enumerate(found)
        for row in rows
    ]  # fmt: skip
    if not answers or not annotations:
        return 0.0
    with contextlib.redirect_stdout(io.StringIO()):
        coco: Any = COCO()
        coco.dataset = {
            "info": {},
            "images": [{"id": i, "width": pixels, "height": pixels} for i in range(len(truth))],
            "annotations": annotations,
            "categories": [{"id": k, "name": str(k)} for k in kinds],
        }
        coco.createIndex()
        evaluation: Any = COCOeval(coco, coco.loadRes(answers), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return max(0.0, float(evaluation.stats[0]))


def _corner_and_size(row: Floats) -> list[float]:
    return [float(row[0]), float(row[1]), float(row[2] - row[0]), float(row[3] - row[1])]
