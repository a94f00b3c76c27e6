# SPDX-License-Identifier: Apache-2.0
"""Connections that come by one address, behind which are several servers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aurora_lab import Cluster

from aws_advanced_python_wrapper import errors
from aws_advanced_python_wrapper import mysql_connector as mysql_face
from aws_advanced_python_wrapper import psycopg as face
from aws_advanced_python_wrapper.aio import mysql_connector as aio_mysql_face
from aws_advanced_python_wrapper.aio import psycopg as aio_face
from proxies import before, login


def test_connections_through_a_balancer_are_asked_where_they_are(aurora_cluster: Cluster) -> None:
    with before(aurora_cluster, *aurora_cluster.readers, port=aurora_cluster.port) as proxy:
        opened = [face.connect(**login(aurora_cluster, proxy)) for _ in range(4)]
        for connection in opened:
            row = connection.execute("SELECT aurora_db_instance_identifier()").fetchone()
            assert row == (connection.current_host,)
        assert {one.current_host for one in opened} == {one.id for one in aurora_cluster.readers}
        for connection in opened:
            connection.close()


def test_address_goes_before_the_name_of_an_instance(aurora_cluster: Cluster) -> None:
    """The name is what TLS checks; the balancer behind the address may lead to another one."""
    name = aurora_cluster.readers[0].endpoint
    with before(aurora_cluster, *aurora_cluster.readers, port=aurora_cluster.port) as proxy:
        arguments = {**login(aurora_cluster, proxy), "host": name, "hostaddr": proxy.host}
        opened = [face.connect(**arguments) for _ in range(4)]
        for connection in opened:
            row = connection.execute("SELECT aurora_db_instance_identifier()").fetchone()
            assert row == (connection.current_host,)
            connection.close()


def test_connection_by_an_address_is_asked_for_its_instance_alone(aurora_cluster: Cluster) -> None:
    """Once the cluster is known, that is one short question."""
    asked = []
    with before(aurora_cluster, *aurora_cluster.readers, port=aurora_cluster.port) as proxy:
        for _ in range(3):
            connection = face.connect(**login(aurora_cluster, proxy))
            assert connection.current_host is not None
            with aurora_cluster.connect(connection.current_host) as observer:
                row = observer.execute(
                    "SELECT query FROM pg_stat_activity WHERE pid = %s",
                    [connection.info.backend_pid],
                ).fetchone()
                assert row is not None
                asked.append(row[0])
            connection.close()
    first, *others = asked
    assert "aurora_replica_status" in first
    assert all("aurora_db_instance_identifier" in question for question in others)
    assert not any("aurora_replica_status" in question for question in others)


def test_server_behind_a_balancer_is_watched_itself(gated_cluster: Cluster) -> None:
    """Its monitor goes to it, and not through the balancer to the other one."""
    quick = {
        "failure_detection_time_ms": 200,
        "failure_detection_interval_ms": 200,
        "failure_detection_count": 2,
        "suspect_after_ms": 100,
        "failover_mode": "strict_reader",
    }
    with before(gated_cluster, *gated_cluster.readers, port=gated_cluster.port) as proxy:
        opened = [
            face.connect(**login(gated_cluster, proxy), **quick) for _ in gated_cluster.readers
        ]
        frozen, other = opened
        assert frozen.current_host is not None
        gated_cluster.gate(frozen.current_host).freeze()
        assert other.execute("SELECT 1 FROM pg_sleep(1)").fetchone() == (1,)
        lost = frozen.current_host
        with pytest.raises(errors.FailoverSuccessError):
            frozen.execute("SELECT pg_sleep(60)")
        assert frozen.current_host != lost
        for connection in opened:
            connection.close()


@pytest.mark.parametrize("use_pure", [True, False])
def test_mysql_connections_through_a_balancer_are_asked_where_they_are(
    mysql_cluster: Cluster, use_pure: bool
) -> None:
    with before(mysql_cluster, *mysql_cluster.readers, port=mysql_cluster.port) as proxy:
        arguments = login(mysql_cluster, proxy, "database")
        opened = [
            mysql_face.connect(wrapper_dialect="aurora-mysql", use_pure=use_pure, **arguments)
            for _ in range(4)
        ]
        for connection in opened:
            row = connection.execute("SELECT @@aurora_server_id").fetchone()
            assert row == (connection.current_host,)
        assert {one.current_host for one in opened} == {one.id for one in mysql_cluster.readers}
        for connection in opened:
            connection.close()


def test_awaited_connections_through_a_balancer_are_asked_where_they_are(
    aurora_cluster: Cluster,
) -> None:
    async def body(arguments: dict[str, Any]) -> None:
        opened = [await aio_face.connect(**arguments) for _ in range(4)]
        for connection in opened:
            cursor = await connection.execute("SELECT aurora_db_instance_identifier()")
            assert await cursor.fetchone() == (connection.current_host,)
        assert {one.current_host for one in opened} == {one.id for one in aurora_cluster.readers}
        for connection in opened:
            await connection.close()

    with before(aurora_cluster, *aurora_cluster.readers, port=aurora_cluster.port) as proxy:
        asyncio.run(body(login(aurora_cluster, proxy)))


def test_awaited_mysql_connections_are_asked_where_they_are(mysql_cluster: Cluster) -> None:
    async def body(arguments: dict[str, Any]) -> None:
        opened = [await aio_mysql_face.connect(**arguments) for _ in range(4)]
        for connection in opened:
            cursor = await connection.cursor()
            await cursor.execute("SELECT @@aurora_server_id")
            assert await cursor.fetchone() == (connection.current_host,)
        assert {one.current_host for one in opened} == {one.id for one in mysql_cluster.readers}
        for connection in opened:
            await connection.close()

    with before(mysql_cluster, *mysql_cluster.readers, port=mysql_cluster.port) as proxy:
        arguments = login(mysql_cluster, proxy, "database")
        # Without TLS the driver for asyncio fails at a server that has none, unless it is told.
        asyncio.run(body({**arguments, "wrapper_dialect": "aurora-mysql", "ssl_disabled": True}))
