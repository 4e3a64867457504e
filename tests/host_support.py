"""What the client's fault tests share: hosts as real processes, and collectors that misbehave as they are told."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from support import Database, clean_environ, rows

#: How the client's own event about its losses begins.
LOSSES = "the client of this service did not send"

#: Before every script. Nothing here imports what the shipper's thread imports: that has to work by itself.
PRELUDE = """
import json, os, signal, sys, threading, time
from levqor_errors import flush, init, log_error, stats
from levqor_errors.client import journal, losses, shipper
from levqor_errors.client.api import current_client
# Only there to spare a collector.
shipper.FLUSH_RETRY = 0.05
"""
#: A process that has nothing to say itself: it ships what others left, and in the second round tells of losses.
SHIP = """
delivered = flush(60) and flush(20)
print(json.dumps(stats()))
sys.exit(0 if delivered else "not delivered")
"""


class Ended(NamedTuple):
    """What a process left."""

    code: int
    stdout: str
    stderr: str

    @property
    def stats(self) -> dict[str, int]:
        """The `stats()` that it printed last."""
        counts: dict[str, int] = json.loads(self.stdout.splitlines()[-1])
        return counts


class Host:
    """A service under test: its processes share a journal's directory and a collector's address.

    Args:
        directory: for the scripts, and for the spool if none is given.
        url: the collector's address.
        spool: `LEVQOR_ERRORS_SPOOL_DIR`.
        before: what its scripts do before they import the client.
    """

    def __init__(self, directory: Path, url: str, spool: Path | None = None, before: str = "") -> None:
        self.url = url
        self.spool = spool or directory / "spool"
        self._directory = directory
        self._before = before

    @contextlib.contextmanager
    def started(self, source: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
        """A process that runs a script; it and all that it forked are gone at the end of the block."""
        # A file and not -c: children that multiprocessing spawns import it.
        script = self._directory / f"host_{time.monotonic_ns()}.py"
        script.write_text(self._before + PRELUDE + source)
        with subprocess.Popen(
            [sys.executable, str(script), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=clean_environ(LEVQOR_ERRORS_URL=self.url, LEVQOR_ERRORS_SPOOL_DIR=str(self.spool)),
            start_new_session=True,
        ) as process:
            try:
                yield process
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def run(self, source: str, *arguments: object, code: int = 0, seconds: float = 60) -> Ended:
        """Run a script to its end, which has to come with this exit code.

        Args:
            source: the script, without the prelude.
            arguments: its `sys.argv`.
            code: what it exits with.
            seconds: after this time it hangs.
        """
        with self.started(source, *arguments) as process:
            ended = finish(process, seconds)
        assert ended.code == code, ended
        return ended

    def ship(self) -> dict[str, int]:
        """The next process of the service starts and delivers what is left; its `stats()`."""
        return self.run(SHIP, seconds=100).stats

    @property
    def journal(self) -> Path:
        """The one directory of segments in the spool."""
        (directory,) = self.spool.iterdir()
        return directory

    def segments(self) -> list[Path]:
        """Files of events that wait."""
        return sorted(self.spool.glob("*/[0-3]-*.jsonl"))

    def waiting(self) -> list[str]:
        """The messages of the events that wait."""
        lines = [line for path in self.segments() for line in path.read_bytes().splitlines()[1:]]
        return [json.loads(line)["message"] for line in lines]

    def set_aside(self) -> list[bytes]:
        """The lines that were set aside."""
        path = self.journal / "set-aside.jsonl"
        # Not splitlines(): garbage has other line ends in it.
        return path.read_bytes().split(b"\n")[:-1] if path.exists() else []


def finish(process: subprocess.Popen[str], seconds: float = 60) -> Ended:
    """Wait for a process's end. What it shows on stderr must not be an exception: the host never sees one of ours."""
    stdout, stderr = process.communicate(timeout=seconds)
    assert "Traceback" not in stderr, stderr
    assert "Fatal Python error" not in stderr, stderr
    return Ended(process.returncode, stdout, stderr)


def line_of(process: subprocess.Popen[str]) -> str:
    """The next line that a script prints."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, f"it ended: {process.communicate(timeout=30)}"
    return line.strip()


def go_on(process: subprocess.Popen[str]) -> None:
    """Give a script the line of input that it waits for."""
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def free_port() -> int:
    """A port where nobody listens yet, for a collector that comes up later."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def address(port: int) -> str:
    """Of a collector on this machine."""
    return f"http://127.0.0.1:{port}"


def stored(database: Database) -> Counter[str]:
    """How often each message is stored; the client's events about losses are left out."""
    found = rows(database, "SELECT message FROM error_events")
    return Counter(message for (message,) in found if not message.startswith(LOSSES))


def told_losses(database: Database) -> Counter[str]:
    """The losses by reason that clients told the collector of."""
    found = rows(database, "SELECT context FROM error_events WHERE message LIKE ?", [f"{LOSSES}%"])
    return sum((Counter(json.loads(context)["losses"]) for (context,) in found), Counter[str]())


class Exchange:
    """One request to a fake collector, and the ways to answer it.

    Attributes:
        events: what it brings.
        messages: theirs.
        number: how many requests came before it.
        key: its `X-Levqor-Key`.
    """

    def __init__(self, collector: FakeCollector, handler: BaseHTTPRequestHandler, events: list[dict[str, Any]]) -> None:
        self._collector = collector
        self._handler = handler
        self.events = events
        self.messages: list[str] = [event["message"] for event in events]
        self.number = collector.count()
        self.key: str | None = handler.headers["X-Levqor-Key"]

    def take(self, reject: Collection[str] = ()) -> None:
        """As the collector does: all are stored but those with such a message, which are told by their index."""
        rejected = [
            {"index": index, "error": "it is bad"} for index, message in enumerate(self.messages) if message in reject
        ]
        self._collector.accepted += [event for event in self.events if event["message"] not in reject]
        self.answer(200, {"ok": True, "accepted": len(self.events) - len(rejected), "rejected": rejected})

    def answer(self, status: int, body: object = b"", **headers: str) -> None:
        """Any answer. `Retry_After="1"` is the header `Retry-After`."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._handler.send_response(status)
        for name, value in headers.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.send_header("Content-Length", str(len(content)))
        self._handler.end_headers()
        self._collector.answered.append(time.monotonic())
        self._handler.wfile.write(content)

    def raw(self, content: bytes) -> None:
        """Bytes as they are; the connection ends after them."""
        self._handler.close_connection = True
        self._handler.wfile.write(content)
        self._handler.wfile.flush()

    def hang(self) -> None:
        """Nothing more, for as long as the fake collector lives."""
        self._handler.close_connection = True
        self._collector.closing.wait()

    def dribble(self, content: bytes, seconds: float) -> None:
        """Bytes one by one, each after so many seconds."""
        for byte in content:
            if self._collector.closing.wait(seconds):
                return
            self.raw(bytes([byte]))

    def reset(self) -> None:
        """RST."""
        self._handler.close_connection = True
        self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._handler.connection.close()


Behaviour: TypeAlias = Callable[[Exchange], None]


class FakeCollector:
    """A server on a port of its own that speaks HTTP and answers as it is told.

    Args:
        behaviour: answers each request; may be changed at any time.
        port: where to listen.

    Attributes:
        accepted: the events for which it answered that they are stored.
        arrived: when each request came.
        answered: when each answer of `take` and `answer` was on its way.
        paths: what was asked for.
        closing: set when it is about to end.
    """

    def __init__(self, behaviour: Behaviour = Exchange.take, port: int = 0) -> None:
        self.behaviour = behaviour
        self.accepted: list[dict[str, Any]] = []
        self.arrived: list[float] = []
        self.answered: list[float] = []
        self.paths: set[str] = set()
        self.closing = threading.Event()
        self._errors: list[BaseException] = []
        self._connections: list[socket.socket] = []
        self._lock = threading.Lock()
        self._server = self._listen(port)
        self.url = address(self._server.server_port)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def __enter__(self) -> FakeCollector:
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        # Waits for the threads of all connections.
        self._server.server_close()
        self._thread.join(30)
        assert self._errors == [], self._errors

    def count(self) -> int:
        """Note a request; returns how many came before it."""
        with self._lock:
            self.arrived.append(time.monotonic())
            return len(self.arrived) - 1

    def messages(self) -> Counter[str]:
        """How often each message was accepted; the client's events about losses are left out."""
        return Counter(event["message"] for event in self.accepted if not event["message"].startswith(LOSSES))

    def told_losses(self) -> Counter[str]:
        """The losses by reason that clients told of."""
        told = [event["context"]["losses"] for event in self.accepted if event["message"].startswith(LOSSES)]
        return sum(map(Counter, told), Counter[str]())

    def _listen(self, port: int) -> ThreadingHTTPServer:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Headers and body are two writes; together with delayed acknowledgements that would be 40 ms an answer.
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                collector._connections.append(self.connection)

            def do_POST(self) -> None:
                collector.paths.add(self.path)
                sent = self.rfile.read(int(self.headers["Content-Length"]))
                if len(sent) < int(self.headers["Content-Length"]):
                    raise ConnectionError("the client left in the middle of its body")
                body = gzip.decompress(sent)
                collector.behaviour(Exchange(collector, self, [json.loads(line) for line in body.split(b"\n")]))

            def do_GET(self) -> None:
                collector.paths.add(self.path)
                self.send_error(405)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = False

            def handle_error(self, *_: object) -> None:
                error = sys.exc_info()[1]
                # A client that gave up, or was killed, is nothing new here.
                if error is not None and not isinstance(error, (ConnectionError, TimeoutError)):
                    collector._errors.append(error)

        return Server(("127.0.0.1", port), Handler)
