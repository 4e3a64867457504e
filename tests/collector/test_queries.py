"""Reading: every filter, pages by cursor, one event, exact statistics, health, the description."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from levqor_errors import limits
from levqor_errors.storage import Filters, open_storage
from support import CollectorProcess, Database, execute, rows

RECENT = "/api/errors/recent"
STATS = "/api/errors/stats"
NEWS = "/api/errors/news"

EVENTS: list[dict[str, Any]] = [
    {"message": "card declined", "service": "checkout", "severity": "error", "environment": "production"},
    {"message": "slow answer", "service": "checkout", "severity": "warn", "release": "1.2"},
    {"message": "button broke", "service": "web", "severity": "critical", "source": "frontend", "release": "1.3"},
    {"message": "started", "service": "web", "severity": "info", "stack": "at renderButton (app.js:1)"},
]


@pytest.fixture
def filled(api: httpx.Client) -> httpx.Client:
    for event in EVENTS:
        assert api.post("/api/errors/log", json=event).status_code == 201
    return api


@pytest.mark.parametrize(
    ("query", "messages"),
    [
        ("", ["started", "button broke", "slow answer", "card declined"]),
        ("severity=error", ["card declined"]),
        ("severity=warn", ["slow answer"]),
        ("severity=error,critical", ["button broke", "card declined"]),
        ("severity=error&severity=info", ["started", "card declined"]),
        ("source=frontend", ["button broke"]),
        ("service=checkout", ["slow answer", "card declined"]),
        ("environment=production", ["card declined"]),
        ("release=1.2", ["slow answer"]),
        ("q=DECLINED", ["card declined"]),
        ("q=renderButton", ["started"]),
        ("q=declined+card", ["card declined"]),
        ("q=broke&service=checkout", []),
        ("since=2020-01-01", ["started", "button broke", "slow answer", "card declined"]),
        ("until=2020-01-01T00:00:00Z", []),
        ("since=9999-12-31T23:59:59Z", []),
        ("since=24h", ["started", "button broke", "slow answer", "card declined"]),
        ("since=99999d&until=5m", []),
        ("limit=2", ["started", "button broke"]),
        ("severity=&service=&q=&limit=", ["started", "button broke", "slow answer", "card declined"]),
    ],
)
def test_each_filter_in_the_list_and_in_the_statistics(filled: httpx.Client, query: str, messages: list[str]) -> None:
    answer = filled.get(f"{RECENT}?{query}").json()
    assert [event["message"] for event in answer["errors"]] == messages
    assert answer["count"] == len(messages)
    if "limit=2" not in query:
        assert filled.get(f"{STATS}?{query}").json()["total"] == len(messages)


@pytest.mark.sqlite
@pytest.mark.parametrize("path", [RECENT, STATS, "/api/errors/news", "/api/issues"])
def test_a_filter_that_is_misspelt_is_not_passed_over(api: httpx.Client, path: str) -> None:
    answer = api.get(path, params={"sevrity": "critical"})
    assert answer.status_code == 400
    why, known = answer.json()["error"].split("; there are ")
    assert why == "there is no parameter 'sevrity'"
    assert {"severity", "service", "q"} <= set(known.split(", "))
    assert api.get(path, params={"_": "1764130000", "severity": "critical"}).status_code == 200


def test_pages_follow_each_other_without_gap_or_overlap(filled: httpx.Client) -> None:
    seen = []
    before = ""
    while before is not None:
        page = filled.get(f"{RECENT}?limit=3&before={before}").json()
        seen += [event["id"] for event in page["errors"]]
        # What arrives while one pages does not shift the pages.
        filled.post("/api/errors/log", json={"message": "meanwhile"})
        before = page["next"]
    assert seen == [4, 3, 2, 1]


def test_a_page_ends_early_when_it_grows_too_large(api: httpx.Client) -> None:
    for _ in range(8):
        api.post("/api/errors/log", json=[{"message": "m", "stack": "x" * 65_000} for _ in range(20)])
    counts = []
    before = ""
    while before is not None:
        page = api.get(f"{RECENT}?limit=500&before={before}").json()
        counts.append(page["count"])
        before = page["next"]
    assert len(counts) > 1
    assert sum(counts) == 160


def test_one_event_comes_with_its_context_and_issue(api: httpx.Client) -> None:
    sent = {"message": "order 17 lost", "service": "shop", "context": {"tags": {"a": 1}}, "more": "things"}
    stored = api.post("/api/errors/log", json=sent).json()
    api.post("/api/errors/log", json={"message": "order 18 lost", "service": "shop"})
    event = api.get(f"/api/errors/{stored['id']}").json()["event"]
    assert event["context"] == {"tags": {"a": 1}, "extra": {"more": "things"}}
    assert event["issue"]["count"] == 2
    assert event["issue"]["grouping"] == ["message", "shop", "order <number> lost"]
    assert api.get("/api/errors/999").status_code == 404


def test_a_search_for_an_event_id_finds_that_event(filled: httpx.Client) -> None:
    event_id = filled.get(RECENT).json()["errors"][2]["event_id"]
    for q in (event_id, event_id.upper(), event_id.replace("-", "")):
        assert [event["event_id"] for event in filled.get(RECENT, params={"q": q}).json()["errors"]] == [event_id]
        assert filled.get(STATS, params={"q": q}).json()["total"] == 1


def test_statistics_are_exact_and_complete(filled: httpx.Client) -> None:
    stats = filled.get(STATS).json()
    assert stats["total"] == 4
    assert stats["by_severity"] == {"info": 1, "warning": 1, "error": 1, "critical": 1}
    assert stats["by_source"] == {"backend": 3, "frontend": 1}
    assert stats["by_service"] == [{"service": "checkout", "count": 2}, {"service": "web", "count": 2}]
    assert sum(sum(point[severity] for severity in stats["by_severity"]) for point in stats["series"]) == 4


def test_statistics_of_a_range_count_broken_hours_from_their_rows(filled: httpx.Client) -> None:
    received = [event["received_at"] for event in reversed(filled.get(RECENT).json()["errors"])]
    between = {"since": received[1], "until": received[3]}
    expected = sum(received[1] <= instant < received[3] for instant in received)
    for params in (between, {**between, "until": "9999-01-01"}, {"since": "2020-01-01", "until": received[3]}):
        listed = filled.get(RECENT, params=params).json()["count"]
        assert filled.get(STATS, params=params).json()["total"] == listed
    assert filled.get(STATS, params=between).json()["total"] == expected


def test_counts_outlive_the_rows(start_collector: Callable[..., CollectorProcess], database: Database) -> None:
    collector = start_collector()
    httpx.post(f"{collector.url}/api/errors/log", json=[{"message": "kept in the counts"}] * 3)
    collector.terminate()
    execute(database, "DELETE FROM error_events WHERE id = 1")
    storage = open_storage(str(database))
    assert storage.stats(Filters())["total"] == 3
    assert len(storage.recent(Filters(q="counts"), limit=10).errors) == 2
    storage.close()
    assert rows(database, "SELECT COUNT(*) FROM error_events") == [(2,)]


def test_a_new_event_opens_a_resolved_issue_again_and_counts_the_regression(
    database: Database, api: httpx.Client
) -> None:
    stored = api.post("/api/errors/log", json={"message": "it is back"}).json()
    execute(database, "UPDATE issues SET state = 'resolved'")
    api.post("/api/errors/log", json={"message": "it is back"})
    issue = api.get(f"/api/errors/{stored['id']}").json()["event"]["issue"]
    assert (issue["state"], issue["regressions"], issue["count"]) == ("open", 1, 2)


def test_health_is_public_and_tells_no_path(collector_url: str, database: Database) -> None:
    answer = httpx.get(f"{collector_url}/healthz")
    assert answer.status_code == 200
    assert answer.json()["ok"] is True
    assert answer.json()["waiting"] == 0
    assert str(database) not in answer.text


# -- what is new ------------------------------------------------------------------------------------------------------


def test_news_are_what_was_committed_after_the_cursor_by_the_filters(filled: httpx.Client) -> None:
    begin = filled.get(NEWS).json()
    assert (begin["errors"], begin["count"], begin["more"], begin["missed"]) == ([], 0, False, False)
    for event in EVENTS:
        filled.post("/api/errors/log", json=event)
    new = filled.get(NEWS, params={"after": begin["cursor"]}).json()
    assert [event["message"] for event in new["errors"]] == [event["message"] for event in EVENTS]
    listed = filled.get(RECENT, params={"limit": 4}).json()["errors"]
    assert new["errors"] == listed[::-1]
    web = filled.get(NEWS, params={"after": begin["cursor"], "service": "web", "q": "broke"}).json()
    assert [event["message"] for event in web["errors"]] == ["button broke"]
    # What does not match is behind the cursor all the same.
    for cursor in (new["cursor"], web["cursor"]):
        after = filled.get(NEWS, params={"after": cursor}).json()
        assert (after["errors"], after["missed"]) == ([], False)
    assert filled.get(NEWS, params={"after": "x"}).json()["missed"] is True
    assert filled.get(NEWS, params={"severity": "loud"}).status_code == 400


def test_an_answer_of_news_is_no_larger_than_a_page(api: httpx.Client) -> None:
    cursor = api.get(NEWS).json()["cursor"]
    stack = "x" * limits.STACK_CHARS
    for start in range(0, 120, 20):
        events = [{"message": str(number), "stack": stack} for number in range(start, start + 20)]
        assert api.post("/api/errors/log", json=events).json()["accepted"] == 20
    told: list[str] = []
    more = True
    while more:
        answer = api.get(NEWS, params={"after": cursor})
        assert len(answer.content) < limits.PAGE_BYTES * 1.1
        told += [event["message"] for event in answer.json()["errors"]]
        cursor, more = answer.json()["cursor"], answer.json()["more"]
    assert told == [str(number) for number in range(120)]
