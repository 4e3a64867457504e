"""What a page makes of an event's context, whatever is in it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_samples import HAPPENED, HOSTILE, frame, full_event, library
from levqor_errors.collector.event_text import event_text
from levqor_errors.collector.event_view import EventView, view
from levqor_errors.collector.frame_view import Line, stretches


def stored(**changes: Any) -> dict[str, Any]:
    """An event as `Storage.get` gives it."""
    none = dict.fromkeys(("path_or_screen", "user_email", "stack", "environment", "release"))
    return {
        **none, "id": 1, "created_at": HAPPENED, "received_at": HAPPENED, "source": "backend", "service": "shop",
        "severity": "error", "message": "it failed", "event_id": "0199", "context": {}, **changes,
    }  # fmt: skip


def seen(context: object, **changes: Any) -> EventView:
    return view(stored(context=context, **changes))


def test_all_of_an_event_has_its_place() -> None:
    found = view(stored(**full_event()))
    assert found.head == "Charging order 4711 failed\nsecond line\nthird line"
    assert found.message.endswith("fourth line")
    assert [(one.type, one.relation) for one in found.exceptions] == [
        ("shop.ChargeError", ""), ("httpx.HTTPError", "Caused by"),
        ("KeyError", "Raised while handling · shop.ChargeError"),
    ]  # fmt: skip
    assert (found.exceptions[0].notes, found.exceptions[0].cut) == (("a note",), 7)
    assert found.request is not None
    assert (found.request.method, found.request.address) == ("POST", "/orders/4711/charge?next=javascript:alert(1)")
    assert found.request.headers == (("user-agent", "Mozilla/5.0"),)
    assert found.request.more == (("ip", "203.0.113.9"),)
    assert found.user == (("email", "ada@example.org"), ("id", "42"))
    assert found.tags == (("region", "eu-west"),)
    assert [section.title for section in found.around] == ["Browser", "Process"]
    assert [section.title for section in found.more] == ["Extra", "flags", "Context"]
    first, second = found.crumbs
    assert (first.category, first.message, first.tone, first.data) == ("http", "GET /cart", "info", '{"ms": 12}')
    assert (second.when, second.tone, second.data) == ("\N{MINUS SIGN}1.1 s", "error", "")


def test_the_innermost_frame_is_first_and_libraries_are_folded() -> None:
    own, libraries = view(stored(**full_event())).exceptions[0].stretches
    assert [one.function for one in own.frames] == ["post", "charge"]
    assert own.open
    assert all(one.open for one in own.frames)
    assert (len(libraries.frames), libraries.in_app, libraries.open) == (12, False, False)
    assert own.frames[0].source == (Line(8, "first()", False), Line(9, "fail('post')", True), Line(10, "last()", False))
    assert (own.frames[0].folder, own.frames[0].file, own.frames[0].place) == ("/srv/shop/", "post.py", ":9:4")
    assert own.frames[0].built == "i at /app.js:1:99"
    assert own.frames[1].variables == (("total", "19.90"), ("lines", "[1, 2]"))


def test_where_no_frame_is_the_services_own_the_innermost_are_shown() -> None:
    (only,) = stretches([library(1), library(2)], unfold=True)
    assert (only.open, [one.function for one in only.frames]) == (True, ["library2", "library1"])
    # Nobody said whose these are.
    assert stretches([{"function": "a"}, {"function": "b"}], unfold=True)[0].in_app


def test_of_a_recursion_few_frames_show_their_source() -> None:
    (only,) = stretches([frame("again") for _ in range(80)], unfold=True)
    assert sum(one.open for one in only.frames) == 5
    assert [one.open for one in only.frames[:6]] == [True] * 5 + [False]


def test_source_loses_the_white_space_that_all_of_it_begins_with() -> None:
    given = {"source": "\t\tx", "before": ["\t\tif y:", "", "\t\t\tz"], "after": ["\tw"], "line": 2}
    source = stretches([given], unfold=True)[0].frames[0].source
    assert [line.text for line in source] == ["\tif y:", "", "\t\tz", "\tx", "w"]
    # More lines before it than a file has lines there.
    assert [line.number for line in source] == [None] * 5


@pytest.mark.parametrize("message", ["TypeError: no", "no"])
def test_a_message_is_not_said_twice(message: str) -> None:
    raised = seen({"exceptions": [{"type": "TypeError", "value": "no"}]}, message=message).exceptions[0]
    assert (raised.type, raised.value) == ("TypeError", "")


def test_only_the_latest_breadcrumbs_are_not_folded() -> None:
    found = seen({"breadcrumbs": [{"message": str(number)} for number in range(100)]})
    assert [crumb.message for crumb in found.crumbs] == [str(number) for number in range(80, 100)]
    assert len(found.earlier) == 80


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-0.04, "-0.0 s"),
        (-59, "-59.0 s"),
        (-200, "-3 min 20 s"),
        (-7_260, "-2 h 01 min"),
        (-201_600, "-2 d 08 h"),
        (2, "+2.0 s"),
    ],
)
def test_how_long_before_the_event_it_was(seconds: float, said: str) -> None:
    found = seen({"breadcrumbs": [{"at": 1_000_000_000 + seconds}]}, created_at="2001-09-09T01:46:40.000Z")
    assert found.crumbs[0].when == said.replace("-", "\N{MINUS SIGN}")


@pytest.mark.parametrize("context", [*HOSTILE, [], "text", None, 7])
def test_whatever_is_anywhere_is_shown(context: object) -> None:
    event = stored(context=context)
    assert event_text(event, view(event))


names = st.sampled_from(
    ["type", "value", "via", "of", "cut", "notes", "frames", "file", "line", "column", "function", "module", "in_app",
     "source", "before", "after", "vars", "built", "method", "url", "path", "query", "headers", "at", "level",
     "category", "message", "data", "extra"]
)  # fmt: skip
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names | st.text(), inner, max_size=6),
    max_leaves=30,
)
places = st.sampled_from(["exceptions", "request", "user", "tags", "breadcrumbs", "browser", "extra", "more"])


@settings(max_examples=60)
@given(st.dictionaries(places, values) | values)
def test_any_json_anywhere(context: object) -> None:
    event = stored(context=context)
    found = view(event)
    assert event_text(event, found)
    flat: list[object] = [found]
    while flat:
        one = flat.pop()
        # What templates write is text or a number, and nothing that was sent.
        assert one is None or isinstance(one, str | int | tuple)
        flat.extend(one if isinstance(one, tuple) else ())


@settings(max_examples=40)
@given(st.lists(st.dictionaries(names, values), max_size=5))
def test_any_frames(frames: list[dict[str, Any]]) -> None:
    found = stretches(frames, unfold=True)
    assert sum(len(stretch.frames) for stretch in found) == len(frames)
