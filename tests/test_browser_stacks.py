"""Stacks of the three engines, as they really write them, and whatever else somebody may send as one."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levqor_errors import limits
from levqor_errors.browser_stacks import read_stack
from levqor_errors.clean import clean_object
from levqor_errors.event import ErrorEvent, normalize
from levqor_errors.grouping import group

NOW = datetime(2026, 11, 23, 13, 5, 39, tzinfo=timezone.utc)
QUICK = settings(deadline=None, database=None, derandomize=True)

CHROME = """TypeError: Cannot read properties of undefined (reading 'price')
    at Cart.total (https://shop.example/assets/app-3f2a1b4c.js:10:15)
    at Array.map (<anonymous>)
    at async checkout (https://shop.example/assets/app-3f2a1b4c.js:22:9)
    at async Promise.all (index 0)
    at HTMLButtonElement.<anonymous> (https://shop.example/assets/app-3f2a1b4c.js:40:3)"""
FIREFOX = """TypeError: can't access property "price", this.item is undefined
total@https://shop.example/assets/app-99e0aa12.js:10:15
async*checkout@https://shop.example/assets/app-99e0aa12.js:22:9
@https://shop.example/assets/app-99e0aa12.js:40:3
"""
SAFARI = """TypeError: undefined is not an object (evaluating 'this.item.price')
total@https://www.shop.example/assets/app-0b1c2d3e.js:10:15
map@[native code]
checkout@https://www.shop.example/assets/app-0b1c2d3e.js:22:9
https://www.shop.example/assets/app-0b1c2d3e.js:40:3"""


def frames_of(stack: str) -> list[dict[str, Any]]:
    """The frames of a stack of one exception, the innermost first."""
    (exception,) = read_stack(stack, "it broke")
    return exception["frames"][::-1]  # type: ignore[no-any-return]


@pytest.mark.parametrize("stack", [CHROME, FIREFOX, SAFARI], ids=["chrome", "firefox", "safari"])
def test_the_same_error_in_three_engines(stack: str) -> None:
    (exception,) = read_stack(stack, stack.partition("\n")[0].partition(": ")[2])
    assert exception["type"] == "TypeError"
    assert exception["value"] == stack.partition("\n")[0].partition(": ")[2]
    frames = exception["frames"]
    assert [(frame["function"], frame["line"], frame["column"]) for frame in frames] == [
        ("", 40, 3),
        ("checkout", 22, 9),
        ("total", 10, 15),
    ]
    assert {frame["module"] for frame in frames} == {"/assets/app.js"}
    assert all(frame["in_app"] for frame in frames)
    assert frames[0]["file"] in stack


def test_the_same_error_in_three_engines_and_builds_is_one_issue() -> None:
    fingerprints = set()
    for stack in (CHROME, FIREFOX, SAFARI, CHROME.replace("3f2a1b4c", "77777777").replace(":10:15", ":12:1")):
        event = _event(message=stack.partition("\n")[0], stack=stack)
        fingerprints.add(group(event).fingerprint)
    assert len(fingerprints) == 1


#: A line, and of it: file, line, column, function.
LINES: dict[str, tuple[str, str, int, int | None, str]] = {
    "chrome, a method": ("    at Cart.total (https://a.example/b.js:1:2)", "https://a.example/b.js", 1, 2, "total"),
    "chrome, a constructor": ("    at new Cart (https://a.example/b.js:1:2)", "https://a.example/b.js", 1, 2, "Cart"),
    "chrome, under another name": (
        "    at Object.onClick [as handler] (https://a.example/b.js:1:2)", "https://a.example/b.js", 1, 2, "onClick",
    ),
    "chrome, private": ("    at Cart.#sum (https://a.example/b.js:1:2)", "https://a.example/b.js", 1, 2, "#sum"),
    "chrome, nameless": ("    at https://a.example/b.js:1:2", "https://a.example/b.js", 1, 2, ""),
    "chrome, nameless and async": ("    at async https://a.example/b.js:1:2", "https://a.example/b.js", 1, 2, ""),
    "chrome, a port": ("    at f (http://localhost:5173/src/b.ts:1:2)", "http://localhost:5173/src/b.ts", 1, 2, "f"),
    "chrome, a query": ("    at f (https://a.example/b.js?v=1:1:2)", "https://a.example/b.js", 1, 2, "f"),
    "chrome, a package's version": (
        "    at f (https://cdn.example/npm/react@18.2.0/index.js:1:2)",
        "https://cdn.example/npm/react@18.2.0/index.js", 1, 2, "f",
    ),
    "chrome, eval": (
        "    at eval (eval at run (https://a.example/b.js:5:3), <anonymous>:1:1)",
        "https://a.example/b.js", 5, 3, "",
    ),
    "chrome, eval within eval": (
        "    at f (eval at g (eval at h (https://a.example/b.js:5:3), <anonymous>:1:1), <anonymous>:9:9)",
        "https://a.example/b.js", 5, 3, "f",
    ),
    "webpack in development": (
        "    at total (webpack-internal:///./src/cart.js:10:5)", "webpack-internal:///./src/cart.js", 10, 5, "total",
    ),
    "node": ("    at Object.<anonymous> (/srv/app/server.js:1:2)", "/srv/app/server.js", 1, 2, ""),
    "node, brackets": ("    at f (/srv/my app (1)/server.js:1:2)", "/srv/my app (1)/server.js", 1, 2, "f"),
    "node, a module": ("    at f (file:///srv/app/server.mjs:1:2)", "file:///srv/app/server.mjs", 1, 2, "f"),
    "firefox, a function": ("total@https://a.example/b.js:1:2", "https://a.example/b.js", 1, 2, "total"),
    "firefox, a version": (
        "f@https://cdn.example/react@18/index.js:1:2", "https://cdn.example/react@18/index.js", 1, 2, "f",
    ),
    "firefox, async": ("async*total@https://a.example/b.js:1:2", "https://a.example/b.js", 1, 2, "total"),
    "firefox, a timer": ("setTimeout handler*f@https://a.example/b.js:1:2", "https://a.example/b.js", 1, 2, "f"),
    "firefox, within another": ("start/total@https://a.example/b.js:1:2", "https://a.example/b.js", 1, 2, "total"),
    "firefox, nameless within another": ("start/<@https://a.example/b.js:1:2", "https://a.example/b.js", 1, 2, ""),
    "firefox, assigned": ("start/total<@https://a.example/b.js:1:2", "https://a.example/b.js", 1, 2, "total"),
    "firefox, eval": ("f@https://a.example/b.js line 5 > eval:1:1", "https://a.example/b.js", 5, None, "f"),
    "firefox, Function": (
        "anonymous@https://a.example/b.js line 5 > Function:1:1", "https://a.example/b.js", 5, None, "",
    ),
    "safari, the script itself": ("global code@https://a.example/:3:9", "https://a.example/", 3, 9, ""),
    "safari, a module": ("module code@https://a.example/b.js:3:9", "https://a.example/b.js", 3, 9, ""),
    "safari, nameless": ("https://a.example/b.js:1:2", "https://a.example/b.js", 1, 2, ""),
    "safari, a blob": ("f@blob:https://a.example/0198f3a2:1:2", "blob:https://a.example/0198f3a2", 1, 2, "f"),
    "no column": ("f@https://a.example/b.js:7", "https://a.example/b.js", 7, None, "f"),
    "by the client": ("at https://a.example/b.js:3:7", "https://a.example/b.js", 3, 7, ""),
}  # fmt: skip


@pytest.mark.parametrize(("line", "file", "number", "column", "function"), LINES.values(), ids=LINES)
def test_a_line(line: str, file: str, number: int, column: int | None, function: str) -> None:
    (frame,) = frames_of(f"Error: it broke\n{line}")
    assert frame["file"] == file
    assert (frame["line"], frame.get("column"), frame["function"]) == (number, column, function)


#: Lines that are of no script: native functions, messages, other languages.
NO_FRAMES = (
    "    at Array.map (<anonymous>)",
    "    at Promise.all (index 0)",
    "    at native",
    "map@[native code]",
    "[native code]",
    "at 10:15",
    "no route to ann@10.0.0.1:5432",
    "Error: no user ann@example.com:80",
    "Error: could not load https://a.example/b.js:80",
    "could not load https://a.example/b.js:80:1 for you",
    "\tat com.example.Cart.total(Cart.java:12)",
    "   at Shop.Cart.Total() in /srv/Cart.cs:line 12",
    '  File "/srv/cart.py", line 3, in total',
    "#0 /srv/cart.php(12): total()",
    "main.total(0xc000)\n\t/srv/cart.go:12 +0x1d",
    "/srv/cart.rb:12:in `total'",
    "x" * 100_000,
    "",
)


@pytest.mark.parametrize("line", NO_FRAMES, ids=lambda line: line[:30])
def test_no_frame(line: str) -> None:
    assert read_stack(f"Error: it broke\n{line}", "it broke") == []
    assert read_stack(line, "it broke") == []


#: A built file under the name that it has in every build.
MODULES = {
    "https://a.example/assets/app.3f2a1b.js": "/assets/app.js",
    "https://b.example:8443/assets/app.99e0aa12ff.js": "/assets/app.js",
    "https://a.example/assets/index-Dk3x_9aQ.js": "/assets/index.js",
    "https://a.example/assets/index-Dk-x_9aQ.js": "/assets/index.js",
    "https://a.example/assets/index-DkFxYzAb.js": "/assets/index.js",
    "https://a.example/_next/static/chunks/app/cart/page-3f2a1b4c5d6e7f80.js": "/_next/static/chunks/app/cart/page.js",
    "https://a.example/static/js/main.7ce4a3d1.chunk.js": "/static/js/main.chunk.js",
    "https://a.example/jquery-3.6.0.min.js": "/jquery-3.6.0.min.js",
    "https://a.example/page-settings.js": "/page-settings.js",
    "https://a.example/main-es2015.js": "/main-es2015.js",
    "https://a.example/my-app.js": "/my-app.js",
    "https://a.example/orders/17": "/orders/<number>",
    "https://a.example/orders/17/pay": "/orders/<number>/pay",
    "https://a.example/": "/",
    "https://a.example": "/",
    "webpack-internal:///./src/cart.js": "/./src/cart.js",
    "/srv/app/server.js": "/srv/app/server.js",
}


@pytest.mark.parametrize(("file", "module"), MODULES.items())
def test_a_file_is_called_the_same_in_every_build(file: str, module: str) -> None:
    (frame,) = frames_of(f"    at f ({file}:1:2)")
    assert frame["module"] == module


@pytest.mark.parametrize(
    ("file", "in_app"),
    [
        ("https://a.example/app.js", True),
        ("https://a.example/vendor.js", False),
        ("https://a.example/assets/vendors-3f2a1b4c.js", False),
        ("https://a.example/_next/static/chunks/framework-3f2a1b4c.js", False),
        ("https://a.example/frameworks.js", True),
        ("http://localhost:5173/node_modules/.vite/deps/react.js", False),
        ("webpack-internal:///./node_modules/react/index.js", False),
        ("chrome-extension://abc/inject.js", False),
        ("moz-extension://abc/inject.js", False),
        ("safari-web-extension://abc/inject.js", False),
        ("node:internal/process/task_queues", False),
    ],
)
def test_whose_a_file_is(file: str, in_app: bool) -> None:
    (frame,) = frames_of(f"    at f ({file}:1:2)")
    assert frame["in_app"] is in_app


def test_causes_and_members() -> None:
    stack = (
        "CartError: no total\n    at a (https://a.example/b.js:1:1)\n"
        "Caused by: AggregateError: All promises were rejected\n"
        "Caused by: Error: one\n    at b (https://a.example/b.js:2:2)\n"
        "Caused by: timeout"
    )
    exceptions = read_stack(stack, "no total")
    assert [(one["type"], one["value"], one.get("via"), one.get("of")) for one in exceptions] == [
        ("CartError", "no total", None, None),
        ("AggregateError", "All promises were rejected", "cause", 0),
        ("Error", "one", "member", 1),
        ("Error", "timeout", "member", 1),
    ]
    assert [len(one["frames"]) for one in exceptions] == [1, 0, 1, 0]


@pytest.mark.parametrize(
    ("stack", "message", "kind", "value"),
    [
        ("TypeError: no\n    at f (https://a.example/b.js:1:1)", "payment failed", "TypeError", "no"),
        ("Error: a\nb\nc\n    at f (https://a.example/b.js:1:1)", "a\nb\nc", "Error", "a\nb\nc"),
        ("Error\n    at f (https://a.example/b.js:1:1)", "Error", "Error", "Error"),
        ("Uncaught RangeError: no\n    at f (https://a.example/b.js:1:1)", "no", "RangeError", "no"),
        ("f@https://a.example/b.js:1:1", "no", "Error", "no"),
        ("it broke: really\n    at f (https://a.example/b.js:1:1)", "no", "Error", "it broke: really"),
    ],
)
def test_what_it_was(stack: str, message: str, kind: str, value: str) -> None:
    (exception,) = read_stack(stack, message)
    assert (exception["type"], exception["value"]) == (kind, value)


def test_bounds() -> None:
    line = "    at f (https://a.example/b.js:1:1)\n"
    (deep,) = read_stack(f"RangeError: Maximum call stack size exceeded\n{line * 1_000}", "no")
    assert len(deep["frames"]) == 50
    chain = read_stack("\nCaused by: ".join(f"Error: {number}\n{line * 40}" for number in range(100)), "no")
    assert len(chain) == 10
    assert sum(len(one["frames"]) for one in chain) == 150


def _event(**fields: object) -> ErrorEvent:
    return normalize({"source": "frontend", "message": "it broke", **fields}, received_at=NOW, plain=True)


def test_the_gate_reads_the_stack_of_a_browser() -> None:
    event = _event(stack=CHROME)
    assert event.stack == CHROME
    assert [frame["function"] for frame in event.context["exceptions"][0]["frames"]] == ["", "checkout", "total"]


def test_the_gate_reads_the_stack_of_node() -> None:
    event = _event(source="backend", stack="Error: it broke\n    at f (/srv/app.js:1:2)")
    assert event.context["exceptions"][0]["frames"][0]["file"] == "/srv/app.js"


@pytest.mark.parametrize(
    "fields",
    [
        {"stack": CHROME, "context": {"exceptions": []}},
        {"stack": CHROME, "context": {"exceptions": "none"}},
        {"stack": "nothing that one can read"},
        {"stack": FIREFOX, "source": "backend"},
        {},
    ],
)
def test_the_gate_leaves_alone_what_it_should(fields: dict[str, Any]) -> None:
    before = fields.get("context", {}).get("exceptions")
    assert _event(**fields).context.get("exceptions") == before


def test_nameless_functions_do_not_make_one_issue_of_all_errors_of_a_file() -> None:
    frame = "    at https://a.example/b.js:1:1"
    one, two = (_event(message=text, stack=f"TypeError: {text}\n{frame}") for text in ("no price", "no name"))
    assert group(one).fingerprint != group(two).fingerprint


#: Long texts that a careless pattern takes forever over.
SLOW = (
    "at " + "(" * 65_000,
    "at " + " (" * 32_000 + ")",
    "    at f (" + "eval at g (" * 5_000 + "x:1:1" + ")" * 5_000,
    "@" * 65_000,
    "a@https://" + ":1" * 32_000,
    ("f@https://a.example/" + ":1" * 900 + "\n") * 35,
    ("    at f (https://a.example/" + "a" * 1_900 + ":1:1)\n") * 34,
    ("    at f (https://a.example/" + "-a" * 900 + ".js:1:1)\n") * 34,
    ("    at f (https://a.example/" + "-1aA" * 480 + ".js:1:1)\n") * 34,
    ("    at f (https://a.example" + "/1" * 900 + "x:1:1)\n") * 34,
    ("f@https://a.example/b" + " line 1" * 270 + " > :1:1\n") * 34,
    ("f@" + "a-" * 900 + "://x:1:1\n") * 34,
    "\nCaused by: " * 5_000,
    "\n" * 65_000,
    "a" * 65_000,
    ": " * 32_000,
)


@pytest.mark.parametrize("stack", SLOW, ids=range(len(SLOW)))
def test_hostile_stacks_take_no_time(stack: str) -> None:
    began = time.process_time()
    read_stack(stack[: limits.STACK_CHARS], "it broke")
    # Milliseconds; what is quadratic takes minutes.
    assert time.process_time() - began < 2


pieces = st.sampled_from(
    ["    at ", "at ", " (", ")", "@", "https://a.example", "/b-1aB.js", ":1", ":2", "\n", "Caused by: ", "async ",
     "eval at ", "Error", ": ", "<", ">", "*", "/", " line 5 > eval", "\ud800", "\x00", "é", "[native code]", "99" * 8]
)  # fmt: skip


@QUICK
@given(st.one_of(st.text(max_size=300), st.lists(pieces, max_size=60).map("".join)), st.text(max_size=20))
def test_any_text_is_read_to_something_that_can_be_stored(stack: str, message: str) -> None:
    exceptions = read_stack(stack, message)
    assert clean_object({"exceptions": exceptions}, plain=True) == {"exceptions": exceptions}
    for exception in exceptions:
        for frame in exception["frames"]:
            assert frame.keys() - {"column"} == {"file", "line", "function", "module", "in_app"}
            assert frame["line"] < 10**9
    group(_event(stack=stack))
