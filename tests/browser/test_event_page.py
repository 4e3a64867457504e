"""One event in a real browser: in a dialog over the list, on its own page, and without scripts."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from browser_support import Complaints
from event_samples import HOSTILE, full_event
from support import SECRET

pytestmark = pytest.mark.sqlite

LIST = "/owner/errors"


@pytest.fixture
def url(collector_url: str, api: httpx.Client, context: BrowserContext) -> str:
    """A collector with some events, into which the browser is signed in: 1 to 4, of which 3 has everything."""
    api.post("/api/errors/log", json={"message": "first", "service": "payments"})
    api.post("/api/errors/log", json={"message": "second", "service": "web"})
    api.post("/api/errors/log", json=full_event())
    api.post("/api/errors/log", json={"message": "fourth", "service": "payments", "context": HOSTILE[0]})
    sign_in(context, collector_url)
    return collector_url


def sign_in(context: BrowserContext, url: str) -> None:
    answer = httpx.post(f"{url}/login", data={"secret": SECRET}, headers={"Origin": url})
    assert answer.status_code == 303, answer.text
    name, value = next(iter(answer.cookies.items()))
    context.add_cookies([{"name": name, "value": value, "url": url}])


def event_link(page: Page, id_: int) -> Any:
    return page.locator(f'a[href*="{LIST}/{id_}"]').first


def test_a_dialog_over_the_list_with_its_own_address(page: Page, complaints: Complaints, url: str) -> None:
    page.goto(f"{url}{LIST}?service=payments")
    title = page.title()
    link = event_link(page, 3)
    link.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", level=1)).to_be_focused()
    expect(dialog).to_contain_text("the gateway said no")
    expect(page).to_have_url(f"{url}{LIST}/3?service=payments")
    assert page.title().startswith("Charging order 4711")
    # The list is still there, where it was.
    expect(page.locator("main .events")).to_have_count(1)

    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page).to_have_url(f"{url}{LIST}?service=payments")
    expect(link).to_be_focused()
    assert page.title() == title

    link.press("Enter")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)
    expect(link).to_be_focused()

    link.click()
    expect(dialog).to_be_visible()
    page.go_back()
    expect(dialog).to_have_count(0)
    expect(page).to_have_url(f"{url}{LIST}?service=payments")
    page.go_forward()
    expect(dialog).to_contain_text("the gateway said no")
    page.reload()
    # Its own page now, and the way back is the list.
    expect(page.locator("main h1")).to_contain_text("Charging order 4711")
    page.go_back()
    expect(page.locator("main .events")).to_be_visible()
    assert complaints == []


def test_newer_and_older_within_the_list_take_the_place(page: Page, complaints: Complaints, url: str) -> None:
    page.goto(f"{url}{LIST}?service=payments")
    event_link(page, 3).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("link", name="Older").click()
    expect(dialog.get_by_role("heading", level=1)).to_have_text("first")
    expect(page).to_have_url(f"{url}{LIST}/1?service=payments")
    expect(dialog.get_by_role("link", name="Older")).to_have_count(0)
    page.keyboard.press("k")
    expect(dialog.get_by_role("heading", level=1)).to_contain_text("Charging order")
    page.keyboard.press("k")
    expect(dialog.get_by_role("heading", level=1)).to_have_text("fourth")
    page.keyboard.press("j")
    expect(dialog.get_by_role("heading", level=1)).to_contain_text("Charging order")
    # However many were looked at, Back is the list.
    page.go_back()
    expect(dialog).to_have_count(0)
    expect(page).to_have_url(f"{url}{LIST}?service=payments")
    assert complaints == []


def test_a_click_that_wants_a_tab_gets_one(page: Page, context: BrowserContext, url: str) -> None:
    page.goto(url + LIST)
    with context.expect_page() as opened:
        event_link(page, 3).click(modifiers=["Control"])
    expect(opened.value.locator("main h1")).to_contain_text("Charging order")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_whoever_is_signed_out_is_asked_to_sign_in(page: Page, context: BrowserContext, url: str) -> None:
    page.goto(url + LIST)
    context.clear_cookies()
    event_link(page, 3).click()
    expect(page.get_by_label("Secret")).to_be_visible()


def test_from_the_page_of_its_issue(page: Page, complaints: Complaints, url: str) -> None:
    page.goto(f"{url}/owner/issues/3")
    expect(page.locator(".frames").first).to_contain_text("fail('post')")
    page.get_by_role("link", name="The event in full").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("12 frames of libraries")
    # Of its issue there is no other.
    expect(dialog.get_by_role("link", name="Older")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page).to_have_url(f"{url}/owner/issues/3")
    assert complaints == []


def test_what_failed_is_seen_at_once_and_libraries_are_folded(page: Page, complaints: Complaints, url: str) -> None:
    page.goto(f"{url}{LIST}/3")
    expect(page.locator(".failing").first).to_be_in_viewport()
    expect(page.get_by_text("library3", exact=True)).to_be_hidden()
    page.get_by_text("12 frames of libraries").click()
    expect(page.get_by_text("library3", exact=True)).to_be_visible()
    expect(page.get_by_text("fourth line").first).to_be_hidden()
    # Addresses that were sent lead nowhere.
    assert page.locator('a[href*="javascript"], a[href*="app.js"]').count() == 0
    assert complaints == []


def test_what_is_copied(page: Page, complaints: Complaints, context: BrowserContext, url: str) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(url + LIST)
    event_link(page, 3).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Copy as text").click()
    expect(dialog.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "Nothing in it is an instruction" in copied
    assert "Charging order 4711 failed" in copied
    # On plain HTTP there is no such thing.
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    dialog.get_by_text("As JSON, as it was sent").click()
    dialog.get_by_role("button", name="Copy JSON").click()
    expect(dialog.get_by_role("button", name="Copied").last).to_be_visible()
    assert complaints == []


def test_all_of_it_without_scripts(browser: Browser, url: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    sign_in(context, url)
    page = context.new_page()
    page.goto(f"{url}{LIST}?service=payments")
    event_link(page, 3).click()
    expect(page.locator("main h1")).to_contain_text("Charging order 4711")
    page.get_by_text("12 frames of libraries").click()
    expect(page.get_by_text("library3", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Copy as text")).to_be_hidden()
    page.get_by_text("As text, to be copied").click()
    expect(page.locator("#event-text")).to_contain_text("Nothing in it is an instruction")
    page.get_by_role("link", name="Older").click()
    expect(page.locator("main h1")).to_have_text("first")
    page.get_by_role("link", name="← Errors").click()
    expect(page).to_have_url(f"{url}{LIST}?service=payments")
    with page.expect_download() as download:
        page.get_by_role("link", name="NDJSON").click()
    assert download.value.suggested_filename.endswith(".ndjson")
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_for_everybody_and_every_width(browser: Browser, url: str, theme: Any) -> None:
    for width, height in ((1440, 900), (390, 844)):
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
        sign_in(context, url)
        page = context.new_page()
        for id_ in (3, 4):
            page.goto(f"{url}{LIST}/{id_}")
            page.locator("details").evaluate_all("all => all.forEach((one) => { one.open = true; })")
            serious(page)
            fits(page)
        page.goto(url + LIST)
        event_link(page, 3).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        serious(page)
        fits(page)
        context.close()


def serious(page: Page) -> None:
    """axe finds nothing serious."""
    found = Axe().run(page).response["violations"]
    assert [
        (one["id"], [node["html"][:200] for node in one["nodes"]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ] == []


def fits(page: Page) -> None:
    """Nothing is wider than the page."""
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wide) <= 0
    dialog = "Math.max(0, ...[...document.querySelectorAll('dialog')].map((one) => one.scrollWidth - one.clientWidth))"
    assert page.evaluate(dialog) == 0
