"""S1 | markup and script in every field, keys and "numeric" ones too, seen in dashboard, email, Telegram, CSV,
terminal |
text everywhere; in a real browser no dialog, no injected element, no CSP report; terminal escapes shown, not run

Here what a page sends by the browser client, through every field that it lets one set, seen in the dashboard.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page

from browser_support import Complaints
from support import CollectorProcess, Database
from web_page_support import flushed, site, stored

pytestmark = pytest.mark.sqlite

#: What would run, or be there, if any of it were markup.
MARKUP = (
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    '"><svg/onload=alert(1)>',
    "'-alert(1)-'",
    "javascript:alert(1)",
    "</pre></textarea></title><b class=injected>",
    "{{7*7}}${7*7}<%= 7*7 %>",
    "\u202e\x1b]0;x\x07\x00\ud800",
)

#: In the page that sends: through both functions, thrown and rejected, with names, causes and breadcrumbs.
SEND = """(markup) => {
  const { addBreadcrumb, init, logClientError, logJSError } = levqorErrors;
  for (const text of markup) {
    init({ release: text, environment: text.slice(0, 60) });
    addBreadcrumb(text, text, text, { [text]: text });
    logClientError({ service: text, message: text, severity: text, path: text, userEmail: text, stack: text });
    const error = Object.assign(new Error(text, { cause: text }), { name: text });
    error.stack = `${text}: ${text}\\n    at ${text} (https://x.example/${text}:1:1)\\n${text}@https://x/${text}:1:2`;
    logJSError(text, error, text, text);
    setTimeout(() => { throw Object.assign(new Error(text), { name: text }); });
    Promise.reject({ message: text, name: text, toString: 7 });
  }
  return new Promise((done) => setTimeout(done, 50));
}"""


def test_s1_what_a_page_sends_is_text_in_the_dashboard(
    database: Database,
    start_collector: Callable[..., CollectorProcess],
    context: BrowserContext,
    page: Page,
) -> None:
    with site() as shop:
        collector = start_collector(ALLOWED_ORIGINS=shop.url)
        page.goto(shop.put_shop(f'<script src="{collector.url}/errorClient.js" data-service="shop"></script>'))
        page.evaluate(SEND, list(MARKUP))
        assert flushed(page)
    events = stored(database)
    assert len(events) >= 3 * len(MARKUP)
    assert {event.message for event in events} >= {text for text in MARKUP if text.isprintable()}
    page.close()

    # From here on the owner looks at it.
    complaints = Complaints(context)
    owner = context.new_page()
    owner.goto(collector.link)
    owner.goto(f"{collector.url}/owner/errors")
    assert_text(owner)
    for event in events:
        owner.goto(f"{collector.url}/owner/errors/{event.id}")
        assert_text(owner)
        if event.message.isprintable():
            assert event.message in owner.locator("main").inner_text()
    assert complaints == []


def assert_text(page: Page) -> None:
    """Nothing of what was sent has become a part of the page."""
    assert page.locator("img[src=x], svg[onload], .injected, main script, a[href^='javascript:']").count() == 0
