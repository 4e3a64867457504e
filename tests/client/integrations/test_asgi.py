"""The ASGI middleware with Starlette, FastAPI and no framework, in a real server: one unhandled error is one event."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from typing import Any

import fastapi
import httpx
import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from integration_support import DeclinedError, Events, check, essence, get
from levqor_errors import log_error, set_tag, set_user
from levqor_errors.integrations import asgi
from support import served, wait_until


async def ok(request: Request) -> Response:
    set_user("a@example.com")
    set_tag("order", 5)
    return JSONResponse({"ok": True})


async def fail(request: Request) -> Response:
    raise ValueError("it broke")


def fail_in_a_thread(request: Request) -> Response:
    raise ValueError("it broke")


async def log_and_fail(request: Request) -> Response:
    try:
        raise ValueError("it broke")
    except ValueError:
        logging.getLogger("shop").exception("logged before")
        raise


async def declined(request: Request) -> Response:
    raise DeclinedError("handled by the application")


async def not_found(request: Request) -> Response:
    raise HTTPException(404)


async def report_and_answer(request: Request) -> Response:
    log_error("shop", "reported by hand")
    return JSONResponse({"ok": True})


async def in_a_task(request: Request) -> Response:
    async def work() -> None:
        log_error("shop", "reported by hand")

    await asyncio.create_task(work())
    return JSONResponse({"ok": True})


async def stream_and_fail(request: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        yield b"a part"
        raise ValueError("it broke")

    return StreamingResponse(parts())


async def fail_in_background(request: Request) -> Response:
    async def work() -> None:
        raise ValueError("it broke")

    return PlainTextResponse("answered", background=BackgroundTask(work))


async def handle_declined(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "declined"}, status_code=402)


ENDPOINTS: dict[str, Callable[[Request], Any]] = {
    "/ok": ok, "/fail": fail, "/fail-in-a-thread": fail_in_a_thread, "/log-and-fail": log_and_fail,
    "/declined": declined, "/not-found": not_found, "/report": report_and_answer, "/task": in_a_task,
    "/stream": stream_and_fail, "/background": fail_in_background,
}  # fmt: skip


class Passing(BaseHTTPMiddleware):
    """Runs what is below in a task of its own, as many services' middleware does."""

    async def dispatch(self, request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        return response


def starlette_app(*, reporting: bool, passing: bool = False) -> Starlette:
    middleware = [Middleware(asgi.ErrorMiddleware, service="shop")] if reporting else []
    if passing:
        middleware.append(Middleware(Passing))
    return Starlette(
        routes=[Route(path, endpoint, methods=["GET", "POST"]) for path, endpoint in ENDPOINTS.items()],
        middleware=middleware,
        exception_handlers={DeclinedError: handle_declined},
    )


def fastapi_app(*, reporting: bool, passing: bool = False) -> fastapi.FastAPI:
    app = fastapi.FastAPI()
    for path, endpoint in ENDPOINTS.items():
        app.add_route(path, endpoint, methods=["GET", "POST"])

    @app.get("/typed")
    def typed(count: int) -> int:
        return 1 // count

    app.add_exception_handler(DeclinedError, handle_declined)
    if passing:
        app.add_middleware(Passing)
    if reporting:
        app.add_middleware(asgi.ErrorMiddleware, service="shop")
    return app


Serve = Callable[..., str]


@pytest.fixture(scope="module")
def serve() -> Iterator[Serve]:
    """Gives the address of an application; each is served once for all tests of this file."""
    with ExitStack() as stack:
        urls: dict[Any, str] = {}

        def serve_one(make: Callable[..., Any], **options: bool) -> str:
            key = make, tuple(options.items())
            if key not in urls:
                urls[key] = stack.enter_context(served(make(**options)))
            return urls[key]

        yield serve_one


APPS = pytest.mark.parametrize("make", [starlette_app, fastapi_app], ids=["Starlette", "FastAPI"])


@APPS
@pytest.mark.parametrize("path", ["/fail", "/fail-in-a-thread"])
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("passing", [False, True], ids=["alone", "with a BaseHTTPMiddleware"])
def test_asgi_an_unhandled_error_is_one_event(
    serve: Serve, make: Callable[..., Any], path: str, method: str, passing: bool, events: Events
) -> None:
    assert get(serve(make, reporting=True, passing=passing), path, method).status_code == 500
    event = check(events, "ValueError: it broke", path, method)
    assert event["severity"] == "error"


@APPS
def test_asgi_what_the_application_logs_itself_is_not_told_again(
    serve: Serve, make: Callable[..., Any], events: Events
) -> None:
    assert get(serve(make, reporting=True), "/log-and-fail").status_code == 500
    check(events, "logged before", "/log-and-fail", service="logged")


@APPS
@pytest.mark.parametrize(("path", "status"), [("/ok", 200), ("/declined", 402), ("/not-found", 404), ("/no-such", 404)])
def test_asgi_what_is_handled_is_no_event(
    serve: Serve, make: Callable[..., Any], path: str, status: int, events: Events
) -> None:
    assert get(serve(make, reporting=True), path).status_code == status
    assert events == []


@pytest.mark.parametrize("path", ["/report", "/task"])
def test_asgi_events_in_a_request_have_its_path(serve: Serve, path: str, events: Events) -> None:
    url = serve(starlette_app, reporting=True)
    # A user and a tag of another request stay with that one.
    get(url, "/ok")
    get(url, path)
    (event,) = events
    assert (event["message"], event["path_or_screen"]) == ("reported by hand", path)
    assert "user_email" not in event
    assert "tags" not in event["context"]
    log_error("shop", "outside of a request")
    assert "path_or_screen" not in events[-1]


def test_asgi_an_error_after_the_answer_began(serve: Serve, events: Events) -> None:
    url = serve(starlette_app, reporting=True)
    with pytest.raises(httpx.RemoteProtocolError):
        get(url, "/stream")
    assert get(url, "/background").text == "answered"
    wait_until(lambda: len(events) >= 2)
    assert [event["message"] for event in events] == ["ValueError: it broke"] * 2
    assert [event["path_or_screen"] for event in events] == ["/stream", "/background"]


@APPS
@pytest.mark.parametrize("path", ["/ok", "/fail", "/declined", "/not-found", "/no-such", "/background"])
@pytest.mark.usefixtures("events")
def test_asgi_answers_are_as_without(serve: Serve, make: Callable[..., Any], path: str) -> None:
    answers = [essence(get(serve(make, reporting=reporting), path)) for reporting in (False, True)]
    assert answers[0] == answers[1]


def test_asgi_fastapis_own_answers(serve: Serve, events: Events) -> None:
    url = serve(fastapi_app, reporting=True)
    assert httpx.get(f"{url}/typed?count=x").status_code == 422
    assert events == []
    assert httpx.get(f"{url}/typed?count=0").status_code == 500
    assert [event["message"].partition(":")[0] for event in events] == ["ZeroDivisionError"]


def test_asgi_a_browser_that_goes_away_is_no_error(events: Events) -> None:
    """Its request ends in the middle of the body, and the application was reading it."""

    async def read(request: Request) -> Response:
        await request.body()
        return PlainTextResponse("read")

    app = Starlette(
        routes=[Route("/read", read, methods=["POST"])], middleware=[Middleware(asgi.ErrorMiddleware, service="shop")]
    )
    ended = threading.Event()

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        try:
            await app(scope, receive, send)
        finally:
            if scope["type"] == "http":
                ended.set()

    def body() -> Iterator[bytes]:
        yield b"a part"
        raise InterruptedError

    with served(noting) as url:
        with pytest.raises(InterruptedError):
            httpx.post(f"{url}/read", content=body())
        assert ended.wait(30)
    assert [event for event in events if event["service"] == "shop"] == []


def test_asgi_a_bare_application_without_any_headers(events: Events) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError(scope["type"])

    async def never(*_: Any) -> Any:
        raise AssertionError

    for scope in (
        {"type": "http", "method": "GET", "path": "/a"},
        {"type": "websocket", "path": "/ws", "headers": [(b"host", b"x"), (b"user-agent", b"\xff\xe9")]},
        {"type": "lifespan"},
    ):
        with pytest.raises(ValueError, match=str(scope["type"])):
            asyncio.run(asgi.ErrorMiddleware(app)(scope, never, never))
    # A lifespan is the server's own; its failure is printed by it, and logged.
    assert [event["path_or_screen"] for event in events] == ["/a", "/ws"]
    assert events[1]["context"]["request"]["method"] == "websocket"
