"""All other channels: Slack, Discord, ntfy and a hundred more, through Apprise (`ALERT_URLS`). An optional extra.

Apprise says whether a message was taken, and why not only in its log; so every failure counts as passing, and the
channel that takes over is found by patience.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

from ...errors import ChannelPassingError, ConfigError
from ..channel import Sent
from ..notice import Notice
from ..plain import subject, text

#: A message in seconds.
_SECONDS: Final = 30.0
#: Where a service has no bound of its own.
_TITLE_CHARS: Final = 250
_BODY_CHARS: Final = 4_000
_TYPES: Final = {"critical": "failure", "error": "failure", "warning": "warning"}


class OtherChannel:
    """A `Channel` (see `../channel.py`) by one of Apprise's addresses.

    Args:
        name: the channel's.
        plugin: Apprise's object for the address.
    """

    def __init__(self, name: str, plugin: Any) -> None:
        import apprise

        self._name = name
        self._plugin = plugin
        self._apprise = apprise.Apprise()
        self._apprise.add(plugin)

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
        reasons = _Reasons()
        logger = logging.getLogger("apprise")
        logger.addHandler(reasons)
        try:
            taken = self._apprise.notify(
                body=body, title=title, notify_type=_TYPES.get(notice.severity, "info"), body_format="text",
                timeout=_SECONDS,
            )  # fmt: skip
        except Exception as error:
            # A plugin's own mistake, or a type error of its library: nobody knows what it is about.
            raise ChannelPassingError(f"{self.target}: unexpected {type(error).__name__}") from error
        finally:
            logger.removeHandler(reasons)
        if not taken:
            raise ChannelPassingError(f"{self.target} did not take it{reasons.last}")
        return Sent(None)

    def check(self) -> str:
        return f"{self.target} is set up; it cannot be tried without a message"

    def close(self) -> None:
        """There is nothing to let go of."""


class _Reasons(logging.Handler):
    """What Apprise says of a failure: that it was refused, and with which status. It does not name the address."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.last = f": {record.getMessage()[:200]}"


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
        channels.append(OtherChannel(name, plugin))
    return channels
