"""User, tags, breadcrumbs and the request around an event."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from levqor_errors import add_breadcrumb, init, log_error, scope, set_tag, set_user
from levqor_errors.client import scopes
from levqor_errors.testing import capture_events

Events = list[dict[str, Any]]


def test_nothing_around_an_event_adds_nothing(events: Events) -> None:
    log_error("shop", "bare")
    assert events[0]["context"] == {}
    assert events[0].keys() == {"event_id", "created_at", "service", "severity", "message", "context"}


def test_all_that_can_be_around_an_event(events: Events) -> None:
    set_user("a@example.com", id=7, plan="team")
    set_tag("region", "eu")
    set_tag("attempt", 3)
    add_breadcrumb("opened the cart", category="ui", level="info", data={"items": [1, 2]})
    add_breadcrumb("asked the bank")
    log_error("shop", "declined")
    (event,) = events
    assert event["user_email"] == "a@example.com"
    assert event["context"]["user"] == {"id": 7, "plan": "team"}
    assert event["context"]["tags"] == {"region": "eu", "attempt": "3"}
    first, second = event["context"]["breadcrumbs"]
    assert abs(event["created_at"] - first.pop("at")) < 60
    assert first == {"message": "opened the cart", "category": "ui", "level": "info", "data": {"items": [1, 2]}}
    assert second["message"] == "asked the bank"
    assert "data" not in second


def test_a_call_says_it_better_than_what_is_around(events: Events) -> None:
    set_user("a@example.com")
    with scopes.entered(path="/cart"):
        log_error("shop", "around")
        log_error("shop", "given", user_email="b@example.com", path="/pay")
    assert [(event["user_email"], event["path_or_screen"]) for event in events] == [
        ("a@example.com", "/cart"),
        ("b@example.com", "/pay"),
    ]


def test_users_and_tags_are_replaced_and_forgotten(events: Events) -> None:
    set_user("a@example.com", id=1)
    set_user("b@example.com")
    set_tag("region", "eu")
    set_tag("region", "us")
    log_error("shop", "second")
    set_user()
    log_error("shop", "nobody")
    assert events[0]["user_email"] == "b@example.com"
    assert events[0]["context"] == {"tags": {"region": "us"}}
    assert "user_email" not in events[1]


def test_scopes_nest(events: Events) -> None:
    set_tag("depth", 0)
    with scope():
        set_tag("depth", 1)
        add_breadcrumb("one")
        with scope():
            set_tag("depth", 2)
            add_breadcrumb("two")
            log_error("shop", "innermost")
        log_error("shop", "inner")
    log_error("shop", "outer")
    seen = [
        (event["context"]["tags"]["depth"], [crumb["message"] for crumb in event["context"].get("breadcrumbs", ())])
        for event in events
    ]
    assert seen == [("2", ["one", "two"]), ("1", ["one"]), ("0", [])]


def test_an_event_keeps_what_was_around_it_then(events: Events) -> None:
    values = {"a": 1}
    set_user("a@example.com", values=values)
    add_breadcrumb("before", data=values)
    values["a"] = 2
    log_error("shop", "first")
    add_breadcrumb("after")
    set_tag("later", "yes")
    assert events[0]["context"]["user"] == {"values": {"a": 1}}
    assert [crumb["message"] for crumb in events[0]["context"]["breadcrumbs"]] == ["before"]
    assert "tags" not in events[0]["context"]


def test_the_latest_breadcrumbs_are_kept(events: Events) -> None:
    for number in range(scopes.BREADCRUMBS + 20):
        add_breadcrumb(f"step {number}")
    log_error("shop", "lost")
    messages = [crumb["message"] for crumb in events[0]["context"]["breadcrumbs"]]
    assert messages == [f"step {number}" for number in range(20, scopes.BREADCRUMBS + 20)]


def test_tags_are_bounded_and_known_ones_can_change(events: Events) -> None:
    for number in range(scopes.TAGS + 20):
        set_tag(f"tag {number}", number)
    set_tag("tag 0", "changed")
    set_tag("new", "no")
    log_error("shop", "tagged")
    tags = events[0]["context"]["tags"]
    assert len(tags) == scopes.TAGS
    assert tags["tag 0"] == "changed"
    assert "new" not in tags


@pytest.mark.parametrize("name", [5, None, b"name", ("a", "b"), "n" * 10_000, "\ud800", ""])
def test_tags_of_any_name(events: Events, name: Any) -> None:
    set_tag(name, "value")
    log_error("shop", "tagged")
    (tag,) = events[0]["context"]["tags"].items()
    assert tag == (str(name)[:200], "value")


def test_a_thread_starts_with_nothing_around(events: Events) -> None:
    set_user("a@example.com")
    thread = threading.Thread(target=log_error, args=("shop", "in a thread"))
    thread.start()
    thread.join(30)
    assert "user_email" not in events[0]


def test_a_task_starts_with_what_is_around_and_changes_only_its_own(events: Events) -> None:
    async def child() -> None:
        set_tag("who", "child")
        log_error("shop", "child")

    async def parent() -> None:
        set_tag("who", "parent")
        set_user("a@example.com")
        await asyncio.create_task(child())
        log_error("shop", "parent")

    asyncio.run(parent())
    assert [event["context"]["tags"]["who"] for event in events] == ["child", "parent"]
    assert [event["user_email"] for event in events] == ["a@example.com"] * 2


def test_a_scope_as_a_decorator(events: Events) -> None:
    @scope()  # type: ignore[operator]
    def job(name: str) -> None:
        set_tag("job", name)
        log_error("shop", name)

    job("one")
    job("two")
    log_error("shop", "after")
    assert [event["context"].get("tags") for event in events] == [{"job": "one"}, {"job": "two"}, None]


def test_secrets_are_taken_out_when_they_are_set() -> None:
    init(redact_keys=["iban"])
    with capture_events() as events:
        set_user("a@example.com", api_key="abc", note="password=hunter2")
        set_tag("iban", "DE02")
        add_breadcrumb("sent Bearer abcdefgh1", data={"cookie": "a=b"})
        log_error("shop", "x")
    context = events[0]["context"]
    assert context["user"] == {"api_key": "[redacted]", "note": "password=[redacted]"}
    assert context["tags"] == {"iban": "[redacted]"}
    assert context["breadcrumbs"][0]["message"] == "sent Bearer [redacted]"
    assert context["breadcrumbs"][0]["data"] == {"cookie": "[redacted]"}
