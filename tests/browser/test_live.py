"""The banner that tells of new errors, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, Route, expect

from browser_support import Complaints
from support import CollectorProcess, Database, execute, owner

pytestmark = pytest.mark.sqlite
StartCollector = Callable[..., CollectorProcess]
#: Where things are, and what was moved by itself so far.
PLACES = """() => [
  scrollY,
  document.documentElement.scrollHeight,
  ...[...document.querySelectorAll("main *:not(#live, #live *)")].map((one) => one.getBoundingClientRect().top),
]"""
HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { get: () => hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
TRANSITION = "(name) => dispatchEvent(new PageTransitionEvent(name, { persisted: true }))"


@pytest.fixture
def collector(start_collector: StartCollector) -> CollectorProcess:
    return start_collector(RATE_LIMIT="off")


@pytest.fixture
def sender(collector: CollectorProcess) -> Iterator[httpx.Client]:
    with owner(collector.url) as client:
        yield client


def post(sender: httpx.Client, count: int, **fields: Any) -> None:
    events = [{"message": f"number {number}", **fields} for number in range(count)]
    assert sender.post("/api/errors/log", json=events).json()["accepted"] == count


def look(page: Page, collector: CollectorProcess, query: str = "") -> None:
    """Sign in, and be at the list, with its stream."""
    page.goto(collector.link)
    page.goto(f"{collector.url}/owner/errors{query}")
    expect(state(page)).to_have_text("Live")


def state(page: Page) -> Locator:
    return page.locator(".live-state")


def news(page: Page) -> Locator:
    return page.locator(".live-news")


def news_text(count: str) -> str:
    return f"{count} \N{EN DASH} show"


def expect_news(page: Page, count: str) -> None:
    expect(news(page)).to_have_text(news_text(count))


def test_new_errors_are_announced_and_nothing_moves(
    page: Page, collector: CollectorProcess, sender: httpx.Client, complaints: Complaints
) -> None:
    post(sender, 60, message="old")
    look(page, collector)
    title = page.title()
    expect(news(page)).to_be_hidden()
    page.mouse.wheel(0, 500)
    page.wait_for_function("scrollY > 400")
    before = page.evaluate(PLACES)
    post(sender, 1, message="the first")
    expect_news(page, "1 new error")
    post(sender, 2)
    expect_news(page, "3 new errors")
    expect(news(page)).to_be_in_viewport()
    assert page.title() == f"(3) {title}"
    assert page.evaluate(PLACES) == before
    # It was said once, and not again for every one.
    expect(page.locator("#live [role=status]")).to_have_text(news_text("1 new error"))
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa"]})
    assert [one["id"] for one in found.response["violations"] if one["impact"] in ("serious", "critical")] == []
    page.locator(".events a").first.click()
    expect(page.locator(".event-dialog")).to_be_visible()
    expect(page).to_have_title(re.compile(r"\(3\) .*old"))
    page.keyboard.press("Escape")
    expect(page).to_have_title(f"(3) {title}")
    news(page).click()
    expect(page.get_by_text("the first")).to_be_visible()
    expect(state(page)).to_have_text("Live")
    expect(news(page)).to_be_hidden()
    assert page.title() == title
    assert complaints == []


def test_only_what_the_page_would_show(page: Page, collector: CollectorProcess, sender: httpx.Client) -> None:
    post(sender, 60)
    look(page, collector, "?severity=critical&q=payment&range=7d")
    post(sender, 1, severity="critical")
    post(sender, 1, message="a payment")
    post(sender, 150, message="a payment", severity="critical")
    expect_news(page, "150 new errors")
    for query in ("?before=20", "?until=2020-01-01T00:00:00Z"):
        page.goto(f"{collector.url}/owner/errors{query}")
        expect(page.get_by_role("heading", name="Errors", exact=True)).to_be_visible()
        assert page.locator("#live").count() == 0


def test_what_comes_between_the_page_and_its_stream(
    page: Page, collector: CollectorProcess, sender: httpx.Client
) -> None:
    held: list[Route] = []
    page.goto(collector.link)
    page.route("**/api/errors/stream*", lambda route: held.append(route))
    # Nothing has come yet: that page has it, too.
    page.goto(f"{collector.url}/owner/errors")
    expect(page.get_by_text("No errors yet")).to_be_visible()
    expect(state(page)).to_have_text("Connecting")
    post(sender, 2)
    held[0].continue_()
    expect_news(page, "2 new errors")
    news(page).click()
    expect(page.get_by_text("number 1")).to_be_visible()


def test_over_a_restart(
    page: Page, collector: CollectorProcess, start_collector: StartCollector, database: Database
) -> None:
    look(page, collector)
    with owner(collector.url) as sender:
        post(sender, 1)
        expect_news(page, "1 new error")
    assert collector.terminate() == 0
    expect(state(page)).to_have_text("Reconnecting")
    again = start_collector(port=collector.port)
    with owner(again.url) as sender:
        post(sender, 2)
    expect(state(page)).to_have_text("Live")
    expect_news(page, "3 new errors")
    assert again.terminate() == 0
    execute(database, "DELETE FROM sessions")
    start_collector(port=collector.port)
    expect(state(page)).to_have_text("Signed out")


def test_a_tab_that_is_not_seen_leaves_its_connection_to_another(
    page: Page, collector: CollectorProcess, sender: httpx.Client
) -> None:
    look(page, collector)
    page.evaluate(HIDE, True)
    post(sender, 1)
    expect_news(page, "1 new error")
    other = page.context.new_page()
    look(other, collector)
    expect(state(page)).to_have_text("Paused")
    post(sender, 2)
    expect_news(other, "2 new errors")
    page.evaluate(HIDE, False)
    expect_news(page, "3 new errors")
    # Two that are both seen have one each.
    expect(state(other)).to_have_text("Live")
    # As it goes into the browser's memory of pages, and comes back out of it.
    page.evaluate(TRANSITION, "pagehide")
    expect(state(page)).to_have_text("Paused")
    post(sender, 1)
    expect_news(other, "3 new errors")
    page.evaluate(TRANSITION, "pageshow")
    expect_news(page, "4 new errors")


def test_when_nobody_knows_how_many(page: Page, collector: CollectorProcess, sender: httpx.Client) -> None:
    page.goto(collector.link)
    missed = "event: missed\ndata: {}\n\n"
    streams = [missed, f'{missed}id: s1\nevent: more\ndata: {{"count": 1234}}\n\n']
    page.route(
        "**/api/errors/stream*", lambda route: route.fulfill(content_type="text/event-stream", body=streams.pop(0))
    )
    page.goto(f"{collector.url}/owner/errors")
    expect_news(page, "There may be new errors")
    expect_news(page, "1,234 new errors, perhaps more")
    assert page.title().startswith("(1234+) ")


def test_without_scripts_nothing_is_promised(browser: Browser, collector: CollectorProcess) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(collector.link)
    expect(page.get_by_role("heading", name="Errors", exact=True)).to_be_visible()
    expect(state(page)).to_be_hidden()
    context.close()
