"""Event ids: UUIDs of version 7, which sort by time, so that a unique index on them stays cheap to write."""

from __future__ import annotations

import os
import re
import time
from typing import Final

_CANONICAL: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_HEX32: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)


def uuid7() -> str:
    """A new UUIDv7 (RFC 9562, section 5.7) in its canonical form.

    The random part is the operating system's, so that a forked process never repeats its parent's.
    """
    return uuid7_of(time.time_ns() // 1_000_000, int.from_bytes(os.urandom(10), "big"))


def uuid7_of(milliseconds: int, chance: int) -> str:
    """The UUIDv7 of an instant.

    Args:
        milliseconds: since 1970.
        chance: 80 random bits, of which 74 are used.
    """
    value = milliseconds << 80 | chance
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def canonical_uuid(text: str) -> str | None:
    """The canonical form of a UUID of any version, given with or without hyphens; `None` for anything else.

    Sentry SDKs send 32 hexadecimal digits; everybody else sends the form with hyphens.
    """
    if _CANONICAL.fullmatch(text):
        return text
    digits = text.lower()
    if len(digits) == 36:
        if not (digits[8] == digits[13] == digits[18] == digits[23] == "-"):
            return None
        digits = digits.replace("-", "")
    if len(digits) != 32 or _HEX32.fullmatch(digits) is None:
        return None
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
