"""For the tests of services: see what they report, without a collector.

with capture_events() as events:
    checkout(order)
assert events[0]["message"] == "the card was declined"
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .client.api import current_client, replace_client
from .client.client import Client
from .client.render import Sources
from .client.wire import finish


class _Unshipped(Client):
    """A client whose events are delivered as soon as they are recorded."""

    def flush(self, timeout: float) -> bool:
        return True


@contextmanager
def capture_events() -> Iterator[list[dict[str, Any]]]:
    """Keep events in a list instead of sending them, as the collector would have got them.

    Options of `init` (before_send, sampling, redaction) apply as ever; nothing touches the disk or the network.
    """
    before = current_client()
    events: list[dict[str, Any]] = []

    def keep(line: bytes) -> None:
        finished = finish(line, {}, Sources(before.options.redactor.text))
        assert finished is not None
        events.append(json.loads(finished))

    replace_client(_Unshipped(before.settings, before.options, sink=keep))
    try:
        yield events
    finally:
        replace_client(before)
