"""What evaluation tools write, and two runs joined by item: one short file per format."""

from supersede.table.runs.attempt import Attempt, Columns, Log, Reader
from supersede.table.runs.content import Content
from supersede.table.runs.differences import Differences
from supersede.table.runs.join import Changed, join_runs, models_in, split_run
from supersede.table.runs.recognise import READERS, read_log, recognise

__all__ = [
    "READERS",
    "Attempt",
    "Changed",
    "Columns",
    "Content",
    "Differences",
    "Log",
    "Reader",
    "join_runs",
    "models_in",
    "read_log",
    "recognise",
    "split_run",
]
