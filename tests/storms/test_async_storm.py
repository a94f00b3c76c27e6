# SPDX-License-Identifier: Apache-2.0
"""Many tasks on one pool through failovers, and cancellations at any moment."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import commit_tasks
import pytest
from aurora_lab import Cluster, eventually

from aws_advanced_python_wrapper import errors
from aws_advanced_python_wrapper.aio import psycopg as face
from commit_ledger import Ledger, create_ledger, percentiles
from lab_help import user_environment

Times = Callable[[int, int], int]
Tell = Callable[[str], None]


async def off_loop(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, lambda: function(*args, **kwargs))


class Tasks:
    """The tasks of ``commit_tasks.py``, as this process hears of them."""

    def __init__(self, cluster: Cluster) -> None:
        self.heard: list[float] = []
        self.acknowledged = 0
        self.result: dict[str, Any] = {}
        self._process = subprocess.Popen(
            [sys.executable, commit_tasks.__file__, cluster.dsn()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=user_environment(),
        )
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Tasks:
        assert self._ready.wait(60), "the tasks did not begin"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(10)
        self._reader.join(10)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def stop(self) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(90) == 0
        self._reader.join(10)
        return self.result

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            if "heard" in told:
                self.heard.append(told["heard"])
            elif "acknowledged" in told:
                self.acknowledged = told["acknowledged"]
            elif "ready" in told:
                self._ready.set()
            else:
                self.result = told


@pytest.mark.parametrize("how", ["crash", "freeze", "planned"])
def test_every_commit_of_many_tasks_is_accounted_for(
    aurora_cluster: Cluster, times: Times, progress: Tell, record: Callable[..., None], how: str
) -> None:
    create_ledger(aurora_cluster)
    after_truth: list[float] = []
    rounds = times(2, 50 if how == "crash" else 15)
    with Tasks(aurora_cluster) as tasks:
        for number in range(rounds):
            progress(f"{number} of {rounds}")
            heard, done = len(tasks.heard), tasks.acknowledged
            failover = aurora_cluster.failover(how=how)
            for_all = heard + commit_tasks.CONNECTIONS
            eventually(lambda n=for_all: len(tasks.heard) >= n, within=60)
            enough = done + commit_tasks.TASKS
            eventually(lambda n=enough: tasks.acknowledged > n, within=60)
            after_truth.extend(at - failover.topology_published for at in tasks.heard[heard:])
            aurora_cluster.heal()
        told = tasks.stop()
    ledger = Ledger()
    ledger.acknowledged = set(told["acknowledged_keys"])
    ledger.unknown = set(told["unknown_keys"])
    ledger.refused = set(told["refused_keys"])
    result = ledger.check(aurora_cluster)
    gap = told["longest_gap_ms"]
    record(
        rounds=rounds,
        heard_after_truth_ms=percentiles(after_truth),
        longest_gap_of_heartbeat_ms=gap,
        **result,
    )
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
