"""What tests of integrations share: a request with secrets in it, what is to be seen of it, and a WSGI server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import httpx

Events = list[dict[str, Any]]
QUERY = "order=5&token=hunter2abc&next=%2Fhome"
HEADERS = {"user-agent": "test/1", "authorization": "Bearer hunter2abc", "cookie": "sid=hunter2abc"}


def check(events: Events, message: str, path: str, method: str = "GET", service: str = "shop") -> dict[str, Any]:
    """One event with its request, and no secret of it."""
    assert [event["message"] for event in events] == [message]
    (event,) = events
    assert event["path_or_screen"] == path
    assert event["service"] == service
    request = event["context"]["request"]
    assert (request["method"], request["path"]) == (method, path)
    assert request["query"] == "order=5&token=[redacted]&next=%2Fhome"
    assert request["headers"]["user-agent"] == "test/1"
    assert set(request["headers"]) <= {"user-agent", "referer", "host", "content-type"}
    assert "hunter2abc" not in json.dumps(event)
    assert event["context"]["exceptions"][0]["frames"][-1]["in_app"]
    return event


def get(url: str, path: str, method: str = "GET") -> httpx.Response:
    """Send it."""
    return httpx.request(method, f"{url}{path}?{QUERY}", headers=HEADERS, timeout=30)


def essence(response: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    """What a client of the service can tell two answers apart by."""
    headers = {key: value for key, value in response.headers.items() if key != "date"}
    return response.status_code, response.content, headers


class DeclinedError(Exception):
    """One that applications handle themselves."""


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - wsgiref's own name
        """Nothing on stderr."""


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """Serve a WSGI application on a free port, in a thread; gives its address."""
    with make_server("127.0.0.1", 0, app, handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(30)
