"""A channel to a Telegram of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from levqor_errors.alerts.channels.telegram import TelegramChannel, pace
from levqor_errors.alerts.channels.telegram.text import TEMPLATES
from levqor_errors.config import AlertSettings
from telegram_channel_support import Open
from telegram_support import FakeTelegram, Notes


@pytest.fixture
def open_channel(telegram: FakeTelegram, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Makes channels to the chat "Ops", or to another one; without a pause between messages."""
    monkeypatch.setattr(pace, "BETWEEN", 0.0)
    opened = []

    def make(memory: Notes | None = None, templates: Path = TEMPLATES, **settings: str) -> TelegramChannel:
        given = AlertSettings.from_env({**telegram.settings, **settings})
        opened.append(TelegramChannel(given, Notes() if memory is None else memory, templates))
        return opened[-1]

    yield make
    for channel in opened:
        channel.close()
