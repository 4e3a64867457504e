"""All other channels: Slack, Discord, ntfy and a hundred more, through Apprise (`ALERT_URLS`). An optional extra.

Apprise says whether a message was taken, and why not in a sentence only; so every failure counts as passing, and the
channel that takes over is found by patience (`../deputies.py`).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import unquote

from ...errors import ChannelPassingError, ConfigError
from ...redact import REDACTED
from ..channel import Sent
from ..notice import Notice
from ..plain import subject, text

#: A message in seconds.
_SECONDS: Final = 30.0
#: Where a service has no bound of its own.
_TITLE_CHARS: Final = 250
_BODY_CHARS: Final = 4_000
#: Of what the other side said.
_REASON_CHARS: Final = 200
#: Who writes down addresses.
_LOGGERS: Final = ("apprise", "urllib3.connectionpool")
#: Between the parts of an address; which of them are secret differs by service, and no token is shorter than this.
_PART: Final = re.compile(r"[/:@?&=,]+")
_SHORTEST: Final = 8
_TYPES: Final = {"critical": "failure", "error": "failure", "warning": "warning"}


class OtherChannel:
    """A `Channel` (see `../channel.py`) by one of Apprise's addresses.

    Args:
        name: the channel's.
        plugin: Apprise's object for the address.
        url: the address, of which no log may have a part.
    """

    def __init__(self, name: str, plugin: Any, url: str) -> None:
        import apprise

        self._name = name
        self._plugin = plugin
        self._apprise = apprise.Apprise()
        self._apprise.add(plugin)
        parts = {part for part in _PART.split(url) if len(part) >= _SHORTEST}
        # The longest first: one may be a part of another.
        self._secrets = sorted(parts | {unquote(part) for part in parts}, key=len, reverse=True)
        for logger in _LOGGERS:
            logging.getLogger(logger).addFilter(self._hide_record)

    @property
    def name(self) -> str:
        return self._name

    @property
    def target(self) -> str:
        return str(self._plugin.service_name)

    def send(self, notice: Notice) -> Sent:
        title_chars, body_chars = self._plugin.title_maxlen, self._plugin.body_maxlen
        title = subject(notice, min(title_chars or _TITLE_CHARS, _TITLE_CHARS))
        body = text(notice, min(body_chars or _BODY_CHARS, _BODY_CHARS) - (0 if title_chars else len(title) + 10))
        try:
            result = self._apprise.notify(
                body=body, title=title, notify_type=_TYPES.get(notice.severity, "info"), body_format="text",
                timeout=_SECONDS,
            )  # fmt: skip
            reasons = [str(entry.message) for entry in result.logs()]
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything
            # A plugin's own mistake, or a type error of its library: nobody knows what it is about.
            raise ChannelPassingError(f"{self.target}: unexpected {type(error).__name__}") from None
        if not result:
            why = self._hide(reasons[-1])[:_REASON_CHARS] if reasons else "it does not say why"
            raise ChannelPassingError(f"{self.target} did not take it: {why}")
        return Sent(None)

    def check(self) -> str:
        return f"{self.target} is set up; it cannot be tried without a message"

    def close(self) -> None:
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(self._hide_record)

    def _hide(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        return text

    def _hide_record(self, record: logging.LogRecord) -> bool:
        """At DEBUG both write down the addresses that they ask, with all tokens in them."""
        text = record.getMessage()
        hidden = self._hide(text)
        if hidden != text:
            record.msg, record.args = hidden, ()
        return True


def open_others(urls: Sequence[str]) -> list[OtherChannel]:
    """Channels for Apprise's addresses; each is called by its scheme, with a number where one is there already.

    Raises:
        ConfigError: Apprise is not installed, or does not know an address.
    """
    try:
        import apprise
    except ImportError as error:
        raise ConfigError(
            "ALERT_URLS", "needs Apprise; install it with: pip install 'levqor-errors[apprise]'"
        ) from error
    channels: list[OtherChannel] = []
    names: set[str] = set()
    for number, url in enumerate(urls, 1):
        plugin = apprise.Apprise.instantiate(url)
        if plugin is None:
            raise ConfigError("ALERT_URLS", f"has an address that Apprise does not take, number {number}")
        scheme = url.partition(":")[0].lower()
        name, more = scheme, 1
        while name in names:
            more += 1
            name = f"{scheme}{more}"
        names.add(name)
        channels.append(OtherChannel(name, plugin, url))
    return channels
