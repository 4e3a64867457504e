"""Grouping by message: what differs between occurrences of one fault does not divide them, and no message stops it."""

from __future__ import annotations

import string
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grouping_support import QUICK, event, same_issue
from levqor_errors import limits
from levqor_errors.grouping import group, message_template

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
