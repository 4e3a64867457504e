"""C10: 16 threads and 1,000 asyncio tasks logging with their own context.

Passes when: context never leaks from one to another.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import queue
import random
import threading
from collections import Counter
from collections.abc import AsyncIterator, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from client_support import attached, no_client_yet
from levqor_errors import ErrorHandler, add_breadcrumb, log_error, scope, set_tag, set_user
from levqor_errors.testing import capture_events

THREADS = 16
TASKS = 1_000
Events = list[dict[str, Any]]


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    # In a context of the test's own: what it sets outside of any scope() is not the next test's.
    with no_client_yet(), scope():
        yield


def check(event: dict[str, Any], name: str) -> None:
    """All that surrounds an event is of the one that it is from."""
    context = event["context"]
    assert event["user_email"] == f"{name}@example.com"
    assert context["user"] == {"id": name}
    assert context["tags"] == {"who": name}
    assert {crumb["message"].partition(" ")[0] for crumb in context["breadcrumbs"]} == {name}
    assert {crumb["data"]["who"] for crumb in context["breadcrumbs"] if "data" in crumb} == {name}


def set_all(name: str) -> None:
    set_user(f"{name}@example.com", id=name)
    set_tag("who", name)
    add_breadcrumb(f"{name} began", data={"who": name})


def check_bare(event: dict[str, Any]) -> None:
    assert "user_email" not in event
    assert event["context"].keys().isdisjoint({"user", "tags", "breadcrumbs", "request"})


def test_c10_threads() -> None:
    rounds = 40
    start = threading.Barrier(THREADS)

    def work(name: str, logger: logging.Logger) -> None:
        start.wait(30)
        for number in range(rounds):
            with scope():
                set_all(name)
                logger.info("%s step %d", name, number)
                if random.random() < 0.3:
                    # Let another thread in between.
                    threading.Event().wait(0.0001)
                log_error(name, f"error {number}")
                logger.error("%s logged %d", name, number)
            log_error(name, f"outside {number}")

    with capture_events() as events, attached(ErrorHandler(), "c10") as logger:
        threads = [threading.Thread(target=work, args=(f"thread-{n}", logger)) for n in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert len(events) == THREADS * rounds * 3
    for event in events:
        if event["message"].startswith("outside"):
            check_bare(event)
        else:
            name = event["service"] if event["message"].startswith("error") else event["message"].partition(" ")[0]
            check(event, name)


def test_c10_a_pool_whose_threads_serve_one_after_another() -> None:
    def work(number: int) -> None:
        with scope():
            set_all(f"job-{number}")
            log_error(f"job-{number}", "in a job")

    with capture_events() as events, ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(500)))
    assert Counter(event["service"] for event in events) == Counter(f"job-{number}" for number in range(500))
    for event in events:
        check(event, event["service"])
        assert len(event["context"]["breadcrumbs"]) == 1


def test_c10_tasks() -> None:
    """Tasks without a scope() of their own: each has the context that it was started in, as a copy."""

    async def child(name: str) -> None:
        # Inherited from the task that started it, and changed for nobody but itself.
        await asyncio.sleep(0)
        log_error(name, "from the child")
        set_all("somebody-else")
        await asyncio.sleep(0)

    async def work(name: str, logger: logging.Logger) -> None:
        await asyncio.sleep(random.random() / 100)
        set_all(name)
        await asyncio.sleep(random.random() / 100)
        logger.info("%s step", name)
        await asyncio.create_task(child(name))
        await asyncio.to_thread(log_error, name, "from a thread")
        log_error(name, "error")
        with scope():
            set_user("nobody@example.com")
            set_tag("who", "nobody")
            add_breadcrumb("nobody")
            await asyncio.sleep(0)
        logger.error("%s logged", name)

    async def run(logger: logging.Logger) -> None:
        await asyncio.gather(*(work(f"task-{number}", logger) for number in range(TASKS)))
        log_error("outside", "outside")

    with capture_events() as events, attached(ErrorHandler(), "c10") as logger:
        asyncio.run(run(logger))
    assert len(events) == TASKS * 4 + 1
    check_bare(events.pop())
    for event in events:
        name = event["service"] if event["service"].startswith("task-") else event["message"].partition(" ")[0]
        check(event, name)


def test_c10_tasks_in_the_same_scope_do_not_see_each_other() -> None:
    async def work(name: str) -> None:
        set_tag("who", name)
        await asyncio.sleep(0)
        log_error("shop", name)

    async def run() -> None:
        with scope():
            set_tag("shared", "yes")
            await asyncio.gather(*(work(f"task-{number}") for number in range(100)))

    with capture_events() as events:
        asyncio.run(run())
    assert len(events) == 100
    for event in events:
        assert event["context"]["tags"] == {"shared": "yes", "who": event["message"]}


def test_c10_scope_restores_whatever_happens() -> None:
    def fail_inside() -> None:
        with scope():
            set_all("inner")
            raise ValueError("inside")

    with capture_events() as events:
        set_all("outer")
        with pytest.raises(ValueError, match="inside"):
            fail_inside()
        log_error("shop", "after")
        with scope():
            # What is outside is there inside, and can be added to.
            set_tag("more", "yes")
            log_error("shop", "nested")
    check(events[0], "outer")
    assert events[1]["context"]["tags"] == {"who": "outer", "more": "yes"}
    assert events[1]["user_email"] == "outer@example.com"


def steps() -> Generator[int, None, None]:
    with scope():
        set_all("generator")
        yield 1
        yield 2


def test_c10_a_generator_closed_in_another_context() -> None:
    """As a server does with a streamed answer: it begins in one request's context, and ends in no request's, or in
    another one's."""
    started: queue.SimpleQueue[Generator[int, None, None]] = queue.SimpleQueue()

    def begin() -> None:
        set_all("first")
        generator = steps()
        next(generator)
        started.put(generator)

    def end() -> None:
        set_all("second")
        started.get().close()
        log_error("shop", "after the close")

    with capture_events() as events:
        contextvars.copy_context().run(begin)
        contextvars.copy_context().run(end)
        log_error("shop", "outside")
    check(events[0], "second")
    check_bare(events[1])


def test_c10_a_generator_closed_in_another_thread() -> None:
    with capture_events() as events:
        generator = contextvars.copy_context().run(lambda: begun(steps()))

        def end() -> None:
            set_all("thread")
            generator.close()
            log_error("shop", "after the close")

        thread = threading.Thread(target=end)
        thread.start()
        thread.join(30)
    check(events[0], "thread")


def begun(generator: Generator[int, None, None]) -> Generator[int, None, None]:
    set_all("beginner")
    next(generator)
    return generator


def test_c10_an_async_generator_that_is_closed_by_the_loop() -> None:
    """A streamed answer that nobody read to its end: asyncio closes it in a task of its own."""

    async def answer() -> AsyncIterator[int]:
        with scope():
            set_all("answer")
            yield 1
            yield 2

    async def read_one() -> None:
        async for _ in answer():
            break

    async def run() -> None:
        await asyncio.create_task(read_one())
        await asyncio.sleep(0)
        log_error("shop", "outside")

    with capture_events() as events:
        asyncio.run(run())
    check_bare(events[0])
