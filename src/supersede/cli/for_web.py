"""What the verbs of the web application share."""

from pathlib import Path
from typing import TYPE_CHECKING

from supersede.errors import MissingExtraError

if TYPE_CHECKING:
    from supersede.web.site import Site

__all__ = ["opened_site"]


def opened_site(
    settings: Path | None, data: Path | None, database: str | None, *, migrate: bool = False
) -> "Site":
    """The installation that flags, environment and file name.

    Raises:
        MissingExtraError: The extra ``web`` is not installed.
    """
    try:
        from supersede.web.settings import read_settings
        from supersede.web.site import open_site
    except ImportError as error:
        raise MissingExtraError.of(
            package=str(error.name), extra="web", purpose="the web application"
        ) from error
    return open_site(read_settings(settings, data=data, database=database), migrate=migrate)
