"""What services call. None of it raises, and none of it waits for a network; `flush` waits because it is asked to.

One client for the process, made by `init` or, from the environment, by the first event.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final

from ..config import DEFAULT_URL, ClientSettings
from ..errors import ConfigError
from ..redact import Redactor
from . import scopes
from .capture import safe_str
from .client import Client
from .options import BeforeSend, ClientOptions

logger = logging.getLogger("levqor_errors.client")

#: Seconds that the end of a process may wait for its last events to go out.
EXIT_SECONDS: Final = 1.5

# A dict instead of a global and a lock: setdefault is atomic, and a lock made here, at import, would be one of real
# threads in a program that gevent patches later.
_clients: dict[str, Client] = {}


def init(
    *,
    url: str | None = None,
    service: str | None = None,
    environment: str | None = None,
    release: str | None = None,
    spool_dir: str | os.PathLike[str] | None = None,
    key: str | None = None,
    before_send: BeforeSend | None = None,
    sample_rate: float | Mapping[str, float] | None = None,
    flood_limit: int | None = None,
    include_locals: bool = False,
    redact_keys: Iterable[str] = (),
    redact_patterns: Iterable[str] = (),
) -> None:
    """Set the client up. What is not given comes from the environment; without a call, all of it does.

    A setting that cannot be used is warned about and its default used: an error monitor must not stop its host.

    Args:
        url: the collector's address (`LEVQOR_ERRORS_URL`).
        service: the service's name where a call gives none (`LEVQOR_ERRORS_SERVICE`).
        environment: production, staging, … (`LEVQOR_ERRORS_ENVIRONMENT`).
        release: the version that runs (`LEVQOR_ERRORS_RELEASE`).
        spool_dir: where events wait until they are delivered (`LEVQOR_ERRORS_SPOOL_DIR`).
        key: this service's key, where the collector asks for one (`LEVQOR_ERRORS_KEY`).
        before_send: called with each event, a dict, before it touches the disk; returns it, changed or not, or `None`
            to leave it out. If it raises, the event is left out.
        sample_rate: which part of the events to keep, 0 to 1, of all or by severity: `{"info": 0.1}`.
        flood_limit: at most so many events of one kind a minute; those left out are counted and told of.
        include_locals: send local variables of the innermost frames too.
        redact_keys: names under which a value is secret, besides the usual ones.
        redact_patterns: regular expressions of what is secret wherever it stands.
    """
    settings = _settings(
        url=url, service=service, environment=environment, release=release, spool_dir=spool_dir, key=key
    )
    options = ClientOptions.usable(
        lambda error: logger.warning("%s; the default is used", error),
        before_send=before_send,
        sample_rate=sample_rate,
        flood_limit=flood_limit,
        include_locals=include_locals,
        redact_keys=redact_keys,
        redact_patterns=redact_patterns,
    )
    client = Client(settings, options)
    previous = replace_client(client)
    if previous is not None:
        # Without waiting: its thread ends by itself when it has delivered what goes out.
        previous.close(0)
    if client.journal.closed():
        # A process before this one was killed, or the collector was down when it ended.
        client.shipper.start()


#: What is given instead of a setting that cannot be used.
_INSTEAD: Final[Mapping[str, Mapping[str, str | None]]] = {
    "LEVQOR_ERRORS_URL": {"url": DEFAULT_URL},
    "LEVQOR_ERRORS_SPOOL_DIR": {"spool_dir": None},
    "LEVQOR_ERRORS_KEY": {"key": ""},
}


def _settings(**given: Any) -> ClientSettings:
    """The settings, with defaults for what cannot be used."""
    try:
        return ClientSettings.from_env(**given)
    except ConfigError as error:
        logger.warning("%s; the default is used", error)
        return _settings(**{**given, **_INSTEAD[error.key]})


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
    extra: Mapping[str, object] | None = None,
) -> str | None:
    """Report an error. Inside an `except` block the exception being handled is attached by itself.

    Returns after one write to a file: the event survives even if the process is killed right after. Never raises.

    Args:
        service: the service's name; `None`: that of `init`.
        message: what happened; anything with a `str()`.
        severity: info, warning, error or critical, or a name that `event.SEVERITY_ALIASES` has.
        user_email: who the user was; by default that of `set_user`.
        path: where the user was: a path, a screen, a job's name; by default that of the request.
        stack: a stack trace as text, if you have it in that form only.
        exception: the exception to attach, if it is not the one being handled.
        fingerprint: your own grouping: events of a service that have it in common are one issue.
        extra: anything else.

    Returns:
        The event's id, as the dashboard shows it; `None` if it was left out or could not be taken.
    """
    try:
        return current_client().record(
            service,
            message,
            severity,
            exception=exception if exception is not None or stack is not None else sys.exc_info()[1],
            fields={"user_email": user_email, "path_or_screen": path, "stack": stack, "fingerprint": fingerprint},
            extra=extra,
        )
    except Exception as error:  # noqa: BLE001 - the client never raises into its host
        _failed(error)
        return None


def log_exception(
    exc: BaseException | None = None,
    service: str | None = None,
    severity: str = "error",
    *,
    message: object = None,
    user_email: str | None = None,
    path: str | None = None,
    fingerprint: str | None = None,
    extra: Mapping[str, object] | None = None,
) -> str | None:
    """Report an exception: the given one, or the one being handled. Never raises.

    One that is reported already, by a middleware or a logging handler, is not reported again unless there is a message.

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
        The event's id, or that of the event it was reported by before; `None` if there was no exception, or it was
        left out or could not be taken.
    """
    try:
        exception = exc if exc is not None else sys.exc_info()[1]
        if exception is None:
            logger.warning("log_exception() was called without an exception, outside of an except block")
            return None
        return current_client().record(
            service,
            describe(exception) if message is None else message,
            severity,
            exception=exception,
            automatic=message is None,
            fields={"user_email": user_email, "path_or_screen": path, "fingerprint": fingerprint},
            extra=extra,
        )
    except Exception as error:  # noqa: BLE001 - the client never raises into its host
        _failed(error)
        return None


def report(
    exception: BaseException,
    *,
    service: str | None,
    severity: str = "error",
    path: str | None = None,
    context: Mapping[str, Any] | None = None,
) -> str | None:
    """For hooks and integrations: report an exception that nobody handled, unless it is reported already.

    Args:
        exception: what was raised.
        service: the service's name; `None`: that of `init`.
        severity: how bad it is.
        path: where it happened; by default that of the request.
        context: more of the event's context; must be JSON and without secrets already.
    """
    try:
        return current_client().record(
            service,
            describe(exception),
            severity,
            exception=exception,
            automatic=True,
            fields={"path_or_screen": path},
            context=context,
        )
    except Exception as error:  # noqa: BLE001 - the client never raises into its host
        _failed(error)
        return None


def flush(timeout: float = 5.0) -> bool:
    """Wait until all events so far are delivered. Not needed for safety: what is not delivered stays in the journal.

    Args:
        timeout: seconds to wait at most.

    Returns:
        Whether they were delivered.
    """
    try:
        return current_client().flush(timeout)
    except Exception as error:  # noqa: BLE001 - the client never raises into its host
        _failed(error)
        return False


def stats() -> dict[str, int]:
    """Counts since the process began: `recorded`, `delivered`, `waiting_bytes`, and `lost_…` by reason."""
    try:
        return current_client().stats()
    except Exception as error:  # noqa: BLE001 - the client never raises into its host
        _failed(error)
        return {}


def set_user(email: str | None = None, **more: object) -> None:
    """Say whose errors these are, from here on in this thread, task or `scope()`.

    Args:
        email: the column that the dashboard shows.
        more: further facts: an id, a plan.
    """
    _quietly(scopes.user, email, more)


def set_tag(name: str, value: object) -> None:
    """Add a short fact to the events from here on in this thread, task or `scope()`."""
    _quietly(scopes.tag, name, value)


def add_breadcrumb(
    message: object, *, category: str = "", level: str = "info", data: Mapping[str, object] | None = None
) -> None:
    """Note something that may explain a later error; the latest fifty go with it.

    Args:
        message: what happened.
        category: of what kind: `query`, `http`, …
        level: how bad it was.
        data: anything else.
    """
    _quietly(scopes.breadcrumb, message, category, level, data)


def scope() -> AbstractContextManager[None]:
    """`with scope():` users, tags and breadcrumbs set inside are forgotten at its end."""
    return scopes.entered()


def current_client() -> Client:
    """The client in use, made from the environment if there is none yet."""
    client = _clients.get("current")
    if client is None:
        # Of threads that come here at once all use the same one, whoever made it.
        client = _clients.setdefault("current", Client(_settings(), ClientOptions.check()))
    return client


def replace_client(client: Client) -> Client | None:
    """Use another client from here on; returns the one before it."""
    previous = _clients.get("current")
    _clients["current"] = client
    return previous


def describe(exception: BaseException) -> str:
    """`ValueError: invalid literal …`."""
    text = safe_str(exception)
    return f"{type(exception).__name__}: {text}" if text else type(exception).__name__


def _quietly(change: Any, *arguments: object) -> None:
    try:
        change(_redactor(), *arguments)
    except Exception as error:  # noqa: BLE001 - the client never raises into its host
        _failed(error)


def _redactor() -> Redactor:
    return current_client().options.redactor


_warned: set[str] = set()


def _failed(error: Exception) -> None:
    """An event could not be taken. Counted, and said once: what fails once fails for every event."""
    try:
        client = _clients.get("current")
        if client is not None:
            client.losses.add("internal")
        if "failed" not in _warned:
            _warned.add("failed")
            # Its type only: the text and the traceback of a stranger's exception may raise themselves.
            logger.warning("an event could not be taken (%s); further ones are only counted", type(error).__name__)
    except Exception:  # noqa: BLE001, S110 - there is nobody left to tell
        pass


def _at_exit() -> None:
    client = _clients.get("current")
    if client is not None:
        try:
            client.close(EXIT_SECONDS)
        except Exception as error:  # noqa: BLE001 - the client never raises into its host
            _failed(error)


_held: list[tuple[Client, tuple[bool, bool]]] = []


def _before_fork() -> None:
    client = _clients.get("current")
    if client is not None:
        _held.append((client, client.before_fork()))


def _after_fork_in_parent() -> None:
    while _held:
        client, held = _held.pop()
        client.after_fork_in_parent(held)


def _after_fork_in_child() -> None:
    _held.clear()
    client = _clients.get("current")
    if client is not None:
        client.after_fork()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
