"""The HTTP of `telegram_support.py`."""

from __future__ import annotations

import socket
import socketserver
import struct
import sys
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from telegram_answers import HANG, LOST, RESET, Fate

if TYPE_CHECKING:
    from telegram_support import FakeTelegram


class Server(socketserver.ThreadingTCPServer):
    """A thread for each connection."""

    daemon_threads = True
    request_queue_size = 128
    telegram: FakeTelegram

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error here."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Handler(socketserver.StreamRequestHandler):
    """HTTP/1.1 with keep-alive, as far as httpx speaks it; `http.server` takes most of a millisecond for a head."""

    server: Server
    connection: socket.socket
    disable_nagle_algorithm = True

    def handle(self) -> None:
        telegram = self.server.telegram
        with telegram.changed:
            telegram.connections.add(self.connection)
        try:
            while self._request(telegram):
                pass
        finally:
            with telegram.changed:
                telegram.connections.discard(self.connection)
                telegram.changed.notify_all()

    def _request(self, telegram: FakeTelegram) -> bool:
        line = self.rfile.readline().split()
        if len(line) != 3:
            return False
        length = 0
        while (header := self.rfile.readline().strip()) != b"":
            name, _, value = header.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        reaction, fate = telegram.react(line[1].decode(), self.rfile.read(length))
        if isinstance(reaction, Fate) or fate is not None:
            if reaction is HANG:
                self.connection.recv(1)
            elif reaction is RESET or fate is LOST:
                # With nothing to linger for, closing sends RST.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.rfile.close()
                self.connection.close()
            return False
        headers = dict((("Content-Type", "application/json"), *reaction.headers))
        lines = [f"HTTP/1.1 {reaction.status} Status", f"Content-Length: {len(reaction.body)}"]
        lines.append(f"Date: {formatdate(time.time() + telegram.clock_ahead, usegmt=True)}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.wfile.write("\r\n".join(lines).encode() + b"\r\n\r\n" + reaction.body)
        return True
