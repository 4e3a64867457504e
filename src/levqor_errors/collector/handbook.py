"""The owner's handbook: what each severity sets off, how to wire a service in, which settings are in force, and how the
channels are. An empty list of errors leads to it.
"""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ..alerts import canary, clock, health
from ..alerts.daily import LAST_SUMMARY
from ..config import AlertSettings, CollectorSettings
from ..errors import StorageUnavailableError
from ..severity import Severity
from ..storage import Storage
from .alerting import Alerting
from .auth import SESSION_LIFE
from .own_address import OwnAddress
from .pages import page, problem
from .settings_shown import clock_time, of_alerts, of_collector


class Handbook:
    """The endpoint.

    Args:
        storage: where is remembered how channels are.
        settings: of the collector.
        alerts: of the alerts.
        alerting: knows the channels that are set up.
        address: where services reach the collector.
    """

    def __init__(
        self,
        storage: Storage,
        settings: CollectorSettings,
        alerts: AlertSettings,
        alerting: Alerting,
        address: OwnAddress,
    ) -> None:
        self._storage = storage
        self._settings = settings
        self._alerts = alerts
        self._alerting = alerting
        self._address = address

    async def get(self, request: Request) -> Response:
        """GET /owner/handbook."""
        try:
            known = await run_in_threadpool(self._known)
        except StorageUnavailableError as error:
            return problem(request, error)
        services = sorted(set(self._settings.ingest_keys.values()))
        return page(
            request, "handbook.html", **known, address=self._address.of(request), keys=services,
            severities=self._severities(), collector=of_collector(self._settings), alerts=of_alerts(self._alerts),
            summary_at=self._summary_at(),
            cap=self._alerts.cap, defaults=self._alerts.defaults, session_days=SESSION_LIFE.days,
        )  # fmt: skip

    def _known(self) -> dict[str, Any]:
        # Before the transaction: a channel looks into its memory, which is another one.
        targets = {channel.name: channel.target for channel in self._alerting.channels}
        with self._storage.alert_reader() as store:
            channels = [
                {
                    "name": name,
                    "target": target,
                    "health": health.read(store.memory, name),
                    **store.deliveries.last_ended(name),
                }
                for name, target in targets.items()
            ]
            return {
                "channels": channels,
                "canary": canary.last(store, clock.now()),
                "last_summary": store.memory.get(LAST_SUMMARY),
            }

    def _summary_at(self) -> str | None:
        """When the day's summary is due; `None`: never."""
        minutes = self._alerts.summary_at
        return None if minutes is None else f"{clock_time(minutes)} {self._alerts.summary_zone}"

    def _severities(self) -> dict[str, str]:
        """What each sets off, by the settings in force."""
        if self._alerting.channels:
            names = " and ".join(channel.name for channel in self._alerting.channels)
            critical = (
                f"You are told at once, by {names} (as ALERT_ROUTES says); more of the same comes in one message."
            )
        else:
            critical = "You would be told at once, but no channel is set up: set TELEGRAM_BOT_TOKEN or SMTP_HOST."
        counted = (
            "Counted, shown, and in the day's summary. Told only when a resolved issue comes back, or by ALERT_RATES."
        )
        return {
            Severity.CRITICAL.value: critical,
            Severity.ERROR.value: counted,
            Severity.WARNING.value: counted,
            Severity.INFO.value: "Counted and shown.",
        }
