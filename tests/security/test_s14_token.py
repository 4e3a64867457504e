"""S14 | token in any log at DEBUG, with Telegram answering 200, 500 and never |
nowhere
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from levqor_errors.alerts.channels.telegram import TelegramChannel, api
from levqor_errors.config import AlertSettings
from levqor_errors.errors import ChannelPassingError
from support import clean_environ
from telegram_answers import HANG, LOST, RESET, Answer, Reaction, error, page, redirect, too_many
from telegram_support import TOKEN, FakeTelegram, Notes

SECRET = TOKEN.partition(":")[2]
#: Everything that a process says at DEBUG, with all errors and where they come from, while Telegram does its worst.
PROGRAM = """
import logging, sys, traceback
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout, format="%(name)s %(message)s %(args)s %(pathname)s")

import httpx
from alert_samples import CRITICAL
from levqor_errors.alerts.channels.telegram import TelegramButtons, TelegramChannel, api, pace
from levqor_errors.config import AlertSettings
from levqor_errors.errors import LevqorError
from telegram_support import Notes

api.READ_SECONDS, pace.BETWEEN = 0.3, 0.0
settings = AlertSettings.from_env()
print(settings)
channel = TelegramChannel(settings, Notes())
buttons = TelegramButtons(settings, Notes(), lambda action, alert, who: "done")
for work in [channel.check, buttons.poll, *[lambda: channel.send(CRITICAL)] * int(sys.argv[1])]:
    try:
        print(work())
    except LevqorError:
        traceback.print_exc(file=sys.stdout)
# That all this would be seen: what is not ours is.
httpx.get(f"{settings.telegram_url}/bot1:of-somebody-else/getMe")
channel.close()
buttons.close()
"""


@pytest.fixture
def telegram() -> Iterator[FakeTelegram]:
    with FakeTelegram() as telegram:
        yield telegram


def test_s14_the_token_is_in_no_log(telegram: FakeTelegram) -> None:
    address = f"{telegram.url}/bot{TOKEN}/sendMessage"
    reactions: list[Reaction] = [
        page(500),
        HANG,
        RESET,
        LOST,
        too_many(3),
        redirect(address),
        redirect(address.replace(":AAF", "%3aAAF")),
        page(404, f"Cannot POST {address}"),
        Answer(502, address.encode(), (("X-Original-URL", address),)),
        Answer(200, b"{}", ((f"X-{address}", "no name of a field"),)),
        error(403, f"Forbidden: {address}"),
        error(401, f"Unauthorized: {address}"),
        *[error(400, f"Bad Request: {address}")] * 3,
    ]
    telegram.next(page(500, address), method="getUpdates")
    telegram.next(*reactions)
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(len(reactions))],
        capture_output=True,
        text=True,
        timeout=60,
        env=clean_environ(**telegram.settings, PYTHONPATH=os.pathsep.join(sys.path)),
    )
    assert ended.returncode == 0, ended.stderr
    said = ended.stdout + ended.stderr
    assert telegram.messages[-1].text.startswith("🔴 Critical")
    # The last three were for the three forms of one message.
    assert len(telegram.requests("sendMessage")) == len(reactions) + 2
    assert len(telegram.messages) == 1 + 2
    assert SECRET not in said
    # All of it was listened to, and each error was shown.
    assert "bot1:of-somebody-else" in said
    assert "httpcore.http11 receive_response_headers.complete" in said
    assert said.count("/bot[redacted]/sendMessage") > 5
    assert said.count("Traceback") == len(reactions) - 2 + 1


def test_s14_without_the_filter_it_would_be(telegram: FakeTelegram, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    channel = api.TelegramApi(AlertSettings.from_env(telegram.settings))
    logging.getLogger("httpcore.http11").filters.clear()
    telegram.next(redirect(f"{telegram.url}/bot{TOKEN}/"), method="getMe")
    with pytest.raises(ChannelPassingError):
        channel.call("getMe")
    channel.close()
    assert SECRET in caplog.text


def test_s14_the_host_s_logging_stays_as_it_was(telegram: FakeTelegram) -> None:
    """An application that mounts the collector has its own idea of what httpx logs."""

    def state() -> dict[str, tuple[object, ...]]:
        loggers = {name: logging.getLogger(name) for name in ("", "httpx", "httpcore", "httpcore.http11")}
        return {
            name: (logger.level, logger.propagate, logger.disabled, list(logger.handlers), list(logger.filters))
            for name, logger in loggers.items()
        }

    before = state()
    channel = TelegramChannel(AlertSettings.from_env(telegram.settings), Notes())
    channel.check()
    changed = {name for name, is_now in state().items() if is_now != before[name]}
    assert changed == {"httpcore.http11"}
    channel.close()
    assert state() == before
