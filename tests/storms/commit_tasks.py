# SPDX-License-Identifier: Apache-2.0
"""Many asyncio tasks that commit on one pool, in a process of their own: ``commit_tasks.py DSN``.

Prints lines of JSON: ``{"ready": true}``, then ``{"heard": time.monotonic()}`` for each failover
that a task hears of and ``{"acknowledged": count}`` for every 20 commits. When its standard input
ends it prints what its tasks were told of their keys, and the longest gap of a heartbeat that wants
to be called each millisecond.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from typing import Any

import psycopg
from heartbeat import Heartbeat
from psycopg_pool import AsyncConnectionPool

from aws_advanced_python_wrapper import errors
from aws_advanced_python_wrapper.aio import psycopg as face

TASKS = 200
CONNECTIONS = 4  # what a pool of psycopg has by default


def tell(**what: Any) -> None:
    print(json.dumps(what), flush=True)


class Tasks:
    """Tasks that commit one row after the other, each under a key of its own."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self.acknowledged: list[int] = []
        self.unknown: list[int] = []
        self.refused: list[int] = []
        self.stopping = False
        self._pool = pool
        self._keys = itertools.count(1)

    async def run(self) -> None:
        await asyncio.gather(*(self._work() for _ in range(TASKS)))

    async def _work(self) -> None:
        while not self.stopping:
            async with self._pool.connection() as connection:
                await self._write(connection, next(self._keys))

    async def _write(self, connection: Any, key: int) -> None:
        committing = False
        try:
            await connection.execute("INSERT INTO ledger VALUES (%s)", [key])
            committing = True
            await connection.commit()
            self.acknowledged.append(key)
            if len(self.acknowledged) % 20 == 0:
                tell(acknowledged=len(self.acknowledged))
        except errors.TransactionResolutionUnknownError:
            tell(heard=time.monotonic())
            (self.unknown if committing else self.refused).append(key)
        except errors.FailoverSuccessError:
            tell(heard=time.monotonic())
            self.refused.append(key)
        except psycopg.Error:
            self.refused.append(key)
            await connection.rollback()


async def main(dsn: str) -> None:
    loop = asyncio.get_running_loop()
    async with AsyncConnectionPool(
        dsn,
        connection_class=face.AsyncConnection,
        min_size=CONNECTIONS,
        max_size=CONNECTIONS,
        open=False,
        timeout=60,
    ) as pool:
        await pool.wait(30)
        tasks = Tasks(pool)
        heartbeat = Heartbeat()
        work = asyncio.create_task(tasks.run())
        tell(ready=True)
        await loop.run_in_executor(None, sys.stdin.read)
        tasks.stopping = True
        await asyncio.wait_for(work, 60)
    tell(
        acknowledged_keys=tasks.acknowledged,
        unknown_keys=tasks.unknown,
        refused_keys=tasks.refused,
        longest_gap_ms=heartbeat.longest_gap_ms,
    )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
