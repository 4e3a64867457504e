"""Browser tests: one Chromium for the tests of a file, a clean context (cookies, storage) for each of them.

Not one for all: while it is there an event loop runs, in which other tests could not start their own.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from browser_support import Complaints, chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(20_000)
    yield context
    context.close()


@pytest.fixture
def complaints(context: BrowserContext) -> Complaints:
    """Of all pages of the context; a test that opens pages asks at its end that there are none."""
    return Complaints(context)


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()
