"""What a message says, before a channel has written it down in its own form. Made by `compose.py`, read by `channels/`.

Everything in it that came from a sender is hostile: a channel cuts it first and escapes it after.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

#: How many frames a message shows, the innermost ones.
FRAMES: Final = 3


class Kind(str, Enum):
    """Why somebody is told."""

    #: The first critical event of an issue, or more of them after its cool-down.
    CRITICAL = "critical"
    #: A resolved issue has an event again.
    REGRESSION = "regression"
    #: So many events in so many minutes.
    RATE = "rate"
    #: A service that usually logs has gone silent.
    SILENT = "silent"
    #: More than may be told one by one.
    STORM = "storm"
    #: A channel is down, told through another one.
    CHANNEL = "channel"
    #: The daily proof that all of the way works; nobody is told, each channel only signs in.
    CANARY = "canary"
    #: The day's summary.
    SUMMARY = "summary"
    #: Somebody wants to see whether it arrives.
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Notice:
    """A message.

    Attributes:
        id: short, for people (`A123`); a message that is sent twice after a crash has the same one both times.
        kind: why it is sent.
        severity: how bad it is: `info`, `warning`, `error`, `critical`.
        at: when it was decided on.
        title: what happened, in one line.
        lines: more of it, a sentence each.
        service: whose it is; `None`: of several, or of none.
        event: the first event that it is about, as `Storage.get` gives it, with `context`; `None` if it is about none,
            or the event is deleted already.
        issue: its issue, as under `issue` of that.
        count: how many events it speaks of.
        since: when the first of those was received.
        link: where the dashboard shows it; `None` if the dashboard's address is not known.
        summary: for a summary, its facts; see `summary.py`.
    """

    id: str
    kind: Kind
    severity: str
    at: str
    title: str
    lines: tuple[str, ...] = ()
    service: str | None = None
    event: Mapping[str, Any] | None = None
    issue: Mapping[str, Any] | None = None
    count: int = 1
    since: str | None = None
    link: str | None = None
    summary: Mapping[str, Any] | None = None


def last_frames(event: Mapping[str, Any], most: int = FRAMES) -> list[str]:
    """Where it happened, a line a frame, the innermost last: our code where that is known, else the stack's end."""
    exceptions = event.get("context", {}).get("exceptions")
    frames: list[Any] = []
    if isinstance(exceptions, list) and exceptions and isinstance(exceptions[0], dict):
        listed = exceptions[0].get("frames")
        frames = [frame for frame in listed if isinstance(frame, dict)] if isinstance(listed, list) else []
    shown = [frame for frame in frames if frame.get("in_app")] or frames
    if shown:
        return [
            f"{frame.get('file') or frame.get('module')}:{frame.get('line')} in {frame.get('function')}"
            for frame in shown[-most:]
        ]
    lines = [line.strip() for line in (event.get("stack") or "").splitlines() if line.strip()]
    # The last line of a Python traceback says again what the message says.
    return lines[-most:]
