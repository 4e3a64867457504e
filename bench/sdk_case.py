"""One measurement of one SDK in a process of its own; prints JSON. Run by `bench/client.py`.

python bench/sdk_case.py levqor|sentry message|exception|logging|burst|memory PORT
"""

from __future__ import annotations

import json
import logging
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

CALLS = 2_000
WARM_UP = 200
FRAMES = 10
BURST = 10_000


def make_exceptions(count: int) -> list[Exception]:
    """Exceptions that came up through ten frames; each is reported once, as in life."""

    def fail(depth: int) -> None:
        if depth == 1:
            raise ValueError("the card was declined")
        fail(depth - 1)

    made: list[Exception] = []
    for _ in range(count):
        try:
            fail(FRAMES - 1)
        except ValueError as error:
            made.append(error)
    return made


def levqor(port: int) -> tuple[Callable[[str], Any], Callable[[Exception], Any], Callable[[], Any]]:
    """Ours, set up as in the README: report a message, an exception, and wait for delivery."""
    import levqor_errors

    levqor_errors.init(url=f"http://127.0.0.1:{port}", service="bench", spool_dir=tempfile.mkdtemp())
    logging.getLogger().addHandler(levqor_errors.ErrorHandler())
    return (
        lambda text: levqor_errors.log_error("bench", text),
        levqor_errors.log_exception,
        lambda: levqor_errors.flush(60),
    )


def sentry(port: int) -> tuple[Callable[[str], Any], Callable[[Exception], Any], Callable[[], Any]]:
    """Theirs, as its own documentation sets it up; its logging integration is on by default."""
    import sentry_sdk

    sentry_sdk.init(dsn=f"http://key@127.0.0.1:{port}/1")
    return (
        lambda text: sentry_sdk.capture_message(text, level="error"),
        sentry_sdk.capture_exception,
        lambda: sentry_sdk.flush(timeout=60),
    )


def timed(call: Callable[[int], Any]) -> dict[str, float]:
    """Microseconds of the caller's time."""
    for number in range(WARM_UP):
        call(number)
    times = []
    for number in range(WARM_UP, WARM_UP + CALLS):
        start = time.perf_counter_ns()
        call(number)
        times.append((time.perf_counter_ns() - start) / 1_000)
    times.sort()
    return {"median": times[CALLS // 2], "mean": sum(times) / CALLS, "p99": times[CALLS * 99 // 100]}


def main(name: str, case: str, port: int) -> dict[str, float]:
    """Run one case."""
    message, exception, flush = {"levqor": levqor, "sentry": sentry}[name](port)
    if case == "message":
        return timed(lambda number: message(f"event {number}"))
    if case == "exception":
        made = make_exceptions(CALLS + WARM_UP)
        return timed(lambda number: exception(made[number]))
    if case == "logging":
        made = make_exceptions(CALLS + WARM_UP)
        logger = logging.getLogger("bench")
        return timed(lambda number: logger.error("order %s failed", number, exc_info=made[number]))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(BURST):
        message(f"event {number}")
    flush()
    return {"kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
