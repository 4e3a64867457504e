"""What measures ingest on either database: a collector as a user starts it, and wrk that posts to it."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, NamedTuple

from events import make_event

SECONDS = 5
CONNECTIONS = 32
#: A number for each run of wrk, so that no two send the same event_id.
_runs = itertools.count(int(time.time()))

#: The owner's, of collectors that are measured.
SECRET: Final = "for-the-benchmark-only"


class Load(NamedTuple):
    """What wrk measured."""

    rate: float
    p50: float
    p99: float


class Collector:
    """A collector of its own, as a user starts it, without limits.

    Args:
        database: an SQLite file, or the address of a PostgreSQL database.
    """

    def __init__(self, database: str) -> None:
        self.database = database
        environ = {
            **os.environ, "RATE_LIMIT": "off", "MAX_DATABASE_BYTES": "off", "MIN_FREE_BYTES": "off",
            "INTERNAL_SECRET": SECRET,
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "-m", "levqor_errors", "collector", "--port", "0", "--database", database],
            stdout=subprocess.PIPE, env=environ, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[-1]
        # The first event starts the process that writes.
        post(self.url, [make_event(0)])

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()


def post(url: str, events: list[dict[str, Any]]) -> None:
    """Post a batch."""
    request = urllib.request.Request(f"{url}/api/errors/log", json.dumps(events).encode())
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer)["accepted"] == len(events)


def wrk(script: Path, url: str, seconds: float = SECONDS, connections: int = CONNECTIONS) -> Load:
    """Post for so long, and see that every request was taken."""
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", script, f"{url}/api/errors/log"],
        stdout=subprocess.PIPE, check=True, text=True, env={**os.environ, "BENCH_RUN": str(next(_runs))},
    )  # fmt: skip
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["bad"] == 0, done.stdout
    return Load(result["requests"] / result["seconds"], result["p50"], result["p99"])


def wrk_all(script: Path, urls: list[str], connections: int) -> float:
    """Post to all of them at once, on so many connections to each; requests a second in all."""
    with ThreadPoolExecutor(len(urls)) as pool:
        return sum(load.rate for load in pool.map(lambda url: wrk(script, url, connections=connections), urls))


def require_wrk() -> None:
    """End with a message where there is no wrk."""
    if shutil.which("wrk") is None:
        sys.exit("this needs wrk: apt-get install wrk")


def row(name: str, ours: str, limit: str, ratio: float, bar: str) -> None:
    """A line of the table."""
    print(f"| {name} | {ours} | {limit} | {ratio:.2f} | {bar} |", flush=True)
