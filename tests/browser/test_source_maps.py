"""A minified script that fails in a real browser: its events on the dashboard, and from one build to the next."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from browser_support import Complaints
from source_map_support import BUILT, BUNDLE
from support import SECRET, CollectorProcess, Database, rows, run_command, wait_until
from web_page_support import Site, flushed, site, stored

# Which database its events end in does not matter.
pytestmark = pytest.mark.sqlite

RELEASE = "4f2a91c"
PLACE = re.compile(r"Built: i at http://\S+/static/app\.js:1:\d+")


@pytest.fixture
def shop() -> Iterator[Site]:
    with site() as shop:
        yield shop


@pytest.fixture
def collector(shop: Site, start_collector: Callable[..., CollectorProcess]) -> CollectorProcess:
    return start_collector(ALLOWED_ORIGINS=shop.url)


def fail(page: Page, shop: Site, collector: CollectorProcess, path: str, script: str) -> None:
    """Open a page that has the script at this path, and do there what it cannot do."""
    shop.put(path, script, "text/javascript")
    client = f'<script src="{collector.url}/errorClient.js" data-service="shop" data-release="{RELEASE}"></script>'
    body = f'{client}<output></output><button>Total</button><script src="{path}"></script>'
    page.goto(shop.put("/cart", f"<!doctype html><title>Cart</title>{body}"))
    page.get_by_role("button").click()
    assert flushed(page)


def test_the_page_of_an_event_shows_the_source(
    shop: Site, collector: CollectorProcess, database: Database, page: Page, complaints: Complaints
) -> None:
    fail(page, shop, collector, "/static/app.js", BUNDLE.read_text(encoding="utf-8"))
    wait_until(lambda: stored(database))
    # The failure is the shop's, and the browser says so.
    assert [complaint.split(":")[0] for complaint in complaints] == ["error"]
    complaints.clear()
    page.goto(collector.link)
    page.goto(f"{collector.url}/owner/errors/{stored(database)[0].id}")
    frames = page.locator(".frame")
    expect(frames.first).to_contain_text("app.js:1:")
    expect(page.locator("main")).not_to_contain_text("addPrices")

    done = run_command(
        "sourcemaps", "upload", "--release", RELEASE, "--url-prefix", "~/static/", str(BUILT),
        LEVQOR_ERRORS_URL=collector.url, INTERNAL_SECRET=SECRET,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    page.reload()
    innermost = frames.first
    expect(innermost.locator(".function")).to_have_text("addPrices")
    expect(innermost.locator(".place")).to_have_text(re.compile(r"src/money\.ts:17:\d+"))
    failing = innermost.locator(".failing")
    expect(failing).to_be_visible()
    expect(failing).to_contain_text("throw new CurrencyError(`${price.currency} cannot be added to ${currency}")
    expect(failing.locator(".line-number")).to_have_text("17")
    expect(innermost).to_contain_text("if (price.currency !== currency) {")
    expect(innermost).to_contain_text(PLACE)
    files = [name.split(":")[0] for name in page.locator(".frame .place").all_inner_texts()]
    assert files == ["src/money.ts", "src/cart.ts", "src/main.ts", "src/main.ts", "src/main.ts"]
    assert page.locator("main .notice").count() == 0
    # The text for a ticket has them, too.
    expect(page.locator("#event-text")).to_contain_text("at addPrices (src/money.ts:17:")
    assert complaints == []


def test_a_fault_is_one_issue_from_build_to_build(
    shop: Site, collector: CollectorProcess, database: Database, page: Page
) -> None:
    script = BUNDLE.read_text(encoding="utf-8")
    # The next build, in which a module more has taken the first names.
    next_script = re.sub(
        r"(?<![\w.])([iald])\(", lambda name: {"i": "u", "a": "f", "l": "$", "d": "tIe"}[name[1]] + "(", script
    )
    assert len(re.findall(r"\b(?:u|f|tIe)\(|\$\(e\)", next_script)) > 4
    fail(page, shop, collector, "/static/app.3f2a1b4c.js", script)
    fail(page, shop, collector, "/static/app.9d8e7f6a.js", next_script)
    wait_until(lambda: len(stored(database)) == 2)
    names = [[frame["function"] for frame in event.context["exceptions"][0]["frames"]] for event in stored(database)]
    assert names == [["", "d", "l", "total", "i"], ["", "tIe", "$", "total", "u"]]
    title = f"CurrencyError: {stored(database)[0].message}"
    assert rows(database, "SELECT title, count FROM issues") == [(title, 2)]
