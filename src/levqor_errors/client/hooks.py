"""Exceptions that nobody handles: of the program, of its threads, of destructors, and of asyncio's tasks.

`install()` puts itself in front of the hooks that Python offers for this; what was there before is called too.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from typing import Any

from .api import report

_installed: set[str] = set()


def install(service: str | None = None, *, program: bool = True, threads: bool = True, unraisable: bool = True) -> None:
    """Report what nobody handles. Calling it again adds nothing.

    asyncio needs no hook where an `ErrorHandler` is on the root logger: its event loop logs what it cannot deliver.
    Else see `report_from_loop`.

    Args:
        service: the service's name; by default that of `init`.
        program: an exception that ends the program, as critical; not Ctrl-C and not `SystemExit`.
        threads: an exception that ends a thread.
        unraisable: an exception in a destructor or a callback, which Python can only print.
    """
    if program and _first_time("program"):
        _install_program(service)
    if threads and _first_time("threads"):
        _install_threads(service)
    if unraisable and _first_time("unraisable"):
        _install_unraisable(service)


def report_from_loop(loop: asyncio.AbstractEventLoop, service: str | None = None) -> None:
    """Report what this event loop cannot deliver to anybody, such as a task's exception that was never retrieved.

    Args:
        loop: the loop; what handled its exceptions before is called too.
        service: the service's name; by default that of `init`.
    """
    before = loop.get_exception_handler()

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        exception = context.get("exception")
        if isinstance(exception, BaseException):
            report(exception, service=service)
        if before is not None:
            before(loop, context)
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(handle)


def _first_time(name: str) -> bool:
    if name in _installed:
        return False
    _installed.add(name)
    return True


def _install_program(service: str | None) -> None:
    before = sys.excepthook

    def hook(kind: type[BaseException], exception: BaseException, traceback: Any) -> None:
        if isinstance(exception, Exception):
            report(exception, service=service, severity="critical")
        before(kind, exception, traceback)

    sys.excepthook = hook


def _install_threads(service: str | None) -> None:
    before: Callable[[threading.ExceptHookArgs], object] = threading.excepthook

    def hook(arguments: threading.ExceptHookArgs) -> None:
        if isinstance(arguments.exc_value, Exception):
            thread = arguments.thread.name if arguments.thread is not None else ""
            report(arguments.exc_value, service=service, context={"thread": thread})
        before(arguments)

    threading.excepthook = hook


def _install_unraisable(service: str | None) -> None:
    before: Callable[[Any], object] = sys.unraisablehook

    def hook(arguments: Any) -> None:
        if isinstance(arguments.exc_value, Exception):
            report(arguments.exc_value, service=service)
        before(arguments)

    sys.unraisablehook = hook
