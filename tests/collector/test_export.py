"""Exports: whole, in order, page by page; broken off where they must be, so that one can tell."""

from __future__ import annotations

import csv
import io
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from levqor_errors.collector.export import Export
from levqor_errors.storage import Page
from levqor_errors.storage.sqlite.storage import SqliteStorage
from storage_support import new_event, write
from support import CollectorProcess, Database, execute, served, wait_until

EXPORT = "/owner/export"
NUMBER = 1_200


@pytest.fixture
def filled(api: httpx.Client) -> httpx.Client:
    """More than two pages of events."""
    events = [
        {"message": f"number {number}\nin two lines, with \"quotes\"", "service": ("web", "shop")[number % 2],
         "context": {"number": number, "text": "Grüße"}}
        for number in range(NUMBER)
    ]  # fmt: skip
    for start in range(0, NUMBER, 600):
        assert api.post("/api/errors/log", json=events[start : start + 600]).json()["accepted"] == 600
    return api


def ndjson(answer: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.text.splitlines()]


def test_ndjson_has_every_event_in_full_the_newest_first(filled: httpx.Client) -> None:
    answer = filled.get(EXPORT, params={"format": "ndjson"})
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["content-disposition"].startswith('attachment; filename="levqor-errors-20')
    events = ndjson(answer)
    assert [event["id"] for event in events] == list(range(NUMBER, 0, -1))
    stored = filled.get("/api/errors/700").json()["event"]
    assert {name: stored[name] for name in stored if name != "issue"}.items() <= events[NUMBER - 700].items()
    assert answer.text.endswith("}\n")


def test_csv_has_a_row_for_each_event_and_the_context_as_json(filled: httpx.Client) -> None:
    answer = filled.get(EXPORT, params={"format": "csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [int(row["id"]) for row in rows] == list(range(NUMBER, 0, -1))
    assert rows[0]["message"] == f'number {NUMBER - 1}\nin two lines, with "quotes"'
    assert json.loads(rows[0]["context"]) == {"number": NUMBER - 1, "text": "Grüße"}
    assert answer.text.endswith("\r\n")


def test_the_filters_are_those_of_the_list(filled: httpx.Client) -> None:
    for query in ({"service": "web"}, {"q": "1007"}, {"until": "2020-01-01"}, {"severity": "info,error", "issue": "1"}):
        listed = filled.get("/api/errors/stats", params=query).json()["total"]
        assert len(ndjson(filled.get(EXPORT, params={"format": "ndjson", **query}))) == listed
    empty = filled.get(EXPORT, params={"format": "csv", "service": "nobody"}).text
    assert len(list(csv.reader(io.StringIO(empty, newline="")))) == 1
    assert empty.endswith("\r\n")


@pytest.mark.parametrize("query", ["", "format=xml", "format=csv&severity=loud", "format=csv&since=x"])
def test_what_cannot_be_exported_is_told_on_a_page(api: httpx.Client, query: str) -> None:
    answer = api.get(f"{EXPORT}?{query}")
    assert (answer.status_code, "That did not work" in answer.text) == (400, True)


def test_asked_for_the_head_nothing_is_read_to_its_end(filled: httpx.Client) -> None:
    answer = filled.head(EXPORT, params={"format": "csv"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert "attachment" in answer.headers["content-disposition"]


def test_only_the_owner_may(collector_url: str) -> None:
    assert httpx.get(f"{collector_url}{EXPORT}?format=csv").status_code == 401


def read(api: httpx.Client, form: str, got: list[bytes]) -> None:
    """Take what comes of an export."""
    with api.stream("GET", EXPORT, params={"format": form}) as answer:
        got.extend(answer.iter_raw())


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_one_that_the_database_cannot_finish_is_broken_off_and_seen_to_be(
    start_collector: Callable[..., CollectorProcess], database: Database, form: str
) -> None:
    collector = start_collector()
    headers = {"X-Internal-Secret": str(collector.secret)}
    with httpx.Client(base_url=collector.url, headers=headers, timeout=30) as api:
        api.post("/api/errors/log", json=[{"message": f"m{n}", "context": {"a": 1}} for n in range(NUMBER - 200)])
        # The second page cannot be read.
        execute(database, "UPDATE error_events SET context = '{' WHERE id = 100")
        got: list[bytes] = []
        with pytest.raises(httpx.RemoteProtocolError):
            read(api, form, got)
        assert b"".join(got).count(b"Reported by a program") == 500
        # As whoever stands between sees it, to whom the end of a connection is the end of an answer.
        assert not got[-1].endswith(b"\n")


class Counting(SqliteStorage):
    """Counts pages that are read."""

    pages = 0

    def recent(self, *args: Any, **options: Any) -> Page:
        self.pages += 1
        return super().recent(*args, **options)


@pytest.fixture
def counting(database: Database) -> Iterator[Counting]:
    storage = Counting(str(database))
    yield storage
    storage.close()


@pytest.mark.sqlite
def test_when_the_client_goes_away_nothing_more_is_read(counting: Counting) -> None:
    # Pages of 4 MB, of which only a few find room on their way.
    for _ in range(20):
        write(counting, [new_event(stack="x" * 65_000) for _ in range(100)])
    inner = Starlette(routes=[Route("/", Export(counting).export)])
    ended = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await inner(scope, receive, send)
        finally:
            ended.set()

    with served(app, lifespan=False) as url:
        with httpx.stream("GET", f"{url}/?format=ndjson&range=all") as answer:
            next(answer.iter_raw())
        wait_until(ended.is_set)
    assert counting.pages < 15
