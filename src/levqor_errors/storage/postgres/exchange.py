"""What collectors tell each other, through a table of rows that live for seconds. Used by `storage.py`; what is told,
and what for, is `collector/sharing.py`'s.

A collector's rows are numbered, and it commits them one after the other. So whoever has read one of them has missed
none before it, whatever other collectors commit meanwhile.
"""

from __future__ import annotations

import uuid
from typing import Final

from .connections import Pool

#: Who does not ask for so many seconds misses what was told before that. Rows are deleted at this age, by upkeep.
KEPT_SECONDS: Final = 10

_TELL: Final = "INSERT INTO limits_told (collector, round, told) VALUES (%s, %s, %s)"
_HEAR: Final = f"""
    SELECT collector, round, told FROM limits_told
    WHERE collector <> %s AND at > now() - interval '{KEPT_SECONDS} seconds' ORDER BY collector, round
"""


class Exchange:
    """`Storage.exchange` of one collector; one call at a time.

    Args:
        connections: where to do it.
    """

    def __init__(self, connections: Pool) -> None:
        self._connections = connections
        self._collector = uuid.uuid4()
        self._round = 0
        #: The last round of each of the others whose rows are still there.
        self._heard: dict[uuid.UUID, int] = {}

    def __call__(self, told: str | None) -> list[str]:
        # Never the same number twice: whether a failed statement was committed nobody knows.
        self._round += 1
        with self._connections.lent() as connection:
            if told is not None:
                connection.execute(_TELL, [self._collector, self._round, told])
            rows = connection.execute(_HEAR, [self._collector]).fetchall()
        fresh = [text for collector, number, text in rows if number > self._heard.get(collector, 0)]
        self._heard = {collector: number for collector, number, _ in rows}
        return fresh
