"""The day's canary: an event of ours goes all of the way, through ingest, store and outbox, and each channel signs in.

A dead notifier and a quiet day look alike; this is what tells them apart. The result is in the day's summary, and a
canary that does not come through is told by whatever still works. Called by `runner.py` and `sender.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any, Final

from .. import instants
from ..errors import AlertError, LevqorError
from ..ids import uuid7
from ..storage import Storage
from ..storage.alerts.outbox import Alert
from ..storage.alerts.store import AlertStore
from ..storage.base import CANARY_SERVICE
from . import clock, health
from .channel import Sent
from .notice import Kind
from .routes import Routes

#: What came of the last one: `{"day", "at", "ok", "channels": {name: text}}`.
RESULT: Final = "canary"
#: The one that is under way, or was last: `{"day", "at", "event_id"}`.
_SENT: Final = "canary sent"
#: The day of the last one that was looked at when it should have come through.
_LOOKED: Final = "canary looked"
#: It comes through in a moment, unless something is wrong.
PATIENCE_SECONDS: Final = 600.0
#: What came of an older one says nothing about today.
_LATELY_SECONDS: Final = 48 * 3600.0
#: Before what a channel said that did not take the sign-in.
FAILED: Final = "FAILED: "


class Canary:
    """The canary.

    Args:
        storage: the database.
        routes: who is told when it fails.
        channels: names of all channels.
        post: sends an event to the collector's ingest; raises `LevqorError` when it is not taken.
    """

    def __init__(
        self, storage: Storage, routes: Routes, channels: Collection[str], post: Callable[[dict[str, Any]], None]
    ) -> None:
        self._storage = storage
        self._routes = routes
        self._channels = frozenset(channels)
        self._post = post

    def send(self, day: str, now: datetime) -> None:
        """Send a day's, if nobody has."""
        at = instants.to_text(now)
        event_id = uuid7()
        with self._storage.alerts() as store:
            store.outbox.be_alone()
            if _load(store, _SENT).get("day") == day:
                return
            store.memory.put(_SENT, json.dumps({"day": day, "at": at, "event_id": event_id}), now=at)
            store.memory.put(RESULT, json.dumps({"day": day, "at": at, "ok": False, "channels": {}}), now=at)
        event = {
            "event_id": event_id, "service": CANARY_SERVICE, "severity": "info", "fingerprint": "canary",
            "message": "The day's canary: all of the way is tried.",
        }  # fmt: skip
        try:
            self._post(event)
        except LevqorError as error:
            with self._storage.alerts() as store:
                self._tell(store, day, f"the collector did not take its event: {error}", now)

    def look(self, now: datetime) -> None:
        """Tell of one that should have come through by now. Each is looked at once: a channel that was down then, and
        is well again, has been told of."""
        with self._storage.alert_reader() as store:
            sent, result = _load(store, _SENT), _load(store, RESULT)
            looked, down = store.memory.get(_LOOKED), health.down(store.memory)
        if not sent or sent["day"] == looked or clock.is_within(sent["at"], PATIENCE_SECONDS, now):
            return
        channels: dict[str, str] = result.get("channels", {})
        # One that is down is told of already.
        wrong = [f"nothing is known of {name}" for name in sorted(self._channels - channels.keys() - down)]
        wrong += [
            f"{name} {said}" for name, said in sorted(channels.items()) if said.startswith(FAILED) and name not in down
        ]
        with self._storage.alerts() as store:
            store.memory.put(_LOOKED, sent["day"], now=instants.to_text(now))
            if wrong:
                self._tell(store, sent["day"], "; ".join(wrong), now)

    def _tell(self, store: AlertStore, day: str, why: str, now: datetime) -> None:
        at = instants.to_text(now)
        content = {
            "title": f"The daily check of {day} did not come through: {why}",
            "lines": ["An error might not be told of either. `levqor-errors doctor` says more."],
        }
        alert = Alert(f"canary failed {day}", Kind.CHANNEL.value, "error", None, None, content)
        channels = self._routes.of(Kind.CHANNEL, alert.severity, None, None)
        store.outbox.add(alert, self._routes.usable(channels, health.down(store.memory)), now=at)


def last(store: AlertStore, now: datetime) -> dict[str, Any] | None:
    """What came of the last canary, for those who look: `at`, whether it was `ok`, what `failed` of it as texts, and
    whether it is still `waiting` for its answer. `None`: there was none in the last two days.
    """
    sent, result = _load(store, _SENT), _load(store, RESULT)
    if not result or not clock.is_within(result["at"], _LATELY_SECONDS, now):
        return None
    return {
        "at": result["at"],
        "ok": result["ok"],
        "failed": [f"{name} {said}" for name, said in sorted(result["channels"].items()) if said.startswith(FAILED)],
        "waiting": bool(sent) and clock.is_within(sent["at"], PATIENCE_SECONDS, now),
    }


def under_way(store: AlertStore) -> str | None:
    """The event_id of the canary that was sent last."""
    event_id = _load(store, _SENT).get("event_id")
    return str(event_id) if event_id else None


def message_key(event_id: str | None) -> str:
    """The key of the message that a canary becomes."""
    return f"canary {event_id}"


def note_result(store: AlertStore, key: str, channel: str, result: Sent | AlertError, *, now: str) -> None:
    """Note how a channel's sign-in went, for the message of that key. An earlier day's, late, counts no more."""
    if key != message_key(under_way(store)):
        return
    kept = _load(store, RESULT) or {"channels": {}, "ok": True}
    channels: dict[str, str] = kept["channels"]
    went_well = isinstance(result, Sent)
    channels[channel] = result.remark if isinstance(result, Sent) else f"{FAILED}{result}"
    # The first to come back well makes it well; one that failed makes it not, whoever comes after.
    failed = any(text.startswith(FAILED) for text in channels.values())
    store.memory.put(RESULT, json.dumps({**kept, "at": now, "ok": went_well and not failed}), now=now)


def _load(store: AlertStore, key: str) -> dict[str, Any]:
    text = store.memory.get(key)
    return dict(json.loads(text)) if text else {}
