"""The collector's own log: one line a record, in logfmt, without secrets, and with nothing that acts on a terminal.

    2026-11-24T03:00:00.000Z level=warning event="writes fail" reason="the disk is full"

Records of libraries go through it too (uvicorn's, asyncio's), and they may carry what strangers sent. `server.py`
sets it up; whoever mounts the collector in an application of their own can use `LogFormatter` there.
"""

from __future__ import annotations

import logging
import re
from typing import Any, Final
from urllib.parse import quote, quote_plus

from .. import instants, limits
from ..clean import clean_text
from ..printable import printable
from ..redact import REDACTED, Redactor

#: What every record has. The rest is what `extra=` gave it.
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
#: uvicorn's own, for its own formatter: the message again, with terminal escapes.
_NOT_SHOWN: Final = frozenset({"color_message"})
#: Fields of the line itself; an extra of that name gets an underscore behind it.
_OURS: Final = frozenset({"level", "logger", "event", "trace", "stack"})
_BARE: Final = re.compile(r"[\w./:@%+-]+", re.ASCII)
_NOT_A_NAME: Final = re.compile(r"[^\w.-]", re.ASCII)
#: A shorter secret would be shown by the gaps that its removal leaves.
_SHORTEST: Final = 4

_hidden: tuple[str, ...] = ()


def hide(*secrets: str) -> None:
    """Make known what no log line of this process may contain, wherever it comes from and however it is written.

    Args:
        secrets: values of secrets; those of less than four characters are left alone.
    """
    global _hidden
    forms = set(_hidden)
    for secret in secrets:
        if len(secret) >= _SHORTEST:
            plain = secret.encode(errors="replace")
            forms |= {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}
            forms |= {repr(secret)[1:-1], repr(plain)[2:-1]}
    # The longest first: one may be a part of another.
    _hidden = tuple(sorted(forms, key=len, reverse=True))


class LogFormatter(logging.Formatter):
    """Writes a record as one line. Never raises: the log is where one looks when something else has failed."""

    def __init__(self) -> None:
        super().__init__()
        self._redactor = Redactor()

    def format(self, record: logging.LogRecord) -> str:
        try:
            return self._line(record)
        except Exception as error:  # noqa: BLE001 - extras and messages are objects of anybody's
            now = instants.now()
            return f'{now} level=error event="a log record cannot be shown" reason={type(error).__name__}'

    def _line(self, record: logging.LogRecord) -> str:
        fields = [
            instants.to_text(instants.from_epoch(record.created)),
            f"level={self._value(record.levelname.lower())}",
        ]
        if record.name.partition(".")[0] != "levqor_errors":
            fields.append(f"logger={self._value(record.name)}")
        fields.append(f"event={self._value(_message(record))}")
        for name, value in vars(record).items():
            if name not in _STANDARD and name not in _NOT_SHOWN:
                shown = REDACTED if self._redactor.is_secret(str(name)) else self._value(value)
                fields.append(f"{self._name(str(name))}={shown}")
        if record.exc_info or record.exc_text:
            trace = record.exc_text or (self.formatException(record.exc_info) if record.exc_info else "")
            fields.append(f"trace={self._value(trace, limits.STACK_CHARS)}")
        if record.stack_info:
            fields.append(f"stack={self._value(record.stack_info, limits.STACK_CHARS)}")
        return " ".join(fields)

    @staticmethod
    def _name(name: str) -> str:
        name = _NOT_A_NAME.sub("_", without_hidden(name))[: limits.CONTEXT_KEY_CHARS] or "_"
        return f"{name}_" if name in _OURS else name

    def _value(self, value: object, most: int = limits.MESSAGE_CHARS) -> str:
        """A value as logfmt has it: bare where that is a word, else in quotes, with every character that acts on a
        terminal or ends a line escaped as Python and JavaScript would."""
        if value is None or isinstance(value, bool):
            return "null" if value is None else str(value).lower()
        # What is known to be secret goes first. What only looks like it is sought in a bounded text; a first cut that
        # went through it may leave halves beside the gap, and the second takes those away.
        text = _cut(without_hidden(_text(value).rstrip("\r\n")), 2 * most)
        text = _cut(self._redactor.text(text), most)
        if _BARE.fullmatch(text):
            return text
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{printable(escaped)}"'


def without_hidden(text: str) -> str:
    """A text without what was made known to `hide`."""
    for secret in _hidden:
        text = text.replace(secret, REDACTED)
    return text


def _message(record: logging.LogRecord) -> str:
    """The record's message; with arguments that do not fit it, both as they are."""
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - TypeError, ValueError, KeyError, and whatever an argument's __str__ raises
        return f"{_text(record.msg)} {_text(record.args)}"


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - it is anybody's object
        return f"<{type(value).__name__}: its text fails with {type(error).__name__}>"


def _cut(text: str, most: int) -> str:
    # Text that needs no cut is left as it is: what cannot be stored can be shown, escaped.
    return text if len(text) <= most else clean_text(text, most)


#: For `logging.config.dictConfig`: every process of ours logs like this.
LOGGING: Final[dict[str, Any]] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"logfmt": {"()": LogFormatter}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "logfmt"}},
    # Whatever else has something to say (asyncio of a task that failed) says it in the same form.
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "levqor_errors": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        # At INFO uvicorn tells of its own start and stop, which the command line does better.
        "uvicorn": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        # At INFO it logs full URLs; a Telegram bot's token is part of its URL.
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
    },
}
