"""One batch over HTTP, and what its answer means. Used by the shipper's thread only."""

from __future__ import annotations

import contextlib
import gzip
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Any, Final, NamedTuple

import httpx

from ..bounded import json_object, read_bounded

#: Seconds.
CONNECT_TIMEOUT = 3.0
#: A thousand rejected events and why.
ANSWER_BYTES = 1024 * 1024
#: A server's wish is heard up to this many seconds.
RETRY_AFTER_MOST = 300.0
#: A proxy may answer so as well.
_KEY_HINT = "if the collector asks for keys (INGEST_KEYS), set LEVQOR_ERRORS_KEY to this service's own"
#: They log each request and each of its steps: of ours that would be lines in the host's log at each delivery.
_TALKATIVE: Final = ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "proxy", "socks")))
_sending = threading.local()


class Verdict(Enum):
    """What became of a batch."""

    DELIVERED = "delivered"
    #: Not now: down, busy, throttled. The same batch again later.
    LATER = "later"
    #: Not until somebody sets the right key, here or there. The same batch again much later.
    BARRED = "barred"
    #: The batch as a whole is not acceptable: smaller ones may be.
    SPLIT = "split"


class Outcome(NamedTuple):
    """The answer to a batch."""

    verdict: Verdict
    #: Seconds that the collector asks to wait.
    retry_after: float | None = None
    #: Events that the collector does not take, by their index in the batch, and why.
    rejected: Sequence[tuple[int, str]] = ()
    #: For people: what went wrong.
    why: str = ""


class Transport:
    """A connection to one collector.

    Args:
        url: the collector's address.
        timeout: seconds for each answer.
        key: sent with each batch as `X-Levqor-Key`.
    """

    def __init__(self, url: str, timeout: float, key: str | None = None) -> None:
        self._url = f"{url}/api/errors/log"
        self._headers = {
            "Content-Type": "application/x-ndjson",
            "Content-Encoding": "gzip",
            "Accept-Encoding": "identity",
            **({"X-Levqor-Key": key} if key is not None else {}),
        }
        self._timeout = timeout
        for name in _TALKATIVE:
            # A second time it changes nothing.
            logging.getLogger(name).addFilter(_is_the_host_s)
        self._client: httpx.Client = httpx.Client(
            timeout=httpx.Timeout(timeout, connect=min(timeout, CONNECT_TIMEOUT)), follow_redirects=False
        )

    def send(self, batch: Sequence[bytes]) -> Outcome:
        """Deliver a batch of events, each a line of JSON. Raises nothing that a network can cause."""
        body = gzip.compress(b"\n".join(batch), compresslevel=3)
        try:
            with _unheard(), self._client.stream("POST", self._url, content=body, headers=self._headers) as response:
                until = time.monotonic() + self._timeout
                body = read_bounded(response.iter_raw(), most=ANSWER_BYTES, until=until)
                return _outcome(response, body, batch)
        except Exception as error:  # noqa: BLE001 - of sockets, TLS, IDNA, a proxy's setting: none is an answer
            return Outcome(Verdict.LATER, why=f"no answer: {type(error).__name__}")

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()


def _is_the_host_s(_: logging.LogRecord) -> bool:
    return not getattr(_sending, "now", False)


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """What this thread makes httpx log meanwhile is not the host's."""
    _sending.now = True
    try:
        yield
    finally:
        _sending.now = False


def _outcome(response: httpx.Response, body: bytes, batch: Sequence[bytes]) -> Outcome:
    status = response.status_code
    answer = json_object(body)
    if status == 200:
        # A proxy's page can be a 200 too; only the collector's own words are a commit.
        if answer.get("ok") is True and isinstance(answer.get("rejected"), list):
            return Outcome(Verdict.DELIVERED, rejected=_rejected(answer["rejected"], len(batch)))
        return Outcome(Verdict.LATER, why="a 200 that is not a collector's; is the address right?")
    # A 400 that is not the collector's own is a proxy's, about its own settings, and says nothing of the events.
    if status == 413 or (status in (400, 422) and answer.get("ok") is False):
        return Outcome(Verdict.SPLIT, why=f"status {status}: {answer.get('error', '')}")
    verdict, hint = (Verdict.BARRED, f"; {_KEY_HINT}") if status in (401, 403) else (Verdict.LATER, "")
    return Outcome(verdict, retry_after=_retry_after(response), why=f"status {status}{hint}")


def _rejected(entries: list[Any], length: int) -> list[tuple[int, str]]:
    told: dict[int, str] = {}
    for entry in entries:
        if isinstance(entry, dict) and type(entry.get("index")) is int and 0 <= entry["index"] < length:
            told.setdefault(entry["index"], str(entry.get("error", ""))[:500])
    return list(told.items())


def _retry_after(response: httpx.Response) -> float | None:
    value = response.headers.get("retry-after", "")
    return min(float(value), RETRY_AFTER_MOST) if value.isdigit() else None
