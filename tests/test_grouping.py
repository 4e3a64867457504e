"""Grouping by what the sender says, and what an issue is called; no event stops it. By message and by exception it
is in files of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grouping_support import (
    CONTEXTS,
    PARTS,
    QUICK,
    assert_usable,
    event,
    exception,
    frame,
    normalized,
    raised,
    same_issue,
)
from levqor_errors import limits
from levqor_errors.event import ErrorEvent
from levqor_errors.grouping import TITLE_CHARS, group
from support import clean_environ

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
