"""Event ids: UUIDv7 as RFC 9562 has it, and what is taken as a UUID from senders."""

from __future__ import annotations

import time
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levqor_errors.ids import canonical_uuid, uuid7

CANONICAL = "0198f3a2-1b2c-7d3e-8f40-123456789abc"


def test_a_new_id_is_a_uuid_of_version_7() -> None:
    for _ in range(1_000):
        text = uuid7()
        parsed = uuid.UUID(text)
        assert str(parsed) == text
        assert parsed.version == 7
        assert parsed.variant == uuid.RFC_4122


def test_a_new_id_begins_with_the_time_in_milliseconds() -> None:
    before = time.time_ns() // 1_000_000
    stamp = uuid.UUID(uuid7()).int >> 80
    assert before <= stamp <= time.time_ns() // 1_000_000


def test_ids_sort_by_time_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    # Powers of two cross every border between digits; the last one fits 48 bits.
    moments = [2**exponent for exponent in range(48)]
    ids = []
    for moment in moments:
        monkeypatch.setattr(time, "time_ns", lambda moment=moment: moment * 1_000_000)
        ids.append(uuid7())
    assert ids == sorted(ids)
    assert [uuid.UUID(text).int >> 80 for text in ids] == moments


def test_ids_of_one_moment_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_800_000_000_000_000_000)
    assert len({uuid7() for _ in range(20_000)}) == 20_000


def test_every_random_bit_is_used() -> None:
    """74 bits are random; one that never changes would halve the distance to a collision."""
    numbers = [uuid.UUID(uuid7()).int for _ in range(500)]
    ever_one = ever_zero = 0
    for number in numbers:
        ever_one |= number
        ever_zero |= ~number
    random_bits = ((1 << 76) - 1) & ~(0b11 << 62)
    assert ever_one & ever_zero & random_bits == random_bits


def test_what_is_made_here_is_taken_here() -> None:
    text = uuid7()
    assert canonical_uuid(text) == text


@settings(deadline=None, database=None, derandomize=True)
@given(st.uuids(), st.booleans(), st.booleans())
def test_a_uuid_of_any_version_is_taken_in_any_case_with_or_without_hyphens(
    value: uuid.UUID, hyphens: bool, capitals: bool
) -> None:
    text = str(value) if hyphens else value.hex
    assert canonical_uuid(text.upper() if capitals else text) == str(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "0" * 31,
        "0" * 33,
        "0" * 35,
        "0" * 36,
        "0" * 1_000_000,
        CANONICAL[:-1],
        CANONICAL + "0",
        CANONICAL + "\n",
        f" {CANONICAL}",
        f"{{{CANONICAL}}}",
        f"urn:uuid:{CANONICAL}",
        CANONICAL.replace("-", "_"),
        CANONICAL.replace("-", "\N{HYPHEN}"),
        CANONICAL.replace("a", "g"),
        # Hyphens elsewhere, though 36 characters in all.
        "0198f3a21-b2c-7d3e-8f40-123456789abc",
        "-" * 36,
        CANONICAL[:24] + "-" * 12,
        "-0198f3a21b2c7d3e8f40123456789ab",
        # Digits and letters that are some to Python, but not to a database.
        "\N{FULLWIDTH DIGIT ONE}" * 32,
        "\N{ARABIC-INDIC DIGIT ONE}" * 32,
        "\N{FULLWIDTH LATIN SMALL LETTER A}" * 32,
        CANONICAL.replace("0", "\N{ARABIC-INDIC DIGIT ZERO}"),
        "0x" + "0" * 30,
        "+" + "0" * 31,
        "0_" * 16,
        "\0" * 32,
        "\ud800" * 32,
        "%s" * 16,
    ],
)
def test_anything_else_is_not(text: str) -> None:
    assert canonical_uuid(text) is None


@settings(deadline=None, database=None, derandomize=True)
@given(st.text(st.sampled_from("0123456789abcdefABCDEFg-İK\u0661 \0\n"), max_size=40))
def test_what_is_taken_is_what_the_standard_library_takes(text: str) -> None:
    canonical = canonical_uuid(text)
    if canonical is not None:
        assert str(uuid.UUID(text)) == canonical
        assert canonical_uuid(canonical) == canonical
