"""Where the state of a search lies: a folder, a database, or memory; all through Optuna's storages.

A folder has one worker at a time, and a lock that the system releases when that worker dies. A
database has any number; each keeps a sign of life, and what a dead one was at is taken up by another.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from supersede.errors import MissingExtraError, StudyError
from supersede.search.architecture.candidates import Evaluated, Objective
from supersede.search.architecture.optuna_sampler import quiet_optuna

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

__all__ = ["Store", "open_store"]

STUDY, FILE, LOCK = "architecture", "study.db", "worker.lock"
RECORD, KEY, CONTRACT, STOPPED = "record", "key", "contract", "stopped"
CREATING = int.from_bytes(b"superse", "big")
"""The key of PostgreSQL's advisory lock that a worker holds while it creates the tables."""
BEAT, DEAD_AFTER = 5, 20
"""Seconds between signs of life, and without one until a worker counts as dead."""


@dataclass
class Store:
    """An open study.

    Args:
        study: Optuna's study.
        where: Its place, in words.
        shared: Whether several workers may use it at a time.
        storage: The database, where there is one.
    """

    study: optuna.Study
    where: str
    shared: bool = False
    storage: Any = None
    _records: dict[int, Evaluated] = field(default_factory=dict)

    def agree(self, contract: dict[str, Any]) -> None:
        """Compare what is searched with what this study was begun with.

        Raises:
            StudyError: Something differs: results of both cannot be compared.
        """
        kept = self.study.user_attrs.get(CONTRACT)
        if kept is None:
            self.study.set_user_attr(CONTRACT, contract)
            kept = self.study.user_attrs[CONTRACT]
        wanted = json.loads(json.dumps(contract))
        changed = [name for name in wanted if kept.get(name) != wanted[name]]
        if changed:
            told = "; ".join(f"{n} was {kept.get(n)!r} and is now {wanted[n]!r}" for n in changed)
            msg = (
                f"the search in {self.where} was begun with something else: {told[:600]}. Its results"
                " cannot be compared with new ones: restore that, or name another place"
            )
            raise StudyError(msg)

    def read(self) -> tuple[list[Evaluated], list[FrozenTrial]]:
        """What is settled, in the order of their numbers, and the trials that are running."""
        from optuna.trial import TrialState

        settled, running = [], []
        for trial in self.study.get_trials(deepcopy=False):
            if trial.state == TrialState.RUNNING:
                running.append(trial)
            elif record := trial.user_attrs.get(RECORD):
                if trial.number not in self._records:
                    self._records[trial.number] = Evaluated(
                        trial.number, dict(trial.params), trial.user_attrs[KEY], **record
                    )
                settled.append(self._records[trial.number])
        return settled, running

    def tell(self, trial: optuna.Trial, told: Evaluated, objectives: tuple[Objective, ...]) -> None:
        """Keep what is known of a candidate; it is on disk when this returns."""
        from optuna.trial import TrialState

        record = asdict(told)
        for name in ("number", "params", "key"):
            del record[name]
        trial.set_user_attr(RECORD, record)
        if told.state == "failed":
            self.study.tell(trial, state=TrialState.FAIL)
            return
        for name, value in told.excess.items():
            trial.set_constraint(name, value)
        self.study.tell(trial, list(told.values(objectives)))

    def withdraw(self, number: int) -> None:
        """End a trial that has no result and never will."""
        from optuna.trial import TrialState

        with suppress(ValueError):  # another worker was faster
            self.study.tell(number, state=TrialState.FAIL)

    def take_up(self, *, alone: bool) -> None:
        """End what dead workers were at; in a database it is queued for the next worker."""
        if alone:
            for trial in self.read()[1]:
                self.withdraw(trial.number)
        elif self.shared:
            from optuna.storages import fail_stale_trials

            fail_stale_trials(self.study)

    @contextmanager
    def alive(self, trial: optuna.Trial) -> Iterator[None]:
        """Keep a sign of life while a candidate is evaluated."""
        if not self.shared:
            yield
            return
        done = threading.Event()
        number = self.storage.get_trial_id_from_study_id_trial_number(
            self.storage.get_study_id_from_name(STUDY), trial.number
        )
        self.storage.record_heartbeat(number)

        def beat() -> None:
            while not done.wait(BEAT):
                self.storage.record_heartbeat(number)
            self.storage.remove_session()

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def wait_for_claims(self, number: int) -> list[FrozenTrial]:
        """All trials before this one, once each has said which candidate it is, or has ended."""
        from optuna.trial import TrialState

        patience = time.monotonic() + 2 * DEAD_AFTER
        while True:
            before = [t for t in self.study.get_trials(deepcopy=False) if t.number < number]
            silent = [
                t for t in before if t.state == TrialState.RUNNING and KEY not in t.user_attrs
            ]
            if not silent or not self.shared:
                return before
            if time.monotonic() > patience:  # it died before its first sign of life
                for trial in silent:
                    self.withdraw(trial.number)
            time.sleep(0.05)


@contextmanager
def open_store(place: str | Path | None, directions: int) -> Iterator[Store]:
    """Open or begin a study.

    Args:
        place: A folder, a database (``postgresql://…``), or None for memory.
        directions: How many objectives there are.

    Raises:
        StudyError: The place cannot be used, or another worker uses the folder.
        MissingExtraError: Optuna is not installed.
    """
    try:
        import optuna
        from sqlalchemy.exc import SQLAlchemyError
    except ImportError as error:
        raise MissingExtraError.of(
            package="optuna", extra="search", purpose="searching architectures"
        ) from error
    url = str(place) if place is not None and "://" in str(place) else None
    where = "memory" if place is None else str(place)
    if url is not None:
        where = url.rpartition("@")[2]  # without the password
        if not url.startswith(("postgresql://", "postgresql+psycopg://")):
            kind = url.partition("://")[0]
            msg = f"no study can be kept in {kind}://…; name a folder, or postgresql://user@host/database"
            raise StudyError(msg)
    broken = (SQLAlchemyError, optuna.exceptions.StorageInternalError)
    with quiet_optuna(), nullcontext() if place is None or url else _locked(Path(str(place))):
        try:
            with nullcontext() if url is None else _first_alone(url):
                storage = _storage(place, url)
                study = optuna.create_study(
                    study_name=STUDY, storage=storage, load_if_exists=True,
                    directions=["minimize"] * directions,
                )  # fmt: skip
        except ImportError as error:
            raise MissingExtraError.of(
                package="psycopg", extra="search", purpose="a study in PostgreSQL"
            ) from error
        except (*broken, OSError, ValueError) as error:
            msg = f"cannot open a study in {where}: {_first_line(error)}; name another place"
            raise StudyError(msg) from error
        if len(study.directions) != directions:
            msg = (
                f"the study in {where} has {len(study.directions)} objectives, not {directions};"
                " name another place"
            )
            raise StudyError(msg)
        try:
            yield Store(study, where, shared=url is not None, storage=storage)
        except broken as error:
            msg = (
                f"the state of the search in {where} cannot be written: {_first_line(error)}. All"
                " candidates that were finished are kept: free some space, or restore the"
                " connection, and run the same search again"
            )
            raise StudyError(msg) from error
        finally:
            if storage is not None:
                with suppress(*broken):
                    storage.remove_session()
                    storage.engine.dispose()


def _driven(url: str) -> str:
    """The address with the driver that we install."""
    if url.startswith("postgresql://"):
        return "postgresql+psycopg://" + url.removeprefix("postgresql://")
    return url


@contextmanager
def _first_alone(url: str) -> Iterator[None]:
    """Let one worker at a time create tables: Optuna's workers collide on an empty database."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.pool import NullPool

    engine = create_engine(_driven(url), poolclass=NullPool)
    if engine.dialect.name != "postgresql":
        yield
        return
    with engine.connect() as connection:  # closing it releases the lock, however this process ends
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": CREATING})
        yield


def _storage(place: str | Path | None, url: str | None) -> Any:
    from optuna.storages import RDBStorage

    if place is None:
        return None
    if url is None:
        return RDBStorage(
            f"sqlite:///{Path(place) / FILE}", engine_kwargs={"connect_args": {"timeout": 60}}
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # signs of life are marked as experimental
        return RDBStorage(
            _driven(url), heartbeat_interval=BEAT, grace_period=DEAD_AFTER,
            heartbeat_stale_trial_callback=_again, engine_kwargs={"pool_pre_ping": True},
        )  # fmt: skip


def _again(study: optuna.Study, trial: FrozenTrial) -> None:
    """Queue what a dead worker was at."""
    if trial.params:
        study.enqueue_trial(dict(trial.params))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        msg = f"cannot keep a search in {folder}: {error.strerror}; name another folder"
        raise StudyError(msg) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            msg = (
                f"another process searches in {folder}; wait for it, or keep the study in PostgreSQL"
                " (postgresql://…), which several workers can share"
            )
            raise StudyError(msg) from error
        yield
    finally:
        os.close(handle)


def _first_line(error: Exception) -> str:
    cause = error.__cause__ or error
    return str(getattr(cause, "orig", None) or cause).strip().partition("\n")[0]
