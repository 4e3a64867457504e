"""What an export is made of: events as CSV or NDJSON. Pure; `export.py` sends it.

A line end comes before each record but the first, and a last one at the end of all: a file that was broken off between
two records does not end with a line end.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Any, Final, Protocol

import orjson

from .untrusted import NOTICE, marked

_COLUMNS: Final = (
    "notice", "id", "event_id", "created_at", "received_at", "severity", "source", "service", "environment", "release",
    "path_or_screen", "user_email", "message", "stack", "issue_id", "context",
)  # fmt: skip
#: With which spreadsheets begin a formula, the wide ones as well, and with which some are told to look behind them
#: (https://owasp.org/www-community/attacks/CSV_Injection). `'` is ours.
_FORMULA: Final = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20'")
#: What acts on a terminal that a file is shown in. Escaped as in JSON, in which it stays what it was.
_CONTROL: Final = re.compile("[^\t\n\r -~\xa0-\U0010ffff]")
#: What some spreadsheets pass over at the start of a cell.
_BLANK: Final = " \N{NO-BREAK SPACE}\N{ZERO WIDTH SPACE}\N{ZERO WIDTH NO-BREAK SPACE}\N{WORD JOINER}\x0b\x0c"


class Form(Protocol):
    """A form of file.

    Attributes:
        media_type: as it is sent.
        end: a line end.
    """

    media_type: str
    end: str

    def start(self) -> str | None:
        """What comes before all events, without its line end."""
        ...

    def records(self, events: Sequence[dict[str, Any]]) -> list[str]:
        """A record for each event, without its line end."""
        ...


class Csv:
    """RFC 4180, in UTF-8, every text in quotes.

    No cell is a formula: one that could be taken for one, or begins with an apostrophe, has an apostrophe before it.
    To take one away gives what was sent.
    """

    media_type = "text/csv; charset=utf-8; header=present"
    end = "\r\n"

    def start(self) -> str:
        return _row(_COLUMNS)

    def records(self, events: Sequence[dict[str, Any]]) -> list[str]:
        return [_row([_cell(name, event) for name in _COLUMNS]) for event in events]


class Ndjson:
    """An object a line, with all that `GET /api/errors/{id}` tells but the issue."""

    media_type = "application/x-ndjson"
    end = "\n"

    def start(self) -> None:
        return None

    def records(self, events: Sequence[dict[str, Any]]) -> list[str]:
        return [_harmless(orjson.dumps(marked(event)).decode()) for event in events]


FORMS: Final[dict[str, Form]] = {"csv": Csv(), "ndjson": Ndjson()}


def _cell(name: str, event: dict[str, Any]) -> object:
    if name == "notice":
        return NOTICE
    value = event[name]
    if name == "context":
        return orjson.dumps(value).decode() if value else ""
    return _inert(value) if isinstance(value, str) else value


def _inert(text: str) -> str:
    first = text.lstrip(_BLANK)[:1]
    return f"'{text}" if first in _FORMULA and first else text


def _row(cells: Sequence[object]) -> str:
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_NONNUMERIC, lineterminator="").writerow(cells)
    return _harmless(line.getvalue())


def _harmless(text: str) -> str:
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
