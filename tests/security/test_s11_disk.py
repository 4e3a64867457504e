"""S11, the disk's part of it: maximal events without end, and groups that are all new.

Passes when: the byte quota and the free-space floor hold; what is rare is still there, and what was counted stays so.
"""

from __future__ import annotations

import random
import string
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from levqor_errors import limits
from levqor_errors.collector import create_app, janitor
from levqor_errors.config import CollectorSettings
from support import SECRET, rows, served

pytestmark = pytest.mark.sqlite

LOG = "/api/errors/log"
QUOTA = 20 * 1024 * 1024
RARE = 20
SENDERS = 4
#: What the quota holds, and as much again, so that half of what is sent has to go again.
FLOOD_BYTES = 2 * QUOTA


@pytest.fixture(autouse=True)
def quick_janitor(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of a day, in seconds: the janitor looks more often, in proportion."""
    monkeypatch.setattr(janitor, "TICK_SECONDS", 0.1)


def disk_bytes(database: Path) -> int:
    """What the database takes at this moment."""
    total = 0
    for path in database.parent.glob(f"{database.name}*"):
        # The log may go between the two looks.
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total


class Peak:
    """The most that the database took while this ran."""

    def __init__(self, database: Path) -> None:
        self.bytes = 0
        self._database = database
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.002):
            self.bytes = max(self.bytes, disk_bytes(self._database))


def words(number: int) -> str:
    """Words of which no two are the same: the full-text index has the most work with them."""
    return " ".join("".join(random.choices(string.ascii_lowercase, k=7)) for _ in range(number))


def maximal() -> dict[str, Any]:
    """An event as large as the gate lets one in, some 330 KB, always of the same issue."""
    return {
        "service": "flood",
        "fingerprint": "flood",
        "message": words(limits.MESSAGE_CHARS // 8),
        "stack": words(limits.STACK_CHARS // 8),
        "context": {"parts": ["x" * limits.CONTEXT_TEXT_CHARS] * (limits.CONTEXT_CHARS // limits.CONTEXT_TEXT_CHARS)},
    }


class Flood:
    """Senders without a pause. Each counts what was acknowledged, and any answer but 201 and 503."""

    def __init__(self, url: str, events: Iterator[dict[str, Any]]) -> None:
        self.answers: Counter[int] = Counter()
        self._url = url
        self._events = events
        self._lock = threading.Lock()

    def run(self) -> None:
        """Send all of the events; what is refused is sent again."""
        threads = [threading.Thread(target=self._send, daemon=True) for _ in range(SENDERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _send(self) -> None:
        with httpx.Client(base_url=self._url, timeout=30) as client:
            while True:
                with self._lock:
                    event = next(self._events, None)
                if event is None:
                    return
                while True:
                    answer = client.post(LOG, json=event)
                    with self._lock:
                        self.answers[answer.status_code] += 1
                    if answer.status_code != 503:
                        break
                    # Retry-After, in proportion.
                    assert int(answer.headers["Retry-After"]) >= 1
                    time.sleep(0.05)


def counted(database: Path) -> dict[str, int]:
    return dict(rows(database, "SELECT service, SUM(count) FROM event_counts GROUP BY 1"))


@pytest.mark.long
@pytest.mark.timeout(240)
def test_s11_maximal_events_never_take_more_than_the_quota_nor_the_place_of_rare_ones(database: Path) -> None:
    app = create_app(CollectorSettings(str(database), SECRET, rate_limit=None, max_database_bytes=QUOTA))
    with served(app) as url, Peak(database) as peak:
        rare = []
        for number in range(RARE):
            answer = httpx.post(f"{url}{LOG}", json={"service": "rare", "fingerprint": f"{number}", "message": "rare"})
            rare.append((answer.json()["event_id"],))
        number = FLOOD_BYTES // 330_000
        flood = Flood(url, (maximal() for _ in range(number)))
        flood.run()
    # The log holds a tenth, and a commit or two, of which each has an event of every sender's and twice its size with
    # what indexes it.
    assert peak.bytes < QUOTA * 1.1 + 2 * SENDERS * 2 * 330_000
    assert set(flood.answers) <= {201, 503}
    assert flood.answers[201] == number
    assert rows(database, "SELECT event_id FROM error_events WHERE service = 'rare' ORDER BY id") == rare
    # The quota is for use: what fits is kept. By the events' own bytes, which are about half of what they take; and how
    # far a look of the janitor's goes depends on what was refused just before it.
    ((kept,),) = rows(database, "SELECT COUNT(*) FROM error_events WHERE service = 'flood'")
    assert kept * 330_000 > QUOTA * 0.3, kept
    assert counted(database) == {"rare": RARE, "flood": number}
    assert rows(database, "SELECT SUM(count) FROM issues") == [(RARE + number,)]
    assert rows(database, "PRAGMA integrity_check") == [("ok",)]


def all_new(number: int) -> dict[str, Any]:
    """Some 1 KB, of an issue of its own."""
    return {"service": "flood", "fingerprint": f"new {number}", "message": "new", "stack": f"{number} " + words(120)}


@pytest.mark.long
def test_s11_groups_that_are_all_new_never_fill_the_database_for_good(database: Path) -> None:
    """The rows of issues count, too: they outlive their events, and would leave no room for any."""
    quota = 3 * 1024 * 1024
    batches = 50
    app = create_app(CollectorSettings(str(database), SECRET, rate_limit=None, max_database_bytes=quota))
    with served(app) as url, Peak(database) as peak, httpx.Client(base_url=url, timeout=30) as client:
        refused = 0
        for batch in range(batches):
            events = [all_new(batch * 100 + number) for number in range(100)]
            while (answer := client.post(LOG, json=events)).status_code == 503:
                refused += 1
                time.sleep(0.05)
            assert answer.json()["accepted"] == 100
        assert app.state.collector.janitor.failing is None
    assert refused, "the quota was never met"
    # The log holds a commit or two beside the file: much, beside so small a quota.
    assert peak.bytes < quota * 1.25 + 2 * 1024 * 1024
    assert counted(database) == {"flood": batches * 100}
    ((issues, events),) = rows(database, "SELECT (SELECT COUNT(*) FROM issues), (SELECT COUNT(*) FROM error_events)")
    assert 100 < events <= issues < batches * 100
    assert rows(database, "PRAGMA integrity_check") == [("ok",)]
