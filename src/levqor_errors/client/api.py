"""What services call: `init`, `log_error`, `log_exception`, `flush`. None of them raises, and none waits for a network.

An event goes from here to the journal, as one line; the rest is the shipper's.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import logging
import os
import platform
import socket
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, Final

from ..config import ClientSettings
from ..errors import ConfigError
from ..event import SEVERITY_ALIASES, Severity
from ..ids import uuid7
from .capture import capture_exception, safe_str
from .journal import RANKS, Journal
from .shipper import Shipper
from .transport import Transport

logger = logging.getLogger("levqor_errors.client")

#: Seconds that the end of a process may wait for its last events to go out.
EXIT_SECONDS: Final = 1.5


class Client:
    """One journal and the shipper that delivers it. Services use the functions of this module, which share one."""

    def __init__(self, settings: ClientSettings) -> None:
        self.settings = settings
        # A directory for each collector: services of one user may report to different ones.
        spool = settings.spool_dir / hashlib.sha256(settings.url.encode()).hexdigest()[:16]
        header = {"host": socket.gethostname(), "pid": os.getpid(), "python": platform.python_version()}
        self.journal = Journal(spool, header)
        self.shipper = Shipper(self.journal, lambda: Transport(settings.url))

    def record(
        self,
        *,
        service: str | None,
        message: object,
        severity: str,
        exception: BaseException | None,
        fields: Mapping[str, object],
        context: dict[str, Any],
    ) -> str:
        """Append one event to the journal; returns its event_id."""
        settings = self.settings
        level = SEVERITY_ALIASES.get(severity) or SEVERITY_ALIASES.get(str(severity).lower(), Severity.ERROR)
        event_id = uuid7()
        event: dict[str, Any] = {
            "event_id": event_id,
            "created_at": time.time(),
            "service": service or settings.service,
            "severity": level.value,
            "message": safe_str(message),
        }
        if settings.environment is not None:
            event["environment"] = settings.environment
        if settings.release is not None:
            event["release"] = settings.release
        for name, value in fields.items():
            if value is not None:
                event[name] = safe_str(value)
        if context:
            event["context"] = context
        if exception is not None:
            event["captured"] = capture_exception(exception)
        # ensure_ascii: a lone surrogate becomes an escape, which the collector knows how to read.
        self.journal.append(RANKS[level.value], json.dumps(event, default=safe_str).encode() + b"\n")
        self.shipper.notify()
        return event_id

    def close(self, timeout: float) -> None:
        """Deliver what goes out within the time; the rest stays in the journal."""
        self.shipper.stop(timeout)
        self.journal.rotate()

    def after_fork(self) -> None:
        """In a forked child: start over, with nothing of the parent's."""
        self.journal.after_fork()
        self.shipper.after_fork()


_client: Client | None = None
_client_lock = threading.RLock()


def init(
    *,
    url: str | None = None,
    service: str | None = None,
    environment: str | None = None,
    release: str | None = None,
    spool_dir: str | os.PathLike[str] | None = None,
) -> None:
    """Set the client up. What is not given comes from the environment; without a call, all of it does.

    A setting that cannot be used is warned about and its default used: an error monitor must not stop its host.

    Args:
        url: the collector's address (`LEVQOR_ERRORS_URL`).
        service: the service's name where a call gives none (`LEVQOR_ERRORS_SERVICE`).
        environment: production, staging, … (`LEVQOR_ERRORS_ENVIRONMENT`).
        release: the version that runs (`LEVQOR_ERRORS_RELEASE`).
        spool_dir: where events wait until they are delivered (`LEVQOR_ERRORS_SPOOL_DIR`).
    """
    given = {
        "url": url, "service": service, "environment": environment, "release": release, "spool_dir": spool_dir,
    }  # fmt: skip
    try:
        settings = ClientSettings.from_env(**given)  # type: ignore[arg-type]
    except ConfigError as error:
        logger.warning("%s; the default is used", error)
        settings = ClientSettings.from_env({}, **{**given, "url": None})  # type: ignore[arg-type]
    _replace(Client(settings))


def log_error(
    service: str | None,
    message: object,
    severity: str = "error",
    *,
    user_email: str | None = None,
    path: str | None = None,
    stack: str | None = None,
    exception: BaseException | None = None,
    fingerprint: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> str | None:
    """Report an error. Inside an `except` block the exception being handled is attached by itself.

    Returns after one write to a file: the event survives even if the process is killed right after. Never raises.

    Args:
        service: the service's name; `None`: that of `init`.
        message: what happened; anything with a `str()`.
        severity: info, warning, error or critical, or a name that `event.SEVERITY_ALIASES` has.
        user_email: who the user was.
        path: where the user was: a path, a screen, a job's name.
        stack: a stack trace as text, if you have it in that form only.
        exception: the exception to attach, if it is not the one being handled.
        fingerprint: your own grouping: events of a service that have it in common are one issue.
        extra: anything else, as JSON can carry it.

    Returns:
        The event's id, as the dashboard shows it; `None` if it could not be taken.
    """
    return _record(
        service,
        message,
        severity,
        exception if exception is not None else sys.exc_info()[1],
        {"user_email": user_email, "path_or_screen": path, "stack": stack, "fingerprint": fingerprint},
        {"extra": dict(extra)} if extra else {},
    )


def log_exception(
    exc: BaseException | None = None,
    service: str | None = None,
    severity: str = "error",
    *,
    message: object = None,
    user_email: str | None = None,
    path: str | None = None,
    fingerprint: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> str | None:
    """Report an exception: the given one, or the one being handled. Never raises.

    Args:
        exc: the exception.
        service: the service's name; `None`: that of `init`.
        severity: as for `log_error`.
        message: by default the exception's own text, `ValueError: …`.
        user_email: as for `log_error`.
        path: as for `log_error`.
        fingerprint: as for `log_error`.
        extra: as for `log_error`.

    Returns:
        The event's id; `None` if there was no exception or it could not be taken.
    """
    exception = exc if exc is not None else sys.exc_info()[1]
    if exception is None:
        logger.warning("log_exception() was called without an exception, outside of an except block")
        return None
    if message is None:
        message = f"{type(exception).__name__}: {safe_str(exception)}"
    return _record(
        service,
        message,
        severity,
        exception,
        {"user_email": user_email, "path_or_screen": path, "fingerprint": fingerprint},
        {"extra": dict(extra)} if extra else {},
    )


def flush(timeout: float = 5.0) -> bool:
    """Wait until all events so far are delivered. Not needed for safety: what is not delivered stays in the journal.

    Args:
        timeout: seconds to wait at most.

    Returns:
        Whether they were delivered.
    """
    try:
        return current_client().shipper.flush(timeout)
    except Exception:
        logger.warning("flush() failed", exc_info=True)
        return False


def current_client() -> Client:
    """The client in use, made from the environment if there is none yet."""
    if _client is None:
        with _client_lock:
            if _client is None:
                init()
    assert _client is not None
    return _client


def _record(
    service: str | None,
    message: object,
    severity: str,
    exception: BaseException | None,
    fields: Mapping[str, object],
    context: dict[str, Any],
) -> str | None:
    try:
        return current_client().record(
            service=service,
            message=message,
            severity=severity,
            exception=exception,
            fields=fields,
            context=context,
        )
    except Exception:
        logger.warning("an event could not be taken", exc_info=True)
        return None


def _replace(client: Client) -> None:
    global _client
    with _client_lock:
        previous, _client = _client, client
    if previous is not None:
        # Without waiting: its thread ends by itself when it has delivered what goes out.
        previous.close(0)


def _at_exit() -> None:
    if _client is not None:
        _client.close(EXIT_SECONDS)


def _after_fork() -> None:
    global _client_lock
    _client_lock = threading.RLock()
    if _client is not None:
        _client.after_fork()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
