"""The ledger: one chain of hashes over everything that must be defensible later.

An entry's body is canonical JSON. Its hash covers number, stream, body and the hash before it, so
that altering, moving or dropping any entry breaks the chain there. Dropping the last ones does not:
that shows against an exported head, which whoever wants to check later keeps elsewhere.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from supersede.bounty.log import canonical
from supersede.errors import LedgerError
from supersede.web.database import Entry, LedgerHead

__all__ = ["START", "Head", "alone", "append", "entries", "head", "link", "record", "verify"]

START = "0" * 64


@dataclass(frozen=True)
class Head:
    """The end of the ledger.

    Attributes:
        number: Number of entries.
        hash: Hash of the last one; zeros if there is none.
    """

    number: int
    hash: str

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {"number": self.number, "hash": self.hash}


def link(number: int, stream: str, body: str, previous: str) -> str:
    """The hash of an entry, SHA-256 in hexadecimal.

    Example:
        >>> link(1, "site", "{}", START)[:12]
        '20638628170b'
    """
    text = canonical([number, stream, body, previous])
    return hashlib.sha256(text.encode()).hexdigest()


def append(db: Session, stream: str, body: dict[str, Any], at: datetime) -> Entry:
    """Add an entry, in the transaction of what it records.

    Args:
        db: A session of `Database.write`.
        stream: What it is about, such as ``round/3``.
        body: Plain data; the time is added as ``at``.
        at: The time.

    Raises:
        ArgumentError: The body cannot be written as JSON.
    """
    return record(db, stream, {**body, "at": at.isoformat(timespec="milliseconds")})


def record(db: Session, stream: str, body: dict[str, Any]) -> Entry:
    """Add an entry that has its time already; as `append`."""
    db.flush()
    last = alone(db)
    text = canonical(body)
    number = last.number + 1
    entry = Entry(
        number=number, stream=stream, body=text, hash=link(number, stream, text, last.hash)
    )
    db.add(entry)
    last.number, last.hash = number, entry.hash
    db.flush()
    return entry


def alone(db: Session) -> LedgerHead:
    """The row of the head, and the guarantee that nobody else writes to the ledger until the end.

    Whoever decides by what others could change at the same time, and records it, asks for this first.
    """
    last = db.execute(select(LedgerHead).with_for_update()).scalar_one()
    db.refresh(last)
    return last


def head(db: Session) -> Head:
    """The end of the ledger.

    Raises:
        LedgerError: Somebody has removed its row.
    """
    last = db.execute(select(LedgerHead)).scalar_one_or_none()
    if last is None:
        msg = "the head of the ledger is missing; the ledger was altered"
        raise LedgerError(msg)
    return Head(last.number, last.hash)


def entries(db: Session, stream: str | None = None) -> Iterator[Entry]:
    """Entries in order, of one stream or all."""
    query = select(Entry).order_by(Entry.number)
    if stream is not None:
        query = query.where(Entry.stream == stream)
    yield from db.execute(query.execution_options(yield_per=1000)).scalars()


def verify(db: Session, anchor: Head | None = None) -> Head:
    """Recompute the whole chain.

    Args:
        db: A session.
        anchor: A head that was exported earlier; its entry must still be there.

    Returns:
        The end of the ledger.

    Raises:
        LedgerError: An entry was altered, moved or dropped, or the anchor does not match.
    """
    number, previous = 0, START
    if anchor is not None and anchor.number == 0 and anchor.hash != START:
        msg = "the anchor of an empty ledger must consist of zeros"
        raise LedgerError(msg)
    for entry in entries(db):
        number += 1
        intact = entry.number == number and entry.hash == link(
            number, entry.stream, entry.body, previous
        )
        if not intact or not _is_canonical(entry.body):
            msg = f"entry {number}: the chain of hashes is broken; the ledger was altered here"
            raise LedgerError(msg)
        if anchor is not None and anchor.number == number and anchor.hash != entry.hash:
            msg = f"entry {number} is not the one that the anchor names; the ledger was rewritten"
            raise LedgerError(msg)
        previous = entry.hash
    kept = head(db)
    if kept != Head(number, previous):
        msg = f"the last entry is {number}, but {kept.number} were written; the ledger was cut off"
        raise LedgerError(msg)
    if anchor is not None and anchor.number > number:
        msg = f"the anchor names entry {anchor.number}, but there are only {number}; the ledger was cut off"
        raise LedgerError(msg)
    return kept


def _is_canonical(body: str) -> bool:
    """Whether a body is written as `append` writes it: a forged chain need not be."""
    try:
        return canonical(json.loads(body)) == body
    except (ValueError, RecursionError):
        return False
