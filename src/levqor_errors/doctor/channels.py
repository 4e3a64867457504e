"""Each channel signs in, in silence, and may send a test message; what the other side answered is shown."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final, NamedTuple

from .. import instants
from ..alerts import health
from ..alerts.channel import Channel, Sent
from ..alerts.channels import open_channels
from ..alerts.health import ChannelHealth
from ..alerts.notice import Kind, Notice
from ..errors import AlertError, ChannelDownError, ConfigError
from . import words
from .finding import Finding, Level, bad, doubtful, good, told
from .settings import Usable

_TOPIC: Final = "channels"
#: What may help against what a channel says, by its words, where it does not say so itself.
_ADVICE: Final = tuple(
    (re.compile(text), advice)
    for text, advice in (
        ("SMTP_PASSWORD", "set both as the mail server knows them; many ask for a password made for programs"),
        ("EMAIL_FROM", "set EMAIL_FROM to an address that this server sends for"),
        ("OWNER_EMAIL", "set OWNER_EMAIL to addresses that this server takes mail for"),
        ("SMTP_HOST", "set SMTP_HOST to the mail server's name"),
        ("from Telegram", "see that this machine reaches TELEGRAM_API_URL; a proxy is given by HTTPS_PROXY"),
        ("Bot API", "unset TELEGRAM_API_URL, unless you run a server of the Bot API yourself"),
    )
)
_PASSING: Final = "try again; if it stays so, see whether this machine reaches it (its name, its port, a firewall)"
_LASTING: Final = "put that right, and run this again"


class ReadMemory:
    """A channel's memory as the database has it; what is put is known here only.

    Args:
        kept: by key.
    """

    def __init__(self, kept: Mapping[str, str]) -> None:
        self._kept = dict(kept)

    def get(self, key: str) -> str | None:
        return self._kept.get(key)

    def put(self, key: str, value: str) -> None:
        self._kept[key] = value


class Opened(NamedTuple):
    """The channels that are set up.

    Attributes:
        channels: these.
        troubles: what there is to say of those that cannot be used as they are set up.
        names: of all of them, as far as they are known.
    """

    channels: tuple[Channel, ...] = ()
    troubles: tuple[Finding, ...] = ()
    names: tuple[str, ...] = ()


def opened(settings: Usable, memory: Mapping[str, str]) -> Opened:
    """Open each kind by itself, so that one which cannot be leaves the others."""
    channels: list[Channel] = []
    troubles = [
        doubtful(_TOPIC, name, "was not tried: a setting of it cannot be used", "set it right (see above)")
        for name in settings.left_out
    ]
    alerts = settings.alerts
    nothing = alerts._replace(telegram_token=None, smtp_host=None, alert_urls=())
    for one in (
        nothing._replace(telegram_token=alerts.telegram_token),
        nothing._replace(smtp_host=alerts.smtp_host),
        nothing._replace(alert_urls=alerts.alert_urls),
    ):
        try:
            channels += open_channels(one, ReadMemory(memory))
        except ConfigError as error:
            troubles.append(bad(_TOPIC, "channels", *told(error, "set it right (docs/alerts.md)")))
    names = (*(one.name for one in channels), *settings.left_out)
    return Opened(tuple(channels), tuple(troubles), names)


def look(opened: Opened, memory: Mapping[str, str], now: datetime, *, offline: bool, send: bool) -> Iterator[Finding]:
    """What there is to say of them.

    Args:
        opened: all channels.
        memory: of the database.
        now: the clock.
        offline: whether nothing may be asked over a network.
        send: whether each is to send a test message.
    """
    yield from opened.troubles
    if not opened.channels and not opened.troubles:
        yield doubtful(
            _TOPIC, "channels", "none is set up: nobody is told of anything",
            "set TELEGRAM_BOT_TOKEN, or SMTP_HOST, or ALERT_URLS (docs/alerts.md)",
        )  # fmt: skip
    # A server that does not answer costs half a minute; it need not be one for each.
    with ThreadPoolExecutor(max(1, len(opened.channels))) as pool:
        for found in pool.map(lambda one: _look(one, memory, now, offline=offline, send=send), opened.channels):
            yield from found


def _look(channel: Channel, memory: Mapping[str, str], now: datetime, *, offline: bool, send: bool) -> list[Finding]:
    name, target = channel.name, channel.target
    known = health.read(memory, name)
    if offline:
        return [_remembered(name, target, known, now)]
    findings = [_tried(name, channel.check, lambda said: f"{target}: {said}")]
    if known is not None and known.state != "ok" and findings[0].level is Level.OK:
        findings.append(
            doubtful(
                _TOPIC, name, f"works now, but was {known.state} since {words.clock(known.since)} UTC: {known.why}",
                "nothing: it is tried again by itself, and then tells what waits",
            )
        )  # fmt: skip
    if send:
        findings.append(_tried(name, lambda: _sent(channel.send(_test(now))), lambda said: f"test message: {said}"))
    channel.close()
    return findings


def _tried(name: str, do: Callable[[], str], shown: Callable[[str], str]) -> Finding:
    try:
        return good(_TOPIC, name, shown(do()))
    except AlertError as error:
        text = str(error)
        otherwise = next((advice for words_, advice in _ADVICE if words_.search(text)), None)
        lasting = isinstance(error, ChannelDownError)
        found, advice = told(text, otherwise or (_LASTING if lasting else _PASSING))
        return bad(_TOPIC, name, shown(found), advice)
    except Exception as error:  # noqa: BLE001 - a channel's own mistake, of which the others know nothing
        # Without its text, which may have anything in it.
        return bad(_TOPIC, name, shown(f"unexpected {type(error).__name__}"), "this is a mistake of ours; report it")


def _remembered(name: str, target: str, known: ChannelHealth | None, now: datetime) -> Finding:
    if known is None or known.state == "ok":
        return good(_TOPIC, name, f"{target} (not tried: --offline)")
    found = f"{target}: {known.state} since {words.clock(known.since)} UTC: {known.why}"
    return doubtful(_TOPIC, name, *told(found, _LASTING))


def _sent(sent: Sent) -> str:
    taken = f"taken as {sent.reference}" if sent.reference else "taken"
    return f"{taken}; {sent.remark}" if sent.remark else taken


def _test(now: datetime) -> Notice:
    return Notice(
        id="TEST", kind=Kind.TEST, severity="info", at=instants.to_text(now),
        title=f"A test from levqor-errors doctor on {socket.gethostname()}",
        lines=("Alerts of this channel arrive here.",),
    )  # fmt: skip
