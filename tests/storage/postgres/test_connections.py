"""Connections of PostgreSQL's storage, at the end."""

from __future__ import annotations

import asyncio

from levqor_errors.storage.postgres.connections import LoopConnections
from postgres_support import PostgresServer


def test_one_that_is_lent_at_the_end_is_closed_when_it_comes_back(postgres: PostgresServer) -> None:
    async def lend() -> tuple[bool, bool]:
        connections = LoopConnections(postgres.address)
        async with connections.lent() as connection:
            connections.close()
            usable = not connection.closed
        return usable, connection.closed

    assert asyncio.run(lend()) == (True, True)
