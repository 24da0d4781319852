"""Spaces that suit the tasks: small enough to train on a processor."""

from supersede.errors import SpaceError
from supersede.search.architecture.blocks import (
    BlockKind,
    Classifier,
    Detector,
    Segmenter,
    Stage,
    block_space,
)
from supersede.search.architecture.space import Space

__all__ = ["space_for"]


def space_for(task: str) -> Space:
    """The space of a task by its name: digits, detection or segmentation.

    Raises:
        SpaceError: There is no such task.

    Example:
        >>> space_for("digits").choice("resolution").values
        (16,)
    """
    kinds: tuple[BlockKind, ...] = ("ibn", "fused", "standard")
    channels = tuple(range(8, 49, 4))
    match task:
        case "digits":
            stages = [Stage(channels, kinds, (3,), (2, 4), stride=s) for s in (1, 2, 1)]
            head = Classifier(10, (32, 64))
            return block_space(stages, head, resolutions=(16,), stems=(8, 16), image_channels=1)
        case "detection":
            stages = [Stage(channels, kinds, (3,), (2, 4), stride=s) for s in (1, 2, 1, 2, 1)]
            return block_space(stages, Detector(3, (16, 32)), resolutions=(48,), stems=(8, 16))
        case "segmentation":
            stages = [Stage(channels, kinds, (3,), (2, 4), stride=s) for s in (1, 2, 1, 2, 1)]
            head_ = Segmenter(4, (16, 32), (2, 4))
            return block_space(stages, head_, resolutions=(32, 48), stems=(8, 16))
    msg = f"no space for {task!r}; there are spaces for digits, detection and segmentation"
    raise SpaceError(msg)
