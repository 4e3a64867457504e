"""The page of one event, by HTTP: what is on it, and where it leads."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import httpx

from event_samples import HOSTILE, full_event

PAGE = "/owner/errors"


def send(api: httpx.Client, **event: Any) -> int:
    answer = api.post("/api/errors/log", json=event)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def links(html: str) -> dict[str, str]:
    """Addresses by what their links say."""
    found = re.findall(r'<a [^>]*href="([^"]*)"[^>]*>(.*?)</a>', html, re.DOTALL)
    return {unescape(re.sub(r"<[^>]*>", "", text)).strip(): unescape(address) for address, text in found}


def test_all_of_an_event_is_on_its_page(api: httpx.Client) -> None:
    id_ = send(api, **full_event())
    html = unescape(api.get(f"{PAGE}/{id_}").text)
    for text in (
        "Charging order 4711 failed", "fourth line", "shop.ChargeError", "the gateway said no", "Caused by", "a note",
        "12 frames of libraries", "7 frames were left out", "fail('post')", "2 variables", "Built: i at /app.js:1:99",
        "the stack as it was sent", "/orders/4711/charge?next=javascript:alert(1)", "ada@example.org", "eu-west",
        "Firefox", "pay-2", "attempt", "GET /cart", "a slow query", "Not yet: it waits to be decided on.",
    ):  # fmt: skip
        assert text in html, text
    assert links(html)["Other events of it"] == f"{PAGE}?issue=1&range=all"


def test_an_event_without_context_has_its_stack_and_nothing_that_is_empty(api: httpx.Client) -> None:
    id_ = send(api, message="it failed", stack="at here (there.js:1)")
    html = api.get(f"{PAGE}/{id_}").text
    assert "at here (there.js:1)" in html
    for title in ("Request", "User", "Tags", "Before it", "Process"):
        assert f">{title}<" not in html


def test_a_page_for_whatever_is_in_a_context(api: httpx.Client) -> None:
    for context in HOSTILE:
        answer = api.get(f"{PAGE}/{send(api, message='hostile', context=context)}")
        assert answer.status_code == 200, context
        assert "hostile" in answer.text


def test_newer_and_older_are_those_of_the_list_it_was_opened_from(api: httpx.Client) -> None:
    first, second, third, fourth = (send(api, message="m", service=name) for name in ("web", "shop", "web", "web"))
    beside = links(api.get(f"{PAGE}/{second}").text)
    assert (beside["Newer"], beside["Older"]) == (f"{PAGE}/{third}", f"{PAGE}/{first}")
    query = "?severity=error%2Cinfo&service=web&q=m&range=7d"
    beside = links(api.get(f"{PAGE}/{third}?severity=error&severity=info&service=web&q=m&range=7d&before=7&x=1").text)
    assert (beside["Newer"], beside["Older"]) == (f"{PAGE}/{fourth}{query}", f"{PAGE}/{first}{query}")
    assert beside["← Errors"] == f"{PAGE}{query}"
    assert "Newer" not in links(api.get(f"{PAGE}/{fourth}{query}").text)
    html = unescape(api.get(f"{PAGE}{query}").text)
    assert f'href="/owner/export{query}&format=csv"' in html
    assert f'href="{PAGE}/{fourth}{query}"' in html


def test_what_is_no_event_is_told(api: httpx.Client) -> None:
    for path, status in (("/999", 404), ("/abc", 404), ("/1?severity=loud", 400), (f"/{'9' * 30}", 404)):
        answer = api.get(PAGE + path)
        assert (answer.status_code, "That did not work" in answer.text) == (status, True)
