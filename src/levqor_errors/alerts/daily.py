"""What is due once a day: the summary, and the canary. Called by `runner.py` every minute.

Whether it is done is in the database: what was done last is kept there, and a summary's key is its day, so that of two
runners one does it.
"""

from __future__ import annotations

from datetime import datetime

from ..config import AlertSettings
from ..storage import Storage
from . import due
from .canary import Canary
from .routes import Routes


class Daily:
    """The jobs.

    Args:
        storage: the database.
        settings: when, and of which zone.
        routes: who gets the summary.
        canary: what is sent on its way.
    """

    def __init__(self, storage: Storage, settings: AlertSettings, routes: Routes, canary: Canary) -> None:
        self._storage = storage
        self._settings = settings
        self._routes = routes
        self._canary = canary

    def run(self, now: datetime) -> bool:
        """Do what is due; returns whether there is something to send now."""
        settings = self._settings
        if settings.canary_at is not None:
            day = due.newest(now, settings.canary_at, settings.summary_zone)
            self._canary.send(day.isoformat(), now)
        return False
