"""Turns: one thread, or one event loop with all of its batches; a thread that waits comes next."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from levqor_errors.storage.sqlite.turns import Turns
from support import wait_until


def test_batches_of_one_loop_share_a_turn() -> None:
    turns = Turns()

    async def both() -> None:
        async with turns.of_batch(), turns.of_batch():
            pass
        assert turns._lock.acquire(blocking=False)

    asyncio.run(both())


def test_a_thread_waits_for_batches_and_the_next_batch_for_it() -> None:
    turns = Turns()
    order: list[str] = []

    def thread() -> None:
        with turns.of_thread():
            order.append("thread")

    async def batches() -> None:
        async with turns.of_batch():
            other = threading.Thread(target=thread)
            other.start()
            await asyncio.to_thread(wait_until, lambda: turns._threads_waiting == 1)
            late = asyncio.create_task(batch())
            await asyncio.sleep(0.05)
            # Without a thread that waits it would have been let in at once.
            assert order == []
            order.append("first")
        await late
        other.join()

    async def batch() -> None:
        async with turns.of_batch():
            order.append("late")

    asyncio.run(batches())
    assert order[0] == "first"
    assert sorted(order[1:]) == ["late", "thread"]


def test_a_loop_goes_on_while_a_thread_has_the_turn() -> None:
    turns = Turns()

    async def wait_and_count() -> int:
        task = asyncio.create_task(batch())
        rounds = 0
        while not task.done():
            rounds += 1
            if rounds == 5:
                done.set()
            await asyncio.sleep(0.01)
        return rounds

    async def batch() -> None:
        async with turns.of_batch():
            pass

    done = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        held = threading.Event()

        def hold() -> None:
            with turns.of_thread():
                held.set()
                assert done.wait(30)

        pool.submit(hold)
        assert held.wait(30)
        assert asyncio.run(wait_and_count()) >= 5


def test_who_gives_up_waiting_keeps_nobody_out() -> None:
    turns = Turns()

    async def give_up() -> None:
        async def batch() -> None:
            async with turns.of_batch():
                raise AssertionError("nobody's turn has ended")

        with turns.of_thread():
            task = asyncio.create_task(batch())
            await asyncio.sleep(0.05)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await asyncio.to_thread(wait_until, lambda: not turns._lock.locked())

    asyncio.run(give_up())


def test_two_loops_take_turns() -> None:
    turns = Turns()
    inside = 0
    most = 0

    async def batches() -> None:
        nonlocal inside, most
        for _ in range(50):
            async with turns.of_batch():
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0)
                inside -= 1

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(asyncio.run, batches()) for _ in range(2)]:
            done.result(60)
    assert most == 1
