"""The owner's secret: the one of the environment, or the one that a collector keeps beside its file."""

from __future__ import annotations

import stat
from collections.abc import Iterator

from ..config import CollectorSettings, secret_file
from .finding import Finding, bad, doubtful, good

#: Shorter ones can be guessed, throttle or not.
SHORT: int = 16
_TOPIC = "secret"


def look(settings: CollectorSettings) -> Iterator[Finding]:
    """What there is to say of it. It is not read where it is kept."""
    kept = secret_file(settings.database)
    try:
        status = kept.stat() if kept is not None else None
    except OSError:
        status = None
    if status is not None and stat.S_IMODE(status.st_mode) & 0o077:
        yield bad(
            _TOPIC, "secret", f"others can read {kept} ({stat.S_IMODE(status.st_mode):04o})",
            f"remove it and start the collector, which makes a new one; to keep it: chmod 600 {kept}",
        )  # fmt: skip
    length = len(settings.internal_secret or "")
    if 0 < length < SHORT:
        yield doubtful(
            _TOPIC, "secret", f"INTERNAL_SECRET has {length} characters, and can be guessed",
            f"set one of {SHORT} or more: openssl rand -base64 32",
        )  # fmt: skip
    elif length and status is not None:
        yield doubtful(
            _TOPIC, "secret", f"INTERNAL_SECRET counts, though there is also {kept}",
            "remove that file, unless another collector without INTERNAL_SECRET uses this database",
        )  # fmt: skip
    elif length:
        yield good(_TOPIC, "secret", f"INTERNAL_SECRET is set, {length} characters")
    elif status is not None and not status.st_size:
        yield bad(_TOPIC, "secret", f"{kept} is empty", "remove that file, or set INTERNAL_SECRET")
    elif status is not None:
        yield good(_TOPIC, "secret", f"kept in {kept}, made by the collector")
    elif kept is not None:
        yield good(_TOPIC, "secret", f"there is none yet; the collector makes one and keeps it in {kept}")
    else:
        yield bad(
            _TOPIC, "secret", "INTERNAL_SECRET is not set, and all collectors of a PostgreSQL database share it",
            "set INTERNAL_SECRET to the collectors' own: openssl rand -base64 32 makes one",
        )  # fmt: skip
