"""S7 | session: stolen after sign-out, fixation, cross-site POST, `next=//evil` |
refused; HttpOnly, SameSite, Secure under TLS

`tests/browser/test_s7_session.py` has what only a browser shows.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from http.cookies import Morsel, SimpleCookie
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request

from levqor_errors.collector import create_app
from levqor_errors.collector.app import INGEST_PATH
from levqor_errors.collector.auth import COOKIE, LINK_SECONDS, Auth
from levqor_errors.collector.throttle import BURST
from levqor_errors.config import CollectorSettings
from levqor_errors.storage import open_storage
from route_support import all_routes
from support import SECRET, CollectorProcess, Database, rows, served

RECENT = "/api/errors/recent"
LIST = "/owner/errors"


@pytest.fixture
def browser(collector_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=collector_url, headers={"Accept": "text/html"}) as client:
        yield client


def sign_in(client: httpx.Client) -> str:
    """The new session's token."""
    answer = client.post("/login", data={"secret": SECRET})
    assert answer.status_code == 303
    return client.cookies[COOKIE]


def is_signed_in(url: str, token: str) -> bool:
    """Whether somebody who has only the token gets in."""
    answer = httpx.get(f"{url}{RECENT}", headers={"Cookie": f"{COOKIE}={token}"})
    assert answer.status_code in (200, 401)
    return answer.status_code == 200


def the_cookie(answer: httpx.Response) -> Morsel[str]:
    """The session's cookie as it was set."""
    return SimpleCookie(answer.headers["set-cookie"])[COOKIE]


# -- ended is ended ---------------------------------------------------------------------------------------------------


def test_s7_a_stolen_session_ends_with_the_sign_out(browser: httpx.Client, collector_url: str) -> None:
    stolen = sign_in(browser)
    assert is_signed_in(collector_url, stolen)
    answer = browser.post("/logout")
    assert the_cookie(answer)["max-age"] == "0"
    assert not is_signed_in(collector_url, stolen)


def test_s7_signing_out_leaves_other_browsers_alone(browser: httpx.Client, collector_url: str) -> None:
    with httpx.Client(base_url=collector_url) as other:
        kept = sign_in(other)
    sign_in(browser)
    browser.post("/logout")
    assert is_signed_in(collector_url, kept)


def test_s7_signing_out_everywhere_ends_every_session_and_every_link(
    start_collector: Callable[..., CollectorProcess], database: Database
) -> None:
    collector = start_collector()
    with httpx.Client(base_url=collector.url) as one, httpx.Client(base_url=collector.url) as two:
        tokens = [sign_in(one), sign_in(two)]
        assert two.post("/logout", data={"everywhere": "1"}).status_code == 303
    assert [token for token in tokens if is_signed_in(collector.url, token)] == []
    assert rows(database, "SELECT * FROM sessions") == []
    assert httpx.get(collector.link).status_code == 401


def test_s7_nobody_signs_out_all_others_without_being_signed_in(browser: httpx.Client, collector_url: str) -> None:
    kept = sign_in(browser)
    assert httpx.post(f"{collector_url}/logout", data={"everywhere": "1"}).status_code == 401
    assert is_signed_in(collector_url, kept)


@pytest.mark.sqlite
def test_s7_a_new_secret_ends_all_sessions(start_collector: Callable[..., CollectorProcess]) -> None:
    first = start_collector()
    with httpx.Client(base_url=first.url) as client:
        token = sign_in(client)
    first.terminate()
    again = start_collector()
    assert is_signed_in(again.url, token)
    again.terminate()
    assert not is_signed_in(start_collector(secret="another-secret-0123456789").url, token)


def test_s7_what_the_database_has_signs_nobody_in(
    browser: httpx.Client, collector_url: str, database: Database
) -> None:
    token = sign_in(browser)
    ((kept,),) = rows(database, "SELECT token_hash FROM sessions")
    assert token not in kept
    assert not is_signed_in(collector_url, kept)


# -- fixation ---------------------------------------------------------------------------------------------------------


def test_s7_a_session_that_a_browser_is_given_beforehand_is_not_taken(
    collector_url: str, browser: httpx.Client
) -> None:
    planted = "a-token-that-the-attacker-knows-0123456789"
    browser.cookies.set(COOKIE, planted, domain="127.0.0.1")
    answer = browser.post("/login", data={"secret": SECRET})
    given = the_cookie(answer).value
    assert given != planted
    assert is_signed_in(collector_url, given)
    assert not is_signed_in(collector_url, planted)


def test_s7_a_sign_in_ends_the_session_that_it_replaces(browser: httpx.Client, collector_url: str) -> None:
    """The browser forgets the old one, and could not sign it out any more."""
    before = sign_in(browser)
    after = sign_in(browser)
    assert before != after
    assert not is_signed_in(collector_url, before)
    assert is_signed_in(collector_url, after)


@pytest.mark.parametrize("token", ["", "x", "'", "%00", "\xe9", "x" * 1_025, "x" * 60_000, '"x"', "a=b"])
@pytest.mark.sqlite
def test_s7_what_is_no_token_is_no_session(collector_url: str, token: str) -> None:
    answer = httpx.get(f"{collector_url}{RECENT}", headers={b"Cookie": f"{COOKIE}={token}".encode("latin-1")})
    assert answer.status_code in (400, 401, 431)


# -- the cookie -------------------------------------------------------------------------------------------------------


@pytest.mark.sqlite
def test_s7_the_cookie(tmp_path: Path, subtests: pytest.Subtests) -> None:
    for trusted, forwarded, is_secure in (
        ("127.0.0.1", "https", True),
        ("127.0.0.1", "http, https", True),
        ("127.0.0.1", "http", False),
        # The last one is what the trusted proxy says.
        ("127.0.0.1", "https, http", False),
        ("127.0.0.1", "", False),
        # Of a stranger nothing is believed; over plain HTTP the browser would not give the cookie back.
        ("10.0.0.1", "https", False),
        ("", "https", False),
    ):
        settings = CollectorSettings.from_env(
            {"DATABASE_PATH": str(tmp_path / "levqor.db"), "INTERNAL_SECRET": SECRET, "TRUSTED_PROXIES": trusted}
        )
        with subtests.test(trusted=trusted, forwarded=forwarded), served(create_app(settings)) as url:
            headers = {"X-Forwarded-Proto": forwarded} if forwarded else {}
            cookie = the_cookie(httpx.post(f"{url}/login", data={"secret": SECRET}, headers=headers))
            assert bool(cookie["secure"]) is is_secure
            assert cookie["httponly"]
            assert cookie["samesite"] == "lax"
            assert cookie["path"] == "/"
            # Without a domain: other hosts of the same domain do not get it.
            assert not cookie["domain"]


# -- other sites ------------------------------------------------------------------------------------------------------

#: What a browser says of a request that another site has made it send, or of one that it does not want to tell about.
FROM_ELSEWHERE = (
    {"Sec-Fetch-Site": "cross-site"},
    # Another host of the same domain, such as a page that somebody else may write.
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": ""},
    {"Sec-Fetch-Site": "SAME-ORIGIN"},
    {"Sec-Fetch-Site": "same-origin, cross-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "{own}"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "{own}.evil.example"},
    {"Origin": "{own}@evil.example"},
    {"Origin": "{own}/"},
    {"Origin": "http://evil.example, {own}"},
    # Another port is another program.
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "http://127.0.0.1"},
)
FROM_HERE: tuple[dict[str, str], ...] = (
    {},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "{own}"},
)


def test_s7_no_post_from_another_site_does_anything(database: Database, subtests: pytest.Subtests) -> None:
    app = create_app(CollectorSettings(str(database), SECRET))
    with served(app) as url, httpx.Client(base_url=url) as client:
        token = sign_in(client)
        client.post("/api/errors/log", json={"message": "an issue", "service": "shop"})
        paths = owners_posts(app)
        assert {"/login", "/logout", "/owner/issues", "/owner/undo", "/api/issues/1"} <= set(paths)
        before = whole(database)
        for path in paths:
            for headers in FROM_ELSEWHERE:
                given = {name: value.replace("{own}", url) for name, value in headers.items()}
                with subtests.test(path=path, **headers):
                    form = {"secret": SECRET, "everywhere": "1", "action": "resolve", "issue": "1", "days": "1"}
                    answer = client.post(path, data=form, headers=given)
                    assert answer.status_code == 403
                    assert "set-cookie" not in answer.headers
        assert whole(database) == before
        assert is_signed_in(url, token)


def owners_posts(app: Starlette) -> list[str]:
    """Every path that the owner can send something to."""
    safe = {"GET", "HEAD", "OPTIONS"}
    return [path for path, methods in all_routes(app) if methods - safe and path != INGEST_PATH]


def whole(database: Database) -> list[object]:
    """What a stranger's press could have changed."""
    tables = ("sessions", "issues", "issue_changes", "shares", "alert_ledger")
    return [sorted(rows(database, f"SELECT * FROM {table}")) for table in tables]


def test_s7_a_post_from_our_own_pages_is_taken(collector_url: str) -> None:
    for headers in FROM_HERE:
        given = {name: value.replace("{own}", collector_url) for name, value in headers.items()}
        with httpx.Client(base_url=collector_url) as client:
            assert client.post("/login", data={"secret": SECRET}, headers=given).status_code == 303
            assert client.post("/logout", headers=given).status_code == 303


@pytest.mark.sqlite
def test_s7_nothing_changes_by_a_mere_look(database: Database) -> None:
    """SameSite=Lax gives the cookie to links from other sites, so a GET must not do anything."""
    app = create_app(CollectorSettings(str(database), SECRET))
    with served(app) as url, httpx.Client(base_url=url, headers={"Accept": "text/html"}) as client:
        sign_in(client)
        client.post("/api/errors/log", json={"message": "an issue", "service": "shop"})
        before = whole(database)
        for path in owners_posts(app):
            client.get(path, params={"everywhere": "1", "action": "resolve", "issue": "1", "days": "1"})
        assert whole(database) == before


@pytest.mark.sqlite
def test_s7_a_sign_in_leads_to_our_own_pages_only(collector_url: str, subtests: pytest.Subtests) -> None:
    for target in (
        "//evil", "///evil", "/\\evil", "\\\\evil", "https://evil", "https:evil", "javascript:alert(1)", "data:,x",
        "/owner/\r\nLocation: //evil", "/owner/\n", "/owner/\t/evil", "/owner/\\..\\evil", "/owner/#@evil",
        "owner/errors", "/owner", "/logout", "/login?next=//evil", "/owner/<script>", "/owner/\x00", "/owner/\u202e",
        "", " /owner/x",
    ):  # fmt: skip
        with subtests.test(next=target):
            answer = httpx.post(f"{collector_url}/login", data={"secret": SECRET, "next": target})
            assert answer.headers["location"] == LIST
            form = httpx.get(f"{collector_url}/login", params={"next": target}).text
            assert f'name="next" value="{LIST}"' in form


# -- guesses and links ------------------------------------------------------------------------------------------------


@pytest.mark.sqlite
def test_s7_a_browser_that_guesses_is_told_so_on_a_page(browser: httpx.Client) -> None:
    for _ in range(BURST):
        assert browser.post("/login", data={"secret": "wrong"}).status_code == 401
    answer = browser.post("/login", data={"secret": SECRET, "next": "/owner/issues"})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["content-type"].startswith("text/html")
    assert "Too many wrong secrets from this address. Try again in" in answer.text
    # The next try leads where this one would have.
    assert 'value="/owner/issues"' in answer.text
    assert "set-cookie" not in answer.headers


def test_s7_a_link_signs_in_once_and_not_when_it_is_old(database: Database) -> None:
    now = 0.0
    with contextlib.closing(open_storage(str(database))) as storage:
        auth = Auth(SECRET, storage, lambda: now)
        request = Request({"type": "http", "headers": []})

        def uses(token: str) -> bool:
            return asyncio.run(auth.sign_in_by_link(token, request)) is not None

        early, late = auth.new_link_token(), auth.new_link_token()
        now = LINK_SECONDS - 1
        assert [uses(early), uses(early)] == [True, False]
        now = LINK_SECONDS
        assert not uses(late)
        for odd in ("", "x", early[:-1], "\ud800", "x" * 100_000):
            assert not uses(odd)


@pytest.mark.sqlite
def test_s7_a_link_keeps_its_token_to_itself(start_collector: Callable[..., CollectorProcess]) -> None:
    """No cache has the page with it, and no other site is told."""
    collector = start_collector()
    answer = httpx.get(collector.link)
    assert answer.status_code == 303
    assert answer.headers["cache-control"] == "no-store"
    again = httpx.get(collector.link)
    assert again.status_code == 401
    token = collector.link.rpartition("=")[2]
    assert token not in again.text
    assert again.headers["referrer-policy"] == "same-origin"
