"""The demonstration: a filled round, a label task and a review, on census records."""

from supersede.web.site import Site

__all__ = ["fill"]


def fill(site: Site) -> None:
    """Fill an empty installation."""
