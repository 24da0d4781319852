"""What workers do for each kind of job."""

from collections.abc import Mapping

from supersede.web.jobs.handler import Handler

__all__ = ["HANDLERS"]

HANDLERS: Mapping[str, Handler] = {}
