"""S1 | markup and script in every field, keys and "numeric" ones too, seen in dashboard, email, Telegram, CSV,
terminal |
text everywhere; in a real browser no dialog, no injected element, no CSP report; terminal escapes shown, not run

S2 | `javascript:` and `data:` URLs in path, request or frames |
never a link

Here every page of the collector's, with what anyone may send in all that it shows. Email is in `test_a8_email.py`,
Telegram in `channels/telegram/test_text.py`, CSV in `test_s13_formulas.py`, the terminal in `cli/test_commands.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from starlette.applications import Starlette

from browser_support import Complaints
from event_samples import HAPPENED
from levqor_errors.alerts import health
from levqor_errors.alerts.health import ChannelHealth
from levqor_errors.collector import create_app
from levqor_errors.config import AlertSettings, CollectorSettings
from route_support import all_routes
from support import SECRET, Database, owner, served

pytestmark = pytest.mark.sqlite

#: What would run, be there, or lead somewhere, if any of it were markup or an address.
HOSTILE: Final = (
    "<script>alert(1)</script><img src=x onerror=alert(1)><b class=injected>",
    "</pre></code></textarea></title></style></script></option></select></dialog><svg/onload=alert(1) class=injected>",
    '" onmouseover="alert(1)" autofocus onfocus="alert(1)" class="injected" x=\'',
    "' onclick='alert(1)' style='position:fixed' class='injected'><iframe srcdoc='<script>alert(1)</script>'>",
    "javascript:alert(1)//http://x/%0aalert(1)",
    "data:text/html,<script>alert(1)</script>",
    "https://evil.example/<a href=https://evil.example class=injected>x</a>?a=1&lt;b&gt;",
    "{{7*7}}{% raise x %}${7*7}<%= 7*7 %>&lt;img src=x onerror=alert(1)&gt;&#60;script&#62;",
    "<meta http-equiv=refresh content='0;url=//evil.example'><base href=//evil.example><form><input name=x>",
)
#: In one page of the browser: what is in it that no template of ours has put there.
INJECTED: Final = """() => {
  const found = [...document.querySelectorAll(
    ".injected, iframe, object, embed, base, style, img[src=x], [onerror], [onload], [onclick], [onmouseover], "
    + "[onfocus], [style], meta[http-equiv], main script, body script, script:not([src]), input[name=x]")];
  // Every address that a click, a key or a look may follow.
  for (const one of document.querySelectorAll("[href], [src], [action], [formaction], [srcdoc], [data], [poster]"))
    for (const name of ["href", "src", "action", "formaction", "srcdoc", "data", "poster"])
      if (one.hasAttribute(name)) {
        const address = URL.parse(one.getAttribute(name), document.baseURI);
        if (address?.origin !== location.origin) found.push(one);
      }
  return found.map((one) => one.outerHTML.slice(0, 300));
}"""


def hostile_event(text: str) -> dict[str, Any]:
    """An event with the text in each of its fields, the numeric ones of its context too, and in each key that a sender
    may choose. A severity or a time that is none is not taken.
    """
    frame = {
        "file": text, "line": text, "column": text, "function": text, "module": text, "in_app": True, "source": text,
        "before": [text], "after": [text], "vars": {text: text, "deep": {text: [text]}}, "built": {"file": text},
        "abs_path": text, text: text,
    }  # fmt: skip
    return {
        "message": text, "service": text, "source": "frontend", "path_or_screen": text, "user_email": text,
        "stack": f"{text}\n    at {text} ({text}:1:1)", "environment": text[:60], "release": text,
        "fingerprint": text,
        "context": {
            "exceptions": [
                {"type": text, "value": text, "notes": [text], "cut": text, "module": text, "via": text, "of": text,
                 "frames": [frame, {**frame, "line": 5, "column": 9, "in_app": False}]},
                {"type": text, "value": text, "via": "cause", "of": 0, "frames": text},
            ],
            "request": {"method": text, "path": text, "query": text, "url": text, "ip": text, "headers": {text: text}},
            "user": {"id": text, "email": text, text: text}, "tags": {text: text}, "browser": {"name": text},
            "process": {"host": text, text: text}, "extra": {text: {text: [text]}}, "flags": {text: text},
            "logger": text, text: text,
            "breadcrumbs": [
                {"at": text, "level": text, "category": text, "message": text, "data": {text: text}},
                {"at": HAPPENED, "level": "error", "category": text, "message": text, "data": text},
                text,
            ],
        },
    }  # fmt: skip


class Running(NamedTuple):
    """A collector full of hostile events, by the links of which strangers see its issues."""

    app: Starlette
    url: str
    shared: list[str]


@pytest.fixture
def running(database: Database, context: BrowserContext) -> Iterator[Running]:
    """The context is signed in."""
    alerts = AlertSettings.from_env(
        {"TELEGRAM_BOT_TOKEN": "1:x", "TELEGRAM_API_URL": "http://127.0.0.1:9", "SUMMARY_AT": "off", "CANARY_AT": "off"}
    )
    app = create_app(CollectorSettings(str(database), SECRET), alerts)
    with served(app) as url, owner(url) as api:
        for text in HOSTILE:
            answer = api.post("/api/errors/log", json=hostile_event(text))
            assert answer.status_code == 201, answer.text
        issues = [issue["id"] for issue in api.get("/api/issues", params={"limit": 100}).json()["issues"]]
        assert len(issues) == len(HOSTILE)
        for id_, text in zip(issues, HOSTILE, strict=True):
            assert api.post(f"/api/issues/{id_}", json={"action": "note", "note": text}).status_code == 200
        shared = [api.post(f"/owner/issues/{id_}/shares", data={"days": "1"}).text for id_ in issues]
        links = [text.partition(f'value="{url}/shared/')[2].partition('"')[0] for text in shared]
        assert all(links)
        # What the other side of a channel says is written by others, too.
        with app.state.collector.storage.alerts() as store:
            health.write(store.memory, "telegram", ChannelHealth("down", HAPPENED, HOSTILE[0]), now=HAPPENED)
        signed_in = api.post("/login", data={"secret": SECRET})
        context.add_cookies([{"name": name, "value": value, "url": url} for name, value in signed_in.cookies.items()])
        yield Running(app, url, [f"/shared/{token}" for token in links])
        # A list listens for what is new, and a server that ends waits for whoever listens.
        for page in context.pages:
            page.close()


def addresses(running: Running) -> list[str]:
    """Every page, with what a sender wrote in it, or somebody who made the owner follow a link."""
    ids = range(1, len(HOSTILE) + 1)
    listed = [f"/owner/errors/{id_}" for id_ in ids] + [f"/owner/issues/{id_}" for id_ in ids]
    forged = [
        f"{path}?{urlencode({name: HOSTILE[0] + HOSTILE[2]})}"
        for path, names in (
            ("/owner/errors", ("q", "service", "environment", "release", "severity", "since", "range", "issue", "x")),
            ("/owner/issues", ("q", "service", "state", "sort", "after", "done", "undo")),
            ("/login", ("next", "token")),
        )
        for name in names
    ]
    odd = [f"{path}/{quote(HOSTILE[0], safe='')}" for path in ("/owner/errors", "/owner/issues", "/shared", "/owner")]
    lists = ["/owner/errors?range=all", "/owner/issues?state=all", "/owner/handbook"]
    return [*lists, *listed, *running.shared, *forged, *odd]


def test_s1_s2_what_anyone_sends_is_text_on_every_page(
    running: Running, page: Page, complaints: Complaints, subtests: pytest.Subtests
) -> None:
    pages = {path for path, methods in all_routes(running.app) if path.startswith("/owner/") and "GET" in methods}
    asked = addresses(running)
    # An export is no page: test_s13_formulas.py.
    assert pages - {"/owner/export"} <= {address.partition("?")[0] for address in asked}
    for address in asked:
        with subtests.test(address=address[:80]):
            answer = page.goto(running.url + address)
            assert answer is not None
            assert answer.status < 500
            assert page.evaluate(INJECTED) == []
            assert page.url.startswith(running.url)
    assert complaints == []


def test_s1_it_is_shown_as_it_was_sent(running: Running, page: Page, complaints: Complaints) -> None:
    for id_, text in enumerate(HOSTILE, 1):
        page.goto(f"{running.url}/owner/errors/{id_}")
        for details in page.locator("details").all():
            details.evaluate("one => one.open = true")
        shown = page.locator("main").inner_text()
        # In the title, the stack, the source, the tags, the request, and so on.
        assert shown.count(text) > 12
    for path in ("/owner/errors?range=all", "/owner/issues?state=all"):
        page.goto(running.url + path)
        for text in HOSTILE:
            # What is long is cut in the middle.
            expect(page.locator("main")).to_contain_text(text[:40])
    page.goto(f"{running.url}/owner/handbook")
    expect(page.locator("#channels")).to_contain_text(HOSTILE[0])
    assert complaints == []


def test_s1_s2_in_a_dialog_that_scripts_have_filled(running: Running, page: Page, complaints: Complaints) -> None:
    listed = f"{running.url}/owner/errors?range=all"
    page.goto(listed)
    for id_, text in enumerate(HOSTILE, 1):
        page.locator(f'main a[href*="/owner/errors/{id_}?"]').click()
        expect(page.locator("dialog[open] h1")).to_contain_text(text[:40])
        # What a pointer passes over, and what has the focus in turn.
        page.locator("dialog[open] .event-head").hover()
        page.keyboard.press("Tab")
        assert page.evaluate(INJECTED) == []
        page.keyboard.press("Escape")
        expect(page).to_have_url(listed)
    assert complaints == []


def test_s1_the_test_would_see_it(page: Page, complaints: Complaints, running: Running) -> None:
    """What these tests look for is there when it is there."""
    page.goto(f"{running.url}/owner/handbook")
    page.evaluate("html => document.querySelector('main').innerHTML = html", HOSTILE[0] + HOSTILE[6])
    assert len(page.evaluate(INJECTED)) >= 3
    page.wait_for_function("document.querySelector('img[src=x]')")
    assert any("Content Security Policy" in complaint for complaint in complaints)
