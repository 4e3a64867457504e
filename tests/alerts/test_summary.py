"""The day's summary: what is told of a day's facts, when it is told at all, and how it looks as a mail."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from html.parser import HTMLParser
from typing import Any

import pytest

from levqor_errors import instants
from levqor_errors.alerts.channels.email import render
from levqor_errors.alerts.due import Day, Due, due
from levqor_errors.alerts.notice import Kind, Notice
from levqor_errors.alerts.summary import LATE, Summary, amount, change, summarize
from levqor_errors.config import AlertSettings
from levqor_errors.storage import Storage, open_storage
from storage_support import NOW, new_event, write
from support import Database

SETTINGS = AlertSettings(smtp_host="mail.example.com")
END = datetime(2026, 11, 23, 9, tzinfo=timezone.utc)
CANARY = {"at": "2026-11-23T07:00:01.000Z", "ok": True, "channels": {"email": "250 OK"}}
OLD_CANARY = CANARY | {"at": "2026-11-20T07:00:00.000Z"}
SEVERITIES = ("critical", "error", "warning", "info")
NO_ISSUES: dict[str, Any] = {"count": 0, "top": []}


def a_day(**changes: Any) -> dict[str, Any]:
    """Facts as `Storage.digest` gives them, of a day on which nothing happened."""
    none = {"now": 0, "before": 0, "week": 0}
    start = END - timedelta(days=1)
    return {
        "since": instants.to_text(start),
        "until": instants.to_text(END),
        "known_since": "2026-01-01T00:00:00.000Z",
        "severities": dict.fromkeys(SEVERITIES, none),
        "services": [],
        "services_count": 0,
        "hours": [
            {
                "start": instants.to_text(start + timedelta(hours=hour)),
                "critical": 0,
                "error": 0,
                "warning": 0,
                "info": 0,
            }
            for hour in range(24)
        ],
        **dict.fromkeys(("issues", "new", "regressed", "resolved", "quiet"), NO_ISSUES),
        "refused": {},
        "undelivered": {"undecided": 0, "waiting": 0, "refused": 0},
        "canary": CANARY,
        "channels": {},
        "missed": [],
    } | changes


def told(
    facts: dict[str, Any], settings: AlertSettings = SETTINGS, late: timedelta = timedelta(seconds=2), last: int = 1
) -> Summary:
    found = due(END + late, 9 * 60, "UTC", END.date() - timedelta(days=last))
    assert found is not None
    summary = summarize(facts, found, settings, END + late)
    assert summary is not None
    # As the message is stored.
    assert json.loads(json.dumps(summary.facts)) == summary.facts
    return summary


@pytest.mark.parametrize(
    ("now", "then", "said"),
    [
        (5, None, ""), (0, 0, "="), (7, 7, "="), (5, 0, "▲ from 0"), (125, 100, "▲ 25 %"), (90, 100, "▼ 10 %"),
        (0, 8, "▼ 100 %"), (1000, 100, "▲ 10-fold"), (999, 100, "▲ 899 %"), (12_345_600, 100, "▲ 123,456-fold"),
        (1001, 1000, "≈"), (3, 2.3, "▲ 30 %"),
    ],
)  # fmt: skip
def test_a_change_in_a_word(now: int, then: float | None, said: str) -> None:
    assert change(now, then) == said


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0"), (2.3, "2.3"), (2.0, "2"), (19.9, "19.9"), (1850.9, "1,851"), (10**7, "10,000,000")]
)
def test_numbers_for_people(number: float, said: str) -> None:
    assert amount(number) == said


def test_an_empty_day_is_one_line_or_none() -> None:
    summary = told(a_day())
    assert summary.title == "Nothing happened in the 24 hours until 2026-11-23 09:00 UTC. Pipeline verified 07:00."
    assert (summary.lines, summary.severity) == ((), "info")
    quiet = {"count": 1, "top": [{"title": "x", "service": "y", "count": 1, "event_id": None, "severity": None}]}
    assert told(a_day(quiet=quiet)).lines == ()
    silent = SETTINGS._replace(summary_empty=False)
    day = Due(Day(END.date(), END - timedelta(days=1), END), (), 0)
    assert summarize(a_day(), day, silent, END) is None
    # Something is wrong: that is told on any day.
    down = a_day(channels={"telegram": {"state": "down", "since": "2026-11-23T05:00:00.000Z", "why": "401"}})
    assert summarize(down, day, silent, END) is not None
    one = a_day(severities=a_day()["severities"] | {"info": {"now": 1, "before": 0, "week": 0}})
    assert summarize(one, day, silent, END) is not None


@pytest.mark.parametrize(
    ("canary", "settings", "verified", "noted"),
    [
        (CANARY, SETTINGS, "Pipeline verified 07:00.", ""),
        (CANARY, SETTINGS._replace(summary_zone="Asia/Kathmandu"), "Pipeline verified 12:45.", ""),
        (None, SETTINGS, "", ""),
        (OLD_CANARY, SETTINGS, "", "was not verified in this time; last it was 2026-11-20"),
        (OLD_CANARY, SETTINGS._replace(canary_at=None), "", ""),
        (CANARY | {"ok": False, "channels": {"email": "535 no"}}, SETTINGS, "", "at 07:00 failed. email: 535 no"),
    ],
)  # fmt: skip
def test_what_the_canary_found(
    canary: dict[str, Any] | None, settings: AlertSettings, verified: str, noted: str
) -> None:
    summary = told(a_day(canary=canary), settings)
    assert summary.facts["verified"] == verified
    assert noted in "".join(note["text"] for note in summary.facts["notes"])
    assert bool(noted) == bool(summary.facts["notes"])
    assert summary.severity == ("critical" if noted else "info")
    if noted:
        assert noted in " ".join(summary.lines)


@pytest.mark.parametrize("worst", SEVERITIES)
def test_a_summary_is_as_bad_as_the_worst_of_its_day(worst: str) -> None:
    severities = a_day()["severities"] | {name: {"now": 1, "before": 0, "week": 0} for name in (worst, "info")}
    assert told(a_day(severities=severities)).severity == worst


def test_what_is_wrong_is_told() -> None:
    summary = told(
        a_day(
            channels={
                "telegram": {"state": "down", "since": "2026-11-23T05:00:00.000Z", "why": "401 Unauthorized"},
                "email": {"state": "ok", "since": "2026-11-23T05:00:00.000Z", "why": ""},
                "ntfy": {"state": "failing", "since": "2026-11-23T06:00:00.000Z", "why": "503"},
            },
            undelivered={"undecided": 5, "waiting": 3, "refused": 1},
            refused={"client_rate": {"requests": 3, "events": 1200}, "invalid": {"requests": 1, "events": 1}},
        )
    )
    assert [note["text"] for note in summary.facts["notes"]] == [
        "telegram has been down since 2026-11-23 05:00 UTC: 401 Unauthorized",
        "ntfy has been failing since 2026-11-23 06:00 UTC: 503",
        "3 alerts not delivered yet.",
        "1 alert not taken by a channel in any form.",
        "Not taken, for client rate: 3 requests with 1,200 events.",
        "Not taken, for invalid: 1 request with 1 event.",
    ]


def test_a6_a_late_one_says_so_and_names_the_missed() -> None:
    assert told(a_day(), late=LATE).title.startswith("Nothing happened in the 24 hours until 2026-11-23 09:00 UTC. ")
    late = told(a_day(missed=[1234, 0]), late=timedelta(hours=2, minutes=40), last=3)
    assert late.title == "Summary for 2026-11-23, sent late: 0 events"
    (note,) = late.facts["notes"]
    assert note["text"] == "No summary was sent for 2026-11-22 (1,234 events), 2026-11-21 (0 events)."
    long = told(a_day(missed=[0] * 7), last=30)
    assert long.facts["notes"][0]["text"].endswith("2026-11-16 (0 events), and 22 days before.")


@pytest.mark.parametrize(
    ("known_since", "before", "mean"),
    [
        (None, None, None),
        ("2026-11-22T09:00:00.000Z", None, None),
        ("2026-11-21T09:00:00.000Z", 10, None),
        ("2026-11-15T09:00:00.000Z", 10, 4.3),
    ],
)
def test_nothing_is_compared_with_a_time_that_was_not_watched(
    known_since: str | None, before: int | None, mean: float | None
) -> None:
    severities = a_day()["severities"] | {"error": {"now": 20, "before": 10, "week": 30}}
    total = told(a_day(severities=severities, known_since=known_since)).facts["total"]
    assert (total["now"], total["before"], total["mean"]) == (20, before, mean)
    assert bool(total["to_before"]) == (before is not None)


def test_a_day_of_another_length_and_zone() -> None:
    zone = SETTINGS._replace(summary_zone="Europe/Berlin")
    now = datetime(2026, 10, 25, 8, tzinfo=timezone.utc)
    found = due(now, 9 * 60, "Europe/Berlin", date(2026, 10, 24))
    assert found is not None
    summary = summarize(a_day(canary=None), found, zone, now)
    assert summary is not None
    assert summary.title == "Nothing happened in the 25 hours until 2026-10-25 09:00 CET."


class _Text(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.text = ""
        self.feed(re.sub("(?s)<style>.*</style>", "", html))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [str(value) for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def storage(database: Database) -> Iterator[Storage]:
    storage = open_storage(str(database))
    yield storage
    storage.close()


def test_a_real_day_says_the_same_in_both_forms(storage: Storage) -> None:
    write(storage, [new_event("old", days_ago=9, service="shop")])
    write(storage, [new_event("gone quiet", days_ago=days, service="mail", severity="warning") for days in (3, 4)])
    write(storage, [new_event("slow", days_ago=1.3, service="shop", severity="warning") for _ in range(4)])
    write(storage, [new_event("slow", days_ago=0.5, service="shop", severity="warning") for _ in range(5)])
    write(storage, [new_event("declined", days_ago=0.6, service="check out", severity="critical") for _ in range(2)])
    end = NOW.replace(hour=9, minute=0, second=0)
    found = due(NOW, 9 * 60, "UTC", end.date() - timedelta(days=1))
    assert found is not None
    digest = storage.digest(instants.to_text(found.day.start), instants.to_text(found.day.end))
    summary = summarize(digest, found, SETTINGS, end)
    assert summary is not None
    assert summary.title == "Summary for 2026-11-23: 7 events, 2 of them critical"
    assert summary.severity == "critical"
    assert summary.lines == (
        "7 events in the 24 hours until 2026-11-23 09:00 UTC; the day before 4 (▲ 75 %); a day of the week before"
        " 0.9 (▲ 717 %).",
        "2 critical, 5 warning.",
        "By service: shop 5, check out 2.",
        "Top issues: of issue declined (check out, 2); of issue slow (shop, 5).",
        "New: of issue declined (check out, 2).",
        "Gone quiet: of issue gone quiet (mail, 2).",
    )
    link = "https://errors.example.com/owner/errors"
    at = instants.to_text(NOW)
    notice = Notice("A7", Kind.SUMMARY, summary.severity, at, summary.title, summary.lines, link=link,
                    summary=summary.facts)  # fmt: skip
    written = render.write(notice)
    assert written.remark == ""
    assert written.subject == f"[levqor-errors] {summary.title} (A7)"
    assert written.html is not None
    page = _Text(written.html)
    for said in (summary.title, "24 hours until 2026-11-23 09:00 UTC", "▲ 75 %", "the day before (4)",
                 "the week's mean (0.9)", "of issue declined", "of issue slow", "of issue gone quiet", "check out",
                 "Top issues", "New", "Gone quiet", "A7"):  # fmt: skip
        assert said in page.text, said
        assert said in written.text, said
    event = digest["issues"]["top"][0]["event_id"]
    assert f"{link}/{event}" in page.links
    assert f"{link}/{event}" in written.text
    assert f"{link}?service=check%20out" in page.links
    # The chart: a bar for what happened, at its hour.
    for bar in ("22:00: 2", "01:00: 5", "02:00: 0"):
        assert f'title="{bar}"' in written.html
    assert "09:00 ·············▄··█······· 08:00" in written.text
