"""Secrets taken out of what is about to be written down: by the names they go by, and by how they look.

Used by the client before an event touches the disk. Both ways are needed: a password under `pw` is found by neither its
look nor a list of names alone. Cheap for text without secrets, which nearly all of it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

REDACTED: Final = "[redacted]"

# Compared after dropping case and everything that is not a letter or digit: `X-Api_Key` is `xapikey`.
_KEY_PARTS: Final = (
    r"password|passwd|passphrase|secret(?!ar)|token(?!iz)|apikey|authorization|cookie|credential|privatekey|accesskey"
    r"|sessionid|sessionkey|csrf|xsrf|cardnumber|creditcard|stripesignature"
)
_KEYS: Final = frozenset(
    {"auth", "pwd", "pw", "pass", "cvv", "cvc", "cvv2", "ssn", "pin", "session", "sid", "jwt", "otp"}
)
#: The same where they end a longer name: `SMTP_PASS`.
_LAST_WORDS: Final = ("_pass", "_pwd", "_pw", "-pass", "-pwd")
_NOT_ALPHANUMERIC: Final = re.compile(r"[\W_]+")

_NAMES: Final = (
    r"passw(?:or)?d|passphrase|pwd|_pass(?![a-z])|secret(?!ar)|token(?!iz)|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|credentials?|session[_-]?(?:id|key)|[cx]srf|card[_-]?number|credit[_-]?card|stripe[_-]?signature"
)
#: What stands behind a name: a quoted text to its own quote (where a text is cut, to the end of the line), or a word.
_QUOTED: Final = r"(?:b?(\\{0,7}[\"'])(?:(?:(?!(?<!\\)\2).)*(?=(?<!\\)\2)|[^\r\n]*)|\[redacted\]|[^\s\"',;&)}\]]+)"
#: More than a word of a sentence: something in it is a digit, a sign, or an upper-case letter further in.
_OPAQUE: Final = r"(?=[A-Za-z][a-z]*[A-Z0-9._~+/=-]|[^A-Za-z\s])[A-Za-z0-9._~+/=-]{6,}"

_Replacement = str | Callable[[re.Match[str]], str]


def _named(names: str) -> str:
    return rf"(?is)((?:{names})[\w-]{{0,40}}\\{{0,7}}[\"']?\s{{0,3}}[=:]\s{{0,3}})" + _QUOTED


# Each is linear in the text: no repeat within a repeat, and no two neighbours that match the same characters.
_PATTERNS: Final[tuple[tuple[str, _Replacement], ...]] = (
    (
        r"(?s)-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:(?:(?!-----).){0,20000}-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----|(?:(?!-----).){0,20000})",
        REDACTED,
    ),
    (
        r"(?i)((?:authorization|cookies?)\\{0,7}[\"']?\s{0,3}[:=]\s{0,3})"
        r"(?:b?(\\{0,7}[\"'])(?:(?!(?<!\\)\2)[^\r\n])*|[^\r\n]+)",
        rf"\1\2{REDACTED}",
    ),
    (rf"\b((?i:bearer|basic))\s{{1,3}}{_OPAQUE}", rf"\1 {REDACTED}"),
    (r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)?", REDACTED),
    (r"(://[^\s/:@?#\"']{0,200}):[^\s/@?#\"']{1,500}@", rf"\1:{REDACTED}@"),
    (_named(_NAMES), rf"\1\2{REDACTED}"),
    # Stripe, GitHub, Slack, AWS, Telegram: forms that their makers document for scanners.
    (r"\b(?:[spr]k_(?:live|test)_|whsec_)[A-Za-z0-9]{8,}", REDACTED),
    (r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,})", REDACTED),
    (r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}", REDACTED),
    (r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b", REDACTED),
    # Its address has `bot` in front of it.
    (r"(?<!\d)\d{6,12}:AA[A-Za-z0-9_-]{30,}", REDACTED),
)
#: Not within a UUID or a hash, whose digits are in rows too.
_CARD: Final = re.compile(r"(?<![0-9A-Za-z.])(?<![0-9A-Fa-f]-)\d(?:[ -]?\d){12,18}(?![0-9A-Za-z]|\.\d|-[0-9A-Fa-f]{4})")


class Redactor:
    """Takes secrets out of texts.

    Args:
        keys: further names under which a value is secret; parts of names match too.
        patterns: further regular expressions of what is secret wherever it stands.

    Raises:
        re.error: for a pattern that is none.
    """

    def __init__(self, keys: Iterable[str] = (), patterns: Iterable[str] = ()) -> None:
        own = [key for key in keys if _plain(key)]
        self._key_parts = re.compile("|".join((_KEY_PARTS, *(_plain(key) for key in own))))
        # In texts they may be written with other separators, or none.
        names = [re.sub(r"[\W_]+", r"[\\W_]?", key.strip()) for key in own]
        self._own_names = re.compile(_named("|".join(names))) if names else None
        self._patterns = [re.compile(pattern) for pattern in patterns]
        # Compiled here and not at import, which every service waits for; nor with the first event, which nobody should.
        self._forms = [(re.compile(pattern), replacement) for pattern, replacement in _PATTERNS]
        self._known: dict[str, bool] = {}

    def is_secret(self, key: str) -> bool:
        """Whether what stands under this name is secret."""
        known = self._known.get(key)
        if known is None:
            plain = _plain(key)
            known = plain in _KEYS or self._key_parts.search(plain) is not None or key.lower().endswith(_LAST_WORDS)
            # A service has few names for things; one that makes up names must not fill the memory.
            if len(self._known) < 1_000:
                self._known[key] = known
        return known

    def text(self, text: str) -> str:
        """The text without what looks like a secret."""
        if _is_suspicious(text.lower()):
            for pattern, replacement in self._forms:
                text = pattern.sub(replacement, text)
        if _CARD.search(text) is not None:
            text = _CARD.sub(_card, text)
        if self._own_names is not None:
            text = self._own_names.sub(rf"\1\2{REDACTED}", text)
        for own in self._patterns:
            text = own.sub(REDACTED, text)
        return text


def _is_suspicious(lower: str) -> bool:
    """Whether any of the patterns can match. Plain `in`, written out: it runs for every event, on the caller's time."""
    return (
        "pass" in lower or "secret" in lower or "token" in lower or "key" in lower or "pwd" in lower
        or "session" in lower or "srf" in lower or "card" in lower or "signature" in lower or "credential" in lower
        or "authorization" in lower or "cookie" in lower or "bearer" in lower or "basic" in lower or "eyj" in lower
        or "://" in lower or "_live_" in lower or "_test_" in lower or "whsec_" in lower
        or ("gh" in lower and "_" in lower) or "github_pat_" in lower or "xox" in lower or "akia" in lower
        or "asia" in lower or ":aa" in lower
    )  # fmt: skip


def _card(match: re.Match[str]) -> str:
    """Card numbers pass the Luhn check (ISO/IEC 7812-1) and begin with 2 to 6; order numbers mostly do not."""
    digits = [int(character) for character in match[0] if character.isdigit()]
    # Those with a 2 have 16 digits; 14 of them are a date and a time.
    if not 2 <= digits[0] <= 6 or (digits[0] == 2 and len(digits) != 16):
        return match[0]
    doubled = [digit if position % 2 == 0 else (digit * 2 - 9 if digit > 4 else digit * 2)
               for position, digit in enumerate(reversed(digits))]  # fmt: skip
    return REDACTED if sum(doubled) % 10 == 0 else match[0]


def _plain(key: str) -> str:
    return _NOT_ALPHANUMERIC.sub("", key).lower()
