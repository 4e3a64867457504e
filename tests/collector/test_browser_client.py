"""`/errorClient.js`: the file, compressed or not, and how browsers keep it."""

from __future__ import annotations

import gzip
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

import levqor_errors.collector
from levqor_errors.collector import create_app
from levqor_errors.config import CollectorSettings
from support import SECRET, Database, served

pytestmark = pytest.mark.sqlite

FILE = (Path(levqor_errors.collector.__file__).parent / "browser" / "errorClient.js").read_bytes()
PLAIN = {"Accept-Encoding": "identity"}


@pytest.mark.parametrize("encoding", ["identity", "gzip, deflate, br", "br", ""])
def test_the_file(collector_url: str, encoding: str) -> None:
    answer = httpx.get(f"{collector_url}/errorClient.js", headers={"Accept-Encoding": encoding})
    assert answer.status_code == 200
    assert answer.content == FILE
    assert answer.headers.get("content-encoding") == ("gzip" if "gzip" in encoding else None)
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert "set-cookie" not in answer.headers


def test_four_kilobytes_at_most_travel(collector_url: str) -> None:
    with httpx.stream("GET", f"{collector_url}/errorClient.js", headers={"Accept-Encoding": "gzip"}) as answer:
        travelled = b"".join(answer.iter_raw())
    assert gzip.decompress(travelled) == FILE
    assert len(travelled) <= 4_096


def test_a_browser_that_has_it_is_told_so(collector_url: str) -> None:
    url = f"{collector_url}/errorClient.js"
    tags = {}
    for encoding in ("identity", "gzip"):
        headers = {"Accept-Encoding": encoding}
        tag = tags[encoding] = httpx.get(url, headers=headers).headers["etag"]
        for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            answer = httpx.get(url, headers={**headers, "If-None-Match": known})
            assert (answer.status_code, answer.content) == (304, b"")
            assert answer.headers["etag"] == tag
            assert answer.headers["cache-control"] == "public, max-age=3600"
        assert httpx.get(url, headers={**headers, "If-None-Match": '"other"'}).status_code == 200
    # Two files are there under one address: each has a tag of its own.
    assert tags["identity"] != tags["gzip"]


def test_every_collector_has_the_same_tags(database: Database, collector_url: str) -> None:
    app = create_app(CollectorSettings(str(database), SECRET))
    with served(Starlette(routes=[Mount("/monitor", app)]), lifespan=False) as url:
        other = httpx.get(f"{url}/monitor/errorClient.js")
    app.state.collector.close()
    assert other.headers["etag"] == httpx.get(f"{collector_url}/errorClient.js").headers["etag"]


def test_head(collector_url: str) -> None:
    answer = httpx.head(f"{collector_url}/errorClient.js", headers=PLAIN)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(FILE))
