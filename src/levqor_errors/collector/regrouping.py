"""The rules of grouping in a running collector: a thread that hears of other ones within a second, whoever has made
them, and that has what is stored follow.

Events are grouped by the rules as this collector knows them. Of those that come while it does not know of a change the
storage tells by their `NewEvent.rules`, and they follow as well.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

from ..errors import StorageError
from ..grouping_rules import Grouper
from ..storage import Storage
from .janitor import turns

logger = logging.getLogger("levqor_errors.collector")

#: Between two looks at whether rules have changed.
LOOK_SECONDS: Final = 1.0
_CLOSE_SECONDS: Final = 5.0


class RulesInForce:
    """The rules, as far as this collector knows. Starts at once.

    Args:
        storage: where they are kept.

    Raises:
        StorageUnavailableError: they cannot be read.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        #: For each event anew, or each batch: it may be another one the next time.
        self.grouper: Grouper = storage.grouper()
        self._looked = time.monotonic()
        self._failing = False
        self._waking = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="levqor-errors-regrouping", daemon=True)
        self._thread.start()

    def changed(self) -> None:
        """The owner has changed them here: do not wait for the next look."""
        self._waking.set()

    def close(self) -> None:
        """Stop after the step under way."""
        self._stopping.set()
        self._waking.set()
        self._thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._waking.clear()
            try:
                self._look()
                for _ in turns(self._stopping):
                    if not self._storage.regroup():
                        break
                    if time.monotonic() - self._looked > LOOK_SECONDS:
                        self._look()
            except StorageError as error:
                if not self._failing and not self._stopping.is_set():
                    logger.warning("events are not regrouped until the database answers: %s", error)
                self._failing = True
            except Exception:
                if not self._failing:
                    logger.exception("regrouping")
                self._failing = True
            else:
                self._failing = False
            self._waking.wait(LOOK_SECONDS)

    def _look(self) -> None:
        if self._storage.grouping_version() != self.grouper.version:
            self.grouper = self._storage.grouper()
        self._looked = time.monotonic()
