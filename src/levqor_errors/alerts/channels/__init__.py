"""Channels: one folder or file each, with its templates beside it. `open_channels` opens those that are set up.

A further channel is a file here with a class that does what `../channel.py` says, and a line below.

telegram/  a bot's messages to a chat, with buttons
email/     mails to the owner, the day's summary among them
others.py  whatever Apprise knows
"""

from __future__ import annotations

from collections.abc import Callable

from ...config import AlertSettings
from ..channel import Channel, Memory
from ..listener import Buttons


def open_channels(settings: AlertSettings, memory: Memory) -> list[Channel]:
    """All channels that have what they need to sign in.

    Args:
        settings: of alerts.
        memory: what channels want to find again.

    Raises:
        ConfigError: one cannot be set up as it is written.
    """
    channels: list[Channel] = []
    # Imported only where they are used: who has no mail server has no use for a mail client.
    if settings.telegram_token is not None:
        from .telegram import TelegramChannel

        channels.append(TelegramChannel(settings, memory))
    if settings.smtp_host is not None:
        from .email import EmailChannel

        channels.append(EmailChannel(settings))
    if settings.alert_urls:
        from .others import open_others

        channels += open_others(settings.alert_urls)
    return channels


def open_buttons(settings: AlertSettings, memory: Memory, act: Callable[[str, int, str], str]) -> Buttons | None:
    """What reads the owner's answers, if a channel has buttons.

    Args:
        settings: of alerts.
        memory: where it is kept what was read.
        act: does what a button says; is given the action, the message's number, and who pressed it.
    """
    if settings.telegram_token is None:
        return None
    from .telegram import TelegramButtons

    return TelegramButtons(settings, memory, act)
