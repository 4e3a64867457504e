"""The alerts as a part of the collector: its runner, what the owner's pages and `/healthz` say of it, and the canary's
way in.

Comes beside `writer.py`, which wakes the runner in the moment of a commit.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx
from starlette.types import ASGIApp

from ..alerts import canary, clock, health
from ..alerts.channel import Channel
from ..alerts.channels import open_channels
from ..alerts.daily import LAST_SUMMARY
from ..alerts.memory import StoredMemory
from ..alerts.runner import LAST_TICK, Runner, is_watched
from ..config import AlertSettings
from ..errors import CollectorRefusedError, StorageUnavailableError
from ..storage import Storage

_POST_SECONDS: Final = 30.0


class Alerting:
    """The alerts of one collector; they run if a channel is set up.

    Args:
        storage: the database.
        settings: of alerts.

    Raises:
        ConfigError: a channel cannot be set up as it is written, or a route names none.

    Attributes:
        address: where the collector listens, for links, once that is known.
        channels: those that are set up.
    """

    def __init__(self, storage: Storage, settings: AlertSettings) -> None:
        self.address: str | None = None
        self._storage = storage
        self._app: ASGIApp | None = None
        self._path = ""
        self._key: str | None = None
        self.channels: Sequence[Channel] = open_channels(settings, StoredMemory(storage))
        self._runner: Runner | None = None
        if self.channels:
            self._runner = Runner(
                storage, settings, self.channels, dashboard_url=lambda: settings.dashboard_url or self.address,
                post=self._post,
            )  # fmt: skip

    def start(self, app: ASGIApp, path: str, key: str | None) -> None:
        """Begin to tell, if there is a channel.

        Args:
            app: the collector, for the canary.
            path: of its ingest.
            key: one that ingest takes for the canary's service, where it asks for keys.
        """
        self._app, self._path, self._key = app, path, key
        if self._runner is not None:
            self._runner.start()

    def wake(self) -> None:
        """A critical event was committed."""
        if self._runner is not None:
            self._runner.wake()

    def close(self) -> None:
        """End; messages that are being sent have a few seconds."""
        if self._runner is not None:
            self._runner.close()

    def facts(self) -> dict[str, Any]:
        """What the database knows of the alerts: `alerts_tick`, `channels` as `health.ChannelHealth`, by name,
        `summary_day`, the last day of which there was a summary, and `canary` as `canary.last` has it."""
        names = {channel.name for channel in self.channels}
        with self._storage.alert_reader() as store:
            states = health.read_all(store.memory)
            if names:
                # Of one that is not set up any more nothing is to be said. Where another process sends, it knows which.
                states = {name: state for name, state in states.items() if name in names}
            return {
                "alerts_tick": store.memory.get(LAST_TICK),
                "channels": states,
                "summary_day": store.memory.get(LAST_SUMMARY),
                "canary": canary.last(store, clock.now()),
            }

    def warnings(self, known: Mapping[str, Any], *, why: bool) -> list[str]:
        """What somebody should look at, as sentences.

        Args:
            known: of `Storage.health()` and `facts()`.
            why: whether what the channels said may be told.
        """
        warnings: list[str] = []
        unsent, tick = known.get("alerts_unsent") or 0, known.get("alerts_tick")
        if unsent and not is_watched(tick, clock.now()):
            who = "no channel is set up" if tick is None else f"nobody has looked after them since {tick}"
            warnings.append(f"Alerts wait to be sent, and {who} (docs/alerts.md).")
        for name, channel in sorted(known.get("channels", {}).items()):
            if channel.state != "ok":
                reason = f": {channel.why}" if why and channel.why else ""
                warnings.append(f"Alerts by {name}: the channel is {channel.state} since {channel.since}{reason}.")
        return warnings

    def _post(self, event: dict[str, Any]) -> None:
        """Send an event through our own ingest, as anyone would."""
        assert self._app is not None
        status, body = asyncio.run(self._request(self._app, event))
        if status not in (200, 201):
            raise CollectorRefusedError(status, f"status {status}, {body[:200]}")

    async def _request(self, app: ASGIApp, event: dict[str, Any]) -> tuple[int, str]:
        headers = {"Content-Type": "application/json"} | ({"X-Levqor-Key": self._key} if self._key else {})
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://collector", timeout=_POST_SECONDS
        ) as client:
            try:
                answer = await asyncio.wait_for(
                    client.post(self._path, content=json.dumps(event), headers=headers), _POST_SECONDS
                )
            except TimeoutError as error:
                raise StorageUnavailableError("ingest does not answer") from error
        return answer.status_code, answer.text
