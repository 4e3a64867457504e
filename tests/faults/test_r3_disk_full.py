"""R3: disk full (`max_page_count`, and a tiny tmpfs).

Passes when: 503 with Retry-After, nothing acknowledged that is not stored, recovers by itself.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from levqor_errors.collector import create_app
from levqor_errors.config import CollectorSettings
from levqor_errors.ids import uuid7
from levqor_errors.storage.sqlite import connections
from support import SECRET, CollectorProcess, event_ids, owner, rows, served, wait_until

pytestmark = pytest.mark.sqlite

LOG = "/api/errors/log"
StartCollector = Callable[..., CollectorProcess]


def event(size: int = 20_000) -> dict[str, Any]:
    """An event of about so many bytes, which no index or page shares with another."""
    return {"event_id": uuid7(), "message": "the disk is filling", "stack": os.urandom(size // 2).hex()}


def fill(client: httpx.Client, acknowledged: list[str], *, most: int = 3_000) -> httpx.Response:
    """Post events until one is not taken; gives that answer."""
    for _ in range(most):
        sent = event()
        answer = client.post(LOG, json=sent)
        if answer.status_code != 201:
            return answer
        acknowledged.append(sent["event_id"])
    raise AssertionError("the disk never filled")


def check_refusal(answer: httpx.Response, why: str) -> None:
    """503, with the seconds after which to try again, and a reason without a path."""
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.json() == {"ok": False, "error": why}


def check_kept(database: Path, acknowledged: list[str]) -> None:
    """All that was acknowledged is there, once, and nothing else."""
    assert sorted(event_ids(database)) == sorted(acknowledged)
    assert rows(database, "PRAGMA integrity_check") == [("ok",)]
    assert rows(database, "SELECT SUM(count) FROM event_counts") == [(len(acknowledged),)]
    assert rows(database, "SELECT SUM(count) FROM issues") == [(len(acknowledged),)]


@pytest.fixture
def tmpfs(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system of 8 MB, or as large as is asked for."""
    directory = tmp_path / "tmpfs"
    directory.mkdir()
    size = getattr(request, "param", "8m")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(directory)],
        capture_output=True,
        check=False,
        text=True,
    )
    if mounted.returncode != 0:
        pytest.skip(f"no file system may be mounted here: {mounted.stderr.strip()}")
    yield directory
    subprocess.run(["umount", "--lazy", str(directory)], check=True)


def test_r3_max_page_count(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database itself says that it is full, in the middle of a transaction."""
    monkeypatch.setattr(connections, "_NO_PAGE_LIMIT", 400)
    acknowledged: list[str] = []
    app = create_app(CollectorSettings(str(database), SECRET, max_database_bytes=None))
    with served(app) as url, owner(url) as client:
        check_refusal(fill(client, acknowledged), "the disk is full")
        # A batch is refused whole, and reads go on.
        check_refusal(client.post(LOG, json=[event() for _ in range(5)]), "the disk is full")
        assert client.get("/api/errors/recent").json()["count"] > 0
        assert client.get("/api/errors/stats").json()["total"] == len(acknowledged)
        assert client.get("/healthz").status_code == 503
    assert len(acknowledged) > 20
    check_kept(database, acknowledged)


def test_r3_tiny_tmpfs(tmpfs: Path, start_collector: StartCollector) -> None:
    """The disk is full, and then has room again."""
    database = tmpfs / "levqor.db"
    ballast = tmpfs / "ballast"
    ballast.write_bytes(bytes(3 * 1024 * 1024))
    acknowledged: list[str] = []
    collector = start_collector(database, MIN_FREE_BYTES="off", MAX_DATABASE_BYTES="off", RATE_LIMIT="off")
    with owner(collector.url) as client:
        check_refusal(fill(client, acknowledged), "the disk is full")
        for _ in range(3):
            check_refusal(client.post(LOG, json=event(200_000)), "the disk is full")
        assert client.get("/api/errors/stats").json()["total"] == len(acknowledged)
        assert client.get("/healthz").json()["why"] == "writes fail: the disk is full"
        ballast.unlink()
        sent = event()
        wait_until(lambda: client.post(LOG, json=sent).status_code in (200, 201))
        acknowledged.append(sent["event_id"])
        wait_until(lambda: client.get("/healthz").status_code == 200)
    assert collector.terminate() == 0
    assert len(acknowledged) > 20
    check_kept(database, acknowledged)
    # Told once when it began and once when it was over, and not for each request.
    assert collector.output.count("writes fail") == 1
    assert collector.output.count("writes work again") == 1


@pytest.mark.parametrize("tmpfs", ["40m"], indirect=True)
def test_r3_the_floor_is_met_before_the_disk_is_full(tmpfs: Path, start_collector: StartCollector) -> None:
    database = tmpfs / "levqor.db"
    acknowledged: list[str] = []
    collector = start_collector(database, MIN_FREE_BYTES="16MB", MAX_DATABASE_BYTES="off", RATE_LIMIT="off")
    with owner(collector.url) as client:
        check_refusal(fill(client, acknowledged), "the disk has too little free space")
        assert os.statvfs(tmpfs).f_bavail * os.statvfs(tmpfs).f_frsize > 8 * 1024 * 1024
        assert client.get("/api/errors/stats").json()["total"] == len(acknowledged)
    assert collector.terminate() == 0
    check_kept(database, acknowledged)


def test_r3_killed_while_full(tmpfs: Path, start_collector: StartCollector) -> None:
    """What was acknowledged before the disk filled is there after the next start, which needs a little room."""
    database = tmpfs / "levqor.db"
    ballast = tmpfs / "ballast"
    ballast.write_bytes(bytes(2 * 1024 * 1024))
    acknowledged: list[str] = []
    collector = start_collector(database, MIN_FREE_BYTES="off", MAX_DATABASE_BYTES="off", RATE_LIMIT="off")
    with owner(collector.url) as client:
        check_refusal(fill(client, acknowledged), "the disk is full")
    collector.kill()
    ballast.unlink()
    again = start_collector(database, MIN_FREE_BYTES="off", MAX_DATABASE_BYTES="off")
    assert again.terminate() == 0
    check_kept(database, acknowledged)
