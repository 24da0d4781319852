"""Checks that every request passes before a route sees it, and the headers of every answer.

- The host must be ours: a foreign name that resolves to this server (DNS rebinding) is refused.
- A request that changes something must come from our own pages, unless it carries a token, which
  no browser adds by itself. Browsers say where a request comes from in ``Sec-Fetch-Site`` or
  ``Origin``; without either it is refused.
- Requests that change something take turns once their body is here, a few at a time, and need no thread
  while they wait, so that many of them at once do not hold up pages. Large ones do not take turns: what
  is done with a file may last long.
- The body must not exceed the limit of its path, whether or not its length is stated; only people who
  are known send more than a form without a file.
"""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import anyio
from anyio.lowlevel import RunVar
from sqlalchemy.exc import OperationalError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

from supersede.errors import SizeError
from supersede.web.operations.measures import Measures
from supersede.web.operations.records import record_request
from supersede.web.settings import Settings

__all__ = ["Guard"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_SMALL = 256 * 1024  # bytes of a form without a file
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " media-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self';"
    " frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "cache-control": "no-store",
}
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_SAFE = {"GET", "HEAD", "OPTIONS"}
_AT_ONCE = 4  # requests that change something
_turns_of_loop: RunVar[anyio.Semaphore] = RunVar("supersede_turns")


@dataclass(frozen=True)
class Guard:
    """Wraps the application.

    Attributes:
        app: The application.
        settings: The installation's settings.
        measures: Counts requests.
        known: Whether the visitor of a request has an account; reads the database.
    """

    app: App
    settings: Settings
    measures: Measures
    known: Callable[[MutableMapping[str, Any]], bool]

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.monotonic(), 500
        most, read, over = _SMALL, 0, False
        turn: anyio.Semaphore | None = None

        async def limited() -> Message:
            nonlocal over, read, turn
            message = await receive()
            read += len(message.get("body", b""))
            if read > most:
                over = True
                msg = "the body is too large"
                raise SizeError(msg)
            whole = message["type"] == "http.request" and not message.get("more_body", False)
            if whole and turn is None and read <= _SMALL and scope["method"] not in _SAFE:
                turns = _turns()
                await turns.acquire()
                turn = turns
            return message

        async def answer(message: Message) -> None:
            nonlocal status
            if over:  # whatever was made of a body that broke off: it is answered below
                return
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(raw=message["headers"])
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if self.settings.secure:
                    headers.setdefault("strict-transport-security", "max-age=31536000")
            await send(message)

        try:
            refused = self._refused(scope)
            if refused is None:
                most = await self._allowed(scope)
                stated = _length(Headers(scope=scope))
                refused = _too_large(most) if stated is not None and stated > most else None
            if refused is not None:
                await refused(scope, receive, answer)
            else:
                await self.app(scope, limited, answer)
            if over:
                over = False
                await _too_large(most)(scope, receive, answer)
        finally:
            if turn is not None:
                turn.release()
            seconds = time.monotonic() - started
            route = getattr(scope.get("route"), "path", "none")
            self.measures.request(scope["method"], route, status, seconds)
            record_request(scope["method"], route, status, seconds)

    def _refused(self, scope: MutableMapping[str, Any]) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if host != urlsplit(self.settings.origin).netloc and not (
            _host_of(f"//{host}") in _LOOPBACK and not self.settings.address
        ):
            return PlainTextResponse("this server does not serve that host\n", 421)
        if scope["method"] in _SAFE or headers.get("authorization"):
            return None
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        same = site == "same-origin" if site else origin is not None
        if not same or (origin is not None and origin.partition("://")[2] != host):
            message = (
                "this request comes from another site, or does not say where from; use our own"
                " pages, or a token\n"
            )
            return PlainTextResponse(message, 403)
        return None

    async def _allowed(self, scope: MutableMapping[str, Any]) -> int:
        """The most bytes that the body of a request may have."""
        most, stated = self._most(scope["path"]), _length(Headers(scope=scope))
        if most <= _SMALL or scope["method"] == "GET" or (stated is not None and stated <= _SMALL):
            return _SMALL
        try:
            return most if await run_in_threadpool(self.known, scope) else _SMALL
        except OperationalError:  # the database is away; whoever handles the request will say so
            return most

    def _most(self, path: str) -> int:
        if path.endswith("/upload"):
            return self.settings.upload_mb * 1_000_000 + _SMALL
        if path.endswith("/submissions"):  # a model in base64
            return self.settings.artefact_mb * 1_400_000 + _SMALL
        if path.endswith("/file"):
            return self.settings.artefact_mb * 1_000_000 + _SMALL
        return _SMALL


def _turns() -> anyio.Semaphore:
    """Whose turn it is, in the event loop that runs."""
    try:
        return _turns_of_loop.get()
    except LookupError:
        made = anyio.Semaphore(_AT_ONCE)
        _turns_of_loop.set(made)
        return made


def _length(headers: Headers) -> int | None:
    """The stated length of a body; None if there is none, or if it is not a number."""
    stated = headers.get("content-length", "")
    return int(stated) if stated.isdecimal() and len(stated) < 20 else None


def _host_of(address: str) -> str:
    """The host in an address; empty if it is not an address."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _too_large(most: int) -> PlainTextResponse:
    unknown = "; sign in first to send a file" if most == _SMALL else ""
    return PlainTextResponse(f"the request is larger than {most / 1e6:g} MB{unknown}\n", 413)
