"""What tests of the Telegram channel share: how one is opened, and what it raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import pytest

from alert_samples import CRITICAL
from levqor_errors.alerts.channels.telegram import TelegramChannel
from levqor_errors.errors import AlertError
from telegram_support import TOKEN

#: Opens a channel; see the fixture `open_channel`.
Open: TypeAlias = "Callable[..., TelegramChannel]"
#: What a chat becomes that moves.
MOVED: Final = -1002222222222


def failure(channel: TelegramChannel) -> AlertError:
    """What sending a message raises."""
    with pytest.raises(AlertError) as raised:
        channel.send(CRITICAL)
    assert TOKEN not in str(raised.value)
    assert TOKEN.partition(":")[2] not in str(raised.value)
    return raised.value
