"""The owner's secret: given as INTERNAL_SECRET, or made at the first start and kept beside the database."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from ..config import CollectorSettings, secret_file
from ..errors import ConfigError


def owner_secret(settings: CollectorSettings) -> str:
    """The secret in force.

    Raises:
        ConfigError: none is given, and the kept one cannot be read or made.
    """
    if settings.internal_secret is not None:
        return settings.internal_secret
    path = secret_file(settings.database)
    if path is None:
        raise ConfigError("INTERNAL_SECRET", "must be set where DATABASE_URL is: all collectors of a database share it")
    try:
        return _read(path) or _make(path)
    except OSError as error:
        raise ConfigError(
            "INTERNAL_SECRET", f"is not set, and none can be kept in {path}: {error.strerror}; set it"
        ) from error


def _read(path: Path) -> str | None:
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    if not secret:
        raise ConfigError("INTERNAL_SECRET", f"is not set, and {path} is empty; remove that file, or set it")
    return secret


def _make(path: Path) -> str:
    secret = secrets.token_urlsafe(32)
    # A file of its own, linked into place when it is whole: of two collectors that start at once both use one secret.
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{secret}\n")
        try:
            os.link(draft, path)
        except FileExistsError:
            return _read(path) or secret
        return secret
    finally:
        draft.unlink()
