"""R1 on PostgreSQL: kill -9 of a collector, and of the whole database server, at random moments under load.

Passes when: every acknowledged event_id is there exactly once, and what is counted beside it is right.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from load_support import Load, check_kept
from postgres_support import PostgresServer
from support import CollectorProcess

KILLS = 8
StartCollector = Callable[..., CollectorProcess]


@pytest.mark.long
@pytest.mark.sqlite  # The fixture below starts collectors on whatever it is given.
@pytest.mark.timeout(300)
def test_r1_kill_collectors_and_the_database_mid_load(start_collector: StartCollector) -> None:
    server = PostgresServer(durable=True)
    database = server.create()
    with Load() as load:
        steady = start_collector(database, RATE_LIMIT="off")
        for _ in range(KILLS):
            other = start_collector(database, RATE_LIMIT="off")
            load.aim(other.port, steady.port)
            time.sleep(random.uniform(0.05, 0.4))
            other.kill()
            other.close()
            load.aim(steady.port)
            time.sleep(random.uniform(0.05, 0.4))
            server.kill()
            load.wait_for_refusals(1)
            server.restart()
            load.wait_for(50)
    assert steady.terminate() == 0
    # While there is no database they are told to come again, and nothing else.
    assert {answer.partition(" ")[0] for answer in load.unexpected} == {"503"}
    assert len(load.acknowledged) > 100 * KILLS
    check_kept(database, load.acknowledged)
