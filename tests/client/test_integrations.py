"""Integrations, each with a real application in a real server: one unhandled error is one event.

An ErrorHandler is on the root logger all the time, since frameworks log what they do not handle as well.
"""

from __future__ import annotations

import asyncio
import json
import logging
import textwrap
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import fastapi
import flask
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

from client_support import attached, run_script
from levqor_errors import ErrorHandler, log_error, set_tag, set_user
from levqor_errors.integrations import asgi, wsgi
from levqor_errors.integrations.flask import report_from_flask
from support import served, wait_until

Events = list[dict[str, Any]]
QUERY = "order=5&token=hunter2abc&next=%2Fhome"
HEADERS = {"user-agent": "test/1", "authorization": "Bearer hunter2abc", "cookie": "sid=hunter2abc"}


@pytest.fixture(autouse=True)
def root_handler() -> Iterator[None]:
    with attached(ErrorHandler(service="logged"), level=logging.WARNING):
        yield


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
    return httpx.request(method, f"{url}{path}?{QUERY}", headers=HEADERS, timeout=30)


def essence(response: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    """What a client of the service can tell two answers apart by."""
    headers = {key: value for key, value in response.headers.items() if key != "date"}
    return response.status_code, response.content, headers


class DeclinedError(Exception):
    pass


# -- ASGI ---------------------------------------------------------------------------------------------------------


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


# -- WSGI ---------------------------------------------------------------------------------------------------------


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - wsgiref's own name
        """Nothing on stderr."""


@contextmanager
def serving(app: Any) -> Iterator[str]:
    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(30)


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


# -- Flask --------------------------------------------------------------------------------------------------------


def flask_app(*, reporting: bool) -> flask.Flask:
    app = flask.Flask("shop_of_the_test")

    @app.route("/ok")
    def ok() -> str:
        return "fine"

    @app.route("/fail", methods=["GET", "POST"])
    def fail() -> str:
        raise ValueError("it broke")

    @app.route("/log-and-fail")
    def log_and_fail() -> str:
        try:
            raise ValueError("it broke")
        except ValueError:
            app.logger.exception("logged before")
            raise

    @app.route("/declined")
    def declined() -> str:
        raise DeclinedError

    @app.route("/forbidden")
    def forbidden() -> str:
        flask.abort(403)

    @app.errorhandler(DeclinedError)
    def handle(error: DeclinedError) -> tuple[str, int]:
        return "declined", 402

    if reporting:
        report_from_flask(app, service="shop")
    return app


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_flask_an_unhandled_error_is_one_event(method: str, events: Events) -> None:
    with serving(flask_app(reporting=True)) as url:
        assert get(url, "/fail", method).status_code == 500
    check(events, "ValueError: it broke", "/fail", method)


def test_flask_behind_the_wsgi_middleware_is_one_event_too(events: Events) -> None:
    app = flask_app(reporting=True)
    app.config["PROPAGATE_EXCEPTIONS"] = True
    with serving(wsgi.ErrorMiddleware(app, service="shop")) as url:
        assert get(url, "/fail").status_code == 500
        assert get(url, "/log-and-fail").status_code == 500
    check(events[:1], "ValueError: it broke", "/fail")
    check(events[1:], "logged before", "/log-and-fail", service="logged")


def test_flask_what_the_application_logs_itself_is_not_told_again(events: Events) -> None:
    with serving(flask_app(reporting=True)) as url:
        assert get(url, "/log-and-fail").status_code == 500
    assert [event["message"] for event in events] == ["logged before"]


@pytest.mark.parametrize(("path", "status"), [("/ok", 200), ("/declined", 402), ("/forbidden", 403), ("/no-such", 404)])
def test_flask_what_is_handled_is_no_event(path: str, status: int, events: Events) -> None:
    with serving(flask_app(reporting=True)) as url:
        assert get(url, path).status_code == status
    assert events == []


@pytest.mark.parametrize("path", ["/ok", "/fail", "/declined", "/no-such"])
@pytest.mark.usefixtures("events")
def test_flask_answers_are_as_without(path: str) -> None:
    answers = []
    for reporting in (False, True):
        with serving(flask_app(reporting=reporting)) as url:
            answers.append(essence(get(url, path)))
    assert answers[0] == answers[1]


def test_flask_another_application_is_not_reported(events: Events) -> None:
    flask_app(reporting=True)
    with serving(flask_app(reporting=False)) as url:
        assert get(url, "/fail").status_code == 500
    # Flask logs it, and that is all.
    assert [event["service"] for event in events] == ["logged"]


# -- Django and Celery: in processes of their own, for they are set up once a process ----------------------------------

DJANGO = """
    import json, logging, sys
    import django
    from django.conf import settings
    from django.core.exceptions import PermissionDenied
    from django.core.wsgi import get_wsgi_application
    from django.http import Http404, HttpResponse, StreamingHttpResponse
    from django.urls import path
    from levqor_errors import ErrorHandler, init
    from levqor_errors.integrations import wsgi
    from levqor_errors.integrations.django import report_from_django
    from levqor_errors.testing import capture_events

    settings.configure(DEBUG=False, SECRET_KEY="x" * 60, ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"],
                       DEFAULT_EXCEPTION_REPORTER_FILTER="django.views.debug.SafeExceptionReporterFilter")
    django.setup()
    logging.getLogger().addHandler(ErrorHandler(service="logged"))
    init(service="of init")
    report_from_django(service="shop")
    report_from_django(service="shop")

    def ok(request):
        return HttpResponse("fine")

    def fail(request):
        raise ValueError("it broke")

    async def fail_async(request):
        raise ValueError("it broke")

    def log_and_fail(request):
        try:
            raise ValueError("it broke")
        except ValueError:
            logging.getLogger("shop").exception("logged before")
            raise

    def missing(request):
        raise Http404

    def denied(request):
        raise PermissionDenied

    urlpatterns = [path("ok", ok), path("fail", fail), path("fail-async", fail_async), path("denied", denied),
                   path("log-and-fail", log_and_fail), path("missing", missing)]

    from django.test import Client
    results = {}
    for method, where in (("GET", "/ok"), ("GET", "/fail"), ("POST", "/fail"), ("GET", "/fail-async"),
                          ("GET", "/log-and-fail"), ("GET", "/missing"), ("GET", "/denied"), ("GET", "/no-such")):
        with capture_events() as events:
            client = Client(raise_request_exception=False, headers={"user-agent": "test/1", "cookie": "a=hunter2abc"})
            response = client.generic(method, where, QUERY_STRING="order=5&token=hunter2abc&next=%2Fhome")
        results[f"{method} {where}"] = {"status": response.status_code, "events": events}

    # Under the WSGI middleware as well, as its documentation allows.
    with capture_events() as events:
        app = wsgi.ErrorMiddleware(get_wsgi_application(), service="outer")
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/fail", "QUERY_STRING": "", "SERVER_NAME": "x",
                   "SERVER_PORT": "80", "wsgi.input": sys.stdin.buffer, "wsgi.url_scheme": "http"}
        body = b"".join(app(environ, lambda *arguments: None))
    results["wsgi"] = {"status": 500, "events": events}
    print(json.dumps(results))
"""


def test_django(tmp_path: Path) -> None:
    result = run_script(tmp_path, DJANGO)
    assert result.returncode == 0, result.stderr
    results = json.loads(result.stdout)
    assert {name: one["status"] for name, one in results.items()} == {
        "GET /ok": 200, "GET /fail": 500, "POST /fail": 500, "GET /fail-async": 500, "GET /log-and-fail": 500,
        "GET /missing": 404, "GET /denied": 403, "GET /no-such": 404, "wsgi": 500,
    }  # fmt: skip
    check(results["GET /fail"]["events"], "ValueError: it broke", "/fail")
    check(results["POST /fail"]["events"], "ValueError: it broke", "/fail", "POST")
    check(results["GET /fail-async"]["events"], "ValueError: it broke", "/fail-async")
    # Logged by the service itself, which knows nothing of the request.
    assert [event["message"] for event in results["GET /log-and-fail"]["events"]] == ["logged before"]
    for name in ("GET /ok", "GET /missing", "GET /denied", "GET /no-such"):
        assert results[name]["events"] == []
    (event,) = results["wsgi"]["events"]
    assert (event["service"], event["path_or_screen"]) == ("shop", "/fail")


CELERY = """
    import json, logging, sys, threading, warnings
    from celery import Celery
    from celery.contrib.testing.worker import start_worker
    from celery.exceptions import Ignore, Reject
    from levqor_errors import ErrorHandler, log_error
    from levqor_errors.integrations.celery import report_from_celery
    from levqor_errors.testing import capture_events

    logging.getLogger().addHandler(ErrorHandler(service="logged"))
    app = Celery("shop", broker="memory://", backend="cache+memory://")
    app.conf.update(worker_hijack_root_logger=False, task_always_eager=EAGER, broker_connection_retry_on_startup=False,
                    broker_transport_options={"polling_interval": 0.01})
    report_from_celery(service="worker")
    report_from_celery(service="worker")

    class Unpicklable(Exception):
        def __init__(self, text):
            super().__init__(text, threading.Lock())

    @app.task(name="ok")
    def ok():
        return 1

    @app.task(name="fail")
    def fail(order, password=None):
        raise ValueError("it broke")

    @app.task(name="unpicklable")
    def unpicklable():
        raise Unpicklable("it broke")

    @app.task(name="log_and_fail")
    def log_and_fail():
        try:
            raise ValueError("it broke")
        except ValueError:
            logging.getLogger("shop").exception("logged before")
            raise

    @app.task(name="retried", bind=True, max_retries=2, default_retry_delay=0)
    def retried(self):
        try:
            raise ValueError("it broke")
        except ValueError as error:
            raise self.retry(exc=error, countdown=0)

    @app.task(name="ignored")
    def ignored():
        raise Ignore()

    @app.task(name="expected", throws=(KeyError,))
    def expected():
        raise KeyError("expected")

    @app.task(name="reported")
    def reported():
        log_error("shop", "reported by hand")

    def run(task, *arguments, **named):
        with capture_events() as events:
            result = task.apply_async(arguments, named)
            try:
                # A task that is ignored has no result to wait for.
                result.get(timeout=20 if task is not ignored else 0.5, propagate=False, interval=0.01)
            except Exception:
                pass
        results[task.name] = events

    results = {}

    def run_all():
        for task in (ok, unpicklable, log_and_fail, retried, ignored, expected, reported):
            run(task)
        run(fail, 5, password="hunter2abc")

    if EAGER:
        run_all()
    else:
        with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=20):
            run_all()
    print(json.dumps(results))
"""


@pytest.mark.parametrize("eager", [True, False], ids=["eager", "in a worker"])
def test_celery(tmp_path: Path, eager: bool) -> None:
    result = run_script(tmp_path, f"EAGER = {eager}\n" + textwrap.dedent(CELERY))
    assert result.returncode == 0, result.stderr
    results = json.loads(result.stdout.splitlines()[-1])
    (event,) = results["fail"]
    assert (event["service"], event["message"], event["path_or_screen"]) == ("worker", "ValueError: it broke", "fail")
    task = event["context"]["task"]
    assert task["name"] == "fail"
    assert task["args"] == [5]
    assert task["kwargs"] == {"password": "[redacted]"}
    assert len(task["id"]) == 36
    told = {name: [event["message"] for event in events] for name, events in results.items() if name != "fail"}
    unpicklable = told.pop("unpicklable")
    assert told == {
        "ok": [], "log_and_fail": ["logged before"], "retried": ["ValueError: it broke"], "ignored": [],
        "expected": [], "reported": ["reported by hand"],
    }  # fmt: skip
    # Celery puts another exception in its place, which can be sent to those who wait for the result.
    assert len(unpicklable) == 1
    assert "Unpicklable('it broke', <unlocked _thread.lock" in unpicklable[0]
