"""The browser client in pages with a strict Content-Security-Policy."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page
from starlette.routing import Mount

from browser_support import Complaints
from levqor_errors.collector import create_app
from levqor_errors.config import CollectorSettings
from support import SECRET, CollectorProcess, Database, wait_until
from web_page_support import flushed, site, stored

pytestmark = pytest.mark.sqlite


def test_of_another_origin(
    database: Database, start_collector: Callable[..., CollectorProcess], page: Page, complaints: Complaints
) -> None:
    with site() as shop:
        collector = start_collector(ALLOWED_ORIGINS=shop.url)
        policy = (
            f"default-src 'none'; script-src 'self' {collector.url}; connect-src {collector.url}; "
            "require-trusted-types-for 'script'; base-uri 'none'; form-action 'none'"
        )
        element = f'<script src="{collector.url}/errorClient.js" defer data-service="shop" data-breadcrumbs></script>'
        page.goto(
            shop.put_shop(
                element,
                Content_Security_Policy=policy,
                # Takes nothing of others without a word of theirs.
                Cross_Origin_Embedder_Policy="require-corp",
                Cross_Origin_Opener_Policy="same-origin",
                Referrer_Policy="no-referrer",
            )
        )
        page.wait_for_load_state()
        assert page.evaluate("crossOriginIsolated")
        page.evaluate("caught()")
        assert flushed(page)
        (event,) = stored(database)
        assert (event.service, event.message) == ("cart", "no total")
        assert complaints == []


def test_of_one_s_own_origin(database: Database, page: Page, complaints: Complaints) -> None:
    """The recommended way: a collector below a path of the site, for which 'self' is enough and nothing is set up."""
    app = create_app(CollectorSettings(str(database), SECRET))
    with site(Mount("/monitor", app)) as shop:
        page.goto(
            shop.put_shop(
                '<script src="/monitor/errorClient.js" data-service="shop"></script>',
                Content_Security_Policy="default-src 'none'; script-src 'self'; connect-src 'self'",
            )
        )
        page.evaluate("inWords()")
        assert flushed(page)
        page.evaluate("uncaught()")
        wait_until(lambda: len(stored(database)) == 2)
        assert [event.service for event in stored(database)] == ["search", "shop"]
        # The page's own error, and nothing else.
        assert [text.partition(": ")[0] for text in complaints if "reading 'reduce'" not in text] == []
    app.state.collector.close()


def test_where_nothing_may_be_sent_the_page_goes_on(
    database: Database, start_collector: Callable[..., CollectorProcess], page: Page
) -> None:
    with site() as shop:
        collector = start_collector(ALLOWED_ORIGINS=shop.url)
        policy = f"default-src 'none'; script-src 'self' {collector.url}; connect-src 'none'"
        element = f'<script src="{collector.url}/errorClient.js" data-service="shop"></script>'
        page.goto(shop.put_shop(element, Content_Security_Policy=policy))
        # Each try fails at once, and is no error to report: what waits stays the one event.
        page.evaluate("caught()")
        for _ in range(5):
            assert not flushed(page)
        said = page.evaluate("(async () => { await levqorErrors.flush(); return document.title })()")
        assert said == "Shop"
        assert stored(database) == []
