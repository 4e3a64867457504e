"""The OpenAPI document is complete and true: against the routes of the application, and, by schemathesis, against what
a live collector answers to valid and invalid requests.
"""

from __future__ import annotations

import copy
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from levqor_errors.collector import create_app
from levqor_errors.collector.openapi import DOCUMENT
from levqor_errors.collector.openapi_schemas import SCHEMAS
from levqor_errors.config import CollectorSettings
from stream_support import STREAM
from support import SECRET, CollectorProcess, Database, clean_environ, rows, served

RECENT = "/api/errors/recent"
STATS = "/api/errors/stats"
#: The rest are the owner's pages.
API = re.compile(r"/api/|/healthz$|/metrics$")
#: For an operation. Most requests come from the edges of its schemas, which schemathesis goes through whatever this is.
EXAMPLES = 20

needs_schemathesis = pytest.mark.skipif(
    importlib.util.find_spec("schemathesis") is None, reason="schemathesis needs Python 3.11"
)


@pytest.fixture
def app(database: Database) -> Iterator[Starlette]:
    app = create_app(CollectorSettings(str(database), SECRET))
    yield app
    app.state.collector.close()


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and description of each operation in the document."""
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def routed(app: Starlette) -> set[tuple[str, str]]:
    """Path and method of each route of the application, public or the owner's, that is no page."""
    router: Any = app.router.default
    routes = [*app.routes, *router._app.routes]
    assert len(routes) > 10
    assert all(isinstance(route, Route | Mount) for route in routes)
    found = [route for route in routes if isinstance(route, Route)]
    for route in found:
        assert route.methods, f"{route.path} takes any method"
    return {(route.path_format, method) for route in found if API.match(route.path) for method in route.methods or ()}


def test_every_route_is_described_and_nothing_else(app: Starlette) -> None:
    described = {(path, method) for path, method, _ in operations()}
    # Starlette answers HEAD wherever it answers GET.
    routes = {(path, method) for path, method in routed(app) if method != "HEAD"}
    assert described == routes


def test_who_may_is_described_as_it_is(collector_url: str) -> None:
    closed: list[dict[str, list[str]]] = [{"secret": []}, {"session": []}]
    for path, method, operation in operations():
        answer = httpx.request(method, f"{collector_url}{path.replace('{id}', '1')}")
        assert (answer.status_code == 401) == (operation["security"] == closed), path
        if operation["security"] == closed:
            assert answer.json() == {"error": "Unauthorized"}


def test_answers_have_what_is_described_and_no_more(api: httpx.Client) -> None:
    stored = api.post("/api/errors/log", json={"message": "described"}).json()
    assert set(stored) == set(SCHEMAS["Logged"]["properties"])
    for path, schema in ((RECENT, "Page"), ("/api/errors/news", "News"), ("/healthz", "Health")):
        assert set(api.get(path).json()) == set(SCHEMAS[schema]["properties"])
    assert set(SCHEMAS["Stats"]["properties"]) == set(api.get(STATS).json())
    assert set(api.get("/healthz").json()["alerts"]) == set(SCHEMAS["Health"]["properties"]["alerts"]["properties"])
    listed = api.get(RECENT).json()["errors"][0]
    assert set(listed) == set(SCHEMAS["StoredEvent"]["properties"])
    event = api.get(f"/api/errors/{stored['id']}").json()["event"]
    assert set(event) == {*SCHEMAS["StoredEvent"]["properties"], "context", "issue"}
    assert set(event["issue"]) == set(SCHEMAS["Issue"]["properties"])


def test_a_mounted_collector_says_where_its_paths_begin(app: Starlette) -> None:
    with served(Starlette(routes=[Mount("/monitor", app)]), lifespan=False) as url:
        assert httpx.get(f"{url}/monitor/api/openapi.json").json()["servers"] == [{"url": "/monitor"}]
    with served(app, lifespan=False) as url:
        assert httpx.get(f"{url}/api/openapi.json").json()["servers"] == [{"url": "/"}]


# -- schemathesis -----------------------------------------------------------------------------------------------------

#: All of its checks; only too large and too many have, with us, a status of their own beside 400.
CONFIG = """
headers = { X-Internal-Secret = "${INTERNAL_SECRET}" }
[cache]
enabled = false
[checks.negative_data_rejection]
expected-statuses = [400, 404, 413, 415]
[checks.response_schema_conformance]
validate-formats = true
[warnings]
fail-on = true
# What a map's mappings may say depends on its other values, which no schema can tell.
[[operations]]
include-operation-id = "add_sourcemap"
[operations.checks]
positive_data_acceptance.expected-statuses = ["2xx", 400]
"""


def schemathesis(
    url: str, document: dict[str, Any], directory: Path, *options: str
) -> subprocess.CompletedProcess[str]:
    """Let schemathesis hold a collector to a document. In a process of its own: its checks and hooks are global.

    But for the stream, an answer without an end: `test_stream.py` holds that to what is described.
    """
    (directory / "schemathesis.toml").write_text(CONFIG)
    (directory / "openapi.json").write_text(json.dumps(document))
    # Whatever it might want to tell somebody somewhere ends at a port where nobody listens.
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    environ = clean_environ(INTERNAL_SECRET=SECRET, no_proxy="127.0.0.1", NO_PROXY="127.0.0.1", **proxies)
    return subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "run", "openapi.json", "--url", url, "--checks", "all",
            "--max-examples", str(EXAMPLES), "--generation-deterministic", "--suppress-health-check", "all",
            "--continue-on-failure", "--no-color", "--exclude-path", STREAM, *options,
        ],
        cwd=directory, env=environ, capture_output=True, text=True, timeout=110,
    )  # fmt: skip


@pytest.fixture
def live(start_collector: Callable[..., CollectorProcess]) -> CollectorProcess:
    """The real process, with its real server. Who sends as much nonsense as schemathesis would be told to wait."""
    return start_collector(RATE_LIMIT="off")


@pytest.mark.long
@needs_schemathesis
def test_schemathesis_finds_nothing(live: CollectorProcess, tmp_path: Path) -> None:
    document = httpx.get(f"{live.url}/api/openapi.json").json()
    done = schemathesis(live.url, document, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    count = sum(len(methods) for path, methods in document["paths"].items() if path != STREAM)
    assert f"Tested: {count}" in done.stdout
    # That of a sent event to itself in full, and those that schemathesis finds by names.
    assert re.search(r"API Links: +[1-9]", done.stdout)
    # It came through: events were stored, and nothing went wrong that the answers do not show.
    assert rows(live.database, "SELECT COUNT(*) FROM error_events")[0][0] > 20
    assert "level=error" not in live.output


def _wrong_answers(document: dict[str, Any]) -> None:
    document["components"]["schemas"]["Health"]["properties"]["waiting"] = {"type": "string"}
    document["paths"]["/metrics"]["get"]["responses"]["200"]["content"] = {"application/json": {"schema": {}}}
    del document["paths"]["/api/errors/{id}"]["get"]["responses"]["404"]


def _wrong_requests(document: dict[str, Any]) -> None:
    document["components"]["schemas"]["Event"]["required"] = []
    document["paths"][RECENT]["get"]["parameters"] = [
        {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 10}}
    ]
    document["paths"]["/healthz"]["get"]["security"] = [{"secret": []}]


@needs_schemathesis
@pytest.mark.sqlite  # About the test above.
@pytest.mark.parametrize(
    ("change", "found"),
    [
        (_wrong_answers, {"Response violates schema", "Undocumented Content-Type", "Undocumented status code"}),
        (
            _wrong_requests,
            {
                "Schema-valid request rejected",
                "Schema-violating request accepted",
                "API accepts requests without authentication",
            },
        ),
    ],
)
def test_schemathesis_finds_a_document_that_is_not_true(
    live: CollectorProcess, tmp_path: Path, change: Callable[[dict[str, Any]], None], found: set[str]
) -> None:
    document = copy.deepcopy(DOCUMENT)
    change(document)
    done = schemathesis(live.url, document, tmp_path, "--phases", "coverage", "--no-shrink")
    assert done.returncode == 1, done.stdout + done.stderr
    summary = done.stdout.partition("SUMMARY")[2]
    assert {each for each in found if each in summary} == found, done.stdout
