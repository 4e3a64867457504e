"""How bad an event is, and what else the world calls that. Shared by both ends, so it imports next to nothing."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

#: Where a sender names none.
DEFAULT_SERVICE: Final = "unknown"


class Severity(str, Enum):
    """How bad it is. The dashboard shows them blue, yellow, orange and red; `critical` alerts at once."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


#: What else senders call the severities: Python's and JavaScript's level names, syslog's, and Sentry's.
SEVERITY_ALIASES: Final[Mapping[str, Severity]] = {
    **{severity.value: severity for severity in Severity},
    "debug": Severity.INFO,
    "log": Severity.INFO,
    "notice": Severity.INFO,
    "warn": Severity.WARNING,
    "err": Severity.ERROR,
    "exception": Severity.ERROR,
    "fatal": Severity.CRITICAL,
    "alert": Severity.CRITICAL,
    "emergency": Severity.CRITICAL,
}
