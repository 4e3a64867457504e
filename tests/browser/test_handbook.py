"""The handbook in a real browser: what is copied, for everybody, and without scripts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from browser_support import Complaints
from levqor_errors.collector import create_app
from levqor_errors.config import AlertSettings, CollectorSettings
from support import SECRET, Database, served

pytestmark = pytest.mark.sqlite

HANDBOOK = "/owner/handbook"


@pytest.fixture
def url(database: Database) -> Iterator[str]:
    """A collector with two channels that were not used yet."""
    alerts = AlertSettings.from_env(
        {
            "TELEGRAM_BOT_TOKEN": "1:x", "TELEGRAM_API_URL": "http://127.0.0.1:9", "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": "9", "SUMMARY_AT": "off", "CANARY_AT": "off",
        }
    )  # fmt: skip
    with served(create_app(CollectorSettings(str(database), SECRET), alerts)) as url:
        yield url


def open_handbook(page: Page, url: str) -> None:
    """As whoever follows a link to it, and has to sign in."""
    page.goto(url + HANDBOOK)
    page.get_by_label("Secret").fill(SECRET)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Handbook")


def test_a_snippet_is_copied_with_the_address_that_the_owner_uses(page: Page, complaints: Complaints, url: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_handbook(page, url)
    for title, needed in (
        ("Python", f'levqor_errors.init(url="{url}", service="my-service")'),
        ("A web page", f'<script src="{url}/errorClient.js" defer\n  data-service="my-web"></script>'),
        ("curl", f"curl -X POST {url}/api/errors/log \\\n"),
    ):
        snippet = page.locator(".snippet").filter(has=page.get_by_role("heading", name=title, exact=True))
        snippet.get_by_role("button", name="Copy").click()
        expect(snippet.get_by_role("button", name="Copied")).to_be_visible()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert needed in copied
        if title == "Python":
            compile(copied, "the snippet", "exec")
    assert complaints == []


def test_without_scripts(browser: Browser, url: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    open_handbook(page, url)
    expect(page.locator(".snippet")).to_have_count(6)
    expect(page.get_by_role("button", name="Copy")).to_have_count(0)
    page.get_by_role("link", name="To the errors").click()
    page.get_by_role("link", name="How to wire in your services").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Handbook")
    page.get_by_role("button", name="Sign out everywhere").click()
    expect(page.get_by_label("Secret")).to_be_visible()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_shut_out(page: Page, url: str, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    open_handbook(page, url)
    for width in (1440, 900, 390):
        page.set_viewport_size({"width": width, "height": 800})
        violations = Axe().run(page).response["violations"]
        assert [one for one in violations if one["impact"] in ("serious", "critical")] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
