"""/metrics: exact numbers, in Prometheus' form and by its conventions, and nothing that names anything."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace

import httpx
import pytest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import Request

from levqor_errors.collector import create_app, metrics
from levqor_errors.collector.facts import FactsReader
from levqor_errors.collector.metrics import Metrics
from levqor_errors.collector.refusals import Reason, Refusals
from levqor_errors.collector.writer import Writer
from levqor_errors.config import CollectorSettings
from levqor_errors.errors import StorageUnavailableError
from levqor_errors.ids import uuid7
from levqor_errors.storage import open_storage
from levqor_errors.version import VERSION
from support import SECRET, Database, served

LOG = "/api/errors/log"
NOW = "2026-11-24T03:00:00.000Z"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text of a second ago is not given again."""
    monkeypatch.setattr(metrics, "KEEP_SECONDS", 0)


def parsed(text: str) -> dict[str, Metric]:
    """The families by name."""
    return {family.name: family for family in text_string_to_metric_families(text)}


def values(family: Metric, label: str) -> dict[str, float]:
    """A family's samples by one of their labels."""
    return {sample.labels[label]: sample.value for sample in family.samples}


def value(families: Mapping[str, Metric], name: str) -> float:
    """The one sample of that name."""
    (found,) = [sample.value for family in families.values() for sample in family.samples if sample.name == name]
    return found


def scrape(url: str) -> dict[str, Metric]:
    """What anyone gets."""
    answer = httpx.get(f"{url}/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == CONTENT_TYPE_PLAIN_0_0_4
    return parsed(answer.text)


def test_events_are_counted_exactly_by_severity(collector_url: str) -> None:
    assert values(scrape(collector_url)["levqor_errors_events"], "severity") == dict.fromkeys(
        ("info", "warning", "error", "critical"), 0
    )
    again = {"message": "sent again", "severity": "fatal", "event_id": uuid7()}
    for sent in (
        {"message": "one"}, again, again, [{"message": "two"}, {}, {"message": "three", "severity": "info"}], {},
    ):  # fmt: skip
        httpx.post(f"{collector_url}{LOG}", json=sent)
    families = scrape(collector_url)
    assert values(families["levqor_errors_events"], "severity") == {"info": 1, "warning": 0, "error": 2, "critical": 1}
    # One for each request that had something to store.
    assert value(families, "levqor_errors_commit_duration_seconds_count") == 4
    assert value(families, "levqor_errors_commit_duration_seconds_sum") > 0
    assert value(families, "levqor_errors_queue_events") == 0
    assert value(families, "levqor_errors_queue_lag_seconds") == 0


def test_every_reason_of_a_refusal_is_there_from_the_start(database: Database) -> None:
    app = create_app(CollectorSettings(str(database), SECRET))
    refusals: Refusals = app.state.collector.refusals
    with served(app) as url:
        families = scrape(url)
        for kind in ("requests", "events"):
            assert values(families[f"levqor_errors_refused_{kind}"], "reason") == {each.value: 0 for each in Reason}
        refusals.count(Reason.CLIENT_RATE, now=NOW, events=7)
        refusals.count(Reason.CLIENT_RATE, now=NOW, events=1)
        refusals.count(Reason.INVALID, now=NOW, requests=0, events=2)
        # What was handed on to the database stays counted.
        refusals.drain()
        families = scrape(url)
    requests, events = (values(families[f"levqor_errors_refused_{kind}"], "reason") for kind in ("requests", "events"))
    assert (requests["client_rate"], events["client_rate"]) == (2, 8)
    assert (requests["invalid"], events["invalid"]) == (0, 2)


def test_names_keep_to_the_conventions(collector_url: str) -> None:
    """https://prometheus.io/docs/practices/naming/: a prefix, base units, what a thing counts."""
    families = scrape(collector_url)
    assert len(families) > 10
    for name, family in families.items():
        assert name.startswith(("levqor_errors_", "process_")), name
        assert family.documentation.endswith(".")
        assert family.type != "unknown"
        counters = {sample.name for sample in family.samples if sample.name.endswith("_total")}
        assert bool(counters) == (family.type == "counter"), name
        assert not name.endswith(("_ms", "_milliseconds", "_kb", "_mb", "_percent"))
    build = families["levqor_errors_build_info"].samples[0]
    assert build.labels["version"] == VERSION
    assert build.labels["database"].startswith(("SQLite 3.", "PostgreSQL "))
    assert value(families, "levqor_errors_database_up") == 1


def test_nothing_that_was_sent_is_in_it(collector_url: str) -> None:
    event = {"message": "secret-message", "service": "secret-service", "environment": "secret-env", "severity": "info"}
    assert httpx.post(f"{collector_url}{LOG}", json=event).status_code == 201
    assert "secret" not in httpx.get(f"{collector_url}/metrics").text


def test_failing_writes_show(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app(CollectorSettings(str(database), SECRET))

    def write(_batch: object) -> list[object]:
        raise StorageUnavailableError("the disk is full")

    with served(app) as url:
        assert value(scrape(url), "levqor_errors_writes_failing") == 0
        with monkeypatch.context() as patch:
            patch.setattr(app.state.collector.storage, "write", write)
            assert httpx.post(f"{url}{LOG}", json={"message": "x"}).status_code == 503
        families = scrape(url)
        assert value(families, "levqor_errors_writes_failing") == 1
        assert value(families, "levqor_errors_commit_duration_seconds_count") == 0
        assert httpx.post(f"{url}{LOG}", json={"message": "x"}).status_code == 201
        assert value(scrape(url), "levqor_errors_writes_failing") == 0


def test_connections_and_facts_are_there_where_somebody_knows_them(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = open_storage(str(database))
    facts = {"database": "x", "wal_bytes": 1, "database_bytes": 2, "free_bytes": 3, "alerts_unsent": 4}
    monkeypatch.setattr(storage, "health", lambda: facts)
    connections = SimpleNamespace(open=5, waiting=2, cut={"head": 1, "body": 0})
    endpoint = Metrics(FactsReader(storage.health), Writer(storage), Refusals(), connections)
    answer = asyncio.run(endpoint.get(Request({"type": "http"})))
    storage.close()
    families = parsed(bytes(answer.body).decode())
    assert [
        value(families, f"levqor_errors_{name}")
        for name in ("wal_bytes", "database_bytes", "disk_free_bytes", "alerts_unsent", "connections_open",
                     "connections_waiting")
    ] == [1, 2, 3, 4, 5, 2]  # fmt: skip
    assert values(families["levqor_errors_connections_cut"], "reason") == {"head": 1, "body": 0}


def test_a_flood_of_scrapes_gets_the_same_text(collector_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "KEEP_SECONDS", 3600)
    first = httpx.get(f"{collector_url}/metrics").text
    httpx.post(f"{collector_url}{LOG}", json={"message": "x"})
    assert httpx.get(f"{collector_url}/metrics").text == first
