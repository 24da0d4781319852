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


def space_for(task: str, pixels: int | None = None) -> Space:
    """The space of a task by its name: digits, detection or segmentation.

    Args:
        task: Its name.
        pixels: Size of its images; 16 for digits and 48 for scenes if left out. Segmentation may also
            read two thirds of it.

    Raises:
        SpaceError: There is no such task.

    Example:
        >>> space_for("digits").choice("resolution").values
        (16,)
    """
    kinds: tuple[BlockKind, ...] = ("ibn", "fused", "standard")
    channels = tuple(range(8, 49, 4))
    size = pixels or (16 if task == "digits" else 48)
    match task:
        case "digits":
            stages = [Stage(channels, kinds, (3,), (2, 4), stride=s) for s in (1, 2, 1)]
            head = Classifier(10, (32, 64))
            return block_space(stages, head, resolutions=(size,), stems=(8, 16), image_channels=1)
        case "detection":
            stages = [Stage(channels, kinds, (3,), (2, 4), stride=s) for s in (1, 2, 1, 2, 1)]
            return block_space(stages, Detector(3, (16, 32)), resolutions=(size,), stems=(8, 16))
        case "segmentation":
            stages = [Stage(channels, kinds, (3,), (2, 4), stride=s) for s in (1, 2, 1, 2, 1)]
            head_ = Segmenter(4, (16, 32), (2, 4))
            return block_space(stages, head_, resolutions=(size * 2 // 3, size), stems=(8, 16))
    msg = f"no space for {task!r}; there are spaces for digits, detection and segmentation"
    raise SpaceError(msg)
