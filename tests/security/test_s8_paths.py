"""S8 | `Host: x/abc?`, `//`, `%2e%2e`, absolute targets |
every route denies by default
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import httpx
import pytest
from starlette.applications import Starlette

from levqor_errors.collector import create_app
from levqor_errors.config import CollectorSettings
from route_support import METHODS, all_routes
from support import SECRET, owner, served

NO_LINK = "/shared/1"
#: What anyone may ask for, and how. A new public route is a decision, and this is where it is written down.
PUBLIC = {
    ("POST", "/api/errors/log"),
    ("OPTIONS", "/api/errors/log"),
    ("GET", "/healthz"),
    ("HEAD", "/healthz"),
    # Numbers only; tests/collector/test_metrics.py holds that.
    ("GET", "/metrics"),
    ("HEAD", "/metrics"),
    ("GET", "/api/openapi.json"),
    ("HEAD", "/api/openapi.json"),
    # The browser client, which is in every page that reports.
    ("GET", "/errorClient.js"),
    ("HEAD", "/errorClient.js"),
    ("GET", "/login"),
    ("HEAD", "/login"),
    ("POST", "/login"),
    # Where the token is none of the owner's links (tests/collector/test_issue_pages.py), there is nothing.
    ("GET", NO_LINK),
    ("HEAD", NO_LINK),
}
#: Behind this path everything is public: the pages' style sheet and pictures.
PUBLIC_FOLDER = "/static"
#: Is in an event: an answer that has it has given the owner's data away.
MARKER = "marker-of-the-owners-data"
#: Is in our source: an answer that has it has given a file away.
SOURCE = b"def create_app"
PAGE_LOAD = "Accept: text/html,application/xhtml+xml\r\n"

TARGETS = [
    "/",
    "//",
    "///",
    "/./",
    "/../",
    "/api",
    "/api/",
    "/api/errors",
    "/api/errors/",
    "/api/errors/1",
    "/api/errors/1/",
    "/api/errors/recent",
    "/api/errors/recent/",
    "/api/errors/recent//",
    "/api/errors/recent?x",
    "/api/errors/recent;x",
    "/api/errors/recent%3f",
    "/api/errors/recent%23",
    "/api/errors/recent%00",
    "/api/errors/recent%0a",
    "/api/errors/recent%0d%0a",
    "/api/errors/recent%20",
    "/api/errors/recent%2f",
    "/api/errors/recent.json",
    "/api/errors/stats",
    "/api/errors/log/",
    "/api/errors/log/../recent",
    "/api/errors/log/%2e%2e/recent",
    "/api/errors/log%2f..%2frecent",
    "/api/errors/%72ecent",
    "/api/errors%2frecent",
    "/api%2ferrors%2frecent",
    "/API/ERRORS/RECENT",
    "/Api/Errors/Recent",
    "//api/errors/recent",
    "/api//errors/recent",
    "/api/errors//recent",
    "///api///errors///recent",
    "/./api/errors/recent",
    "/../api/errors/recent",
    "/%2e%2e/api/errors/recent",
    "/%2e/api/errors/recent",
    "/%2fapi/errors/recent",
    "/x/../api/errors/recent",
    "/healthz/../api/errors/recent",
    "/healthz/%2e%2e/api/errors/recent",
    "/healthz/",
    "/healthz//api/errors/recent",
    "/login/../owner/errors",
    "/login/",
    "/login%2f..%2fowner%2ferrors",
    "/login/owner/errors",
    "/static/../api/errors/recent",
    "/static/%2e%2e/api/errors/recent",
    "/static/../owner/errors",
    "/static//api/errors/recent",
    "/static",
    "/static/",
    "/static/..",
    "/static/../",
    "/static/../../",
    "/static/../app.py",
    "/static/../../app.py",
    "/static/%2e%2e/app.py",
    "/static/%2e%2e%2fapp.py",
    "/static/..%2fapp.py",
    "/static/..%5capp.py",
    "/static/%252e%252e/app.py",
    "/static/....//app.py",
    "/static//app.py",
    "/static/%00",
    "/static/%0a",
    "/static/style.css%00.html",
    "/static/style.css/",
    "/static/style.css/../../app.py",
    "/static//etc/passwd",
    "/static/%2fetc%2fpasswd",
    "/static/" + "../" * 40 + "etc/passwd",
    "/static/" + "a" * 300,
    "/static/" + "a/" * 3_000,
    "/Static/../app.py",
    "/owner/errors",
    "/owner/errors/",
    "/owner/errors/1",
    "/owner/errors%0a",
    "/owner//errors",
    "/OWNER/errors",
    "/owner/errors/..%2f..",
    "/owner",
    "/logout",
    "/logout/",
    "/%0a",
    "/%0aapi/errors/recent",
    "/api/errors/%0arecent",
    "/x%0a",
    "/x%0ay",
    "/x%0d%0aLocation:%20//evil.example",
    "/login%0a",
    "/healthz%0a",
    "//evil.example",
    "//evil.example/",
    "//evil.example/%2e%2e",
    "//evil.example/%0a",
    "//evil.example/owner/errors",
    "///evil.example/",
    "/%2fevil.example/",
    "/%5cevil.example/",
    "/\\evil.example/",
    "/\\/evil.example/",
    "/@evil.example/",
    "/.evil.example",
    "/%09/evil.example/",
    "http://evil.example/api/errors/recent",
    "http://evil.example/owner/errors",
    "http://evil.example",
    "http://evil.example/",
    "http://evil.example//api/errors/recent",
    "http://user:password@evil.example/owner/errors",
    "https://evil.example/api/errors/recent",
    "http:///api/errors/recent",
    "http://",
    "ftp://evil.example/api/errors/recent",
    "javascript:alert(1)",
    "evil.example:80",
    "api/errors/recent",
    "*",
    "?",
    "#",
    "/#/api/errors/recent",
    "/%",
    "/%zz",
    "/%f0%9f",
    "/%c0%ae%c0%ae/app.py",
    "/%ed%a0%80",
    "/\xe9",
    "/" + "a" * 20_000,
    "/" + "%2e" * 5_000,
    "/api/errors/" + "9" * 5_000,
]
HOSTS = [
    "", "x/abc?", "x/static/", "x/login?", "x#", "x\\", "evil.example", "evil.example:80", "user@evil.example", "[::1",
    "::1", "127.0.0.1/healthz?", "%", "\xff", "a b", "x, y", "." * 300, "x\tx",
]  # fmt: skip


class Answer(NamedTuple):
    """What came back on a socket."""

    status: int
    locations: tuple[str, ...]
    body: bytes


class Running(NamedTuple):
    """A collector with the owner's data in it."""

    app: Starlette
    url: str


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One collector for all: nothing that is asked here may change anything in it."""
    app = create_app(CollectorSettings(str(tmp_path_factory.mktemp("s8") / "levqor.db"), SECRET))
    with served(app) as url:
        event = {"message": MARKER, "service": MARKER, "stack": MARKER, "context": {"marker": MARKER}}
        assert httpx.post(f"{url}/api/errors/log", json=event).json()["id"] == 1
        yield Running(app, url)


def ask(url: str, method: str, target: str, *, host: str | None = "x", more: str = "", version: str = "1.1") -> Answer:
    """One request as written: clients normalise what is tested here. Every server hangs up after it."""
    name, _, port = url.removeprefix("http://").partition(":")
    lines = [f"{method} {target} HTTP/{version}", *([] if host is None else [f"Host: {host}"]), "Connection: close"]
    request = "\r\n".join(lines) + f"\r\n{more}\r\n"
    received = b""
    with socket.create_connection((name, int(port)), timeout=30) as connection:
        connection.sendall(request.encode("latin-1"))
        while chunk := connection.recv(65_536):
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    locations = [line.partition(":")[2].strip() for line in lines if line.lower().startswith("location:")]
    return Answer(int(lines[0].split()[1]), tuple(locations), body)


def assert_denied(answer: Answer, *, statuses: Sequence[int] = ()) -> None:
    """No data, no file, no failure, and no way to another host."""
    assert MARKER.encode() not in answer.body
    assert SOURCE not in answer.body
    assert b"root:" not in answer.body
    assert answer.status < 500
    if statuses:
        assert answer.status in statuses
    for location in answer.locations:
        # A browser reads `//host` and `/\host` as another host.
        assert location.startswith("/")
        assert location[1:2] not in ("/", "\\")
        assert "\n" not in location
        assert "\t" not in location


def _is_public(target: str) -> bool:
    """Whether the target may be answered with a 200: it is one that is public, however it is spelled."""
    path = target.removeprefix("http://evil.example").partition("?")[0].partition("#")[0].removesuffix("%0a")
    # A slash after a file is as good as none to the file system, and the file is public.
    return ("GET", path) in PUBLIC or path == f"{PUBLIC_FOLDER}/style.css/"


@pytest.mark.parametrize("accept", ["", PAGE_LOAD], ids=["program", "browser"])
def test_s8_no_spelling_of_a_path_gets_in(running: Running, subtests: pytest.Subtests, accept: str) -> None:
    for target in TARGETS:
        with subtests.test(target=target[:60]):
            answer = ask(running.url, "GET", target, more=accept)
            assert_denied(answer)
            assert answer.status != 200 or _is_public(target)


@pytest.mark.parametrize("accept", ["", PAGE_LOAD], ids=["program", "browser"])
def test_s8_no_host_gets_in(running: Running, subtests: pytest.Subtests, accept: str) -> None:
    for host in (*HOSTS, None):
        for target in ("/api/errors/recent", "/owner/errors", "/", "/static", "/login/", "/owner/errors/"):
            with subtests.test(host=host, target=target):
                assert_denied(ask(running.url, "GET", target, host=host, more=accept), statuses=(303, 400, 401))
    for forged in ("X-Forwarded-Host: evil.example", "X-Original-URL: /healthz", "X-Rewrite-URL: /healthz",
                   "X-Forwarded-Prefix: //evil.example", "X-HTTP-Method-Override: POST"):  # fmt: skip
        with subtests.test(forged=forged):
            answer = ask(running.url, "GET", "/api/errors/recent", more=f"{forged}\r\n{accept}")
            assert_denied(answer, statuses=(303, 401))
    for two in ("Host: y\r\n", "Host: x/abc?\r\n"):
        assert_denied(ask(running.url, "GET", "/owner/errors", more=two + accept), statuses=(303, 400, 401))
    assert_denied(ask(running.url, "GET", "/owner/errors", host=None, more=accept, version="1.0"))


@pytest.mark.parametrize("accept", ["", PAGE_LOAD], ids=["program", "browser"])
def test_s8_no_method_gets_in(running: Running, subtests: pytest.Subtests, accept: str) -> None:
    odd = ("FOO", "get", "Get", "CONNECT", "LINK", "QUERY", "PURGE", "M-SEARCH", "SUBSCRIBE", "PRI", "G ET", "")
    for method in (*METHODS, *odd):
        for target in ("/api/errors/recent", "/api/errors/1", "/owner/errors", "/owner/errors/1", "/", "/unknown", "*"):
            with subtests.test(method=method, target=target):
                answer = ask(running.url, method, target, more=accept)
                assert_denied(answer, statuses=(303, 400, 401, 404, 405))
                # A browser's page load is sent to the sign-in page; nothing else is.
                assert answer.status != 303 or (method == "GET" and accept)


def test_s8_an_upgrade_is_no_way_in(running: Running) -> None:
    for upgrade in ("websocket", "h2c", "x"):
        more = f"Connection: Upgrade\r\nUpgrade: {upgrade}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n"
        assert_denied(ask(running.url, "GET", "/api/errors/recent", more=more), statuses=(400, 401, 426))


def test_s8_a_redirect_stays_here_for_the_owner_too(running: Running, subtests: pytest.Subtests) -> None:
    """Whoever is signed in and follows a forged link must not end up elsewhere."""
    for target in TARGETS:
        for secret in (f"X-Internal-Secret: {SECRET}\r\n", f"X-Internal-Secret: {SECRET}\r\n{PAGE_LOAD}"):
            with subtests.test(target=target[:60]):
                answer = ask(running.url, "GET", target, host="evil.example", more=secret)
                # He may see the data, so only the rest of what `assert_denied` asks for.
                assert_denied(answer._replace(body=b""))
                # Nor may a form or a link on a page lead elsewhere.
                assert b'"//' not in answer.body


def test_s8_signing_in_leads_to_our_own_pages_only(running: Running, subtests: pytest.Subtests) -> None:
    targets = (
        "", "/", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "http://evil.example",
        "javascript:alert(1)", "/owner//evil.example", "/owner/../../evil", "/owner/\n//evil.example", "/login",
        "/owner/\r\nX: y", "/logout", "/owner", "owner/errors", " /owner/errors", "/owner/errors?q=x",
        "/owner/@evil.example",
        "/owner/errors\n", "/%09/evil.example", "\t//evil.example",
    )  # fmt: skip
    for target in targets:
        with subtests.test(next=target):
            answer = httpx.post(f"{running.url}/login", data={"secret": SECRET, "next": target})
            assert answer.status_code == 303
            location = answer.headers["Location"]
            assert location.startswith("/owner/")
            assert "\\" not in location


# -- the routes themselves --------------------------------------------------------------------------------------------


def test_s8_the_walk_over_the_routes_finds_them(running: Running) -> None:
    found = dict(all_routes(running.app))
    assert {"/healthz", "/api/errors/log", "/api/errors/recent", "/api/errors/1", "/owner/errors"} <= found.keys()


def test_s8_every_route_that_is_not_public_denies(running: Running, subtests: pytest.Subtests) -> None:
    for path, methods in all_routes(running.app):
        if path == PUBLIC_FOLDER:
            continue
        for method in sorted({*methods, *METHODS} - {method for method, public in PUBLIC if public == path}):
            # That a public path is there is no secret, so another method of it may be told from one that is not.
            refused = (405,) if any(public == path for _, public in PUBLIC) else (401,)
            with subtests.test(method=method, path=path):
                assert_denied(ask(running.url, method, path), statuses=refused)
                cookie = "Cookie: levqor_errors_session=x\r\n"
                assert_denied(ask(running.url, method, path, more=cookie), statuses=refused)
                if method == "GET" and refused == (401,):
                    page_load = ask(running.url, method, path, more=PAGE_LOAD)
                    assert_denied(page_load, statuses=(303,))
                    assert page_load.locations[0].startswith("/login?")


def test_s8_what_is_public_is_there(running: Running) -> None:
    """The list above names no route that is gone."""
    for method, path in PUBLIC:
        expected = (404,) if path == NO_LINK else (200, 204) if method != "POST" else (400, 401, 429)
        assert ask(running.url, method, path, more="Content-Length: 0\r\n").status in expected
    assert ask(running.url, "GET", f"{PUBLIC_FOLDER}/style.css").status == 200


@pytest.mark.parametrize("path", ["/unknown", "/api/unknown", "/owner/unknown", "/favicon.ico", "/.env", "/x%0ay"])
def test_s8_unknown_paths_are_not_told_from_known_ones(running: Running, path: str) -> None:
    for method in METHODS:
        assert_denied(ask(running.url, method, path), statuses=(401,))
    with owner(running.url) as client:
        assert client.get(path).status_code == 404
