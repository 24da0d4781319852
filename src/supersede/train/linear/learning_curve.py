"""What more items would bring: exact leave-one-out error over growing parts of the items.

Item after item in one random order; the fit to the first m of them, and its leave-one-out error, come
from a part of the kernel, so no network runs. Several orders give the spread.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from supersede.errors import ArgumentError
from supersede.look import Line, amount, count, figure_page, line_plot, share
from supersede.look.result import ResultMixin
from supersede.train.linear.penalty import choose_penalty, given_penalty
from supersede.train.linear.spectrum import of_kernel

if TYPE_CHECKING:
    import pyarrow as pa

    from supersede.train.linear.fitted import LinearFit

__all__ = ["LearningCurve", "learning_curve"]


@dataclass(frozen=True)
class LearningCurve(ResultMixin, named="a learning curve"):
    """Leave-one-out error by number of items.

    Attributes:
        sizes: Numbers of items.
        errors: One row per order, one column per size: the share of items that get another class
            when left out; the mean squared error for numbers as targets.
        classes: Whether errors are shares of wrong classes.
    """

    sizes: tuple[int, ...]
    errors: tuple[tuple[float, ...], ...]
    classes: bool

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean over the orders."""
        return tuple(float(v) for v in np.mean(self.errors, axis=0))

    def to_dict(self) -> dict[str, Any]:
        """All numbers, as plain values."""
        return {
            "sizes": list(self.sizes),
            "mean": list(self.mean),
            "errors": [list(row) for row in self.errors],
        }

    def to_frame(self) -> "pa.Table":
        """One row per order and size."""
        import pyarrow as pa

        return pa.Table.from_pylist(
            [
                {"order": order, "items": size, "error": error}
                for order, row in enumerate(self.errors)
                for size, error in zip(self.sizes, row, strict=True)
            ]
        )

    def figure(self) -> Markup:
        """The curve: mean, and the best and worst order."""
        spread = np.asarray(self.errors)
        lines = [Line("mean", self.mean)]
        if len(spread) > 1:
            lines += [
                Line("worst order", [float(v) for v in spread.max(0)], "baseline"),
                Line("best order", [float(v) for v in spread.min(0)], "baseline"),
            ]
        return line_plot(
            lines,
            [count(size) for size in self.sizes],
            title="Leave-one-out error by number of items",
            y_name="leave-one-out error",
            form=share if self.classes else amount,
        )

    def to_html(self) -> str:
        """The curve as a page of its own."""
        return figure_page("What would more items bring?", f"{self}.", self.figure())

    def __str__(self) -> str:
        form = share if self.classes else amount
        return (
            f"leave-one-out error {form(self.mean[0])} with {count(self.sizes[0])} items,"
            f" {form(self.mean[-1])} with {count(self.sizes[-1])}"
        )


def learning_curve(
    fit: "LinearFit", *, points: int = 6, orders: int = 5, seed: int = 0
) -> LearningCurve:
    """Leave-one-out error over growing parts of a fit's items.

    Args:
        fit: A fit with a kernel (solver ``"kernel"``).
        points: Number of sizes, evenly spaced up to all items.
        orders: Random orders of the items.
        seed: Their seed.

    Returns:
        The curve. λ is chosen for each part as it was for the whole; the weight of the layers before
        the last stays the fit's.

    Raises:
        ArgumentError: The fit has no kernel, or too few items; or too few points or orders.
    """
    kernel = fit.kernel
    if kernel is None:
        msg = f"a learning curve needs the kernel, and this fit was solved by {fit.solver!r}; fit with solver='kernel'"
        raise ArgumentError(msg)
    if points < 2 or orders < 1:
        msg = f"points={points}, orders={orders}; a curve takes two points or more, and one order or more"
        raise ArgumentError(msg)
    n, outputs = fit.base.shape
    if n < 2 * points:
        msg = f"{n} items are too few for {points} points; at least {2 * points} are needed"
        raise ArgumentError(msg)
    sizes = tuple(round(n * (i + 1) / points) for i in range(points))
    r = fit.items.targets - fit.base
    errors = []
    for order in range(orders):
        mixed = np.random.default_rng((seed, order)).permutation(n)
        row = []
        for size in sizes:
            at = mixed[:size]
            flat = (at[:, None] * outputs + np.arange(outputs)).reshape(-1)
            spectrum = of_kernel(kernel[np.ix_(flat, flat)])
            labels = None if fit.items.labels is None else fit.items.labels[at]
            penalty = (
                choose_penalty(spectrum, r[at], labels)
                if fit.settings.regularization == "loo"
                else given_penalty(fit.settings.regularization)
            )
            left = spectrum.leave_one_out(r[at], penalty.value)
            if labels is None:
                row.append(float(np.mean(left**2)))
            else:
                said = (fit.items.targets[at] - left).argmax(1)
                row.append(float(np.mean(said != labels)))
        errors.append(tuple(row))
    return LearningCurve(sizes, tuple(errors), fit.items.labels is not None)
