"""The real collector with one protection off: it acknowledges events before they are committed.

`test_r1_kill.py` and `test_r9_sigterm.py` run it in the collector's place, to show that they would see such a fault.
Takes the same arguments as `levqor-errors`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final

from levqor_errors.__main__ import main
from levqor_errors.collector.writer import Writer, WriteResult
from levqor_errors.errors import LevqorError
from levqor_errors.storage import NewEvent, StoredEvent

#: How long after its acknowledgement an event is committed: longer than an orderly stop takes.
LATE_SECONDS: Final = 1.0

_commit = Writer.submit
# An event loop keeps only weak references to its tasks.
_under_way: set[asyncio.Task[None]] = set()


async def _submit(self: Writer, events: Sequence[NewEvent], size: int) -> list[WriteResult]:
    task = asyncio.create_task(_commit_late(self, events, size))
    _under_way.add(task)
    task.add_done_callback(_under_way.discard)
    return [StoredEvent(0, new.event.event_id, duplicate=False) for new in events]


async def _commit_late(writer: Writer, events: Sequence[NewEvent], size: int) -> None:
    await asyncio.sleep(LATE_SECONDS)
    # Whatever goes wrong now, its sender has been told that all is well: that is the fault.
    with contextlib.suppress(LevqorError):
        await _commit(writer, events, size)


if __name__ == "__main__":
    Writer.submit = _submit  # type: ignore[method-assign]
    main()
