"""POST /api/errors/log: one event, many, NDJSON, gzip, and what is said to bad ones."""

from __future__ import annotations

import gzip
import json
from typing import Any

import httpx
import pytest

from levqor_errors import limits
from levqor_errors.ids import uuid7
from support import Database, event_ids, rows

LOG = "/api/errors/log"


def test_one_event_is_stored_with_the_original_columns_first(api: httpx.Client, database: Database) -> None:
    event = {"source": "backend", "service": "test_service", "severity": "error", "message": "Test error"}
    answer = api.post(LOG, json=event)
    assert answer.status_code == 201
    assert answer.json().keys() == {"ok", "id", "event_id"}
    (row,) = rows(database, "SELECT * FROM error_events ORDER BY created_at DESC LIMIT 10")
    assert row[0] == answer.json()["id"]
    assert row[2:9] == ("backend", "test_service", None, None, "error", "Test error", None)


def test_many_events_in_an_array_or_ndjson_are_all_stored(api: httpx.Client, database: Database) -> None:
    events = [{"message": f"number {number}"} for number in range(5)]
    assert api.post(LOG, json=events).json() == {"ok": True, "accepted": 5, "rejected": []}
    lines = "\n".join(json.dumps(event) for event in events) + "\n"
    answer = api.post(LOG, content=lines, headers={"Content-Type": "application/x-ndjson; charset=utf-8"})
    assert answer.json() == {"ok": True, "accepted": 5, "rejected": []}
    assert len(event_ids(database)) == 10


def test_a_bad_event_of_many_is_reported_by_index_and_the_others_are_stored(
    api: httpx.Client, database: Database
) -> None:
    answer = api.post(LOG, json=[{"message": "good"}, {}, {"message": "also", "severity": "bad"}, 7])
    assert answer.status_code == 200
    body = answer.json()
    assert body["accepted"] == 1
    assert [entry["index"] for entry in body["rejected"]] == [1, 2, 3]
    assert body["rejected"][0]["error"] == "message is required"
    broken = api.post(LOG, content='{"message":"x"}\n{"mess\n', headers={"Content-Type": "application/x-ndjson"}).json()
    assert broken["accepted"] == 1
    assert broken["rejected"][0]["index"] == 1
    assert len(event_ids(database)) == 2


def test_an_empty_array_is_no_error(api: httpx.Client) -> None:
    assert api.post(LOG, json=[]).json() == {"ok": True, "accepted": 0, "rejected": []}


def test_gzip_is_taken_also_in_several_members(api: httpx.Client, database: Database) -> None:
    line = b'{"message": "compressed"}\n'
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
    answer = api.post(LOG, content=gzip.compress(line) + gzip.compress(line), headers=headers)
    assert answer.json()["accepted"] == 2
    assert len(event_ids(database)) == 2


def test_the_same_event_twice_in_one_request_is_stored_once(api: httpx.Client, database: Database) -> None:
    event = {"message": "twice", "event_id": uuid7()}
    assert api.post(LOG, json=[event, event]).json()["accepted"] == 2
    assert event_ids(database) == [event["event_id"]]
    assert rows(database, "SELECT SUM(count) FROM event_counts") == [(1,)]
    assert rows(database, "SELECT count FROM issues") == [(1,)]


@pytest.mark.parametrize(
    ("content", "headers", "status", "word"),
    [
        (b"", {}, 400, "empty"),
        (b"{", {}, 400, "JSON"),
        (b'{"message": "x"}\n{"message": "y"}\n', {}, 400, "application/x-ndjson"),
        (b'"text"', {}, 400, "object"),
        (b"{}", {}, 400, "message is required"),
        (b'{"message": "x", "severity": "loud"}', {}, 400, "severity"),
        (b'{"message": "x"}', {"Content-Encoding": "br"}, 415, "gzip"),
        (b"not gzip", {"Content-Encoding": "gzip"}, 400, "gzip"),
        (gzip.compress(b'{"message": "x"}', mtime=0)[:-4], {"Content-Encoding": "gzip"}, 400, "early"),
        (gzip.compress(b" " * (limits.INFLATED_BYTES + 1)), {"Content-Encoding": "gzip"}, 413, "smaller"),
        (b" " * (limits.BODY_BYTES + 1), {}, 413, "smaller"),
        (b"[" + b"{}," * limits.BATCH_EVENTS + b"{}]", {}, 413, "at most"),
        (b'{"message": "\xff"}', {}, 400, "UTF-8"),
    ],
)
def test_what_cannot_be_taken_gets_a_clear_answer(
    api: httpx.Client, database: Database, content: bytes, headers: dict[str, str], status: int, word: str
) -> None:
    answer = api.post(LOG, content=content, headers=headers)
    assert answer.status_code == status
    assert answer.json()["ok"] is False
    assert word in answer.json()["error"]
    assert event_ids(database) == []


def test_chunked_and_too_large_is_cut_off(api: httpx.Client) -> None:
    def endless() -> Any:
        for _ in range(100):
            yield b" " * 65536

    assert api.post(LOG, content=endless()).status_code == 413


def test_other_methods_are_not_ingest(api: httpx.Client, collector_url: str) -> None:
    assert httpx.get(f"{collector_url}{LOG}").status_code == 405
    assert api.put(LOG).status_code == 405
