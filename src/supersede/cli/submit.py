"""``supersede submit``: a group and a model to a bounty of the web application."""

import json
import os
import secrets
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from supersede.errors import AccessError, ArgumentError, SourceError

if TYPE_CHECKING:
    from http.client import HTTPResponse

__all__ = ["submit"]

_ENDED = {"tried", "accepted", "rejected", "refused", "withdrawn", "retracted", "failed"}


def submit(
    address: str,
    *,
    group: str,
    model: Path | None = None,
    column: Annotated[list[str] | None, Parameter(negative="")] = None,
    try_only: Annotated[bool, Parameter(name="--try", negative="")] = False,
    base: str | None = None,
    note: str = "",
    key: str | None = None,
    receipt: Path | None = None,
    no_wait: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Submit a group and a model for it to a bounty, and wait for the answer.

    The token is read from the variable SUPERSEDE_TOKEN; make one on your account's page.

    Exit codes: 0 accepted (or tried with a gain), 1 rejected, 2 refused or an error, 3 not answered yet.

    Example: supersede submit https://bounty.example/rounds/1 --group "age >= 65" --model tree.json

    Args:
        address: The round's address in the browser.
        group: The group, as an expression.
        model: ONNX, or a constant, tree or linear model as JSON; without one, the server trains a tree.
        column: A column that an ONNX model reads; repeat it, in order.
        try_only: Only compare on the public rows; costs nothing.
        base: Hash of the model that it was made against.
        note: A text for the owner.
        key: A text of your own by which it counts once, however often it is sent.
        receipt: Write the signed receipt here.
        no_wait: Do not wait for the answer.
    """
    token = os.environ.get("SUPERSEDE_TOKEN", "")
    if not token:
        msg = "set SUPERSEDE_TOKEN to a token from your account's page"
        raise AccessError(msg)
    server, found, number = address.rstrip("/").rpartition("/rounds/")
    if not found or not number.isdecimal() or not server.startswith(("http://", "https://")):
        msg = f"{address!r}: expected a round's address, such as https://bounty.example/rounds/1"
        raise ArgumentError(msg)
    sent: dict[str, Any] = {
        "key": key or secrets.token_urlsafe(16), "group": group, "note": note,
        "try_only": try_only, "model": None if model is None else _model(model, column or []),
    }  # fmt: skip
    if base is not None:
        sent["base"] = base
    told = _call(f"{server}/api/v1/rounds/{number}/submissions", token, sent)
    print(f"submission {told['id']}: {told['state']}", file=sys.stderr)
    while told["state"] not in _ENDED and not no_wait:
        time.sleep(2)
        told = _call(f"{server}/api/v1/submissions/{told['id']}", token)
    print(_outcome(told))
    if receipt is not None and told["receipt"] is not None:
        receipt.write_text(json.dumps(told["receipt"], indent=1), encoding="utf-8")
    return {"accepted": 0, "tried": 0, "rejected": 1, "checking": 3, "queued": 3, "trying": 3}.get(
        told["state"], 2
    )


def _model(path: Path, columns: list[str]) -> dict[str, Any]:
    from supersede.bounty.artefacts import read_model

    return read_model(path, columns=columns).to_dict()


def _call(address: str, token: str, sent: dict[str, Any] | None = None) -> dict[str, Any]:
    """One request; a refusal is raised with the server's own words."""
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    data = None if sent is None else json.dumps(sent).encode()
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    try:
        answer: HTTPResponse
        with urlopen(Request(address, data, headers), timeout=60) as answer:  # noqa: S310  # http(s), checked
            told: dict[str, Any] = json.load(answer)
            return told
    except HTTPError as error:
        try:
            why = json.load(error)["error"]
        except (ValueError, KeyError, TypeError):
            why = f"the server answered {error.code}"
        raise SourceError(why) from error
    except (URLError, TimeoutError, ValueError) as error:
        msg = f"cannot reach {address}: {error}"
        raise SourceError(msg) from error


def _outcome(told: dict[str, Any]) -> str:
    words = f"{told['state']}: {told['problem']}" if told["problem"] else str(told["state"])
    if told["public"] is not None:
        public = told["public"]
        words += (
            f" (on the public rows the error of {public['rows']} rows goes from"
            f" {public['before']:.3g} to {public['after']:.3g})"
        )
    return words
