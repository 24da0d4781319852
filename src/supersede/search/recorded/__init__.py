"""Finished searches as other tools write them: one file per tool.

Each reader takes parameters by the tool's own prefix, orders trials by the time at which they
ended, keeps the last row of a trial, and knows the tool's states. What a file does not say, such as
whether a larger metric is better, is refused with the flag that says it.
"""

from supersede.search.recorded.log import Log, Wanted, describe
from supersede.search.recorded.read import READERS, read_search

__all__ = ["READERS", "Log", "Wanted", "describe", "read_search"]
