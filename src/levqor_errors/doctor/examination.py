"""All looks, in the order in which they are shown, each as soon as it is done. Used by `cli/doctor.py`.

A look that fails itself is a finding, too: the doctor is for when things are broken, and the other looks go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timezone
from typing import TypeVar

from ..storage import PostgresFacts, SqliteFacts, inspect
from . import alerts, channels, client, clock, collector, database, secret, settings
from .channels import Opened
from .clock import Reading
from .finding import Finding, bad
from .settings import Usable

Answer = TypeVar("Answer")
_REPORT = "this is a mistake of the doctor's own; the other lines hold all the same"


class Examination:
    """One round.

    Args:
        environ: the variables.
        database: another database than theirs.
        url: another collector's address than theirs.
        offline: whether nothing but the database may be asked over a network.
        send: whether each channel is to send a test message.
    """

    def __init__(
        self, environ: Mapping[str, str], *, database: str | None, url: str | None, offline: bool, send: bool
    ) -> None:
        self._environ = environ
        self._database = database
        self._url = url
        self._offline = offline
        self._send = send
        self._readings: list[Reading] = []
        self._mistakes: list[Finding] = []

    def findings(self) -> Iterator[Finding]:
        """What is found."""
        found, usable = settings.look(self._environ)
        yield from found
        if self._database is not None:
            usable = usable._replace(collector=usable.collector._replace(database=self._database))
        if self._url is not None:
            usable = usable._replace(client=usable.client._replace(url=self._url))
        facts: SqliteFacts | PostgresFacts | None = None
        if self._database is not None or "DATABASE_URL" not in usable.wrong:
            facts = self._tried("database", lambda: inspect(usable.collector.database))
        if facts is not None:
            seen = facts
            yield from self._all("database", lambda: database.look(seen, usable.collector))
        yield from self._all("secret", lambda: secret.look(usable.collector))
        if not self._offline:
            yield from self._of_collector(usable)
        yield from self._of_clock(usable, facts)
        yield from self._all("client", lambda: client.look(usable))
        yield from self._of_alerts(usable, facts)

    def _of_collector(self, usable: Usable) -> Iterator[Finding]:
        if self._url is None and "LEVQOR_ERRORS_URL" in usable.wrong:
            return
        meant = self._url is not None or "LEVQOR_ERRORS_URL" in usable.given
        answer = self._tried("collector", lambda: collector.look(usable.client.url, meant=meant))
        if answer is not None:
            self._readings += answer[1]
        yield from self._all("collector", lambda: answer[0] if answer is not None else ())

    def _of_clock(self, usable: Usable, facts: SqliteFacts | PostgresFacts | None) -> Iterator[Finding]:
        if isinstance(facts, PostgresFacts) and facts.ahead is not None:
            self._readings.append(Reading("the database", facts.ahead))
        if not self._offline and usable.alerts.telegram_token is not None:
            self._readings += self._tried("clock", lambda: clock.of_telegram(usable.alerts)) or []
        yield from self._all("clock", lambda: clock.look(self._readings, facts, usable.alerts.summary_zone))

    def _of_alerts(self, usable: Usable, facts: SqliteFacts | PostgresFacts | None) -> Iterator[Finding]:
        now = datetime.now(timezone.utc)
        known = facts.alerts if facts is not None else None
        memory = known.memory if known is not None else {}
        opened = self._tried("channels", lambda: channels.opened(usable, memory)) or Opened()
        yield from self._all("alerts", lambda: alerts.look(known, usable.alerts, opened.names, now))
        yield from self._all(
            "channels", lambda: channels.look(opened, memory, now, offline=self._offline, send=self._send)
        )

    def _all(self, topic: str, look: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
        found = self._tried(topic, lambda: list(look())) or []
        yield from self._mistakes
        self._mistakes.clear()
        yield from found

    def _tried(self, topic: str, look: Callable[[], Answer]) -> Answer | None:
        try:
            return look()
        except Exception as error:  # noqa: BLE001 - whatever is broken, the other looks go on
            # Without its text, which may have anything in it.
            self._mistakes.append(bad(topic, topic, f"could not be looked at: {type(error).__name__}", _REPORT))
            return None
