"""How long the owner's pages take on a small database and on a large one: `make bench-dashboard`.

Two collectors as a user starts them, with the demo's month in 10,000 events and in `EVENTS` (by default 200,000; the
bars are for a million, which takes some minutes to fill). Each page is asked for in turns, side by side. With
`DATABASE=postgresql` on a server of its own, else in SQLite files.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from contextlib import ExitStack, closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

import httpx
import psycopg
from ingest_postgres import server
from load import SECRET, Collector

from levqor_errors.demo.fill import fill
from levqor_errors.storage import open_storage

SMALL: Final = 10_000
LARGE: Final = int(os.environ.get("EVENTS", "200000"))
POSTGRES: Final = os.environ.get("DATABASE") == "postgresql"
ROUNDS: Final = 15
BAR_RATIO: Final = 2.0
BAR_MS: Final = 20.0
PAGES: Final = (
    "/owner/errors", "/owner/errors?range=30d", "/owner/errors?range=30d&severity=critical",
    "/owner/errors?range=30d&service=checkout", "/owner/errors?range=30d&service=mailer&source=frontend",
    "/owner/errors?range=30d&environment=staging", "/owner/errors?q=gateway", "/owner/errors?range=30d&q=gateway",
    "/owner/errors?range=30d&q=line", "/owner/errors?range=30d&q=line&service=mailer",
    "/owner/errors?range=30d&q=line&severity=critical", "/owner/errors?range=30d&q=nowhere", "/owner/errors?issue=3",
    "/owner/errors/2000", "/owner/issues", "/owner/issues?sort=trend", "/owner/issues?sort=users&state=all",
    "/owner/issues/3", "/owner/handbook", "/api/errors/recent", "/api/errors/stats",
)  # fmt: skip


def filled(address: str, events: int) -> str:
    """A month in a database."""
    storage = open_storage(address)
    try:
        fill(storage, events=events, seed=1, now=datetime.now(timezone.utc))
        # As the janitor leaves it.
        storage.give_back()
    finally:
        storage.close()
    if POSTGRES:
        # As autovacuum does within minutes; without statistics a search reads words anew.
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
    return address


def milliseconds(client: httpx.Client, page: str) -> float:
    """How long one page takes."""
    began = time.perf_counter()
    answer = client.get(page)
    took = (time.perf_counter() - began) * 1_000
    assert answer.status_code == 200, (page, answer.status_code)
    return took


def main() -> None:
    """Fill, measure, print."""
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        on = stack.enter_context(server()) if POSTGRES else None
        clients = []
        for events in (SMALL, LARGE):
            address = on.database() if on else str(Path(directory) / f"{events}.db")
            running = stack.enter_context(closing(Collector(filled(address, events))))
            headers = {"X-Internal-Secret": SECRET}
            clients.append(stack.enter_context(httpx.Client(base_url=running.url, headers=headers, timeout=60)))
        print(f"\n{'median of a page':52} {SMALL:>10,} {LARGE:>12,}   ratio (bar {BAR_RATIO:g}, {BAR_MS:g} ms)")
        for page in PAGES:
            times: list[list[float]] = [[], []]
            for _ in range(ROUNDS):
                for client, of_client in zip(clients, times, strict=True):
                    of_client.append(milliseconds(client, page))
            small, large = map(statistics.median, times)
            print(f"{page:52} {small:7.1f} ms {large:9.1f} ms   {large / small:5.2f}")


if __name__ == "__main__":
    main()
