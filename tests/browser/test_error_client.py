"""The browser client in a real Chromium, against a real collector on another origin: each error arrives once, and is
right on the dashboard.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from support import CollectorProcess, Database, wait_until
from web_page_support import Site, Stored, flushed, site, stored

# Which database its events end in does not matter.
pytestmark = pytest.mark.sqlite


class World(NamedTuple):
    """A shop's site, and the collector that it reports to."""

    site: Site
    collector: CollectorProcess
    #: What the test's own events have, and no other test's.
    release: str

    def script(self, more: str = "") -> str:
        """The element that loads the client."""
        address = f"{self.collector.url}/errorClient.js"
        return f'<script src="{address}" data-service="shop" data-release="{self.release}" {more}></script>'

    def stored(self) -> list[Stored]:
        """The test's events."""
        return [event for event in stored(self.collector.database) if event.release == self.release]

    def events(self, count: int) -> list[Stored]:
        """The same, once there are so many."""
        wait_until(lambda: len(self.stored()) >= count)
        return self.stored()


@pytest.fixture(scope="module")
def shop() -> Iterator[Site]:
    with site() as shop:
        yield shop


@pytest.fixture(scope="module")
def collector(shop: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    """One for most of the tests: to start it takes longer than they do."""
    process = CollectorProcess(tmp_path_factory.mktemp("shop") / "levqor.db", ALLOWED_ORIGINS=shop.url)
    yield process
    process.close()


@pytest.fixture
def world(shop: Site, collector: CollectorProcess) -> World:
    return World(shop, collector, f"1.0.{next(_releases)}")


_releases = itertools.count()


#: A function of the page; what is stored of it; what its stack has.
FAILURES: dict[str, tuple[str, dict[str, object], tuple[str, ...]]] = {
    "uncaught": (
        "uncaught()",
        {
            "service": "shop", "severity": "error", "user": "ann@example.com", "path": "/cart",
            "message": "Cannot read properties of undefined (reading 'reduce')",
        },
        ("TypeError", "addPrices", "payNow", "/shop.js"),
    ),
    "a rejected promise": (
        "rejected()",
        {"service": "shop", "severity": "error", "message": "the cart is gone"},
        ("RangeError", "fetchCart"),
    ),
    "a promise rejected with a text": ("rejectedText()", {"service": "shop", "message": "out of stock"}, ()),
    "caught": (
        "caught()",
        {"service": "cart", "severity": "critical", "user": "bob@example.com", "message": "no total"},
        ("Error: no total", "caught", "Caused by: TypeError", "addPrices"),
    ),
    "in words": (
        "inWords()",
        {"service": "search", "severity": "warning", "path": "/search", "message": "no results for über"},
        (),
    ),
}  # fmt: skip


def test_each_error_arrives_once_and_is_right_on_the_dashboard(world: World, page: Page) -> None:
    element = world.script('data-environment="staging" data-user="ann@example.com"')
    page.goto(world.site.put_shop(element))
    for call, _, _ in FAILURES.values():
        page.evaluate(call)
    wait_until(lambda: flushed(page) and len(world.stored()) >= len(FAILURES))
    events = {event.message: event for event in world.stored()}
    assert len(world.stored()) == len(FAILURES)
    page.goto(world.collector.link)
    for _, fields, in_stack in FAILURES.values():
        event = events[str(fields["message"])]
        found = event._asdict()
        assert {name: found[name] for name in fields} == fields
        assert (event.source, event.release, event.environment) == ("frontend", world.release, "staging")
        assert event.times == 1
        page.goto(f"{world.collector.url}/owner/errors/{event.id}")
        shown = page.locator("main")
        for text in (fields["message"], fields["service"], "frontend", world.release, "staging", *in_stack):
            expect(shown).to_contain_text(str(text))


def test_its_stack_is_frames_for_grouping_and_source_maps(world: World, page: Page) -> None:
    page.goto(world.site.put_shop(world.script()))
    page.evaluate("caught()")
    assert flushed(page)
    (event,) = world.events(1)
    outer, cause = event.context["exceptions"]
    assert (outer["type"], outer["value"]) == ("Error", "no total")
    assert (cause["type"], cause["via"], cause["of"]) == ("TypeError", "cause", 0)
    innermost = cause["frames"][-1]
    assert innermost["function"] == "addPrices"
    assert innermost["file"] == f"{world.site.url}/shop.js"
    assert innermost["module"] == "/shop.js"
    assert innermost["in_app"] is True
    assert innermost["line"] == 2
    assert innermost["column"] > 1


def test_a_burst_of_a_thousand_is_one_event_that_says_so(world: World, page: Page) -> None:
    page.goto(world.site.put_shop(world.script()))
    page.evaluate("for (let number = 0; number < 1000; number++) caught()")
    assert flushed(page)
    (event,) = world.events(1)
    assert event.times == 1_000


def test_a_burst_of_a_thousand_that_nobody_handles_is_counted_to_the_last(world: World, page: Page) -> None:
    page.goto(world.site.put_shop(world.script()))
    # Timers fire in the order of their times.
    page.evaluate("burst(1000); new Promise((done) => setTimeout(done, 10))")
    page.goto("about:blank")
    wait_until(lambda: sum(event.times for event in world.stored()) >= 1_000)
    events = world.stored()
    assert sum(event.times for event in events) == 1_000
    # One at once, one with the number.
    assert len(events) <= 2
    assert len({event.message for event in events}) == 1


def test_a_thousand_different_ones_are_thirty_and_one_with_their_number(world: World, page: Page) -> None:
    page.goto(world.site.put_shop(world.script()))
    page.evaluate("for (let n = 0; n < 1000; n++) levqorErrors.logClientError({ message: `order ${n} failed` })")
    assert flushed(page)
    events = world.events(31)
    assert len(events) == 31
    assert sum(event.times for event in events) == 1_000
    assert [event.context.get("flood") for event in events[-2:]] == [None, True]


LEAVING: dict[str, Callable[[Page], object]] = {
    "closed": lambda page: page.close(),
    "closed by a script": lambda page: page.evaluate("window.close()"),
    "another page": lambda page: page.goto("about:blank"),
    "loaded anew": lambda page: page.reload(),
}


@pytest.mark.parametrize("leave", LEAVING.values(), ids=LEAVING)
def test_a_page_that_is_left_right_after_an_error(
    world: World, context: BrowserContext, page: Page, leave: Callable[[Page], object]
) -> None:
    address = world.site.put_shop(world.script())
    page.goto(address)
    with context.expect_page() as opened:
        page.evaluate("address => { window.open(address) }", address)
    tab = opened.value
    tab.wait_for_load_state()
    tab.evaluate(
        "for (let n = 0; n < 20; n++) levqorErrors.logClientError({ message: `${n}`, stack: 'x'.repeat(2000) })"
    )
    leave(tab)
    events = world.events(20)
    assert sorted(int(event.message) for event in events) == list(range(20))


def test_offline_then_online(world: World, context: BrowserContext, page: Page) -> None:
    page.goto(world.site.put_shop(world.script()))
    context.set_offline(True)
    page.evaluate("caught()")
    assert not flushed(page)
    assert not flushed(page)
    context.set_offline(False)
    # By itself: the browser says so.
    (event,) = world.events(1)
    assert event.message == "no total"
    assert flushed(page)
    assert len(world.stored()) == 1


#: As if their page had been gone for a minute, which is how long a claim lasts.
FREE_ALL = """() => {
  for (const name of Object.keys(localStorage).filter((name) => name.startsWith("levqor-errors:")))
    localStorage.setItem(name, localStorage.getItem(name).replace(/^\\d+/, "0"));
  return localStorage.length;
}"""


def test_offline_and_closed_then_online_in_several_tabs(world: World, context: BrowserContext, page: Page) -> None:
    address = world.site.put_shop(world.script("data-offline"))
    page.goto(address)
    context.set_offline(True)
    page.evaluate("caught(); inWords()")
    assert not flushed(page)
    assert world.stored() == []
    # It sends once more as it goes, and may not be offline by then; they are kept all the same.
    page.close()
    context.set_offline(False)
    quiet = context.new_page()
    quiet.goto(world.site.put("/quiet", "<title>no client here</title>"))
    assert quiet.evaluate(FREE_ALL) == 2
    tabs = [context.new_page() for _ in range(3)]
    for tab in tabs:
        tab.goto(address, wait_until="commit")
    assert {event.message for event in world.events(2)} == {"no total", "no results for über"}
    for tab in tabs:
        tab.wait_for_load_state()
        assert flushed(tab)
    assert len(world.stored()) == 2
    assert quiet.evaluate("localStorage.length") == 0


def test_a_page_whose_origin_the_collector_does_not_know(world: World, page: Page) -> None:
    """What it sends arrives, and what it sends again since it may not see the answer changes nothing."""
    with site() as unknown:
        page.goto(unknown.put_shop(world.script()))
        page.evaluate("caught()")
        world.events(1)
        for _ in range(3):
            assert not flushed(page)
        assert len(world.stored()) == 1


def test_no_request_needs_a_preflight(world: World, page: Page) -> None:
    requests: list[tuple[str, str]] = []
    page.on("request", lambda request: requests.append((request.method, request.url)))
    page.goto(world.site.put_shop(world.script()))
    page.evaluate("caught()")
    assert flushed(page)
    asked = [(method, url.removeprefix(world.collector.url)) for method, url in requests if world.collector.url in url]
    assert asked == [("GET", "/errorClient.js"), ("POST", "/api/errors/log")]


def test_with_a_key(
    shop: Site, database: Database, start_collector: Callable[..., CollectorProcess], page: Page
) -> None:
    world = World(shop, start_collector(ALLOWED_ORIGINS=shop.url, INGEST_KEYS="shop:shop-key-1234"), "1.0")
    page.goto(shop.put_shop(world.script('data-key="shop-key-1234"')))
    page.evaluate("uncaught()")
    assert world.events(1)[0].service == "shop"
    said = warnings_of(page)
    page.goto(shop.put_shop(world.script('data-key="wrong-key-1234"'), "/wrong"))
    page.evaluate("caught(); inWords()")
    # Refused is done with; the developer is told once.
    assert flushed(page)
    assert len(said) == 1
    assert "an ingest key is required" in said[0]
    assert len(stored(database)) == 1


def warnings_of(page: Page) -> list[str]:
    """What a page's console warns of from now on."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "warning" else None)
    return said


def test_an_error_that_the_browser_hides_is_told_to_the_developer(world: World, page: Page) -> None:
    said = warnings_of(page)
    with site() as elsewhere:
        script = elsewhere.put("/ads.js", "setTimeout(() => { throw new Error('hidden') })", "text/javascript")
        page.goto(world.site.put_shop(f'{world.script()}<script src="{script}"></script>'))
        wait_until(lambda: page.evaluate("1") and said)
        assert flushed(page)
        assert world.stored() == []
        assert len(said) == 1
        assert "crossorigin" in said[0]
        # With it, the script is like one's own.
        elsewhere.put("/ads.js", "setTimeout(() => { throw new Error('hidden') })", "text/javascript",
                      Access_Control_Allow_Origin="*")  # fmt: skip
        page.goto(world.site.put_shop(f'{world.script()}<script src="{script}" crossorigin></script>', "/shown"))
        assert world.events(1)[0].message == "hidden"


def test_breadcrumbs_if_asked_for(world: World, page: Page) -> None:
    world.site.put("/api/prices", "[]", "application/json")
    page.goto(world.site.put_shop(f'{world.script("data-breadcrumbs")}<button id="pay">Pay</button>'))
    page.evaluate("history.pushState(null, '', '/cart/pay?token=secret')")
    page.evaluate("fetch('/api/prices?token=secret').then((answer) => answer.text())")
    page.get_by_role("button").click()
    page.evaluate("caught()")
    assert flushed(page)
    (event,) = world.events(1)
    assert [(crumb["category"], crumb["message"]) for crumb in event.context["breadcrumbs"]] == [
        ("navigation", "/cart/pay"),
        ("fetch", "GET /api/prices"),
        ("click", "button#pay"),
    ]
    assert event.path == "/cart/pay"


def test_a_page_with_the_client_may_be_kept_for_the_way_back(world: World, page: Page) -> None:
    page.goto(world.site.put_shop(world.script()))
    listened = page.evaluate(
        """async () => {
          const types = [];
          const add = EventTarget.prototype.addEventListener;
          EventTarget.prototype.addEventListener = function (type, ...rest) {
            types.push(type);
            return add.call(this, type, ...rest);
          };
          await new Promise((done) => {
            const script = document.createElement("script");
            script.src = document.querySelector("script").src;
            script.onload = done;
            document.head.append(script);
          });
          return types;
        }"""
    )
    assert {"pagehide", "visibilitychange", "error", "unhandledrejection"} <= set(listened)
    assert not {"unload", "beforeunload"} & set(listened)
