"""The client in a page that is rendered on a server and hydrated; see `rendered_support.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from browser_support import Complaints
from rendered_support import RenderedSite, rendered_site
from support import CollectorProcess, Database, wait_until
from web_page_support import Stored, flushed, stored

pytestmark = pytest.mark.sqlite


@pytest.fixture
def site(start_collector: Callable[..., CollectorProcess], tmp_path: Path) -> Iterator[RenderedSite]:
    # Which origin the site has is known once it runs, with the collector's address in it.
    collector = start_collector(ALLOWED_ORIGINS="*")
    with rendered_site(collector.url, tmp_path / "site") as site:
        yield site


def events(database: Database, count: int) -> list[Stored]:
    """All events, once there are so many."""
    wait_until(lambda: len(stored(database)) >= count)
    return stored(database)


def test_a_page_that_is_rendered_on_the_server(
    site: RenderedSite, database: Database, page: Page, complaints: Complaints
) -> None:
    page.goto(f"{site.url}/cart")
    # Hydrated without a word: the client has changed nothing of what was rendered.
    assert complaints == []
    page.get_by_role("button", name="Break").click()
    expect(page.get_by_role("alert")).to_have_text("Something is wrong here.")
    assert flushed(page)
    (boundary,) = events(database, 1)
    assert (boundary.service, boundary.message) == ("cart", "the total cannot be shown")
    assert (boundary.source, boundary.release, boundary.path) == ("frontend", "7", "/cart")
    assert boundary.context["component_stack"].strip().startswith("at ")
    page.get_by_role("button", name="Fail").click()
    handler = events(database, 2)[1]
    assert (handler.service, handler.message) == ("web", "a handler failed")
    assert flushed(page)
    assert len(stored(database)) == 2


def test_an_error_of_the_server_comes_from_both_sides_with_one_digest(
    site: RenderedSite, database: Database, page: Page
) -> None:
    page.goto(f"{site.url}/broken?token=secret")
    expect(page.get_by_role("heading")).to_have_text("Sorry")
    assert flushed(page)
    server, browser = events(database, 2)
    assert (server.source, browser.source) == ("backend", "frontend")
    assert server.message == "no cart in the database"
    assert "loadCart" in server.stack
    assert server.context["exceptions"][0]["type"] == "RangeError"
    assert server.context["request"] == {"method": "GET", "path": "/broken"}
    assert server.context["tags"] == browser.context["tags"] == {"digest": "2338041157"}
    assert (server.service, server.release, server.path) == ("web", "7", "/broken")
    assert (browser.service, browser.release, browser.path) == ("web", "7", "/broken")
