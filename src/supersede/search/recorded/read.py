"""One file of a finished search, read by the tool that wrote it."""

from pathlib import Path

from supersede.errors import HistoryError
from supersede.search.recorded.files import open_table
from supersede.search.recorded.log import Log, Reader, Wanted
from supersede.search.recorded.mlflow import MLflow
from supersede.search.recorded.optuna_table import OptunaTable
from supersede.search.recorded.plain import PlainTable
from supersede.search.recorded.ray_tune import RayTune
from supersede.search.recorded.sklearn_search import SklearnSearch
from supersede.search.recorded.syne_tune import SyneTune
from supersede.search.recorded.wandb import WandB

__all__ = ["READERS", "read_search"]

READERS: tuple[Reader, ...] = (
    OptunaTable(),
    SyneTune(),
    RayTune(),
    MLflow(),
    SklearnSearch(),
    WandB(),
)


def read_search(path: Path, tool: str | None = None, wanted: Wanted | None = None) -> Log:
    """A finished search from a file or an experiment's folder.

    Args:
        path: A CSV file, a zipped one, or a folder of Syne Tune or Ray Tune.
        tool: The flag of the tool that wrote it (``wandb``, ``mlflow``, ``ray``, ``syne-tune``,
            ``sklearn``, ``optuna``); None for a table of one's own.
        wanted: What the file does not say.

    Returns:
        The search.

    Raises:
        HistoryError: The file is not that tool's, or lacks something that is needed.
        MissingColumnError: A table has no column of values.
    """
    table, wanted = open_table(path), wanted or Wanted()
    if tool is None:
        wrote = next((r for r in READERS if r.recognises(table)), None)
        if wrote is not None:
            msg = f"{path} looks like a file of {wrote.name}; read it as such: --from {wrote.flag}"
            raise HistoryError(msg)
        return PlainTable().read(table, wanted)
    reader = next(r for r in READERS if r.flag == tool)
    if not reader.recognises(table):
        others = [r.name for r in READERS if r.recognises(table)]
        hint = f"; it looks like one of {others[0]}" if others else ""
        msg = f"{path} is not a file of {reader.name}{hint}; it has {', '.join(table.names[:12])}"
        raise HistoryError(msg)
    return reader.read(table, wanted)
