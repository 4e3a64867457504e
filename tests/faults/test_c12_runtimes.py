"""C12: gevent-patched process; daemon threads at interpreter shutdown; `python -X dev`.

Passes when: no hang, no ResourceWarning.
"""

from __future__ import annotations

import json
import socket
import textwrap
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from client_support import refusing, run_script, spool_lines
from support import CollectorProcess, event_ids, rows

# About the client: which database its events end in does not matter.
pytestmark = pytest.mark.sqlite

StartCollector = Callable[..., CollectorProcess]
DEV = ("-X", "dev", "-W", "error")

NORMAL = """
    import logging
    import levqor_errors
    from levqor_errors import ErrorHandler
    from levqor_errors.client.hooks import install

    levqor_errors.init(service="shop")
    install()
    logging.basicConfig(level=logging.INFO, handlers=[ErrorHandler()])
    levqor_errors.log_error(None, "a message", extra={"a": [1, {2, 3}]})
    try:
        open("/no/such/file")
    except OSError:
        levqor_errors.log_exception()
        logging.exception("logged")
    with levqor_errors.scope():
        levqor_errors.set_user("a@example.com")
        levqor_errors.add_breadcrumb("a step")
        logging.info("a step as well")
        logging.error("in a scope")
"""
MESSAGES = ["a message", "FileNotFoundError: [Errno 2] No such file or directory: '/no/such/file'", "in a scope"]


@pytest.mark.parametrize("end", ["levqor_errors.flush(10)", "pass"])
def test_c12_dev_mode(start_collector: StartCollector, tmp_path: Path, database: Path, end: str) -> None:
    collector = start_collector()
    result = run_script(tmp_path, textwrap.dedent(NORMAL) + end, *DEV, LEVQOR_ERRORS_URL=collector.url)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert [message for (message,) in rows(database, "SELECT message FROM error_events ORDER BY id")] == MESSAGES
    assert spool_lines(tmp_path / "spool") == []


def test_c12_dev_mode_with_a_client_that_was_replaced(
    start_collector: StartCollector, tmp_path: Path, database: Path
) -> None:
    """The one that was in use before an `init` ends by itself, and nothing it took is lost when there is no time."""
    collector = start_collector()
    script = textwrap.dedent(NORMAL) + "levqor_errors.init(service='shop')"
    result = run_script(tmp_path, script, *DEV, LEVQOR_ERRORS_URL=collector.url)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    stored = [message for (message,) in rows(database, "SELECT message FROM error_events")]
    waiting = [json.loads(line)["message"] for line in spool_lines(tmp_path / "spool")]
    assert sorted({*stored, *waiting}) == sorted(MESSAGES)


def test_c12_dev_mode_with_the_collector_down(tmp_path: Path) -> None:
    with refusing() as url:
        result = run_script(tmp_path, NORMAL, *DEV, LEVQOR_ERRORS_URL=url)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert len(spool_lines(tmp_path / "spool")) == 3


def test_c12_dev_mode_with_a_collector_that_hangs(tmp_path: Path) -> None:
    """The shipper's thread is in the middle of a request when the interpreter ends."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        result = run_script(tmp_path, textwrap.dedent(NORMAL) + "import time; time.sleep(0.5)", *DEV,
                            LEVQOR_ERRORS_URL=url)  # fmt: skip
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert len(spool_lines(tmp_path / "spool")) == 3


DAEMONS = """
    import logging, os, sys, threading, time
    import levqor_errors
    from levqor_errors import ErrorHandler

    logging.basicConfig(handlers=[ErrorHandler(service="shop")])

    def work(number):
        for count in range(1_000_000):
            event_id = levqor_errors.log_error("shop", f"thread {number}: {count}")
            # A whole line at once, and no lock of a buffered stream, which a thread may die with.
            os.write(1, f"{event_id}\\n".encode())
            logging.error("logged by %s: %s", number, count)
            time.sleep(0.001)

    for number in range(8):
        threading.Thread(target=work, args=(number,), daemon=True).start()
    time.sleep(0.5)
"""


@pytest.mark.parametrize("end", ["pass", "sys.exit(3)", "raise SystemExit(3)", "os._exit(3)"])
def test_c12_daemon_threads_at_the_interpreters_end(
    start_collector: StartCollector, tmp_path: Path, database: Path, end: str
) -> None:
    collector = start_collector()
    result = run_script(tmp_path, textwrap.dedent(DAEMONS) + end, *DEV, LEVQOR_ERRORS_URL=collector.url)
    assert result.returncode == (0 if end == "pass" else 3)
    assert result.stderr == ""
    given = result.stdout.split()
    assert len(given) == len(set(given)) > 100
    # What log_error() gave an id for is delivered, or waits for the next process.
    waiting = [json.loads(line)["event_id"] for line in spool_lines(tmp_path / "spool")]
    assert set(given) <= {*event_ids(database), *waiting}


def test_c12_daemon_threads_whose_first_event_is_at_the_end(start_collector: StartCollector, tmp_path: Path) -> None:
    """From Python 3.12 no thread can be started there."""
    collector = start_collector()
    script = """
        import atexit, levqor_errors
        atexit.register(levqor_errors.log_error, "shop", "registered after the import, called before its end")

        class Late:
            def __del__(self):
                levqor_errors.log_error("shop", "when the module is taken down")

        late = Late()
    """
    result = run_script(tmp_path, script, *DEV, LEVQOR_ERRORS_URL=collector.url)
    assert (result.returncode, result.stderr) == (0, "")
    stored = [message for (message,) in rows(collector.database, "SELECT message FROM error_events")]
    waiting = [json.loads(line)["message"] for line in spool_lines(tmp_path / "spool")]
    assert sorted(stored + waiting) == [
        "registered after the import, called before its end", "when the module is taken down",
    ]  # fmt: skip


# -- gevent -------------------------------------------------------------------------------------------------------

GEVENT = """
    import logging, sys
    import gevent
    import levqor_errors
    from levqor_errors import ErrorHandler

    logging.basicConfig(handlers=[ErrorHandler(service="shop")])

    def work(number):
        with levqor_errors.scope():
            levqor_errors.set_tag("number", number)
            gevent.sleep(0.001)
            try:
                raise ValueError(number)
            except ValueError:
                if number % 2:
                    levqor_errors.log_error("shop", f"greenlet {number}")
                else:
                    logging.exception("greenlet %s", number)

    gevent.joinall([gevent.spawn(work, number) for number in range(100)])
"""
BEFORE = "from gevent import monkey; monkey.patch_all()\n"
AFTER = "import levqor_errors, levqor_errors.testing\nfrom gevent import monkey; monkey.patch_all()\n"


@pytest.mark.parametrize("patch", [BEFORE, AFTER], ids=["patched before the import", "patched after the import"])
@pytest.mark.parametrize("end", ["levqor_errors.flush(20)", "pass"], ids=["flushed", "at exit"])
def test_c12_gevent(start_collector: StartCollector, tmp_path: Path, database: Path, patch: str, end: str) -> None:
    collector = start_collector()
    script = patch + textwrap.dedent(GEVENT) + end
    result = run_script(tmp_path, script, timeout=30, LEVQOR_ERRORS_URL=collector.url)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    stored = rows(database, "SELECT message, json_extract(context, '$.tags.number') FROM error_events")
    assert sorted(stored) == sorted((f"greenlet {number}", str(number)) for number in range(100))
    assert spool_lines(tmp_path / "spool") == []


def test_c12_gevent_with_the_collector_down(tmp_path: Path) -> None:
    with refusing() as url:
        result = run_script(tmp_path, BEFORE + textwrap.dedent(GEVENT), timeout=30, LEVQOR_ERRORS_URL=url)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert len(spool_lines(tmp_path / "spool")) == 100


def test_c12_gevent_goes_on_while_the_collector_hangs(tmp_path: Path) -> None:
    """A request that gets no answer holds up the shipper's greenlet and no other."""
    script = BEFORE + textwrap.dedent("""
        import sys, time
        import gevent
        import levqor_errors
        ticks = 0

        def tick():
            global ticks
            while True:
                ticks += 1
                gevent.sleep(0.01)

        ticker = gevent.spawn(tick)
        levqor_errors.log_error("shop", "to nobody")
        gevent.sleep(1)
        print(ticks)
    """)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        result = run_script(tmp_path, script, timeout=30, LEVQOR_ERRORS_URL=url)
    assert (result.returncode, result.stderr) == (0, "")
    assert int(result.stdout) > 10
    assert len(spool_lines(tmp_path / "spool")) == 1


# -- re-entrance --------------------------------------------------------------------------------------------------

SIGNALS = """
    import logging, signal
    import levqor_errors
    from levqor_errors import ErrorHandler

    logging.basicConfig(handlers=[ErrorHandler(service="shop")])

    def through_log_error(text):
        levqor_errors.log_error("shop", text)

    def through_logging(text):
        logging.error(text)

    tell = through_log_error if THROUGH == "log_error" else through_logging
    handled = 0
    over = False

    def handle(number, frame):
        global handled
        # A signal from just before the end must not set the timer again: the next would find no handler and kill.
        if over:
            return
        handled += 1
        tell(f"signal {handled}")
        # Again as soon as this one is done: at a fixed interval they would pile up on a busy machine.
        signal.setitimer(signal.ITIMER_REAL, 0.0003)

    signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.0003)
    logged = 0
    # Not for a time: a fast machine would log more than the collector takes of one client.
    while handled < 300:
        logged += 1
        tell(f"loop {logged}")
    over = True
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(logged, handled, levqor_errors.flush(40), levqor_errors.stats()["recorded"])
"""


@pytest.mark.parametrize("through", ["log_error", "logging"])
def test_c12_a_signal_handler_that_logs_in_a_tight_loop(
    start_collector: StartCollector, tmp_path: Path, database: Path, through: str
) -> None:
    collector = start_collector(RATE_LIMIT="off")
    script = f"THROUGH = {through!r}\n" + textwrap.dedent(SIGNALS)
    result = run_script(tmp_path, script, *DEV, LEVQOR_ERRORS_URL=collector.url)
    assert (result.returncode, result.stderr) == (0, "")
    logged, handled, flushed, recorded = result.stdout.split()
    assert int(handled) >= 300
    stored = Counter(message.partition(" ")[0] for (message,) in rows(database, "SELECT message FROM error_events"))
    assert stored == {"loop": int(logged), "signal": int(handled)}
    assert int(recorded) == int(logged) + int(handled)
    assert flushed == "True"
    assert spool_lines(tmp_path / "spool") == []


GARBAGE = """
    import gc, logging, sys
    import levqor_errors
    from levqor_errors import ErrorHandler

    logging.basicConfig(handlers=[ErrorHandler(service="shop")])

    def through_log_error(text):
        levqor_errors.log_error("shop", text)

    def through_logging(text):
        logging.error(text)

    tell = through_log_error if THROUGH == "log_error" else through_logging
    collected = 0

    class Cycle:
        def __init__(self):
            self.itself = self

        def __del__(self):
            global collected
            collected += 1
            tell(f"collected {collected}")

    # A collection every few objects: also in the middle of the client's own work.
    gc.set_threshold(7)
    for number in range(3_000):
        Cycle()
        tell(f"loop {number}")
    # While another thread collects, gc.collect() does nothing.
    while collected < 3_000:
        gc.collect()
    print(collected, levqor_errors.flush(40))
"""


@pytest.mark.parametrize("through", ["log_error", "logging"])
def test_c12_destructors_that_log_during_garbage_collection(
    start_collector: StartCollector, tmp_path: Path, database: Path, through: str
) -> None:
    collector = start_collector()
    script = f"THROUGH = {through!r}\n" + textwrap.dedent(GARBAGE)
    result = run_script(tmp_path, script, *DEV, LEVQOR_ERRORS_URL=collector.url)
    assert (result.returncode, result.stderr, result.stdout) == (0, "", "3000 True\n")
    stored = Counter(message.partition(" ")[0] for (message,) in rows(database, "SELECT message FROM error_events"))
    assert stored == {"loop": 3_000, "collected": 3_000}


REENTER = """
    import random, threading
    import levqor_errors
    from levqor_errors.client import journal

    chance = random.Random(20261123)

    # Wherever the journal calls the operating system a signal may come, and its handler may log: here before or after
    # one call in each event, another one each time. Signals come to the main thread only.
    class Interrupting:
        def __init__(self, module, names):
            self._module, self._names = module, names

        def __getattr__(self, name):
            function = getattr(self._module, name)
            if name not in self._names or threading.current_thread() is not threading.main_thread():
                return function

            def called(*arguments, **named):
                self._maybe(f"before {name}")
                result = function(*arguments, **named)
                self._maybe(f"after {name}")
                return result

            return called

        def _maybe(self, where):
            global wait, interrupted
            wait -= 1
            if wait == 0:
                interrupted += 1
                levqor_errors.log_error("shop", f"{where}, {interrupted}")

    wait = interrupted = 0
    levqor_errors.init(service="shop")
    journal.SEGMENT_BYTES = 1_000
    journal.os = Interrupting(journal.os, {"open", "write", "close", "listdir"})
    for number in range(720):
        wait = chance.randint(1, 12)
        levqor_errors.log_error("shop", f"loop {number}")
    print(interrupted, levqor_errors.flush(20), levqor_errors.stats()["waiting_bytes"])
"""


def test_c12_an_interruption_anywhere_in_the_journal(
    start_collector: StartCollector, tmp_path: Path, database: Path
) -> None:
    collector = start_collector()
    result = run_script(tmp_path, REENTER, *DEV, LEVQOR_ERRORS_URL=collector.url)
    assert (result.returncode, result.stderr) == (0, "")
    interrupted, flushed, waiting = result.stdout.split()
    assert int(interrupted) > 50
    assert (flushed, waiting) == ("True", "0")
    stored = [message for (message,) in rows(database, "SELECT message FROM error_events")]
    assert len(stored) == len(set(stored)) == 720 + int(interrupted)
    places = {message.partition(",")[0] for message in stored if not message.startswith("loop")}
    assert len(places) >= 5
