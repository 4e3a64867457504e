"""The owner's pages of issues: what they list, what their forms do, and that it can be undone."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import httpx
import pytest

from support import SECRET, Database, rows

ISSUES = "/owner/issues"


@pytest.fixture
def owner(collector_url: str) -> Iterator[httpx.Client]:
    """A browser that is signed in, and follows where it is led."""
    with httpx.Client(base_url=collector_url, follow_redirects=True, headers={"Origin": collector_url}) as client:
        assert client.post("/login", data={"secret": SECRET}).url.path == "/owner/errors"
        yield client


@pytest.fixture
def three(owner: httpx.Client) -> list[int]:
    """Ids of three issues: `cart` with two events, `pay` (critical), and `mail` of another service."""
    for fields in (
        {"service": "shop", "message": "cart", "user_email": "ann@example.com"},
        {"service": "shop", "message": "cart", "user_email": "bob@example.com"},
        {"service": "shop", "message": "pay", "severity": "critical"},
        {"service": "mailer", "message": "mail"},
    ):
        assert owner.post("/api/errors/log", json=fields).status_code == 201
    return [1, 2, 3]


def press(owner: httpx.Client, *issues: int, back: str = ISSUES, **fields: str) -> httpx.Response:
    return owner.post(ISSUES, data={"issue": [str(one) for one in issues], "back": back, **fields})


def titles(answer: httpx.Response) -> list[str]:
    return [html.unescape(title) for title in re.findall(r'class="title"[^>]*>([^<]*)<', answer.text)]


def states(database: Database) -> dict[str, str]:
    return dict(rows(database, "SELECT title, state FROM issues ORDER BY id"))


def test_open_ones_by_default_the_latest_first(owner: httpx.Client, three: list[int]) -> None:
    assert titles(owner.get(ISSUES)) == ["mail", "pay", "cart"]
    assert titles(owner.get(ISSUES, params={"service": "shop"})) == ["pay", "cart"]
    assert titles(owner.get(ISSUES, params={"severity": "critical"})) == ["pay"]
    assert titles(owner.get(ISSUES, params={"q": "car"})) == ["cart"]
    assert titles(owner.get(ISSUES, params={"sort": "users"}))[0] == "cart"
    assert titles(owner.get(ISSUES, params={"state": "resolved"})) == []
    assert "2</b><small>events" in owner.get(ISSUES).text
    for wrong in ({"state": "x"}, {"sort": "x"}, {"severity": "loud"}, {"after": "x"}, {"limit": "0"}):
        assert owner.get(ISSUES, params=wrong).status_code == 400


def test_what_is_done_with_the_ticked_ones_and_undone(
    owner: httpx.Client, three: list[int], database: Database
) -> None:
    answer = press(owner, 1, 3, do="resolve", back=f"{ISSUES}?service=")
    assert (answer.url.path, titles(answer)) == (ISSUES, ["pay"])
    assert "Resolved 2 issues." in answer.text
    assert states(database) == {"cart": "resolved", "pay": "open", "mail": "resolved"}
    undo = re.search(r'name="changes" value="([^"]+)"', answer.text)
    assert undo is not None
    answer = owner.post("/owner/undo", data={"changes": undo[1], "back": ISSUES})
    assert "Undone for 2 issues." in answer.text
    assert states(database) == {"cart": "open", "pay": "open", "mail": "open"}
    # Once is enough.
    again = owner.post("/owner/undo", data={"changes": undo[1], "back": ISSUES})
    assert (again.status_code, "it is undone already" in again.text) == (409, True)


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"do": "mute", "for": "1d"}, "muted"),
        ({"do": "mute", "for": "100n"}, "muted"),
        ({"do": "resolve_in_next_release"}, "resolved"),
        ({"do": "resolve"}, "resolved"),
    ],
)
def test_each_button(
    owner: httpx.Client, three: list[int], database: Database, fields: dict[str, str], state: str
) -> None:
    assert press(owner, 2, back=f"{ISSUES}/2", **fields).url.path == f"{ISSUES}/2"
    assert states(database)["pay"] == state
    press(owner, 2, do="reopen")
    assert states(database)["pay"] == "open"


def test_a_note_is_kept_shown_and_taken_away(owner: httpx.Client, three: list[int]) -> None:
    assert "&lt;b&gt;Ann looks" in press(owner, 1, do="note", note="<b>Ann looks", back=f"{ISSUES}/1").text
    assert "Ann looks" not in press(owner, 1, do="note", note="", back=f"{ISSUES}/1").text.partition("History")[0]


def test_a_merge_goes_into_the_oldest_and_says_why_not(
    owner: httpx.Client, three: list[int], database: Database
) -> None:
    assert titles(press(owner, 2, 1, do="merge")) == ["mail", "cart"]
    answer = press(owner, 1, 3, do="merge")
    assert answer.status_code == 409
    assert f'issue <a href="{ISSUES}/3">3</a>: it is of another service (mailer) than issue 1 (shop)' in answer.text
    assert press(owner, 1, do="merge").status_code == 400
    assert rows(database, "SELECT merged_into FROM issues ORDER BY id") == [(None,), (1,), (None,)]


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (ISSUES, {}),
        (ISSUES, {"issue": "1"}),
        (ISSUES, {"issue": "1", "do": "explode"}),
        (ISSUES, {"issue": "1", "do": "mute", "for": "ever"}),
        (ISSUES, {"issue": "x", "do": "resolve"}),
        (ISSUES, {"issue": "1-9999999", "do": "resolve"}),
        (ISSUES, {"issue": "1", "do": "note", "note": "x" * 5_000}),
        (ISSUES, {"issue": "1", "do": "note", "note": "x" * 500_000}),
        ("/owner/undo", {}),
        ("/owner/undo", {"changes": "1-"}),
        ("/owner/undo", {"changes": "1-99999999999999"}),
    ],
)
def test_a_form_that_cannot_be_used_changes_nothing(
    owner: httpx.Client, three: list[int], database: Database, path: str, fields: dict[str, str]
) -> None:
    assert owner.post(path, data=fields).status_code == 400
    assert rows(database, "SELECT count(*) FROM issue_changes") == [(0,)]


def test_a_form_leads_to_our_own_pages_only(owner: httpx.Client, three: list[int]) -> None:
    for back in ("https://evil.example/", "//evil.example/owner/", "/owner/\\evil", "javascript:alert(1)"):
        answer = owner.post(ISSUES, data={"issue": "1", "do": "resolve", "back": back}, follow_redirects=False)
        assert answer.headers["Location"].startswith(ISSUES)


def test_an_issue_that_is_not_there(owner: httpx.Client) -> None:
    for id_ in ("1", "x", "9" * 30):
        assert owner.get(f"{ISSUES}/{id_}").status_code == 404


# -- links for others -------------------------------------------------------------------------------------------------


def test_a_link_shows_an_issue_without_its_users_until_it_is_ended(
    owner: httpx.Client, collector_url: str, database: Database
) -> None:
    stack = "Traceback: user ann.lee@example.com (10.1.2.3) at +49 170 1234567\n  in pay, id customer-4711"
    event = {
        "service": "shop", "message": "no card for ann.lee@example.com", "stack": stack,
        "user_email": "ann.lee@example.com", "context": {"user": {"id": "customer-4711"}, "tags": {"plan": "gold"}},
    }  # fmt: skip
    owner.post("/api/errors/log", json=event)
    page = owner.post(f"{ISSUES}/1/shares", data={"days": "7"}).text
    link = re.search(r'value="(http://[^"]+/shared/[^"]+)"', page)
    assert link is not None
    shown = httpx.get(link[1])
    assert shown.status_code == 200
    assert "no card for" in shown.text
    for secret in ("ann.lee", "10.1.2.3", "170 1234567", "customer-4711", "gold", "Sign out", "/owner/issues"):
        assert secret not in shown.text, secret
    assert shown.headers["X-Robots-Tag"] == "noindex, nofollow"
    # Neither the token nor anything that could be used as one is in the database.
    ((kept,),) = rows(database, "SELECT token_hash FROM shares")
    assert kept not in link[1]
    assert httpx.get(f"{collector_url}/shared/{kept}").status_code == 404
    owner.post(f"{ISSUES}/1/shares", data={"end": kept})
    assert httpx.get(link[1]).status_code == 404


def test_a_link_only_for_an_issue_that_is_there_and_for_days_that_are_offered(
    owner: httpx.Client, three: list[int], database: Database
) -> None:
    assert owner.post(f"{ISSUES}/99/shares", data={"days": "7"}).status_code == 404
    for days in ("0", "365", "x", ""):
        assert owner.post(f"{ISSUES}/1/shares", data={"days": days}).status_code == 400
    assert rows(database, "SELECT * FROM shares") == []


def test_another_site_presses_no_button(owner: httpx.Client, three: list[int], database: Database) -> None:
    for path in (ISSUES, "/owner/undo", f"{ISSUES}/1/shares"):
        answer = owner.post(path, data={"issue": "1", "do": "resolve"}, headers={"Origin": "https://evil.example"})
        assert answer.status_code == 403
    assert states(database)["cart"] == "open"
