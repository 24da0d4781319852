"""Pages: templates with what every page shows, the stylesheet, and errors as pages.

A part's templates lie in its own folder `templates` and are named ``web.bounties/round.html``; all
extend ``web/layout.html``.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment

from supersede.errors import SupersedeError
from supersede.look import environment
from supersede.web.security.forms import new_form
from supersede.web.security.visitor import NOBODY, Visitor

__all__ = ["ASSETS", "again", "asset", "page", "part", "part_text", "see_other"]


@cache
def _templates() -> Environment:
    made = environment().overlay()
    made.filters["utc"] = _utc
    made.filters["iso"] = _iso
    made.globals["asset"] = asset
    made.globals["new_form"] = new_form
    return made


def page(
    request: Request,
    template: str,
    who: Visitor = NOBODY,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """A page.

    Args:
        request: The request.
        template: Such as ``web.bounties/round.html``.
        who: The visitor, for the navigation.
        status: The status of the answer; 422 where a form is shown again.
        headers: Headers of the answer.
        **values: What the template names.
    """
    text = part_text(request, template, who, **values)
    return HTMLResponse(text, status, headers)


def part_text(request: Request, template: str, who: Visitor = NOBODY, **values: Any) -> str:
    """A template's text; arguments as for `page`."""
    values = {"problem": "", "wrong": "", "typed": {}, **values}
    demo = getattr(request.app.state, "demo", False)
    now = request.app.state.site.now()
    found = _templates().get_template(template)
    return found.render(who=who, here=request.url.path, demo=demo, now=now, **values)


def again(error: SupersedeError, typed: Mapping[str, Any]) -> dict[str, Any]:
    """What a form needs that is shown again, for `page`: its problem, where it is, what was typed."""
    wrong = getattr(error, "field", "")
    return {"status": 422, "problem": str(error), "wrong": wrong, "typed": typed}


def part(request: Request, template: str, who: Visitor = NOBODY, **values: Any) -> HTMLResponse:
    """A part of a page, which htmx puts in its place; arguments as for `page`."""
    return page(request, template, who, **values)


def see_other(path: str) -> Response:
    """Lead to another page after a form; a reload does not post it again."""
    return RedirectResponse(path, 303)


@cache
def _assets() -> dict[str, tuple[bytes, str]]:
    look = files("supersede.look").joinpath("templates", "style.css").read_bytes()
    own = files("supersede.web").joinpath("static")
    css = [own.joinpath(name).read_bytes() for name in ("application.css", "labels.css")]
    found = {"style.css": (b"".join([look, *css]), "text/css")}
    for name in ("htmx.min.js", "application.js", "labels.js"):
        found[name] = (own.joinpath(name).read_bytes(), "text/javascript")
    return found


ASSETS = ("style.css", "htmx.min.js", "application.js", "labels.js")


def asset(name: str) -> str:
    """The path of a static file; it changes with the content, so browsers may keep it."""
    return f"/static/{hashlib.sha256(_assets()[name][0]).hexdigest()[:12]}/{name}"


def asset_content(name: str) -> tuple[bytes, str]:
    """Content and type of a static file; LookupError if there is none of that name."""
    return _assets()[name]


def _utc(at: datetime | None) -> str:
    """A time for people, in UTC: ``26 Nov 2026, 16:20 UTC``."""
    return "–" if at is None else f"{at.astimezone(UTC):%d %b %Y, %H:%M} UTC".lstrip("0")


def _iso(at: datetime | None) -> str:
    """A time for programs."""
    return "" if at is None else at.astimezone(UTC).isoformat(timespec="seconds")
