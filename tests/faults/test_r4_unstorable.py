"""R4: one unstorable event in a batch.

Passes when: the others are stored, that one is reported by index.

Unstorable is what a trigger of the database's own refuses: a constraint that the gate knows nothing of.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import pytest

from levqor_errors.ids import uuid7
from levqor_errors.storage import open_storage
from support import CollectorProcess, Database, check_sound, event_ids, execute, rows, wait_until, write_lock

SQLITE = """
    CREATE TRIGGER refuse_poison BEFORE INSERT ON error_events WHEN new.message = 'poison'
    BEGIN SELECT RAISE(ABORT, 'refused'); END
"""
POSTGRES = """
    CREATE FUNCTION refuse_poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF new.message = 'poison' THEN RAISE EXCEPTION 'refused' USING ERRCODE = 'data_exception'; END IF;
        RETURN new;
    END $$;
    CREATE TRIGGER refuse_poison BEFORE INSERT ON error_events FOR EACH ROW EXECUTE FUNCTION refuse_poison();
"""
Events: TypeAlias = list[dict[str, Any]]


@pytest.fixture
def collector(database: Database, start_collector: Callable[..., CollectorProcess]) -> CollectorProcess:
    """On a database as the collector makes it, and with the trigger."""
    open_storage(str(database)).close()
    execute(database, SQLITE if isinstance(database, Path) else POSTGRES)
    return start_collector()


def make(letters: str) -> Events:
    """Events by letter: good, poison, or without a message, which the gate refuses."""
    messages = {"g": {"message": "good"}, "p": {"message": "poison"}, "x": {}}
    return [
        {"event_id": uuid7(), "service": f"service {position % 3}", **messages[letter]}
        for position, letter in enumerate(letters)
    ]


def good(events: Events) -> list[str]:
    return [event["event_id"] for event in events if event.get("message") == "good"]


def post(collector: CollectorProcess, content: Any) -> httpx.Response:
    return httpx.post(f"{collector.url}/api/errors/log", json=content, timeout=30)


def post_ndjson_gzip(collector: CollectorProcess, events: Events) -> httpx.Response:
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
    lines = gzip.compress("\n".join(json.dumps(event) for event in events).encode())
    return httpx.post(f"{collector.url}/api/errors/log", content=lines, headers=headers, timeout=30)


def check_stored(database: Database, expected: list[str]) -> None:
    """These are stored and no others, and issues and counts count these alone."""
    assert Counter(event_ids(database)) == Counter(expected)
    by_issue = rows(database, "SELECT issue_id, COUNT(*) FROM error_events GROUP BY 1 ORDER BY 1")
    assert rows(database, "SELECT id, count FROM issues ORDER BY 1") == by_issue
    by_service = rows(database, "SELECT service, COUNT(*) FROM error_events GROUP BY 1 ORDER BY 1")
    assert rows(database, "SELECT service, SUM(count) FROM event_counts GROUP BY 1 ORDER BY 1") == by_service
    check_sound(database)


@pytest.mark.parametrize(
    "letters", ["p", "pg", "gp", "gggpggg", "ppp", "pgpgp", "gxgpgxp", "g" * 37 + "p" + "g" * 62, "p" * 40 + "g"]
)
def test_r4_one_unstorable_event_in_a_batch(collector: CollectorProcess, database: Database, letters: str) -> None:
    expected: list[str] = []
    for send in (post, post_ndjson_gzip):
        events = make(letters)
        answer = send(collector, events)
        assert answer.status_code == 200
        body = answer.json()
        assert body["accepted"] == letters.count("g")
        assert [entry["index"] for entry in body["rejected"]] == [
            index for index, letter in enumerate(letters) if letter != "g"
        ]
        for entry in body["rejected"]:
            assert ("refused" if letters[entry["index"]] == "p" else "message is required") in entry["error"]
        expected += good(events)
        check_stored(database, expected)


def test_r4_an_unstorable_event_alone_is_400(collector: CollectorProcess, database: Database) -> None:
    (poison,) = make("p")
    answer = post(collector, poison)
    assert answer.status_code == 400
    assert answer.json()["ok"] is False
    assert "refused" in answer.json()["error"]
    assert event_ids(database) == []
    # Nothing of it sticks: the id is free, and the next event is taken.
    assert post(collector, {**poison, "message": "good"}).status_code == 201
    check_stored(database, [poison["event_id"]])


def test_r4_one_id_as_poison_and_as_good_in_a_batch(collector: CollectorProcess, database: Database) -> None:
    """The refused one must not stand in the way of the other as its duplicate."""
    (poison,) = make("p")
    body = post(collector, [poison, {**poison, "message": "good"}, poison]).json()
    # The third comes after the id is stored, and is taken for a retry of it.
    assert (body["accepted"], [entry["index"] for entry in body["rejected"]]) == (2, [0])
    check_stored(database, [poison["event_id"]])


def test_r4_other_senders_in_the_same_commit_are_not_affected(collector: CollectorProcess, database: Database) -> None:
    opener = make("g")
    others = [make(letters) for letters in ("g", "ggggg", "p", "g", "ggpgg", "gg", "g", "pp", "ggggg", "g")]
    queued = sum(map(len, others))
    with (
        ThreadPoolExecutor(1 + len(others)) as pool,
        contextlib.ExitStack() as blocker,
        httpx.Client(base_url=collector.url) as client,
    ):
        # While the lock is held, the writer waits with the first request, and the others gather for one commit.
        blocker.enter_context(write_lock(database))
        first = pool.submit(post, collector, opener)
        time.sleep(0.2)
        answers = [pool.submit(post, collector, events if len(events) > 1 else events[0]) for events in others]
        # Those that came before the writer woke may have gone with the first.
        wait_until(lambda: client.get("/healthz").json()["waiting"] >= queued // 2)
        blocker.close()
        assert first.result().json()["accepted"] == 1
    for events, pending in zip(others, answers, strict=True):
        answer = pending.result()
        if len(events) == 1:
            assert answer.status_code == (201 if good(events) else 400), answer.text
        else:
            rejected = [index for index, event in enumerate(events) if event["message"] == "poison"]
            assert answer.status_code == 200
            assert answer.json()["accepted"] == len(good(events))
            assert [entry["index"] for entry in answer.json()["rejected"]] == rejected
    check_stored(database, [event_id for events in (opener, *others) for event_id in good(events)])
