"""R1: kill -9 at 50 random moments under load.

Passes when: every acknowledged event_id is there exactly once; `integrity_check` is ok.

A killed process leaves its writes with the operating system, so this proves the order of commit and answer, the
atomicity of a commit and the recovery at the next start; that a commit also survives a power cut is `synchronous=FULL`.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import support
from load_support import Load, check_kept, missing
from support import CollectorProcess, Database, event_ids, wait_until

KILLS = 50
StartCollector = Callable[..., CollectorProcess]


@pytest.mark.long
@pytest.mark.sqlite
@pytest.mark.timeout(300)
def test_r1_kill_collector_mid_load(start_collector: StartCollector, database: Database) -> None:
    with Load() as load:
        for kill in range(KILLS):
            collector = start_collector(RATE_LIMIT="off")
            load.aim(collector.port)
            # Counted in events, so that a slow machine has as much to lose; and then at any point of a commit.
            load.wait_for(random.randint(100, 400))
            time.sleep(random.uniform(0, 0.03))
            if kill % 2:
                collector.kill()
            else:
                # Its process that writes is left behind, in the middle of a batch.
                collector.process.kill()
                collector.process.wait(30)
            collector.close()
        collector = start_collector()
        load.aim(collector.port)
    assert collector.terminate() == 0
    assert load.unexpected == []
    # It was under load: there was much to lose, and the kills met requests that were not answered yet.
    assert len(load.acknowledged) > 100 * KILLS
    assert load.cut > KILLS

    check_kept(database, load.acknowledged)


@pytest.mark.sqlite
def test_r1_kill_the_process_that_writes(start_collector: StartCollector, database: Database) -> None:
    """Who is not answered with a 2xx is told to come again, and the next batch starts another process."""
    collector = start_collector(RATE_LIMIT="off")
    with Load() as load:
        load.aim(collector.port)
        for _ in range(10):
            os.kill(collector.writing_pid(), signal.SIGKILL)
            load.wait_for(100)
    assert collector.terminate() == 0
    assert load.unexpected
    assert {answer.partition(" ")[0] for answer in load.unexpected} == {"503"}
    check_kept(database, load.acknowledged)


def test_r1_sees_a_collector_that_acknowledges_before_the_commit(
    start_collector: StartCollector, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(support, "COMMAND", [sys.executable, str(Path(__file__).with_name("early_ack.py"))])
    with Load() as load:
        collector = start_collector()
        load.aim(collector.port)
        # Something is committed, so what is missing is not all of it.
        wait_until(lambda: event_ids(database))
        collector.kill()
    assert missing(load.acknowledged, event_ids(database))
