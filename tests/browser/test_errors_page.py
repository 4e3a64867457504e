"""The list of errors in a real browser: by mouse, by keys, by ear, on a telephone, and without scripts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from browser_support import Complaints
from levqor_errors import instants
from levqor_errors.event import normalize
from levqor_errors.grouping import group
from levqor_errors.storage import NewEvent, open_storage
from storage_support import write
from support import SECRET, CollectorProcess

pytestmark = pytest.mark.sqlite

NOW = datetime.now(timezone.utc)
PHONE: ViewportSize = {"width": 390, "height": 844}


def events() -> Iterator[NewEvent]:
    """Three days of a small shop."""
    for number in range(130):
        raw: dict[str, Any] = {
            "message": f"payment {number} was declined by a bank of which nobody has ever heard a single word",
            "service": "checkout" if number % 3 else "shop-web",
            "severity": ("critical", "error", "error", "warning", "info")[number % 5],
            "environment": "production",
            "release": "2026.11.24",
            "path": "/checkout/review/with/a/rather/long/path/to/it",
            "user_email": "somebody.with.a.long.name@mail.example.com",
        }
        event = normalize(raw, received_at=NOW - timedelta(minutes=30 * (130 - number)))
        yield NewEvent(event, group(event))


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    """One with events, of which these tests only read."""
    database = tmp_path_factory.mktemp("errors") / "levqor.db"
    storage = open_storage(str(database))
    # Where a browser is, there is an event loop already.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(write, storage, list(events())).result()
    storage.close()
    collector = CollectorProcess(database)
    yield collector
    collector.close()


def sign_in(context: BrowserContext, collector: CollectorProcess) -> Page:
    """The list, before whoever has signed in."""
    signed_in = context.request.post(f"{collector.url}/login", form={"secret": SECRET})
    assert signed_in.ok
    page = context.new_page()
    page.goto(f"{collector.url}/owner/errors")
    expect(page.get_by_role("heading", name="Errors", exact=True)).to_be_visible()
    return page


@pytest.fixture
def errors(context: BrowserContext, collector: CollectorProcess) -> Page:
    """The list of errors."""
    return sign_in(context, collector)


def shown(page: Page) -> int:
    """How many events the page says that it has, over its list."""
    return int((page.locator(".counted h2").text_content() or "").split()[0].replace(",", ""))


def test_cards_bars_and_chips_lead_where_they_say(errors: Page, complaints: Complaints) -> None:
    assert shown(errors) == 47
    errors.get_by_role("link", name="7 d", exact=True).click()
    expect(errors).to_have_url(re.compile(r"/owner/errors\?range=7d$"))
    assert shown(errors) == 130
    errors.get_by_role("link", name=re.compile("^Critical")).click()
    expect(errors).to_have_url(re.compile(r"severity=critical"))
    assert shown(errors) == 26
    expect(errors.locator(".events > li")).to_have_count(26)
    expect(errors.get_by_role("link", name=re.compile("^Critical"))).to_have_attribute("aria-current", "true")

    # A bar leads into its time; its number is the list's.
    bar = errors.locator(".bars a").first
    number = int((bar.locator("title").text_content() or "").split("UTC: ")[1].split()[0])
    bar.click()
    expect(errors).to_have_url(re.compile(r"severity=critical&since=.*&until="))
    assert shown(errors) == number
    errors.get_by_role("link", name="Zoom out").click()
    expect(errors.get_by_role("link", name="Zoom out")).to_be_visible()
    assert shown(errors) >= number

    errors.get_by_role("link", name="Without severity critical").click()
    expect(errors).not_to_have_url(re.compile("severity"))
    expect(errors).to_have_url(re.compile("since="))
    assert complaints == []


def test_the_form_makes_a_short_address_that_can_be_shared(
    errors: Page, context: BrowserContext, complaints: Complaints
) -> None:
    errors.get_by_label("Words in messages and stacks").fill("declined")
    errors.get_by_label("error", exact=True).check()
    errors.get_by_label("critical", exact=True).check()
    errors.get_by_text("Service, environment, release, source").click()
    service = errors.get_by_label("Service", exact=True)
    expect(errors.locator("#services option")).to_have_count(2)
    service.fill("checkout")
    errors.get_by_role("button", name="Filter").click()
    expect(errors).to_have_url(re.compile(r"\?q=declined&severity=critical&severity=error&service=checkout$"))
    for chip in ("Severity: critical", "Severity: error", "Service: checkout", "Words: declined"):
        expect(errors.get_by_role("list", name="Filters in force")).to_contain_text(chip)
    number = shown(errors)
    assert 0 < number < 47

    other = context.new_page()
    other.goto(errors.url)
    assert shown(other) == number
    expect(other.get_by_label("Service", exact=True)).to_have_value("checkout")
    other.get_by_role("link", name="Clear all").click()
    expect(other).to_have_url(re.compile(r"/owner/errors$"))
    assert shown(other) == 47
    assert complaints == []


def test_pages_go_back_and_forth(errors: Page) -> None:
    errors.get_by_role("link", name="7 d", exact=True).click()
    first = errors.locator(".events .message").first
    expect(first).to_contain_text("payment 129 ")
    errors.get_by_role("link", name="Older", exact=True).click()
    expect(first).to_contain_text("payment 79 ")
    errors.get_by_role("link", name="Older", exact=True).click()
    expect(first).to_contain_text("payment 29 ")
    expect(errors.get_by_role("link", name="Older", exact=True)).to_have_count(0)
    errors.get_by_role("link", name="Newer", exact=True).click()
    expect(first).to_contain_text("payment 79 ")
    errors.get_by_role("link", name="Newest", exact=True).click()
    expect(first).to_contain_text("payment 129 ")
    expect(errors).to_have_url(re.compile(r"range=7d$"))


def test_keys_go_through_the_list_and_none_is_heard_while_one_types(errors: Page, complaints: Complaints) -> None:
    rows = errors.locator(".events > li > a")
    for key, row in (("j", 0), ("j", 1), ("j", 2), ("k", 1), ("k", 0), ("k", 0)):
        errors.keyboard.press(key)
        expect(rows.nth(row)).to_be_focused()

    errors.keyboard.press("/")
    search = errors.get_by_label("Words in messages and stacks")
    expect(search).to_be_focused()
    errors.keyboard.type("jk/e?")
    expect(search).to_have_value("jk/e?")
    expect(errors.get_by_role("dialog")).to_have_count(0)

    # Nor with others, which are the browser's.
    errors.locator("h1").click()
    errors.keyboard.press("Control+j")
    expect(rows.first).not_to_be_focused()

    errors.keyboard.press("?")
    help_ = errors.get_by_role("dialog", name="Keys")
    expect(help_).to_be_visible()
    errors.keyboard.press("j")
    expect(help_.get_by_role("button", name="Close")).to_be_focused()
    errors.keyboard.press("Escape")
    expect(help_).to_be_hidden()
    errors.get_by_role("button", name="Keys").click()
    help_.get_by_role("button", name="Close").click()
    expect(help_).to_be_hidden()

    errors.keyboard.press("j")
    expect(rows.first).to_be_focused()
    errors.keyboard.press("e")
    expect(errors).to_have_url(re.compile(r"/owner/issues/\d+$"))
    assert complaints == []


def test_enter_opens_an_event(errors: Page) -> None:
    errors.keyboard.press("j")
    errors.keyboard.press("Enter")
    expect(errors).to_have_url(re.compile(r"/owner/errors/130"))


def test_times_are_the_reader_s_and_a_range_of_its_own_is_too(browser: Browser, collector: CollectorProcess) -> None:
    context = browser.new_context(timezone_id="Asia/Kathmandu")
    page = sign_in(context, collector)
    time = page.locator(".events time").first
    utc = instants.from_text(time.get_attribute("datetime") or "")
    local = utc + timedelta(hours=5, minutes=45)
    expect(time).to_have_text(f"{local:%Y-%m-%d %H:%M:%S}")
    expect(time).to_have_attribute("title", re.compile(rf"{utc:%Y-%m-%d %H:%M:%S}\S* UTC"))
    label = page.locator("[data-axis]").first
    at = instants.from_text(label.get_attribute("data-axis") or "") + timedelta(hours=5, minutes=45)
    expect(label).to_have_text(f"{at:%H:%M}")

    page.get_by_text("Custom", exact=True).click()
    page.get_by_label("From").fill(f"{local - timedelta(hours=4):%Y-%m-%dT%H:%M}")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile(rf"\?since={utc - timedelta(hours=4):%Y-%m-%dT%H}%3A"))
    assert shown(page) == 9
    page.get_by_text("Custom", exact=True).click()
    expect(page.get_by_label("From")).to_have_value(f"{local - timedelta(hours=4):%Y-%m-%dT%H:%M}")
    expect(page.get_by_label("To")).to_have_value("")
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("query", ["range=7d", "severity=critical&service=checkout&q=declined", "q=nothing+like+this"])
def test_nothing_serious_for_those_who_hear_the_page(errors: Page, theme: Any, query: str) -> None:
    errors.emulate_media(color_scheme=theme)
    errors.goto(f"{errors.url.partition('?')[0]}?{query}")
    for summary in errors.locator("main summary").all():
        summary.click()
    found = Axe().run(errors, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"]})
    serious = [one for one in found.response["violations"] if one["impact"] in ("serious", "critical")]
    assert serious == [], "\n".join(f"{one['id']}: {[node['html'] for node in one['nodes']][:3]}" for one in serious)


def test_the_chart_can_be_read_as_a_table(errors: Page) -> None:
    errors.get_by_text("As a table").click()
    table = errors.get_by_role("table")
    numbers = [int(text) for text in table.locator("tbody tr td:last-child").all_text_contents()]
    assert sum(numbers) == 47
    assert [text.lower() for text in table.locator("th").all_text_contents()] == [
        "since", "critical", "error", "warning", "info", "total",
    ]  # fmt: skip
    table.get_by_role("link").first.click()
    expect(errors).to_have_url(re.compile("since="))
    assert shown(errors) == numbers[0]


def test_on_a_telephone_nothing_is_wider_than_it(errors: Page) -> None:
    errors.set_viewport_size(PHONE)
    for query in ("", "range=30d", "severity=critical,error&service=checkout&environment=production&q=declined"):
        errors.goto(f"{errors.url.partition('?')[0]}?{query}")
        errors.evaluate("for (const one of document.querySelectorAll('main details')) one.open = true")
        width = errors.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"]


def test_nothing_jumps_when_scripts_come(browser: Browser, collector: CollectorProcess) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, timezone_id="America/New_York")
    page = sign_in(context, collector)
    page.add_init_script(
        "window.moved = 0;"
        "new PerformanceObserver((list) => { for (const one of list.getEntries()) moved += one.value })"
        ".observe({ type: 'layout-shift', buffered: true })"
    )
    page.goto(f"{collector.url}/owner/errors?range=7d")
    expect(page.locator("[data-local]")).to_have_count(0)
    assert page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(moved))))") < 0.01
    context.close()


def test_without_scripts_all_of_it_works(browser: Browser, collector: CollectorProcess) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = sign_in(context, collector)
    page.get_by_role("link", name="7 d", exact=True).click()
    assert shown(page) == 130
    expect(page.locator(".events time").first).to_contain_text("UTC")
    expect(page.get_by_role("button", name="Keys")).to_be_hidden()
    page.get_by_label("critical", exact=True).check()
    page.get_by_label("Words in messages and stacks").fill("declined")
    page.get_by_role("button", name="Filter").click()
    assert shown(page) == 26
    page.get_by_text("Custom", exact=True).click()
    page.get_by_label("From (UTC)").fill(f"{NOW - timedelta(hours=5):%Y-%m-%dT%H:%M}")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile(r"severity=critical&q=declined&since="))
    assert shown(page) == 2
    page.locator(".bars a").first.click()
    expect(page).to_have_url(re.compile("until="))
    page.get_by_role("link", name="Zoom out").click()
    page.get_by_role("link", name="Clear all").click()
    page.locator(".events a").first.click()
    expect(page).to_have_url(re.compile(r"/owner/errors/\d+"))
    context.close()


def test_an_empty_dashboard_leads_to_the_handbook(
    page: Page, complaints: Complaints, start_collector: Callable[..., CollectorProcess]
) -> None:
    collector = start_collector()
    page.goto(collector.link)
    expect(page.get_by_role("heading", name="No errors yet")).to_be_visible()
    expect(page.locator("pre")).to_contain_text(f"curl {collector.url}/api/errors/log")
    expect(page.get_by_role("link", name="How to wire in your services")).to_have_attribute("href", "/owner/handbook")
    found = Axe().run(page)
    assert [one["id"] for one in found.response["violations"] if one["impact"] in ("serious", "critical")] == []
    assert complaints == []


def test_one_sees_that_the_next_page_is_on_its_way(errors: Page) -> None:
    # It is seen only for as long as nobody can look: the page is about to go.
    errors.evaluate(
        "new MutationObserver(() => sessionStorage.setItem('seen', document.documentElement.className))"
        ".observe(document.documentElement, { attributes: true })"
    )
    errors.get_by_role("link", name="30 d", exact=True).click()
    expect(errors.get_by_role("link", name="30 d", exact=True)).to_have_attribute("aria-current", "true")
    assert "loading" in errors.evaluate("sessionStorage.getItem('seen')")
    expect(errors.locator("html")).not_to_have_class(re.compile("loading"))
