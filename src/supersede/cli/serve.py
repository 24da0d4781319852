"""``supersede serve``: bounties, labels and reviews as one web application."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from supersede.web.site import Site

__all__ = ["serve"]


def serve(
    *,
    data: Path | None = None,
    database: str | None = None,
    host: str | None = None,
    port: int | None = None,
    address: str | None = None,
    workers: int | None = None,
    settings: Path | None = None,
    demo: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Serve bounties, labels and reviews to browsers, until interrupted.

    Settings come from these flags, then from the environment (SUPERSEDE_WEB_PORT and so on), then
    from the file. The first start creates the database and prints a link for creating the owner's
    account; no account has a default password.

    Example: supersede serve --demo

    Args:
        data: Folder of the installation: uploaded files, the signing key and, by default, the
            database.
        database: Address of the database: SQLite or PostgreSQL, such as postgresql://user@host/name.
        host: Interface to listen on.
        port: Port to listen on; 0 for any free one.
        address: Address under which browsers reach it, such as https://bounty.example.
        workers: Number of processes: that answer requests.
        settings: A TOML file with settings.
        demo: Open a filled demonstration, in a folder that is deleted when it stops.
    """
    from dataclasses import replace
    from tempfile import TemporaryDirectory

    from supersede.errors import MissingExtraError

    try:
        from supersede.web.serving import free_port
        from supersede.web.serving import serve as run
        from supersede.web.settings import read_settings
        from supersede.web.site import open_site
    except ImportError as error:
        raise MissingExtraError.of(
            package=str(error.name), extra="web", purpose="the web application"
        ) from error

    chosen = read_settings(
        settings, data=data, database=database, host=host, port=port, address=address,
        workers=workers,
    )  # fmt: skip
    if chosen.port == 0:
        chosen = replace(chosen, port=free_port(chosen.host))
    if not demo:
        site = open_site(chosen, migrate=True)
        print(_greeting(site), file=sys.stderr, flush=True)
        site.database.close()
        run(chosen)
        return 0
    from supersede.web.demonstration import fill

    with TemporaryDirectory(prefix="supersede-demo-") as folder:
        chosen = replace(chosen, data=Path(folder), database="", answer_every=5.0)
        print("filling the demonstration …", file=sys.stderr)
        site = open_site(chosen, migrate=True)
        fill(site)
        site.database.close()
        print(f"open {chosen.origin} in a browser", file=sys.stderr, flush=True)
        run(chosen, demo=True)
    return 0


def _greeting(site: "Site") -> str:
    """Where it listens and, for the first start, the link that creates the owner."""
    from datetime import timedelta

    from supersede.web.accounts.actions import invite, without_owner

    origin = site.settings.origin
    with site.database.write() as db:
        if not without_owner(db):
            return f"serving at {origin}"
        secret = invite(db, ["owner"], site.now(), lasts=timedelta(days=1))
    return f"serving at {origin}\ncreate the owner's account: {origin}/invitation/{secret}"
