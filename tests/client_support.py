"""What the tests of the client share: the process's one client put aside and back, and programs of their own."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from levqor_errors.client import api
from support import clean_environ

#: Seconds after which a program hangs; nothing here takes a tenth of it.
HANG = 60


def caught(function: Callable[[], object]) -> Exception:
    """What a function raises, with its frames."""
    try:
        function()
    except Exception as error:  # noqa: BLE001 - whatever it is
        return error
    raise AssertionError("it raised nothing")


class _Group(Exception):  # noqa: N818 - it goes by the name of what it stands for
    """An ExceptionGroup to whoever asks for its `exceptions`."""

    def __init__(self, text: str, members: Sequence[Exception]) -> None:
        super().__init__(f"{text} ({len(members)} sub-exception{'s' * (len(members) > 1)})")
        self.exceptions = tuple(members)


_Group.__module__, _Group.__qualname__ = "builtins", "ExceptionGroup"


def group(text: str, members: Sequence[Exception]) -> Exception:
    """An ExceptionGroup; before Python 3.11, which brought them, what looks like one."""
    if sys.version_info >= (3, 11):
        return ExceptionGroup(text, members)  # noqa: F821 - ruff goes by the oldest Python
    return _Group(text, members)


@contextlib.contextmanager
def no_client_yet() -> Iterator[None]:
    """As at the start of a process; afterwards the client that was there before is there again."""
    clients, warned = dict(api._clients), set(api._warned)
    api._clients.clear()
    api._warned.clear()
    try:
        yield
    finally:
        for client in api._clients.values():
            client.close(5)
        api._clients.clear()
        api._clients.update(clients)
        api._warned.clear()
        api._warned.update(warned)


@contextlib.contextmanager
def attached(handler: logging.Handler, name: str = "", level: int = logging.DEBUG) -> Iterator[logging.Logger]:
    """A logger with a handler; by default the root. A named one does not propagate: pytest's own handlers refuse
    records that are broken on purpose."""
    logger = logging.getLogger(name or None)
    before, propagate = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = not name
    try:
        yield logger
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
        logger.propagate = propagate


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the client said in the log."""
    return [record.getMessage() for record in caplog.records if record.name == "levqor_errors.client"]


@contextlib.contextmanager
def refusing() -> Iterator[str]:
    """An address where nothing listens, and nothing else will while it is held."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def run_script(
    directory: Path, script: str, *options: str, timeout: float = HANG, **environ: str
) -> subprocess.CompletedProcess[str]:
    """A program in a file of its own, run by this Python with `options`.

    Its spool is in the same directory, so that no test writes into the developer's.
    """
    file = directory / "program.py"
    file.write_text(textwrap.dedent(script), encoding="utf-8")
    given = {"LEVQOR_ERRORS_SPOOL_DIR": str(directory / "spool"), **environ}
    return subprocess.run(
        [sys.executable, *options, str(file)],
        capture_output=True,
        text=True,
        env=clean_environ(**given),
        cwd=directory,
        timeout=timeout,
    )


def spool_files(directory: Path) -> dict[Path, bytes]:
    """Every file under a directory, with all its bytes."""
    return {
        Path(folder, name): Path(folder, name).read_bytes() for folder, _, names in os.walk(directory) for name in names
    }


def spool_lines(directory: Path) -> list[bytes]:
    """The events that wait in a spool directory, each as it was appended."""
    return [
        line
        for path, content in sorted(spool_files(directory).items())
        if path.suffix == ".jsonl" and path.name[0] in "0123"
        for line in content.split(b"\n")[1:]
        if line
    ]
