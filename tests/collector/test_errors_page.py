"""The list of errors as the server writes it, on both databases: numbers, addresses, pages, and what it says when there
is nothing, or nothing any more. What a browser makes of it is in `tests/browser/test_errors_page.py`.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from html import unescape
from html.parser import HTMLParser

import httpx
import pytest

from levqor_errors import limits
from levqor_errors.collector import create_app
from levqor_errors.collector.errors_page import PAGE_ROWS
from levqor_errors.config import AlertSettings, CollectorSettings
from levqor_errors.event import normalize
from levqor_errors.grouping import group
from levqor_errors.storage import NewEvent, open_storage
from storage_support import write
from support import SECRET, Database, execute, owner, served

PAGE = "/owner/errors"


class Texts(HTMLParser):
    """The words of a page, and where its links lead, by their words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words = ""
        self.links: dict[str, str] = {}
        self._link: str | None = None
        self._link_words = ""
        self.feed(html)
        self.words = " ".join(self.words.split())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self._link, self._link_words = dict(attributes).get("href"), ""
        self.words += " "

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._link:
            self.links.setdefault(" ".join(self._link_words.split()), self._link)
            self._link = None
        self.words += " "

    def handle_data(self, data: str) -> None:
        self.words += data
        self._link_words += f" {data}"


def look(api: httpx.Client, query: str = "") -> Texts:
    """The page with these parameters."""
    answer = api.get(f"{PAGE}?{query}")
    assert answer.status_code == 200
    return Texts(answer.text)


def send(api: httpx.Client, number: int = 1, **fields: object) -> None:
    """Send events."""
    assert api.post("/api/errors/log", json=[{"message": "it broke", **fields}] * number).is_success


def messages(api: httpx.Client, path: str) -> list[str]:
    """What the list of a page shows."""
    return [unescape(text) for text in re.findall(r'<span class="message">([^<]*)</span>', api.get(path).text)]


def test_nothing_yet_leads_to_the_handbook_and_to_the_first_event(api: httpx.Client) -> None:
    page = look(api)
    assert "No errors yet" in page.words
    assert page.links["How to wire in your services"] == "/owner/handbook"
    command = re.search(r"curl (\S+) \\ -H 'Content-Type: application/json' \\ -d '(.*?)'", page.words)
    assert command is not None
    url, body = command.groups()
    assert url == str(api.base_url.join("/api/errors/log"))
    # As it stands there, it works.
    assert httpx.post(url, content=body, headers={"Content-Type": "application/json"}).status_code == 201
    assert "Hello from curl" in look(api).words
    assert "X-Levqor-Key" not in page.words


@pytest.mark.sqlite
def test_where_keys_are_asked_for_the_first_event_has_one(database: Database) -> None:
    settings = CollectorSettings(str(database), SECRET, ingest_keys={"a-key-of-a-service": "*"})
    with served(create_app(settings, AlertSettings())) as url, owner(url) as api:
        words = look(api).words
    assert "X-Levqor-Key: YOUR-KEY" in words
    assert "a-key-of-a-service" not in words


def test_cards_count_all_severities_and_the_list_shows_those_that_are_chosen(api: httpx.Client) -> None:
    send(api, 3, severity="error", service="web")
    send(api, 2, severity="critical", service="pay")
    send(api, 1, severity="info", service="web")
    page = look(api)
    assert "Total 6 none before" in page.words
    assert "6 events" in page.words
    chosen = look(api, "severity=critical,error")
    assert "Critical 2" in chosen.words
    assert "Info 1" in chosen.words
    assert "5 events" in chosen.words
    narrowed = look(api, "service=web")
    assert "Critical 0" in narrowed.words
    assert "4 events" in narrowed.words
    # A service leads to its events, with all else that was chosen.
    assert chosen.links["web 3"] == f"{PAGE}?severity=critical%2Cerror&service=web"
    # An event knows of which list it was opened.
    opened = [link for words, link in chosen.links.items() if "it broke" in words]
    assert all(re.fullmatch(r"/owner/errors/\d+\?severity=critical%2Cerror", link) for link in opened)
    assert opened


def test_numbers_that_names_were_too_many_for_say_at_least(api: httpx.Client) -> None:
    """Counts stay for good, so one service is not counted by any number of releases."""
    many = limits.COUNTED_NAMES + 5
    events = [{"message": "it broke", "service": "web", "release": str(number)} for number in range(many)]
    assert api.post("/api/errors/log", json=events).status_code == 200
    stats = api.get("/api/errors/stats", params={"release": "1"}).json()
    assert (stats["total"], stats["unnamed"]) == (1, 5)
    narrowed = look(api, "release=1").words
    assert "Total at least 1 Critical at least 0" in narrowed
    assert "At least 1 event " in narrowed
    assert "5 events were counted without environment and release" in narrowed
    # All of those that are stored are listed.
    assert messages(api, f"{PAGE}?release={many - 1}") == ["it broke"]
    whole = look(api).words
    assert f"Total {many} none before" in whole
    assert "least" not in whole


def test_of_a_word_that_is_everywhere_the_newest_are_counted(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MATCHES_COUNTED", 5)
    events = [{"message": "it broke", "service": "web"}] * 6 + [{"message": "it broke, too", "service": "mail"}] * 3
    assert api.post("/api/errors/log", json=events).status_code == 200
    stats = api.get("/api/errors/stats", params={"q": "broke"}).json()
    assert stats["total"] == 5
    assert stats["counted_since"] is not None
    many = look(api, "q=broke").words
    assert "Total at least 5 Critical at least 0" in many
    assert "At least 9 events" in many
    assert re.search(r"Over time events per minute, since \d{4}-", many)
    assert re.search(r"the numbers here are of events since \d{4}-", many)
    # The list has all of them; of a few all are counted, and compared.
    assert len(messages(api, f"{PAGE}?q=broke")) == 9
    few = look(api, "q=too").words
    assert "Total 3 none before" in few
    assert "least" not in few
    assert api.get("/api/errors/stats", params={"q": "too"}).json()["counted_since"] is None


def fill(database: Database, *hours: float, **fields: object) -> None:
    """Events that were received so many hours ago."""
    now = datetime.now(timezone.utc)
    events = [normalize({"message": "it broke", **fields}, received_at=now - timedelta(hours=ago)) for ago in hours]
    storage = open_storage(str(database))
    write(storage, [NewEvent(event, group(event)) for event in events])
    storage.close()


def test_the_range_before_is_compared(database: Database) -> None:
    fill(database, 1, 2, 30, 31, 40, 47, 60, severity="warning")
    with served(create_app(CollectorSettings(str(database), SECRET))) as url, owner(url) as api:
        day = look(api).words
        assert "Warnings 2 ▼ 50% · 4 before 50% less than in the 24 hours before, which had 4" in day
        assert "Critical 0 = as before" in day
        assert "Warnings 7 Info" in look(api, "range=all").words


def test_pages_lead_to_each_other_in_both_directions(api: httpx.Client) -> None:
    number = 2 * PAGE_ROWS + 7
    events = [{"message": f"event {place}"} for place in range(number)]
    assert api.post("/api/errors/log", json=events).is_success
    newest_first = [f"event {place}" for place in reversed(range(number))]
    path, seen, paths = PAGE, [], []
    while path:
        seen += messages(api, path)
        paths.append(path)
        path = Texts(api.get(path).text).links.get("Older", "")
    assert seen == newest_first
    assert len(paths) == 3
    back = Texts(api.get(paths[-1]).text).links
    assert back["Newest"] == PAGE
    assert messages(api, back["Newer"]) == newest_first[PAGE_ROWS : 2 * PAGE_ROWS]
    first = Texts(api.get(back["Newer"]).text).links["Newer"]
    assert messages(api, first) == newest_first[:PAGE_ROWS]
    assert "Newer" not in Texts(api.get(first).text).links


def test_every_state_of_nothing_says_what_to_do(api: httpx.Client, database: Database) -> None:
    send(api, 2, message="only this", severity="warning")
    assert "Nothing matches Take all filters away" in look(api, "q=nowhere").words
    other = look(api, "severity=critical")
    assert "2 of other severities." in other.words
    old = look(api, "since=2020-01-01&until=2020-01-02")
    assert "Nothing went wrong There is no event in this range." in old.words
    assert "No older events" in look(api, "before=1").words
    # Retention takes events away, and no count.
    execute(database, "DELETE FROM error_events WHERE id = 1")
    assert "1 more was counted, and is not kept any more." in look(api, "range=all").words
    execute(database, "DELETE FROM error_events WHERE id = 2")
    assert "These events are not kept any more" in look(api, "range=all").words


def test_filters_of_an_address_stand_in_the_form_and_can_be_taken_away(api: httpx.Client) -> None:
    send(api, service="web", environment="staging", release="1.2", source="frontend", severity="error")
    query = (
        "severity=error&severity=critical&service=web&environment=staging&release=1.2&source=frontend&q=broke&range=7d"
    )
    html = api.get(f"{PAGE}?{query}").text
    for name, value in (("q", "broke"), ("service", "web"), ("environment", "staging"), ("release", "1.2")):
        assert re.search(rf'<input[^>]* name="{name}" value="{value}"', html)
    assert re.findall(r'value="(\w+)" checked', html) == ["critical", "error"]
    assert "<option selected>frontend</option>" in html
    assert '<input type="hidden" name="range" value="7d">' in html
    assert '<option value="staging">' in html
    page = Texts(html)
    assert page.links["Clear all"] == f"{PAGE}?range=7d"
    assert "1 event " in page.words


def test_one_issue_and_one_event_are_found_however_old_they_are(database: Database) -> None:
    fill(database, 20 * 24, message="an old one")
    with served(create_app(CollectorSettings(str(database), SECRET))) as url, owner(url) as api:
        (event,) = api.get("/api/errors/recent").json()["errors"]
        assert messages(api, PAGE) == []
        assert messages(api, f"{PAGE}?issue={event['issue_id']}") == ["an old one"]
        assert messages(api, f"{PAGE}?q={event['event_id']}") == ["an old one"]
        assert "Issue: " in look(api, f"issue={event['issue_id']}").words


@pytest.mark.sqlite
@pytest.mark.parametrize("query", ["range=2h", "since=yesterday", "severity=bad", "issue=x", "before=x", "after=x"])
def test_what_cannot_be_understood_is_said_on_a_page(api: httpx.Client, query: str) -> None:
    answer = api.get(f"{PAGE}?{query}")
    assert answer.status_code == 400
    assert "That did not work" in answer.text
    assert query.partition("=")[0] in answer.text


@pytest.mark.sqlite
@pytest.mark.parametrize("path", ["/owner/nothing", "/owner/errors/", "/nothing"])
def test_an_address_without_a_page_has_a_way_back(api: httpx.Client, path: str) -> None:
    answer = api.get(path, headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert "There is no page at this address." in answer.text
    assert f'<a href="{PAGE}">Back</a>' in answer.text
    # Programs are told in their own way.
    assert api.get(path).json() == {"ok": False, "error": "Not Found"}
    assert api.get("/owner").headers["location"] == PAGE


@pytest.mark.sqlite
def test_what_an_event_says_is_text(api: httpx.Client) -> None:
    hostile = '"><script>alert(1)</script>'
    send(api, message=hostile, service=hostile[:100], environment=hostile, release=hostile, path=hostile)
    for query in ("", f"service={hostile}", f"q={hostile}", f"range=all&release={hostile}"):
        assert "<script>alert" not in api.get(PAGE, params=httpx.QueryParams(query)).text


@pytest.mark.sqlite
def test_the_strip_says_what_was_refused(api: httpx.Client) -> None:
    assert "All is well" in look(api).words
    assert api.post("/api/errors/log", content=b"no JSON").status_code == 400
    page = ""
    # It is written down every two seconds, and the answer is kept for one.
    deadline = datetime.now(timezone.utc) + timedelta(seconds=30)
    while "1 request refused in 24 h" not in page and datetime.now(timezone.utc) < deadline:
        page = look(api).words
    assert "Worth a look" in page
    assert "no events, or too large: 1" in page
