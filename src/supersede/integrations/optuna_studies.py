"""Open a study of Optuna by a URL, or by the file that it lies in."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import optuna

from supersede.errors import HistoryError

__all__ = ["load"]

_SQLITE = b"SQLite format 3\0"  # how each such file begins


def load(name: str | None, storage: str) -> optuna.Study:
    """A study by its name.

    Args:
        name: Name of the study; None for the only one in the storage.
        storage: A URL, or the path of an SQLite database or of a journal file.

    Returns:
        The study.

    Raises:
        HistoryError: There is no such study, or its storage cannot be opened; the message lists
            the studies that there are.
    """
    from sqlalchemy.exc import SQLAlchemyError

    file = storage.removeprefix("sqlite:///")
    if ("://" not in storage or file != storage) and not Path(file).is_file():
        msg = f"no journal or database {file!r}; expected a file, or a URL such as sqlite:///a.db"
        raise HistoryError(msg)
    if Path(file).is_file():
        _refuse_other_databases(Path(file))
    try:
        where = _storage(storage)
        names = sorted(optuna.get_all_study_names(where))
    except (KeyError, ValueError, RuntimeError, ImportError, SQLAlchemyError) as problem:
        msg = (
            f"{storage} is not a storage of Optuna: {problem}; expected a URL, an SQLite database or"
            " a journal file that Optuna wrote"
        )
        raise HistoryError(msg) from problem
    if not names:
        msg = f"{storage} has no study; expected a database or a journal that Optuna wrote"
        raise HistoryError(msg)
    if name is None and len(names) > 1:
        msg = f"{storage} has {len(names)} studies; name one of them: {_listed(names)}"
        raise HistoryError(msg)
    if name is not None and name not in names:
        msg = f"{storage} has no study {name!r}; it has {_listed(names)}"
        raise HistoryError(msg)
    return optuna.load_study(study_name=name or names[0], storage=where)


def _refuse_other_databases(file: Path) -> None:
    """Refuse a database without studies: Optuna would create its tables in it."""
    with file.open("rb") as opened:
        if opened.read(len(_SQLITE)) != _SQLITE:
            return
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as database:
            found = database.execute(
                "SELECT 1 FROM sqlite_master WHERE name = 'studies'"
            ).fetchone()
    except sqlite3.Error as problem:
        msg = f"cannot read the database {file}: {problem}"
        raise HistoryError(msg) from problem
    if found is None:
        msg = f"{file} has no study; expected a database or a journal that Optuna wrote"
        raise HistoryError(msg)


def _storage(place: str) -> "str | optuna.storages.JournalStorage":
    """What Optuna opens: an URL, or a file by its first bytes."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    if "://" in place:
        return place
    with Path(place).open("rb") as file:
        if file.read(len(_SQLITE)) == _SQLITE:
            return f"sqlite:///{Path(place).resolve()}"
    return JournalStorage(JournalFileBackend(place))


def _listed(names: Sequence[str], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more
