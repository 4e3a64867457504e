"""Listens for what the owner answers, on a thread: one listener at a time on a database, since who asks twice gets
each press once.

Comes beside `sender.py`; what a press does is in `actions.py`.
"""

from __future__ import annotations

import json
import logging
import threading
from typing import Final, Protocol

from .. import instants
from ..errors import AlertError, StorageError
from ..storage import Storage
from . import clock

logger = logging.getLogger("levqor_errors.alerts")

#: Two polls and some more.
LEASE_SECONDS: Final = 75.0
#: Between two looks whether it is our turn, and after a failure.
_WAIT_SECONDS: Final = 10.0
_MOST_WAIT_SECONDS: Final = 300.0
_KEY: Final = "listener"


class Buttons(Protocol):
    """What a channel reads presses with."""

    def poll(self) -> None:
        """Wait some seconds for presses, and deal with them; raises `AlertError`."""
        ...

    def close(self) -> None:
        """End a poll that is under way."""
        ...


class Listener(threading.Thread):
    """The thread.

    Args:
        storage: the database, where it says whose turn it is.
        buttons: what to read.
        by: who, of all listeners on this database.
    """

    def __init__(self, storage: Storage, buttons: Buttons, *, by: str) -> None:
        super().__init__(name="levqor-errors-listener", daemon=True)
        self._storage = storage
        self._buttons = buttons
        self._by = by
        self._stopping = threading.Event()
        self._told = ""

    def stop(self) -> None:
        """End the poll under way."""
        self._stopping.set()
        self._buttons.close()

    def run(self) -> None:
        """Listen until stopped."""
        wait = 0.0
        while not self._stopping.wait(wait):
            try:
                if not self._is_our_turn():
                    wait = _WAIT_SECONDS
                    continue
                self._buttons.poll()
                wait, self._told = 0.0, ""
            except (AlertError, StorageError) as error:
                wait = min(max(wait * 2, _WAIT_SECONDS), _MOST_WAIT_SECONDS)
                self._tell(str(error))
            except Exception:
                wait = _MOST_WAIT_SECONDS
                logger.exception("answers to alerts cannot be read")
        try:
            self._give_up_turn()
        except StorageError as error:
            logger.info("the next listener waits until our turn ends by itself: %s", error)

    def _tell(self, why: str) -> None:
        """Once for each reason: it may stay so for days."""
        if why != self._told and not self._stopping.is_set():
            self._told = why
            logger.warning("answers to alerts cannot be read", extra={"reason": why})

    def _is_our_turn(self) -> bool:
        now = clock.now()
        at = instants.to_text(now)
        with self._storage.alerts() as store:
            store.outbox.be_alone()
            kept = json.loads(store.memory.get(_KEY) or "{}")
            until = kept.get("until", "")
            if kept.get("by") != self._by and at < until <= clock.after(now, LEASE_SECONDS + clock.SKEW_SECONDS):
                return False
            turn = {"by": self._by, "until": clock.after(now, LEASE_SECONDS)}
            store.memory.put(_KEY, json.dumps(turn), now=at)
        return True

    def _give_up_turn(self) -> None:
        at = instants.to_text(clock.now())
        with self._storage.alerts() as store:
            if json.loads(store.memory.get(_KEY) or "{}").get("by") == self._by:
                store.memory.put(_KEY, json.dumps({"by": self._by, "until": at}), now=at)
