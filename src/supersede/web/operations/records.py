"""Structured logs: one JSON object per line, without names, addresses, tokens or what was sent."""

import json
import logging
import sys
from datetime import UTC, datetime

__all__ = ["log_as_json", "record_request"]

_log = logging.getLogger("supersede.web")


class _Lines(logging.Formatter):
    """Each record as a JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        told = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "what": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False, default=str)


def log_as_json(level: int = logging.INFO) -> None:
    """Write the application's log to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    _log.handlers[:] = [handler]
    _log.setLevel(level)
    _log.propagate = False


def record_request(method: str, route: str, status: int, seconds: float) -> None:
    """Log an answered request by its route, which has no values in it."""
    facts = {"method": method, "route": route, "status": status, "seconds": round(seconds, 4)}
    _log.info("request", extra={"facts": facts})
