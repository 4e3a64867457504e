"""Who is the client: the peer of the connection, or whom its trusted proxy names. Everything that counts by sender
(`throttle.py`, `limiter.py`) asks here, so that there is one notion of a client.

`X-Forwarded-For` is believed from the addresses in `TRUSTED_PROXIES` only. Every proxy appends whom it saw, so the
header is read from the right: past trusted proxies to the first address that is none. What stands left of it is the
client's own claim.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from starlette.types import Scope

from .. import limits

#: `1.2.3.4:567` and `[2001:db8::1]:8080`, as some proxies write it.
_WITH_PORT: Final = re.compile(r"([\d.]{7,15}):\d{1,5}|\[([^\[\]]{2,50})\](?::\d{1,5})?", re.ASCII)
#: Longer ones are no addresses, and are not kept.
_ENTRY_BYTES: Final = 64
_SCHEMES: Final = {b"http": "http", b"https": "https"}


class _Hop(NamedTuple):
    address: str
    trusted: bool


class Proxies:
    """The proxies that are believed.

    Args:
        trusted: their networks.
    """

    def __init__(self, trusted: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]) -> None:
        self._trusted = trusted
        # By text: parsing an address takes longer than all else that is done for a request here.
        self._hop = lru_cache(limits.CLIENTS)(self._read)

    def resolve(self, scope: Scope) -> Scope:
        """The scope of a request as if there were no proxies: `client` is the client, `scheme` is what it used.

        A scope whose peer is not trusted is given back as it is. Resolving twice does no more than once.
        """
        peer = scope.get("client")
        hop = self._hop(peer[0]) if peer else None
        if hop is None or not hop.trusted:
            return scope
        forwarded: list[bytes] = []
        scheme = None
        for name, value in scope["headers"]:
            if name == b"x-forwarded-for":
                forwarded.append(value)
            elif name == b"x-forwarded-proto":
                # The last of several: only that one is sure to be from the trusted peer.
                scheme = _SCHEMES.get(value.rpartition(b",")[2].strip().lower())
        resolved = {**scope, "client": (self._client(hop, forwarded), 0)}
        if scheme is not None:
            resolved["scheme"] = scheme
        return resolved

    def _client(self, peer: _Hop, forwarded: list[bytes]) -> str:
        """The first address from the right that is not trusted; else the last one that could be read."""
        client = peer
        for entry in _from_the_right(forwarded):
            hop = self._hop(entry.decode("latin-1")) if len(entry) <= _ENTRY_BYTES else None
            if hop is None:
                break
            client = hop
            if not hop.trusted:
                break
        return client.address

    def _read(self, entry: str) -> _Hop | None:
        entry = entry.strip()
        found = _WITH_PORT.fullmatch(entry)
        address = _address(found[1] or found[2] if found else entry)
        return None if address is None else _Hop(str(address), any(address in network for network in self._trusted))


def client_of(scope: Scope) -> str:
    """The network of a request's client, which limits go by: see `network_of`. Empty where a server does not tell."""
    client = scope.get("client")
    return network_of(client[0]) if client else ""


@lru_cache(limits.CLIENTS)
def network_of(address: str) -> str:
    """What one sender has to himself: an IPv4 address, or an IPv6 /64, within which a host can change its address at
    will. Text that is no address stands for itself."""
    parsed = _address(address)
    if parsed is None:
        return address
    return str(parsed) if parsed.version == 4 else str(ipaddress.ip_network((int(parsed), 64), strict=False))


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address without its zone (`fe80::1%eth0`); an IPv4 one written as IPv6 (`::ffff:1.2.3.4`) is the IPv4 one."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _from_the_right(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The entries of all lines of the header, the last one first; a bounded number, however many there are."""
    room = limits.PROXY_HOPS
    for line in reversed(list(lines)):
        for entry in reversed(line.rsplit(b",", room)):
            if room == 0:
                return
            room -= 1
            yield entry
