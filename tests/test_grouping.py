"""Grouping: events of one fault are one issue, events of two are two, and no event stops it."""

from __future__ import annotations

import json
import string
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levqor_errors import limits
from levqor_errors.event import ErrorEvent, normalize
from levqor_errors.grouping import TITLE_CHARS, Group, group, message_template
from support import clean_environ

NOW = datetime(2026, 11, 23, 13, 5, 39, tzinfo=timezone.utc)
QUICK = settings(deadline=None, database=None, derandomize=True)

#: Messages of one fault each, as its occurrences differ.
SAME: dict[str, Sequence[str]] = {
    "integers": ("took 5 ms", "took 17 ms", "took 1234567 ms"),
    "integers of eight digits and more": (
        "read 7 bytes",
        "read 9999999 bytes",
        "read 10000000 bytes",
        f"read {10**40} bytes",
    ),
    "signs": ("moved by -5", "moved by +5", "moved by 5"),
    "fractions": ("load is 0.5", "load is 12.75", "load is 1,234.5"),
    "numbers at words": ("worker3 died", "worker17 died", "worker0 died"),
    "numbers after an underscore": ("queue_3 is full", "queue_12 is full"),
    "numbers before a unit": ("waited 3s", "waited 12s"),
    "numbers in a path": ("GET /users/42/orders/7", "GET /users/1/orders/12345"),
    "numbers in a list": ("ids: 1, 2, 3", "ids: 40, 50, 60"),
    "numbers at letters beyond ASCII": ("menü12 fehlt", "menü7 fehlt"),
    "digits beyond ASCII": ("lasted \u0663 ms", "lasted \u0664 ms"),
    "versions": ("needs v1.2.3", "needs v10.0.1"),
    "times of day": ("at 12:34:56", "at 01:02:03"),
    "uuids": (
        "no order 550e8400-e29b-41d4-a716-446655440000",
        "no order 0198f3a2-1b2c-7d3e-8f40-123456789abc",
        "no order 550E8400-E29B-41D4-A716-446655440000",
        "no order 00000000-0000-0000-0000-000000000000",
        "no order aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
    ),
    "uuids at an underscore": (
        "no key user_550e8400-e29b-41d4-a716-446655440000",
        "no key user_0198f3a2-1b2c-7d3e-8f40-123456789abc",
    ),
    "uuids without hyphens": (
        "no order 550e8400e29b41d4a716446655440000",
        "no order 0198f3a21b2c7d3e8f40123456789abc",
    ),
    "digests": (f"no blob {'a1' * 20}", f"no blob {'0f' * 20}"),
    "long digests": (f"no tree {'a1' * 32}", f"no tree {'0f' * 32}"),
    "addresses of objects": ("<Cart object at 0x7f3a2c001d30>", "<Cart object at 0x10e5c7f90>"),
    "small hexadecimals": ("code 0x1F", "code 0xff"),
    "IPv4": ("no route to 10.0.0.1", "no route to 192.168.100.254"),
    "IPv4 and a port": ("refused by 10.0.0.1:5432", "refused by 192.168.0.7:65000"),
    "IPv6": ("no route to 2001:db8::1", "no route to 2001:db8:85a3::8a2e:370:7334", "no route to fe80::ab"),
    "emails": ("no user ann@example.com", "no user b.c+d@mail.example.co.uk"),
    "double quotes": ('no column "name"', 'no column "a much longer one"'),
    "single quotes": ("no key 'name'", "no key 'other key'"),
    "backticks": ("no table `users`", "no table `order items`"),
    "several quotes": ("'a' is not 'b'", "'cd' is not 'ef'"),
    "dates": ("nothing since 2026-11-23", "nothing since 1999-01-01"),
    "instants": (
        "silent since 2026-11-23T13:05:39.120Z",
        "silent since 2026-11-23 13:05:39",
        "silent since 2026-11-23T13:05+02:00",
        "silent since 2026-11-23 13:05:39,120",
    ),
    "blanks around it": ("it failed", "  it failed\n"),
    "a long tail": ("x " * 1_000 + "one", "x " * 1_000 + "two"),
}

#: No two of these are of one fault.
DIFFERENT = [
    "it failed",
    "it failed again",
    "It failed",
    "connection refused",
    "connection reset",
    "no column",
    "no table",
    "took <number> ms too long",
    "worker died",
    "worker 3 died",
    "queue full",
    "queue_full",
    "don't do that",
    "dont do that",
    "it's o'clock",
    "no route to host",
    "no route to 10.0.0.1",
    "no user ann",
    "no user ann@example.com",
    "no user 'ann'",
    "deadbeef is not a number",
    "feedface is not a number",
    "accede",
    "decade",
    "GET /users",
    "GET /orders",
    "POST /orders",
    "größe fehlt",
    "ключ не найден",
    "файл не найден",
    "日本語",
    "日本人",
    "!",
    "?",
    "\N{GRINNING FACE}",
    "\N{CRYING FACE}",
]


def event(**fields: Any) -> ErrorEvent:
    """The event of a message and these fields."""
    return normalize({"message": "it failed", **fields}, received_at=NOW)


def frame(function: str = "pay", line: int = 7, **more: Any) -> dict[str, Any]:
    """A frame as our clients send it."""
    return {
        "file": "/srv/shop/cart.py",
        "module": "shop.cart",
        "function": function,
        "line": line,
        "in_app": True,
        **more,
    }


def exception(kind: str = "ValueError", value: str = "it failed", frames: Any = None) -> dict[str, Any]:
    """An exception as our clients send it."""
    return {"type": kind, "value": value, "frames": [frame()] if frames is None else list(frames)}


def raised(*exceptions: Any, **fields: Any) -> ErrorEvent:
    """The event of a chain of exceptions."""
    return event(context={"exceptions": list(exceptions)}, **fields)


def same_issue(*events: ErrorEvent) -> bool:
    """Whether all of them are one issue."""
    return len({group(one).fingerprint for one in events}) == 1


# -- by message -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("messages", SAME.values(), ids=SAME.keys())
def test_what_differs_between_occurrences_does_not_divide_them(messages: Sequence[str]) -> None:
    assert len({message_template(message) for message in messages}) == 1
    assert same_issue(*(event(message=message) for message in messages))


def test_different_messages_stay_apart() -> None:
    templates = {message: message_template(message) for message in DIFFERENT}
    assert len(set(templates.values())) == len(DIFFERENT), templates
    assert len({group(event(message=message)).fingerprint for message in DIFFERENT}) == len(DIFFERENT)


@pytest.mark.parametrize("one", SAME)
def test_different_faults_stay_apart(one: str) -> None:
    others = {message_template(messages[0]) for name, messages in SAME.items() if name != one}
    assert message_template(SAME[one][0]) not in others


@pytest.mark.parametrize(
    ("message", "template"),
    [
        ("user 42 paid 9.99", "user <number> paid <number>"),
        ("no user 'ann' in \"shop\"", "no user <quoted> in <quoted>"),
        ("mail to ann@example.com from 10.0.0.1", "mail to <email> from <ip>"),
        ("order 550e8400-e29b-41d4-a716-446655440000", "order <uuid>"),
        ("at 0x7f3a2c001d30", "at <hex>"),
        ("since 2026-11-23T13:05:39Z", "since <time>"),
        ("don't stop", "don't stop"),
        ("", ""),
        ("   ", ""),
        # Left as it is: a quotation that never ends is none.
        ("it said 'no", "it said 'no"),
        ('it said "no', 'it said "no'),
        ("'one\ntwo'", "'one\ntwo'"),
    ],
)
def test_a_template_says_what_was_taken_out(message: str, template: str) -> None:
    assert message_template(message) == template


def test_a_template_is_bounded_by_what_is_looked_at() -> None:
    # The shortest match, one digit, becomes the longest word: <number>.
    assert len(message_template("1 " * limits.MESSAGE_CHARS)) <= 1_000 * len("<number>")


@QUICK
@given(st.text(st.characters()) | st.text(st.sampled_from("0123456789abcdefx-:.@'\"`_ \n")))
def test_no_message_stops_it(message: str) -> None:
    template = message_template(message)
    assert template == template.strip()
    assert message_template(f"  {message} ") == message_template(message) or len(message) > 900


@QUICK
@given(st.integers(), st.integers(), st.text(st.sampled_from(string.ascii_letters + " ")))
def test_any_two_numbers_are_alike(one: int, other: int, text: str) -> None:
    assert message_template(f"{text} {one} {text}") == message_template(f"{text} {other} {text}")


@QUICK
@given(st.uuids(), st.uuids())
def test_any_two_uuids_are_alike(one: object, other: object) -> None:
    assert message_template(f"no order {one}") == message_template(f"no order {other}") == "no order <uuid>"


@QUICK
@given(st.ip_addresses(v=4), st.ip_addresses(v=4))
def test_any_two_ipv4_addresses_are_alike(one: object, other: object) -> None:
    assert message_template(f"no route to {one}") == message_template(f"no route to {other}")


@pytest.mark.parametrize(
    "message",
    [
        "a" * 1_000_000,
        "1" * 1_000_000,
        "'" * 8_192,
        '"' * 8_192,
        "a." * 4_096,
        "a@" * 4_096,
        "a@a." * 2_048,
        "0-" * 4_096,
        "1," * 4_096,
        "1.1.1." * 1_365,
        "2026-11-23T" * 745,
        "abcdefab" * 1_024,
        "x" * 64 + "@" + "y." * 4_000,
    ],
)
def test_no_message_takes_long(message: str) -> None:
    """Nothing is measured: a pattern that goes back over its tracks would not come to an end here."""
    for _ in range(20):
        message_template(message)


# -- by exception -----------------------------------------------------------------------------------------------------


def test_line_numbers_do_not_matter() -> None:
    assert same_issue(raised(exception(frames=[frame(line=7)])), raised(exception(frames=[frame(line=8)])))


def test_what_stands_in_a_frame_beside_its_function_does_not_matter() -> None:
    plain = raised(exception())
    told = raised(exception(frames=[frame(vars={"cart": 7}, context_line="pay(cart)", pre_context=["x"])]))
    assert same_issue(plain, told)


def test_the_text_of_an_exception_with_frames_does_not_matter() -> None:
    assert same_issue(raised(exception(value="no item 7")), raised(exception(value="no cart"), message="another"))


def test_functions_matter() -> None:
    assert not same_issue(raised(exception(frames=[frame("pay")])), raised(exception(frames=[frame("ship")])))


def test_the_order_of_functions_matters() -> None:
    one, other = [frame("pay"), frame("ship")], [frame("ship"), frame("pay")]
    assert not same_issue(raised(exception(frames=one)), raised(exception(frames=other)))


def test_modules_matter() -> None:
    assert not same_issue(raised(exception()), raised(exception(frames=[frame(module="shop.stock")])))


def test_files_matter_where_there_is_no_module() -> None:
    one, other = frame(module=None), frame(module=None, file="/srv/shop/stock.py")
    assert not same_issue(raised(exception(frames=[one])), raised(exception(frames=[other])))


def test_types_matter() -> None:
    assert not same_issue(raised(exception("ValueError")), raised(exception("KeyError")))


def test_the_cause_matters() -> None:
    assert not same_issue(raised(exception()), raised(exception(), exception("KeyError")))
    assert not same_issue(raised(exception(), exception("OSError")), raised(exception(), exception("KeyError")))


def test_the_service_matters() -> None:
    assert not same_issue(raised(exception(), service="shop"), raised(exception(), service="mail"))
    assert not same_issue(event(service="shop"), event(service="mail"))


def test_nothing_else_matters() -> None:
    other = event(
        severity="critical",
        source="frontend",
        environment="staging",
        release="2",
        user_email="a@b.c",
        path_or_screen="/x",
        stack="x",
        created_at=0,
        context={"tags": {"a": 1}},
    )
    assert same_issue(event(), other)


def test_the_way_through_libraries_does_not_matter_where_our_own_code_is_on_it() -> None:
    library = frame("send", module="requests.api", in_app=False)
    assert same_issue(raised(exception(frames=[frame()])), raised(exception(frames=[library, frame(), library])))


def test_libraries_matter_where_there_is_nothing_else() -> None:
    one, other = frame("send", in_app=False), frame("receive", in_app=False)
    assert not same_issue(raised(exception(frames=[one])), raised(exception(frames=[other])))


def built(*functions: str, file: str = "/assets/app.js", **changes: Any) -> list[dict[str, Any]]:
    """Frames of a built script, as `browser_stacks` reads them."""
    return [frame(function, module=file, column=number, **changes) for number, function in enumerate(functions)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["a", "b"], ["c", "d"]),
        (["$", "addPrices", "_t"], ["n", "addPrices", "xr"]),
        (["tIe", "onClick", "r1"], ["add", "onClick", "r"]),
        # Put into their callers, or not.
        (["a", "b", "onClick", "c", "d"], ["a", "onClick", "c"]),
        (["a", "", "onClick", "b"], ["", "b", "onClick", "b"]),
    ],
)
def test_what_a_minifier_calls_functions_does_not_matter(one: list[str], other: list[str]) -> None:
    assert same_issue(raised(exception(frames=built(*one))), raised(exception(frames=built(*other))))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # Methods keep their names.
        (["a", "addPrices"], ["a", "addTaxes"]),
        (["addPrices", "a"], ["addTaxes", "a"]),
        # Short names of people, for nothing here was made up.
        (["run", "add"], ["run", "pay"]),
        (["App", "URL"], ["Row", "URL"]),
    ],
)
def test_names_that_last_matter_in_built_scripts(one: list[str], other: list[str]) -> None:
    assert not same_issue(raised(exception(frames=built(*one))), raised(exception(frames=built(*other))))


def test_the_file_matters_where_functions_have_lost_their_names() -> None:
    one, other = built("a", "b"), built("a", "b", file="/assets/cart.js")
    assert not same_issue(raised(exception(frames=one)), raised(exception(frames=other)))


def test_the_template_of_the_text_matters_where_the_innermost_function_has_lost_its_name() -> None:
    def failed(value: str, *functions: str) -> ErrorEvent:
        return raised(exception(value=value, frames=built(*functions)))

    assert not same_issue(failed("no cart", "onClick", "a"), failed("no stock", "onClick", "b"))
    assert same_issue(failed("no item 7", "onClick", "a"), failed("no item 8", "onClick", "b"))
    assert same_issue(failed("no cart", "a", "onClick"), failed("no stock", "b", "onClick"))


def test_short_names_of_other_languages_matter() -> None:
    assert not same_issue(raised(exception(frames=[frame("f")])), raised(exception(frames=[frame("g")])))


def test_callers_far_out_do_not_matter() -> None:
    near = [frame(f"inner_{letter}") for letter in string.ascii_lowercase]
    one = raised(exception(frames=[frame("from_the_web"), *near]))
    other = raised(exception(frames=[frame("from_a_job"), *near]))
    assert same_issue(one, other)
    assert not same_issue(one, raised(exception(frames=[*near, frame("innermost")])))


def test_without_frames_the_template_of_the_text_matters() -> None:
    assert same_issue(raised(exception(value="no item 7", frames=[])), raised(exception(value="no item 8", frames=[])))
    assert not same_issue(raised(exception(value="no item", frames=[])), raised(exception(value="no cart", frames=[])))


def test_an_exception_is_not_the_message_that_it_has() -> None:
    assert not same_issue(event(message="ValueError: it failed"), raised(exception(frames=[])))


# -- by what the sender says ------------------------------------------------------------------------------------------


def test_a_custom_fingerprint_is_all_that_counts_beside_the_service() -> None:
    one = event(message="one", fingerprint=["checkout"])
    other = raised(exception(), message="two", fingerprint=["checkout"])
    assert same_issue(one, other)
    assert not same_issue(one, event(message="one", fingerprint=["cart"]))
    assert not same_issue(one, event(message="one", fingerprint=["checkout"], service="mail"))
    assert not same_issue(one, event(message="one"))


def test_the_parts_of_a_custom_fingerprint_stay_apart() -> None:
    prints: list[Any] = [
        ["a", "bc"],
        ["ab", "c"],
        ["abc"],
        ["a", "b", "c"],
        ["abc", ""],
        ["a\nbc"],
        ['a", "bc'],
        ["c", "ab"],
    ]
    assert len({group(event(fingerprint=parts)).fingerprint for parts in prints}) == len(prints)


@pytest.mark.parametrize("parts", [["message", "unknown", "it failed"], ["it failed"], ["exception"], ["custom"]])
def test_a_custom_fingerprint_cannot_get_into_another_issue(parts: list[str]) -> None:
    assert not same_issue(event(), event(fingerprint=parts))


def test_a_logger_s_template_is_better_than_a_guess() -> None:
    template = "user %s has no cart"
    one = event(message="user ann has no cart", context={"message_template": template})
    other = event(message="user bob has no cart", context={"message_template": template})
    assert same_issue(one, other)
    assert not same_issue(one, event(message="user ann has no cart", context={"message_template": "user %s has %s"}))


# -- titles -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("checked", "title"),
    [
        (event(message="it failed"), "it failed"),
        (event(message="it failed\nbecause"), "it failed"),
        (event(message="\n\n  it failed"), "it failed"),
        (event(message="\r\nit failed\u2028because"), "it failed"),
        (event(message="user 42 has no cart"), "user 42 has no cart"),
        (raised(exception(), message="said otherwise"), "ValueError: it failed"),
        (raised(exception(value="")), "ValueError"),
        (raised({"type": "ValueError"}), "ValueError"),
        (raised(exception(value="one\ntwo")), "ValueError: one"),
        (raised(exception("OSError"), exception("KeyError")), "OSError: it failed"),
        (event(fingerprint=["x"]), "it failed"),
    ],
)
def test_titles(checked: ErrorEvent, title: str) -> None:
    assert group(checked).title == title


def test_a_title_is_one_bounded_line() -> None:
    for checked in (
        event(message="x" * 100_000),
        raised(exception(value="x" * 100_000)),
        raised(exception("T" * 8_000)),
    ):
        title = group(checked).title
        assert 0 < len(title) <= TITLE_CHARS
        assert "\n" not in title


# -- whatever comes ---------------------------------------------------------------------------------------------------

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8)
JSON = st.recursive(
    SCALARS,
    lambda values: st.lists(values, max_size=4) | st.dictionaries(st.text(max_size=4), values, max_size=4),
    max_leaves=8,
)
FRAMES = (
    st.fixed_dictionaries(
        {},
        optional={
            "module": JSON,
            "file": JSON,
            "function": st.sampled_from(["a", "add"]) | JSON,
            "line": JSON,
            "column": JSON,
            "in_app": JSON,
        },
    )
    | JSON
)
EXCEPTIONS = (
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.text(st.characters()) | JSON,
            "value": JSON,
            "frames": st.lists(FRAMES, max_size=10) | JSON,
        },
    )
    | JSON
)
CONTEXTS = st.fixed_dictionaries(
    {}, optional={"exceptions": st.lists(EXCEPTIONS, max_size=12) | JSON, "message_template": JSON, "other": JSON}
)
PARTS = st.lists(st.text(st.characters(), max_size=8), max_size=4)


def normalized(message: str, context: dict[str, Any], parts: list[str]) -> ErrorEvent:
    """The event of whatever somebody sends."""
    return normalize({"message": message, "context": context, "fingerprint": parts}, received_at=NOW)


def assert_usable(result: Group) -> None:
    """What the storage and the pages rely on."""
    assert len(result.fingerprint) == 32
    assert set(result.fingerprint) <= set(string.hexdigits.lower())
    assert 0 < len(result.title) <= TITLE_CHARS
    for text in (result.title, *result.parts):
        text.encode("utf-8")
        assert "\0" not in text
    json.dumps(result.parts)


@settings(QUICK, max_examples=400)
@given(CONTEXTS, PARTS, st.text(st.characters(), min_size=1).filter(lambda text: not text.isspace()))
def test_no_context_stops_it(context: dict[str, Any], parts: list[str], message: str) -> None:
    checked = normalized(message, context, parts)
    result = group(checked)
    assert_usable(result)
    # A pure function of the event.
    assert group(checked) == result


def test_the_parts_are_bounded_as_the_context_is() -> None:
    frames = [frame("f" * 8_000, module="m" * 8_000) for _ in range(8)]
    result = group(raised(*(exception("T" * 8_000, "v" * 8_000, frames) for _ in range(50))))
    assert sum(map(len, result.parts)) <= limits.CONTEXT_CHARS * 1.1
    assert_usable(result)


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    """Python's own hashes differ from one process to the next; issues must not."""
    checked = raised(exception(), service="shop")
    code = (
        "import json, sys; from datetime import datetime, timezone; from levqor_errors.event import normalize; "
        "from levqor_errors.grouping import group; "
        "print(group(normalize(json.load(sys.stdin), received_at=datetime.now(timezone.utc))).fingerprint)"
    )
    raw = json.dumps({"message": checked.message, "service": "shop", "context": checked.context})
    found = {
        subprocess.run(
            [sys.executable, "-c", code], input=raw, capture_output=True, text=True, check=True,
            env=clean_environ(PYTHONHASHSEED=seed),
        ).stdout.strip()
        for seed in ("0", "1")
    }  # fmt: skip
    assert found == {group(checked).fingerprint}
