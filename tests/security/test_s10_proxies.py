"""S10 | X-Forwarded-For from a stranger, two proxies, IPv6 rotation |
only configured proxies believed; limits by /64; the limiter's table bounded
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from levqor_errors import limits
from levqor_errors.collector import create_app
from levqor_errors.collector.throttle import BURST as GUESSES
from levqor_errors.config import CollectorSettings
from support import SECRET, CollectorProcess, Database, served

# Who a sender is, and how much he may send, is decided before anything that has to do with a database.
pytestmark = pytest.mark.sqlite

LOG = "/api/errors/log"
RECENT = "/api/errors/recent"
#: Events a second, and at once: as few as can be set, so that a slow machine gives nobody more.
RATE = 0.1
BURST = int(RATE * limits.BURST_SECONDS)
#: In all: what a slow machine could give back to a drained sender is less than this.
TRIES = 3 * BURST
LOOPBACK = ipaddress.ip_network("127.0.0.1")
SENDER = "198.51.100.1"
ANOTHER = "198.51.100.2"


@pytest.fixture
def proxied(database: Database) -> Iterator[httpx.Client]:
    """A collector that trusts loopback and 10.0.0.0/8, and a client that is its proxy."""
    settings = CollectorSettings(
        str(database), SECRET, rate_limit=RATE, trusted_proxies=(LOOPBACK, ipaddress.ip_network("10.0.0.0/8"))
    )
    with served(create_app(settings)) as url, httpx.Client(base_url=url) as client:
        yield client


def send(client: httpx.Client, *forwarded: str, times: int = TRIES) -> list[int]:
    """The statuses of so many posts, for a sender as these lines of X-Forwarded-For name him."""
    lines = [("X-Forwarded-For", line) for line in forwarded]
    return [client.post(LOG, json={"message": "x"}, headers=lines).status_code for _ in range(times)]


def passed(statuses: list[int]) -> int:
    """How many events were taken."""
    assert set(statuses) <= {201, 429}
    return statuses.count(201)


# -- a stranger -------------------------------------------------------------------------------------------------------


def test_s10_a_stranger_is_not_believed(start_collector: Callable[..., CollectorProcess]) -> None:
    collector = start_collector(RATE_LIMIT=str(RATE))
    with httpx.Client(base_url=collector.url) as client:
        statuses = [send(client, f"203.0.113.{number}", times=1)[0] for number in range(TRIES)]
    assert BURST <= passed(statuses) < TRIES


def test_s10_a_stranger_is_not_believed_where_other_proxies_are(database: Database) -> None:
    settings = CollectorSettings(
        str(database), SECRET, rate_limit=RATE, trusted_proxies=(ipaddress.ip_network("10.0.0.0/8"),)
    )
    with served(create_app(settings)) as url, httpx.Client(base_url=url) as client:
        statuses = [send(client, f"203.0.113.{number}, 10.0.0.1", times=1)[0] for number in range(TRIES)]
    assert BURST <= passed(statuses) < TRIES


def test_s10_other_headers_are_not_believed_from_anybody(proxied: httpx.Client) -> None:
    statuses = []
    for number in range(TRIES):
        address = f"203.0.113.{number}"
        headers = {
            "X-Forwarded-For": SENDER, "Forwarded": f"for={address}", "X-Real-IP": address, "True-Client-IP": address,
            "CF-Connecting-IP": address, "X-Client-IP": address, "X-Forwarded-For-": address,
        }  # fmt: skip
        statuses.append(proxied.post(LOG, json={"message": "x"}, headers=headers).status_code)
    assert BURST <= passed(statuses) < TRIES


# -- proxies ----------------------------------------------------------------------------------------------------------


def test_s10_behind_a_trusted_proxy_each_sender_has_his_own_limit(
    start_collector: Callable[..., CollectorProcess],
) -> None:
    collector = start_collector(RATE_LIMIT=str(RATE), TRUSTED_PROXIES="127.0.0.1")
    with httpx.Client(base_url=collector.url) as client:
        assert BURST <= passed(send(client, SENDER)) < TRIES
        assert send(client, ANOTHER, times=BURST) == [201] * BURST


def test_s10_what_a_sender_claims_before_the_proxy_does_not_help(proxied: httpx.Client) -> None:
    statuses = [send(proxied, f"203.0.113.{number}, {SENDER}", times=1)[0] for number in range(TRIES)]
    assert BURST <= passed(statuses) < TRIES
    # Nor do addresses of proxies, in the same line or in one of their own.
    assert 429 in send(proxied, f"10.0.0.9, {SENDER}", times=5)
    assert 429 in send(proxied, "10.0.0.9", SENDER, times=5)
    assert send(proxied, ANOTHER, times=BURST) == [201] * BURST


def test_s10_two_proxies_in_a_row(proxied: httpx.Client) -> None:
    assert BURST <= passed(send(proxied, f"{SENDER}, 10.0.0.5")) < TRIES
    # The same sender by another way is the same sender.
    assert 429 in send(proxied, f"{SENDER}:4711, 10.0.0.5, 10.0.0.6", times=5)
    assert 429 in send(proxied, SENDER, "10.0.0.5", times=5)
    assert send(proxied, f"{ANOTHER}, 10.0.0.5", times=BURST) == [201] * BURST


def test_s10_a_header_that_cannot_be_read_counts_for_the_proxy(proxied: httpx.Client) -> None:
    statuses = [send(proxied, f"junk {number}", times=1)[0] for number in range(TRIES)]
    assert BURST <= passed(statuses) < TRIES
    assert send(proxied, SENDER, times=BURST) == [201] * BURST


def test_s10_mounted_in_a_host_application(database: Database) -> None:
    settings = CollectorSettings(str(database), SECRET, rate_limit=RATE, trusted_proxies=(LOOPBACK,))
    collector = create_app(settings)
    with (
        served(Starlette(routes=[Mount("/monitor", collector)])) as url,
        httpx.Client(base_url=f"{url}/monitor") as client,
    ):
        assert BURST <= passed(send(client, SENDER)) < TRIES
        assert send(client, ANOTHER, times=BURST) == [201] * BURST
    collector.state.collector.close()


# -- IPv6 -------------------------------------------------------------------------------------------------------------


def test_s10_changing_the_address_within_a_network_does_not_help(proxied: httpx.Client) -> None:
    statuses = [send(proxied, f"2001:db8:1:2::{number:x}", times=1)[0] for number in range(TRIES)]
    assert BURST <= passed(statuses) < TRIES
    assert 429 in send(proxied, "[2001:db8:1:2:ffff:ffff:ffff:ffff]:443", times=5)
    assert send(proxied, "2001:db8:1:3::1", times=BURST) == [201] * BURST


def test_s10_ipv4_written_as_ipv6_is_the_same_sender(proxied: httpx.Client) -> None:
    assert BURST <= passed(send(proxied, SENDER)) < TRIES
    assert 429 in send(proxied, f"::ffff:{SENDER}", times=5)
    assert send(proxied, f"::ffff:{ANOTHER}", times=BURST) == [201] * BURST


def test_s10_changing_the_network_fills_no_more_than_the_table_and_then_all_new_ones_share_a_limit(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CLIENTS", 25)
    app = create_app(CollectorSettings(str(database), SECRET, rate_limit=RATE, trusted_proxies=(LOOPBACK,)))
    with served(app) as url, httpx.Client(base_url=url) as client:
        statuses = [send(client, f"2001:db8:{number:x}::1", times=1)[0] for number in range(100 + TRIES)]
        assert 25 + BURST <= passed(statuses) < 100 + TRIES
        # Who was there before has what he had.
        assert send(client, "2001:db8:1::1", times=BURST - 1) == [201] * (BURST - 1)
        limiter: Any = app.state.collector.ingest._limiter
        for table in (limiter._clients, limiter._told, limiter._names, limiter.issues._clients):
            assert len(table) <= 25


# -- the others that go by the client ---------------------------------------------------------------------------------


def test_s10_guesses_at_the_secret_go_by_the_same_client(proxied: httpx.Client) -> None:
    def guess(address: str) -> int:
        headers = {"X-Forwarded-For": address, "X-Internal-Secret": "wrong"}
        return proxied.get(RECENT, headers=headers).status_code

    assert 429 in [guess(f"203.0.113.9, {SENDER}") for _ in range(3 * GUESSES)]
    assert guess(ANOTHER) == 401
    right = {"X-Forwarded-For": ANOTHER, "X-Internal-Secret": SECRET}
    assert proxied.get(RECENT, headers=right).status_code == 200


def test_s10_a_guesser_does_not_get_new_guesses_by_a_header(collector_url: str) -> None:
    with httpx.Client(base_url=collector_url) as client:
        statuses = [
            client.get(
                RECENT, headers={"X-Forwarded-For": f"203.0.113.{number}", "X-Internal-Secret": "wrong"}
            ).status_code
            for number in range(3 * GUESSES)
        ]
    assert 429 in statuses


@pytest.mark.parametrize(("trusted", "secure"), [((LOOPBACK,), True), ((), False)])
def test_s10_the_session_cookie_is_secure_where_a_trusted_proxy_says_https(
    database: Database, trusted: tuple[ipaddress.IPv4Network, ...], secure: bool
) -> None:
    settings = CollectorSettings(str(database), SECRET, trusted_proxies=trusted)
    with served(create_app(settings)) as url:
        headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": SENDER}
        signed_in = httpx.post(f"{url}/login", data={"secret": SECRET}, headers=headers)
        assert signed_in.status_code == 303
        assert ("secure" in signed_in.headers["set-cookie"].lower()) is secure
