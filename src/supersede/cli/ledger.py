"""``supersede ledger``: check and export the ledger of the web application."""

import sys
from pathlib import Path
from typing import Literal

from supersede.errors import ArgumentError

__all__ = ["ledger"]


def ledger(
    action: Literal["head", "verify", "export"],
    *,
    anchor: str | None = None,
    round_: int | None = None,
    data: Path | None = None,
    database: str | None = None,
    settings: Path | None = None,
) -> int:
    """Check or export the ledger of the web application.

    `head` prints the number and hash of the last entry: keep it elsewhere, and `verify --anchor`
    shows later that nothing was altered since. `export` prints all entries as JSON lines.

    Exit codes: 0 done, 2 a usage error, or the ledger was altered.

    Example: supersede ledger verify --data supersede-data

    Args:
        action: What to do.
        anchor: A head printed earlier, as NUMBER:HASH.
        round_: Also judge this round again from its log, and require the same list.
        data: Folder of the installation.
        database: Address of the database.
        settings: A TOML file with settings.
    """
    from supersede.cli.for_web import opened_site

    site = opened_site(settings, data, database)
    from supersede.web.ledger import Head, head, verify
    from supersede.web.ledger.routes import exported

    if action == "export":
        for line in exported(site):
            sys.stdout.write(line)
        return 0
    with site.database.read() as db:
        if action == "head":
            found = head(db)
            print(f"{found.number}:{found.hash}")
            return 0
        known = None
        if anchor is not None:
            number, _, hash_ = anchor.partition(":")
            if not number.isdecimal() or len(hash_) != 64:
                msg = f"--anchor {anchor!r}: expected NUMBER:HASH as `supersede ledger head` prints it"
                raise ArgumentError(msg)
            known = Head(int(number), hash_)
        found = verify(db, known)
    against = "" if known is None else ", and the anchor is in it"
    print(f"{found.number} entries, the chain is whole{against}; head {found.hash}")
    if round_ is not None:
        from supersede.web.bounties.replay import replay

        print(f"round {round_} judged again: the same list {replay(site, round_)}")
    return 0
