"""From posted fields to what actions take."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from starlette.datastructures import FormData

from supersede.bounty.artefacts import OnnxModel, model_from_dict, read_model
from supersede.errors import InputError
from supersede.web.files import register
from supersede.web.site import Site

__all__ = [
    "chosen_columns",
    "day",
    "moment",
    "number",
    "stored_model",
    "stored_model_file",
    "whole",
]


_WHOLE = re.compile(r"-?[0-9]{1,9}")


def whole(form: Mapping[str, Any], name: str, default: int) -> int:
    """A whole number.

    Raises:
        InputError: It is none.
    """
    text = str(form.get(name, "")).strip() or str(default)
    if not _WHOLE.fullmatch(text):
        msg = f"{name.replace('_', ' ')}: expected a whole number, got {text[:20]!r}"
        raise InputError.of(msg, name)
    return int(text)


def number(form: Mapping[str, Any], name: str, default: float | None) -> float | None:
    """A finite number, or the default if the field is empty.

    Raises:
        InputError: It is none.
    """
    text = str(form.get(name, "")).strip().replace(",", ".")
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) < 1e300:
        msg = f"{name.partition(':')[2] or name}: expected a number, got {text[:20]!r}"
        raise InputError.of(msg, name)
    return int(value) if value.is_integer() and abs(value) < 1e15 else value


def moment(form: Mapping[str, Any], name: str, default: datetime) -> datetime:
    """A time, as ``datetime-local`` fields send it; in UTC unless it says otherwise.

    Raises:
        InputError: It is none.
    """
    text = str(form.get(name, "")).strip()
    if not text:
        return default
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        msg = f"{name}: expected a date and a time such as 2026-12-24T18:00, got {text[:20]!r}"
        raise InputError.of(msg, name) from error


def day(form: Mapping[str, Any], name: str) -> date | None:
    """A date, or None if the field is empty.

    Raises:
        InputError: It is none.
    """
    text = str(form.get(name, "")).strip()
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        msg = f"{name}: expected a date such as 2026-12-24, got {text[:20]!r}"
        raise InputError.of(msg, name) from error


def chosen_columns(form: FormData, schema: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What was picked of each column in the form for submissions without code.

    Raises:
        InputError: An end of a range is not a number.
    """
    found: dict[str, dict[str, Any]] = {}
    for column in schema["columns"]:
        name = column["name"]
        offered = {str(value): value for value in column.get("values", [])}
        picked = [offered[str(v)] for v in form.getlist(f"in:{name}") if str(v) in offered]
        if column["kind"] == "boolean":
            picked = [v == "true" for v in form.getlist(f"in:{name}") if v in {"true", "false"}]
        one = {
            "values": picked,
            "least": number(form, f"least:{name}", None) if column["kind"] == "number" else None,
            "most": number(form, f"most:{name}", None) if column["kind"] == "number" else None,
            "missing": form.get(f"missing:{name}") == "yes",
        }
        if picked or one["missing"] or one["least"] is not None or one["most"] is not None:
            found[name] = one
    return found


def stored_model(site: Site, data: Any, user_id: int) -> tuple[dict[str, Any], str | None]:
    """A model sent as plain data: its record, and for ONNX the hash of its file.

    Raises:
        ModelFormError: It is not a model.
    """
    model = model_from_dict(data)
    if isinstance(model, OnnxModel):
        return _kept(site, model.data, list(model.columns), user_id)
    return model.to_dict(), None


def stored_model_file(
    site: Site, content: bytes, columns: Sequence[str], user_id: int
) -> tuple[dict[str, Any], str | None]:
    """A model sent as a file; as `stored_model`.

    Raises:
        ModelFormError: It is not a model.
    """
    model = read_model(content, columns=columns)
    if isinstance(model, OnnxModel):
        return _kept(site, content, list(columns), user_id)
    return json.loads(json.dumps(model.to_dict())), None


def _kept(
    site: Site, content: bytes, columns: list[str], user_id: int
) -> tuple[dict[str, Any], str]:
    kept = site.files.keep([content], most=site.settings.artefact_mb * 1_000_000)
    with site.database.write() as db:
        register(db, kept, "model.onnx", user_id, site.now())
    return {"form": "onnx", "columns": columns}, kept.hash
