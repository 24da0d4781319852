"""How strongly an update is held, chosen on validation items."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from supersede.look.result import ResultMixin
from supersede.train.flips.front import Front, choose, measure
from supersede.train.linear.flip_constraint import Held, Keeping, keep_right

if TYPE_CHECKING:
    import pyarrow as pa

    from supersede.train.linear.fitted import LinearFit

__all__ = ["KeepingFront", "keeping_front"]

STRENGTHS = (0.25, 0.5, 1.0, 2.0, 4.0)


@dataclass(frozen=True, eq=False)
class KeepingFront(ResultMixin, named="a front", height="34rem"):
    """The error–NFR front of a held update, and the update that was chosen.

    Attributes:
        front: All strengths with their validation error and negative flip rate.
        chosen: The update of the chosen strength.
    """

    front: Front
    chosen: Keeping

    def __str__(self) -> str:
        return str(self.front)

    def to_dict(self) -> dict[str, Any]:
        """The front and the chosen update, as plain values."""
        return {"front": self.front.to_dict(), "chosen": self.chosen.to_dict()}

    def to_frame(self) -> "pa.Table":
        """One row per strength."""
        import pyarrow as pa

        return pa.Table.from_pylist([asdict(point) for point in self.front.points])

    def to_html(self) -> str:
        """The front as a page."""
        return self.front.to_html()


def keeping_front(
    fit: "LinearFit",
    X: Any,
    y: npt.ArrayLike,
    *,
    strengths: Sequence[float] = STRENGTHS,
    on: Sequence[Held] = ("right", "all"),
    tolerance: float = 0.001,
) -> KeepingFront:
    """Hold the update at each strength, measure on validation items, and choose.

    Args:
        fit: An unconstrained fit in closed form; its network is the old model.
        X: Validation items that neither the network nor the fit has seen.
        y: Their classes.
        strengths: What to try besides 0.
        on: Which items are held, each tried at every strength.
        tolerance: How much more error than the unconstrained fit's is allowed, as a share.

    Returns:
        The front, and the update with the fewest negative flips among those within the tolerance.

    Raises:
        ArgumentError: Shapes or numbers do not fit.
    """
    truth = np.asarray(y)
    right = fit.base_outputs(X).argmax(1) == truth
    made = [keep_right(fit, strength=0.0)]
    names = ["none"]
    for which in on:
        for strength in strengths:
            if strength:
                made.append(keep_right(fit, strength=strength, on=which))
                names.append(f"hold {which}")
    points = [
        measure(truth, kept.predict(X), right, treatment=name, strength=kept.strength)
        for kept, name in zip(made, names, strict=True)
    ]
    front = choose(points, tolerance=tolerance, items=len(truth))
    at = next(i for i, point in enumerate(points) if point is front.chosen)
    return KeepingFront(front, made[at])
