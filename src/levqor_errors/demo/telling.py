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
from ..alerts import clock
from ..alerts.channel import Sent
from ..alerts.notice import Notice
from ..alerts.runner import Runner
from ..config import AlertSettings
from ..errors import ChannelDownError
from ..storage import Storage

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
    state: str
    #: For how many days from then on, for a mute.
    days: float | None = None


#: The mute is in force still, the address came back after it, and the voucher did not.
DEEDS: Final = (
    Deed(16.1, "voucher", "resolved"),
    Deed(10.4, "disk", "resolved"),
    Deed(6.05, "address", "resolved"),
    Deed(4.0, "resize", "muted", 14),
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
        """Do what the owner did, and write it down as his buttons do.

        Args:
            deed: what.
            issue_id: to which issue.
            now: the end of the month.
        """
        at = now - timedelta(days=deed.at)
        until = None if deed.days is None else clock.after(at, timedelta(days=deed.days).total_seconds())
        with self._storage.alerts() as store:
            store.issues.set_state(issue_id, deed.state, until)
            store.ledger.note(
                deed.state, f"by the owner{f', until {until}' if until else ''}", now=instants.to_text(at),
                issue_id=issue_id,
            )  # fmt: skip

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
