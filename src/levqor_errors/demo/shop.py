"""The shop: its services, its releases, its customers, and what they browse with. Names and addresses are nobody's.

Domains and networks are those that are kept for examples (RFC 2606, RFC 5737).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

#: How far back the month goes.
DAYS: Final = 30
SITE: Final = "https://shop.example"
#: Where each service runs.
HOSTS: Final[Mapping[str, tuple[str, ...]]] = {
    "checkout": ("web-1", "web-2"), "payments": ("web-1", "web-2"), "catalog": ("web-2", "web-3"),
    "mailer": ("worker-1",), "warehouse": ("worker-1",), "shop-web": (), "admin-web": (),
}  # fmt: skip
PRODUCTION: Final = "production"
STAGING: Final = "staging"
#: Days before now, at a quarter past two in the afternoon, on which a release went out.
RELEASE_DAYS: Final = (37, 23, 16, 9, 2)
_RELEASE_AT: Final = timedelta(hours=14, minutes=15)

_FIRST: Final = (
    "ada", "bo", "carla", "dmitri", "elif", "fatima", "goran", "hanna", "ivan", "jo", "kenji", "lena", "mara", "nils",
    "olga", "paul", "rosa", "sami", "tove", "uma", "viktor", "wen", "yara", "zoe",
)  # fmt: skip
_LAST: Final = (
    "berg",
    "costa",
    "diaz",
    "ekdahl",
    "fischer",
    "kaya",
    "moreau",
    "novak",
    "okafor",
    "santos",
    "tan",
    "weiss",
)
PRODUCTS: Final = (
    "KETTLE-09", "MUG-BLUE", "TEAPOT-2L", "FILTER-100", "GRINDER-S", "BEANS-1KG", "SCALE-MINI", "TRAY-OAK", "TIN-TALL",
    "PRESS-350", "CUP-SET-4", "SPOON-BRASS",
)  # fmt: skip
#: What people type into the search; some of them try things.
SEARCHES: Final = (
    "blue mug", "kettle", "gift under 20", "teapot 2l", "decaf", "grinder s", "filter papers", "café crème", "お茶",
    "<script>alert(1)</script>", "mug' OR '1'='1", "spare lid",
)  # fmt: skip
BROWSERS: Final = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5"
    " Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Mobile"
    " Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0",
)  # fmt: skip


class Person(NamedTuple):
    """A customer."""

    id: int
    email: str
    plan: str
    browser: str


class Release(NamedTuple):
    """A version, and since when it runs."""

    name: str
    since: datetime


def people() -> list[Person]:
    """All customers."""
    names = [f"{first}.{last}@example.{'com' if len(last) % 2 else 'org'}" for last in _LAST for first in _FIRST]
    return [
        Person(4_000 + 17 * number, email, "member" if number % 5 == 0 else "guest", BROWSERS[number % len(BROWSERS)])
        for number, email in enumerate(names)
    ]


def releases(now: datetime) -> list[Release]:
    """The versions that ran within the month, the oldest first; each is called by its day."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    days = [midnight - timedelta(days=days) for days in RELEASE_DAYS]
    return [Release(f"{day:%Y.%m.%d}", day + _RELEASE_AT) for day in days]
