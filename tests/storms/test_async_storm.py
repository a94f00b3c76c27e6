# SPDX-License-Identifier: Apache-2.0
"""Many tasks on one pool through failovers, and cancellations at any moment."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from aurora_lab import Cluster, eventually
from psycopg_pool import AsyncConnectionPool

from aws_advanced_python_wrapper import errors
from aws_advanced_python_wrapper.aio import psycopg as face
from commit_ledger import Ledger, create_ledger, percentiles

Times = Callable[[int, int], int]
Tell = Callable[[str], None]
_TASKS = 200
_CONNECTIONS = 10


async def off_loop(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, lambda: function(*args, **kwargs))


class Tasks:
    """Tasks that commit one row after the other, each under a key of its own."""

    def __init__(self, pool: AsyncConnectionPool[Any], ledger: Ledger) -> None:
        self.heard: list[float] = []
        self._pool = pool
        self._ledger = ledger
        self._keys = itertools.count(1)
        self._stopping = False

    async def run(self) -> None:
        await asyncio.gather(*(self._work() for _ in range(_TASKS)))

    def stop(self) -> None:
        self._stopping = True

    async def _work(self) -> None:
        while not self._stopping:
            async with self._pool.connection() as connection:
                await self._write(connection, next(self._keys))

    async def _write(self, connection: Any, key: int) -> None:
        committing = False
        try:
            await connection.execute("INSERT INTO ledger VALUES (%s)", [key])
            committing = True
            await connection.commit()
            self._ledger.acknowledged.add(key)
        except errors.TransactionResolutionUnknownError:
            self.heard.append(time.monotonic())
            (self._ledger.unknown if committing else self._ledger.refused).add(key)
        except errors.FailoverSuccessError:
            self.heard.append(time.monotonic())
            self._ledger.refused.add(key)
        except psycopg.Error:
            self._ledger.refused.add(key)
            await connection.rollback()


@pytest.mark.parametrize("how", ["crash", "freeze", "planned"])
def test_every_commit_of_many_tasks_is_accounted_for(
    aurora_cluster: Cluster, times: Times, progress: Tell, record: Callable[..., None], how: str
) -> None:
    ledger = Ledger()
    create_ledger(aurora_cluster)
    after_truth: list[float] = []
    rounds = times(2, 50 if how == "crash" else 15)

    async def body() -> None:
        async with AsyncConnectionPool(
            aurora_cluster.dsn(),
            connection_class=face.AsyncConnection,
            min_size=_CONNECTIONS,
            max_size=_CONNECTIONS,
            open=False,
            timeout=60,
        ) as pool:
            await pool.wait(30)
            tasks = Tasks(pool, ledger)
            work = asyncio.create_task(tasks.run())
            for number in range(rounds):
                progress(f"{number} of {rounds}")
                await through_one_failover(tasks)
            tasks.stop()
            await asyncio.wait_for(work, 60)

    async def through_one_failover(tasks: Tasks) -> None:
        heard, done = len(tasks.heard), len(ledger.acknowledged)
        failover = await off_loop(aurora_cluster.failover, how=how)
        await off_loop(eventually, lambda: len(tasks.heard) >= heard + _CONNECTIONS, within=60)
        await off_loop(eventually, lambda: len(ledger.acknowledged) > done + _TASKS, within=60)
        after_truth.extend(at - failover.topology_published for at in tasks.heard[heard:])
        await off_loop(aurora_cluster.heal)

    asyncio.run(body())
    result = ledger.check(aurora_cluster)
    record(rounds=rounds, heard_after_truth_ms=percentiles(after_truth), **result)
    assert (result["lost"], result["doubled"], result["ghosts"]) == (0, 0, 0)
    assert result["acknowledged"] > 0


def test_cancellation_at_any_moment_leaves_nothing(
    aurora_cluster: Cluster, times: Times, progress: Tell, record: Callable[..., None]
) -> None:
    rounds = times(60, 1000)
    chance = random.Random(7)
    outcomes = dict.fromkeys(("cancelled", "done", "closed", "usable"), 0)

    async def statement(opened: list[Any]) -> None:
        connection = await face.connect(aurora_cluster.dsn())
        opened.append(connection)
        for _ in range(20):
            try:
                await connection.execute("SELECT pg_sleep(0.002)")
                await connection.commit()
            except errors.FailoverError:
                continue

    async def body() -> None:
        for number in range(rounds):
            progress(f"{number} of {rounds}")
            opened: list[Any] = []
            work = asyncio.create_task(statement(opened))
            if number % 20 == 10:
                fault = asyncio.create_task(off_loop(aurora_cluster.failover, how="crash"))
            await asyncio.wait([work], timeout=chance.uniform(0, 0.08))
            work.cancel()
            try:
                await asyncio.wait_for(asyncio.shield(work), 30)
                outcomes["done"] += 1
            except asyncio.CancelledError:
                outcomes["cancelled"] += 1
            if number % 20 == 10:
                await fault
                await off_loop(aurora_cluster.heal)
            for connection in opened:
                await leave(connection)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    async def leave(connection: Any) -> None:
        if connection.closed:
            outcomes["closed"] += 1
            return
        try:
            await connection.rollback()
            await connection.execute("SELECT 1")
        except errors.FailoverError:
            await connection.execute("SELECT 1")
        outcomes["usable"] += 1
        await connection.close()

    asyncio.run(body())
    record(rounds=rounds, **outcomes)
    assert outcomes["cancelled"] + outcomes["done"] == rounds
