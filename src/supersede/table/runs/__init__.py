"""What evaluation tools write, and two runs joined by item: one short file per format."""

from supersede.table.runs.attempt import Attempt, Reader, RunColumns, RunLog
from supersede.table.runs.content import Content
from supersede.table.runs.differences import Differences
from supersede.table.runs.join import Changed, join_runs, models_in, split_run
from supersede.table.runs.recognise import READERS, read_log, recognise

__all__ = [
    "READERS",
    "Attempt",
    "Changed",
    "Content",
    "Differences",
    "Reader",
    "RunColumns",
    "RunLog",
    "join_runs",
    "models_in",
    "read_log",
    "recognise",
    "split_run",
]
