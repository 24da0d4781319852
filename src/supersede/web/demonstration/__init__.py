"""The demonstration: people to enter as, a filled round, a label task and a review."""

from supersede.web.demonstration.fill import fill

__all__ = ["fill"]
