"""A sink for both SDKs: takes what they send, counts distinct events, and says so at `/count`. Run as a process of its
own, so that its work is not on anybody's clock.

    python bench/sink.py            prints its port
"""

from __future__ import annotations

import gzip
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar


class Sink(BaseHTTPRequestHandler):
    """Answers as each SDK expects it."""

    protocol_version = "HTTP/1.1"
    # An answer in two small packets would wait for the other side's delayed acknowledgement.
    disable_nagle_algorithm = True
    seen: ClassVar[set[str]] = set()

    def do_POST(self) -> None:
        """One of our batches, or one of Sentry's envelopes."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if self.path == "/api/errors/log":
            events = [json.loads(line)["event_id"] for line in body.splitlines()]
            self.seen.update(events)
            self._answer({"ok": True, "accepted": len(events), "rejected": []})
        else:
            self.seen.add(json.loads(body.split(b"\n", 1)[0]).get("event_id", ""))
            self._answer({})

    def do_GET(self) -> None:
        """How many have arrived; forgets them."""
        self.seen.discard("")
        count = len(self.seen)
        self.seen.clear()
        self._answer({"count": count})

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    print(server.server_port, flush=True)
    server.serve_forever()
