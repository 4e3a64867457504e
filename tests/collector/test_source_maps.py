"""Source maps by HTTP: stored once, listed, replaced, deleted, bounded, and forgotten with their release."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from levqor_errors import limits
from levqor_errors.collector import create_app, source_maps
from levqor_errors.collector.body import Bodies
from levqor_errors.config import CollectorSettings
from levqor_errors.storage import open_storage
from levqor_errors.storage.source_maps import inflated, new_map
from source_map_support import MAP, dump, map_of
from storage_support import store
from support import SECRET, CollectorProcess, Database, owner, rows, served, wait_until

PATH = "/api/sourcemaps"
APP = {"release": "shop@1.0", "name": "~/static/app.js"}


def put(api: httpx.Client, body: bytes = MAP, **params: str) -> httpx.Response:
    """Upload a map."""
    return api.post(PATH, params={**APP, **params}, content=body)


def names(api: httpx.Client, release: str) -> list[str]:
    """Which maps a release has."""
    return [one["name"] for one in api.get(PATH, params={"release": release}).json()["maps"]]


def padded(size: int) -> bytes:
    """A map of about twice so many bytes, and of so many when it is compressed."""
    return dump(map_of(x=hashlib.shake_256(b"x").hexdigest(size)))


def test_a_map_is_stored_once_as_it_came(api: httpx.Client, database: Database) -> None:
    answer = put(api)
    digest = hashlib.sha256(MAP).hexdigest()
    assert answer.status_code == 201, answer.text
    assert answer.json() == {"ok": True, **APP, "digest": digest, "bytes": len(MAP), "removed": []}
    ((release, name, size, stored),) = rows(database, "SELECT release, name, bytes, map FROM source_maps")
    assert (release, name, size, inflated(bytes(stored))) == ("shop@1.0", "~/static/app.js", len(MAP), MAP)
    ((first,),) = rows(database, "SELECT uploaded_at FROM source_maps")
    again = api.post(
        PATH, params={**APP, "name": "https://cdn.example/static/app.js?v=2"}, content=gzip.compress(MAP),
        headers={"Content-Encoding": "gzip"},
    )  # fmt: skip
    assert (again.status_code, again.json()["name"]) == (200, "~/static/app.js")
    assert rows(database, "SELECT uploaded_at FROM source_maps") == [(first,)]


def test_another_map_takes_the_place_of_the_first(api: httpx.Client, database: Database) -> None:
    assert put(api).status_code == 201
    assert put(api, dump(map_of())).status_code == 201
    assert rows(database, "SELECT bytes FROM source_maps") == [(len(dump(map_of())),)]


def test_releases_and_their_maps_are_listed_and_deleted(api: httpx.Client) -> None:
    for release, count in (("1", 6), ("2", 1)):
        for number in range(count):
            put(api, release=release, name=f"/{number}.js")
    listed = api.get(PATH).json()
    assert [(one["release"], one["maps"]) for one in listed["releases"]] == [("2", 1), ("1", 6)]
    assert listed["maps"] == []
    of_one = api.get(PATH, params={"release": "1"}).json()
    assert [(one["release"], one["maps"]) for one in of_one["releases"]] == [("1", 6)]
    assert [one["name"] for one in of_one["maps"]] == [f"~/{number}.js" for number in range(6)]
    assert sum(one["stored_bytes"] for one in of_one["maps"]) == of_one["releases"][0]["stored_bytes"]
    assert api.get(PATH, params={"release": "none"}).json() == {"ok": True, "releases": [], "maps": []}
    assert api.delete(PATH, params={"release": "1", "name": "~/3.js"}).json() == {"ok": True, "deleted": 1}
    assert api.delete(PATH, params={"release": "1", "name": "~/3.js"}).json() == {"ok": True, "deleted": 0}
    assert api.delete(PATH, params={"release": "1"}).json() == {"ok": True, "deleted": 5}
    assert names(api, "1") == []
    assert names(api, "2") == ["~/0.js"]


@pytest.mark.parametrize(
    ("params", "body", "status", "why"),
    [
        ({"release": ""}, MAP, 400, "release and name are required"),
        ({"name": ""}, MAP, 400, "release and name are required"),
        ({"release": " \n"}, MAP, 400, "release and name are required"),
        ({"release": "x" * 201}, MAP, 400, "release must have at most 200"),
        ({"name": "app.js"}, MAP, 400, "name must be the path"),
        ({"name": "https://shop.example"}, MAP, 400, "name must be the path"),
        ({"name": "/" + "x" * 1_024}, MAP, 400, "name must be the path"),
        ({}, b"", 400, "this is no source map: it is not JSON"),
        ({}, dump(map_of(mappings="!")), 400, "not in Base64 VLQ"),
    ],
)
@pytest.mark.sqlite
def test_what_is_not_taken(api: httpx.Client, params: dict[str, str], body: bytes, status: int, why: str) -> None:
    answer = put(api, body, **params)
    assert (answer.status_code, answer.json()["ok"]) == (status, False)
    assert why in answer.json()["error"]
    assert api.get(PATH).json()["releases"] == []


@pytest.mark.sqlite
def test_bodies_have_bounds_of_their_own(collector_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = source_maps.SIZES._replace(sent=3_000_000, inflated=4_000_000)
    monkeypatch.setattr(source_maps, "SIZES", sizes)
    with owner(collector_url) as api:
        # More than an event may be.
        assert put(api, padded(1_250_000)).status_code == 201
        assert put(api, padded(1_500_000)).status_code == 413
        packed = gzip.compress(dump(map_of(x=" " * 4_000_000)))
        assert len(packed) < 10_000
        answer = api.post(PATH, params=APP, content=packed, headers={"Content-Encoding": "gzip"})
        assert (answer.status_code, "split the bundle" in answer.json()["error"]) == (413, True)
        assert api.post(PATH, params=APP, content=MAP, headers={"Content-Encoding": "br"}).status_code == 415
    monkeypatch.setattr(source_maps, "UPLOADS", Bodies(1_000_000))
    with owner(collector_url) as api:
        answer = put(api, padded(1_000_000))
        assert (answer.status_code, "retry-after" in answer.headers) == (503, True)


@pytest.mark.sqlite
def test_only_the_owner_may(collector_url: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        for headers in ({}, {"X-Internal-Secret": "wrong"}):
            answer = httpx.request(method, f"{collector_url}{PATH}", params=APP, headers=headers)
            assert answer.status_code == 401
    with owner(collector_url) as api:
        answer = api.put(PATH, params=APP, content=MAP)
        assert (answer.status_code, sorted(answer.headers["allow"].split(", "))) == (
            405,
            ["DELETE", "GET", "HEAD", "POST"],
        )


def test_where_there_is_no_room_the_maps_of_others_go(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    body = padded(5_000)
    unit = len(zlib.compress(body))
    monkeypatch.setattr(limits, "SOURCE_MAPS_BYTES", unit * 99 // 10)
    with closing(open_storage(str(database))) as storage:
        store(storage, "one", 1, release="in use")
    with served(create_app(CollectorSettings(str(database), SECRET))) as url, owner(url) as api:
        for release in ("in use", "old", "new"):
            for number in range(3):
                assert put(api, body, release=release, name=f"/{number}.js").json()["removed"] == []
        assert put(api, body, release="new", name="/3.js").json()["removed"] == ["old"]
        assert (names(api, "in use"), names(api, "old")) == (["~/0.js", "~/1.js", "~/2.js"], ["~/1.js", "~/2.js"])
        large = padded(32_500)
        assert put(api, large, release="next").json()["removed"] == ["old", "new"]
        assert (len(names(api, "in use")), names(api, "old"), names(api, "new")) == (3, [], [])
        # Of the same release none goes, and none at all where it would not help.
        assert put(api, large, release="next", name="/2.js").status_code == 413
        assert len(names(api, "in use")) == 3
        # What it takes the place of is no burden.
        assert put(api, padded(33_000), release="next").json()["removed"] == []
        assert put(api, padded(10_000), release="next", name="/2.js").json()["removed"] == ["in use"]


def test_a_release_has_so_many_maps(api: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SOURCE_MAPS", 2)
    assert [put(api, name=f"/{number}.js").status_code for number in range(3)] == [201, 201, 413]
    assert put(api, dump(map_of()), name="/1.js").status_code == 201


def test_maps_go_with_their_release(database: Database, start_collector: Callable[..., CollectorProcess]) -> None:
    with closing(open_storage(str(database))) as storage:
        store(storage, "one", 1, release="seen")
        with storage.source_maps() as maps:
            for release, day in (("seen", "2020-01-01"), ("unseen", "2020-01-01"), ("fresh", "2999-01-01")):
                for number in range(10):
                    new = new_map(release, f"~/{number}.js", "0" * 64, MAP)
                    maps.put(new, most_bytes=10**9, now=f"{day}T00:00:00.000Z")
    collector = start_collector(RETENTION_DAYS="36500")
    with owner(collector.url) as api:
        wait_until(lambda: len(api.get(PATH).json()["releases"]) == 3)
    collector.terminate()
    collector = start_collector(RETENTION_DAYS="1000")
    with owner(collector.url) as api:
        wait_until(lambda: len(api.get(PATH).json()["releases"]) == 2)
        assert {one["release"]: one["maps"] for one in api.get(PATH).json()["releases"]} == {"seen": 10, "fresh": 10}


def test_nothing_is_kept_of_an_upload_that_breaks_off(collector_url: str) -> None:
    def parts() -> Iterator[bytes]:
        yield MAP[:1_000]
        raise ConnectionAbortedError

    with owner(collector_url) as api:
        with pytest.raises(ConnectionAbortedError):
            api.post(PATH, params=APP, content=parts())
        assert api.get(PATH).json()["releases"] == []
        assert put(api).status_code == 201


def test_what_a_map_may_have_in_it_comes_back_as_it_is(api: httpx.Client) -> None:
    content: dict[str, Any] = map_of(sources=["🧨\x00\ud800"], sourcesContent=["\x00\ud800\\"])
    release, name = "r/1 ?&#%🧨", "~/a%20b%3Fc%25/🧨.js"
    assert put(api, json.dumps(content).encode(), release=release, name=name).status_code == 201
    assert names(api, release) == ["~/a b?c%/🧨.js"]
