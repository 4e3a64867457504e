"""S9 | CORS with `null`, suffix and prefix look-alikes |
exact origins; never credentials on ingest; none on the dashboard
"""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from levqor_errors import limits
from levqor_errors.collector import create_app
from levqor_errors.config import CollectorSettings
from support import SECRET, Database, event_ids, owner, served

# Origins are looked at before, and their headers put on after, anything that has to do with a database.
pytestmark = pytest.mark.sqlite

LOG = "/api/errors/log"
ORIGIN = "https://shop.example"
LISTED = (ORIGIN, "http://localhost:3000")

LOOK_ALIKES = (
    "null",
    "NULL",
    "",
    "*",
    "https://shop.example.evil.example",
    "https://shop.examples",
    "https://shop.example.",
    "https://evilshop.example",
    "https://evil.shop.example",
    "https://shop-example",
    "https://shopxexample",
    "https://shop.example:443",
    "https://shop.example:8443",
    "https://shop.example/",
    "https://shop.example/path",
    "https://shop.example@evil.example",
    "https://evil.example#https://shop.example",
    "http://shop.example",
    "HTTPS://SHOP.EXAMPLE",
    "https://Shop.example",
    "https://shop.example https://evil.example",
    "https://evil.example, https://shop.example",
    "shop.example",
    "//shop.example",
    "http://localhost",
    "http://localhost:30000",
    "http://localhost:3000.evil.example",
)


@pytest.fixture
def page(database: Database) -> Iterator[httpx.Client]:
    """Posts as a browser does for a page, to a collector that lists two origins."""
    settings = CollectorSettings(str(database), SECRET, allowed_origins=LISTED)
    with served(create_app(settings)) as url, httpx.Client(base_url=url) as client:
        yield client


def preflight(client: httpx.Client, origin: str, path: str = LOG) -> httpx.Response:
    """What a browser asks before it posts JSON."""
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type, x-levqor-key"}
    return client.options(path, headers={"Origin": origin, **asked})


def cors_of(answer: httpx.Response) -> dict[str, str]:
    """All that an answer says of CORS; none of it ever allows credentials."""
    assert "access-control-allow-credentials" not in answer.headers
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


@pytest.mark.parametrize("origin", LISTED)
def test_s9_a_listed_origin_may_post(page: httpx.Client, database: Database, origin: str) -> None:
    asked = preflight(page, origin)
    assert asked.status_code == 204
    assert asked.content == b""
    assert asked.headers["vary"] == "Origin"
    allowed = cors_of(asked)
    assert allowed["access-control-allow-origin"] == origin
    assert allowed["access-control-allow-methods"] == "POST"
    assert allowed["access-control-allow-headers"] == "content-type, content-encoding, x-levqor-key"
    assert allowed["access-control-max-age"] == "7200"

    posted = page.post(LOG, json={"message": "from a page"}, headers={"Origin": origin})
    assert posted.status_code == 201
    assert cors_of(posted) == {
        "access-control-allow-origin": origin,
        "access-control-expose-headers": "Retry-After",
    }
    assert posted.headers["vary"] == "Origin"
    assert event_ids(database) == [posted.json()["event_id"]]


@pytest.mark.parametrize("origin", LOOK_ALIKES)
def test_s9_a_look_alike_gets_no_header_and_its_event_is_taken_all_the_same(
    page: httpx.Client, database: Database, origin: str
) -> None:
    asked = preflight(page, origin)
    assert asked.status_code == 204
    assert cors_of(asked) == {}
    posted = page.post(LOG, json={"message": "from elsewhere"}, headers={"Origin": origin})
    assert posted.status_code == 201
    assert cors_of(posted) == {}
    assert len(event_ids(database)) == 1


def test_s9_refusals_can_be_read_by_the_page_too(database: Database) -> None:
    settings = CollectorSettings(
        str(database), SECRET, rate_limit=0.1, allowed_origins=LISTED, ingest_keys={"shop-key-1234": "shop"}
    )
    app = create_app(settings)
    seen: dict[int, dict[str, str]] = {}
    with served(app) as url, httpx.Client(base_url=url, headers={"Origin": ORIGIN}) as client:

        def post(content: bytes, headers: dict[str, str]) -> None:
            answer = client.post(LOG, content=content, headers=headers)
            seen[answer.status_code] = cors_of(answer)
            assert ("retry-after" in answer.headers) == (answer.status_code in (429, 503))

        post(b'{"message": "no key"}', {})
        key = {"X-Levqor-Key": "shop-key-1234"}
        post(b'{"message": "another service", "service": "web"}', key)
        post(b'{"message": 7}', key)
        post(b"{}", {**key, "Content-Encoding": "br"})
        for _ in range(11):
            post(b'{"message": "too many"}', key)
    assert seen.keys() == {201, 400, 401, 403, 415, 429}
    assert set(map(tuple, seen.values())) == {("access-control-allow-origin", "access-control-expose-headers")}


def test_s9_a_413_and_a_503_can_be_read_by_the_page_too(database: Database) -> None:
    app = create_app(CollectorSettings(str(database), SECRET, allowed_origins=LISTED))
    with served(app) as url, httpx.Client(base_url=url, headers={"Origin": ORIGIN}) as client:
        app.state.collector.writer.close()
        for content, status in ((b" " * (limits.BODY_BYTES + 1), 413), (b'{"message": "late"}', 503)):
            answer = client.post(LOG, content=content)
            assert answer.status_code == status
            assert cors_of(answer)["access-control-allow-origin"] == ORIGIN


def test_s9_a_star_is_any_page_but_none_without_an_origin(database: Database) -> None:
    with (
        served(create_app(CollectorSettings(str(database), SECRET, allowed_origins=("*",)))) as url,
        httpx.Client(base_url=url) as client,
    ):
        # The look-alikes above are answered here: what they are not told there, they could be.
        for origin in LOOK_ALIKES[1:]:
            assert cors_of(preflight(client, origin))["access-control-allow-origin"] == "*"
        assert cors_of(preflight(client, "null")) == {}
        assert cors_of(client.post(LOG, json={"message": "x"}, headers={"Origin": "null"})) == {}
        assert cors_of(client.post(LOG, json={"message": "x"})) == {}


def test_s9_by_default_no_page_may(collector_url: str) -> None:
    with httpx.Client(base_url=collector_url) as client:
        for origin in (ORIGIN, collector_url, "null", "*"):
            assert cors_of(preflight(client, origin)) == {}
            assert cors_of(client.post(LOG, json={"message": "x"}, headers={"Origin": origin})) == {}


@pytest.mark.parametrize("origins", [LISTED, ("*",)])
def test_s9_nothing_but_ingest_has_cors(
    database: Database, origins: tuple[str, ...], subtests: pytest.Subtests
) -> None:
    settings = CollectorSettings(str(database), SECRET, allowed_origins=origins)
    with served(create_app(settings)) as url, owner(url) as client:
        client.post(LOG, json={"message": "x"})
        for path in (
            "/", "/owner/errors", "/owner/errors/1", "/login", "/logout", "/healthz", "/metrics", "/static/style.css",
            "/api/errors/recent", "/api/errors/stats", "/api/errors/1", "/api/openapi.json", "/api/errors/log/",
            "/API/errors/log", "//api/errors/log", "/nothing",
        ):  # fmt: skip
            for method in ("OPTIONS", "GET", "POST"):
                with subtests.test(path=path, method=method):
                    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
                    answer = client.request(method, path, headers=headers)
                    assert cors_of(answer) == {}


def test_s9_the_browser_client_is_for_any_page_and_says_nothing_of_credentials(page: httpx.Client) -> None:
    for origin in (ORIGIN, "https://anyone.example", "null"):
        answer = page.get("/errorClient.js", headers={"Origin": origin})
        assert cors_of(answer) == {"access-control-allow-origin": "*"}
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"


def test_s9_a_page_may_not_reach_a_collector_on_its_private_network_by_preflight(page: httpx.Client) -> None:
    asked = page.options(LOG, headers={"Origin": ORIGIN, "Access-Control-Request-Private-Network": "true"})
    assert "access-control-allow-private-network" not in asked.headers


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
def test_s9_other_methods_are_a_405_that_names_those_there_are(page: httpx.Client, method: str) -> None:
    answer = page.request(method, LOG, headers={"Origin": ORIGIN})
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"POST", "OPTIONS"}
    assert cors_of(answer) == {}
