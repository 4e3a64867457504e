"""Further channels through Apprise, against a real HTTP server."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from levqor_errors.alerts.channels.others import OtherChannel, open_others
from levqor_errors.alerts.notice import Kind, Notice
from levqor_errors.errors import ChannelPassingError, ConfigError

# A library that it imports is of another time.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
TOKEN = "T0ken-for-tests-0123456789"
NOTICE = Notice(
    "A7", Kind.CRITICAL, "critical", "2026-11-23T13:05:39.000Z", "CardDeclined: \x1b[2J not captured", service="shop",
    event={"message": "not captured " + "<b>" * 5000, "path_or_screen": "/pay", "context": {}}, count=1200,
    since="2026-11-23T13:00:00.000Z", link="https://errors.example/owner/errors/7",
)  # fmt: skip


class Server(ThreadingHTTPServer):
    """Takes JSON, or does not."""

    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.taken: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.server_address[1]}/hooks/{TOKEN}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.status == 200:
            self.server.taken.append(json.loads(body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """In silence."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def channel(server: Server) -> Iterator[OtherChannel]:
    (channel,) = open_others([server.url])
    yield channel
    channel.close()


def test_a_message_is_plain_text_cut_and_with_its_id(server: Server, channel: OtherChannel) -> None:
    channel.send(NOTICE)
    (taken,) = server.taken
    assert taken["title"] == "[critical] shop: CardDeclined: \\x1b[2J not captured (A7)"
    assert taken["type"] == "failure"
    body = taken["message"]
    assert len(body) <= 4_000
    assert body.startswith("1,200 events since")
    assert "not captured <b><b>" in body
    assert "Path: /pay" in body
    assert body.endswith("https://errors.example/owner/errors/7")


def test_one_that_is_not_taken_is_tried_again(server: Server, channel: OtherChannel) -> None:
    server.status = 500
    with pytest.raises(ChannelPassingError, match=r"JSON did not take it: .*(500|Internal)"):
        channel.send(NOTICE)
    server.status = 200
    channel.send(NOTICE)
    assert len(server.taken) == 1


@pytest.mark.parametrize("status", [200, 500, None])
def test_no_part_of_its_address_is_in_a_log(
    server: Server, channel: OtherChannel, caplog: pytest.LogCaptureFixture, status: int | None
) -> None:
    if status is None:
        # Connections are refused.
        server.socket.close()
    else:
        server.status = status
    said = ""
    with caplog.at_level(logging.DEBUG):
        try:
            channel.send(NOTICE)
        except ChannelPassingError as error:
            said = str(error)
    assert {"apprise"} <= {record.name.partition(".")[0] for record in caplog.records}
    assert TOKEN not in "".join((caplog.text, said, channel.target, channel.check(), channel.name))


def test_names() -> None:
    opened = open_others(["json://a.example", "JSON://b.example", "xml://c.example", "json://d.example"])
    assert [channel.name for channel in opened] == ["json", "json2", "xml", "json3"]
    for channel in opened:
        channel.close()


def test_an_address_that_is_none_is_named_by_its_number_only() -> None:
    with pytest.raises(ConfigError, match="number 2") as caught:
        open_others(["json://a.example", f"nothing://{TOKEN}"])
    assert TOKEN not in str(caught.value)
