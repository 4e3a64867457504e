"""Signing in and out: the secret, the one-time link, sessions that end for everybody, and where one is led."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from levqor_errors.collector.auth import COOKIE
from support import SECRET, CollectorProcess, Database, rows


@pytest.fixture
def browser(collector_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=collector_url, headers={"Accept": "text/html"}) as client:
        yield client


def test_a_page_load_without_a_session_leads_through_login_and_back(browser: httpx.Client) -> None:
    refused = browser.get("/owner/errors?severity=error&q=a%20b")
    assert refused.status_code == 303
    form = browser.get(refused.headers["location"])
    assert form.status_code == 200
    found = re.search(r'name="next" value="([^"]*)"', form.text)
    assert found is not None
    target = found.group(1).replace("&amp;", "&")
    entered = browser.post("/login", data={"secret": SECRET, "next": target})
    assert entered.status_code == 303
    assert entered.headers["location"] == "/owner/errors?severity=error&q=a%20b"
    assert browser.get(entered.headers["location"]).status_code == 200


def test_the_cookie_is_kept_from_scripts_and_other_sites(browser: httpx.Client) -> None:
    cookie = browser.post("/login", data={"secret": SECRET}).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


def test_a_wrong_secret_is_told_so(browser: httpx.Client) -> None:
    answer = browser.post("/login", data={"secret": "wrong"})
    assert answer.status_code == 401
    assert "not the secret" in answer.text
    assert not answer.cookies


def test_signing_out_ends_the_session_for_a_stolen_cookie_too(browser: httpx.Client, database: Database) -> None:
    browser.post("/login", data={"secret": SECRET})
    stolen = browser.cookies[COOKIE]
    # The database holds no token that would let its reader in.
    assert stolen not in str(rows(database, "SELECT * FROM sessions"))
    assert browser.post("/logout").status_code == 303
    browser.cookies.set(COOKIE, stolen)
    assert browser.get("/owner/errors").status_code == 303
    assert browser.get("/api/errors/recent", headers={"Accept": "*/*"}).status_code == 401


def test_a_form_from_another_site_is_refused(browser: httpx.Client) -> None:
    browser.post("/login", data={"secret": SECRET})
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert browser.post("/logout", headers=headers).status_code == 403
        assert browser.post("/login", data={"secret": SECRET}, headers=headers).status_code == 403
    assert browser.get("/owner/errors").status_code == 200


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil", "/owner/\r\nX: y", "/owner//../x@", ""]
)
def test_a_sign_in_leads_to_our_own_pages_only(browser: httpx.Client, target: str) -> None:
    answer = browser.post("/login", data={"secret": SECRET, "next": target})
    assert answer.headers["location"] == "/owner/errors"


@pytest.mark.sqlite
def test_the_link_printed_at_start_signs_in_once(
    start_collector: Callable[..., CollectorProcess], database: Database
) -> None:
    collector = start_collector(secret=None)
    with httpx.Client(headers={"Accept": "text/html"}) as browser:
        # Looking at a link, as chat programs do, does not use it up.
        assert browser.head(collector.link).status_code == 200
        entered = browser.get(collector.link)
        assert entered.status_code == 303
        assert browser.get(f"{collector.url}/owner/errors").status_code == 200
    assert httpx.get(collector.link).status_code == 401

    secret_file = Path(f"{database}.secret")
    assert stat.S_IMODE(secret_file.stat().st_mode) == 0o600
    secret = secret_file.read_text().strip()
    assert len(secret) >= 40
    headers = {"X-Internal-Secret": secret}
    assert httpx.get(f"{collector.url}/api/errors/recent", headers=headers).status_code == 200
    # The same secret again after a restart.
    collector.terminate()
    again = start_collector(secret=None)
    assert httpx.get(f"{again.url}/api/errors/recent", headers=headers).status_code == 200
    assert secret not in collector.output + again.output
