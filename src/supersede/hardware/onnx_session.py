"""onnxruntime without its telemetry.

From 1.31 on, importing onnxruntime on Linux starts a thread, opens a database in the user's cache
folder, and queues events that leave the machine. The call that switches events off comes too late for
that; the variable below has to be set when the library is imported.
"""

import os
from typing import Any

__all__ = ["import_onnxruntime"]

_VARIABLE = "ORT_DISABLE_TELEMETRY"


def import_onnxruntime() -> Any:
    """The module onnxruntime, imported without telemetry unless the variable says otherwise.

    A process that has imported onnxruntime before is left as it is.

    Raises:
        ImportError: onnxruntime is not installed.
    """
    unset = _VARIABLE not in os.environ
    if unset:
        os.environ[_VARIABLE] = "1"
    try:
        import onnxruntime
    finally:
        if unset:
            del os.environ[_VARIABLE]
    return onnxruntime
