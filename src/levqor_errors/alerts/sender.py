"""Sends: a thread a channel, so that one that hangs holds up no other. Comes after `planner.py`; ends at a channel.

A message is claimed in one transaction, sent outside of any, and marked in another. Whoever dies between the last two
has sent it, and it is sent once more, under the same id; whoever dies before has not, and somebody else does.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple

from .. import instants
from ..errors import AlertError, ChannelDownError, ChannelPassingError, MessageRefusedError, StorageError
from ..storage import Storage
from ..storage.alerts.deliveries import AlertRow, Delivery
from ..storage.alerts.outbox import Alert
from ..storage.alerts.store import AlertStore
from . import clock, health
from .canary import note_result
from .channel import Channel, Sent
from .compose import Composer
from .deputies import Deputies
from .health import ChannelHealth
from .notice import Kind

logger = logging.getLogger("levqor_errors.alerts")

#: Longer than any channel takes for a message, with its waits; a mail server may take minutes to say yes.
LEASE_SECONDS: Final = 300.0
#: No time that is written is further ahead than this, so that a clock that is set back by an hour holds up nothing
#: that waits. Who is told to wait for longer looks more often, and sends no sooner.
FARTHEST_SECONDS: Final = 600.0
#: Between two tries of a message, twice as long each time, with some chance in it.
FIRST_RETRY_SECONDS: Final = 2.0
MOST_RETRY_SECONDS: Final = 300.0
#: A channel that is down is looked at again after this.
PROBE_SECONDS: Final = 300.0
#: How often it looks for what others have left: claims that have ended, or other collectors' messages.
POLL_SECONDS: Final = 5.0
#: A channel that fails so often in a row is said to be failing.
_FAILING_AFTER: Final = 3


class _Ended(NamedTuple):
    """A try, and what came of it; kept until it is written down."""

    delivery: Delivery
    row: AlertRow
    result: Sent | AlertError


class Sender(threading.Thread):
    """One channel's.

    Args:
        storage: the database.
        channel: where to.
        composer: what to say.
        deputies: which other channel takes over.
        by: who claims, of all senders on this database.
        wake_others: called when other channels have something to send.
        now: the clock.
    """

    def __init__(
        self,
        storage: Storage,
        channel: Channel,
        composer: Composer,
        deputies: Deputies,
        *,
        by: str,
        wake_others: Callable[[], None],
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        super().__init__(name=f"levqor-errors-{channel.name}", daemon=True)
        self._storage = storage
        self._channel = channel
        self._composer = composer
        self._deputies = deputies
        self._by = by
        self._wake_others = wake_others
        self._now = now
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._failures = 0
        self._pause_until = 0.0
        self._probe_at = 0.0
        self._down = False

    @property
    def channel(self) -> str:
        """Its channel's name."""
        return self._channel.name

    def drain(self) -> bool:
        """Send all that is due, on this thread; returns whether there was anything."""
        self._down = self._is_known_down()
        worked = False
        while self._turn():
            worked = True
        return worked

    def wake(self) -> None:
        """Look for messages now."""
        self._woken.set()

    def stop(self) -> None:
        """End after the message under way."""
        self._stopping.set()
        self._woken.set()
        self._channel.close()

    def run(self) -> None:
        """Send until stopped."""
        try:
            self._down = self._is_known_down()
        except StorageError as error:
            logger.warning("the state of a channel is not known: %s", error)
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                worked = self._turn()
            except StorageError as error:
                logger.warning("alerts wait for the database: %s", error)
                worked = False
            except Exception:
                # A thread that ends tells nobody anything any more.
                logger.exception("a message was not dealt with", extra={"channel": self._channel.name})
                worked = False
                self._stopping.wait(1)
            if not worked:
                self._woken.wait(self._idle_seconds())

    def _idle_seconds(self) -> float:
        pause = self._pause_until - time.monotonic()
        return max(0.01, min(pause, POLL_SECONDS)) if pause > 0 else POLL_SECONDS

    def _turn(self) -> bool:
        """One message, if there is one; returns whether there was."""
        if self._down:
            self._probe()
        if self._down or time.monotonic() < self._pause_until:
            # A wake-up is no reason to be told 429 again.
            self._stopping.wait(min(0.05, max(0, self._pause_until - time.monotonic())))
            return False
        now = self._now()
        with self._storage.alerts() as store:
            delivery = store.deliveries.claim(
                self._channel.name, self._by, now=instants.to_text(now),
                until=clock.after(now, LEASE_SECONDS), farthest=clock.after(now, FARTHEST_SECONDS + clock.SKEW_SECONDS),
            )  # fmt: skip
            row = store.deliveries.alert(delivery.alert_id) if delivery is not None else None
        if delivery is None or row is None:
            return False
        ended = _Ended(delivery, row, self._send(row))
        self._take_note(ended.result)
        self._write_down(ended)
        return True

    def _send(self, row: AlertRow) -> Sent | AlertError:
        try:
            if row.kind == Kind.CANARY.value:
                return Sent(None, self._channel.check())
            return self._channel.send(self._composer.compose(row))
        except AlertError as error:
            return error
        except Exception as error:
            # A mistake of ours, or of a library. Nothing says that the message went out, so it is tried again.
            logger.exception("a channel fails", extra={"channel": self._channel.name})
            return ChannelPassingError(f"unexpected {type(error).__name__}")

    def _take_note(self, result: Sent | AlertError) -> None:
        """What a try means for the next one. After a failure the next message is tried soon: it may be the one message
        that is not taken. But who says for how long to wait means all."""
        if isinstance(result, ChannelDownError):
            self._down = True
            self._probe_at = time.monotonic() + PROBE_SECONDS
        elif isinstance(result, ChannelPassingError):
            self._failures += 1
            pause = result.retry_after if result.retry_after is not None else min(self._failures, 10)
            self._pause_until = time.monotonic() + pause
        else:
            self._down = False
            self._failures = 0

    def _write_down(self, ended: _Ended) -> None:
        """Mark it, however long the database takes: nothing else is sent before, so that nothing is sent twice."""
        wait = 0.1
        while True:
            try:
                with self._storage.alerts() as store:
                    self._mark(store, ended, self._now())
                break
            except StorageError:
                if self._stopping.wait(wait):
                    raise
                wait = min(wait * 2, 5.0)
        if isinstance(ended.result, (ChannelDownError, MessageRefusedError)):
            self._wake_others()

    def _mark(self, store: AlertStore, ended: _Ended, now: datetime) -> None:
        at = instants.to_text(now)
        delivery, row, result = ended
        is_canary = row.kind == Kind.CANARY.value
        if is_canary or isinstance(result, ChannelDownError):
            # What is read and written again here is every channel's, and every collector's.
            store.outbox.be_alone()
        if is_canary:
            note_result(store, row.key, self._channel.name, result, now=at)
        if isinstance(result, Sent):
            store.deliveries.end(delivery.id, "sent", now=at, reference=result.reference)
            self._note(store, "sent", result.remark or f"to {self._channel.target}", at, row)
        elif is_canary or isinstance(result, MessageRefusedError):
            store.deliveries.end(delivery.id, "refused", now=at)
            self._note(store, "refused", str(result), at, row)
            if not is_canary:
                self._deputies.take(store, row, self._channel.name, at)
        else:
            self._retry(store, ended, result, now)
        if isinstance(result, ChannelDownError):
            self._is_down(store, str(result), at)
        elif isinstance(result, ChannelPassingError):
            self._is_failing(store, str(result), at)
        else:
            self._is_well(store, at)

    def _retry(self, store: AlertStore, ended: _Ended, error: AlertError, now: datetime) -> None:
        delivery, row, _ = ended
        if isinstance(error, ChannelDownError):
            # Due as soon as the channel works again.
            wait = 0.0
        elif isinstance(error, ChannelPassingError) and error.retry_after is not None:
            wait = max(error.retry_after, FIRST_RETRY_SECONDS)
        else:
            wait = _backoff(delivery.attempts)
        again = clock.after(now, min(wait, FARTHEST_SECONDS))
        store.deliveries.retry(delivery.id, self._by, again)
        self._note(store, "waits", f"until {again}, after try {delivery.attempts}: {error}", instants.to_text(now), row)

    def _is_well(self, store: AlertStore, at: str) -> None:
        # By what the database has: another collector, or an earlier run, may have seen it otherwise.
        before = health.read(store.memory, self._channel.name)
        if before is None or before.state != "ok":
            health.write(store.memory, self._channel.name, ChannelHealth("ok", at), now=at)

    def _is_failing(self, store: AlertStore, why: str, at: str) -> None:
        before = health.read(store.memory, self._channel.name)
        if self._failures >= _FAILING_AFTER and (before is None or before.state == "ok"):
            health.write(store.memory, self._channel.name, ChannelHealth("failing", at, why), now=at)

    def _is_down(self, store: AlertStore, why: str, at: str) -> None:
        """Remember it; what waits here goes elsewhere, if there is another channel, and that tells of this one."""
        name = self._channel.name
        known = health.read(store.memory, name)
        if known is None or known.state != "down":
            known = ChannelHealth("down", at, why)
            health.write(store.memory, name, known, now=at)
            logger.error("a channel is down", extra={"channel": name, "reason": why})
            store.ledger.note("down", why, now=at, channel=name)
        others = self._deputies.of(store, name)
        if others:
            content = {
                "title": f"{name.capitalize()} does not work any more: {why}",
                "lines": [
                    f"What was meant for it goes by {' and '.join(others)}.",
                    "`levqor-errors doctor` says more, and tries it.",
                ],
            }
            # One whose sign-in works and whose messages do not comes and goes: told once an hour.
            key = f"channel {name} {instants.hour_of(known.since)}"
            store.outbox.add(Alert(key, Kind.CHANNEL.value, "error", None, None, content), others, now=at)
            self._deputies.take_all(store, name, at)

    def _probe(self) -> None:
        if time.monotonic() < self._probe_at:
            return
        self._probe_at = time.monotonic() + PROBE_SECONDS
        self._down = self._is_known_down()
        if not self._down:
            # Another collector has found out.
            return
        try:
            said = self._channel.check()
        except AlertError:
            # Another channel may have come back meanwhile.
            with self._storage.alerts() as store:
                moved = self._deputies.take_all(store, self._channel.name, instants.to_text(self._now()))
            if moved:
                self._wake_others()
            return
        with self._storage.alerts() as store:
            at = instants.to_text(self._now())
            store.ledger.note("works again", said, now=at, channel=self._channel.name)
            self._is_well(store, at)
        self._down = False

    def _is_known_down(self) -> bool:
        with self._storage.alert_reader() as store:
            found = health.read(store.memory, self._channel.name)
        return found is not None and found.state == "down"

    def _note(self, store: AlertStore, what: str, detail: str, at: str, row: AlertRow) -> None:
        store.ledger.note(
            what, detail, now=at, alert_id=row.id, issue_id=row.issue_id, channel=self._channel.name
        )  # fmt: skip


def _backoff(attempts: int) -> float:
    wait: float = min(FIRST_RETRY_SECONDS * 2 ** min(attempts - 1, 10), MOST_RETRY_SECONDS)
    return wait * random.uniform(0.8, 1.2)  # noqa: S311 - so that many collectors do not come at once
