"""Read a stranger's model: JSON or ONNX, and nothing that could run code while it is read."""

import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from supersede.bounty.artefacts.features import Feature
from supersede.bounty.artefacts.models import Constant, Linear, Model, Tree
from supersede.bounty.artefacts.onnx_model import MAX_BYTES, OnnxModel
from supersede.errors import ModelFormError

__all__ = ["MAX_JSON", "model_from_dict", "read_model"]

MAX_JSON = 1_000_000  # bytes: a million of them need an acceptable amount of memory once parsed

REFUSED = (
    (b"\x80", "a pickle: loading it runs code of its author"),
    (
        b"PK\x03\x04",
        "a zip archive (skops, torch, npz): it can unpack to any size and contain anything",
    ),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstandard archive"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x93NUMPY", "a numpy file"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"#!", "a script"),
)


def read_model(source: str | Path | bytes, *, columns: Sequence[str] = ()) -> Model:
    """Read a model from a file or its bytes.

    The form is detected from the content, never from the name. An ONNX model is only parsed in the
    process that runs it, so many of its errors are raised by its ``predict``.

    Args:
        source: A path, or the bytes.
        columns: For ONNX: the columns in the order of its one input, or the names of its inputs.

    Raises:
        ModelFormError: It is a link, empty, too large, of an unsupported form, or malformed.

    Example:
        >>> read_model(b'{"form": "constant", "values": [1]}')
        Constant(values=(1.0,))
        >>> import pickle
        >>> read_model(pickle.dumps("anything"))
        Traceback (most recent call last):
        supersede.errors.ModelFormError: a pickle: loading it runs code of its author; ...
    """
    data = source if isinstance(source, bytes) else _bytes(Path(source))
    allowed = "send JSON (constant, tree, linear) or ONNX"
    if not data:
        msg = f"the file is empty; {allowed}"
        raise ModelFormError(msg)
    for start, what in REFUSED:
        if data.startswith(start):
            msg = f"{what}; {allowed}"
            raise ModelFormError(msg)
    if data[257:262] == b"ustar":
        msg = f"a tar archive; {allowed}"
        raise ModelFormError(msg)
    if data.lstrip()[:1] in {b"{", b"["}:
        return model_from_dict(_json(data))
    return OnnxModel(data, tuple(columns))


def model_from_dict(data: Any) -> Model:
    """Read a model from plain data, as its ``to_dict`` gives it.

    Raises:
        ModelFormError: It is not a model.
    """
    forms = {
        "constant": (Constant, {"values"}),
        "linear": (Linear, {"features", "weights", "intercept", "link"}),
        "tree": (
            Tree,
            {"features", "feature", "threshold", "left", "right", "missing_left", "values"},
        ),
        "onnx": (OnnxModel, {"columns", "base64"}),
    }
    form = data.get("form") if isinstance(data, dict) else None
    if not isinstance(form, str) or form not in forms:
        msg = (
            f"a model must be an object with a form, one of {', '.join(forms)}; found"
            f" {str(form)[:50]!r}"
        )
        raise ModelFormError(msg)
    kind, keys = forms[form]
    if set(data) - {"form"} != keys:
        found = sorted(str(key)[:50] for key in set(data) - {"form"})[:20]
        msg = f"a {form} must have the keys {sorted(keys)}, found {found}"
        raise ModelFormError(msg)
    rest = {key: value for key, value in data.items() if key != "form"}
    if kind is OnnxModel:
        return OnnxModel.from_base64(rest["base64"], rest["columns"])
    if "features" in rest:
        rest["features"] = tuple(_feature(feature) for feature in _listed(rest["features"]))
    if kind is Linear and not isinstance(rest["link"], str):
        rest["link"] = str(rest["link"])[:50]
    model: Model = kind(**rest)
    return model


def _bytes(path: Path) -> bytes:
    """The content of a regular file that is not too large; links are not followed."""
    try:
        file = os.open(
            path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        )
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        why = getattr(error, "strerror", None) or error
        msg = f"cannot open {path.name!r} as a regular file: {why}; links are not followed"
        raise ModelFormError(msg) from error
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or path.is_symlink():
            msg = f"{path.name!r} is not a regular file; links, folders and devices are refused"
            raise ModelFormError(msg)
        if found.st_size > MAX_BYTES:
            msg = f"{path.name!r} has {found.st_size:,} bytes, more than {MAX_BYTES:,}"
            raise ModelFormError(msg)
        with os.fdopen(file, "rb", closefd=False) as opened:
            return opened.read(MAX_BYTES + 1)
    finally:
        os.close(file)


def _json(data: bytes) -> Any:
    if len(data) > MAX_JSON:
        msg = f"the JSON has {len(data):,} bytes, more than {MAX_JSON:,}; send a smaller model"
        raise ModelFormError(msg)
    try:
        return json.loads(data, parse_constant=_no_constant, object_pairs_hook=_no_twins)
    except (ValueError, RecursionError) as error:
        msg = f"the JSON cannot be read: {str(error)[:200]}"
        raise ModelFormError(msg) from error


def _no_constant(word: str) -> None:
    msg = f"{word} is not a JSON number"
    raise ModelFormError(msg)


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        msg = "an object has a duplicate key"
        raise ModelFormError(msg)
    return found


def _listed(features: Any) -> list[Any]:
    if not isinstance(features, list):
        msg = "features is not a list"
        raise ModelFormError(msg)
    return features


def _feature(data: Any) -> Feature:
    if not isinstance(data, dict) or not {"column"} <= set(data) <= {
        "column",
        "category",
        "missing",
    }:
        msg = "a feature must be an object with a column, and optionally a category and a missing"
        raise ModelFormError(msg)
    return Feature(**data)
