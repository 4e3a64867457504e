"""Who is the client: the peer, or whom trusted proxies name."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levqor_errors import limits
from levqor_errors.collector.proxies import Proxies, client_of, network_of

PROXIES = Proxies(tuple(ipaddress.ip_network(text) for text in ("10.0.0.0/8", "2001:db8:ffff::/48", "127.0.0.1/32")))


def scope_of(peer: str | None, *headers: tuple[str, str]) -> dict[str, Any]:
    """A request's scope."""
    return {
        "type": "http",
        "client": None if peer is None else (peer, 1234),
        "scheme": "http",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
    }


def resolved(peer: str | None, *forwarded: str) -> str:
    """The client of a request with these lines of X-Forwarded-For."""
    client: tuple[str, int] = PROXIES.resolve(scope_of(peer, *(("x-forwarded-for", line) for line in forwarded)))[
        "client"
    ]
    return client[0]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        # Nobody to believe.
        ("203.0.113.1", ["198.51.100.1"], "203.0.113.1"),
        ("203.0.113.1", ["10.0.0.1"], "203.0.113.1"),
        ("2001:db8::1", ["198.51.100.1"], "2001:db8::1"),
        # One proxy, two, and one that speaks IPv6.
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("2001:db8:ffff::1", ["2001:db8::7"], "2001:db8::7"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        # The client's own claims stand to the left of what the proxy saw.
        ("10.0.0.1", ["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["10.0.0.9, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["127.0.0.1, 198.51.100.1"], "198.51.100.1"),
        # Several lines are one, in their order.
        ("10.0.0.1", ["1.1.1.1", "198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1", "10.0.0.2"], "198.51.100.1"),
        # As some proxies write it.
        ("10.0.0.1", ["198.51.100.1:567"], "198.51.100.1"),
        ("10.0.0.1", ["[2001:db8::1]:8080"], "2001:db8::1"),
        ("10.0.0.1", ["[2001:db8::1]"], "2001:db8::1"),
        ("10.0.0.1", ["2001:DB8:0::1"], "2001:db8::1"),
        ("10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["fe80::1%eth0"], "fe80::1"),
        ("10.0.0.1", ["  198.51.100.1\t"], "198.51.100.1"),
        # All of them are trusted: the farthest.
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", [], "10.0.0.1"),
        # What cannot be read ends the walk at the last good one.
        ("10.0.0.1", ["198.51.100.1, unknown, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1,"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1:"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1:1234567"], "10.0.0.1"),
        ("10.0.0.1", ["[2001:db8::1"], "10.0.0.1"),
        ("10.0.0.1", ["[2001:db8::1]junk"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.01"], "10.0.0.1"),
        ("10.0.0.1", ["0xc6336401"], "10.0.0.1"),
        ("10.0.0.1", ['"198.51.100.1"'], "10.0.0.1"),
        ("10.0.0.1", ["1" * 100_000], "10.0.0.1"),
        ("10.0.0.1", ["\xb2\xff"], "10.0.0.1"),
    ],
)
def test_the_client_is_the_first_that_is_not_trusted_from_the_right(
    peer: str, forwarded: list[str], client: str
) -> None:
    assert resolved(peer, *forwarded) == client


def test_only_so_many_entries_are_looked_at() -> None:
    hops = ", ".join(["10.0.0.2"] * (limits.PROXY_HOPS - 1))
    assert resolved("10.0.0.1", f"198.51.100.1, {hops}") == "198.51.100.1"
    assert resolved("10.0.0.1", f"198.51.100.1, 10.0.0.3, {hops}") == "10.0.0.3"
    assert resolved("10.0.0.1", *["198.51.100.1"], *["10.0.0.2"] * 100_000) == "10.0.0.2"


@pytest.mark.parametrize(
    ("peer", "proto", "scheme"),
    [
        ("10.0.0.1", ["https"], "https"),
        ("10.0.0.1", ["HTTPS "], "https"),
        ("10.0.0.1", ["http"], "http"),
        ("10.0.0.1", ["https, http"], "http"),
        ("10.0.0.1", ["http", "https"], "https"),
        ("10.0.0.1", ["javascript"], "http"),
        ("10.0.0.1", [""], "http"),
        ("10.0.0.1", [], "http"),
        ("203.0.113.1", ["https"], "http"),
    ],
)
def test_the_scheme_is_what_the_trusted_peer_says(peer: str, proto: list[str], scheme: str) -> None:
    scope = scope_of(peer, *(("x-forwarded-proto", value) for value in proto))
    assert PROXIES.resolve(scope)["scheme"] == scheme


def test_the_scope_of_a_host_application_is_left_alone() -> None:
    scope = scope_of("10.0.0.1", ("x-forwarded-for", "198.51.100.1"))
    PROXIES.resolve(scope)
    assert scope["client"] == ("10.0.0.1", 1234)
    assert PROXIES.resolve(scope_of(None, ("x-forwarded-for", "198.51.100.1")))["client"] is None


@given(
    peer=st.ip_addresses().map(str) | st.text(max_size=20),
    forwarded=st.lists(st.lists(st.ip_addresses().map(str) | st.text("0123456789.:[]%a ", max_size=70)), max_size=3),
)
def test_resolving_twice_does_no_more_than_once(peer: str, forwarded: list[list[str]]) -> None:
    scope = scope_of(peer, *(("x-forwarded-for", ",".join(line)) for line in forwarded))
    once = PROXIES.resolve(scope)
    assert PROXIES.resolve(dict(once))["client"][0] == once["client"][0]
    assert client_of(once) == network_of(once["client"][0])


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.1", "203.0.113.1"),
        ("::ffff:203.0.113.1", "203.0.113.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:0db8:0001:0002:ffff::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("a-unix-socket", "a-unix-socket"),
        ("", ""),
    ],
)
def test_limits_go_by_what_one_sender_has_to_himself(address: str, network: str) -> None:
    assert network_of(address) == network
    assert client_of({"client": (address, 1)}) == network


def test_a_server_may_not_tell_the_client() -> None:
    assert client_of({}) == client_of({"client": None}) == ""
