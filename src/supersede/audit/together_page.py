"""Several losses on one page."""

from supersede.audit.report import group_plot
from supersede.audit.together import Together
from supersede.look import Dot, dot_plot, share
from supersede.look.page import environment

__all__ = ["page"]


def page(found: Together) -> str:
    """The joint spreads, and each loss by group."""
    dots = [
        Dot(spread.split, spread.value, spread.low, spread.high, 0, "fail" if spread.low > 0 else "quiet")
        for spread in found.spreads
    ]  # fmt: skip
    picture = dots and dot_plot(
        dots,
        title=f"{found.name}: largest difference between groups",
        description="Over all losses, with intervals that hold together.",
        form=share,
    )
    template = environment().get_template("audit/together.html")
    each = [(audit.loss, group_plot(audit)) for audit in found.audits]
    return template.render(found=found, picture=picture, each=each, model=found.audits[0].model)
