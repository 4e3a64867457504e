"""Settings, read once from the environment and frozen. The one place that names variables.

docs/settings.md has a row for each; `tests/test_config.py` holds the two together. An error names the variable and
never its value, which may be a secret.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from . import limits
from .errors import ConfigError
from .severity import DEFAULT_SERVICE

DEFAULT_URL = "http://127.0.0.1:8000"
DEFAULT_DATABASE = "levqor.db"


class CollectorSettings(NamedTuple):
    """What the collector needs to know.

    Attributes:
        database_path: the SQLite file (`DATABASE_PATH`).
        internal_secret: what the owner signs in and calls the API with (`INTERNAL_SECRET`); `None`: the collector
            makes one and keeps it beside the database.
    """

    database_path: str = DEFAULT_DATABASE
    internal_secret: str | None = None

    def __repr__(self) -> str:
        # Without the secret: settings get printed and logged.
        return f"CollectorSettings(database_path={self.database_path!r})"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> CollectorSettings:
        """Read them from the environment.

        Raises:
            ConfigError: naming the variable at fault.
        """
        if environ.get("DATABASE_URL"):
            raise ConfigError("DATABASE_URL", "is not supported by this version; leave it unset and use DATABASE_PATH")
        return cls(
            database_path=environ.get("DATABASE_PATH") or DEFAULT_DATABASE,
            internal_secret=read_secret(environ),
        )


def read_secret(environ: Mapping[str, str] = os.environ) -> str | None:
    """`INTERNAL_SECRET`, or `None` where it is not set.

    Raises:
        ConfigError: when it can never be sent in a header.
    """
    secret = environ.get("INTERNAL_SECRET", "").strip()
    if len(secret.encode(errors="replace")) > limits.SECRET_BYTES:
        raise ConfigError("INTERNAL_SECRET", f"must have at most {limits.SECRET_BYTES} bytes")
    if any(ord(character) < 32 or ord(character) == 127 for character in secret):
        raise ConfigError("INTERNAL_SECRET", "must not contain control characters; a header cannot carry them")
    return secret or None


def secret_file(database_path: str) -> Path:
    """Where a collector without `INTERNAL_SECRET` keeps the one that it made: beside its database."""
    return Path(f"{database_path}.secret")


class ClientSettings(NamedTuple):
    """What the client in a service needs to know.

    Attributes:
        url: the collector's address (`LEVQOR_ERRORS_URL`).
        service: the service's name where a call gives none (`LEVQOR_ERRORS_SERVICE`).
        environment: production, staging, … (`LEVQOR_ERRORS_ENVIRONMENT`).
        release: the version that runs (`LEVQOR_ERRORS_RELEASE`).
        spool_dir: where the journal is kept until it is delivered (`LEVQOR_ERRORS_SPOOL_DIR`).
    """

    url: str
    service: str
    environment: str | None
    release: str | None
    spool_dir: Path

    @classmethod
    def from_env(
        cls,
        environ: Mapping[str, str] = os.environ,
        *,
        url: str | None = None,
        service: str | None = None,
        environment: str | None = None,
        release: str | None = None,
        spool_dir: str | os.PathLike[str] | None = None,
    ) -> ClientSettings:
        """Read them from the environment; what is given as an argument wins.

        Raises:
            ConfigError: naming the variable at fault.
        """
        spool = spool_dir or environ.get("LEVQOR_ERRORS_SPOOL_DIR")
        return cls(
            url=check_url(url or environ.get("LEVQOR_ERRORS_URL") or DEFAULT_URL),
            service=service or environ.get("LEVQOR_ERRORS_SERVICE") or DEFAULT_SERVICE,
            environment=environment or environ.get("LEVQOR_ERRORS_ENVIRONMENT") or None,
            release=release or environ.get("LEVQOR_ERRORS_RELEASE") or None,
            spool_dir=_directory(spool),
        )


def _directory(given: str | os.PathLike[str] | None) -> Path:
    if not given:
        from platformdirs import user_state_path

        return user_state_path("levqor-errors")
    try:
        return Path(given)
    except TypeError as error:
        raise ConfigError("LEVQOR_ERRORS_SPOOL_DIR", "must be a path") from error


def check_url(url: str) -> str:
    """The collector's address without a slash at its end.

    Raises:
        ConfigError: when it is no http or https address. The address itself is not told: it may carry a password.
    """
    # Here and below, not at the top: a service's start is its own, and it pays only for what it uses.
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(str(url).strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except (ValueError, AttributeError):
        usable = False
    if not usable:
        raise ConfigError("LEVQOR_ERRORS_URL", f"must be an http or https address such as {DEFAULT_URL}")
    return str(url).strip().rstrip("/")
