# SPDX-License-Identifier: Apache-2.0
"""What all faces are made of, on links without a server: opened, lost, replaced, cut off.

The blocking tests in ``test_wrapped.py`` are made of these, by ``tools/make_blocking.py``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from aws_advanced_python_wrapper import errors, release_resources
from aws_advanced_python_wrapper._core.waits import drive_async
from file_driver import FACE_ERRORS, Cluster, FileConnection, expect_cancellation, in_a_loop

SETTINGS = ["PRAGMA foreign_keys = ON", "PRAGMA recursive_triggers = ON"]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    yield Cluster(tmp_path / "storage")
    release_resources()


async def open_first_link(connection: FileConnection) -> None:
    await drive_async(connection.opening_steps())


async def open_one(cluster: Cluster, **properties: Any) -> FileConnection:
    connection = FileConnection(cluster, **properties)
    await open_first_link(connection)
    for setting in SETTINGS:
        await execute(connection, setting)
    await execute(connection, "COMMIT")
    return connection


async def execute(connection: FileConnection, sql: str) -> list[Any]:
    """A call as a face makes it."""
    await drive_async(connection.attend_steps())
    try:
        found = connection.run(sql).fetchall()
    except sqlite3.Error as error:
        await drive_async(connection.failure_steps(error))
        raise
    connection.end_call()
    return found


async def write(connection: FileConnection, n: int) -> None:
    await execute(connection, f"INSERT INTO marks VALUES ({n})")


@in_a_loop
async def test_lost_link_is_replaced_with_its_settings(cluster: Cluster) -> None:
    connection = await open_one(cluster)
    old = connection.link
    moved: list[FileConnection] = []
    connection._aws_on_move = moved.append
    cluster.fail_over(connection.link)
    with pytest.raises(FACE_ERRORS["FailoverSuccessError"]) as caught:
        await execute(connection, "SELECT 1")
    assert isinstance(caught.value, errors.FailoverSuccessError)
    assert isinstance(caught.value, sqlite3.OperationalError)
    assert caught.value.failover_report is connection.failover_report
    assert connection.failover_report is not None
    assert connection.failover_report.from_host == "instance-1"
    assert connection.failover_report.to_host == connection.current_host == "instance-2"
    assert moved == [connection]
    assert cluster.open_links == [connection.link]
    assert not old.is_open
    assert await execute(connection, "PRAGMA foreign_keys") == [(1,)]
    connection.close()
    assert cluster.open_links == []


@in_a_loop
async def test_transaction_that_was_open_is_told(cluster: Cluster) -> None:
    connection = await open_one(cluster)
    await write(connection, 1)
    await execute(connection, "COMMIT")
    await write(connection, 2)
    cluster.fail_over(connection.link)
    with pytest.raises(FACE_ERRORS["TransactionResolutionUnknownError"]) as caught:
        await write(connection, 3)
    assert not caught.value.outcome_known
    assert cluster.marks() == [1]
    await write(connection, 4)
    await execute(connection, "COMMIT")
    assert cluster.marks() == [1, 4]
    connection.close()


@in_a_loop
async def test_opening_that_is_cut_off_leaves_nothing(cluster: Cluster) -> None:
    for at in count():
        connection = FileConnection(cluster)
        connection.cut_off_at = at
        if not await expect_cancellation(partial(open_first_link, connection)):
            break
        assert cluster.open_links == []
        assert connection._aws_session is None
    assert at >= 2, "it opens a link, and asks it"
    assert cluster.open_links == [connection.link]
    connection.close()


@in_a_loop
async def test_failover_that_is_cut_off_leaves_the_connection_closed(cluster: Cluster) -> None:
    for at in count():
        connection = await open_one(cluster)
        await write(connection, at)
        cluster.fail_over(connection.link)
        connection.cut_off_at = at
        if not await expect_cancellation(partial(execute, connection, "SELECT 1")):
            break
        assert cluster.open_links == [], f"cut off at wait {at}"
        assert connection.is_closed
        assert connection.current_host is None
        assert connection.failover_report is None
        assert not connection._aws_moved
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            await execute(connection, "SELECT 1")
        cluster.writer = "instance-1"
        release_resources()
    assert at >= 3 + len(SETTINGS), "it waits for a writer, opens a link, asks it, and replays"
    assert cluster.marks() == []
    connection.close()


@in_a_loop
async def test_link_that_is_lost_in_the_replay_is_none(cluster: Cluster) -> None:
    connection = await open_one(cluster, failover_timeout_sec=0.2)
    cluster.fail_over(connection.link)
    cluster.failing.add("replay")
    with pytest.raises(FACE_ERRORS["FailoverFailedError"]):
        await execute(connection, "SELECT 1")
    assert connection.is_closed
    assert cluster.open_links == []


@in_a_loop
async def test_nobody_there_is_a_failover_that_failed(cluster: Cluster) -> None:
    connection = await open_one(cluster, failover_timeout_sec=0.2)
    cluster.fail_over(connection.link)
    cluster.failing.add("open")
    with pytest.raises(FACE_ERRORS["FailoverFailedError"]) as caught:
        await execute(connection, "SELECT 1")
    assert caught.value.failover_report.to_host is None
    assert "nobody there" in caught.value.failover_report.tried()
    assert connection.is_closed
    assert cluster.open_links == []


@in_a_loop
async def test_first_link_that_is_refused_is_the_drivers_error(cluster: Cluster) -> None:
    cluster.failing.add("open")
    connection = FileConnection(cluster)
    with pytest.raises(sqlite3.OperationalError, match="nobody there") as caught:
        await open_first_link(connection)
    assert type(caught.value) is sqlite3.OperationalError
    assert cluster.open_links == []
