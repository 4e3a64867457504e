"""Which channels an alert goes to. Used by `planner.py`, and by `sender.py` when a channel is down."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..alert_rules import NOWHERE, Route
from ..errors import ConfigError
from .notice import Kind

#: Has the day's summary. Without routes alerts go there only when there is no other channel.
EMAIL = "email"


class Routes:
    """The routes.

    Args:
        routes: the owner's (`ALERT_ROUTES`); the first that fits counts.
        channels: the names of all channels.

    Raises:
        ConfigError: a route names a channel that is not there.
    """

    def __init__(self, routes: Sequence[Route], channels: Sequence[str]) -> None:
        for name in (name for route in routes for name in route.channels):
            if name not in channels:
                there = ", ".join((*channels, NOWHERE))
                raise ConfigError("ALERT_ROUTES", f"names a channel that is not set up; there are: {there}")
        self._routes = routes
        self._channels = tuple(channels)

    def of(self, kind: Kind, severity: str, service: str | None, environment: str | None) -> tuple[str, ...]:
        """Where an alert goes; empty: the owner wants it nowhere."""
        if kind is Kind.SUMMARY:
            return (EMAIL,) if EMAIL in self._channels else self._channels
        if kind is Kind.CANARY:
            return self._channels
        for route in self._routes:
            if route.fits(severity, service, environment):
                return route.channels
        return tuple(name for name in self._channels if name != EMAIL) or self._channels

    def usable(self, wanted: Collection[str], down: Collection[str]) -> tuple[str, ...]:
        """Of these, those that work. When none does, all others that do; when no channel works, the ones wanted, which
        then wait."""
        up = tuple(name for name in wanted if name not in down)
        return up or tuple(name for name in self._channels if name not in down) or tuple(wanted)
