"""The log of a bounty, kept in the application's ledger: one chain for the round within the whole."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from supersede.bounty.log import START, chained, follows
from supersede.errors import LogError, NotFoundError
from supersede.web.database import Entry, LedgerHead
from supersede.web.files import register
from supersede.web.ledger.ledger import record
from supersede.web.site import Site

__all__ = ["RoundLog", "stream_of"]


def stream_of(round_id: int) -> str:
    """The stream of a round in the ledger."""
    return f"round/{round_id}"


class RoundLog:
    """The log of one round; a `supersede.bounty.BountyLog`.

    Args:
        site: The installation.
        round_id: The round.

    Attributes:
        session: The session of the transaction that is open: what is stored through it is committed
            with the entries, or not at all.
    """

    def __init__(self, site: Site, round_id: int) -> None:
        self._site, self._stream = site, stream_of(round_id)
        self.session: Session | None = None

    @property
    def head(self) -> str:
        """The hash of the last entry of the round."""
        query = (
            select(Entry.body)
            .where(Entry.stream == self._stream)
            .order_by(Entry.number.desc())
            .limit(1)
        )
        with self._reading() as db:
            body = db.execute(query).scalar_one_or_none()
        return START if body is None else str(json.loads(body)["hash"])

    def since(self, count: int, /) -> Sequence[dict[str, Any]]:
        """All entries but the first `count`.

        Raises:
            LogError: They are not a chain.
        """
        query = select(Entry.body).where(Entry.stream == self._stream).order_by(Entry.number)
        with self._reading() as db:
            found = [json.loads(body) for body in db.execute(query.offset(count)).scalars()]
        previous = START if count == 0 else None
        for entry in found:
            if not follows(entry, entry["previous"] if previous is None else previous):
                msg = f"the ledger's stream {self._stream} is not a chain; it was altered"
                raise LogError(msg)
            previous = entry["hash"]
        return found

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction of the database, alone with the end of the ledger."""
        if self.session is not None:
            msg = "this log is being written to; a transaction cannot be nested"
            raise LogError(msg)
        with self._site.database.write() as db:
            db.execute(select(LedgerHead).with_for_update()).scalar_one()
            self.session = db
            try:
                yield
            finally:
                self.session = None

    def append(
        self, entry: Mapping[str, Any], /, files: Mapping[str, bytes] | None = None
    ) -> dict[str, Any]:
        """Add an entry, and the files that it names.

        Raises:
            LogError: No transaction is open.
        """
        db = self.session
        if db is None:
            msg = "entries are added within `writing`"
            raise LogError(msg)
        for name, content in (files or {}).items():
            kept = self._site.files.keep([content], most=len(content))
            register(db, kept, f"{name[:12]}.onnx", None, self._site.now())
        made = chained(entry, self.head)
        record(db, self._stream, made)
        return made

    def file(self, name: str, /) -> bytes:
        """A file by its SHA-256; empty if there is none."""
        try:
            return self._site.files.read(name)
        except NotFoundError:
            return b""

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        if self.session is not None:
            yield self.session
            return
        with self._site.database.read() as db:
            yield db
