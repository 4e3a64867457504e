"""Fixtures: a collector of the test's own, always a real one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from levqor_errors.collector import create_app
from levqor_errors.config import CollectorSettings
from support import SECRET, CollectorProcess, owner, served


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the developer's own reaches a test, and no test writes into his spool."""
    for name in (
        "INTERNAL_SECRET", "DATABASE_PATH", "DATABASE_URL", "RATE_LIMIT", "TRUSTED_PROXIES", "ALLOWED_ORIGINS",
        "INGEST_KEYS", "RETENTION_DAYS", "MAX_DATABASE_BYTES", "MIN_FREE_BYTES",
    ):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    for name in ("URL", "SERVICE", "ENVIRONMENT", "RELEASE", "KEY"):
        monkeypatch.delenv(f"LEVQOR_ERRORS_{name}", raising=False)
    monkeypatch.setenv("LEVQOR_ERRORS_SPOOL_DIR", str(tmp_path / "spool"))


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where the test's database is, or will be."""
    return tmp_path / "levqor.db"


@pytest.fixture
def collector_url(database: Path) -> Iterator[str]:
    """A collector served by uvicorn in a thread of this process; its address."""
    with served(create_app(CollectorSettings(str(database), SECRET))) as url:
        yield url


@pytest.fixture
def api(collector_url: str) -> Iterator[httpx.Client]:
    """A client of that collector, with the owner's secret."""
    with owner(collector_url) as client:
        yield client


@pytest.fixture
def start_collector(database: Path) -> Iterator[Callable[..., CollectorProcess]]:
    """Starts collectors as processes of their own; all end with the test."""
    started: list[CollectorProcess] = []

    def start(path: Path = database, **options: object) -> CollectorProcess:
        started.append(CollectorProcess(path, **options))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for process in started:
        process.close()
