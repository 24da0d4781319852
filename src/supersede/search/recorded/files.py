"""A file of a search as a table of texts."""

import csv
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from supersede.errors import HistoryError

__all__ = ["Table", "open_table"]


@dataclass(frozen=True)
class Table:
    """Rows of texts.

    Args:
        path: Where they come from.
        names: The columns, in order.
        rows: One mapping per row, from column to text.
        about: What lies beside the file: the content of a ``metadata.json``.
    """

    path: Path
    names: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]
    about: Mapping[str, Any] = field(default_factory=dict)

    def column(self, name: str) -> list[str]:
        """The texts of a column; empty where it is missing."""
        return [row.get(name) or "" for row in self.rows]


def open_table(path: Path) -> Table:
    """A CSV file, a zipped one, or the folder of an experiment.

    Raises:
        HistoryError: The path is none of these, or has no rows.
    """
    if path.is_dir():
        return _folder(path)
    try:
        text = _unzipped(path) if zipfile.is_zipfile(path) else path.read_text("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        rows = tuple({k: v or "" for k, v in row.items() if k is not None} for row in reader)
        names = tuple(reader.fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error, zipfile.BadZipFile) as problem:
        msg = f"cannot read {path}: {problem}; for an Optuna study, pass --from optuna or --storage"
        raise HistoryError(msg) from problem
    if not rows:
        msg = f"{path} has no rows; expected one per trial"
        raise HistoryError(msg)
    beside = path.parent / "metadata.json"
    return Table(path, names, rows, _json(beside) if beside.is_file() else {})


def _unzipped(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        inside = [name for name in archive.namelist() if not name.endswith("/")]
        if len(inside) != 1:
            msg = f"{path} has {len(inside)} files; expected one CSV file"
            raise HistoryError(msg)
        return archive.read(inside[0]).decode("utf-8-sig")


def _folder(path: Path) -> Table:
    """The folder of a Syne Tune or Ray Tune experiment."""
    for name in ("results.csv.zip", "results.csv"):
        if (path / name).is_file():
            return open_table(path / name)
    rows: list[dict[str, str]] = []
    for result in sorted(path.glob("*/result.json")):
        params = result.parent / "params.json"
        config = _json(params) if params.is_file() else {}
        marked = {f"config/{name}": _text(value) for name, value in config.items()}
        failed = {"error": "True"} if (result.parent / "error.txt").is_file() else {}
        rows += [
            {
                **{k: _text(v) for k, v in json.loads(line).items() if k != "config"},
                **marked,
                **failed,
            }
            for line in result.read_text("utf-8").splitlines()
            if line.strip()
        ]
    if not rows:
        msg = (
            f"{path} is a folder without results.csv.zip (Syne Tune) and without */result.json (Ray"
            " Tune); pass the file of the trials"
        )
        raise HistoryError(msg)
    return Table(path, tuple(dict.fromkeys(name for row in rows for name in row)), tuple(rows))


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as problem:
        msg = f"cannot read {path}: {problem}"
        raise HistoryError(msg) from problem
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str:
    return "" if value is None else str(value)
