"""Whoever listens to a live stream, in the tests: over a real connection, on a thread of its own."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx

from support import wait_until

STREAM = "/api/errors/stream"


class Listener:
    """What came, as a browser would understand it, but that it does not come back by itself.

    Attributes:
        events: name and data of each event.
        comments: how many.
        id: the latest `id`.
        reading: clear it, and nothing more is read.
        over: the other side has ended it; `error` if it did not do so in an orderly way.
    """

    def __init__(self, client: httpx.Client, params: dict[str, Any], headers: dict[str, str]) -> None:
        self.events: list[tuple[str, Any]] = []
        self.comments = 0
        self.id = ""
        self.reading = threading.Event()
        self.reading.set()
        self.over = False
        self.error: Exception | None = None
        request = client.build_request("GET", STREAM, params=params, headers=headers, timeout=60)
        self.answer = client.send(request, stream=True)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def told(self) -> list[Any]:
        """Events that were sent one by one."""
        return [data for name, data in self.events if name == "new"]

    @property
    def messages(self) -> list[str]:
        """Theirs."""
        return [data["message"] for data in self.told]

    @property
    def total(self) -> int:
        """How many there were, with those that were only counted."""
        counts: list[int] = [data["count"] if name == "more" else 1 for name, data in self.events if name != "missed"]
        return sum(counts)

    def close(self) -> None:
        """Be gone, at once."""
        # To close what another thread reads from does nothing until that has read something.
        with contextlib.suppress(OSError):
            self.answer.extensions["network_stream"].get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        self.reading.set()
        self._thread.join(30)
        self.answer.close()

    def _lines(self) -> Iterator[str]:
        # httpx has ends of lines that this format has not.
        rest = ""
        for text in self.answer.iter_text():
            self.reading.wait()
            *lines, rest = (rest + text).split("\n")
            yield from lines

    def _read(self) -> None:
        name, data, id_ = "message", "", self.id
        try:
            for line in self._lines():
                field, _, value = line.partition(": ")
                if not line:
                    self.id = id_
                    if data:
                        self.events.append((name, json.loads(data)))
                    name, data = "message", ""
                elif field == "event":
                    name = value
                elif field == "data":
                    data += value
                elif field == "id":
                    id_ = value
                elif field == ":":
                    self.comments += 1
                else:
                    assert field == "retry", line
        except (httpx.HTTPError, httpx.StreamError) as error:
            self.error = error
        self.over = True


@contextlib.contextmanager
def listening(client: httpx.Client, *, last: str | None = None, **params: Any) -> Iterator[Listener]:
    """From the moment of the beginning on, to the end of the block.

    Args:
        client: of whom.
        last: the id of what was met last.
        params: filters, or `after`.
    """
    listener = Listener(client, params, {} if last is None else {"Last-Event-ID": last})
    try:
        if listener.answer.status_code == 200:
            wait_until(lambda: listener.id or listener.over)
        yield listener
    finally:
        listener.close()
