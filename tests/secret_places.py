"""Every way by which a text gets into an event: what tests of secrets put one into."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import logging.handlers
import queue
from collections.abc import Callable
from typing import Any

from client_support import attached, caught, group
from levqor_errors import ErrorHandler, add_breadcrumb, log_error, log_exception, scope, set_tag, set_user
from levqor_errors.client.api import report
from levqor_errors.integrations import asgi, wsgi
from secret_samples import Secret


class Failing:
    """An application that fails in a request."""

    async def asgi(self, scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("in a request")

    def wsgi(self, environ: Any, start_response: Any) -> list[bytes]:
        raise ValueError("in a request")


async def _no_receive() -> Any:
    raise AssertionError


async def _no_send(message: Any) -> None:
    raise AssertionError


def through_asgi(path: str = "/", query: str = "", headers: dict[str, str] | None = None) -> None:
    request = {
        "type": "http", "method": "GET", "path": path, "query_string": query.encode("latin-1", "replace"),
        "headers": [(key.encode(), value.encode("latin-1", "replace")) for key, value in (headers or {}).items()],
    }  # fmt: skip
    with contextlib.suppress(ValueError):
        asyncio.run(asgi.ErrorMiddleware(Failing().asgi)(request, _no_receive, _no_send))


def through_wsgi(query: str) -> None:
    with contextlib.suppress(ValueError):
        wsgi.ErrorMiddleware(Failing().wsgi)({"QUERY_STRING": query}, lambda *_: None)


def raised(exception: Exception) -> Exception:
    def fail() -> None:
        raise exception

    return caught(fail)


def with_note(text: str) -> None:
    error = ValueError("noted")
    error.__notes__ = ["a note", text]
    log_exception(raised(error), "shop")


def with_cause(text: str) -> None:
    error = KeyError("outer")
    error.__cause__ = raised(ValueError(text))
    log_exception(raised(error), "shop")


def with_member(text: str) -> None:
    log_exception(raised(group("a group", [raised(ValueError(text))])), "shop")


def in_locals(value: object) -> None:
    def fail() -> None:
        variable = [value]
        raise ValueError(len(variable))

    try:
        fail()
    except ValueError:
        log_error("shop", "with locals")


def log(*arguments: object, extra: dict[str, object] | None = None) -> None:
    with attached(ErrorHandler(service="shop"), "c11") as logger:
        logger.error(*arguments, extra=extra)


def log_exception_text(text: str) -> None:
    with attached(ErrorHandler(service="shop"), "c11") as logger:
        logger.error("failed", exc_info=raised(ValueError(text)))


def log_through_a_queue(text: str) -> None:
    records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    with attached(logging.handlers.QueueHandler(records), "c11") as logger:
        logger.error("failed", exc_info=raised(ValueError(text)))
    ErrorHandler(service="shop").handle(records.get_nowait())


def as_breadcrumb(text: str) -> None:
    with scope(), attached(ErrorHandler(service="shop"), "c11") as logger:
        logger.info("step: %s", text)
        logger.error("failed")


def around(change: Callable[[str], object]) -> Callable[[str], None]:
    def report_it(text: str) -> None:
        with scope():
            change(text)
            log_error("shop", "something around it")

    return report_it


PLACES: dict[str, Callable[[str], object]] = {
    "message": lambda text: log_error("shop", text),
    "message in bytes": lambda text: log_error("shop", text.encode()),
    "exception": lambda text: log_exception(raised(ValueError(text)), "shop"),
    "exception, attached": lambda text: log_error("shop", "failed", exception=raised(ValueError("a", text, 1))),
    "exception, reported by an integration": lambda text: report(raised(ValueError(text)), service="shop"),
    "note": with_note,
    "chained exception": with_cause,
    "member of a group": with_member,
    "extra": lambda text: log_error("shop", "failed", extra={"value": text}),
    "extra, nested": lambda text: log_error("shop", "failed", extra={"a": [{"b": ({"c": text},)}]}),
    "extra, an object": lambda text: log_error("shop", "failed", extra={"a": Secret(text, "")}),
    "extra, in its repr": lambda text: log_error("shop", "failed", extra={"a": functools.partial(print, text)}),
    "extra, bytes": lambda text: log_error("shop", "failed", extra={"a": text.encode()}),
    "extra, as a key": lambda text: log_error("shop", "failed", extra={"a": {text: 1}}),
    "stack": lambda text: log_error("shop", "failed", stack=f"Traceback:\n  {text}\n"),
    "path": lambda text: log_error("shop", "failed", path=f"/a/{text}"),
    "fingerprint": lambda text: log_error("shop", "failed", fingerprint=text),
    "user_email": lambda text: log_error("shop", "failed", user_email=text),
    "locals": in_locals,
    "log message": log,
    "log message with an argument": lambda text: log(f"{text.replace('%', '%%')} %s", 1),
    "log argument": lambda text: log("failed: %s", text),
    "log argument in a dict": lambda text: log("failed: %(a)s", {"a": text}),
    "log extra": lambda text: log("failed", extra={"value": text}),
    "log exception": log_exception_text,
    "log exception through a queue": log_through_a_queue,
    "log breadcrumb": as_breadcrumb,
    "user": around(lambda text: set_user("a@example.com", note=text)),
    "user's email": around(lambda text: set_user(text)),
    "tag": around(lambda text: set_tag("note", text)),
    "breadcrumb": around(lambda text: add_breadcrumb(text)),
    "breadcrumb's data": around(lambda text: add_breadcrumb("a step", data={"a": [text]})),
    "breadcrumb's category": around(lambda text: add_breadcrumb("a step", category=text)),
    "ASGI query": lambda text: through_asgi(query=text),
    "ASGI path": lambda text: through_asgi(path=f"/a/{text}"),
    "ASGI header": lambda text: through_asgi(headers={"referer": text, "user-agent": text, "cookie": text}),
    "WSGI query": through_wsgi,
}
