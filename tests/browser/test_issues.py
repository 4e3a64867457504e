"""The pages of issues in a real browser: buttons, ticks, keys, undo, links for others; with scripts and without."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from browser_support import Complaints
from support import CollectorProcess

pytestmark = pytest.mark.sqlite


@pytest.fixture
def collector(start_collector: Callable[..., CollectorProcess]) -> CollectorProcess:
    """With issues `one` to `four`, the last one seen last."""
    collector = start_collector()
    for number, name in enumerate(("one", "two", "three", "four"), 1):
        events = [{"service": "shop", "message": f"issue {name}", "severity": "error"}] * number
        assert httpx.post(f"{collector.url}/api/errors/log", json=events).status_code == 200
    return collector


@pytest.fixture
def issues(page: Page, collector: CollectorProcess) -> Page:
    page.goto(collector.link)
    page.goto(f"{collector.url}/owner/issues")
    return page


@pytest.fixture
def plain(browser: Browser, collector: CollectorProcess) -> Iterator[Page]:
    """A telephone without scripts, signed in."""
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.goto(collector.link)
    page.goto(f"{collector.url}/owner/issues")
    yield page
    context.close()


def titles(page: Page) -> list[str]:
    return page.locator(".issues .title").all_inner_texts()


def test_ticked_ones_are_resolved_and_that_is_undone(issues: Page, complaints: Complaints) -> None:
    resolve = issues.get_by_role("button", name="Resolve", exact=True)
    expect(resolve).to_be_disabled()
    issues.get_by_label("Tick issue two").check()
    issues.get_by_label("Tick issue four").check()
    expect(issues.locator("#chosen")).to_have_text("With 2 ticked:")
    resolve.click()
    expect(issues.get_by_role("status")).to_contain_text("Resolved 2 issues.")
    assert titles(issues) == ["issue three", "issue one"]
    issues.get_by_role("button", name="Undo").click()
    expect(issues.get_by_role("status")).to_contain_text("Undone for 2 issues.")
    assert titles(issues) == ["issue four", "issue three", "issue two", "issue one"]
    assert complaints == []


def test_keys_go_tick_resolve_and_open(issues: Page, complaints: Complaints) -> None:
    for key in ("j", "j", "j", "k", "e"):
        issues.keyboard.press(key)
    expect(issues.get_by_role("status")).to_contain_text("Resolved 1 issue.")
    assert "issue three" not in titles(issues)
    # Not while somebody writes.
    issues.get_by_label("Search").click()
    issues.keyboard.type("jeje")
    assert issues.get_by_label("Search").input_value() == "jeje"
    issues.keyboard.press("Escape")
    issues.get_by_label("Search").blur()
    for key in ("j", "Enter"):
        issues.keyboard.press(key)
    expect(issues.get_by_role("heading", level=1)).to_have_text("issue four")
    assert complaints == []


def test_a_list_narrows_at_once(issues: Page, complaints: Complaints) -> None:
    issues.get_by_label("Order").select_option("trend")
    expect(issues).to_have_url(re.compile("sort=trend"))
    assert titles(issues) == ["issue four", "issue three", "issue two", "issue one"]
    issues.get_by_role("link", name="Resolved").click()
    expect(issues.locator(".empty")).to_contain_text("No resolved issues.")
    assert complaints == []


def test_all_of_it_without_scripts(plain: Page) -> None:
    plain.get_by_label("Tick issue two").check()
    plain.get_by_label("Mute for how long").select_option("until 10 more")
    plain.get_by_role("button", name="Mute").click()
    expect(plain.get_by_role("status")).to_contain_text("Muted 1 issue.")
    plain.get_by_role("link", name="Muted").click()
    plain.get_by_role("link", name="issue two").click()
    expect(plain.locator("article")).to_contain_text("Muted until 10 more")
    plain.get_by_label("Note").fill("Ann looks after it")
    plain.get_by_role("button", name="Keep the note").click()
    expect(plain.get_by_label("Note")).to_have_value("Ann looks after it")
    plain.get_by_role("button", name="Undo the last change (note)").click()
    expect(plain.get_by_label("Note")).to_have_value("")


def test_a_part_is_treated_otherwise_without_scripts(plain: Page) -> None:
    plain.get_by_role("link", name="issue two").click()
    grouping = plain.locator("#grouping")
    grouping.get_by_text("two", exact=True).click()
    grouping.get_by_role("button", name="Treat as variable").click()
    expect(plain.get_by_role("status").first).to_contain_text("Grouping changed for 1 issue.")
    address = plain.url.partition("?")[0]
    for _ in range(50):
        plain.goto(address)
        if plain.locator(".numbers").inner_text().startswith("10"):
            break
    expect(plain.locator(".numbers")).to_contain_text("10")
    expect(plain.get_by_role("heading", level=1)).to_have_text("issue two")
    grouping.get_by_text("<any>", exact=True).click()
    grouping.get_by_role("button", name="Take the rule back").click()
    expect(plain.get_by_role("status").first).to_contain_text("A rule was taken back for 1 issue.")


def test_one_that_was_merged_is_split_off(issues: Page, collector: CollectorProcess, complaints: Complaints) -> None:
    issues.get_by_label("Tick issue one").check()
    issues.get_by_label("Tick issue two").check()
    issues.get_by_role("button", name="Merge").click()
    expect(issues.get_by_role("status")).to_contain_text("Merged 1 issue.")
    issues.get_by_role("link", name="issue one").click()
    issues.locator("#grouping").get_by_role("button", name="Split off").click()
    expect(issues.get_by_role("status").first).to_contain_text("Split off 1 issue.")
    issues.goto(f"{collector.url}/owner/issues")
    assert sorted(titles(issues)) == ["issue four", "issue one", "issue three", "issue two"]
    assert complaints == []


def test_a_link_is_copied_and_works_for_others(issues: Page, browser: Browser, complaints: Complaints) -> None:
    issues.context.grant_permissions(["clipboard-read", "clipboard-write"])
    issues.get_by_role("link", name="issue one").click()
    issues.get_by_role("button", name="Make a link").click()
    issues.get_by_role("button", name="Copy").click()
    expect(issues.get_by_role("button", name="Copied")).to_be_visible()
    link = issues.evaluate("navigator.clipboard.readText()")
    assert link == issues.get_by_label("The link").input_value()
    stranger = browser.new_page()
    stranger.goto(link)
    expect(stranger.get_by_role("heading", level=1)).to_have_text("issue one")
    assert stranger.get_by_role("button").count() == 0
    stranger.close()
    issues.get_by_role("button", name="End it").click()
    assert httpx.get(link).status_code == 404
    assert complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_nobody_is_shut_out(issues: Page, collector: CollectorProcess, scheme: str, width: int) -> None:
    issues.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    issues.set_viewport_size({"width": width, "height": 800})
    for path in ("/owner/issues", "/owner/issues/1", "/owner/issues?state=resolved"):
        issues.goto(f"{collector.url}{path}")
        for part in issues.locator("#grouping summary").all()[:1]:
            part.click()
        serious = [one for one in Axe().run(issues).response["violations"] if one["impact"] in ("serious", "critical")]
        assert serious == []
        assert issues.evaluate("document.documentElement.scrollWidth") <= width
