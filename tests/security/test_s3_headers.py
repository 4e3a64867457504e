"""S3 | headers | strict CSP with no inline script or style, nosniff, no framing, no referrer, no-store on data

`tests/browser/test_s7_session.py` has a browser that is asked to frame a page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from levqor_errors.collector import create_app
from levqor_errors.config import CollectorSettings
from route_support import METHODS, all_routes
from support import SECRET, Database, served

pytestmark = pytest.mark.sqlite

#: What a page may load, run, send to and be framed by; nothing but what is its own, and nothing that is inline.
POLICY: Final = {
    "default-src": {"'none'"}, "script-src": {"'self'"}, "style-src": {"'self'"}, "img-src": {"'self'"},
    "connect-src": {"'self'"}, "form-action": {"'self'"}, "base-uri": {"'none'"}, "frame-ancestors": {"'none'"},
}  # fmt: skip
#: The same for everybody, and for browsers to keep.
FILES: Final = ("/static/", "/errorClient.js")
#: What is not there, or cannot be read: what fails has headers as well.
MISSING: Final = (
    "/nothing", "/owner/nothing", "/api/nothing", "/static/nothing.css", "/owner/errors/nothing", "/owner/errors/999",
    "/owner/issues/nothing", "/owner/issues/999", "/api/errors/nothing", "/api/errors/recent?limit=x",
    "/owner/errors?since=x", "/owner/issues?sort=x", "/shared/nothing", "/login?token=nothing",
    "/owner/export?format=x", "/static/style.css", "/owner/export?format=csv", "/owner/export?format=ndjson",
)  # fmt: skip
#: As nobody, as a browser of nobody's, and as the owner.
WHO: Final[tuple[dict[str, str], ...]] = ({}, {"Accept": "text/html"}, {"X-Internal-Secret": SECRET})


@pytest.fixture
def app(database: Database) -> Starlette:
    return create_app(CollectorSettings(str(database), SECRET))


@pytest.fixture
def client(app: Starlette) -> Iterator[httpx.Client]:
    with served(app) as url, httpx.Client(base_url=url) as client:
        assert client.post("/api/errors/log", json={"message": "an event"}).status_code == 201
        yield client


def headers_of(client: httpx.Client, method: str, path: str, headers: dict[str, str]) -> tuple[int, httpx.Headers]:
    """The status and the headers; a live stream has no end to wait for."""
    with client.stream(method, path, headers=headers) as answer:
        return answer.status_code, answer.headers


def assert_guarded(path: str, status: int, headers: httpx.Headers) -> None:
    """What an answer has to say, by what is in it."""
    kind = headers.get("content-type")
    if kind is None:
        # Nothing is in it: a redirect, or leave to send.
        assert status in (204, 303, 307)
        return
    assert headers.get("x-content-type-options") == "nosniff"
    if not path.startswith(FILES) or status != 200:
        assert headers.get("cache-control") == "no-store"
    assert "set-cookie" not in headers or path.startswith("/log")
    if kind.startswith("text/html"):
        given = {name: set(words) for name, *words in map(str.split, headers["content-security-policy"].split(";"))}
        assert given == POLICY
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-opener-policy"] == "same-origin"


def test_s3_every_route_for_everybody(app: Starlette, client: httpx.Client, subtests: pytest.Subtests) -> None:
    paths = [path for path, _ in all_routes(app)]
    kinds = set()
    for path in (*paths, *MISSING):
        for method in METHODS:
            for who in WHO:
                with subtests.test(path=path, method=method, **who):
                    status, headers = headers_of(client, method, path, who)
                    assert status < 500
                    assert_guarded(path, status, headers)
                    kinds.add(headers.get("content-type", "").partition(";")[0])
    assert kinds >= {"text/html", "application/json", "text/css", "text/javascript", "text/csv", "text/plain"}


def test_s3_no_page_has_anything_inline(app: Starlette, client: httpx.Client, subtests: pytest.Subtests) -> None:
    paths = [path for path, methods in all_routes(app) if "GET" in methods]
    pages = 0
    for path in (*paths, *MISSING):
        for who in WHO[1:]:
            with subtests.test(path=path, **who):
                _, headers = headers_of(client, "GET", path, who)
                if not headers.get("content-type", "").startswith("text/html"):
                    continue
                html = client.get(path, headers=who).text
                pages += 1
                assert re.findall(r"<style|<script(?![^>]* src=)|<[^>]+\s(?:style|on\w+)=", html) == []
                # Nor from elsewhere.
                loaded = re.findall(r'<(?:script|link|img)\b[^>]*\s(?:src|href)="([^"]*)"', html)
                assert loaded
                assert {address[:8] for address in loaded} == {"/static/"}
    assert pages > 10


def test_s3_a_failure_that_nobody_expects_is_guarded_and_tells_nothing(app: Starlette, client: httpx.Client) -> None:
    async def fail(request: Request) -> Response:
        raise RuntimeError("the inside of the collector")

    app.router.routes.insert(0, Route("/fails", fail))
    answer = client.get("/fails")
    assert answer.status_code == 500
    assert "inside" not in answer.text
    assert_guarded("/fails", answer.status_code, answer.headers)
