"""A table from a form: a file that is sent, or a path on the server."""

from fastapi import Request, UploadFile
from fastapi.responses import Response

from supersede.errors import InputError, SupersedeError
from supersede.web.bounties.tables import keep_table, path_on_server
from supersede.web.files import Kept, register
from supersede.web.pages import page, see_other
from supersede.web.security import Visitor
from supersede.web.site import Site

__all__ = ["kept_upload", "table_taken"]


def kept_upload(site: Site, table: UploadFile | None, path: str) -> Kept:
    """Keep an uploaded table, or one by its path on the server.

    Raises:
        InputError: There is none, or it is not a table.
        AccessError: The path is not open.
    """
    most = site.settings.upload_mb * 1_000_000
    if table is not None and table.filename:
        parts = iter(lambda: table.file.read(1 << 20), b"")
        return keep_table(site.files, table.filename, parts, most)
    if path.strip():
        found = path_on_server(site.settings, path.strip())
        with found.open("rb") as file:
            parts = iter(lambda: file.read(1 << 20), b"")
            return keep_table(site.files, found.name, parts, most * 100)
    msg = "choose a table"
    raise InputError.of(msg, "table")


def table_taken(
    request: Request,
    site: Site,
    who: Visitor,
    table: UploadFile | None,
    path: str,
    *,
    form: str,
    then: str,
) -> Response:
    """Keep the table and lead to the page that takes it, or show the form again.

    Args:
        request: The request.
        site: The installation.
        who: The visitor.
        table: The file that was sent, if any.
        path: Or its path on the server.
        form: The template of the form.
        then: Where the next page is; the table's hash follows.
    """
    try:
        kept = kept_upload(site, table, path)
        with site.database.write() as db:
            register(db, kept, "table.parquet", who.user_id, site.now())
    except SupersedeError as error:
        return page(
            request, form, who, status=422, problem=str(error), wrong="table", typed={"path": path},
            paths=site.settings.tables,
        )  # fmt: skip
    return see_other(f"{then}{kept.hash}")
