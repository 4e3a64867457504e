"""Events in a terminal: severities in colour with their names beside, times to the second."""

from __future__ import annotations

from typing import Any, Final

from rich.text import Text

from ..printable import printable

STYLES: Final = {"critical": "bold red", "error": "dark_orange", "warning": "yellow", "info": "blue"}


def severity_text(event: dict[str, Any]) -> Text:
    """The event's severity, coloured."""
    severity = printable(event.get("severity"))
    return Text(severity, style=STYLES.get(severity, ""))


def clock(event: dict[str, Any]) -> str:
    """When the event was received, to the second."""
    return printable(event.get("received_at"))[:19].replace("T", " ")
