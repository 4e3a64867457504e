"""What the owner answers to a message: acknowledge, mute, resolve. Called by channels that have buttons."""

from __future__ import annotations

from typing import Final, NamedTuple

from .. import instants
from ..errors import AlertError
from ..storage import Action, Do, Storage
from . import clock
from .compose import short_id


class _Answer(NamedTuple):
    action: Action
    #: What the ledger calls it, and what the one who pressed is told.
    what: str
    answer: str


_HOUR: Final = 3600
ACTIONS: Final = {
    "ack": _Answer(
        Action(Do.MUTE.value, seconds=24 * _HOUR),
        "acknowledged",
        "Acknowledged: nothing more about this issue for a day.",
    ),
    "mute": _Answer(Action(Do.MUTE.value, seconds=2 * _HOUR), "muted", "Muted for 2 hours."),
    "resolve": _Answer(Action(Do.RESOLVE.value), "resolved", "Resolved. If it comes back, you are told."),
}


def act(storage: Storage, action: str, alert_id: int, who: str) -> str:
    """Do what the owner has answered; returns what to say to that.

    Args:
        storage: the database.
        action: a key of `ACTIONS`.
        alert_id: the message that was answered.
        who: by whom, for the ledger.

    Raises:
        AlertError: there is no such message, or nothing that it is about.
        StorageUnavailableError: not now.
    """
    chosen = ACTIONS.get(action)
    if chosen is None:
        raise AlertError("this button is not known here")
    now = instants.to_text(clock.now())
    with storage.alerts() as store:
        row = store.deliveries.alert(alert_id)
        if row is None or row.issue_id is None:
            raise AlertError(f"{short_id(alert_id)} is about no issue, or is forgotten already")
        done = store.issues.act(chosen.action, [row.issue_id], who=who, now=now, called=chosen.what, alert_id=alert_id)
        if done.refused:
            raise AlertError(f"the issue of {short_id(alert_id)} is deleted already")
    return chosen.answer
