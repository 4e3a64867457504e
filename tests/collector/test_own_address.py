"""Where the collector says that others reach it: the same in the handbook, on an empty list, and in a link that is
shared.
"""

from __future__ import annotations

import ipaddress
import re

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from levqor_errors.collector import create_app
from levqor_errors.config import AlertSettings, CollectorSettings
from support import SECRET, Database, owner, served

LOOPBACK = (ipaddress.ip_network("127.0.0.1"),)
PROXY = {"Host": "errors.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.1"}


def told(url: str, headers: dict[str, str]) -> set[str]:
    """The addresses on the pages of a collector in which nothing is yet, for requests with these headers."""
    with owner(url) as client:
        client.headers.update(headers)
        first = client.get("/owner/errors").text
        handbook = client.get("/owner/handbook").text
        assert client.post("/api/errors/log", json={"message": "x"}).status_code == 201
        shared = client.post("/owner/issues/1/shares", data={"days": "1"}).text
    found = [
        *re.findall(r"curl (?:-X POST )?(\S+)/api/errors/log", first + handbook),
        *re.findall(r'value="([^"]+)/shared/[^"]+"', shared),
    ]
    assert len(found) == 3
    return set(found)


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("dashboard_url", "trusted", "headers", "address"),
    [
        (None, (), {"Host": "errors_of_ours:8000"}, "http://errors_of_ours:8000"),
        ("https://errors.example/monitor", (), {}, "https://errors.example/monitor"),
        ("https://errors.example/monitor", LOOPBACK, {**PROXY, "Host": "10.0.0.7"}, "https://errors.example/monitor"),
        (None, LOOPBACK, PROXY, "https://errors.example"),
        # Of a stranger only the host is believed, as of any browser.
        (None, (), PROXY, "http://errors.example"),
        # Nothing that a shell would take for more than an address.
        (None, (), {"Host": "evil.example'$(id)"}, "http://127.0.0.1:8000"),
        ("https://ann:password@errors.example", (), {"Host": "errors.example"}, "http://errors.example"),
    ],
)
def test_the_setting_comes_first_then_where_the_browser_came_to(
    database: Database,
    dashboard_url: str | None,
    trusted: tuple[ipaddress.IPv4Network, ...],
    headers: dict[str, str],
    address: str,
) -> None:
    settings = CollectorSettings(str(database), SECRET, trusted_proxies=trusted)
    with served(create_app(settings, AlertSettings(dashboard_url=dashboard_url))) as url:
        assert told(url, headers) == {address}


@pytest.mark.sqlite
def test_with_the_path_that_it_is_mounted_under(database: Database) -> None:
    collector = create_app(CollectorSettings(str(database), SECRET), AlertSettings())
    with served(Starlette(routes=[Mount("/monitor", collector)])) as url:
        assert told(f"{url}/monitor", PROXY) == {"http://errors.example/monitor"}
    collector.state.collector.close()
