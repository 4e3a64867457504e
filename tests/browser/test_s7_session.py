"""S7 | session: stolen after sign-out, fixation, cross-site POST, `next=//evil` |
refused; HttpOnly, SameSite, Secure under TLS

Here what only a browser shows: which cookies it sends, and what it says of where a form came from. With that of S3
about framing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from browser_support import OTHER_HOST, Complaints
from levqor_errors.collector.auth import COOKIE
from support import SECRET, CollectorProcess
from web_page_support import site

pytestmark = pytest.mark.sqlite

THIS: Final = "127.0.0.1"
#: Sends a form as soon as it is looked at.
SENDING: Final = """<!doctype html><title>Evil</title>
<form method="post" action="{address}"><input name="everywhere" value="1"><input name="secret" value="{secret}">
<input name="action" value="resolve"><input name="issue" value="1"></form>
<script>document.forms[0].submit()</script>"""
FRAMING: Final = '<!doctype html><title>Evil</title><iframe src="{address}"></iframe>'


@pytest.fixture
def collector(start_collector: Callable[..., CollectorProcess]) -> CollectorProcess:
    return start_collector()


def sign_in(page: Page, url: str) -> None:
    page.goto(f"{url}/login")
    page.get_by_label("Secret").fill(SECRET)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{url}/owner/errors")


def by(host: str, url: str) -> str:
    """The same address by another name of this machine."""
    return url.replace(THIS, host)


def test_s7_over_plain_http_on_a_network(page: Page, collector: CollectorProcess) -> None:
    """Where browsers do not say by Sec-Fetch-Site what a form comes from."""
    url = by(OTHER_HOST, collector.url)
    sign_in(page, url)
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{url}/login")
    page.goto(f"{url}/owner/errors")
    expect(page.get_by_label("Secret")).to_be_visible()


# Another port of the same host is the same site: it gets the cookies, too.
@pytest.mark.parametrize("evil_host", [THIS, OTHER_HOST])
@pytest.mark.parametrize("host", [THIS, OTHER_HOST])
def test_s7_a_form_of_another_site(page: Page, collector: CollectorProcess, host: str, evil_host: str) -> None:
    url = by(host, collector.url)
    sign_in(page, url)
    with site() as evil:
        for path in ("/logout", "/owner/issues", "/owner/undo", "/login"):
            evil.put("/", SENDING.format(address=f"{url}{path}", secret=SECRET))
            with page.expect_response(f"{url}{path}") as response:
                page.goto(f"{by(evil_host, evil.url)}/")
            # 401 where the browser has kept the cookie to itself.
            assert response.value.status in (401, 403)
            assert "set-cookie" not in response.value.headers
    page.goto(f"{url}/owner/errors")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_s7_a_link_of_another_site_leads_in_whoever_is_signed_in(page: Page, collector: CollectorProcess) -> None:
    """As in a message of the alerts, read in a web mail."""
    sign_in(page, collector.url)
    with site() as mail:
        mail.put("/", f'<!doctype html><a href="{collector.url}/owner/issues">Open in the dashboard</a>')
        page.goto(by(OTHER_HOST, mail.url))
        page.get_by_role("link").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Issues")


def test_s7_no_script_reads_the_cookie(page: Page, collector: CollectorProcess) -> None:
    sign_in(page, collector.url)
    (cookie,) = page.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == (COOKIE, True, "Lax")
    assert page.evaluate("document.cookie") == ""


def test_s7_nothing_is_left_behind_a_sign_out(page: Page, collector: CollectorProcess) -> None:
    sign_in(page, collector.url)
    page.goto(f"{collector.url}/owner/issues")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Secret")).to_be_visible()
    assert page.context.cookies() == []
    page.go_back()
    expect(page.get_by_label("Secret")).to_be_visible()


def test_s7_signing_out_everywhere(
    page: Page, complaints: Complaints, browser: Browser, collector: CollectorProcess
) -> None:
    sign_in(page, collector.url)
    lost = browser.new_context()
    other = lost.new_page()
    other.goto(collector.link)
    expect(other.get_by_role("button", name="Sign out")).to_be_visible()
    page.goto(f"{collector.url}/owner/handbook")
    page.get_by_role("button", name="Sign out everywhere").click()
    expect(page).to_have_url(f"{collector.url}/login")
    other.reload()
    expect(other.get_by_label("Secret")).to_be_visible()
    lost.close()
    assert complaints == []


def test_s7_a_guesser_is_told_to_wait_on_the_page(page: Page, collector: CollectorProcess) -> None:
    page.goto(f"{collector.url}/login?next=/owner/issues")
    guess = "() => fetch('/login', {method: 'POST', body: new URLSearchParams({secret: 'x'})}).then(r => r.status)"
    while page.evaluate(guess) != 429:
        pass
    page.get_by_label("Secret").fill(SECRET)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("Too many wrong secrets from this address. Try again in")
    # After that he gets in, and to where he was going.
    while "/login" in page.url:
        page.get_by_label("Secret").fill(SECRET)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_load_state()
    expect(page).to_have_url(f"{collector.url}/owner/issues")


def test_s3_no_site_frames_a_page(page: Page, collector: CollectorProcess) -> None:
    sign_in(page, collector.url)
    with site() as evil:
        for path in ("/login", "/owner/errors", "/owner/issues", "/owner/handbook"):
            evil.put("/", FRAMING.format(address=f"{collector.url}{path}"))
            # Another port is the same site: the cookie goes along.
            page.goto(f"{evil.url}/")
            frame = page.frames[1]
            expect(frame.locator("main, form")).to_have_count(0)
            assert frame.url.startswith("chrome-error:")
