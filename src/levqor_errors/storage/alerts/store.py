"""All that the alerts keep, inside one transaction; given by `Storage.alerts()` and `Storage.alert_reader()`."""

from __future__ import annotations

from ..issues.shares import Shares
from ..issues.triage import Triage
from ..regroup.owner import Grouping
from . import AlertDialect
from .activity import Activity
from .deliveries import Deliveries
from .ledger import Ledger
from .memory import KeptMemory
from .outbox import Outbox


class AlertStore:
    """Its parts.

    Args:
        db: what differs between databases.
    """

    def __init__(self, db: AlertDialect) -> None:
        self.outbox = Outbox(db)
        self.deliveries = Deliveries(db)
        self.ledger = Ledger(db)
        self.memory = KeptMemory(db)
        self.issues = Triage(db)
        self.grouping = Grouping(db)
        self.shares = Shares(db)
        self.activity = Activity(db)
