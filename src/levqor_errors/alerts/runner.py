"""The loop of the alerts: decides when something is owed, and by the clock; senders do the rest, a thread a channel.

Runs in the collector, which wakes it in the moment of a commit, or as a process of its own (`levqor-errors alerts`).
What is due is decided from the database, so that a restart, a clock that is set, or a second runner changes nothing.
"""

from __future__ import annotations

import functools
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from .. import instants
from ..alert_rules import RateRule
from ..config import AlertSettings
from ..errors import StorageError
from ..ids import uuid7
from ..storage import Storage
from ..storage.alerts.store import AlertStore
from . import canary, clock, health
from .actions import act
from .canary import Canary
from .channel import Channel
from .channels import open_buttons
from .compose import Composer
from .daily import Daily
from .deputies import Deputies
from .listener import Listener
from .memory import StoredMemory
from .planner import Planner
from .routes import Routes
from .sender import Sender
from .tick import Ticker
from .watch import Watch

logger = logging.getLogger("levqor_errors.alerts")

#: How soon it sees what nobody has woken it for: of other processes, and issues that have come back.
POLL_SECONDS: Final = 1.0
#: Between two looks at the outbox, however often it is woken; and as many times as long as a look takes.
_LEAST_PAUSE_SECONDS: Final = 0.1
_PAUSE_TIMES: Final = 5
#: The last tick in the database is not older than this while a runner is well.
TICK_SECONDS: Final = 60.0
LAST_TICK: Final = "tick"
#: After so many ticks that did not come, nobody has looked.
_MISSED_TICKS: Final = 4
_WATCHED_SINCE: Final = "watched since"
#: The safety net: whatever was overlooked is owed still.
_CHECK_SECONDS: Final = 600
#: What comes by the clock is looked at so often; a rate more often, if its time is short.
_LOOK_SECONDS: Final = 60
_LEAST_LOOK_SECONDS: Final = 5
#: A rate that is reached within a whole look less than its time is never overlooked.
_LOOKS_A_RATE: Final = 6
#: Messages that are being sent when it stops get this long.
STOP_SECONDS: Final = 5.0


class Runner:
    """The loop, on a thread of its own. Starts with `start`.

    Args:
        storage: the database.
        settings: of alerts.
        channels: all that are set up; at least one.
        dashboard_url: the dashboard's address, when it is known.
        post: sends an event to the collector's own ingest, for the canary.
        now: the clock.
    """

    def __init__(
        self,
        storage: Storage,
        settings: AlertSettings,
        channels: Sequence[Channel],
        *,
        dashboard_url: Callable[[], str | None],
        post: Callable[[dict[str, Any]], None],
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        names = [channel.name for channel in channels]
        routes = Routes(settings.routes, names)
        self._storage = storage
        self._now = now
        self._planner = Planner(settings, routes)
        self._watch = Watch(storage, settings, routes)
        self._deputies = Deputies(routes, names)
        self._canary = Canary(storage, routes, names, post)
        self._daily = Daily(storage, settings, routes, self._canary)
        composer = Composer(storage, dashboard_url)
        by = f"{socket.gethostname()} {os.getpid()} {uuid7()[-12:]}"
        self.senders = [
            Sender(storage, channel, composer, self._deputies, by=by, wake_others=self.wake_senders, now=now)
            for channel in channels
        ]
        buttons = open_buttons(settings, StoredMemory(storage), functools.partial(act, storage))
        self._listener = None if buttons is None else Listener(storage, buttons, by=by)
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._seen: tuple[Any, ...] | None = None
        self._due_at = 0.0
        self._jobs = Ticker(self._guard)
        self._jobs.every(_LOOK_SECONDS, self.daily_error_summary)
        self._jobs.every(_CHECK_SECONDS, self.critical_error_check)
        self._jobs.every(_LOOK_SECONDS, self._look_around)
        for rule in settings.rates:
            seconds = min(max(rule.seconds // _LOOKS_A_RATE, _LEAST_LOOK_SECONDS), _LOOK_SECONDS)
            self._jobs.every(seconds, functools.partial(self._look_at_rate, rule))
        self._thread = threading.Thread(target=self._run, name="levqor-errors-alerts", daemon=True)

    def start(self) -> None:
        """Begin."""
        for thread in self._threads():
            thread.start()

    def wake(self) -> None:
        """Something may be owed: look now. From any thread, and returns at once."""
        self._woken.set()

    def wake_senders(self) -> None:
        """Messages were added."""
        for sender in self.senders:
            sender.wake()

    def close(self) -> None:
        """End; messages that are being sent have a few seconds."""
        self._stopping.set()
        self._woken.set()
        for sender in self.senders:
            sender.stop()
        if self._listener is not None:
            self._listener.stop()
        deadline = time.monotonic() + STOP_SECONDS
        for thread in self._threads():
            if thread.ident is not None:
                thread.join(max(0.0, deadline - time.monotonic()))

    def run_once(self) -> None:
        """Do all that is due by now, and wait until it is sent or has to wait; for cron."""
        self._jobs.run_all()
        # Until nobody has anything: one that is down leaves its messages to others.
        while any(sender.drain() for sender in self.senders):
            pass

    def _threads(self) -> list[threading.Thread]:
        return [self._thread, *self.senders, *([self._listener] if self._listener is not None else [])]

    def _run(self) -> None:
        self._jobs.run_all()
        while not self._stopping.is_set():
            self._woken.wait(POLL_SECONDS)
            self._woken.clear()
            if self._stopping.is_set():
                return
            began = time.monotonic()
            self._guard(self._look)
            self._jobs.run_due()
            self._stopping.wait(max(_LEAST_PAUSE_SECONDS, _PAUSE_TIMES * (time.monotonic() - began)))

    def _guard(self, job: Callable[[], None]) -> None:
        """Run a job. One that fails must end neither the loop nor the others; it is done again with its next turn."""
        try:
            job()
        except StorageError as error:
            logger.warning("alerts wait for the database: %s", error)
        except Exception:
            logger.exception("a job of the alerts fails")

    def _look(self) -> None:
        """Decide, if there is anything new to decide, or if something that waited is due."""
        with self._storage.alert_reader() as store:
            state = store.outbox.state()
        if state != self._seen or time.monotonic() >= self._due_at:
            self.critical_error_check()

    def critical_error_check(self) -> None:
        """Decide what is told of what is owed."""
        with self._storage.alerts() as store:
            # Before it is decided: what others commit from here on is another state.
            self._seen = store.outbox.state()
            down = health.down(store.memory)
            planned = self._planner.plan(store, self._now(), down=down, canary=canary.under_way(store))
        self._due_at = time.monotonic() + (TICK_SECONDS if planned.again is None else planned.again)
        for sender in self.senders:
            if sender.channel in planned.channels:
                sender.wake()

    def daily_error_summary(self) -> None:
        """What is due once a day."""
        if self._daily.run(self._now()):
            self.wake_senders()

    def _look_around(self) -> None:
        now = self._now()
        at = instants.to_text(now)
        with self._storage.alerts() as store:
            watched_since = note_tick(store, at, now)
            down = health.down(store.memory)
            found = self._deputies.look(store, now)
        self._watch.silence(now, down, watched_since)
        self._canary.look(now)
        if found:
            self.wake_senders()

    def _look_at_rate(self, rule: RateRule) -> None:
        with self._storage.alert_reader() as store:
            down = health.down(store.memory)
        self._watch.rate(rule, self._now(), down)


def note_tick(store: AlertStore, at: str, now: datetime) -> str:
    """Note that somebody looks after the alerts; returns since when somebody has, without a break."""
    last, since = store.memory.get(LAST_TICK), store.memory.get(_WATCHED_SINCE)
    store.memory.put(LAST_TICK, at, now=at)
    if since is None or not is_watched(last, now):
        since = at
        store.memory.put(_WATCHED_SINCE, since, now=at)
    return since


def is_watched(last_tick: str | None, now: datetime) -> bool:
    """Whether somebody looks after the alerts, by the `LAST_TICK` that is remembered."""
    return last_tick is not None and clock.is_within(last_tick, _MISSED_TICKS * TICK_SECONDS, now)
