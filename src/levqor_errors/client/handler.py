"""`ErrorHandler`: the logging module's way into the client.

    logging.getLogger().addHandler(ErrorHandler(service="checkout"))

or in a `dictConfig`: `{"class": "levqor_errors.ErrorHandler", "service": "checkout", "level": "ERROR"}`.
"""

from __future__ import annotations

import logging
import threading
from typing import Any, Final

from . import scopes
from .api import current_client
from .capture import safe_str
from .snapshot import safe_repr

#: The client's own way out would log about itself for ever.
_OWN_LOGGERS: Final = frozenset({"levqor_errors", "httpx", "httpcore"})
#: What every record has; anything else on a record is the caller's `extra`.
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
#: Records within records that are heard.
_DEPTH: Final = 4
_TRACEBACK: Final = "\nTraceback (most recent call last):\n"


class ErrorHandler(logging.Handler):
    """Reports log records as events, and keeps lesser ones as breadcrumbs of later events.

    Args:
        service: the service's name; by default that of `init`.
        level: records from this level on are events.
        breadcrumbs: records from this level on, and under `level`, are breadcrumbs; `None`: none are.
    """

    def __init__(
        self,
        service: str | None = None,
        level: int | str = logging.ERROR,
        breadcrumbs: int | str | None = logging.INFO,
    ) -> None:
        self.service = service
        self._breadcrumb_level = None if breadcrumbs is None else _number(breadcrumbs)
        self._busy = threading.local()
        super().__init__()
        self.setLevel(level)

    def setLevel(self, level: int | str) -> None:  # noqa: N802 - logging's own name
        """Set the level from which records are events; `dictConfig` does so after making the handler."""
        self.event_level = _number(level)
        # logging passes over a handler whose level is above the record's, so ours has to be the lower of the two.
        lowest = self.event_level if self._breadcrumb_level is None else min(self.event_level, self._breadcrumb_level)
        super().setLevel(lowest)

    def handle(self, record: logging.LogRecord) -> bool:
        """As `logging.Handler` does, but without its lock: appending needs none, and whoever holds one lock while he
        waits for another may wait for ever."""
        # From Python 3.12 a filter may put another record in this one's place.
        passed: bool | logging.LogRecord = self.filter(record)
        if passed:
            self.emit(passed if isinstance(passed, logging.LogRecord) else record)
        return bool(passed)

    def emit(self, record: logging.LogRecord) -> None:
        """Append the record to the journal, or to the breadcrumbs."""
        depth = getattr(self._busy, "depth", 0)
        # A signal handler or a destructor may log while this very thread is in here, and is heard. A message that logs
        # itself while it is shown comes back for ever, and is not.
        if depth >= _DEPTH or str(record.name).partition(".")[0] in _OWN_LOGGERS:
            return
        self._busy.depth = depth + 1
        try:
            if record.levelno >= self.event_level:
                self._report(record)
            else:
                redactor = current_client().options.redactor
                scopes.breadcrumb(redactor, _message(record), record.name, record.levelname.lower(), None)
        except Exception:  # noqa: BLE001 - as logging has it: told on stderr, never raised
            self.handleError(record)
        finally:
            self._busy.depth = depth

    def _report(self, record: logging.LogRecord) -> None:
        context: dict[str, Any] = {
            "logger": record.name,
            "location": {"file": record.pathname, "line": record.lineno, "function": record.funcName},
        }
        # The message before its arguments went in is the same for every occurrence: what to group by.
        client = current_client()
        if record.args and type(record.msg) is str:
            context["message_template"] = client.options.redactor.text(safe_str(record.msg))
        message = _message(record)
        exception = record.exc_info[1] if record.exc_info else None
        stack = (record.exc_text or record.stack_info) if exception is None else None
        if exception is None and stack is None and _TRACEBACK in message:
            # What a QueueHandler leaves of an exception: its text behind the message (QueueHandler.prepare).
            message, stack = _split(message)
        extra = {name: value for name, value in record.__dict__.items() if name not in _STANDARD}
        client.record(
            self.service,
            message,
            _severity(record.levelno),
            exception=exception,
            automatic=True,
            fields={"stack": stack} if stack else None,
            extra=extra,
            context=context,
        )


def _message(record: logging.LogRecord) -> str:
    """The record's message; where its arguments do not fit, or cannot be shown, what there is of it."""
    try:
        return str.__str__(record.getMessage())
    except Exception:  # noqa: BLE001 - a stranger's __str__ may raise anything
        given = ", ".join(safe_repr(one)[:200] for one in _arguments(record.args)[:10])
        return f"{safe_str(record.msg)} (arguments that do not fit: {given})" if given else safe_str(record.msg)


def _arguments(args: object) -> tuple[object, ...]:
    return args if type(args) is tuple else (args,)


def _split(message: str) -> tuple[str, str]:
    head, _, tail = message.partition(_TRACEBACK)
    return head, _TRACEBACK.lstrip("\n") + tail


def _number(level: int | str) -> int:
    """A level's number.

    Raises:
        ValueError: for a name that is none.
    """
    if isinstance(level, int):
        return level
    number = logging.getLevelName(level.upper())
    if not isinstance(number, int):
        raise ValueError(f"unknown level: {level!r}")
    return number


def _severity(level: int) -> str:
    if level >= logging.CRITICAL:
        return "critical"
    if level >= logging.ERROR:
        return "error"
    return "warning" if level >= logging.WARNING else "info"
