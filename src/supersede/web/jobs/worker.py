"""A worker: claims jobs one after the other, and reports while it works."""

import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable, Mapping

from sqlalchemy.exc import OperationalError

import supersede
from supersede.errors import SupersedeError
from supersede.web.database import OtherVersionError, Worker
from supersede.web.jobs.handler import Handler
from supersede.web.jobs.queue import ATTEMPTS, Claim, LostJobError, claim, extend, finish
from supersede.web.site import Site

__all__ = ["work", "work_once"]

_log = logging.getLogger("supersede.web")
_IDLE = 0.25  # seconds between looks at an empty queue


def work(
    site: Site, handlers: Mapping[str, Handler], stopped: Callable[[], bool], *, name: str = ""
) -> None:
    """Do jobs until `stopped`.

    Args:
        site: The installation; its schema must be of this version.
        handlers: What is done for each kind of job.
        stopped: Whether to end, asked between jobs.
        name: The worker's name; by default from host and process, with a random part.

    Raises:
        OtherVersionError: Another version of the program has migrated the database meanwhile.
    """
    name = name or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    pause = threading.Event()
    while not stopped():
        try:
            if not work_once(site, handlers, name):
                pause.wait(_IDLE)
        except OperationalError:  # the database is away: leases lapse, and jobs run again
            _log.exception("the database cannot be reached; trying again")
            pause.wait(2)


def work_once(site: Site, handlers: Mapping[str, Handler], name: str) -> bool:
    """Do one job; False if there is none."""
    with site.database.write() as db:
        now = site.now()
        known = db.get(Worker, name)
        if known is None:
            db.add(Worker(name=name, version=supersede.__version__, seen=now))
        else:
            known.seen = now
        held = claim(db, name, now, site.settings.lease)
    if held is None:
        return False
    _log.info("job", extra={"facts": {"job": held.id, "kind": held.kind, "attempt": held.attempt}})
    try:
        _do(site, handlers[held.kind], held)
    except LostJobError as error:  # somebody else has it; what was computed here has no effect
        _log.warning("%s", error)
    return True


def _do(site: Site, handler: Handler, held: Claim) -> None:
    if held.attempt > ATTEMPTS:
        _give_up(site, handler, held, f"its worker died {ATTEMPTS} times")
        return
    ended = threading.Event()
    reporter = threading.Thread(target=_report, args=(site, held, ended), daemon=True)
    reporter.start()

    def report(progress: str) -> None:
        with site.database.write() as db:
            extend(db, held, site.now(), site.settings.lease, progress)

    try:
        handler.run(site, held, report)
    except (LostJobError, OperationalError, OtherVersionError):
        raise
    except SupersedeError as error:
        _give_up(site, handler, held, str(error))
    except Exception as error:  # a mistake of ours: the job fails, the worker continues
        _log.exception("job %s failed", held.id)
        _give_up(site, handler, held, f"an error of the server: {type(error).__name__}")
    finally:
        ended.set()
        reporter.join()


def _give_up(site: Site, handler: Handler, held: Claim, problem: str) -> None:
    with site.database.write() as db:
        handler.give_up(site, db, held, problem)
        finish(db, held, site.now(), problem)


def _report(site: Site, held: Claim, ended: threading.Event) -> None:
    """Extend the lease until the job ends, or is lost."""
    while not ended.wait(site.settings.lease / 3):
        try:
            with site.database.write() as db:
                if ended.is_set():
                    return
                extend(db, held, site.now(), site.settings.lease)
        except (LostJobError, OtherVersionError):
            return
        except OperationalError:
            _log.warning("could not extend the lease of job %s", held.id)
