"""One listener at a time on a database, and what a press does; on both databases."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

import pytest

from levqor_errors.alerts import clock, listener
from levqor_errors.alerts.actions import ACTIONS, act
from levqor_errors.alerts.listener import Listener
from levqor_errors.errors import AlertError, ChannelDownError
from levqor_errors.storage import Storage
from levqor_errors.storage.alerts.outbox import Alert
from storage_support import new_event, write
from support import Database, rows, wait_until


class Polls:
    """Buttons that nobody presses."""

    def __init__(self, poll: Callable[[], None] = lambda: None) -> None:
        self.number = 0
        self._poll = poll
        self._closed = threading.Event()

    def poll(self) -> None:
        self.number += 1
        self._poll()
        self._closed.wait(0.02)

    def close(self) -> None:
        self._closed.set()


def test_one_of_two_listens_and_gives_up_its_turn_at_its_end(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "_WAIT_SECONDS", 0.05)
    one, other = Polls(), Polls()
    first, second = Listener(storage, one, by="one"), Listener(storage, other, by="other")
    first.start()
    wait_until(lambda: one.number > 2)
    second.start()
    before = one.number
    wait_until(lambda: one.number > before + 10)
    assert other.number == 0
    first.stop()
    first.join(10)
    wait_until(lambda: other.number > 2)
    second.stop()
    second.join(10)
    assert not first.is_alive()
    assert not second.is_alive()


@pytest.mark.parametrize(("ahead", "waits"), [(listener.LEASE_SECONDS + 5, True), (3600, False)])
def test_a_turn_by_another_clock_is_kept_unless_that_was_set_back(storage: Storage, ahead: float, waits: bool) -> None:
    with storage.alerts() as store:
        turn = json.dumps({"by": "other", "until": clock.after(clock.now(), ahead)})
        store.memory.put("listener", turn, now="2026")
    assert Listener(storage, Polls(), by="me")._is_our_turn() is not waits


def test_the_turn_of_one_that_died_ends_by_itself(storage: Storage) -> None:
    with storage.alerts() as store:
        store.memory.put("listener", '{"by": "dead", "until": "2026-01-01T00:00:00.000Z"}', now="2026")
    polls = Polls()
    thread = Listener(storage, polls, by="me")
    thread.start()
    wait_until(lambda: polls.number)
    thread.stop()
    thread.join(10)


@pytest.mark.sqlite
@pytest.mark.parametrize("error", [ChannelDownError("401"), ZeroDivisionError("a mistake")])
def test_one_that_fails_goes_on_and_says_so_once(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    monkeypatch.setattr(listener, "_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(listener, "_MOST_WAIT_SECONDS", 0.01)

    def fail() -> None:
        raise error

    polls = Polls(fail)
    thread = Listener(storage, polls, by="me")
    thread.start()
    wait_until(lambda: polls.number > 3)
    thread.stop()
    thread.join(10)
    said = [record for record in caplog.records if record.getMessage() == "answers to alerts cannot be read"]
    if isinstance(error, AlertError):
        assert len(said) == 1
    else:
        assert "a mistake" in caplog.text


@pytest.fixture
def alert(storage: Storage) -> int:
    write(storage, [new_event("a", severity="critical")])
    with storage.alerts() as store:
        added = store.outbox.add(Alert("outbox 1", "critical", "critical", "shop", 1, {}), (), now="2026")
    assert added is not None
    return added


@pytest.mark.parametrize(("action", "state"), [("ack", "muted"), ("mute", "muted"), ("resolve", "resolved")])
def test_actions(storage: Storage, database: Database, alert: int, action: str, state: str) -> None:
    assert act(storage, action, alert, "Anna") == ACTIONS[action].answer
    ((kept, until),) = rows(database, "SELECT state, muted_until FROM issues")
    assert kept == state
    assert (until is None) == (action == "resolve")
    ((what, detail),) = rows(database, "SELECT what, detail FROM alert_ledger WHERE issue_id = 1 AND alert_id = 1")
    assert what == ACTIONS[action].what
    assert detail.startswith("by Anna")
    # An impatient finger, or the same press again after a crash.
    act(storage, action, alert, "Anna")
    assert rows(database, "SELECT state FROM issues") == [(state,)]


def test_actions_that_cannot_be(storage: Storage, database: Database, alert: int) -> None:
    with storage.alerts() as store:
        about_none = store.outbox.add(Alert("storm 1", "storm", "critical", None, None, {}), (), now="2026")
        about_gone = store.outbox.add(Alert("x", "critical", "critical", "shop", 99, {}), (), now="2026")
    assert about_none is not None
    assert about_gone is not None
    for action, wanted, why in (
        ("delete", alert, "not known"),
        ("ack", 99_999, "A99999 is about no issue, or is forgotten"),
        ("ack", about_none, "about no issue"),
        ("ack", about_gone, "deleted"),
    ):
        with pytest.raises(AlertError, match=why):
            act(storage, action, wanted, "Anna")
    assert rows(database, "SELECT state FROM issues") == [("open",)]
    assert rows(database, "SELECT * FROM alert_ledger") == []
