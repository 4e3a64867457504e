"""The collector under uvicorn: the socket, the log, the start and the end of the process."""

from __future__ import annotations

import functools
import gc
import ipaddress
import logging.config
import signal
import socket
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette

from .. import limits
from ..errors import ConfigError
from .connections import Connections, Deadlines
from .feed import Feed
from .logs import LOGGING
from .protocol import BoundedProtocol

try:
    import resource
except ImportError:  # Windows has no such limits.
    resource = None  # type: ignore[assignment]

#: The garbage collector looks at the youngest objects when there are so many more.
_GC_OBJECTS: Final = 20_000
#: After SIGTERM, requests under way have this long; their events are committed or their senders told to come again.
DRAIN_SECONDS: Final = 10
#: Connections that the system may accept ahead of us.
_BACKLOG: Final = 2_048


def bind(host: str, port: int) -> socket.socket:
    """Take the address before anything else is opened, so that a taken port is one clear line.

    Raises:
        ConfigError: naming the option at fault.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, OverflowError, UnicodeError) as error:
        raise ConfigError("--host", f"{host} is not an address of this machine: {error}") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            # Connections inherit it (tcp(7)). A client that has vanished, which acknowledges nothing, is found out by
            # this; a stream's small parts would fill no buffer for hours.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, limits.STALL_SECONDS * 1000)
        listener.bind(address)
        # bind() alone does not meet every listener; listen() does.
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == 98 or "in use" in str(error):
            raise ConfigError("--port", f"{port} is taken; stop what listens there, or choose another") from error
        raise ConfigError("--host", f"{host} port {port} cannot be listened on: {error.strerror}") from error
    return listener


def address_of(listener: socket.socket) -> str:
    """Where people reach it, for a link: one cannot connect to 0.0.0.0."""
    host, port = listener.getsockname()[:2]
    address = ipaddress.ip_address(host.partition("%")[0])
    if address.is_unspecified:
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(app: Starlette, listener: socket.socket, deadlines: Deadlines | None = None) -> None:
    """Serve until SIGTERM or SIGINT; what was acknowledged by then is committed, and the process may exit with 0.

    Args:
        app: of `create_app`.
        listener: of `bind`.
        deadlines: of connections; by default those of `limits.py`.
    """
    logging.config.dictConfig(LOGGING)
    connections: Connections = app.state.collector.connections
    connections.deadlines = deadlines or Deadlines()
    connections.most, connections.refusals = room(_raise_files())
    http: Any = functools.partial(BoundedProtocol, connections)
    config = uvicorn.Config(
        app,
        http=http,
        access_log=False,
        log_config=None,
        # uvicorn believes X-Forwarded-For from 127.0.0.1 unless told otherwise.
        proxy_headers=False,
        server_header=False,
        ws="none",
        # All that are accepted in one go must find room, or they would push each other out before they are read.
        backlog=min(_BACKLOG, connections.most),
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    server = _Server(config, app.state.collector.feed)
    # uvicorn raises the signal again after its orderly end, which would make the exit status 143; this takes it, and
    # one that comes before uvicorn listens for signals.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)
    # A batch of events is ten thousand objects that live for milliseconds. With Python's 700 it looks through them over
    # and over, and through all of the program's own with them: a tenth of the work on a batch.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_OBJECTS, 20, 100)
    try:
        server.run(sockets=[listener])
    finally:
        listener.close()


class _Server(uvicorn.Server):
    """uvicorn, which waits at its end for the answers that are under way: live streams have to be told of it.

    Args:
        config: uvicorn's.
        feed: what they are fed from.
    """

    def __init__(self, config: uvicorn.Config, feed: Feed) -> None:
        super().__init__(config)
        self._feed = feed

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._feed.close()
        await super().shutdown(sockets)


def room(files: int) -> tuple[int, int]:
    """How many connections a process may have that may open so many files, and how many newcomers it may refuse beside
    them at a time.
    """
    most = min(limits.CONNECTIONS + limits.REFUSALS, max(files - limits.SPARE_FILES, 10))
    refusals = most * limits.REFUSALS // (limits.CONNECTIONS + limits.REFUSALS)
    return most - refusals, refusals


def _raise_files() -> int:
    """Ask for as many file descriptors as the process may have; many systems give 1,024 or 256 unless asked."""
    if resource is None:
        return limits.FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = limits.FILES if hard == resource.RLIM_INFINITY else min(hard, limits.FILES)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        # macOS has a ceiling of its own below the hard limit.
        return soft
    return wanted
