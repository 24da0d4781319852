"""The page "who taught it this?", with the items themselves."""

import struct
import zlib
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError
from supersede.look import count
from supersede.look.page import environment

if TYPE_CHECKING:
    from supersede.train.linear.influence import Influence

__all__ = ["page"]

ROWS = 10
_LONG = 400  # characters of a text


def page(influence: "Influence") -> str:
    """The page."""
    order = influence.strongest(len(influence.ids)).tolist()
    shown = influence.shown
    largest = float(np.abs(influence.taught).max()) or 1.0

    def rows(sign: int) -> list[dict[str, Any]]:
        taken = [i for i in order if sign * influence.taught[i] > 0][:ROWS]
        return [
            {
                "id": str(influence.ids[i]),
                "label": None if influence.labels is None else int(influence.labels[i]),
                "taught": f"{influence.taught[i]:+.3g}".replace("-", "\N{MINUS SIGN}"),
                "without": f"{influence.without[i]:+.3g}".replace("-", "\N{MINUS SIGN}"),
                "width": round(100 * abs(float(influence.taught[i])) / largest, 1),
                "shown": None if shown is None else _shown(shown[i]),
            }
            for i in taken
        ]

    template = environment().get_template("train.linear/influence.html")
    return template.render(
        influence=influence,
        title=f"Who taught it this? Output {influence.output} went from {influence.before:.2f} to {influence.after:.2f}",
        input_shown=None if influence.input_shown is None else _shown(influence.input_shown),
        parts=[("for it", "pass", rows(1)), ("against it", "fail", rows(-1))],
        items=count(len(influence.ids)),
        hidden=max(0, len(order) - sum(len(rows(s)) for s in (1, -1))),
    )


def _shown(thing: Any) -> dict[str, str]:
    if isinstance(thing, str):
        return {"text": thing if len(thing) <= _LONG else thing[: _LONG - 1] + "…", "image": ""}
    return {"text": "", "image": _png(np.asarray(thing))}


def _png(image: npt.NDArray[Any]) -> str:
    """An image as a data address: grey ``(h, w)`` or colour ``(h, w, 3)``.

    Raises:
        ArgumentError: It has another shape.
    """
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    if image.ndim not in {2, 3} or (image.ndim == 3 and image.shape[2] != 3) or not image.size:
        msg = f"cannot show an array of shape {image.shape}; expected a text, or an image (h, w) or (h, w, 3)"
        raise ArgumentError(msg)
    if image.dtype != np.uint8:
        values = image.astype(float)
        low, high = float(values.min()), float(values.max())
        image = np.round(255 * (values - low) / ((high - low) or 1.0)).astype(np.uint8)
    height, width = image.shape[:2]
    lines = b"".join(b"\0" + np.ascontiguousarray(line).tobytes() for line in image)
    kind = 0 if image.ndim == 2 else 2
    head = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )
    return "data:image/png;base64," + b64encode(b"\x89PNG\r\n\x1a\n" + body).decode()
