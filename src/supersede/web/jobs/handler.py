"""How a part of the application does its jobs."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from supersede.web.jobs.queue import Claim
from supersede.web.site import Site

__all__ = ["Handler", "Report"]

Report = Callable[[str], None]  # says how far a job is


@dataclass(frozen=True)
class Handler:
    """What is done for one kind of job.

    Attributes:
        run: Does it. Its effects and `queue.finish` go into one transaction, at the end.
        give_up: Records, in the transaction that ends the job, that it could not be done: it failed
            (the text says why) or its worker died several times. Nobody is charged for that.
    """

    run: Callable[[Site, Claim, Report], None]
    give_up: Callable[[Site, Session, Claim, str], None]
