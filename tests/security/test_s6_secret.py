"""S6 | the secret: wrong, empty, 1 MB, non-ASCII, 1,000 guesses, timing |
401 in constant time; throttled; the owner never locked out for good
"""

from __future__ import annotations

import hashlib
import hmac
import http.cookies
import math
import socket
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from levqor_errors import limits
from levqor_errors.collector import create_app
from levqor_errors.collector.auth import COOKIE, Auth
from levqor_errors.collector.throttle import BURST, RATE
from levqor_errors.config import CollectorSettings
from levqor_errors.storage import open_storage
from support import SECRET, CollectorProcess, Database, owner, served, wait_until

RECENT = "/api/errors/recent"
HEADER = b"X-Internal-Secret"
#: An address that throttled itself to the bottom may try again after this.
LONGEST_WAIT = math.ceil(1 / RATE)
NON_ASCII = "пароль-pässwört-日本語-0123456789"
MEGABYTE = 1_000_000
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

#: Fewer than an address may make at once.
GUESSES: dict[str, list[bytes]] = {
    "wrong": [b"wrong"],
    "empty": [b""],
    "a prefix of it": [SECRET[:-1].encode()],
    "it and more": [SECRET.encode() + b"x"],
    "it in capitals": [SECRET.upper().encode()],
    "it in quotes": [b'"' + SECRET.encode() + b'"'],
    "it and a comma": [SECRET.encode() + b", " + SECRET.encode()],
    "its digest": [hashlib.sha256(SECRET.encode()).hexdigest().encode()],
    "a digest as bytes": [bytes(byte | 0x80 for byte in hashlib.sha256(SECRET.encode()).digest())],
    "UTF-8": [NON_ASCII.encode()],
    "Latin-1": ["pässwört".encode("latin-1")],
    "bytes that are no text": [b"\xff\xfe\x80"],
    "as long as one may be": [b"x" * limits.SECRET_BYTES],
    "one longer than that": [b"x" * (limits.SECRET_BYTES + 1)],
    "twice wrong": [b"wrong", b"worse"],
    "wrong, then empty": [b"wrong", b""],
    "empty, then right": [b"", SECRET.encode()],
    "wrong, then right": [b"wrong", SECRET.encode()],
}


@pytest.fixture
def app_url(database: Database) -> Iterator[tuple[Auth, str]]:
    """A collector, and the part of it that decides who is the owner."""
    app = create_app(CollectorSettings(str(database), SECRET))
    with served(app) as url:
        yield app.state.collector.auth, url


def _use_up(url: str) -> None:
    """Guess until this address has to wait."""
    with httpx.Client(base_url=url) as client:
        while client.get(RECENT, headers={HEADER: b"wrong"}).status_code != 429:
            pass


# -- what is no secret gets a 401 -------------------------------------------------------------------------------------


def test_s6_a_wrong_secret_is_a_401(collector_url: str, subtests: pytest.Subtests) -> None:
    for name, guess in GUESSES.items():
        with subtests.test(guess=name):
            answer = httpx.get(f"{collector_url}{RECENT}", headers=[(HEADER, value) for value in guess])
            assert answer.status_code == 401
            assert answer.json() == {"error": "Unauthorized"}


def test_s6_no_secret_is_a_401(collector_url: str) -> None:
    assert httpx.get(f"{collector_url}{RECENT}").status_code == 401


def test_s6_the_secret_in_other_places_is_a_401(collector_url: str) -> None:
    for headers in (
        {"Authorization": f"Bearer {SECRET}"},
        {"X-Internal-Secret-": SECRET},
        {"Cookie": f"{COOKIE}={SECRET}"},
    ):
        assert httpx.get(f"{collector_url}{RECENT}", headers=headers).status_code == 401
    assert httpx.get(f"{collector_url}{RECENT}", params={"X-Internal-Secret": SECRET}).status_code == 401


def test_s6_a_secret_of_1_mb_is_refused(collector_url: str, api: httpx.Client) -> None:
    try:
        status = httpx.get(f"{collector_url}{RECENT}", headers={HEADER: b"x" * MEGABYTE}).status_code
    except httpx.TransportError:
        # A server may also hang up on a header like that.
        status = 431
    assert status in (400, 401, 429, 431)
    assert api.get(RECENT).status_code == 200


def test_s6_a_wrong_secret_in_the_form_is_a_401(collector_url: str, subtests: pytest.Subtests) -> None:
    for name, guess in GUESSES.items():
        with subtests.test(guess=name):
            # Only the first counts, here too; but a field without a value is none.
            answer = httpx.post(f"{collector_url}/login", content=f"secret={quote(guess[0])}", headers=FORM)
            assert answer.status_code == 401
            assert "set-cookie" not in answer.headers


def test_s6_a_form_that_is_none_is_a_401(collector_url: str, subtests: pytest.Subtests) -> None:
    bodies = (
        b"", b"secret", b"secret=", b"=&=&", b"%ff%fe", b"secret=%00", b"secret=%ed%a0%80", b"\xff" * 100, b"{}",
    )  # fmt: skip
    for body in bodies:
        with subtests.test(body=body):
            assert httpx.post(f"{collector_url}/login", content=body, headers=FORM).status_code == 401


def test_s6_a_form_of_1_mb_is_refused(collector_url: str) -> None:
    answer = httpx.post(f"{collector_url}/login", content=b"secret=" + b"x" * MEGABYTE)
    assert answer.status_code in (400, 401, 413)


def test_s6_a_form_from_a_strange_origin_is_refused(collector_url: str, subtests: pytest.Subtests) -> None:
    for origin in (b"null", b"http://[", b"http://[::1", b"//", b"x", b"http://a:b:c", b"http://x/", b"\xff", b""):
        with subtests.test(origin=origin):
            answer = httpx.post(f"{collector_url}/login", content=f"secret={SECRET}", headers={b"Origin": origin})
            assert answer.status_code in (400, 403)
            assert "set-cookie" not in answer.headers


# -- the right one ----------------------------------------------------------------------------------------------------


def test_s6_a_secret_that_is_not_ascii_works_as_utf8(database: Database) -> None:
    with served(create_app(CollectorSettings(str(database), NON_ASCII))) as url:
        assert httpx.get(f"{url}{RECENT}", headers={HEADER: NON_ASCII.encode()}).status_code == 200
        others = (
            NON_ASCII.encode("latin-1", "replace"),
            NON_ASCII.encode().decode("latin-1").encode(),
            unicodedata.normalize("NFD", NON_ASCII).encode(),
            SECRET.encode(),
        )
        for guess in others:
            assert httpx.get(f"{url}{RECENT}", headers={HEADER: guess}).status_code == 401
        assert httpx.post(f"{url}/login", data={"secret": NON_ASCII}).status_code == 303


def test_s6_a_secret_that_is_not_ascii_works_from_the_environment(
    start_collector: Callable[..., CollectorProcess],
) -> None:
    url = start_collector(secret=NON_ASCII).url
    assert httpx.get(f"{url}{RECENT}", headers={HEADER: NON_ASCII.encode()}).status_code == 200
    assert httpx.get(f"{url}{RECENT}", headers={HEADER: b"wrong"}).status_code == 401


# -- timing -----------------------------------------------------------------------------------------------------------


def test_s6_only_digests_are_compared(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time itself is not measured: what makes it constant is that bytes of one length are compared by a function made
    for it, and that nothing about the secret is decided before.
    """
    compared: list[tuple[Any, Any]] = []
    compare_digest = hmac.compare_digest

    def spy(left: Any, right: Any) -> bool:
        compared.append((left, right))
        return compare_digest(left, right)

    storage = open_storage(str(database))
    try:
        auth = Auth(SECRET, storage)
        monkeypatch.setattr(hmac, "compare_digest", spy)
        guesses = [b"", b"x", SECRET[:5].encode(), SECRET.encode(), NON_ASCII.encode(), b"\xff", b"x" * 1_024]
        for guess in guesses:
            assert auth.knows_secret(guess, "203.0.113.1") is (guess == SECRET.encode())
    finally:
        storage.close()
    assert len(compared) == len(guesses)
    for guess, (left, right) in zip(guesses, compared, strict=True):
        assert isinstance(left, bytes)
        assert isinstance(right, bytes)
        assert len(left) == len(right) == 32
        assert guess not in (left, right)


# -- 1,000 guesses ----------------------------------------------------------------------------------------------------


def test_s6_1000_guesses_are_throttled_and_the_owner_comes_back(collector_url: str) -> None:
    statuses: Counter[int] = Counter()
    began = time.monotonic()
    with httpx.Client(base_url=collector_url) as guesser:
        for number in range(1_000):
            answer = guesser.get(RECENT, headers={HEADER: f"guess-{number}".encode()})
            statuses[answer.status_code] += 1
            if answer.status_code == 429:
                assert 1 <= int(answer.headers["Retry-After"]) <= LONGEST_WAIT
    # What the bucket held, and what came into it meanwhile, however long that was.
    assert BURST <= statuses[401] <= BURST + (time.monotonic() - began) * RATE + 1
    assert statuses.keys() == {401, 429}
    with owner(collector_url) as client:
        wait_until(lambda: client.get(RECENT).status_code == 200)


def test_s6_the_form_is_throttled_with_the_header(collector_url: str) -> None:
    with httpx.Client(base_url=collector_url) as guesser:
        for _ in range(BURST // 2):
            assert guesser.get(RECENT, headers={HEADER: b"wrong"}).status_code == 401
            assert guesser.post("/login", data={"secret": "wrong"}).status_code == 401
        refused = guesser.post("/login", data={"secret": "wrong"})
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["Retry-After"]) <= LONGEST_WAIT


def test_s6_guesses_made_at_once_are_not_more_guesses(collector_url: str) -> None:
    """A form is asked for the wait before its body is read: 200 that hold their bodies back all pass that question.
    They must neither all be guesses, nor add up to a wait that locks the owner out.
    """
    host, _, port = collector_url.removeprefix("http://").partition(":")
    body = b"secret=wrong"
    head = (
        f"POST /login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    statuses: Counter[int] = Counter()
    connections: list[socket.socket] = []
    began = time.monotonic()
    try:
        for _ in range(200):
            connection = socket.create_connection((host, int(port)), timeout=30)
            connections.append(connection)
            connection.sendall(head)
            # "100 Continue" is sent when the application begins to read; a refusal before that is as good.
            first = connection.recv(4096)
            if not first.startswith(b"HTTP/1.1 100"):
                statuses[int(first[9:12])] += 1
                connections.pop().close()
        for connection in connections:
            connection.sendall(body)
        for connection in connections:
            statuses[int(connection.recv(4096)[9:12])] += 1
    finally:
        for connection in connections:
            connection.close()
    after = httpx.get(f"{collector_url}{RECENT}", headers={HEADER: SECRET.encode()})
    assert after.status_code == 200 or int(after.headers["Retry-After"]) <= LONGEST_WAIT
    assert statuses[401] <= BURST + (time.monotonic() - began) * RATE + 1
    assert statuses.keys() <= {401, 429}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8 without being told")
def test_s6_the_owner_at_another_address_does_not_notice(collector_url: str) -> None:
    _use_up(collector_url)
    elsewhere = httpx.HTTPTransport(local_address="127.0.0.2")
    with httpx.Client(transport=elsewhere, base_url=collector_url, headers={HEADER: SECRET.encode()}) as client:
        assert client.get(RECENT).status_code == 200
        assert client.post("/login", data={"secret": SECRET}).status_code == 303


def test_s6_no_header_makes_another_address(start_collector: Callable[..., CollectorProcess]) -> None:
    # The real process: a server that trusts a proxy before it is told to would be at fault, not the application.
    url = start_collector().url
    _use_up(url)
    with httpx.Client(base_url=url) as guesser:
        for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "CF-Connecting-IP", "True-Client-IP"):
            statuses = [
                guesser.get(RECENT, headers={HEADER: b"wrong", name.encode(): b"198.51.100.%d" % number}).status_code
                for number in range(20)
            ]
            assert 429 in statuses


def test_s6_a_session_and_a_link_work_while_the_address_is_throttled(app_url: tuple[Auth, str]) -> None:
    auth, url = app_url
    with httpx.Client(base_url=url) as browser, httpx.Client(base_url=url) as other:
        assert browser.post("/login", data={"secret": SECRET}).status_code == 303
        link = f"/login?token={auth.new_link_token()}"
        _use_up(url)
        assert browser.get(RECENT).status_code == 200
        assert browser.get("/owner/errors").status_code == 200
        assert other.get(link).status_code == 303
        assert other.get(RECENT).status_code == 200
        assert other.post("/logout").status_code == 303
        assert other.get(RECENT).status_code == 401
        assert other.get(link).status_code == 401


def test_s6_a_link_that_was_not_given_out_is_a_401(collector_url: str, subtests: pytest.Subtests) -> None:
    for token in ("", "x", "x" * 50_000, "%00", "%ff", "%ed%a0%80", "%22%27", quote(NON_ASCII)):
        with subtests.test(token=token[:20]):
            # A server may also find the address too long.
            statuses = (401, 414) if len(token) > 8_000 else (401,)
            assert httpx.get(f"{collector_url}/login?token={token}").status_code in statuses


def test_s6_looking_at_a_link_does_not_use_it_up(app_url: tuple[Auth, str]) -> None:
    auth, url = app_url
    link = f"{url}/login?token={auth.new_link_token()}"
    # What chat programs and mail scanners do with a link.
    assert "set-cookie" not in httpx.head(link).headers
    assert httpx.get(link).status_code == 303


def test_s6_no_long_cookie_reaches_the_standard_library(collector_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before Python 3.11.10 and 3.12.6 it takes quadratic time for a quoted cookie full of escapes (CVE-2024-7592):
    64 KB from a stranger would stop the collector, and with it the owner, for seconds, a few times that for minutes.
    """
    lengths: list[int] = []
    unquote = http.cookies._unquote

    def spy(text: str) -> Any:
        lengths.append(len(text))
        return unquote(text)

    monkeypatch.setattr(http.cookies, "_unquote", spy)
    for name in (COOKIE, "other"):
        cookie = f'{name}="{chr(92)}"' + f'{chr(92)}"' * 2_000 + '"'
        answer = httpx.get(f"{collector_url}{RECENT}", headers={"Cookie": cookie})
        assert answer.status_code in (400, 401, 431)
    assert max(lengths, default=0) <= limits.SECRET_BYTES
