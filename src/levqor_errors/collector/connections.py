"""Who is connected: how many may be, who has to go when there is no room, who has passed a deadline, and the counts.

One sweep a second looks at every connection, so that a request costs no timer of its own. What a connection is doing
it knows itself (`protocol.py`); `server.py` hands one `Connections` to all of a process.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

from .. import limits
from .proxies import network_of

logger = logging.getLogger("levqor_errors.collector")

#: Why a connection was cut off: a head, a body or the reading of an answer took too long; a head was too large; it was
#: not HTTP; too much was sent ahead; it was given up for a newcomer; or it was a newcomer without room.
Reason: TypeAlias = Literal["head", "body", "stall", "head_size", "malformed", "ahead", "evicted", "refused"]
REASONS: Final[tuple[Reason, ...]] = (
    "head", "body", "stall", "head_size", "malformed", "ahead", "evicted", "refused",
)  # fmt: skip
#: How long a second of the deadlines is.
SWEEP_SECONDS: float = 1.0


class Deadlines(NamedTuple):
    """Whole seconds; see `limits.py` for what each is counted from."""

    head: int = limits.HEAD_SECONDS
    body: int = limits.BODY_SECONDS
    idle: int = limits.IDLE_SECONDS
    stall: int = limits.STALL_SECONDS
    linger: int = limits.LINGER_SECONDS


class Connection(Protocol):
    """What is asked of a connection."""

    @property
    def client(self) -> tuple[str, int] | None:
        """The peer's address and port."""

    @property
    def unread(self) -> int:
        """Bytes of a body received that nobody has asked for yet."""

    @property
    def slow(self) -> bool:
        """Whether its client has been taking long over a request or an answer, so that its place may be needed more."""

    def sweep(self) -> None:
        """End it if it has passed a deadline."""

    def evict(self, *, gently: bool) -> None:
        """End it: its place is needed. Gently: it may stay until its client has read why."""


class _Network:
    """Where connections come from: an IPv4 address or an IPv6 /64."""

    __slots__ = ("key", "open", "waiting")

    def __init__(self, key: str) -> None:
        self.key = key
        self.open = 0
        #: The one that has been waiting longest first.
        self.waiting: OrderedDict[Connection, None] = OrderedDict()


class Connections:
    """The connections of a process. Used from the event loop; the counts may be read from anywhere.

    Args:
        most: how many may be open.
        refusals: how many newcomers may stay beside them, to be told that there is no room.
        deadlines: when they are cut off.
    """

    def __init__(
        self,
        most: int = limits.CONNECTIONS,
        refusals: int = limits.REFUSALS,
        deadlines: Deadlines | None = None,
    ) -> None:
        self.most = most
        self.refusals = refusals
        self.deadlines = deadlines or Deadlines()
        #: Seconds in which this process ran. Time in which it was held up is not held against its clients.
        self.clock = 0
        self._open: dict[Connection, _Network] = {}
        #: No longer counted, but not gone yet: newcomers that are being refused, and those that were given up.
        self._leaving: dict[Connection, None] = {}
        self._networks: dict[str, _Network] = {}
        # By how many connections they have open, so that the largest is found without a search.
        self._by_size: list[dict[_Network, None]] = [{}]
        self._waiting = 0
        self._slow: deque[Connection] = deque()
        self._unread: dict[Connection, None] = {}
        self._cut: dict[Reason, int] = dict.fromkeys(REASONS, 0)
        self._sweeping = False

    @property
    def open(self) -> int:
        """How many there are."""
        return len(self._open)

    @property
    def waiting(self) -> int:
        """Of these, how many have no request under way."""
        return self._waiting

    @property
    def cut(self) -> Mapping[Reason, int]:
        """How many were cut off since the process began, by reason."""
        return self._cut

    def admit(self, connection: Connection) -> bool:
        """Take in a newcomer, which waits for its first request. False: there is no room, and none can be made.

        Who goes in its place is of the network that has most connections, the one that has waited longest there: who
        takes thousands of places pushes out his own.
        """
        if not self._sweeping:
            self._sweeping = True
            asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep_on)
        if len(self._open) >= self.most and not self._make_room():
            self.count("refused")
            return False
        key = network_of(connection.client[0] if connection.client else "")
        network = self._networks.get(key)
        if network is None:
            network = self._networks[key] = _Network(key)
        self._resize(network, 1)
        self._open[connection] = network
        network.waiting[connection] = None
        self._waiting += 1
        return True

    def refuse(self, connection: Connection) -> bool:
        """Whether a newcomer that was not taken in may stay to be told so."""
        if len(self._leaving) >= self.refusals:
            return False
        self._leaving[connection] = None
        return True

    def leave(self, connection: Connection) -> None:
        """It is gone."""
        self._leaving.pop(connection, None)
        self._unread.pop(connection, None)
        self._forget(connection)

    def work(self, connection: Connection) -> None:
        """A request is under way on it, or it is being closed."""
        network = self._open.get(connection)
        if network is not None and connection in network.waiting:
            del network.waiting[connection]
            self._waiting -= 1

    def wait(self, connection: Connection) -> None:
        """It waits for its next request."""
        network = self._open.get(connection)
        if network is not None and connection not in network.waiting:
            network.waiting[connection] = None
            self._waiting += 1

    def count(self, reason: Reason) -> None:
        """Note that one was cut off."""
        self._cut[reason] += 1

    def may_hold(self, connection: Connection) -> bool:
        """Whether it may hold a large part of a body that nobody has asked for yet."""
        self._unread[connection] = None
        if len(self._unread) > limits.UNREAD_BODIES:
            self._unread = {each: None for each in self._unread if each.unread > limits.BODY_FREE_BYTES}
        return len(self._unread) <= limits.UNREAD_BODIES

    def _make_room(self) -> bool:
        # Of those that wait, one of the largest network that has any; else one whose client takes long.
        if self._waiting:
            size = len(self._by_size) - 1
            while size:
                for network in self._by_size[size]:
                    if network.waiting:
                        self._evict(next(iter(network.waiting)))
                        return True
                size -= 1
        while self._slow:
            connection = self._slow.popleft()
            if connection in self._open and connection.slow:
                self._evict(connection)
                return True
        return False

    def _evict(self, connection: Connection) -> None:
        self.count("evicted")
        connection.evict(gently=len(self._leaving) < self.refusals)
        self._forget(connection)
        # It may have something to say yet, and its client may not listen.
        self._leaving[connection] = None

    def _forget(self, connection: Connection) -> None:
        self.work(connection)
        network = self._open.pop(connection, None)
        if network is not None:
            self._resize(network, -1)
            if not network.open:
                del self._networks[network.key]

    def _resize(self, network: _Network, by: int) -> None:
        self._by_size[network.open].pop(network, None)
        network.open += by
        if network.open == len(self._by_size):
            self._by_size.append({})
        if network.open:
            self._by_size[network.open][network] = None
        while len(self._by_size) > 1 and not self._by_size[-1]:
            self._by_size.pop()

    def sweep(self) -> None:
        """Look at them all: another second is over."""
        self.clock += 1
        slow: deque[Connection] = deque()
        for connection in [*self._open, *self._leaving]:
            try:
                connection.sweep()
                if connection.slow:
                    slow.append(connection)
            except Exception:
                # The deadlines of all others hang on this loop.
                logger.exception("a connection could not be ended")
        self._slow = slow

    def _sweep_on(self) -> None:
        self.sweep()
        self._sweeping = bool(self._open or self._leaving)
        if self._sweeping:
            asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep_on)
