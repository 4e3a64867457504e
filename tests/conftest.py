"""Fixtures: a collector of the test's own, always a real one."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import certifi
import httpx
import pytest

from levqor_errors.collector import create_app
from levqor_errors.config import CollectorSettings
from postgres_support import PostgresDatabase, PostgresServer
from smtp_support import FakeSmtp
from support import SECRET, SETTINGS, CollectorProcess, Database, owner, served
from telegram_support import FakeTelegram


@pytest.fixture(scope="session", autouse=True)
def quick_starts(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What thousands of HTTP clients and hundreds of processes would each do anew."""
    # Every httpx client reads all certificates that browsers trust, 18 ms, even if it never speaks TLS. None here
    # speaks it with anybody but this machine; one certificate will do.
    end = "-----END CERTIFICATE-----\n"
    bundle = tmp_path_factory.mktemp("certificates") / "one.pem"
    bundle.write_text(Path(certifi.where()).read_text(encoding="utf-8").partition(end)[0] + end, encoding="utf-8")
    os.environ["SSL_CERT_FILE"] = str(bundle)
    # Where this is set, each process would compile the package for itself.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the developer's own reaches a test, and no test writes into his spool."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LEVQOR_ERRORS_SPOOL_DIR", str(tmp_path / "spool"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Whatever has to do with a database is tested on both kinds, unless it is marked to be about SQLite alone."""
    if "database" in metafunc.fixturenames:
        both = metafunc.definition.get_closest_marker("sqlite") is None
        metafunc.parametrize("database", ["sqlite", "postgres"] if both else ["sqlite"], indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones come first: while one that began last goes on, the other processes have nothing left to do."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session")
def postgres() -> PostgresServer:
    """A PostgreSQL server, for all tests of this process."""
    return PostgresServer()


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """The test's own database: a file that is not there yet, or an address of one that is empty."""
    if request.param == "sqlite":
        yield tmp_path / "levqor.db"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    database = server.lend()
    yield database
    server.give_back(database)


@pytest.fixture
def smtp() -> Iterator[FakeSmtp]:
    """A mail server."""
    with FakeSmtp() as smtp:
        yield smtp


@pytest.fixture
def telegram() -> Iterator[FakeTelegram]:
    """A Telegram."""
    with FakeTelegram() as telegram:
        yield telegram


@pytest.fixture
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], Database]]:
    """Makes a database of a kind, `sqlite` or `postgres`, in which there is nothing yet."""
    made: list[PostgresDatabase] = []

    def new(kind: str) -> Database:
        if kind == "sqlite":
            return tmp_path / f"new-{next(numbers)}.db"
        server: PostgresServer = request.getfixturevalue("postgres")
        made.append(server.create())
        return made[-1]

    numbers = itertools.count(1)
    yield new
    for database in made:
        request.getfixturevalue("postgres").drop(database)


@pytest.fixture
def collector_url(database: Database) -> Iterator[str]:
    """A collector served by uvicorn in a thread of this process; its address."""
    with served(create_app(CollectorSettings(str(database), SECRET))) as url:
        yield url


@pytest.fixture
def api(collector_url: str) -> Iterator[httpx.Client]:
    """A client of that collector, with the owner's secret."""
    with owner(collector_url) as client:
        yield client


@pytest.fixture
def start_collector(database: Database) -> Iterator[Callable[..., CollectorProcess]]:
    """Starts collectors as processes of their own; all end with the test."""
    started: list[CollectorProcess] = []

    def start(path: Database = database, **options: object) -> CollectorProcess:
        started.append(CollectorProcess(path, **options))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for process in started:
        process.close()
