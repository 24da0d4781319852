"""What workers do for each kind of job."""

from collections.abc import Mapping

from supersede.web.bounties import jobs as bounties
from supersede.web.jobs.handler import Handler
from supersede.web.labels import looks as labels
from supersede.web.reviews import jobs as reviews

__all__ = ["HANDLERS"]

HANDLERS: Mapping[str, Handler] = {**bounties.HANDLERS, **labels.HANDLERS, **reviews.HANDLERS}
