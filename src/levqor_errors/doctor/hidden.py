"""What no line of the report may show, whatever is wrong with it and wherever it turns up: another side may repeat it.

Taken from the environment as it is, since a secret that cannot be used is a secret all the same. `report.py` takes it
out of every line by the means of the collector's log.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from ..addresses import is_address

_WHOLE: Final = (
    "INTERNAL_SECRET", "NEXT_PUBLIC_INTERNAL_SECRET", "INGEST_KEYS", "LEVQOR_ERRORS_KEY", "TELEGRAM_BOT_TOKEN",
    "SMTP_PASSWORD",
)  # fmt: skip
_ADDRESSES: Final = ("DATABASE_URL", "DATABASE_PATH", "LEVQOR_ERRORS_URL", "TELEGRAM_API_URL", "DASHBOARD_URL")
#: Of Apprise's addresses any part may be a token, as in slack://TokenA/TokenB/TokenC; shorter parts are words.
_TOKEN_CHARS: Final = 8


def secrets(environ: Mapping[str, str], *addresses: str | None) -> set[str]:
    """All secrets.

    Args:
        environ: the variables.
        addresses: further ones, given as options.
    """
    found = {environ.get(name, "") for name in _WHOLE}
    found |= {part.rpartition(":")[2] for part in environ.get("INGEST_KEYS", "").split(",")}
    found.add(environ.get("TELEGRAM_BOT_TOKEN", "").partition(":")[2])
    for address in (*(environ.get(name) for name in _ADDRESSES), *addresses):
        found.update(_of_address(address or ""))
    for url in environ.get("ALERT_URLS", "").split():
        found |= {url, *(part for part in re.split(r"[/:@?&=]+", url)[1:] if len(part) >= _TOKEN_CHARS)}
    return {secret.strip() for secret in found} - {""}


def _of_address(address: str) -> Iterator[str]:
    place, mark, parameters = address.partition("://")[2].partition("?")
    # From the right: a password may have an @ that somebody forgot to encode.
    sign_in, at, _ = place.rpartition("@")
    if at:
        yield address
        yield sign_in.partition(":")[2] or sign_in
    if mark and is_address(address):
        yield address
        yield from (value for one in parameters.split("&") for value in [one.partition("=")[2]])
