"""Ingest keys: who has one may send, for its service; what has none is refused and counted."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from levqor_errors.collector import create_app
from levqor_errors.collector.keys import Keys
from levqor_errors.collector.refusals import Reason, Refusals, Refused
from levqor_errors.config import CollectorSettings
from levqor_errors.errors import RequestRefusedError
from support import SECRET, Database, event_ids, rows, served

# A key is looked at before anything that has to do with a database.
pytestmark = pytest.mark.sqlite

LOG = "/api/errors/log"
KEYS = {"shop-key-1234": "shop", "any-key-1234": "*"}
SHOP = {"X-Levqor-Key": "shop-key-1234"}
ANY = {"X-Levqor-Key": "any-key-1234"}


@pytest.fixture
def keyed(database: Database) -> Iterator[tuple[httpx.Client, Refusals]]:
    """A collector that asks for keys, and what it refused."""
    app = create_app(CollectorSettings(str(database), SECRET, ingest_keys=KEYS))
    with served(app) as url, httpx.Client(base_url=url) as client:
        yield client, app.state.collector.refusals


def test_a_key_comes_in_the_header_or_in_the_address(keyed: tuple[httpx.Client, Refusals]) -> None:
    client, _ = keyed
    assert client.post(LOG, json={"message": "x"}, headers=SHOP).status_code == 201
    assert client.post(f"{LOG}?key=shop-key-1234", json={"message": "x"}).status_code == 201
    assert client.post(f"{LOG}?v=1&key=shop-key-1234", content='{"message": "x"}').status_code == 201


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({}, ""),
        ({"X-Levqor-Key": ""}, ""),
        ({"X-Levqor-Key": "shop-key-123"}, ""),
        ({"X-Levqor-Key": "SHOP-KEY-1234"}, ""),
        ({"X-Levqor-Key": "wrong-key"}, "?key=shop-key-1234"),
        ({"X-Internal-Secret": SECRET}, ""),
        ({}, "?key="),
        ({}, "?key=shop"),
        ({}, "?Key=shop-key-1234"),
        ({}, "?key=%ff%fe"),
        ({}, "?" + "a=1&" * 100 + "key=shop-key-1234"),
    ],
)
def test_without_a_key_it_is_a_401_and_is_counted(
    keyed: tuple[httpx.Client, Refusals], database: Database, headers: dict[str, str], query: str
) -> None:
    client, refusals = keyed
    answer = client.post(f"{LOG}{query}", json={"message": "x"}, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["ok"] is False
    assert "an ingest key is required" in answer.json()["error"]
    assert refusals.totals()[Reason.KEY] == Refused(requests=1, events=0)
    assert event_ids(database) == []


def test_bytes_that_are_no_text_are_no_key() -> None:
    keys = Keys(KEYS)
    for headers, query in (({b"x-levqor-key": b"\xff"}, b""), ({}, b"key=\xff"), ({}, b"\xff\xfe=&;=")):
        with pytest.raises(RequestRefusedError):
            keys.service(headers, query)


def test_an_event_without_a_service_gets_the_keys(keyed: tuple[httpx.Client, Refusals], database: Database) -> None:
    client, _ = keyed
    for service in (None, "", "  ", "unknown", "shop"):
        assert client.post(LOG, json={"message": "x", "service": service}, headers=SHOP).status_code == 201
    assert rows(database, "SELECT DISTINCT service FROM error_events") == [("shop",)]
    assert rows(database, "SELECT DISTINCT service FROM issues") == [("shop",)]


def test_a_key_for_any_service_takes_all(keyed: tuple[httpx.Client, Refusals], database: Database) -> None:
    client, _ = keyed
    client.post(LOG, json=[{"message": "x", "service": "web"}, {"message": "x"}], headers=ANY)
    assert rows(database, "SELECT service FROM error_events ORDER BY id") == [("web",), ("unknown",)]


def test_an_event_of_another_service_is_refused_and_the_others_are_stored(
    keyed: tuple[httpx.Client, Refusals], database: Database
) -> None:
    client, refusals = keyed
    single = client.post(LOG, json={"message": "x", "service": "web"}, headers=SHOP)
    assert single.status_code == 403
    assert single.json() == {"ok": False, "error": "service must be shop, by this key"}
    assert refusals.totals()[Reason.KEY] == Refused(requests=1, events=1)
    events = [{"message": "x", "service": "web"}, {"message": "x", "service": "shop"}, {}]
    many = client.post(LOG, json=events, headers=SHOP)
    assert many.status_code == 200
    assert many.json() == {
        "ok": True,
        "accepted": 1,
        "rejected": [
            {"index": 0, "error": "service must be shop, by this key"},
            {"index": 2, "error": "message is required"},
        ],
    }
    assert refusals.totals()[Reason.KEY] == Refused(requests=1, events=2)
    assert refusals.totals()[Reason.INVALID] == Refused(requests=0, events=1)
    assert len(event_ids(database)) == 1


def test_a_key_opens_nothing_but_ingest(keyed: tuple[httpx.Client, Refusals]) -> None:
    client, _ = keyed
    for path in ("/api/errors/recent", "/api/errors/stats", "/owner/errors"):
        assert client.get(f"{path}?key=any-key-1234", headers=ANY).status_code == 401


def test_without_keys_none_is_asked_for_and_one_does_no_harm(api: httpx.Client) -> None:
    assert api.post(f"{LOG}?key=something", json={"message": "x"}, headers=SHOP).status_code == 201
