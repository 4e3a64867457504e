"""One call of Telegram's Bot API over HTTP, and what its answer means. Used by `channel.py` and `buttons.py`.

https://core.telegram.org/bots/api#making-requests. The bot's token is a part of each address, and no log and no text
of an error may have it. httpx's client logs each address, so what stands here is its transport, which logs none.
httpcore under it logs at DEBUG the head of an answer, and a redirect's repeats the address: a filter takes the token
out of that, and leaves the host's logging alone otherwise.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import socket
import threading
import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from ....bounded import json_object, read_bounded
from ....config import AlertSettings
from ....errors import ChannelDownError, ChannelPassingError, ConfigError
from ....printable import printable
from ....redact import REDACTED

#: Seconds.
CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 15.0
#: Twenty presses of buttons, each with the message it is under, are half of it.
ANSWER_BYTES: Final = 1024 * 1024
#: Of what the other side says; its own sentences are shorter.
_SAID_CHARS: Final = 200
#: A wait longer than this is no wait any more, whoever asks for it.
_RETRY_AFTER_MOST: Final = 24 * 3600.0
#: Where httpcore writes down heads of answers.
_HEADS_LOGGER: Final = "httpcore.http11"

#: Why a call that `close` has ended was ended.
ENDING: Final = "this process is about to end"
_BOT_ADVICE: Final = "Telegram does not know this bot; set TELEGRAM_BOT_TOKEN as BotFather gives it"
_CHAT_ADVICE: Final = (
    "this bot cannot see the chat of TELEGRAM_CHAT_ID; a person has to open the bot and press Start, "
    "to a group or channel it has to be added"
)
_RIGHTS_ADVICE: Final = "the bot may not write in the chat of TELEGRAM_CHAT_ID; give it the right to"
#: What of the Bot API's 400 and 403 stays until somebody acts, by its words (there are no finer codes), and what to do.
_PERMANENT: Final = tuple(
    (re.compile(words, re.IGNORECASE), advice)
    for words, advice in (
        ("blocked by the user", "whom TELEGRAM_CHAT_ID names has blocked the bot; it has to be unblocked there"),
        ("deactivated|deleted", "what TELEGRAM_CHAT_ID names is gone; set another chat"),
        ("kicked|not a member", "the bot is not in the chat of TELEGRAM_CHAT_ID any more; add it again"),
        ("initiate conversation", "whom TELEGRAM_CHAT_ID names has to open the bot and press Start"),
        ("send messages to bots|to itself", "TELEGRAM_CHAT_ID names a bot; set a person, a group or a channel"),
        ("chat not found|chat_id is empty|peer_id_invalid|user not found", _CHAT_ADVICE),
        ("rights|write_forbidden|plain_forbidden|chat_restricted|admin_required", _RIGHTS_ADVICE),
    )
)
_TOPIC: Final = re.compile("topic_|message thread not found", re.IGNORECASE)


class Refusal(NamedTuple):
    """The Bot API does not do this, whoever asks again; it works, and the chat is there."""

    why: str
    #: The supergroup that the chat has become.
    moved_to: int | None = None
    #: The topic is closed or gone.
    topic_lost: bool = False


class TelegramApi:
    """A connection to the Bot API. Calls come from one thread at a time; `close` may come from another, and ends them.

    Args:
        settings: with a token.

    Raises:
        ConfigError: when there is none.
    """

    def __init__(self, settings: AlertSettings) -> None:
        if not settings.telegram_token:
            raise ConfigError("TELEGRAM_BOT_TOKEN", "is not set")
        self.bot_id, _, secret = settings.telegram_token.partition(":")
        #: Set when there is nothing to wait for any more.
        self.closing = threading.Event()
        self._base = f"{settings.telegram_url}/bot{settings.telegram_token}"
        # In an address that somebody else wrote down, the colon may be escaped.
        self._token = re.compile(rf"{self.bot_id}(?::|%3A){re.escape(secret)}", re.IGNORECASE)
        self._transport: httpx.HTTPTransport | None = None
        self._socket: socket.socket | None = None
        self._calling = threading.Lock()
        logging.getLogger(_HEADS_LOGGER).addFilter(self._hide_token)

    def call(self, method: str, *, wait: float = 0, **parameters: Any) -> Any:
        """Do something; returns the `result` of the answer, or a `Refusal`.

        Args:
            method: such as `sendMessage`.
            wait: seconds that the other side is asked to hold the answer back.
            parameters: of the method.

        Raises:
            ChannelPassingError: no answer, or one that says not now, or one that is not the Bot API's.
            ChannelDownError: somebody has to act; says what to do.
        """
        with self._calling:
            if self.closing.is_set():
                raise ChannelPassingError(ENDING)
            transport = self._opened()
            request = httpx.Request(
                "POST",
                f"{self._base}/{method}",
                # With all but ASCII escaped, so that nothing fails here that would not fail there.
                content=json.dumps(parameters).encode(),
                headers={"Content-Type": "application/json", "Accept-Encoding": "identity"},
                extensions={
                    "timeout": httpx.Timeout(READ_SECONDS + wait, connect=CONNECT_SECONDS).as_dict(),
                    "trace": self._watch,
                },
            )
            deadline = time.monotonic() + READ_SECONDS + wait
            try:
                response = transport.handle_request(request)
                with contextlib.closing(response):
                    body = read_bounded(response.iter_raw(), most=ANSWER_BYTES, until=deadline)
            except Exception as error:  # noqa: BLE001 - of sockets, TLS, IDNA, a proxy: none is an answer
                why = f"no answer from Telegram ({self._said(f'{type(error).__name__}: {error}')})"
                # Without its cause, whose text is not ours to answer for.
                raise ChannelPassingError(ENDING if self.closing.is_set() else why) from None
        return self._meaning(response.status_code, body)

    def close(self) -> None:
        """End what is under way, and let go of the connection."""
        self.closing.set()
        self._break_off()
        with self._calling:
            if self._transport is not None:
                self._transport.close()
        logging.getLogger(_HEADS_LOGGER).removeFilter(self._hide_token)

    def _opened(self) -> httpx.HTTPTransport:
        if self._transport is None:
            # As httpx's client would find it.
            parts = urlsplit(self._base)
            proxies = getproxies()
            proxy = None if proxy_bypass(parts.hostname or "") else proxies.get(parts.scheme) or proxies.get("all")
            try:
                self._transport = httpx.HTTPTransport(proxy=proxy)
            except (ImportError, ValueError, httpx.InvalidURL):
                # The address of a proxy may have a password in it.
                variable = f"{parts.scheme}_proxy".upper()
                raise ChannelDownError(f"the proxy of {variable} or ALL_PROXY cannot be used") from None
        return self._transport

    def _watch(self, name: str, info: Mapping[str, Any]) -> None:
        """httpcore tells here what it does. Its connection's socket is the one way to end a read from outside."""
        if name.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._socket = info["return_value"].get_extra_info("socket")
            if self.closing.is_set():
                self._break_off()

    def _break_off(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                # The plain socket's, since TLS would want to say goodbye first.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _hide_token(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        hidden = self._token.sub(REDACTED, text)
        if hidden != text:
            record.msg, record.args = hidden, ()
        return True

    def _said(self, text: str) -> str:
        """What somebody else said, fit for the owner's eyes and our log."""
        return printable(self._token.sub(REDACTED, text)[:_SAID_CHARS])

    def _meaning(self, status: int, body: bytes) -> Any:
        answer = json_object(body)
        if status == 200 and answer.get("ok") is True and "result" in answer:
            return answer["result"]
        description = answer.get("description")
        if answer.get("ok") is not False or not isinstance(description, str):
            # A proxy's page, also where it says 401 or 404: it says nothing of the bot.
            hint = "" if status >= 500 else "; is TELEGRAM_API_URL right?"
            raise ChannelPassingError(f"an answer that is not the Bot API's (status {status}){hint}")
        code = answer.get("error_code")
        said = self._said(description)
        parameters = answer.get("parameters")
        return _refusal(code if type(code) is int else status, said, parameters if isinstance(parameters, dict) else {})


def _refusal(code: int, said: str, parameters: Mapping[str, Any]) -> Refusal:
    retry_after = parameters.get("retry_after")
    if code == 429 or code >= 500 or retry_after is not None:
        told = retry_after if isinstance(retry_after, (int, float)) and retry_after >= 0 else None
        raise ChannelPassingError(f"Telegram: {said}", told if told is None else min(float(told), _RETRY_AFTER_MOST))
    if code == 409:
        raise ChannelPassingError(
            "another program reads this bot's buttons, or its webhook is set; give levqor-errors a bot of its own "
            f"(Telegram: {said})"
        )
    if code in (401, 404):
        raise ChannelDownError(f"{_BOT_ADVICE} (Telegram: {said})")
    moved_to = parameters.get("migrate_to_chat_id")
    if type(moved_to) is int:
        return Refusal(said, moved_to=moved_to)
    if code == 400 and _TOPIC.search(said):
        return Refusal(said, topic_lost=True)
    for words, advice in _PERMANENT:
        if code in (400, 403) and words.search(said):
            raise ChannelDownError(f"{advice} (Telegram: {said})")
    if code == 403:
        raise ChannelDownError(f"{_RIGHTS_ADVICE} (Telegram: {said})")
    return Refusal(said)
