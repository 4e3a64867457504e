"""What the page of errors sums up, on both databases: exact for any range, by minute, hour and day, against the range
before; and pages of events in both directions.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from levqor_errors import instants, limits
from levqor_errors.storage import Filters, NewEvent, Overview, Storage, Unit, windows
from storage_support import NOW, new_event, write
from support import Database, execute

SINCE = "2000-01-01T00:00:00.000Z"


def at(*, count: int = 1, minutes: float = 0, **fields: Any) -> list[NewEvent]:
    """Events that were received so many minutes ago."""
    return [new_event(days_ago=minutes / 1440, **fields) for _ in range(count)]


def ago(**time: float) -> str:
    """An instant so long before `NOW`."""
    return instants.to_text(NOW - timedelta(**time))


def look(storage: Storage, *, unit: Unit = "hour", before: tuple[str, str] | None = None, **filters: Any) -> Overview:
    """The overview of what matches."""
    return storage.overview(Filters(**filters), unit=unit, before=before, named_since=SINCE)


def shown(overview: Overview) -> dict[str, dict[str, int]]:
    """Its series, without what is zero; the start of each without what is the same for all."""
    return {start: {name: number for name, number in counts.items() if number} for start, counts in overview.series}


@pytest.fixture
def filled(storage: Storage) -> Storage:
    write(
        storage,
        [
            *at(count=2, minutes=2, severity="critical", service="pay", environment="production", release="1"),
            *at(count=3, minutes=4, severity="error", service="web", source="frontend", environment="production"),
            # `NOW` is 13:05:39.
            *at(minutes=30, severity="error", service="web", environment="staging", release="2"),
            *at(count=4, minutes=26 * 60, severity="warning", service="web"),
        ],
    )
    return storage


def test_by_the_hour_the_day_and_the_minute(filled: Storage) -> None:
    hours = look(filled)
    assert hours.unit == "hour"
    assert shown(hours) == {
        "2026-11-22T11:00:00.000Z": {"warning": 4},
        "2026-11-23T12:00:00.000Z": {"error": 1},
        "2026-11-23T13:00:00.000Z": {"critical": 2, "error": 3},
    }
    assert shown(look(filled, unit="day")) == {
        "2026-11-22T00:00:00.000Z": {"warning": 4},
        "2026-11-23T00:00:00.000Z": {"critical": 2, "error": 4},
    }
    minutes = look(filled, unit="minute", since=ago(hours=1))
    assert minutes.unit == "minute"
    assert shown(minutes) == {
        "2026-11-23T12:35:00.000Z": {"error": 1},
        "2026-11-23T13:01:00.000Z": {"error": 3},
        "2026-11-23T13:03:00.000Z": {"critical": 2},
    }


@pytest.mark.parametrize(
    ("filters", "total"),
    [
        ({}, 10),
        ({"severity": ("error", "critical")}, 6),
        ({"source": "frontend"}, 3),
        ({"service": "web", "environment": "staging"}, 1),
        ({"release": "1"}, 2),
        ({"since": ago(minutes=3)}, 2),
        ({"since": ago(hours=27), "until": ago(minutes=30)}, 4),
        ({"since": ago(hours=27), "until": ago(minutes=3, seconds=59)}, 8),
        ({"q": "of issue"}, 10),
        ({"issue_id": 1, "service": "pay"}, 2),
        ({"q": "nowhere"}, 0),
    ],
)
def test_it_counts_what_matches(filled: Storage, filters: dict[str, Any], total: int) -> None:
    found = look(filled, **filters)
    assert sum(sum(counts.values()) for _, counts in found.series) == total
    assert sum(sum(counts.values()) for _, counts in found.services) == total
    assert filled.stats(Filters(**filters))["total"] == total


def test_services_names_and_the_range_before(filled: Storage) -> None:
    found = look(filled, since=ago(hours=24), before=(ago(hours=48), ago(hours=24)))
    assert [(name, sum(counts.values())) for name, counts in found.services] == [("web", 4), ("pay", 2)]
    assert found.before == {"info": 0, "warning": 4, "error": 0, "critical": 0}
    assert found.names == (["web", "pay"], ["production", "staging"], ["1", "2"])
    # The same filters hold before.
    other = look(filled, service="pay", since=ago(hours=24), before=(ago(hours=48), ago(hours=24)))
    assert other.before == {"info": 0, "warning": 0, "error": 0, "critical": 0}
    assert look(filled).before is None


def test_where_rows_are_gone_no_minute_is_shown_but_every_event_is_counted(filled: Storage, database: Database) -> None:
    execute(database, "DELETE FROM error_events WHERE severity = 'critical'")
    # The hours that are whole come from what is counted for good.
    found = look(filled, unit="minute", since="2026-11-23T12:00:00.000Z", until="2026-11-23T14:00:00.000Z")
    assert found.unit == "hour"
    assert shown(found)["2026-11-23T13:00:00.000Z"] == {"critical": 2, "error": 3}


@pytest.fixture
def crowded(storage: Storage) -> Storage:
    """`shop` had 20 releases too many in the hour before that of `NOW`; `mail` has not."""
    releases = [str(number) for number in range(limits.COUNTED_NAMES + 20)]
    write(storage, [one for release in releases for one in at(minutes=60, service="shop", release=release)])
    write(storage, at(minutes=60, count=3, service="mail", release=releases[-1], severity="warning"))
    return storage


@pytest.mark.parametrize(
    ("filters", "total", "unnamed"),
    [
        ({}, 123, 0),
        ({"service": "shop"}, 120, 0),
        ({"release": "0"}, 1, 20),
        ({"release": "119"}, 3, 20),
        ({"environment": "production"}, 0, 20),
        ({"service": "shop", "environment": "", "release": "0"}, 1, 20),
        # Of others nothing was left out,
        ({"release": "119", "service": "mail"}, 3, 0),
        ({"release": "119", "severity": ("warning",)}, 3, 0),
        ({"release": "119", "source": "frontend"}, 0, 0),
        # nor in hours before and after,
        ({"release": "119", "until": "2026-11-23T12:00:00.000Z"}, 0, 0),
        ({"release": "119", "since": "2026-11-23T13:00:00.000Z"}, 0, 0),
        ({"release": "119", "since": "2026-11-23T12:00:00.000Z", "until": "2026-11-23T13:00:00.000Z"}, 3, 20),
        # nor where rows are counted.
        ({"release": "119", "since": "2026-11-23T12:05:00.000Z", "until": "2026-11-23T12:06:00.000Z"}, 4, 0),
        ({"release": "119", "q": "of issue"}, 4, 0),
    ],
)
def test_what_too_many_names_left_out_is_told(
    crowded: Storage, filters: dict[str, Any], total: int, unnamed: int
) -> None:
    stats, found = crowded.stats(Filters(**filters)), look(crowded, **filters)
    assert (stats["total"], stats["unnamed"], found.unnamed) == (total, unnamed, unnamed)
    assert sum(sum(counts.values()) for _, counts in found.series) == total


def test_what_may_be_more_is_not_compared(crowded: Storage) -> None:
    full, empty = ("2026-11-23T12:00:00.000Z", "2026-11-23T13:00:00.000Z"), ("2026-11-20", "2026-11-21")

    def compared(now: tuple[str, str], before: tuple[str, str], **filters: Any) -> bool:
        found = look(crowded, since=now[0], until=now[1], before=before, **filters)
        return found.before is not None

    assert not compared(full, empty, release="1")
    assert not compared(empty, full, release="1")
    assert compared(full, empty)
    assert compared(full, empty, release="1", service="mail")


def test_what_was_refused_since_an_hour(storage: Storage) -> None:
    storage.add_refusals({("2026-11-23T12:00:00.000Z", "invalid"): (1, 2), ("2026-11-23T09:00:00.000Z", "key"): (1, 0)})
    assert storage.refused("2026-11-23T12:59:00.000Z") == {"invalid": {"requests": 1, "events": 2}}


def test_pages_upward_are_the_same_as_downward(filled: Storage) -> None:
    down: list[list[int]] = []
    before = None
    while True:
        page = filled.recent(Filters(), limit=4, before=before)
        down.append([event["id"] for event in page.errors])
        if page.next is None:
            break
        before = page.next
    assert down == [[10, 9, 8, 7], [6, 5, 4, 3], [2, 1]]
    up = filled.recent(Filters(), limit=4, after=2)
    assert [event["id"] for event in up.errors] == down[1]
    assert up.next == 6
    top = filled.recent(Filters(), limit=4, after=up.next)
    assert [event["id"] for event in top.errors] == down[0]
    assert top.next is None
    searched = filled.recent(Filters(q="issue", service="web"), limit=2, after=3)
    assert [event["id"] for event in searched.errors] == [5, 4]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a few matches are counted, and hours are pieces of their own to a search."""
    monkeypatch.setattr(limits, "MATCHES_COUNTED", 4)
    monkeypatch.setattr(limits, "MATCHES_LOOKED_AT", 7)
    monkeypatch.setattr(windows, "_FIRST", 1)
    monkeypatch.setattr(windows, "_GROWTH", 1)
    monkeypatch.setattr(windows, "_GAP", -1)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    ("filters", "total", "since"),
    [
        ({"q": "of issue"}, 4, ago(minutes=4)),
        ({"q": "of issue", "since": ago(minutes=3)}, 2, None),
        ({"q": "of issue", "since": ago(minutes=30), "until": ago(minutes=3)}, 4, None),
        ({"q": "of issue", "release": "1"}, 2, None),
        ({"q": "of issue", "severity": ("critical",)}, 2, None),
        # As many as may be are all.
        ({"q": "of issue", "severity": ("warning",)}, 4, None),
        # Seven that have the words were looked at, of which two match.
        ({"q": "of issue", "source": "backend", "until": ago(minutes=3)}, 2, ago(minutes=26 * 60)),
        ({"q": "nowhere"}, 0, None),
        # Hourly counts tell of an issue alone, and only rows of its releases.
        ({"issue_id": 1}, 10, None),
        ({"issue_id": 1, "since": ago(minutes=3)}, 2, None),
        ({"issue_id": 1, "severity": ("warning",)}, 4, None),
        ({"issue_id": 1, "environment": "production"}, 4, ago(minutes=4)),
        ({"issue_id": 1, "release": "2"}, 1, ago(minutes=26 * 60)),
    ],
)
def test_of_many_matches_the_newest_are_counted(
    storage: Storage, filters: dict[str, Any], total: int, since: str | None
) -> None:
    write(
        storage,
        [
            *at(count=4, minutes=26 * 60, severity="warning"),
            *at(minutes=30, severity="error", environment="staging", release="2"),
            *at(count=3, minutes=4, severity="error", source="frontend", environment="production"),
            *at(count=2, minutes=2, severity="critical", environment="production", release="1"),
        ],
    )
    stats, found = storage.stats(Filters(**filters)), look(storage, unit="day", **filters)
    assert (stats["total"], stats["counted_since"], found.counted_since) == (total, since, since)
    assert sum(sum(counts.values()) for _, counts in found.series) == total
    assert found.unit == ("day" if since is None else "hour" if since == ago(minutes=26 * 60) else "minute")


@pytest.mark.usefixtures("few")
def test_what_may_be_more_than_a_search_counts_is_not_compared(filled: Storage) -> None:
    def before(since: str, until: str | None, then: str, **filters: Any) -> dict[str, int] | None:
        return look(filled, q="of issue", since=since, until=until, before=(then, since), **filters).before

    assert before(ago(hours=1), None, ago(hours=48)) is None
    assert before(ago(minutes=3), None, ago(minutes=10)) == {"info": 0, "warning": 0, "error": 3, "critical": 0}
    assert before(ago(minutes=3), None, ago(hours=48)) is None


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("reach", [None, 2, 3, 20])
@pytest.mark.parametrize(
    "filters", [{}, {"service": "web"}, {"source": "backend", "severity": ("critical", "warning")}, {"release": "2"}]
)
def test_a_search_page_by_page_meets_each_event_once(
    filled: Storage, filters: dict[str, Any], reach: int | None
) -> None:
    expected = [event["id"] for event in filled.recent(Filters(**filters), limit=50).errors]
    wanted = Filters(q="of issue", **filters)
    for upward in (False, True):
        met, place = list[int](), 0 if upward else None
        while True:
            at: dict[str, Any] = {"after": place} if upward else {"before": place}
            page = filled.recent(wanted, limit=3, reach=reach, **at)
            ids = [event["id"] for event in page.errors]
            met = ids + met if upward else met + ids
            if page.next is None:
                break
            place = page.next
        assert met == expected


@pytest.mark.sqlite
@pytest.mark.usefixtures("few")
def test_a_page_of_a_search_ends_after_so_many_that_have_the_words(filled: Storage) -> None:
    rare = Filters(q="of issue", severity=("warning",), source="backend")
    # Six came after the four of that severity; where none was counted nobody looks.
    assert [event["id"] for event in filled.recent(rare, limit=3, reach=2).errors] == [10, 9]
    later = Filters(q="of issue", release="1", severity=("critical",), source="backend")
    page = filled.recent(later, limit=3, reach=2)
    assert (page.errors, page.next, page.is_short) == ([], 4, True)
    page = filled.recent(later, limit=3, before=4, reach=2)
    assert ([event["id"] for event in page.errors], page.next, page.is_short) == ([2], 2, True)
    page = filled.recent(later, limit=3, before=2, reach=2)
    assert ([event["id"] for event in page.errors], page.next, page.is_short) == ([1], None, False)
