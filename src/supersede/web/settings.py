"""What an installation can set: from one TOML file, and from the environment, which wins."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from supersede.errors import SettingsError

__all__ = ["PREFIX", "Settings", "read_settings"]

PREFIX = "SUPERSEDE_WEB_"


@dataclass(frozen=True)
class Settings:
    """The settings of one installation.

    Attributes:
        data: Folder for uploaded files, keys and, by default, the database.
        database: SQLAlchemy address of SQLite or PostgreSQL; by default SQLite in `data`.
        host: Interface on which the server listens.
        port: Port; 0 for any free one.
        address: Address under which browsers reach it, such as ``https://bounty.example``; by
            default the one on which it listens.
        workers: Worker processes that `supersede serve` starts.
        worker_niceness: How far workers step back for the server when processors are scarce, from 0
            to 19 as of `nice`: pages stay fast while models are judged.
        tables: Folders on the server from which owners may open tables by path.
        upload_mb: Largest uploaded table, in megabytes.
        artefact_mb: Largest uploaded model or image, in megabytes.
        answer_every: Seconds between the times at which submissions are answered.
        lease: Seconds after which a job of a worker that has stopped reporting runs again.
        session_hours: Hours after which an unused session ends.
        requests_per_minute: Requests that one visitor may make per minute.
        posts_per_minute: Of these, requests that change something.
        sign_ins_per_minute: Attempts to sign in, per account name and per network address.
        trust_proxy: Whether the ``X-Forwarded-For`` header of a proxy names the visitor.

    Raises:
        SettingsError: A value is out of range.
    """

    data: Path = Path("supersede-data")
    database: str = ""
    host: str = "127.0.0.1"
    port: int = 8000
    address: str = ""
    workers: int = 2
    worker_niceness: int = 10
    tables: tuple[str, ...] = ()
    upload_mb: int = 100
    artefact_mb: int = 5
    answer_every: float = 60.0
    lease: float = 15.0
    session_hours: float = 12.0
    requests_per_minute: int = 600
    posts_per_minute: int = 300
    sign_ins_per_minute: int = 10
    trust_proxy: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", Path(self.data).absolute())
        least = {
            "workers": 0,
            "worker_niceness": 0,
            "upload_mb": 1,
            "artefact_mb": 1,
            "answer_every": 0.1,
            "lease": 1,
            "session_hours": 0.1,
            "requests_per_minute": 1,
            "posts_per_minute": 1,
            "sign_ins_per_minute": 1,
            "port": 0,
        }
        for name, low in least.items():
            if not getattr(self, name) >= low:
                msg = f"{name}={getattr(self, name)!r}: expected at least {low}"
                raise SettingsError(msg)
        if self.worker_niceness > 19:
            msg = f"worker_niceness={self.worker_niceness}: expected at most 19"
            raise SettingsError(msg)
        if self.address:
            parts = urlsplit(self.address)
            if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/"):
                msg = (
                    f"address={self.address!r}: expected scheme and host only, such as"
                    " https://bounty.example"
                )
                raise SettingsError(msg)
        scheme = self.database.partition(":")[0]
        if self.database and scheme.partition("+")[0] not in {"sqlite", "postgresql"}:
            msg = (
                f"database={scheme + ':…'!r}: expected an address such as"
                " sqlite:////srv/supersede.db or postgresql://user@host/name"
            )
            raise SettingsError(msg)

    @property
    def database_url(self) -> str:
        """The address of the database, with the driver."""
        if not self.database:
            return f"sqlite:///{self.data / 'supersede.db'}"
        scheme, colon, rest = self.database.partition(":")
        return f"{'postgresql+psycopg' if scheme == 'postgresql' else scheme}{colon}{rest}"

    @property
    def origin(self) -> str:
        """Scheme and host as a browser states them."""
        return (self.address or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def secure(self) -> bool:
        """Whether browsers reach it by HTTPS."""
        return self.origin.startswith("https:")


def read_settings(
    file: Path | None = None, environment: Mapping[str, str] | None = None, **given: Any
) -> Settings:
    """Settings from arguments, the environment and a file, in this order of precedence.

    Args:
        file: A TOML file whose keys are the attributes of `Settings`.
        environment: By default that of the process; ``SUPERSEDE_WEB_PORT`` sets the port.
        **given: Attributes; None leaves one unset.

    Raises:
        SettingsError: An unknown name, a value of the wrong type, or a file that cannot be read.

    Example:
        >>> read_settings(environment={"SUPERSEDE_WEB_PORT": "8080"}).port
        8080
    """
    known = {field.name: field for field in fields(Settings)}
    settings = Settings()
    if file is not None:
        try:
            found = tomllib.loads(file.read_text("utf-8"))
        except (OSError, ValueError) as error:
            msg = f"cannot read the settings in {file}: {error}"
            raise SettingsError(msg) from error
        settings = _with(settings, found, f"{file}: ")
    environment = os.environ if environment is None else environment
    named = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX)
    }
    parsed = {
        name: _parsed(name, value, getattr(settings, name)) if name in known else value
        for name, value in named.items()
    }
    settings = _with(settings, parsed, f"{PREFIX}")
    return _with(settings, {name: v for name, v in given.items() if v is not None}, "")


def _with(settings: Settings, values: Mapping[str, Any], where: str) -> Settings:
    checked = {}
    for name, value in values.items():
        if name not in {field.name for field in fields(Settings)}:
            names = ", ".join(field.name for field in fields(Settings))
            msg = f"{where}{name} is not a setting; expected one of {names}"
            raise SettingsError(msg)
        stands = getattr(settings, name)
        if isinstance(stands, float) and type(value) is int:
            value = float(value)
        if isinstance(stands, Path) and isinstance(value, str):
            value = Path(value)
        if isinstance(stands, tuple) and isinstance(value, list | tuple):
            value = tuple(str(item) for item in value)
        if type(value) is not type(stands) and not isinstance(stands, Path):
            msg = f"{where}{name}={value!r}: expected {type(stands).__name__}"
            raise SettingsError(msg)
        checked[name] = value
    return replace(settings, **checked)


def _parsed(name: str, text: str, stands: object) -> object:
    try:
        match stands:
            case bool():
                return {"1": True, "true": True, "0": False, "false": False}[text.lower()]
            case int():
                return int(text)
            case float():
                return float(text)
            case tuple():
                return tuple(part for part in text.split(os.pathsep) if part)
            case Path():
                return Path(text)
            case _:
                return text
    except (KeyError, ValueError) as error:
        msg = f"{PREFIX}{name.upper()}={text!r}: expected {type(stands).__name__}"
        raise SettingsError(msg) from error
