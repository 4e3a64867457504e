"""Exceptions that nobody handles, in real programs of their own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from client_support import HANG, run_script, spool_lines
from support import clean_environ, rows

# About the client: which database its events end in does not matter.
pytestmark = pytest.mark.sqlite

#: Before every program: all hooks, and an ErrorHandler on the root logger, so that nothing is told twice either.
START = """
import asyncio, gc, logging, os, sys, threading, time
import levqor_errors
from levqor_errors.client import hooks

levqor_errors.init(service="shop")
"""
HOOKS = START + "hooks.install(service='shop')\n"
LOGGING = "logging.basicConfig(handlers=[levqor_errors.ErrorHandler(service='shop'), logging.StreamHandler()])\n"


class Program:
    """Runs programs whose collector is the test's own."""

    def __init__(self, directory: Path, url: str, database: Path) -> None:
        self.directory = directory
        self.url = url
        self.database = database

    def run(self, start: str, script: str, *options: str) -> subprocess.CompletedProcess[str]:
        return run_script(self.directory, start + textwrap.dedent(script), *options, LEVQOR_ERRORS_URL=self.url)

    def stored(self) -> list[dict[str, Any]]:
        names = ("service", "severity", "message", "stack", "context")
        found = rows(self.database, f"SELECT {', '.join(names)} FROM error_events ORDER BY id")
        return [dict(zip(names, row, strict=True)) for row in found]

    def told(self) -> list[tuple[str, str]]:
        assert spool_lines(self.directory / "spool") == []
        return [(event["severity"], event["message"]) for event in self.stored()]


@pytest.fixture
def program(tmp_path: Path, collector_url: str, database: Path) -> Program:
    return Program(tmp_path, collector_url, database)


def test_an_exception_that_ends_the_program(program: Program) -> None:
    result = program.run(HOOKS + LOGGING, """
        def fail():
            raise ValueError("nobody handles it")

        fail()
    """)  # fmt: skip
    # As without us: the traceback is printed, and the exit code says it failed.
    assert result.returncode == 1
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "ValueError: nobody handles it"
    assert lines.count(lines[-1]) == 1
    (event,) = program.stored()
    assert (event["service"], event["severity"]) == ("shop", "critical")
    assert event["message"] == "ValueError: nobody handles it"
    assert event["stack"].endswith('in fail\n    raise ValueError("nobody handles it")\nValueError: nobody handles it')
    assert json.loads(event["context"])["exceptions"][0]["frames"][-1]["function"] == "fail"


def test_what_ends_the_program_after_it_was_logged_is_told_once(program: Program) -> None:
    result = program.run(HOOKS + LOGGING, """
        try:
            raise ValueError("logged and raised on")
        except ValueError:
            logging.critical("giving up", exc_info=True)
            raise
    """)  # fmt: skip
    assert result.returncode == 1
    assert program.told() == [("critical", "giving up")]


@pytest.mark.parametrize(
    ("end", "code"), [("sys.exit()", 0), ("sys.exit(3)", 3), ("sys.exit('said')", 1), ("raise SystemExit(4)", 4)]
)
def test_an_exit_is_no_error(program: Program, end: str, code: int) -> None:
    assert program.run(HOOKS, end).returncode == code
    assert program.told() == []


def test_ctrl_c_is_no_error(tmp_path: Path, program: Program) -> None:
    file = tmp_path / "program.py"
    # A shell's job in the background ignores it, and so would what that starts.
    heard = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    file.write_text(heard + HOOKS + "print('ready', flush=True)\ntime.sleep(60)\n")
    environ = clean_environ(LEVQOR_ERRORS_URL=program.url, LEVQOR_ERRORS_SPOOL_DIR=str(tmp_path / "spool"))
    with subprocess.Popen(
        [sys.executable, str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=HANG)
    assert process.returncode == -signal.SIGINT
    assert stderr.splitlines()[-1] == "KeyboardInterrupt"
    assert program.told() == []


def test_an_exception_that_ends_a_thread(program: Program) -> None:
    result = program.run(HOOKS + LOGGING, """
        def fail():
            raise ValueError("in a thread")

        thread = threading.Thread(target=fail, name="the worker")
        thread.start()
        thread.join()
        threading.Thread(target=sys.exit).start()
    """)  # fmt: skip
    assert result.returncode == 0
    assert result.stderr.count("ValueError: in a thread") == 1
    assert "Exception in thread the worker" in result.stderr
    assert program.told() == [("error", "ValueError: in a thread")]
    assert json.loads(program.stored()[0]["context"])["thread"] == "the worker"


def test_an_exception_in_a_destructor(program: Program) -> None:
    result = program.run(HOOKS + LOGGING, """
        class Fails:
            def __del__(self):
                raise ValueError("in a destructor")

        Fails()
        # One in a garbage collection as well.
        one = Fails()
        one.itself = one
        del one
        gc.collect()
    """)  # fmt: skip
    assert result.returncode == 0
    assert result.stderr.count("Exception ignored in") == 2
    assert program.told() == [("error", "ValueError: in a destructor")] * 2


def test_which_hooks_are_installed_is_up_to_the_service(program: Program) -> None:
    result = program.run(START, """
        hooks.install(threads=False, unraisable=False)
        hooks.install(threads=False, unraisable=False)

        class Fails:
            def __del__(self):
                raise ValueError("in a destructor")

        Fails()
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()
        raise ValueError("of the program")
    """)  # fmt: skip
    assert result.returncode == 1
    assert program.told() == [("critical", "ValueError: of the program")]


def test_hooks_that_were_there_before_are_called_too(program: Program) -> None:
    result = program.run(START, """
        sys.excepthook = lambda *arguments: print("program", arguments[0].__name__)
        threading.excepthook = lambda arguments: print("thread", arguments.exc_type.__name__)
        sys.unraisablehook = lambda arguments: print("destructor", arguments.exc_type.__name__)
        hooks.install()
        hooks.install()

        class Fails:
            def __del__(self):
                raise KeyError

        Fails()
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()
        sys.stdout.flush()
        raise ValueError
    """)  # fmt: skip
    assert result.stdout.splitlines() == ["destructor KeyError", "thread ZeroDivisionError", "program ValueError"]
    assert result.stderr == ""
    assert sorted(program.told()) == [
        ("critical", "ValueError"), ("error", "KeyError"), ("error", "ZeroDivisionError: division by zero"),
    ]  # fmt: skip


def test_without_the_collector_the_traceback_is_printed_all_the_same(tmp_path: Path) -> None:
    script = HOOKS + "raise ValueError('nobody handles it')\n"
    result = run_script(tmp_path, script, LEVQOR_ERRORS_URL="http://127.0.0.1:9")
    assert result.returncode == 1
    assert "ValueError: nobody handles it" in result.stderr
    assert len(spool_lines(tmp_path / "spool")) == 1


# -- asyncio ------------------------------------------------------------------------------------------------------

FORGOTTEN = """
    async def fail():
        raise ValueError("in a task")

    async def main():
        PREPARE
        task = asyncio.create_task(fail(), name="forgotten")
        await asyncio.sleep(0.01)
        del task
        gc.collect()
        await asyncio.sleep(0.01)

    asyncio.run(main())
"""
FROM_LOOP = "hooks.report_from_loop(asyncio.get_running_loop())"


@pytest.mark.parametrize(
    ("start", "prepare"),
    [(HOOKS + LOGGING, "pass"), (HOOKS, FROM_LOOP), (HOOKS + LOGGING, FROM_LOOP), (HOOKS, f"{FROM_LOOP}; {FROM_LOOP}")],
    ids=["the root's ErrorHandler", "report_from_loop", "both", "twice"],
)
def test_a_tasks_exception_that_was_never_retrieved(program: Program, start: str, prepare: str) -> None:
    result = program.run(start, FORGOTTEN.replace("PREPARE", prepare))
    assert result.returncode == 0
    # asyncio's own words are said as ever.
    assert result.stderr.count("Task exception was never retrieved") == 1
    assert result.stderr.count("ValueError: in a task") == 1
    (event,) = program.stored()
    assert event["severity"] == "error"
    (exception,) = json.loads(event["context"])["exceptions"]
    assert (exception["type"], exception["value"]) == ("ValueError", "in a task")
    assert exception["frames"][-1]["function"] == "fail"


def test_an_exception_in_a_callback_of_the_loop(program: Program) -> None:
    program.run(HOOKS, """
        async def main():
            hooks.report_from_loop(asyncio.get_running_loop(), service="loop")
            asyncio.get_running_loop().call_soon(lambda: 1 / 0)
            await asyncio.sleep(0.01)

        asyncio.run(main())
    """)  # fmt: skip
    (event,) = program.stored()
    assert (event["service"], event["message"]) == ("loop", "ZeroDivisionError: division by zero")


def test_the_loops_own_handler_is_called_too(program: Program) -> None:
    result = program.run(HOOKS, """
        async def main():
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda loop, context: print("before:", context["exception"]))
            hooks.report_from_loop(loop)
            loop.call_soon(lambda: 1 / 0)
            await asyncio.sleep(0.01)

        asyncio.run(main())
    """)  # fmt: skip
    assert result.stdout == "before: division by zero\n"
    assert result.stderr == ""
    assert len(program.told()) == 1


def test_an_exception_that_leaves_asyncio_run_is_told_once(program: Program) -> None:
    result = program.run(HOOKS + LOGGING, """
        async def main():
            hooks.report_from_loop(asyncio.get_running_loop())
            raise ValueError("out of main")

        asyncio.run(main())
    """)  # fmt: skip
    assert result.returncode == 1
    assert program.told() == [("critical", "ValueError: out of main")]


def test_a_cancelled_task_is_no_error(program: Program) -> None:
    program.run(HOOKS + LOGGING, """
        async def main():
            hooks.report_from_loop(asyncio.get_running_loop())
            task = asyncio.create_task(asyncio.sleep(60))
            await asyncio.sleep(0)
            task.cancel()
            del task
            gc.collect()

        asyncio.run(main())
    """)  # fmt: skip
    assert program.told() == []


def test_a_program_is_not_held_up_by_its_last_words(program: Program) -> None:
    """Here the collector is up; that it hangs is another test's. A hang guard, and no bound."""
    began = time.monotonic()
    program.run(HOOKS, "raise ValueError")
    assert time.monotonic() - began < HANG
    assert len(program.told()) == 1
