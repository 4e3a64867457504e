"""Who was told of the month's errors, by the alerts' own runner under a clock that `fill.py` moves on; and what the
owner did about them.

No message leaves the machine: the channels here take everything and send nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from .. import instants
from ..alert_rules import read_rates
from ..alerts.channel import Sent
from ..alerts.notice import Notice
from ..alerts.runner import Runner
from ..config import AlertSettings
from ..errors import ChannelDownError
from ..storage import Storage
from ..storage.issues.model import Action

#: A rule that the incident meets.
SETTINGS: Final = AlertSettings(rates=read_rates("ALERT_RATES", "payments: 40 critical in 10m"), silence=False)
_CHAT: Final = "chat -100200300"
_MAILBOX: Final = "owner@shop.example"
#: Days before now at which the bot was thrown out of its chat, and was let in again.
_OUT: Final = (17.6, 17.1)


class Deed(NamedTuple):
    """Something that the owner did."""

    #: Days before now.
    at: float
    #: A fault's name.
    fault: str
    action: Action


#: The mute is in force still, the address came back after it, and the voucher did not.
DEEDS: Final = (
    Deed(16.1, "voucher", Action("resolve")),
    Deed(10.4, "disk", Action("resolve")),
    Deed(6.05, "address", Action("resolve")),
    Deed(4.0, "resize", Action("mute", seconds=14 * 24 * 3600)),
)


class _Quiet:
    """A channel that sends nothing."""

    def __init__(self, name: str, target: str, is_out: Callable[[], bool]) -> None:
        self.name = name
        self.target = target
        self._is_out = is_out

    def send(self, notice: Notice) -> Sent:
        self.check()
        return Sent(None)

    def check(self) -> str:
        if self._is_out():
            raise ChannelDownError("the bot was removed from the chat")
        return "signed in"

    def close(self) -> None:
        """Nothing is open."""


class Telling:
    """The alerts of the month.

    Args:
        storage: the database.
        now: the end of the month.
        post: writes the canary's event.
    """

    def __init__(self, storage: Storage, now: datetime, post: Callable[[dict[str, Any]], None]) -> None:
        self._storage = storage
        self._out = tuple(now - timedelta(days=days) for days in _OUT)
        self._post = post
        self.at = now
        self._runner = self._open()
        self._was_out = False

    def run(self, at: datetime) -> None:
        """Do what is due at an instant. Instants only go forward."""
        self.at = at
        if self._was_out and not self._is_out():
            # One that is down is signed in to again by the clock of this machine, every five minutes; or at once, by
            # whoever has just started.
            self._runner.close()
            self._runner = self._open()
        self._was_out = self._is_out()
        with _unlogged():
            self._runner.run_once()

    def do(self, deed: Deed, issue_id: int, now: datetime) -> None:
        """Do what the owner did, as his pages and buttons do it.

        Args:
            deed: what.
            issue_id: to which issue.
            now: the end of the month.
        """
        at = instants.to_text(now - timedelta(days=deed.at))
        self._storage.triage(deed.action, [issue_id], who="the owner", now=at)

    def close(self) -> None:
        """End."""
        self._runner.close()

    def _is_out(self) -> bool:
        return self._out[0] <= self.at < self._out[1]

    def _open(self) -> Runner:
        channels = [_Quiet("telegram", _CHAT, self._is_out), _Quiet("email", _MAILBOX, lambda: False)]
        return Runner(
            self._storage, SETTINGS, channels, dashboard_url=lambda: None, post=self._post, now=lambda: self.at
        )


@contextmanager
def _unlogged() -> Iterator[None]:
    """What happens in a month that never was is no news for this machine's log."""
    logger = logging.getLogger("levqor_errors.alerts")
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before
