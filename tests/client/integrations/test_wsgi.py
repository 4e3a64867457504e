"""The WSGI middleware in a real server: one unhandled error is one event."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from integration_support import Events, check, essence, get, serving
from levqor_errors import log_error
from levqor_errors.integrations import wsgi


class Body:
    """An answer in parts, which fails where it is told, and counts its close()."""

    closed = 0

    def __init__(self, parts: int, error: Exception | None = None) -> None:
        self._parts = iter([b"a part "] * parts)
        self._error = error

    def __iter__(self) -> Iterator[bytes]:
        yield from self._parts
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        Body.closed += 1


def wsgi_app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/fail":
        raise ValueError("it broke")
    if path == "/log-and-fail":
        try:
            raise ValueError("it broke")
        except ValueError:
            logging.getLogger("shop").exception("logged before")
            raise
    if path == "/exit":
        raise SystemExit
    start_response("404 Not Found" if path == "/no-such" else "200 OK", [("Content-Type", "text/plain")])
    if path == "/stream":
        return Body(3)
    if path == "/stream-and-fail":
        return Body(3, ValueError("it broke"))
    if path == "/report":
        log_error("shop", "reported by hand")
    if path == "/written":
        start_response("200 OK", [("Content-Type", "text/plain")], None)(b"written")
        return []
    return [b"fine"]


def test_wsgi_an_unhandled_error_is_one_event(events: Events) -> None:
    with serving(wsgi.ErrorMiddleware(wsgi_app, service="shop")) as url:
        assert get(url, "/fail", "POST").status_code == 500
        assert len(events) == 1
        assert get(url, "/log-and-fail").status_code == 500
    check(events[:1], "ValueError: it broke", "/fail", "POST")
    check(events[1:], "logged before", "/log-and-fail", service="logged")


def test_wsgi_an_error_in_the_middle_of_an_answer(events: Events) -> None:
    Body.closed = 0
    with serving(wsgi.ErrorMiddleware(wsgi_app, service="shop")) as url:
        get(url, "/stream-and-fail")
    check(events, "ValueError: it broke", "/stream-and-fail")
    assert Body.closed == 1


@pytest.mark.parametrize("path", ["/ok", "/stream", "/no-such"])
def test_wsgi_what_is_handled_is_no_event(path: str, events: Events) -> None:
    with serving(wsgi.ErrorMiddleware(wsgi_app, service="shop")) as url:
        get(url, path)
    assert events == []


def test_wsgi_events_in_a_request_have_its_path(events: Events) -> None:
    with serving(wsgi.ErrorMiddleware(wsgi_app, service="shop")) as url:
        get(url, "/report")
    assert [(event["message"], event["path_or_screen"]) for event in events] == [("reported by hand", "/report")]


@pytest.mark.parametrize("path", ["/ok", "/fail", "/stream", "/no-such"])
@pytest.mark.usefixtures("events")
def test_wsgi_answers_are_as_without(path: str) -> None:
    answers = []
    for app in (wsgi_app, wsgi.ErrorMiddleware(wsgi_app, service="shop")):
        with serving(app) as url:
            answers.append(essence(get(url, path)))
    assert answers[0] == answers[1]


def test_wsgi_an_answer_that_is_given_up_is_closed(events: Events) -> None:
    Body.closed = 0
    answer: Any = wsgi.ErrorMiddleware(lambda *_: Body(5))({}, lambda *_: None)
    assert next(answer) == b"a part "
    answer.close()
    assert Body.closed == 1
    assert events == []
    log_error("shop", "outside of a request")
    assert "path_or_screen" not in events[0]


def test_wsgi_an_exit_is_no_event(events: Events) -> None:
    with pytest.raises(SystemExit):
        wsgi.ErrorMiddleware(wsgi_app)({"PATH_INFO": "/exit"}, lambda *_: None)
    assert events == []
