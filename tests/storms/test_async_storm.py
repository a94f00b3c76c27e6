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
import heartbeat
import mysql.connector
import psycopg
import pytest
from aurora_lab import Cluster, eventually

from async_help import connected_sockets, nothing_is_left, off_loop
from aws_advanced_python_wrapper import errors
from aws_advanced_python_wrapper.aio import mysql_connector as mysql_face
from aws_advanced_python_wrapper.aio import psycopg as face
from commit_ledger import Ledger, create_ledger, percentiles
from lab_help import user_environment

Times = Callable[[int, int], int]
Tell = Callable[[str], None]


async def ask(connection: Any, sql: str) -> None:
    if isinstance(connection, psycopg.AsyncConnection):
        await connection.execute(sql)
    else:
        cursor = await connection.cursor()
        await cursor.execute(sql)
        await cursor.fetchall()


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
    alone = subprocess.Popen(
        [sys.executable, heartbeat.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=user_environment(),
    )
    with alone, Tasks(aurora_cluster) as tasks:
        for number in range(rounds):
            progress(f"{number} of {rounds}")
            heard, done = len(tasks.heard), tasks.acknowledged
            failover = aurora_cluster.failover(how=how)
            # Not of all: a connection that lay in the pool at that moment moves without an error.
            eventually(lambda n=heard: len(tasks.heard) > n, within=60)
            enough = done + 2 * commit_tasks.TASKS
            eventually(lambda n=enough: tasks.acknowledged > n, within=60)
            after_truth.extend(at - failover.topology_published for at in tasks.heard[heard:])
            aurora_cluster.heal()
        told = tasks.stop()
        gap_alone = float(alone.communicate(timeout=10)[0])
    ledger = Ledger()
    ledger.acknowledged = set(told["acknowledged_keys"])
    ledger.unknown = set(told["unknown_keys"])
    ledger.refused = set(told["refused_keys"])
    result = ledger.check(aurora_cluster)
    record(
        rounds=rounds,
        heard_after_truth_ms=percentiles(after_truth),
        longest_gap_of_heartbeat_ms=told["longest_gap_ms"],
        longest_gap_of_heartbeat_alone_ms=gap_alone,
        **result,
    )
    assert (result["lost"], result["doubled"], result["ghosts"]) == ({}, 0, 0)
    assert result["acknowledged"] > 0


@pytest.mark.parametrize("driver", ["psycopg", "mysql"])
def test_cancellation_at_any_moment_leaves_nothing(
    request: pytest.FixtureRequest,
    times: Times,
    progress: Tell,
    record: Callable[..., None],
    driver: str,
) -> None:
    is_mysql = driver == "mysql"
    cluster = request.getfixturevalue("mysql_cluster" if is_mysql else "aurora_cluster")
    sleep = "SELECT SLEEP(0.002)" if is_mysql else "SELECT pg_sleep(0.002)"
    rounds = times(60, 1000)
    chance = random.Random(7)
    outcomes = dict.fromkeys(("cancelled", "done", "refused", "closed", "usable"), 0)

    async def statement(opened: list[Any]) -> None:
        # Without TLS mysql-connector's asyncio fails at a server that has none, unless told.
        try:
            connection: Any = await (
                mysql_face.connect(cluster.dsn(), ssl_disabled=True)
                if is_mysql
                else face.connect(cluster.dsn())
            )
        except (psycopg.OperationalError, mysql.connector.Error, OSError):
            outcomes["refused"] += 1  # by a server that was just then crashing
            return
        opened.append(connection)
        for _ in range(20):
            try:
                await ask(connection, sleep)
                await connection.commit()
            except errors.FailoverError:
                continue

    async def body() -> None:
        before = connected_sockets()
        for number in range(rounds):
            progress(f"{number} of {rounds}")
            opened: list[Any] = []
            work = asyncio.create_task(statement(opened))
            if number % 20 == 10:
                fault = asyncio.create_task(off_loop(cluster.failover, how="crash"))
            await asyncio.wait([work], timeout=chance.uniform(0, 0.08))
            work.cancel()
            try:
                await asyncio.wait_for(asyncio.shield(work), 30)
                outcomes["done"] += 1
            except asyncio.CancelledError:
                outcomes["cancelled"] += 1
            if number % 20 == 10:
                await fault
                await off_loop(cluster.heal)
            for connection in opened:
                await leave(connection)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await nothing_is_left(before)

    async def leave(connection: Any) -> None:
        if connection.closed:
            outcomes["closed"] += 1
            return
        try:
            await connection.rollback()
            await ask(connection, "SELECT 1")
        except errors.FailoverError:
            await ask(connection, "SELECT 1")
        outcomes["usable"] += 1
        await connection.close()

    asyncio.run(body())
    record(rounds=rounds, **outcomes)
    assert outcomes["cancelled"] + outcomes["done"] == rounds
