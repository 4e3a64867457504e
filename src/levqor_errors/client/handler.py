"""`ErrorHandler`: the logging module's way into the client.

    logging.getLogger().addHandler(ErrorHandler(service="checkout"))

or in a `dictConfig`: `{"class": "levqor_errors.ErrorHandler", "service": "checkout", "level": "ERROR"}`.
"""

from __future__ import annotations

import logging
import threading
from typing import Any, Final

from .api import _record

#: The client's own way out would log about itself for ever.
_OWN_LOGGERS: Final = ("levqor_errors", "httpx", "httpcore")


class ErrorHandler(logging.Handler):
    """Reports log records as events.

    Args:
        service: the service's name; by default that of `init`.
        level: records below it are not reported.
    """

    def __init__(self, service: str | None = None, level: int | str = logging.ERROR) -> None:
        super().__init__(level)
        self.service = service
        self._busy = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        """Append the record to the journal."""
        if record.name.partition(".")[0] in _OWN_LOGGERS or getattr(self._busy, "now", False):
            return
        self._busy.now = True
        try:
            self._report(record)
        except Exception:  # noqa: BLE001 - a record whose arguments do not fit is told as logging tells it
            self.handleError(record)
        finally:
            self._busy.now = False

    def _report(self, record: logging.LogRecord) -> None:
        exception = record.exc_info[1] if record.exc_info else None
        context: dict[str, Any] = {
            "logger": record.name,
            "location": {"file": record.pathname, "line": record.lineno, "function": record.funcName},
        }
        # The message before its arguments went in is the same for every occurrence: what to group by.
        if record.args and isinstance(record.msg, str):
            context["message_template"] = record.msg
        message = record.getMessage()
        fields = {"stack": record.exc_text if exception is None else None}
        _record(self.service, message, _severity(record.levelno), exception, fields, context)


def _severity(level: int) -> str:
    if level >= logging.CRITICAL:
        return "critical"
    if level >= logging.ERROR:
        return "error"
    return "warning" if level >= logging.WARNING else "info"
