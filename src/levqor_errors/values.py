"""Values of settings that are more than a text: sizes, rates, networks, origins, keys. Called by `config.py`.

Each function takes the variable's name for its error, and tells what is allowed, never what was given.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from . import limits
from .errors import ConfigError

if TYPE_CHECKING:
    # Not loaded at run time: a service that only imports the client has no need of it.
    from ipaddress import IPv4Network, IPv6Network

#: What people write to switch a limit off.
_OFF: Final = frozenset({"off", "none", "no", "0"})
_UNITS: Final = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_SIZE: Final = re.compile(r"(\d{1,15}(?:\.\d{1,3})?)\s*([KMGT]?)(?:I?B)?", re.IGNORECASE | re.ASCII)
_KEY: Final = re.compile(r"[\w.~-]{8,100}", re.ASCII)
_KEY_FORM: Final = "8 to 100 letters, digits, or . _ ~ -"


def read_size(key: str, text: str, *, least: int) -> int | None:
    """Bytes, from `500MB` or `5 GiB` (both by 1,024) or a plain number; `None` for `off`.

    Raises:
        ConfigError: when it is no size, or less than `least`.
    """
    if text.strip().lower() in _OFF:
        return None
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ConfigError(key, "must be a size such as 500MB or 5GB, or off")
    size = int(float(found[1]) * _UNITS[found[2].upper()])
    if size < least:
        raise ConfigError(key, f"must be at least {least} bytes, or off")
    return size


def read_rate(key: str, text: str) -> float | None:
    """Events a second, or `None` for `off`.

    Raises:
        ConfigError: when it is neither.
    """
    if text.strip().lower() in _OFF:
        return None
    if not re.fullmatch(r"\d{1,7}(\.\d{1,3})?", text.strip(), re.ASCII) or float(text) < 0.1:
        raise ConfigError(key, "must be a number of events a second, 0.1 or more, or off")
    return float(text)


def read_days(key: str, text: str) -> int | None:
    """Whole days, or `None` for `off`.

    Raises:
        ConfigError: when it is neither.
    """
    if text.strip().lower() in _OFF:
        return None
    if not re.fullmatch(r"[1-9]\d{0,4}", text.strip(), re.ASCII):
        raise ConfigError(key, "must be a whole number of days, or off")
    return int(text)


def read_networks(key: str, text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Addresses and networks, with commas between.

    Raises:
        ConfigError: when one is neither.
    """
    import ipaddress

    try:
        return tuple(ipaddress.ip_network(part, strict=False) for part in _parts(text))
    except ValueError as error:
        raise ConfigError(
            key, "must be addresses or networks such as 127.0.0.1 or 10.0.0.0/8, with commas between"
        ) from error


def read_origins(key: str, text: str) -> tuple[str, ...]:
    """Origins as browsers send them (`https://shop.example`), or the one word `*`.

    Raises:
        ConfigError: when one could never be what a browser sends.
    """
    origins = _parts(text)
    for origin in origins:
        if origin == "*" and len(origins) == 1:
            continue
        try:
            parts = urlsplit(origin)
            usable = bool(parts.hostname) and f"{parts.scheme}://{parts.netloc}" == origin and origin == origin.lower()
        except ValueError:
            usable = False
        if not usable or "@" in origin or "*" in origin:
            raise ConfigError(
                key,
                "must be origins such as https://shop.example (lower case, no path, no slash at the end), "
                "with commas between, or * alone",
            )
    return origins


def read_keys(key: str, text: str) -> dict[str, str]:
    """Ingest keys and the service that each is for, from `shop:KEY,web:KEY`; `*` is any service.

    Raises:
        ConfigError: when one is not of that form, or a key is there twice.
    """
    keys: dict[str, str] = {}
    for part in _parts(text):
        service, _, value = part.rpartition(":")
        if not service or len(service) > limits.SERVICE_CHARS or not _KEY.fullmatch(value):
            raise ConfigError(
                key,
                f"must be service:key with commas between, the service * for any; a key has {_KEY_FORM}",
            )
        if value in keys:
            raise ConfigError(key, "has a key twice; give each service its own, or one key to *")
        keys[value] = service
    return keys


def read_key(key: str, value: object) -> str:
    """The one ingest key that a client sends.

    Args:
        key: the setting's name.
        value: may come from code, as anything.

    Raises:
        ConfigError: when no collector can have it among its keys.
    """
    text = value.strip() if isinstance(value, str) else ""
    if not _KEY.fullmatch(text):
        raise ConfigError(key, f"must have {_KEY_FORM}, as the collector's INGEST_KEYS do")
    return text


def read_whole(key: str, text: str, *, least: int, most: int) -> int:
    """A whole number.

    Raises:
        ConfigError: when it is none, or out of bounds.
    """
    if not re.fullmatch(r"\d{1,9}", text.strip(), re.ASCII) or not least <= int(text) <= most:
        raise ConfigError(key, f"must be a whole number from {least} to {most}")
    return int(text)


def read_port(key: str, text: str) -> int:
    """A port of TCP.

    Raises:
        ConfigError: when it is none.
    """
    return read_whole(key, text, least=1, most=65_535)


def read_choice(key: str, text: str, allowed: tuple[str, ...]) -> str:
    """One of some words, in any case.

    Raises:
        ConfigError: when it is none of them.
    """
    if (word := text.strip().lower()) not in allowed:
        raise ConfigError(key, f"must be one of {', '.join(allowed)}")
    return word


def read_time(key: str, text: str) -> int | None:
    """A time of day as minutes after midnight, from `09:00` or `9`; `None` for `off`.

    Raises:
        ConfigError: when it is neither.
    """
    if text.strip().lower() in _OFF - {"0"}:
        return None
    found = re.fullmatch(r"(\d{1,2})(?::(\d\d))?", text.strip(), re.ASCII)
    if found is None or int(found[1]) > 23 or int(found[2] or 0) > 59:
        raise ConfigError(key, "must be a time of day such as 09:00, or off")
    return int(found[1]) * 60 + int(found[2] or 0)


def read_zone(key: str, text: str) -> str:
    """A time zone by its name in the IANA database, such as `Europe/Berlin`.

    Raises:
        ConfigError: when this machine does not know it.
    """
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(text.strip()).key
    except (KeyError, ValueError, OSError) as error:
        raise ConfigError(key, "must be a time zone such as UTC or Europe/Berlin") from error


def read_chat(key: str, text: str) -> tuple[str, int | None]:
    """A Telegram chat and its topic, from `5932848683`, `-100123`, `@name`, or `-100123/45` with the topic behind.

    Raises:
        ConfigError: when it is none.
    """
    found = re.fullmatch(r"(-?\d{1,20}|@\w{4,64})(?:/(\d{1,12}))?", text.strip(), re.ASCII)
    if found is None:
        raise ConfigError(key, "must be a chat's number or @name, with /TOPIC behind it for one of its topics")
    return found[1], int(found[2]) if found[2] else None


def read_token(key: str, text: str) -> str | None:
    """A Telegram bot's token; `None` where there is none.

    Raises:
        ConfigError: when no bot can have it. It becomes a part of an address, so it must not have a `/` in it.
    """
    if not text.strip():
        return None
    if not re.fullmatch(r"\d{1,20}:[\w-]{1,100}", text.strip(), re.ASCII):
        raise ConfigError(key, "must be a token such as BotFather gives, of the form 123456:letters")
    return text.strip()


def read_emails(key: str, text: str) -> str:
    """Addresses of mail, with commas between. They go into a header.

    Raises:
        ConfigError: when one is none.
    """
    addresses = _parts(text)
    if not addresses or not all(re.fullmatch(r"[^\s@<>\",;:]{1,64}@[^\s@<>\",;:]{1,255}", one) for one in addresses):
        raise ConfigError(key, "must be an address such as ops@example.com, or several with commas between")
    return ", ".join(addresses)


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
