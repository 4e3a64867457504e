"""What bodies under way hold together: counted while they are, and given back however they end."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from levqor_errors import limits
from levqor_errors.collector.body import Bodies, read_body
from levqor_errors.errors import OverloadedError, RequestRefusedError

LARGE = b" " * 100_000
COUNTED = len(LARGE) - limits.BODY_FREE_BYTES


def sender(*parts: bytes, then: str = "ends") -> Callable[[], Awaitable[dict[str, Any]]]:
    """A request's `receive`: these parts of its body, and then it ends, waits or hangs up."""
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    if then == "ends":
        messages[-1]["more_body"] = False
    elif then == "hangs up":
        messages.append({"type": "http.disconnect"})

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    return receive


async def held_by(bodies: Bodies, parts: Sequence[bytes], **headers: bytes) -> int:
    """How much counts while a request is under way that has this body."""

    async def request() -> int:
        await read_body({b"content-encoding": headers.get("encoding", b"")}, sender(*parts), bodies)
        return bodies.held

    held = await asyncio.create_task(request())
    await asyncio.sleep(0)
    return held


def test_a_body_counts_until_its_request_is_over() -> None:
    async def scenario() -> None:
        bodies = Bodies()
        assert await held_by(bodies, [b" " * limits.BODY_FREE_BYTES]) == 0
        assert await held_by(bodies, [LARGE]) == COUNTED
        assert await held_by(bodies, [LARGE[:60_000], LARGE[60_000:]]) == COUNTED
        packed = gzip.compress(LARGE)
        assert await held_by(bodies, [packed], encoding=b"gzip") == COUNTED + len(packed)
        # What it is decoded to counts as well.
        assert await held_by(bodies, [LARGE[:-10] + b"," * 10]) == COUNTED + 10 * limits.VALUE_BYTES
        assert bodies.held == 0

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("receive", "encoding", "error"),
    [
        (sender(LARGE, then="hangs up"), b"", ClientDisconnect),
        (sender(LARGE, then="waits"), b"", asyncio.CancelledError),
        (sender(LARGE), b"gzip", RequestRefusedError),
        (sender(gzip.compress(LARGE)[:-1]), b"gzip", RequestRefusedError),
        (sender(*[LARGE] * 30), b"", RequestRefusedError),
        (sender(*[LARGE] * 10), b"", OverloadedError),
    ],
)
def test_whatever_ends_it_all_is_given_back(
    receive: Callable[[], Awaitable[dict[str, Any]]], encoding: bytes, error: type[BaseException]
) -> None:
    async def scenario() -> None:
        bodies = Bodies(500_000 if error is OverloadedError else limits.BODIES_BYTES)
        task = asyncio.create_task(read_body({b"content-encoding": encoding}, receive, bodies))
        if error is asyncio.CancelledError:
            while not bodies.held:
                await asyncio.sleep(0)
            task.cancel()
        with pytest.raises(error):
            await task
        # Its end is told to those who asked, one after the other.
        await asyncio.sleep(0)
        assert bodies.held == 0

    asyncio.run(scenario())


def test_small_bodies_get_in_when_large_ones_hold_all() -> None:
    async def scenario() -> None:
        bodies = Bodies(COUNTED)
        large = asyncio.create_task(read_body({}, sender(LARGE, then="waits"), bodies))
        while not bodies.held:
            await asyncio.sleep(0)
        with pytest.raises(OverloadedError):
            await asyncio.create_task(read_body({}, sender(LARGE), bodies))
        assert await read_body({}, sender(b"{}"), bodies) == b"{}"
        large.cancel()
        await asyncio.wait([large])
        assert await asyncio.create_task(read_body({}, sender(LARGE), bodies)) == LARGE

    asyncio.run(scenario())


def test_others_have_their_turn_while_a_body_is_inflated() -> None:
    async def scenario() -> None:
        turns = 0
        task = asyncio.create_task(
            read_body({b"content-encoding": b"gzip"}, sender(gzip.compress(b" " * limits.INFLATED_BYTES)), Bodies())
        )
        while not task.done():
            turns += 1
            await asyncio.sleep(0)
        assert len(task.result()) == limits.INFLATED_BYTES
        assert turns > 20

    asyncio.run(scenario())
