"""Starting an installation: the server and its workers, each a process that is restarted if it dies.

Children end with their parent: they hold the reading end of a pipe whose writing end only the parent
has, so however the parent ends, the pipe closes.
"""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict

from supersede.errors import DatabaseError
from supersede.web.settings import PREFIX, Settings

__all__ = ["child_main", "serve"]

_log = logging.getLogger("supersede.web")
_PAUSE = 0.5  # seconds before a process that died is started again
_OTHER_VERSION = 78  # the exit code of a process that needs another schema; EX_CONFIG of sysexits.h


def serve(settings: Settings, *, demo: bool = False, stopped: Callable[[], bool] = bool) -> None:
    """Run server and workers until interrupted.

    Args:
        settings: The settings; the port must be a fixed one.
        demo: Whether visitors may enter as the people of the demonstration.
        stopped: Whether to end, asked several times per second.

    Raises:
        DatabaseError: Another version of the program has migrated the database meanwhile.
    """
    ending = threading.Event()
    before = {s: signal.signal(s, lambda *_: ending.set()) for s in (signal.SIGTERM, signal.SIGINT)}
    reading, writing = os.pipe()
    os.set_inheritable(reading, True)
    kinds = ["server", *(f"worker-{number}" for number in range(1, settings.workers + 1))]
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        while not ending.is_set() and not stopped():
            for kind in kinds:
                child = running.get(kind)
                if child is None or child.poll() is not None:
                    if child is not None and child.returncode == _OTHER_VERSION:
                        msg = (
                            f"{kind} has stopped: another version of supersede has migrated the"
                            " database. Start that version instead"
                        )
                        raise DatabaseError(msg)
                    if child is not None:
                        _log.warning("%s ended with %s; starting it again", kind, child.returncode)
                        ending.wait(_PAUSE)
                    running[kind] = _start(kind, settings, reading, demo=demo)
            ending.wait(0.1)
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
        for child in running.values():
            child.terminate()
        for child in running.values():
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        os.close(reading)
        os.close(writing)


def _start(kind: str, settings: Settings, reading: int, *, demo: bool) -> subprocess.Popen[bytes]:
    environment = {n: v for n, v in os.environ.items() if not n.startswith(PREFIX)}
    environment |= _environment(settings)
    command = [sys.executable, "-m", "supersede.web", kind.partition("-")[0], str(reading)]
    if demo:
        command.append("demo")
    return subprocess.Popen(command, env=environment, pass_fds=[reading], cwd=settings.data)  # noqa: S603  # our own program


def _environment(settings: Settings) -> dict[str, str]:
    """The settings as their environment variables."""
    values = {}
    for name, value in asdict(settings).items():
        text = os.pathsep.join(value) if isinstance(value, tuple) else str(value)
        if text:
            values[PREFIX + name.upper()] = text
    return values


def child_main(arguments: list[str], environment: Mapping[str, str] | None = None) -> None:
    """The program of a child process: ``server PIPE [demo]`` or ``worker PIPE``."""
    from supersede.web.database import OtherVersionError
    from supersede.web.operations.records import log_as_json
    from supersede.web.settings import read_settings

    kind, pipe, *rest = arguments
    log_as_json()
    settings = read_settings(environment=environment)
    _end_with_parent(int(pipe))
    try:
        _run(kind, settings, demo="demo" in rest)
    except OtherVersionError as error:
        _log.error("%s", error)  # the message says all
        sys.exit(_OTHER_VERSION)


def _run(kind: str, settings: Settings, *, demo: bool) -> None:
    from supersede.web.site import open_site

    site = open_site(settings)
    if kind == "server":
        import uvicorn

        from supersede.web.app import create_app

        sys.setswitchinterval(0.001)  # a page waits for each thread that is busy with another one
        config = uvicorn.Config(
            create_app(site, demo=demo),
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=5,
            timeout_keep_alive=30,  # pages ask again every few seconds
        )
        server = uvicorn.Server(config)
        asyncio.run(server.serve(sockets=[_listening(settings)]))
    else:
        from supersede.web.jobs.worker import work
        from supersede.web.work import HANDLERS

        ending = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: ending.set())
        signal.signal(signal.SIGINT, lambda *_: ending.set())
        import sklearn.tree  # noqa: F401  # now, rather than while somebody waits for a tree

        os.nice(settings.worker_niceness)
        work(site, HANDLERS, ending.is_set)
    site.database.close()


def _listening(settings: Settings) -> socket.socket:
    """The socket; a server that was killed may leave the port busy for a moment."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind((settings.host, settings.port))
    found.listen(1024)
    return found


def _end_with_parent(pipe: int) -> None:
    def watch() -> None:
        while os.read(pipe, 1):
            time.sleep(0)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(15)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def free_port(host: str) -> int:
    """A port that is free now."""
    with socket.socket() as found:
        found.bind((host, 0))
        return int(found.getsockname()[1])
