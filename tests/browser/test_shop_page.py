"""The page of examples/shop in a real browser: what fails in its chat arrives once from each side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from browser_support import Complaints
from shop_support import BOB, PRIVATE, PUBLIC, TOKENS, ShopProcess
from support import CollectorProcess, wait_until
from web_page_support import Stored, flushed, stored

# Which database its events end in does not matter.
pytestmark = pytest.mark.sqlite


@pytest.fixture
def collector(start_collector: Callable[..., CollectorProcess]) -> CollectorProcess:
    # The shop's origin is known only when the shop runs, which has to know the collector's address.
    return start_collector(ALLOWED_ORIGINS="*")


@pytest.fixture
def shop(collector: CollectorProcess, tmp_path: Path) -> Iterator[ShopProcess]:
    process = ShopProcess(collector.url, tmp_path)
    yield process
    process.close()


def ask(page: Page, question: str) -> None:
    page.get_by_label("Your question").fill(question)
    page.get_by_role("button", name="Ask", exact=True).click()


def sign_in(page: Page) -> None:
    page.get_by_text("About my orders").click()
    page.get_by_label("Your email").fill(BOB)
    page.get_by_label("Your token").fill(TOKENS[BOB])


def all_of(shop: ShopProcess, collector: CollectorProcess, page: Page, count: int) -> dict[str, Stored]:
    """All events, by source, once both sides have delivered what they took."""
    wait_until(lambda: len(stored(collector.database)) >= count)
    assert flushed(page)
    shop.stop()
    events = stored(collector.database)
    assert len(events) == count
    return {event.source: event for event in events}


@pytest.mark.parametrize("private", [False, True], ids=["public", "private"])
def test_a_failing_call_arrives_once_from_each_side(
    shop: ShopProcess, collector: CollectorProcess, page: Page, complaints: Complaints, private: bool
) -> None:
    page.goto(shop.url)
    if private:
        sign_in(page)
        page.get_by_role("button", name="What do I spend on average?").click()
    else:
        page.get_by_label("Your email").fill(BOB)
        page.get_by_role("button", name="Can you wrap it?").click()
    said = page.locator(".said .answer").last
    expect(said).to_contain_text("Sorry, something went wrong here.")
    events = all_of(shop, collector, page, 2)
    seen, cause = events["frontend"], events["backend"]
    assert seen.service == cause.service == ("support_chat_private" if private else "support_chat_public")
    assert seen.path == cause.path == (PRIVATE if private else PUBLIC)
    assert (seen.severity, seen.user) == ("error", BOB)
    reference = seen.message.rpartition(" ")[2]
    assert seen.message == f"the chat answered 500, reference {reference}"
    expect(said).to_contain_text(f"quote {reference}.")
    assert cause.context["exceptions"][0]["type"] == ("ZeroDivisionError" if private else "ValueError")
    # What the customer quotes leads to the cause.
    page.goto(collector.link)
    page.goto(f"{collector.url}/owner/errors/{cause.id}")
    expect(page.get_by_text(reference).first).to_be_attached()
    assert complaints == []


def test_a_shop_that_is_gone(
    shop: ShopProcess, collector: CollectorProcess, page: Page, complaints: Complaints
) -> None:
    page.goto(shop.url)
    shop.stop()
    ask(page, "How much is shipping?")
    expect(page.locator(".said .answer").last).to_contain_text("Sorry, something went wrong here.")
    sign_in(page)
    ask(page, "My orders?")
    wait_until(lambda: len(stored(collector.database)) == 2)
    assert flushed(page)
    public, private = stored(collector.database)
    assert (public.service, public.user, private.service, private.user) == (
        "support_chat_public", None, "support_chat_private", BOB,
    )  # fmt: skip
    for event in (public, private):
        assert (event.source, event.severity, event.times) == ("frontend", "error", 1)
        assert event.message == "Failed to fetch"
        assert event.context["exceptions"][0]["frames"][-1]["function"] == "answerTo"
    assert complaints == []


def test_what_goes_well_and_what_visitors_do_wrong_reports_nothing(
    shop: ShopProcess, collector: CollectorProcess, page: Page, complaints: Complaints
) -> None:
    page.goto(shop.url)
    answer = page.locator(".said .answer").last
    ask(page, "How much is shipping?")
    expect(answer).to_have_text("Shipping costs 4.90 EUR and takes 3 days.")
    page.get_by_text("About my orders").click()
    ask(page, "My orders?")
    expect(answer).to_have_text("That did not work: sign in first.")
    sign_in(page)
    ask(page, "<b>My orders?</b>")
    expect(answer).to_have_text("Your orders: none yet.")
    # What was said is text, whoever said it.
    expect(page.locator(".said b")).to_have_count(0)
    assert flushed(page)
    shop.stop()
    assert stored(collector.database) == []
    assert complaints == []


def test_without_the_collector(
    shop: ShopProcess, collector: CollectorProcess, page: Page, complaints: Complaints
) -> None:
    collector.kill()
    page.goto(shop.url)
    assert page.evaluate("typeof levqorErrors") == "undefined"
    page.get_by_role("button", name="Can you wrap it?").click()
    expect(page.locator(".said .answer").last).to_contain_text("Sorry, something went wrong here.")
    assert complaints == []


def test_everybody_can_use_it(shop: ShopProcess, page: Page) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(shop.url)
            ask(page, "How much is shipping?")
            expect(page.locator(".said .answer").last).to_contain_text("4.90")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            found = Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
