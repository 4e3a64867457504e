"""C8: httpx, urllib3 and the client's own loggers at DEBUG with ErrorHandler on the root logger.

Passes when: no recursion, no feedback loop.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from client_support import attached, no_client_yet, refusing, run_script
from levqor_errors import ErrorHandler, init, log_error, scope
from levqor_errors.testing import capture_events
from support import CollectorProcess, rows

# About the client: which database its events end in does not matter.
pytestmark = pytest.mark.sqlite

#: Everything that is logged is an event, at every level, and the loggers of the way out log all they can.
PROGRAM = """
    import json, logging, os, time
    import httpx
    import levqor_errors
    from levqor_errors import ErrorHandler
    from levqor_errors.client import handler, transport

    if "UNPROTECTED" in os.environ:
        handler._OWN_LOGGERS = frozenset()
        transport._TALKATIVE = ()

    logging.basicConfig(level=logging.DEBUG, handlers=[ErrorHandler(service="shop", level=logging.DEBUG)])
    for name in ("httpx", "httpcore", "httpcore.connection", "levqor_errors", "levqor_errors.client"):
        logging.getLogger(name).setLevel(logging.DEBUG)

    for number in range(3):
        logging.getLogger("shop").error("order %s failed", number)
    # A host's own library of that name is the host's, and told of.
    logging.getLogger("urllib3.connectionpool").debug("Starting new HTTP connection")
    # The host's own use of httpx is not: the client could not tell it from its own.
    with httpx.Client() as client:
        try:
            client.get("http://127.0.0.1:9/")
        except httpx.HTTPError:
            pass
    # Long enough for several attempts, where the collector does not take events.
    levqor_errors.flush(1.2)
    time.sleep(0.3)
    print(json.dumps(levqor_errors.stats()))
"""


class _Answers(http.server.BaseHTTPRequestHandler):
    status = 503

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - http.server's own name
        """Nothing on stderr."""


@contextlib.contextmanager
def answering(status: int) -> Iterator[str]:
    """A server that has the same answer to everything."""
    handler = type("Answers", (_Answers,), {"status": status})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(30)


def test_c8_collector_up(start_collector: Callable[[], CollectorProcess], tmp_path: Path, database: Path) -> None:
    collector = start_collector()
    result = run_script(tmp_path, PROGRAM, LEVQOR_ERRORS_URL=collector.url)
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout) == {"delivered": 4, "recorded": 4, "waiting_bytes": 0}
    assert rows(database, "SELECT message FROM error_events ORDER BY id") == [
        ("order 0 failed",),
        ("order 1 failed",),
        ("order 2 failed",),
        ("Starting new HTTP connection",),
    ]


def test_c8_deliveries_are_not_in_the_host_s_log(
    start_collector: Callable[[], CollectorProcess], tmp_path: Path, database: Path
) -> None:
    program = """
        import logging, sys
        logging.basicConfig(level=logging.DEBUG, stream=sys.stdout, format="%(name)s")
        import httpx, levqor_errors
        levqor_errors.log_error("shop", "it broke")
        levqor_errors.flush(10)
        logging.getLogger("shop").info("the host's own request")
        httpx.get(levqor_errors.client.api.current_client().settings.url + "/healthz")
        levqor_errors.log_error("shop", "it broke again")
    """
    result = run_script(tmp_path, program, LEVQOR_ERRORS_URL=start_collector().url)
    assert (result.returncode, result.stderr) == (0, "")
    before, _, after = result.stdout.partition("shop\n")
    assert before == ""
    assert after.splitlines().count("httpx") == 1, "of the host's own request"
    assert "httpcore.connection" in after
    assert len(rows(database, "SELECT id FROM error_events")) == 2


def test_c8_collector_down(tmp_path: Path) -> None:
    with refusing() as url:
        result = run_script(tmp_path, PROGRAM, LEVQOR_ERRORS_URL=url)
    assert (result.returncode, result.stderr) == (0, "")
    answer = json.loads(result.stdout)
    assert (answer["recorded"], answer["delivered"]) == (4, 0)


@pytest.mark.parametrize("status", [503, 400, 413])
def test_c8_collector_refuses(tmp_path: Path, status: int) -> None:
    with answering(status) as url:
        result = run_script(tmp_path, PROGRAM, LEVQOR_ERRORS_URL=url)
    assert (result.returncode, result.stderr) == (0, "")
    answer = json.loads(result.stdout)
    # What is refused for good is told of in an event, which is refused as well; it does not tell of itself.
    assert answer["recorded"] == 4
    assert answer.get("lost_refused", 0) <= 5


def test_c8_sees_a_feedback_loop(start_collector: Callable[[], CollectorProcess], tmp_path: Path) -> None:
    """The protection switched off: each delivery is logged, and what is logged is delivered."""
    result = run_script(tmp_path, PROGRAM, LEVQOR_ERRORS_URL=start_collector().url, UNPROTECTED="1")
    assert json.loads(result.stdout)["recorded"] > 20


def test_c8_a_message_that_logs_while_it_is_shown() -> None:
    class Talks:
        def __str__(self) -> str:
            logging.getLogger("c8").error("shown: %s", self)
            return "a talker"

    with no_client_yet(), capture_events() as events, attached(ErrorHandler(), "c8") as logger:
        logger.error("it broke: %s", Talks())
        logger.error(Talks())
        log_error("shop", Talks())
        log_error("shop", "it broke", extra={"talks": Talks()})
    messages = [event["message"] for event in events]
    # Those that were asked for are there, and those they made on the way are few.
    assert {"it broke: a talker", "a talker", "it broke"} <= set(messages)
    assert messages.count("it broke") == 1
    assert len(messages) <= 4 * 5


def test_c8_a_breadcrumb_that_logs_while_it_is_shown() -> None:
    class Talks:
        def __str__(self) -> str:
            logging.getLogger("c8").info("shown: %s", self)
            return "a talker"

    with no_client_yet(), capture_events() as events, scope(), attached(ErrorHandler(), "c8") as logger:
        logger.info("a step: %s", Talks())
        logger.error("it broke")
    (event,) = events
    assert "a step: a talker" in [crumb["message"] for crumb in event["context"]["breadcrumbs"]]


def test_c8_a_message_that_reports_itself() -> None:
    """No handler between: only the interpreter's own limit ends it, and the host sees nothing of that."""

    class Reports:
        def __str__(self) -> str:
            log_error("shop", self)
            return "a reporter"

    with no_client_yet(), capture_events() as events:
        log_error("shop", Reports())
    assert events[-1]["message"] == "a reporter"
    assert len(events) < 1_000


def test_c8_before_send_that_logs() -> None:
    def before_send(event: dict[str, object]) -> dict[str, object]:
        logging.getLogger("c8").error("before_send was called")
        return event

    with no_client_yet():
        init(before_send=before_send)
        with capture_events() as events, attached(ErrorHandler(), "c8") as logger:
            logger.error("it broke")
            log_error("shop", "this too")
    messages = [event["message"] for event in events]
    assert messages.count("it broke") == 1
    assert messages.count("this too") == 1
    assert len(messages) <= 2 * 5
